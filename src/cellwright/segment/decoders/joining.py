"""Objects that were cut in two are joined again where the network says that they are one.

A long nucleus may have two middles for its pixels to vote for. But each pixel also says how large
its object is, and pixels of a half speak of the whole: two objects that touch are one if their
sizes are then nearer to what their pixels say.
"""

from __future__ import annotations

import numpy as np

from cellwright.core.image import Array

__all__ = ["joined"]

ROUNDS = 2
"""How often pairs are looked for: in two rounds four pieces become one."""

_BORDER = 0.5
"""Least border of a pair, as a share of the smaller one's diameter: what belongs together hangs
together by more than a corner."""


def joined(first: Array, second: Array, area: Array, told: Array, least: float) -> Array:
    """Say which objects are one.

    In each round two objects are joined that gain more by each other than by any neighbour, so
    that far objects decide nothing.

    Parameters
    ----------
    first, second
        (n,) numbers of the objects on both sides of each place where two of them touch.
    area
        (count,) pixels of each object; position 0 stands for none.
    told
        (count,) how large its pixels say that it is, on average: logarithm to the base 2 of the
        diameter in pixels.
    least
        By how many octaves, averaged over the pixels, the sizes of two must be nearer to what is
        said of them if they are one.

    Returns
    -------
    Array
        (count,) of each object the number of that of which it is a part: of a pair the larger, of
        two equal ones the first.

    Examples
    --------
    Two halves of 50 pixels, which say that they belong to an object of 100; and two whole ones.

    >>> said = np.log2(2 * np.sqrt(np.array([1, 100, 100, 50, 50]) / np.pi))
    >>> area = np.array([0, 50, 50, 50, 50])
    >>> joined(np.repeat([1, 3], 8), np.repeat([2, 4], 8), area, said, 0.1).tolist()
    [0, 1, 1, 3, 4]
    """
    count = area.size
    whole = np.arange(count)
    pixels = area.astype(np.float64)
    total = told * pixels
    key, border = _pairs(first, second, np.ones(first.size), count)
    for _ in range(ROUNDS):
        one, other = np.divmod(key, count)
        gain = (
            _wrong(pixels[one], total[one])
            + _wrong(pixels[other], total[other])
            - _wrong(pixels[one] + pixels[other], total[one] + total[other])
        ) / np.maximum(pixels[one] + pixels[other], 1)
        smaller = np.minimum(pixels[one], pixels[other])
        fit = np.flatnonzero((gain > least) & (border >= _BORDER * 2 * np.sqrt(smaller / np.pi)))
        if not fit.size:
            break
        fit = fit[np.lexsort((key[fit], -gain[fit]))]  # from the best on
        best = np.full(count, fit.size)
        rank = np.arange(fit.size)
        np.minimum.at(best, one[fit], rank)
        np.minimum.at(best, other[fit], rank)
        pair = fit[(best[one[fit]] == rank) & (best[other[fit]] == rank)]
        larger = pixels[one[pair]] >= pixels[other[pair]]
        stays = np.where(larger, one[pair], other[pair])
        goes = np.where(larger, other[pair], one[pair])
        pixels[stays] += pixels[goes]
        total[stays] += total[goes]
        becomes = np.arange(count)
        becomes[goes] = stays
        whole = becomes[whole]
        key, border = _pairs(becomes[one], becomes[other], border, count)
    return whole


def _wrong(pixels: Array, total: Array) -> Array:
    """How far objects are from what their pixels say, in octaves, summed over the pixels."""
    diameter = 2 * np.sqrt(np.maximum(pixels, 1) / np.pi)
    wrong: Array = np.abs(total - pixels * np.log2(diameter))
    return wrong


def _pairs(first: Array, second: Array, border: Array, count: int) -> tuple[Array, Array]:
    """Each pair of different objects once, as ``lower * count + higher``, and all of its border."""
    apart = first != second
    low = np.minimum(first, second)[apart].astype(np.int64)
    key, pair = np.unique(low * count + np.maximum(first, second)[apart], return_inverse=True)
    return key, np.bincount(pair, border[apart], key.size)
