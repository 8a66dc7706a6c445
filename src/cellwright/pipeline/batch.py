"""What shows only beside the other pictures: duplicates, and channels in another order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from cellwright.pipeline.outcome import Outcome
from cellwright.quality.channel_order import find_swapped
from cellwright.quality.duplicates import Entry, find_duplicates

__all__ = ["beside_the_others"]


def beside_the_others(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Give each picture the warnings that come of comparing it with the others."""
    said: dict[str, list[str]] = {}
    for duplicate in find_duplicates(_entries(outcomes)):
        for image in duplicate.images:
            said.setdefault(image, []).append(duplicate.reason)
    for swapped in find_swapped(_profiles(outcomes)):
        said.setdefault(swapped.image, []).append(swapped.reason)
    return [
        replace(outcome, batch_warnings=tuple(said[outcome.picture.image]))
        if outcome.picture.image in said
        else outcome
        for outcome in outcomes
    ]


def _looked_at(outcome: Outcome) -> list[int]:
    """First, middle and last frame: two copies of a movie share all three."""
    n = len(outcome.frames)
    return sorted({0, (n - 1) // 2, n - 1}) if n and outcome.failure is None else []


def _entries(outcomes: Sequence[Outcome]) -> list[Entry]:
    entries = []
    for outcome in outcomes:
        for frame in _looked_at(outcome):
            hashes = outcome.frames[frame]["planes"].facts["hashes"]
            together = " ".join(hashes.values())  # of a colour picture, which has one signature
            entries += [
                Entry(outcome.picture.image, frame, name, hashes.get(name, together), text)
                for name, text in outcome.frames[frame]["quality"].facts["signatures"].items()
            ]
    return entries


def _profiles(
    outcomes: Sequence[Outcome],
) -> list[tuple[str, Mapping[str, list[float]]]]:
    return [
        (outcome.picture.image, dict(outcome.frames[0]["quality"].facts["profiles"]))
        for outcome in outcomes
        if _looked_at(outcome) and outcome.frames[0]["quality"].facts["profiles"]
    ]
