"""Watershed basins of a landscape, and the merging of those that are too shallow.

Every peak of the landscape first gets a basin of its own. Then a basin is joined to its
neighbour if the pass between them is nearly as high as the lower one of their peaks. The
*nearly* is a ratio, so the same rule serves nuclei of ten and of a hundred pixels, dim and
bright ones.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from skimage.segmentation import watershed

from cellwright.core.image import Array
from cellwright.segment.peaks import peaks

__all__ = ["basins"]

_EIGHT = np.ones((3, 3), bool)


def basins(landscape: Array, mask: Array, ratio: float) -> Array:
    """Divide a mask into the basins of the landscape's distinct peaks.

    Parameters
    ----------
    landscape
        (Y, X) float, 0 or more; high inside of objects.
    mask
        (Y, X) bool.
    ratio
        A peak is distinct if every way from it to a higher peak goes below this share of its
        height. 1 keeps every peak.

    Returns
    -------
    Array
        (Y, X) int32, 0 outside of the mask; numbers have gaps.

    References
    ----------
    M. Grimaud, "A new measure of contrast: the dynamics", Proceedings of SPIE 1769 (1992)
    292-305; here as a ratio instead of a difference.

    Examples
    --------
    >>> heights = np.array([[1.0, 4.0, 3.9, 4.0, 1.0, 4.0, 1.0]])
    >>> basins(heights, heights > 0, 0.8)
    array([[1, 1, 1, 1, 1, 3, 3]], dtype=int32)
    """
    seeds, count = ndimage.label(peaks(landscape, mask), _EIGHT)
    if count == 0:
        return np.zeros(mask.shape, np.int32)
    flooded: Array = watershed(  # type: ignore[no-untyped-call]
        _depths(landscape, seeds), seeds, mask=mask, connectivity=2
    )
    if count == 1:
        return flooded.astype(np.int32)
    inside = flooded > 0
    heights = np.zeros(count + 1, landscape.dtype)
    np.maximum.at(heights, flooded[inside], landscape[inside])
    return _join(_passes(flooded, landscape), heights, ratio)[flooded]


def _depths(landscape: Array, seeds: Array) -> Array:
    """The landscape upside down, where no two pixels of seeds are equally deep.

    Flooding takes equally deep seeds in an order that depends on all others in the picture.
    Less than the last digit of a float32 puts them in the order of the rows, so that objects
    come out the same whatever lies beside them.
    """
    depths: Array = -landscape.astype(np.float64)
    at = np.flatnonzero(seeds)
    flat = depths.ravel()
    ranks = np.arange(at.size, 0, -1)
    flat[at] = -((-flat[at]).view(np.int64) + ranks).view(np.float64)
    return depths


_Passes = tuple[Array, Array, Array]


def _highest(one: Array, other: Array, level: Array) -> _Passes:
    """Of several passes between the same two basins the highest; the lower number first."""
    one, other = np.minimum(one, other), np.maximum(one, other)
    order = np.lexsort((-level, other, one))
    one, other, level = one[order], other[order], level[order]
    first = np.ones(one.size, bool)
    first[1:] = (one[1:] != one[:-1]) | (other[1:] != other[:-1])
    return one[first], other[first], level[first]


def _passes(labels: Array, landscape: Array) -> _Passes:
    """Pairs of touching basins with the height of the highest pass between them."""
    rows, columns = labels.shape
    parts: list[_Passes] = []
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        here = (slice(0, rows - down), slice(max(-right, 0), columns - max(right, 0)))
        there = (slice(down, rows), slice(max(right, 0), columns + min(right, 0)))
        one, other = labels[here], labels[there]
        touching = (one != other) & (one > 0) & (other > 0)
        level = np.minimum(landscape[here][touching], landscape[there][touching])
        parts.append((one[touching], other[touching], level))
    one, other, level = (np.concatenate(column) for column in zip(*parts, strict=True))
    return _highest(one, other, level)


def _join(passes: _Passes, heights: Array, ratio: float) -> Array:
    """From each basin to the one that it ends up in.

    In each round all basins that are not distinct step over their highest pass into the
    neighbour with the higher peak; there are about as many rounds as a chain of basins has
    doublings.
    """
    one, other, level = passes
    everyone = np.arange(heights.size, dtype=np.int32)
    target = everyone
    while one.size:
        # Of two equal peaks the one with the larger number goes.
        one_is_lower = heights[one] < heights[other]
        lower, higher = np.where(one_is_lower, (one, other), (other, one))
        best = np.full(heights.size, -1.0)
        np.maximum.at(best, one, level)
        np.maximum.at(best, other, level)
        shallow = (level > ratio * heights[lower]) & (level >= best[lower])
        if not shallow.any():
            break
        lower, higher = lower[shallow], higher[shallow]
        order = np.lexsort((higher, -heights[higher], lower))
        lower, higher = lower[order], higher[order]
        first = np.ones(lower.size, bool)
        first[1:] = lower[1:] != lower[:-1]
        step = everyone.copy()
        step[lower[first]] = higher[first]
        while not np.array_equal(step, step[step]):
            step = step[step]
        target = step[target]
        one, other = step[one], step[other]
        apart = one != other
        one, other, level = _highest(one[apart], other[apart], level[apart])
    return target
