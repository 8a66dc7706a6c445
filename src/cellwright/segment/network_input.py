"""What a network is shown of a plane: three channels between two percentiles of the whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from cellwright.core.image import Array
from cellwright.core.method import PlaneSource

__all__ = [
    "SAMPLES", "UNCUT", "Normalisation", "sampled", "three_channels", "unit_deviation",
    "unit_range",
]  # fmt: skip

SAMPLES = 3
"""Samples of a colour picture that count: a fourth says how opaque it is."""

SAMPLE = 2**21
"""Pixels from which percentiles are taken, at the most: every n-th row and column of a larger
plane. Of 2 million the 99.8th percentile has 4,000 pixels above it."""

STRIP = 2**22
"""Pixels that are read together while sampling."""

CLIP = (-0.5, 2.0)
"""Normalised intensities are cut off here: a speck a hundred times brighter than any object says
no more than one twice as bright."""

UNCUT = (-np.inf, np.inf)
"""Nothing is cut off."""

_EXACT = 24
"""Bits of whole numbers that float32 holds exactly."""
_SPANS = (1e-30, 1e30)
"""Between these, float32 has room for a difference and for its inverse."""


@dataclass(frozen=True)
class Normalisation:
    """The picture's own intensities that become 0 and 1."""

    low: float
    high: float
    clip: tuple[float, float] = CLIP

    def __call__(self, pixels: Array) -> Array:
        """Normalise pixels of the plane: float32 of the same shape, cut off at both ends.

        Examples
        --------
        >>> Normalisation(10, 20)(np.array([10, 15, 90]))
        array([0. , 0.5, 2. ], dtype=float32)
        """
        if not self.high > self.low:
            return np.zeros(pixels.shape, np.float32)
        with np.errstate(over="ignore"):  # what is beyond all numbers is cut off as well
            values = self._scaled(pixels)
            np.clip(values, *self.clip, out=values)
        return values.astype(np.float32, copy=False)

    def _scaled(self, pixels: Array) -> Array:
        span = self.high - self.low
        if _SPANS[0] < span < _SPANS[1] and _held_by_float32(pixels.dtype):
            values = pixels.astype(np.float32)
            values -= np.float32(self.low)
            values *= np.float32(1 / span)
            return values
        values = pixels.astype(np.float64)
        values /= 4  # so that the difference of any two can be told
        values -= self.low / 4
        values /= self.high / 4 - self.low / 4
        return values


def _held_by_float32(dtype: np.dtype[Any]) -> bool:
    if dtype.kind == "f":
        return dtype.itemsize <= np.dtype(np.float32).itemsize
    return dtype.itemsize * 8 <= _EXACT


def sampled(plane: PlaneSource) -> Array:
    """Every n-th row and column of a plane, at most `SAMPLE` pixels: from them come percentiles.

    Parameters
    ----------
    plane
        (Y, X), or (Y, X, S) of which the first three samples count, or else the first.
    """
    rows, columns = plane.shape[:2]
    step = max(1, int(np.ceil(np.sqrt(rows * columns / SAMPLE))))
    strip = max(1, STRIP // max(columns, 1) // step) * step
    parts = [
        plane.read(top, 0, min(top + strip, rows), columns)[::step, ::step]
        for top in range(0, rows, strip)
    ]
    taken = np.concatenate(parts)
    if taken.ndim == 2:
        return taken
    return taken[..., :SAMPLES] if taken.shape[2] >= SAMPLES else taken[..., 0]


def unit_range(
    sample: Array, low: float, high: float, clip: tuple[float, float] = CLIP
) -> Normalisation:
    """Percentiles of a plane, all samples of a colour picture together.

    Parameters
    ----------
    sample
        (Y, X) or (Y, X, S): the plane, or some of its pixels.
    low, high
        Percentiles.
    clip
        Where normalised intensities are cut off.

    Examples
    --------
    >>> found = unit_range(np.arange(101), 1, 99)
    >>> found.low, found.high
    (1.0, 99.0)
    """
    if sample.dtype == np.bool_:
        sample = sample.astype(np.uint8)
    if sample.dtype.kind == "f":
        sample = sample.astype(np.float64) / 4  # the difference of any two is a number
        bottom, top = (4 * float(value) for value in np.percentile(sample, (low, high)))
        least, most = 4 * float(sample.min()), 4 * float(sample.max())
    else:
        bottom, top = (float(value) for value in np.percentile(sample, (low, high)))
        least, most = float(sample.min()), float(sample.max())
    if bottom == top:  # a few objects on an empty ground
        bottom, top = least, most
    return Normalisation(bottom, top, clip)


def unit_deviation(sample: Array, clip: tuple[float, float] = UNCUT) -> Normalisation:
    """Mean and standard deviation of a plane, all samples of a colour picture together.

    Parameters
    ----------
    sample
        (Y, X) or (Y, X, S): the plane, or some of its pixels.
    clip
        Where normalised intensities are cut off.

    Examples
    --------
    >>> found = unit_deviation(np.array([1, 3]))
    >>> found.low, found.high
    (2.0, 3.0)
    """
    parts = sample.astype(np.float64) / 4  # sums and squares of most numbers are numbers
    with np.errstate(over="ignore", invalid="ignore"):
        mean, spread = 4 * float(parts.mean()), 4 * float(parts.std())
    return Normalisation(mean, mean + spread, clip)


def three_channels(values: Array) -> Array:
    """Bring a normalised plane into the network's form.

    Parameters
    ----------
    values
        (Y, X), or (Y, X, S) with three samples or more.

    Returns
    -------
    Array
        (3, Y, X) float32; a grey plane three times, without copies.

    Examples
    --------
    >>> three_channels(np.zeros((4, 5), np.float32)).shape
    (3, 4, 5)
    """
    if values.ndim == 2 or values.shape[2] < SAMPLES:
        plane = values if values.ndim == 2 else values[..., 0]
        return np.broadcast_to(plane, (3, *plane.shape))
    return np.ascontiguousarray(np.moveaxis(values[..., :SAMPLES], -1, 0))
