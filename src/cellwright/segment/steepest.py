"""A threshold for bodies of uneven light: the lowest height at which outlines are steep.

Otsu's threshold lies in the middle between dark and bright. In a sheet of cells that is the
middle between the thin rims of cells and their thick bodies, and the rims are lost. What marks
the end of a cell is that the light falls there at once, at whatever height.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from cellwright.core.image import Array
from cellwright.segment.foreground import NOISE_FACTOR
from cellwright.segment.histogram import otsu

__all__ = ["steepest_threshold"]

LEVELS = 256
"""Heights that are looked at between the darkest one and Otsu's."""

SMOOTHED_LEVELS = 4.0
"""Standard deviation in levels of the Gaussian over slopes: the pixels of a single level are few,
and in a picture of 8 bits some levels have none."""

DARKEST = 0.001
"""Share of pixels below the lowest height: dead pixels are fewer."""

RARE = 0.01
"""Share of the pixels below Otsu's threshold that are too dark to be the ground."""

DROP = 0.9
"""A steep height is passed where slopes have fallen to this share of it."""

STEEP = 0.4
"""A steep height has at least this share of the largest slope: haze has steps, but low ones."""


def steepest_threshold(smooth: Array, noise: float) -> tuple[float, float]:
    """Find the lowest height along whose contours the light falls steeply.

    Slopes are those of the square root of the light, on which noise is about the same
    everywhere. The search goes up from the height whose contours are flattest, which is the
    ground, to Otsu's threshold: past that, contours run inside of cells.

    Parameters
    ----------
    smooth
        (Y, X) float, objects high, not constant; 2 x 2 pixels at least.
    noise
        Of `foreground.background_and_noise`.

    Returns
    -------
    threshold : float
        A height; six standard deviations of the noise above the ground at least.
    ground : float
        Median of what is not above it.

    References
    ----------
    J. S. Weszka, R. N. Nagel, A. Rosenfeld, "A threshold selection technique", IEEE
    Transactions on Computers C-23 (1974) 1322-1326: thresholds from where the picture is steep.
    N. Otsu, "A threshold selection method from gray-level histograms", IEEE Transactions on
    Systems, Man, and Cybernetics 9 (1979) 62-66.

    Examples
    --------
    >>> rows, columns = np.indices((60, 60)) - 30
    >>> body = np.where(np.hypot(rows, columns) < 20, 10.0, 0.0)  # a thin rim, a thick middle
    >>> body += np.where(np.hypot(rows, columns) < 10, 40.0, 0.0)
    >>> threshold, ground = steepest_threshold(ndimage.gaussian_filter(body, 1), 0.01)
    >>> 0 < threshold < 9, ground
    (True, 0.0)
    """
    place = min(int(DARKEST * smooth.size), smooth.size - 1)
    # The noise keeps the square root from being steep where there is no light at all.
    lowest = float(np.partition(smooth, place, axis=None)[place]) - NOISE_FACTOR * noise
    roots = np.sqrt(np.maximum(smooth - np.float32(lowest), 0))
    top = float(otsu(roots)[0])
    slopes = _slopes(roots, top)
    level = _first_steep(*slopes) if slopes is not None else LEVELS - 1
    threshold = lowest + ((level + 0.5) / LEVELS * top) ** 2
    below = smooth[smooth <= threshold]
    ground = float(np.median(below)) if below.size else lowest
    return max(threshold, ground + NOISE_FACTOR * noise), ground


def _slopes(roots: Array, top: float) -> tuple[Array, Array] | None:
    """Mean slope of the contour at each level, and the number of pixels on it."""
    low = roots <= top
    if top <= 0 or not low.any():
        return None
    down, right = np.gradient(roots)
    slope = np.hypot(down, right)[low]
    level = np.minimum(roots[low] * (LEVELS / top), LEVELS - 1).astype(np.intp)
    count = np.bincount(level, minlength=LEVELS).astype(np.float64)
    total = np.bincount(level, slope, minlength=LEVELS)
    count = ndimage.gaussian_filter1d(count, SMOOTHED_LEVELS, mode="constant")
    total = ndimage.gaussian_filter1d(total, SMOOTHED_LEVELS, mode="constant")
    mean = np.divide(total, count, out=np.zeros(LEVELS), where=count > 0)
    return mean, count


def _first_steep(slope: Array, count: Array) -> int:
    """First level with a peak of the slope, above the level that is flattest; else the last."""
    reached = np.cumsum(count)
    begin = int(np.searchsorted(reached, RARE * reached[-1]))
    known = np.flatnonzero(count > 0)
    known = known[known >= begin]
    if not known.size:
        return LEVELS - 1
    flattest = int(known[np.argmin(slope[known])])
    steep = STEEP * float(slope[flattest:].max())
    best = flattest
    for level in range(flattest, LEVELS):  # as many as there are levels, whatever the picture
        if slope[level] >= slope[best]:
            best = level
        elif slope[best] > steep and slope[level] < DROP * slope[best]:
            break
    return best
