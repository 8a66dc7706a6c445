"""Touching objects parted: where the outline has a neck, and where the light has a valley."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from cellwright.core.image import Array
from cellwright.segment.basins import basins
from cellwright.segment.object_size import distance_inside, typical_diameter

__all__ = ["SMOOTHING_SHARE", "light_above", "split"]

SMOOTHING_SHARE = 0.1
"""Part of the diameter over which intensities are smoothed: finer is the texture of one
nucleus, coarser would close the valley between two."""


def split(
    mask: Array, heights: Array, base: float, neck: float, diameter: float | None
) -> tuple[Array, float]:
    """Part the objects of a mask.

    The landscape is the distance to the edge times the square root of the height above the
    background: of two objects that touch, the first falls to the neck between them and the
    second into the dark line between them.

    Parameters
    ----------
    mask
        (Y, X) bool, with at least one pixel.
    heights
        (Y, X) float, objects high, little or not smoothed.
    base
        Height of the background.
    neck
        Two peaks are two objects if the pass between them is below this share of the lower.
    diameter
        Of a typical object in pixels, or None to find it.

    Returns
    -------
    labels : Array
        (Y, X) integers, numbers with gaps.
    diameter : float
        As given or found, in pixels.
    """
    distance = distance_inside(mask)
    if diameter is None:
        diameter = typical_diameter(distance)
    return basins(distance * light_above(heights, base, diameter), mask, neck), diameter


def light_above(heights: Array, base: float, diameter: float) -> Array:
    """Square root of the smoothed height above the background; (Y, X), above 0 everywhere."""
    smooth = ndimage.gaussian_filter(heights, diameter * SMOOTHING_SHARE, mode="nearest")
    light: Array = np.sqrt(np.maximum(smooth - np.float32(base), np.finfo(np.float32).tiny))
    return light
