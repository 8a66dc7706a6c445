"""Holes: ground that objects enclose.

A small hole is a part of the object around it: a nucleolus, a vacuole, a dim middle. A large
one may be that, or the space in the midst of a ring of cells; which of the two shows when the
ring is parted.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from cellwright.core.image import Array
from cellwright.segment.object_size import distance_inside, typical_diameter

__all__ = ["fill_small_holes", "fill_within_objects"]


def _enclosed(mask: Array) -> tuple[Array, Array]:
    """Numbered pieces of the ground, connected by sides, and the area of each that is a hole."""
    ground, count = ndimage.label(~mask)
    size = np.bincount(ground.ravel(), minlength=count + 1)
    for edge in (ground[0], ground[-1], ground[:, 0], ground[:, -1]):
        size[edge] = 0
    size[0] = 0
    return ground, size


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
    while True:
        ground, size = _enclosed(mask)
        if not size.any():
            return mask
        typical = typical_diameter(distance_inside(mask)) if diameter is None else diameter
        small = (size > 0) & (size <= np.pi / 4 * typical**2)
        if not small.any():
            return mask
        mask = mask | small[ground]


def fill_within_objects(labels: Array) -> Array:
    """Give a hole to the object that encloses it, where that is one.

    Parameters
    ----------
    labels
        (Y, X) integers, 0 is background.

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
