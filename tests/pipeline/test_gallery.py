"""Which pictures can be looked at cell by cell."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from cellwright.pipeline.gallery import MOST_CELLS, MOST_VIEWED, choose_viewed
from cellwright.pipeline.outcome import Outcome


def outcome(name: str, condition: str = "", *, frames: int = 1, n_cells: int = 10) -> Outcome:
    step = {"measure": SimpleNamespace(facts={"n_cells": n_cells})}
    picture = SimpleNamespace(image=name, condition=condition, header=None)
    made: Any = SimpleNamespace(picture=picture, failure=None, frames=[step] * frames, reason="")
    return cast("Outcome", made)


def shown(outcomes: list[Outcome]) -> list[tuple[str, int]]:
    return [(one.outcome.picture.image, one.frame) for one in choose_viewed(outcomes)]


def test_few_pictures_are_all_shown_in_their_order() -> None:
    assert shown([outcome(name, name) for name in "cab"]) == [("c", 0), ("a", 0), ("b", 0)]


def test_of_many_each_condition_gives_as_many_evenly() -> None:
    outcomes = [outcome(f"{n:04}", "rare" if n % 10 == 0 else "common") for n in range(1000)]
    found = [int(name) for name, _ in shown(outcomes)]
    assert len(found) == MOST_VIEWED
    assert found == sorted(found)
    assert sum(n % 10 == 0 for n in found) == MOST_VIEWED // 2
    assert min(found) < 50
    assert max(found) > 950


def test_frames_of_movies_are_spread_over_time() -> None:
    frames = [frame for _, frame in shown([outcome("movie", frames=1000)])]
    assert len(frames) == MOST_VIEWED
    assert frames[:2] == [5, 15]
    assert len(shown([outcome(name, frames=300) for name in "abc"])) <= MOST_VIEWED


def test_too_many_cells_end_the_choice_but_one_picture_is_always_there() -> None:
    assert len(shown([outcome(str(n), n_cells=MOST_CELLS // 4) for n in range(9)])) == 4
    assert len(shown([outcome("large", n_cells=10 * MOST_CELLS)])) == 1


def test_nothing_usable_shows_nothing() -> None:
    assert shown([]) == []
