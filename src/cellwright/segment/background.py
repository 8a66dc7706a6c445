"""Slow changes of the ground, subtracted: haze, uneven light, stray fluorescence."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from cellwright.core.image import Array
from cellwright.segment.haze import without_haze
from cellwright.segment.histogram import otsu
from cellwright.segment.object_size import distance_inside, typical_diameter

__all__ = [
    "between_points",
    "grid_points",
    "ground_of",
    "opening_side",
    "point_step",
    "slow_changes",
    "slow_step",
    "without_background",
]

WINDOW = 3.0
"""Side of the opening's window in diameters of an object: a pair of touching objects does not
fill it."""

COARSE_SIDE = 64
"""Points along the shorter side on which slow changes are looked at: eight to each eighth."""


def without_background(heights: Array, smooth: Array, diameter: float | None) -> Array | None:
    """Subtract the ground on which the objects stand.

    The ground is a morphological opening with a square much wider than the objects, smoothed;
    taken from a coarse grid, because it changes slowly.

    Parameters
    ----------
    heights, smooth
        (Y, X) float32, objects high; the second smoothed.
    diameter
        Of a typical object in pixels, or None to find it.

    Returns
    -------
    Array or None
        (Y, X) float32; None where the window is wider than the picture, so that its ground
        cannot be told from its objects.
    """
    if diameter is None:
        diameter = _first_diameter(smooth)
    step = point_step(diameter)
    coarse = smooth[grid_points(step)]
    size = opening_side(diameter, step)
    if size >= min(coarse.shape):
        return None
    flat: Array = heights - _on_all_pixels(ground_of(coarse, size), heights.shape, step)
    return flat


def point_step(diameter: float) -> int:
    """Pixels from one point of the coarse grid to the next.

    Eight steps across an object are fine enough for a ground that is wider than three.
    """
    return max(1, round(diameter / 8))


def opening_side(diameter: float, step: int) -> int:
    """Side of the opening's window in points of the coarse grid."""
    return 2 * round(WINDOW * diameter / step / 2) + 1


def grid_points(step: int) -> tuple[slice, slice]:
    """Every `step`-th row and column, first those in the middle."""
    return slice(step // 2, None, step), slice(step // 2, None, step)


def ground_of(coarse: Array, size: int) -> Array:
    """Smoothed opening of a coarse grid, with a window of `size` points.

    What is more than 2 `size` points away from a point has no part in its value.
    """
    ground = ndimage.grey_opening(coarse, size=(size, size), mode="nearest")
    smoothed: Array = ndimage.gaussian_filter(ground, size / 4, mode="nearest")
    return smoothed


def _first_diameter(smooth: Array) -> float:
    """Diameter of the objects while the ground is still there.

    Where a threshold cuts out a hump or slope of the ground, what is as slow as an eighth of
    the picture is taken off first. Elsewhere not: it would hollow out a large nucleus.
    """
    cut = otsu(smooth)[0]
    high = smooth > cut
    pieces, _ = ndimage.label(high)
    if without_haze(smooth, pieces, float(np.median(smooth[~high])))[1]:
        step = slow_step(smooth.shape)
        slow = slow_changes(smooth[grid_points(step)])
        quick = smooth - _on_all_pixels(slow, smooth.shape, step)
        high = quick > otsu(quick)[0]
    return typical_diameter(distance_inside(high)) if high.any() else float(max(smooth.shape))


def slow_step(shape: tuple[int, ...]) -> int:
    """Pixels from point to point of the grid on which slow changes are looked at."""
    return max(1, min(shape) // COARSE_SIDE)


def slow_changes(coarse: Array) -> Array:
    """What is as slow as an eighth of the picture."""
    slow: Array = ndimage.gaussian_filter(coarse, min(coarse.shape) / 8, mode="nearest")
    return slow


def _on_all_pixels(coarse: Array, shape: tuple[int, ...], step: int) -> Array:
    return between_points(coarse, step, (0, shape[0]), (0, shape[1]))


def between_points(
    coarse: Array, step: int, rows: tuple[int, int], columns: tuple[int, int]
) -> Array:
    """Linear interpolation of `grid_points` at the pixels in a part of the plane.

    Parameters
    ----------
    coarse
        (Y, X) float32, the points of the whole plane.
    step
        Pixels from one to the next.
    rows, columns
        Start and stop of the pixels wanted.

    Returns
    -------
    Array
        (Y, X) float32 of these pixels.

    Examples
    --------
    >>> between_points(np.array([[0.0, 4.0]], np.float32), 4, (0, 1), (2, 7))
    array([[0., 1., 2., 3., 4.]], dtype=float32)
    """
    start, stop = (max(columns[0] - 2 * step, 0) // step, columns[1] // step + 2)
    # Only points near the columns: of a mapped plane no more is read.
    stretched = _stretched(coarse[:, start:stop], rows, step, 0)
    return _stretched(stretched.T, columns, step, start).T


def _stretched(coarse: Array, span: tuple[int, int], step: int, first: int) -> Array:
    """Interpolation along the rows; `first` is the number of the first row that is there."""
    place = np.clip((np.arange(*span) - step // 2) / step, 0, first + coarse.shape[0] - 1)
    before = place.astype(np.intp)
    after = np.minimum(before + 1, first + coarse.shape[0] - 1)
    part = (place - before).astype(np.float32)[:, None]
    stretched: Array = coarse[before - first] * (1 - part) + coarse[after - first] * part
    return stretched
