"""What a network is shown of a plane: three channels between two percentiles of the whole."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cellwright.core.image import Array
from cellwright.core.method import PlaneSource

__all__ = ["Normalisation", "sampled", "three_channels", "unit_range"]

SAMPLE = 2**21
"""Pixels from which percentiles are taken, at the most: every n-th row and column of a larger
plane. Of 2 million the 99.8th percentile has 4,000 pixels above it."""

STRIP = 2**24
"""Pixels that are read together while sampling."""

CLIP = (-0.5, 2.0)
"""Normalised intensities are cut off here: a speck a hundred times brighter than any object says
no more than one twice as bright."""


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
        span = self.high - self.low
        if not span > 0:
            return np.zeros(pixels.shape, np.float32)
        values = (pixels.astype(np.float32) - np.float32(self.low)) * np.float32(1 / span)
        clipped: Array = np.clip(values, *self.clip, out=values)
        return clipped


def sampled(plane: PlaneSource) -> Array:
    """Every n-th row and column of a plane, at most `SAMPLE` pixels: from them come percentiles.

    Parameters
    ----------
    plane
        (Y, X), or (Y, X, S) of which the first three samples count.
    """
    rows, columns = plane.shape[:2]
    step = max(1, int(np.ceil(np.sqrt(rows * columns / SAMPLE))))
    strip = max(1, STRIP // max(columns, 1) // step) * step
    parts = [
        plane.read(top, 0, min(top + strip, rows), columns)[::step, ::step]
        for top in range(0, rows, strip)
    ]
    taken = np.concatenate(parts)
    return taken[..., :3] if taken.ndim == 3 and taken.shape[2] >= 3 else taken


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
    bottom, top = np.percentile(sample, (low, high))
    if bottom == top:  # a few objects on an empty ground
        bottom, top = sample.min(), sample.max()
    return Normalisation(float(bottom), float(top), clip)


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
    if values.ndim == 2 or values.shape[2] < 3:
        plane = values if values.ndim == 2 else values[..., 0]
        return np.broadcast_to(plane, (3, *plane.shape))
    return np.ascontiguousarray(np.moveaxis(values[..., :3], -1, 0))
