"""The exact median of more numbers than fit into memory, which come in parts."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cellwright.core.image import Array

__all__ = ["MedianSearch"]

DIGIT_BITS = 16
"""Bits that one pass settles: its histogram then has 65,536 places, half a megabyte."""


class MedianSearch:
    """The median of numbers that are given several times over, in the same parts or others.

    Every number has a key, a whole number without sign in the same order. One pass counts how
    many keys there are with each value of their highest 16 bits, and so finds those bits of the
    two numbers in the middle; the next pass finds the 16 bits after. So 8- and 16-bit pictures
    take one pass, 32-bit ones two, 64-bit ones four, and nothing is ever sorted or kept.

    Numbers that are not finite are left out.

    Parameters
    ----------
    dtype
        Of the numbers: integers, floating point up to 64 bits, or bool.

    Attributes
    ----------
    done
        Whether the median is found.
    count
        Numbers in a pass, once one has ended.

    References
    ----------
    Selection by radix, as Knuth (1998), The Art of Computer Programming 3, section 5.2.5.

    Examples
    --------
    >>> search = MedianSearch(np.dtype(np.float32))
    >>> while not search.done:
    ...     for part in ([3.0, np.nan, -1.0], [10.0, 4.0]):
    ...         search.add(np.array(part, np.float32))
    ...     search.end_pass()
    >>> search.median, search.count
    (3.5, 4)
    """

    def __init__(self, dtype: np.dtype[np.generic]) -> None:
        if dtype == np.bool_:
            dtype = np.dtype(np.uint8)
        if not np.issubdtype(dtype, np.integer) and dtype.itemsize > np.dtype(np.float64).itemsize:
            dtype = np.dtype(np.float64)
        self._dtype = dtype.newbyteorder("=")
        self._bits = 8 * dtype.itemsize
        self._digit_bits = min(DIGIT_BITS, self._bits)
        self._left = self._bits  # bits that are not settled yet
        # For the lower and the upper of the two in the middle: the bits that are settled, and
        # how many keys with these bits lie below.
        self._prefix = [0, 0]
        self._rank = [0, 0]
        self._counts: dict[int, npt.NDArray[np.int64]] = {}
        self._start_pass()
        self.done = False
        self.count = 0

    def add(self, values: Array) -> None:
        """Take in one part (any shape) of this pass."""
        keys = self._keys(values.ravel())
        shift = np.uint64(self._left - self._digit_bits)
        places = 1 << self._digit_bits
        for prefix in self._counts:
            with_prefix = keys if self._left == self._bits else keys[self._upper(keys) == prefix]
            digits = (with_prefix.astype(np.uint64) >> shift) & np.uint64(places - 1)
            self._counts[prefix] += np.bincount(digits.astype(np.int64), minlength=places)

    def end_pass(self) -> None:
        """Say that all parts of this pass have been given; nothing happens if it is `done`."""
        if self.done:
            return
        if self._left == self._bits:
            self.count = int(self._counts[0].sum())
            self._rank = [(self.count - 1) // 2, self.count // 2]
            if not self.count:
                self.done = True
                return
        for which in (0, 1):
            below = np.cumsum(self._counts[self._prefix[which]])
            digit = int(np.searchsorted(below, self._rank[which], side="right"))
            if digit:
                self._rank[which] -= int(below[digit - 1])
            self._prefix[which] = (self._prefix[which] << self._digit_bits) | digit
        self._left -= self._digit_bits
        self.done = self._left == 0
        self._start_pass()

    @property
    def median(self) -> float:
        """The median, the mean of the two in the middle; NaN if there is no number."""
        if not self.done or not self.count:
            return float("nan")
        lower, upper = (self._value(key) for key in self._prefix)
        return (lower + upper) / 2.0

    def _start_pass(self) -> None:
        places = 1 << self._digit_bits
        self._counts = {prefix: np.zeros(places, np.int64) for prefix in set(self._prefix)}

    def _upper(self, keys: Array) -> Array:
        return np.asarray(keys.astype(np.uint64) >> np.uint64(self._left))

    def _keys(self, values: Array) -> Array:
        """Whole numbers without sign, as wide as the values and in the same order."""
        unsigned = np.dtype(f"u{self._bits // 8}")
        sign = unsigned.type(1 << (self._bits - 1))
        if np.issubdtype(self._dtype, np.unsignedinteger):
            return np.asarray(values, dtype=unsigned)
        if np.issubdtype(self._dtype, np.signedinteger):
            return np.asarray(np.asarray(values, dtype=self._dtype).view(unsigned) ^ sign)
        finite = np.asarray(values, dtype=self._dtype)
        # Plus 0, because there are two zeros, which are equal.
        bits = (finite[np.isfinite(finite)] + self._dtype.type(0)).view(unsigned)
        return np.asarray(np.where(bits & sign, ~bits, bits | sign))

    def _value(self, key: int) -> float:
        sign = 1 << (self._bits - 1)
        if np.issubdtype(self._dtype, np.unsignedinteger):
            return float(key)
        if np.issubdtype(self._dtype, np.signedinteger):
            return float(key - sign)
        bits = key ^ sign if key & sign else key ^ ((1 << self._bits) - 1)
        return float(np.array([bits], f"u{self._bits // 8}").view(self._dtype)[0])
