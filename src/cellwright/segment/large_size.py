"""How large the objects of a plane on disk are; see `object_size`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cellwright.core.image import Array
from cellwright.segment.blocks import Grid, Window
from cellwright.segment.object_size import from_squared, squared_distance, weighted_median
from cellwright.segment.peaks import peaks

__all__ = ["typical_diameter_in_blocks"]

MARGIN = 64
"""Pixels around a core that are looked at first: more than the radius of most objects."""

LARGEST = 6144**2
"""Pixels of a window, at the most: 38 million, about half a gigabyte. A pixel further than its
half from the edge of its object has a distance that is too large, or none."""


def typical_diameter_in_blocks(
    mask: Array, grid: Grid, each: Callable[[int], None]
) -> tuple[float, bool]:
    """Diameter of the discs that fit into the objects of a mask.

    Parameters
    ----------
    mask
        (Y, X) bool of the whole plane, mapped from disk; with at least one pixel, not all.
    grid
        Of the plane.
    each
        Called with the number of each core when it is done.

    Returns
    -------
    diameter : float
        As of `object_size.typical_diameter`.
    exact : bool
        False if an object was too wide for `LARGEST`, so that the edge nearest to its middle
        may not have been seen.
    """
    values, counts, exact = [np.empty(0, np.float32)], [np.empty(0, np.int64)], True
    for index, core in enumerate(grid):
        if mask[core.slices].any():
            radii, seen = _radii(mask, core, grid.shape)
            exact &= seen
            some, number = np.unique(radii, return_counts=True)
            values.append(some)
            counts.append(number)
        each(index)
    radius, back = np.unique(np.concatenate(values), return_inverse=True)
    number = np.zeros(radius.size, np.int64)
    np.add.at(number, back, np.concatenate(counts))
    return 2 * weighted_median(radius, radius.astype(np.float64) * number), exact


def _radii(mask: Array, core: Window, shape: tuple[int, int]) -> tuple[Array, bool]:
    """Distances from the edge at the peaks in a core, and whether all of them are right."""
    ring = core.grown(shape, 1)
    margin = MARGIN
    window = ring.grown(shape, margin)
    squared = _squared(mask, window, ring)
    if squared.max() <= margin**2:  # the usual case, at once
        doubtful = np.zeros(ring.shape, bool)
    else:
        doubtful = _doubtful(squared, ring, window, shape)
    while doubtful.any():
        part = _around(doubtful, ring)
        furthest = float(squared[doubtful].max())
        # The edge is nowhere further than what has been seen: this margin must hold it.
        margin = 2 * margin if np.isinf(furthest) else int(np.ceil(np.sqrt(furthest)))
        most = (int(np.sqrt(LARGEST)) - max(part.shape)) // 2
        window = part.grown(shape, min(margin, most))
        inner = part.within(ring)
        squared[inner] = np.minimum(squared[inner], _squared(mask, window, part))
        doubtful[inner] &= _doubtful(squared[inner], part, window, shape)
        if margin >= most:
            break
    distance = from_squared(squared)
    found = peaks(distance, distance > 0) & ~doubtful
    return distance[core.within(ring)][found[core.within(ring)]], not doubtful.any()


def _squared(mask: Array, window: Window, part: Window) -> Array:
    """Squared distances in a part of a window to the nearest ground in the window."""
    inside = mask[window.slices]
    if inside.all():
        return np.full(part.shape, np.inf, np.float32)
    squared: Array = squared_distance(inside)[part.within(window)]
    return squared.copy()


def _doubtful(squared: Array, part: Window, window: Window, shape: tuple[int, int]) -> Array:
    """Pixels of a part that may have nearer ground beyond the window."""
    up, before, down, after = window.open_sides(shape)
    rows = np.arange(part.top, part.bottom)
    columns = np.arange(part.left, part.right)
    far = 2.0 * max(shape)
    to_row = np.minimum(rows - window.top + 1 if up else far, window.bottom - rows if down else far)
    to_column = np.minimum(
        columns - window.left + 1 if before else far, window.right - columns if after else far
    )
    beyond = np.minimum.outer(
        np.broadcast_to(to_row, rows.shape), np.broadcast_to(to_column, columns.shape)
    )
    doubtful: Array = squared > beyond.astype(np.float64) ** 2
    return doubtful


def _around(chosen: Array, window: Window) -> Window:
    """The smallest rectangle around the chosen pixels of a window."""
    rows, columns = np.flatnonzero(chosen.any(axis=1)), np.flatnonzero(chosen.any(axis=0))
    return Window(
        window.top + int(rows[0]),
        window.left + int(columns[0]),
        window.top + int(rows[-1]) + 1,
        window.left + int(columns[-1]) + 1,
    )
