"""Slow changes of the ground, subtracted: haze, uneven light, stray fluorescence."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from cellwright.core.image import Array
from cellwright.segment.haze import without_haze
from cellwright.segment.histogram import otsu
from cellwright.segment.object_size import distance_inside, typical_diameter

__all__ = ["without_background"]

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
    # Eight steps across an object are fine enough for a ground that is wider than three.
    step = max(1, round(diameter / 8))
    coarse = smooth[step // 2 :: step, step // 2 :: step]
    size = 2 * round(WINDOW * diameter / step / 2) + 1
    if size >= min(coarse.shape):
        return None
    ground = ndimage.grey_opening(coarse, size=(size, size), mode="nearest")
    ground = ndimage.gaussian_filter(ground, size / 4, mode="nearest")
    flat: Array = heights - _on_all_pixels(ground, heights.shape, step)
    return flat


def _first_diameter(smooth: Array) -> float:
    """Diameter of the objects while the ground is still there.

    Where a threshold cuts out a hump or slope of the ground, what is as slow as an eighth of
    the picture is taken off first. Elsewhere not: it would hollow out a large nucleus.
    """
    cut = otsu(smooth)[0]
    high = smooth > cut
    pieces, _ = ndimage.label(high)
    if without_haze(smooth, pieces, float(np.median(smooth[~high])))[1]:
        step = max(1, min(smooth.shape) // COARSE_SIDE)
        coarse = smooth[step // 2 :: step, step // 2 :: step]
        slow = ndimage.gaussian_filter(coarse, min(coarse.shape) / 8, mode="nearest")
        quick = smooth - _on_all_pixels(slow, smooth.shape, step)
        high = quick > otsu(quick)[0]
    return typical_diameter(distance_inside(high)) if high.any() else float(max(smooth.shape))


def _on_all_pixels(coarse: Array, shape: tuple[int, ...], step: int) -> Array:
    """Linear interpolation of every `step`-th row and column, first those in the middle."""
    rows = _stretched(coarse, shape[0], step)
    return _stretched(rows.T, shape[1], step).T


def _stretched(coarse: Array, length: int, step: int) -> Array:
    """Linear interpolation along the rows, from every `step`-th row to all."""
    place = np.clip((np.arange(length) - step // 2) / step, 0, coarse.shape[0] - 1)
    before = place.astype(np.intp)
    after = np.minimum(before + 1, coarse.shape[0] - 1)
    part = (place - before).astype(np.float32)[:, None]
    stretched: Array = coarse[before] * (1 - part) + coarse[after] * part
    return stretched
