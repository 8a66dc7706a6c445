"""Which pictures the report shows, by rules that are the same for everybody."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np

from cellwright.pipeline.large_plane import LARGE_PIXELS
from cellwright.pipeline.outcome import Outcome

__all__ = ["LARGE_SHOWN", "Shown", "choose_shown", "choose_viewed"]

# More conditions than this would make a page that nobody scrolls through.
_MOST_CONDITIONS = 12
LARGE_SHOWN = 1024
"""Side of the part that is shown of a picture that is worked on block by block, in pixels."""
MOST_VIEWED = 100
"""Pictures or frames that can be looked at cell by cell: more would make the page heavy."""
MOST_CELLS = 100_000
"""Cells in all of them."""


@dataclass(frozen=True)
class Shown:
    """A frame to be shown, and why."""

    outcome: Outcome
    frame: int
    role: str
    caption: str


def choose_shown(outcomes: Sequence[Outcome]) -> list[Shown]:
    """Choose the worst, the median and the best picture, and a typical one per condition.

    Pictures are ranked by their quality verdict, then by how well the outlines part the
    picture into bright and dark (the column ``separation``). Typical of a condition is the
    picture with the median count. Of a movie, the middle frame is shown.
    """
    usable = [o for o in outcomes if o.failure is None and o.frames]
    if not usable:
        return []
    ranked = sorted(usable, key=_goodness)
    chosen: dict[str, Shown] = {}

    def show(outcome: Outcome, role: str, caption: str) -> None:
        if outcome.picture.image not in chosen:
            frame = (len(outcome.frames) - 1) // 2
            chosen[outcome.picture.image] = Shown(outcome, frame, role, caption)

    show(ranked[0], "worst", _caption(ranked[0]))
    show(ranked[len(ranked) // 2], "median", _caption(ranked[len(ranked) // 2]))
    show(ranked[-1], "best", _caption(ranked[-1]))
    conditions = list(dict.fromkeys(o.picture.condition for o in usable if o.picture.condition))
    for condition in conditions[:_MOST_CONDITIONS]:
        own = sorted(
            (o for o in usable if o.picture.condition == condition),
            key=lambda o: (o.n_cells, o.picture.image),
        )
        typical = own[(len(own) - 1) // 2]
        show(typical, f"typical of {condition}", _caption(typical))
    return list(chosen.values())


def _goodness(outcome: Outcome) -> tuple[int, float, str]:
    verdict = {"fail": 0, "warn": 1}.get(outcome.quality, 2)
    parted = [steps["measure"].facts["separation"] or 0.0 for steps in outcome.frames]
    return verdict, sum(parted) / len(parted), outcome.picture.image


def _caption(outcome: Outcome) -> str:
    header = outcome.picture.header
    if header is None or not _is_large(outcome):
        return outcome.reason
    part = f"the middle {LARGE_SHOWN:,} of {header.size('X'):,} × {header.size('Y'):,} pixels"
    return "; ".join(text for text in (part, outcome.reason) if text)


def choose_viewed(outcomes: Sequence[Outcome]) -> list[Shown]:
    """Choose pictures whose cells can be looked at one by one: all, where there are few.

    Of more than `MOST_VIEWED`, or with more than `MOST_CELLS` cells, the conditions are dealt
    from in turn, each its pictures evenly over their order. Of movies, as many frames as there
    is room for, evenly over time.
    """
    usable = [o for o in outcomes if o.failure is None and o.frames]
    each = max(1, MOST_VIEWED // len(usable)) if usable else 1
    chosen: list[Shown] = []
    cells = 0
    for outcome in _in_turn(usable):
        for frame in _spread(len(outcome.frames), each):
            cells += _n_viewed(outcome, frame)
            if chosen and (len(chosen) == MOST_VIEWED or cells > MOST_CELLS):
                return _in_order(chosen, usable)
            chosen.append(Shown(outcome, frame, "", _caption(outcome)))
    return _in_order(chosen, usable)


def _n_viewed(outcome: Outcome, frame: int) -> int:
    """Cells in what is shown of a frame."""
    n_cells = int(outcome.frames[frame]["measure"].facts["n_cells"])
    return round(n_cells * LARGE_SHOWN**2 / _n_pixels(outcome)) if _is_large(outcome) else n_cells


def _n_pixels(outcome: Outcome) -> int:
    header = outcome.picture.header
    return header.size("Y") * header.size("X") if header is not None else 0


def _is_large(outcome: Outcome) -> bool:
    return _n_pixels(outcome) >= LARGE_PIXELS


def _in_turn(usable: Sequence[Outcome]) -> Iterator[Outcome]:
    """One of each condition, then the next of each, evenly over the order of the pictures."""
    by_condition: dict[str, list[Outcome]] = {}
    for outcome in usable:
        by_condition.setdefault(outcome.picture.condition, []).append(outcome)
    hands = [
        [own[place] for place in _spread(len(own), MOST_VIEWED)] for own in by_condition.values()
    ]
    if len(usable) > MOST_VIEWED:
        room = -(-MOST_VIEWED // len(hands))
        hands = [[hand[place] for place in _spread(len(hand), room)] for hand in hands]
    for row in zip_longest(*hands):
        yield from (outcome for outcome in row if outcome is not None)


def _spread(n: int, most: int) -> list[int]:
    """At most `most` of n places, evenly."""
    if n <= most:
        return list(range(n))
    return [int(place) for place in (np.arange(most) + 0.5) * n / most]


def _in_order(chosen: Sequence[Shown], usable: Sequence[Outcome]) -> list[Shown]:
    place = {outcome.picture.image: number for number, outcome in enumerate(usable)}
    return sorted(chosen, key=lambda item: (place[item.outcome.picture.image], item.frame))
