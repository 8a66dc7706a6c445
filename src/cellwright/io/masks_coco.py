"""Masks of COCO annotations, read: run lengths, compressed or not, to pixels.

The inverse of what `outlines_coco` writes, and its description of the encoding holds here too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cellwright.io.polygons import NOTHING, Patch
from cellwright.io.tracing import Integers

__all__ = ["decode_lengths", "lengths_patch"]

_BITS = 5  # of the number in a character
_MORE = 1 << _BITS
_SIGN = 1 << (_BITS - 1)
_FIRST_CHARACTER = ord("0")
_MOST_CHARACTERS = 10
"""Of one number: 50 bits, more than any picture has pixels."""


def decode_lengths(counts: Any) -> Integers:
    """Run lengths of a mask, from a list of them or from COCO's compressed text.

    Returns
    -------
    array
        (N,) int64: background and foreground in turn, beginning with background.

    Raises
    ------
    ValueError
        If they are neither, or a text that is cut off.

    Examples
    --------
    >>> decode_lengths("231").tolist(), decode_lengths([2, 3, 1]).tolist()
    ([2, 3, 1], [2, 3, 1])
    """
    if not isinstance(counts, str):
        lengths = np.asarray(counts)
        if lengths.ndim != 1 or (lengths.size and lengths.dtype.kind not in "iu"):
            raise ValueError("its counts are no list of whole numbers")
        if lengths.size and lengths.max() > np.iinfo(np.int64).max:
            raise ValueError("its counts are larger than any picture")
        return lengths.astype(np.int64)
    if not counts:
        return np.zeros(0, np.int64)
    if not counts.isascii():
        raise ValueError("its counts hold characters that COCO does not use")
    bits = np.frombuffer(counts.encode("ascii"), np.uint8).astype(np.int64) - _FIRST_CHARACTER
    if bits.min() < 0 or bits.max() >= 2 * _MORE:
        raise ValueError("its counts hold characters that COCO does not use")
    if bits[-1] & _MORE:
        raise ValueError("its counts are cut off")
    last = np.flatnonzero(bits & _MORE == 0)
    first = np.concatenate([[0], last[:-1] + 1])
    characters = last - first + 1
    if characters.max() > _MOST_CHARACTERS:
        raise ValueError("its counts are larger than any picture")
    place = np.arange(len(bits)) - np.repeat(first, characters)
    lengths = np.add.reduceat((bits & (_MORE - 1)) << (_BITS * place), first)
    negative = bits[last] & _SIGN != 0
    lengths[negative] -= np.int64(1) << (_BITS * characters[negative])
    # From the fourth on each is the difference to the last but one (maskApi.c, rleFrString).
    lengths[1::2] = np.cumsum(lengths[1::2])
    lengths[2::2] = np.cumsum(lengths[2::2])
    return lengths


def lengths_patch(lengths: Integers, shape: tuple[int, int]) -> Patch:
    """Pixels of a mask of run lengths, in their bounding box.

    Parameters
    ----------
    lengths
        (N,), down the columns of the picture: background and foreground in turn.
    shape
        (Y, X) of the picture.

    Raises
    ------
    ValueError
        If a length is negative, or together they are not as many as the picture has pixels.

    Examples
    --------
    >>> patch = lengths_patch(np.array([2, 3, 1]), (2, 3))
    >>> patch.mask.astype(int).tolist(), patch.corner
    ([[1, 1], [1, 0]], (0, 1))
    """
    height, width = shape
    size = height * width
    if lengths.size and (lengths.min() < 0 or lengths.max() > size):
        raise ValueError("its counts are negative or go beyond the picture")
    end = np.cumsum(lengths)
    if (int(end[-1]) if len(end) else 0) != size:
        told = f"{int(end[-1]):,}" if len(end) else "no"
        raise ValueError(f"its counts are those of {told} px, the picture has {size:,}")
    begins, ends = end[:-1:2], end[1::2]
    some = ends > begins
    begins, ends = begins[some], ends[some]
    if not len(begins):
        return NOTHING
    column, row = np.divmod(begins, height)
    last_column, last_row = np.divmod(ends - 1, height)
    left, right = int(column[0]), int(last_column[-1]) + 1
    # A run that goes on in the next column takes the foot of one and the head of another.
    goes_on = bool((last_column > column).any())
    top = 0 if goes_on else int(row.min())
    bottom = height if goes_on else int(last_row.max()) + 1
    high = bottom - top
    change = np.zeros((right - left) * high + 1, np.int8)
    change[(column - left) * high + row - top] += 1
    change[(last_column - left) * high + last_row - top + 1] -= 1
    inside = np.cumsum(change[:-1], dtype=np.int8).astype(bool)
    return Patch(inside.reshape(right - left, high).T, (top, left))
