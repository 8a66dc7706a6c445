"""Exact numbers of more values than fit into memory: extremes and medians, piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from cellwright.core.image import Array

__all__ = ["Chunks", "extremes", "median"]

Chunks = Callable[[], Iterable[Array]]
"""Gives all values, array by array, each time that it is called."""

_HALF_BITS = 16
_HALF = 2**_HALF_BITS


def extremes(chunks: Chunks) -> tuple[float, float]:
    """Smallest and largest of the values.

    Examples
    --------
    >>> extremes(lambda: [np.array([3.0, 1.0]), np.array([2.0])])
    (1.0, 3.0)
    """
    pairs = [(chunk.min(), chunk.max()) for chunk in chunks() if chunk.size]
    return float(min(low for low, _ in pairs)), float(max(high for _, high in pairs))


def median(chunks: Chunks) -> float:
    """Median of float32 values, the same number as `numpy.median` of all at once.

    The bits of floats sort as the floats do, once those of negative ones are turned round. So
    the upper half of the bits of the value in the middle is found by counting, and then the
    lower half among the values that share the upper one.

    Parameters
    ----------
    chunks
        Arrays of float32, any shape, without NaN; called twice.

    Returns
    -------
    float
        Of an even number of values the mean of the two in the middle, as float32.

    Raises
    ------
    ValueError
        If there is no value.

    Examples
    --------
    >>> median(lambda: [np.array([3, -1], np.float32), np.array([2, 8], np.float32)])
    2.5
    """
    upper = np.zeros(_HALF, np.int64)
    for chunk in chunks():
        upper += np.bincount(_sortable(chunk) >> _HALF_BITS, minlength=_HALF)
    count = int(upper.sum())
    if count == 0:
        raise ValueError("no values have no median")
    reached = np.cumsum(upper)
    ranks = sorted({(count - 1) // 2, count // 2})
    halves = [int(np.searchsorted(reached, rank, side="right")) for rank in ranks]
    lower = {half: np.zeros(_HALF, np.int64) for half in halves}
    for chunk in chunks():
        keys = _sortable(chunk)
        high = keys >> _HALF_BITS
        for half in lower:
            lower[half] += np.bincount(keys[high == half] & (_HALF - 1), minlength=_HALF)
    middle = []
    for rank, half in zip(ranks, halves, strict=True):
        before = rank - (int(reached[half - 1]) if half else 0)
        low = int(np.searchsorted(np.cumsum(lower[half]), before, side="right"))
        middle.append((half << _HALF_BITS) | low)
    return float(np.median(_floats(np.array(middle, np.uint32))))


def _sortable(values: Array) -> Array:
    bits = np.ascontiguousarray(values, np.float32).ravel().view(np.uint32)
    negative = bits >> 31 == 1
    return np.where(negative, ~bits, bits | np.uint32(2**31))


def _floats(keys: Array) -> Array:
    positive = keys >> 31 == 1
    bits = np.where(positive, keys & np.uint32(2**31 - 1), ~keys)
    return bits.astype(np.uint32).view(np.float32)
