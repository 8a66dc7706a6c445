"""Annotated pictures in memory, ready to be cut into patches at any scale."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from cellwright.core.image import Array
from cellwright.datasets.example import Example, read_labels, read_pixels
from cellwright.segment.network_input import Normalisation, unit_range

__all__ = ["Picture", "load", "median_diameter", "picture_of"]

LEVELS = 4
"""Each picture is also kept at a half, a quarter and an eighth, so that patches which show it
smaller are not riddled with aliases."""

NO_OBJECTS = 32.0
"""Diameter in pixels that is assumed of a picture without objects: it is shown at some scale."""


@dataclass(frozen=True, eq=False)
class Picture:
    """One annotated picture.

    Attributes
    ----------
    name, kind
        Of the example.
    levels
        The pixels, (Y, X, C) with 1 or 3 channels, and the same at a half, a quarter, an eighth.
    normalisation
        Of the whole picture.
    labels
        (Y, X) int32.
    diameter
        Of the median object, in pixels.
    is_bright
        Whether objects are brighter than their ground.
    """

    name: str
    kind: str
    levels: tuple[Array, ...]
    normalisation: Normalisation
    labels: Array
    diameter: float
    is_bright: bool

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.labels.shape[0], self.labels.shape[1]

    @property
    def is_colour(self) -> bool:
        """Whether it has three channels."""
        return bool(self.levels[0].shape[2] == 3)


def load(examples: Iterable[Example], percentiles: tuple[float, float]) -> list[Picture]:
    """Read examples into memory."""
    return [
        picture_of(e.name, e.kind, read_pixels(e), read_labels(e), percentiles) for e in examples
    ]


def picture_of(
    name: str, kind: str, pixels: Array, labels: Array, percentiles: tuple[float, float]
) -> Picture:
    """Make a picture of pixels, (Y, X) or (Y, X, 3), and their labels.

    Examples
    --------
    >>> labels = np.zeros((64, 64), int)
    >>> labels[8:24, 8:24] = 1
    >>> picture = picture_of("square", "test", labels * 9.0, labels, (1, 99))
    >>> round(picture.diameter, 2), [level.shape for level in picture.levels][-1]
    (18.05, (8, 8, 1))
    """
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    if pixels.shape[2] == 3 and (pixels == pixels[..., :1]).all():
        pixels = pixels[..., :1]
    levels = [np.ascontiguousarray(pixels)]
    while len(levels) < LEVELS and min(levels[-1].shape[:2]) >= 2:
        levels.append(_halved(levels[-1]))
    return Picture(
        name,
        kind,
        tuple(levels),
        unit_range(pixels, *percentiles),
        labels.astype(np.int32),
        median_diameter(labels),
        _is_bright(pixels, labels),
    )


def median_diameter(labels: Array) -> float:
    """Diameter of a disc as large as the median object, in pixels."""
    areas = np.bincount(labels.ravel())[1:]
    areas = areas[areas > 0]
    if not areas.size:
        return NO_OBJECTS
    return float(2 * np.sqrt(np.median(areas) / np.pi))


def _is_bright(pixels: Array, labels: Array) -> bool:
    grey, on = pixels.mean(axis=2), labels > 0
    if on.all() or not on.any():
        return True
    return bool(grey[on].mean() > grey[~on].mean())


def _halved(pixels: Array) -> Array:
    rows, columns = (length // 2 * 2 for length in pixels.shape[:2])
    even = pixels[:rows, :columns].astype(np.float32)
    small = (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4
    whole = np.issubdtype(pixels.dtype, np.integer)
    return np.rint(small).astype(pixels.dtype) if whole else small
