"""Holes: ground that objects enclose.

A small hole is a part of the object around it: a nucleolus, a vacuole, a dim middle. A large
one may be that, or the space in the midst of a ring of cells; which of the two shows when the
ring is parted.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from scipy import ndimage

from cellwright.core.image import Array
from cellwright.segment.object_size import distance_inside, typical_diameter

__all__ = ["Holed", "HoledMask", "fill_small", "fill_small_holes", "fill_within_objects"]


class Holed(Protocol):
    """A mask that may have holes."""

    def hole_areas(self) -> Array:
        """Area of each piece of the ground that does not reach the picture's frame."""
        ...

    def typical_diameter(self) -> float:
        """Of the objects in the mask as it is now; see `object_size.typical_diameter`."""
        ...

    def fill_holes(self, most: float) -> None:
        """Make holes of up to this area foreground."""
        ...


def fill_small(holed: Holed, diameter: float | None) -> None:
    """Make holes foreground that are smaller than a whole object; see `fill_small_holes`."""
    while (areas := holed.hole_areas()).size:
        typical = holed.typical_diameter() if diameter is None else diameter
        most = float(np.pi / 4 * typical**2)
        if areas.min() > most:
            return
        holed.fill_holes(most)


def _enclosed(mask: Array) -> tuple[Array, Array]:
    """Numbered pieces of the ground, connected by sides, and the area of each that is a hole."""
    ground, count = ndimage.label(~mask)
    size = np.bincount(ground.ravel(), minlength=count + 1)
    for edge in (ground[0], ground[-1], ground[:, 0], ground[:, -1]):
        size[edge] = 0
    size[0] = 0
    return ground, size


class HoledMask:
    """A mask in memory; the distances of the mask as it is are kept, because they take long.

    Attributes
    ----------
    mask
        (Y, X) bool.
    """

    def __init__(self, mask: Array) -> None:
        self.mask = mask
        self._distance: Array | None = None
        self._enclosed: tuple[Array, Array] | None = None

    @property
    def distance(self) -> Array:
        """(Y, X) float32, of `object_size.distance_inside`."""
        if self._distance is None:
            self._distance = distance_inside(self.mask)
        return self._distance

    def typical_diameter(self) -> float:
        """See `Holed`."""
        return typical_diameter(self.distance)

    def hole_areas(self) -> Array:
        """See `Holed`."""
        self._enclosed = _enclosed(self.mask)
        size = self._enclosed[1]
        return size[size > 0]

    def fill_holes(self, most: float) -> None:
        """See `Holed`."""
        ground, size = self._enclosed or _enclosed(self.mask)
        self.mask = self.mask | ((size > 0) & (size <= most))[ground]
        self._distance = self._enclosed = None


def fill_small_holes(mask: Array, diameter: float | None = None) -> Array:
    """Make holes foreground that are smaller than a whole object.

    Parameters
    ----------
    mask
        (Y, X) bool, with at least one pixel.
    diameter
        Of a typical object in pixels, or None to find it: then again after each filling,
        because an object full of holes looks like many thin ones at first.

    Returns
    -------
    Array
        (Y, X) bool.

    Examples
    --------
    >>> ring = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], bool)
    >>> bool(fill_small_holes(ring, 3)[1, 1]), bool(fill_small_holes(ring, 1)[1, 1])
    (True, False)
    """
    holed = HoledMask(mask)
    fill_small(holed, diameter)
    return holed.mask


def fill_within_objects(labels: Array, others: Array | None = None) -> Array:
    """Give a hole to the object that encloses it, where that is one.

    Parameters
    ----------
    labels
        (Y, X) integers, 0 is background.
    others
        (Y, X) bool, more objects without a label; a hole that one of them touches is left.

    Returns
    -------
    Array
        (Y, X), the type of `labels`.

    Examples
    --------
    >>> fill_within_objects(np.array([[5, 5, 5], [5, 0, 5], [5, 5, 5]]))[1, 1]
    np.int64(5)
    >>> fill_within_objects(np.array([[5, 5, 7], [5, 0, 7], [5, 5, 7]]))[1, 1]
    np.int64(0)
    """
    if others is not None and others.any():
        # One label for all of them will do: it is never that of a hole's owner.
        stranger = labels.max() + 1
        filled = fill_within_objects(np.where(others, stranger, labels))
        return np.where(filled == stranger, 0, filled)
    ground, size = _enclosed(labels > 0)
    least = np.full(size.size, np.iinfo(labels.dtype).max, labels.dtype)
    most = np.zeros(size.size, labels.dtype)
    inside = (size > 0)[ground]
    for axis in (0, 1):
        # Holes never touch the frame, so that rolling round it brings nothing to them.
        for step in (-1, 1):
            neighbour = np.roll(labels, step, axis)
            touching = inside & (neighbour > 0)
            np.minimum.at(least, ground[touching], neighbour[touching])
            np.maximum.at(most, ground[touching], neighbour[touching])
    owner = np.where((size > 0) & (least == most), most, 0)
    return labels + owner[ground]
