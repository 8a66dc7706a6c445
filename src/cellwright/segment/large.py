"""Objects of a plane on disk: decoded where each can be seen whole, and joined.

All that decides about an object lies in the connected component of the mask that it is a part
of. So each component is decoded in one window: that of the core which holds the corner of its
bounding box, if it lies wholly in there, else one of its own. What comes out is the same as of
the plane at once.

Only a component that is too large for memory (a closed sheet of cells) is decoded core by core,
each with a margin. Then two objects on either side of a seam are one if, along most of their
common seam, the blocks on both sides see its two sides as one object.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy import ndimage

from cellwright.core.image import Array
from cellwright.segment.blocks import Grid, Window, labels_on_open_sides
from cellwright.segment.components import EIGHT, Components, components_of

__all__ = ["LARGEST", "Decode", "Take", "decode_in_blocks"]

LARGEST = 4096**2
"""Pixels of a component's own window, at the most: 17 million, decoded in under a gigabyte."""

SHEET_MARGIN = 256
"""Pixels around a core in which a component too large for one window is decoded."""


class Decode(Protocol):
    """Makes objects of components of the mask."""

    def __call__(self, window: Window, mask: Array, others: Array) -> Array:
        """Decode some of the components in a window.

        Parameters
        ----------
        window
            Where.
        mask
            (Y, X) bool, the components to be decoded.
        others
            (Y, X) bool, all other components and parts of them.

        Returns
        -------
        Array
            (Y, X) integers, 0 is background, numbers with gaps. They may only depend on what
            the plane is like near the component.
        """
        ...


class Take(Protocol):
    """Takes decoded objects."""

    def __call__(self, window: Window, labels: Array, within: Array | None) -> Array | None:
        """Take the objects of a window; each pixel of the plane comes once.

        Parameters
        ----------
        window
            Where.
        labels
            Of `Decode`.
        within
            (Y, X) bool, to which pixels that counts; None: to all. Objects reach beyond it
            where their component was too large for one window.

        Returns
        -------
        Array or None
            From each label its number in the plane, 0 for those that have no pixel `within`;
            None if objects are not to be joined.
        """
        ...


def decode_in_blocks(
    mask: Array,
    grid: Grid,
    decode: Decode,
    take: Take,
    *,
    margin: int,
    each: Callable[[int], None],
    largest: int = LARGEST,
) -> tuple[list[Array], int]:
    """Decode every component of a mask, once.

    Parameters
    ----------
    mask
        (Y, X) bool of the whole plane, mapped from disk.
    grid
        Of the plane.
    decode, take
        What makes objects, and what becomes of them.
    margin
        Pixels that windows reach beyond their core below and on the right; components that
        need more get a window of their own, so that this changes the time, never the result.
    each
        Called with the number of each core when it is done.
    largest
        Pixels of a component's own window, at the most.

    Returns
    -------
    pairs : list of Array
        (n, 2) numbers, as `take` gave them, of parts of one object.
    sheets : int
        How many components were too large for one window.
    """
    work = _Work(mask, grid, decode, take)
    found = components_of(lambda window: mask[window.slices], grid, EIGHT, located=True)
    alone = np.array(
        [not _fits(box, _window(grid, box, margin), grid.shape) for box in found.boxes], bool
    )
    own = [Window(*map(int, box)).grown(grid.shape, 1) for box in found.boxes]
    sheet = alone & np.array([window.size > largest for window in own], bool)
    seams = _SheetSeams(grid)
    for index, core in enumerate(grid):
        work.decode_core(core, core.grown(grid.shape, margin, 1))
        if sheet.any():
            work.decode_sheets(index, found, sheet, seams)
        each(index)
    for number in np.flatnonzero(alone & ~sheet):
        work.decode_alone(own[number], found.places[number])
    return seams.pairs, int(np.count_nonzero(sheet))


def _window(grid: Grid, box: Array, margin: int) -> Window:
    """Window of the core in which a component is decoded, if it fits."""
    return grid[grid.index_at(int(box[0]), int(box[1]))].grown(grid.shape, margin, 1)


def _fits(box: Array, window: Window, shape: tuple[int, int]) -> bool:
    """Whether a box that begins in a window's core ends before the window's open sides."""
    return bool(
        (box[2] < window.bottom or window.bottom == shape[0])
        and (box[3] < window.right or window.right == shape[1])
    )


