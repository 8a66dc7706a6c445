"""How well labels part a picture into bright and dark: a number for each picture, not each cell."""

from __future__ import annotations

import numpy as np

from cellwright.core.errors import UsageError
from cellwright.core.image import Array, LazyArray, Spacing
from cellwright.measure.feature import LargePicture

__all__ = ["coverage", "large_coverage", "large_separation", "separation"]

CLIP_PERCENT = (0.1, 99.9)
"""Intensities beyond these percentiles, of the cells and of the background, whichever is
further out, are set to them: hot pixels and specks of dirt would otherwise hold most of the
variance. Of both, because the cells of a sparse picture are beyond them altogether."""

SAMPLE_PIXELS = 2**20
"""Percentiles come from an even sample of about this many pixels: exact enough to clip."""

GRID_PIXELS = 2**23
"""Large pictures are judged by an even grid of at most this many pixels: the share of the
variance is then known to a few parts in 10,000, with 200 MB of memory."""


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


def large_separation(plane: Array | LazyArray, labels: Array | LazyArray, block: int) -> float:
    """Share of the variance that inside or outside explains, of a picture on disk.

    The `separation` of an even grid of at most 8.4 million of its pixels: every one, every
    second or every third in rows and columns, and so on. So it is the same number where every
    pixel is seen, and whatever the blocks.

    Parameters
    ----------
    plane
        (Y, X) of any number type.
    labels
        (Y, X) integers, 0 is background.
    block
        Side of the blocks that are read, in pixels.

    Raises
    ------
    UsageError
        If the shapes differ.

    Examples
    --------
    >>> large_separation(np.array([[1.0, 1.0, 9.0, 9.0]]), np.array([[0, 0, 3, 4]]), block=3)
    1.0
    """
    if tuple(plane.shape) != tuple(labels.shape):
        raise UsageError(
            f"the plane has the shape {tuple(plane.shape)}, its labels {tuple(labels.shape)}"
        )
    height, width = labels.shape
    step = int(np.ceil(np.sqrt(max(height * width / GRID_PIXELS, 1.0))))
    grid = (-(-height // step), -(-width // step))
    seen, inside = np.zeros(grid, plane.dtype), np.zeros(grid, bool)
    for window in LargePicture(labels, {}, Spacing(), block).windows():
        first = (-window.top % step, -window.left % step)
        row, column = ((window.top + first[0]) // step, (window.left + first[1]) // step)
        part = window.read(plane)[first[0] :: step, first[1] :: step]
        at = (slice(row, row + part.shape[0]), slice(column, column + part.shape[1]))
        seen[at] = part
        inside[at] = window.read(labels)[first[0] :: step, first[1] :: step] != 0
    return separation(seen, inside)


def large_coverage(labels: Array | LazyArray, block: int) -> float:
    """Share of the pixels that cells cover, of labels on disk: all pixels are counted.

    Examples
    --------
    >>> large_coverage(np.array([[0, 1], [2, 2]]), block=1)
    0.75
    """
    picture = LargePicture(labels, {}, Spacing(), block)
    covered = sum(int(np.count_nonzero(window.read(labels))) for window in picture.windows())
    height, width = picture.shape
    return covered / (height * width) if height * width else float("nan")
