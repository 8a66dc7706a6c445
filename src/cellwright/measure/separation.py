"""How well labels part a picture into bright and dark: a number for each picture, not each cell."""

from __future__ import annotations

import numpy as np

from cellwright.core.errors import UsageError
from cellwright.core.image import Array

__all__ = ["coverage", "separation"]

CLIP_PERCENT = (0.1, 99.9)
"""Intensities beyond these percentiles, of the cells and of the background, whichever is
further out, are set to them: hot pixels and specks of dirt would otherwise hold most of the
variance. Of both, because the cells of a sparse picture are beyond them altogether."""

SAMPLE_PIXELS = 2**20
"""Percentiles come from an even sample of about this many pixels: exact enough to clip."""


def separation(plane: Array, labels: Array) -> float:
    """Share of the variance of the intensities that inside or outside of cells explains.

    Between-class over total variance (η², the quantity that Otsu's threshold makes largest):
    1 if all cells have one intensity and the background another, 0 if labels and picture have
    nothing to do with each other. Whether cells are brighter or darker does not matter.

    Parameters
    ----------
    plane
        (Y, X) of any number type; pixels that are not finite are left out.
    labels
        (Y, X) integers, 0 is background.

    Returns
    -------
    float
        Between 0 and 1; 0 for a constant plane, NaN without cells or without background.

    Raises
    ------
    UsageError
        If the shapes differ.

    References
    ----------
    Otsu (1979), IEEE Transactions on Systems, Man, and Cybernetics 9:62.

    Examples
    --------
    >>> separation(np.array([[1.0, 1.0, 9.0, 9.0]]), np.array([[0, 0, 3, 4]]))
    1.0
    """
    if plane.shape != labels.shape:
        raise UsageError(f"the plane has the shape {plane.shape}, its labels {labels.shape}")
    values = plane.ravel().astype(np.float64)
    inside = labels.ravel() != 0
    finite = np.isfinite(values)
    if not finite.all():
        values, inside = values[finite], inside[finite]
    n_inside = int(np.count_nonzero(inside))
    n_outside = len(values) - n_inside
    if n_inside == 0 or n_outside == 0:
        return float("nan")
    limits = np.array([_limits(values[inside]), _limits(values[~inside])])
    np.clip(values, limits[:, 0].min(), limits[:, 1].max(), out=values)
    values -= values.mean()
    total = float(values @ values)
    if total == 0.0:
        return 0.0
    sum_inside = float(values[inside].sum())
    # The values sum to 0, so outside the sum is the same with the other sign.
    between = sum_inside**2 * (1.0 / n_inside + 1.0 / n_outside)
    return min(between / total, 1.0)


def _limits(values: Array) -> Array:
    sample = values[:: max(1, len(values) // SAMPLE_PIXELS)]
    return np.asarray(np.percentile(sample, CLIP_PERCENT))


def coverage(labels: Array) -> float:
    """Share of the pixels that cells cover; NaN for a picture without pixels.

    Examples
    --------
    >>> coverage(np.array([[0, 1], [2, 2]]))
    0.75
    """
    return float(np.count_nonzero(labels) / labels.size) if labels.size else float("nan")