@dataclass(frozen=True, eq=False)
class _Work:
    """What is decoded, how, and for whom."""

    mask: Array
    grid: Grid
    decode: Decode
    take: Take

    def decode_core(self, core: Window, window: Window) -> None:
        """Decode the components whose bounding box begins in the core and ends in the window."""
        inside = self.mask[window.slices]
        if not inside.any():
            return
        labels, count = ndimage.label(inside, EIGHT)
        own = np.zeros(count + 1, bool)
        down, right = core.within(window)
        own[1:] = [
            down.start <= rows.start < down.stop and right.start <= columns.start < right.stop
            for rows, columns in ndimage.find_objects(labels)
        ]
        own[labels_on_open_sides(labels, window, self.grid.shape)] = False
        if own.any():
            chosen = own[labels]
            self.take(window, self.decode(window, chosen, inside & ~chosen), None)

    def decode_alone(self, window: Window, place: Array) -> None:
        """Decode the component that holds a place, in a window that holds all of it."""
        inside = self.mask[window.slices]
        labels, _ = ndimage.label(inside, EIGHT)
        chosen = labels == labels[place[0] - window.top, place[1] - window.left]
        self.take(window, self.decode(window, chosen, inside & ~chosen), None)

    def decode_sheets(
        self, index: int, found: Components, sheet: Array, seams: _SheetSeams
    ) -> None:
        """Decode what a core holds of components that are too large for one window."""
        core = self.grid[index]
        if not sheet[found.parts[index][1]].any():
            return
        labels, count = ndimage.label(self.mask[core.slices], EIGHT)
        numbers = found.in_core(index, count)
        of_sheet = ((numbers >= 0) & sheet[numbers])[labels]
        window = core.grown(self.grid.shape, SHEET_MARGIN)
        inside = self.mask[window.slices]
        around, _ = ndimage.label(inside, EIGHT)
        chosen = np.isin(around, np.unique(around[core.within(window)][of_sheet]))
        within = np.zeros(window.shape, bool)
        within[core.within(window)] = of_sheet | ~self.mask[core.slices]
        objects = self.decode(window, chosen, inside & ~chosen)
        given = self.take(window, objects, within)
        if given is not None:
            seams.add(index, window, objects, given)


@dataclass(frozen=True, eq=False)
class _Side:
    """Objects along one side of a core: their numbers, and whether they go on across the seam."""

    numbers: Array
    crosses: Array


class _SheetSeams:
    """Finds the parts of one object on either side of the seams, while cores come by rows."""

    def __init__(self, grid: Grid) -> None:
        self.pairs: list[Array] = []
        self._grid = grid
        self._right: dict[int, _Side] = {}
        self._bottom: dict[int, _Side] = {}

    def add(self, index: int, window: Window, objects: Array, given: Array) -> None:
        """Compare a core with those on its left and above; `objects` are those of its window."""
        core = self._grid[index]
        rows, columns = core.within(window)
        up, before, down, after = core.open_sides(self._grid.shape)
        if before:
            left = _side(objects[rows, columns.start], objects[rows, columns.start - 1], given)
            self._join(self._right.pop(index - 1, None), left)
        if up:
            top = _side(objects[rows.start, columns], objects[rows.start - 1, columns], given)
            self._join(self._bottom.pop(index - self._grid.columns, None), top)
        if after:
            last = columns.stop - 1
            self._right[index] = _side(objects[rows, last], objects[rows, last + 1], given)
        if down:
            last = rows.stop - 1
            self._bottom[index] = _side(objects[last, columns], objects[last + 1, columns], given)

    def _join(self, one: _Side | None, other: _Side) -> None:
        if one is None:
            return
        touching = (one.numbers > 0) & (other.numbers > 0)
        if not touching.any():
            return
        both = np.stack([one.numbers[touching], other.numbers[touching]], axis=1)
        pairs, back = np.unique(both, axis=0, return_inverse=True)
        agreed = (one.crosses & other.crosses)[touching]
        votes = np.bincount(back.ravel(), np.where(agreed, 1, -1), len(pairs))
        if (votes > 0).any():
            self.pairs.append(pairs[votes > 0])


def _side(here: Array, there: Array, given: Array) -> _Side:
    return _Side(given[here].astype(np.int64), (here == there) & (here > 0))
