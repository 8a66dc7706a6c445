"""Haze and shading: broad humps of light that a threshold cuts out, but that have no edge."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from cellwright.core.image import Array
from cellwright.segment.numbering import areas

__all__ = ["LARGE_SHARE", "fades", "outline_of", "slopes", "without_haze"]

LARGE_SHARE = 0.125
"""Part of the picture from which on an object is looked at: a smaller one may be a cell that
is out of focus, and is left to the eye."""

SOFT_SHARE = 0.3
"""Width of the edge, in diameters, from which on there is none: a Gaussian hump has 0.7, a
disc blurred until its middle begins to sink has 0.3."""


def without_haze(smooth: Array, labels: Array, base: float) -> tuple[Array, int]:
    """Take out large objects whose light fades instead of ending at an edge.

    The width of an edge is the object's mean height above the background over the slope at
    its outline (median; the picture's frame is no outline).

    Parameters
    ----------
    smooth
        (Y, X) float, objects high.
    labels
        (Y, X) integers, 0 is background.
    base
        Height of the background.

    Returns
    -------
    labels : Array
        (Y, X), the others keep their numbers.
    removed : int
        How many went.

    Examples
    --------
    >>> rows, columns = np.mgrid[-20:21, -20:21]
    >>> hump = np.exp(-(rows**2 + columns**2) / 300.0)
    >>> without_haze(hump, (hump > 0.5).astype(int), 0.0)[1]
    1
    """
    size = areas(labels)
    size[0] = 0
    large = np.flatnonzero(size >= LARGE_SHARE * labels.size)
    haze = []
    for label in large:  # at most eight
        inside = labels == label
        outline = outline_of(inside)
        if not outline.any() or min(labels.shape) < 2:
            continue
        slope = float(np.median(slopes(smooth)[outline]))
        if fades(float(smooth[inside].mean()) - base, int(size[label]), slope):
            haze.append(label)
    return np.where(np.isin(labels, haze), 0, labels) if haze else labels, len(haze)


def outline_of(inside: Array) -> Array:
    """Give the pixels of an object that have a neighbour outside; the frame is no outline."""
    outline: Array = inside & ~ndimage.binary_erosion(inside, border_value=True)
    return outline


def slopes(smooth: Array) -> Array:
    """Steepness of each pixel of a plane with two rows and columns at least."""
    down, right = np.gradient(smooth)
    steepness: Array = np.hypot(down, right)
    return steepness


def fades(height: float, area: int, slope: float) -> bool:
    """Whether an object's light fades; by its mean height, its area and the outline's slope."""
    diameter = 2 * np.sqrt(area / np.pi)
    return bool(height > SOFT_SHARE * diameter * slope)
