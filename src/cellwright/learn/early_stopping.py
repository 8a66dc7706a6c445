"""Which pictures tell when a training is to end: not those that are scored, if there are enough."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from cellwright.datasets.example import Example
from cellwright.learn.holding_out import parted
from cellwright.learn.pictures import Picture

__all__ = ["put_aside"]

SHARE = 0.1
"""Of the pictures that would be learnt from, those that are put aside to tell when to end."""

LEAST_GROUPS = 20
"""With fewer groups to learn from none is put aside. One group would be a tenth of what there is
to learn from, or more, and when to end would be told by it alone."""


def put_aside(
    fresh: Sequence[Example],
    pictures: Mapping[str, Picture],
    held_out: Sequence[Collection[str]],
) -> tuple[tuple[str, ...], ...]:
    """Choose the pictures that tell when each run of a training is to end.

    Parameters
    ----------
    fresh
        Examples that the training does not begin with knowledge of: others are found well from
        the first step on, and tell nothing.
    pictures
        By name. Groups without any object tell nothing, and are learnt from.
    held_out
        Of each run the names that are scored.

    Returns
    -------
    tuple of tuple of str
        Of each run the names that it does not learn from, whole groups of them; empty where there
        are too few groups.
    """
    drawn = {one.group for one in fresh if pictures[one.name].labels.any()}
    able = [one for one in fresh if one.group in drawn]
    return tuple(_tenth([one for one in able if one.name not in held]) for held in held_out)


def _tenth(examples: Sequence[Example]) -> tuple[str, ...]:
    if len({one.group for one in examples}) < LEAST_GROUPS:
        return ()
    found = parted(examples, SHARE, "looks")[1]
    if not found:  # few pictures of each kind: some of all
        found = parted([replace(one, kind="") for one in examples], SHARE, "looks")[1]
    return tuple(one.name for one in found)
