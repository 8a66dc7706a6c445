"""Which pictures are shown."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellwright.core.errors import UsageError
from cellwright.evaluation.gallery import choose_pictures
from cellwright.evaluation.picture import PictureScore


def scored(image: str, value: float, *, cells: int = 5) -> PictureScore:
    return PictureScore(image, {"n_true": cells, "n_found": cells, "pq": value})


@given(st.lists(st.floats(0, 1), max_size=40), st.integers(1, 5))
def test_nobody_is_shown_twice_and_the_order_holds(values: list[float], each: int) -> None:
    pictures = [scored(f"{i:02}", value) for i, value in enumerate(values)]
    value_of = {picture.image: picture["pq"] for picture in pictures}
    chosen = choose_pictures(pictures, "pq", each)
    every = [*chosen.worst, *chosen.median, *reversed(chosen.best)]
    assert len(set(every)) == len(every) == min(len(values), 3 * each)
    assert [value_of[image] for image in every] == sorted(value_of[image] for image in every)
    assert choose_pictures(pictures[::-1], "pq", each) == chosen
    ordered = sorted(values)
    assert [value_of[image] for image in chosen.worst] == ordered[: len(chosen.worst)]
    assert [value_of[image] for image in chosen.best] == ordered[::-1][: len(chosen.best)]


def test_the_median_is_in_the_middle() -> None:
    pictures = [scored(f"{i:03}", i / 101) for i in range(101)]
    assert choose_pictures(pictures, "pq").median == ("048", "049", "050", "051")


@pytest.mark.parametrize(
    ("n", "sizes"),
    [(0, (0, 0, 0)), (1, (1, 0, 0)), (2, (1, 0, 1)), (3, (1, 1, 1)), (7, (3, 2, 2))],
)
def test_few_pictures(n: int, sizes: tuple[int, int, int]) -> None:
    chosen = choose_pictures([scored(str(i), i / 9) for i in range(n)], "pq")
    assert (len(chosen.worst), len(chosen.median), len(chosen.best)) == sizes


def test_pictures_that_show_nothing_are_left_out() -> None:
    pictures = [scored("empty", 1, cells=0), scored("none", math.nan), scored("shown", 0.5)]
    chosen = choose_pictures(pictures, "pq")
    assert (chosen.worst, chosen.median, chosen.best, chosen.ranked) == (("shown",), (), (), 1)


def test_an_unknown_score_is_refused() -> None:
    with pytest.raises(UsageError, match="no score 'beauty'"):
        choose_pictures([scored("a", 1)], "beauty")
