"""Objects of a plane on disk, collected window by window; see `numbering`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cellwright.core.image import Array
from cellwright.segment.blocks import Window
from cellwright.segment.components import joined
from cellwright.segment.haze import LARGE_SHARE
from cellwright.segment.numbering import areas, first_places, least_area, numbers_by_place

__all__ = ["Collected"]


class Collected:
    """Objects with numbers that are to be changed, when all of them are known.

    Parameters
    ----------
    plane
        (Y, X) uint32 zeros, mapped from disk; gets the numbers that they have at first.

    Attributes
    ----------
    areas
        Pixels of each object; 0 at position 0.
    first
        Place of its first pixel, counted by rows.
    kept
        Which of them are to be left.
    """

    def __init__(self, plane: Array) -> None:
        self._plane = plane
        self._count = 0
        self._areas = [np.zeros(1, np.int64)]
        self._first = [np.full(1, plane.size, np.int64)]
        self._object = np.zeros(1, np.int64)
        self.areas = self.first = np.zeros(1, np.int64)
        self.kept = np.zeros(1, bool)
        self._numbers = np.zeros(1, np.uint32)

    def take(self, window: Window, labels: Array, within: Array | None) -> Array | None:
        """Take the objects of a window; see `large.Take`."""
        counted = labels if within is None else np.where(within, labels, 0)
        size = areas(counted)
        size[0] = 0
        present = np.flatnonzero(size)
        numbers = np.zeros(int(labels.max(initial=0)) + 1, np.uint32)
        numbers[present] = self._count + 1 + np.arange(present.size)
        self._count += present.size
        row, column = np.divmod(first_places(counted)[present], window.shape[1])
        self._areas.append(size[present])
        self._first.append((window.top + row) * self._plane.shape[1] + window.left + column)
        inside = counted > 0
        self._plane[window.slices][inside] = numbers[counted[inside]]
        return None if within is None else numbers

    def join(self, pairs: list[Array]) -> None:
        """Make one object of parts; after the last window, once.

        Parameters
        ----------
        pairs
            (n, 2) numbers that `take` gave.
        """
        self._object = joined(self._count + 1, pairs)
        count = int(self._object.max()) + 1
        self.areas = np.zeros(count, np.int64)
        np.add.at(self.areas, self._object, np.concatenate(self._areas))
        self.first = np.full(count, self._plane.size, np.int64)
        np.minimum.at(self.first, self._object, np.concatenate(self._first))
        self.kept = self.areas > 0

    def large(self) -> Array:
        """Objects that may be haze."""
        return np.flatnonzero(self.kept & (self.areas >= LARGE_SHARE * self._plane.size))

    def member(self, number: int) -> Callable[[Window], Array]:
        """Give what gives the pixels of an object in a window, (Y, X) bool."""
        parts = self._object == number
        return lambda window: parts[self._plane[window.slices]]

    def without_small(self, least: float | None, floor: float) -> tuple[float, int]:
        """Take out objects of less than an area, and number the others for good.

        See `numbering.without_small`.
        """
        least = least_area(self.areas[self.kept], least, floor)
        small = self.kept & (self.areas < least)
        self.kept &= ~small
        self._numbers = numbers_by_place(self.first, self.kept)[self._object]
        return least, int(small.sum())

    def block(self, window: Window) -> Array:
        """(Y, X) uint32 of a window, numbered from 1 by rows of the plane; 0 for what went."""
        numbered: Array = self._numbers[self._plane[window.slices]]
        return numbered
