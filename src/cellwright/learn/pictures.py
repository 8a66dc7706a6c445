"""Annotated pictures in memory, ready to be cut into patches at any scale."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from cellwright.core.errors import InputError
from cellwright.core.image import Array
from cellwright.datasets.example import Example, read_labels, read_pixels, read_region
from cellwright.segment.network_input import Normalisation, unit_range

__all__ = ["NO_CLASS", "Picture", "load", "median_diameter", "picture_of"]

LEVELS = 4
"""Each picture is also kept at a half, a quarter and an eighth, so that patches which show it
smaller are not riddled with aliases."""

NO_CLASS = -1
"""Stands where the class of an object is not known."""

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
    classes
        (n,) int16 class of each label, `NO_CLASS` where it is not known; n above every label.
    region
        (Y, X) bool where every object was drawn; None if that is all of it.
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
    classes: Array
    region: Array | None
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


def load(
    examples: Iterable[Example],
    percentiles: tuple[float, float],
    classes: Mapping[str, Mapping[int, int]] | None = None,
) -> list[Picture]:
    """Read examples into memory.

    Parameters
    ----------
    examples
        Of any kinds.
    percentiles
        Of a picture's intensities that become 0 and 1.
    classes
        From an example's name to the classes of its labels, for those that have one.

    Raises
    ------
    InputError
        If a file cannot be read, or a picture and its labels differ in size.
    """
    known = classes or {}
    return [
        picture_of(
            example.name,
            example.kind,
            read_pixels(example),
            read_labels(example),
            percentiles,
            known.get(example.name, {}),
            read_region(example),
        )
        for example in examples
    ]


def picture_of(  # noqa: PLR0917 - what a picture is made of
    name: str,
    kind: str,
    pixels: Array,
    labels: Array,
    percentiles: tuple[float, float],
    classes: Mapping[int, int] | None = None,
    region: Array | None = None,
) -> Picture:
    """Make a picture of pixels and their labels.

    Parameters
    ----------
    name, kind
        Of the example.
    pixels
        (Y, X), or (Y, X, 3); three equal colours are kept as one.
    labels
        (Y, X) whole numbers; 0 is background.
    percentiles
        Of the intensities that become 0 and 1.
    classes
        From label to the number of its class.
    region
        (Y, X) bool where every object was drawn; None if that is all of it.

    Raises
    ------
    InputError
        If pixels and labels differ in size, or a pixel is no finite number.

    Examples
    --------
    >>> labels = np.zeros((64, 64), int)
    >>> labels[8:24, 8:24] = 1
    >>> picture = picture_of("square", "test", labels * 9.0, labels, (1, 99))
    >>> round(picture.diameter, 2), [level.shape for level in picture.levels][-1]
    (18.05, (8, 8, 1))
    """
    if region is not None and region.shape != labels.shape:
        raise InputError(
            f"the region has {region.shape[0]} × {region.shape[1]} pixels, and the labels have "
            + " × ".join(str(length) for length in labels.shape),
            where=name,
            remedy="give a mask of the same size in roi/",
        )
    if pixels.shape[:2] != labels.shape:
        raise InputError(
            f"the picture has {pixels.shape[0]} × {pixels.shape[1]} pixels, and its labels have "
            + " × ".join(str(length) for length in labels.shape),
            where=name,
            remedy="give labels that were drawn on this very picture",
        )
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        raise InputError(
            "the picture has pixels that are no finite numbers",
            where=name,
            remedy="replace them by the intensity of the ground",
        )
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    if pixels.shape[2] == 3 and (pixels == pixels[..., :1]).all():
        pixels = pixels[..., :1]
    levels = [np.ascontiguousarray(pixels)]
    while len(levels) < LEVELS and min(levels[-1].shape[:2]) >= 2:
        levels.append(_halved(levels[-1]))
    labels, numbers = _small_numbers(labels)
    known = classes or {}
    return Picture(
        name,
        kind,
        tuple(levels),
        unit_range(pixels, *percentiles),
        labels,
        np.array([known.get(int(number), NO_CLASS) for number in numbers], np.int16),
        region,
        median_diameter(labels),
        _is_bright(pixels, labels),
    )


def median_diameter(labels: Array) -> float:
    """Diameter of a disc as large as the median object, in pixels.

    Parameters
    ----------
    labels
        (Y, X) whole numbers, not much larger than the number of objects.

    Examples
    --------
    >>> round(median_diameter(np.array([[0, 1, 1, 7, 7, 7, 2]])), 3)
    1.596
    """
    areas = np.bincount(labels.ravel())[1:]
    areas = areas[areas > 0]
    if not areas.size:
        return NO_OBJECTS
    return float(2 * np.sqrt(np.median(areas) / np.pi))


def _small_numbers(labels: Array) -> tuple[Array, Array]:
    """Labels numbered from 1 without gaps as int32, and from these numbers to those of before."""
    numbers, places = np.unique(labels, return_inverse=True)
    if numbers.size and numbers[0] == 0:
        return places.reshape(labels.shape).astype(np.int32), numbers
    return (places.reshape(labels.shape) + 1).astype(np.int32), np.concatenate([[0], numbers])


def _is_bright(pixels: Array, labels: Array) -> bool:
    grey, on = pixels.mean(axis=2), labels > 0
    if on.all() or not on.any():
        return True
    return bool(grey[on].mean() > grey[~on].mean())


def _halved(pixels: Array) -> Array:
    """Means of two by two pixels, of the same type; an odd last row or column is left out."""
    rows, columns = (length // 2 * 2 for length in pixels.shape[:2])
    even = pixels[:rows, :columns].astype(np.float32)
    small = (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4
    whole = np.issubdtype(pixels.dtype, np.integer)
    return np.rint(small).astype(pixels.dtype) if whole else small
