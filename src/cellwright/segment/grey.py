"""The grey picture that is segmented: one number a pixel, from 0 to 1, free of lone pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cellwright.core.errors import UsageError
from cellwright.core.image import Array, Image
from cellwright.segment.histogram import separability

__all__ = ["SAMPLES", "Grey", "Scale", "as_numbers", "grey_of", "without_lone_pixels"]

SAMPLES = ("red", "green", "blue")
"""Names of the samples of a colour picture, of which one is taken."""


@dataclass(frozen=True, eq=False)
class Scale:
    """The way from a picture's own intensities to numbers between 0 and 1, and back.

    Attributes
    ----------
    low, high
        The picture's own intensities at 0 and 1; equal in a constant picture.
    sample
        Which samples it was made of: ``intensity``, ``red``, ``green`` or ``blue``.
    """

    low: float
    high: float
    sample: str

    @property
    def is_constant(self) -> bool:
        """Whether all pixels have the same intensity, lone ones aside."""
        return self.low == self.high

    def intensity(self, value: float) -> float:
        """The picture's own intensity at a value between 0 and 1."""
        return self.low + value * (self.high - self.low)

    def value(self, intensity: float) -> float:
        """The value between 0 and 1 (or outside, as the intensity is) of an intensity."""
        return (intensity - self.low) / (self.high - self.low)

    def of(self, clean: Array) -> Array:
        """The float32 values of intensities; 0 everywhere in a constant picture.

        Examples
        --------
        >>> Scale(10, 30, "intensity").of(np.array([10, 20, 30]))
        array([0. , 0.5, 1. ], dtype=float32)
        """
        if self.is_constant:
            return np.zeros(clean.shape, np.float32)
        # Halves, because the span of two extreme floats is not a float.
        span = self.high / 2 - self.low / 2
        plane = (clean / np.float64(2) - self.low / 2) / span
        return plane.astype(np.float32)


@dataclass(frozen=True, eq=False)
class Grey(Scale):
    """A plane between 0 and 1, with its scale.

    Attributes
    ----------
    plane
        (Y, X) float32; 0 is the darkest and 1 the brightest intensity of the picture, lone
        pixels aside.
    """

    plane: Array


def grey_of(image: Image) -> Grey:
    """Make the plane that is segmented.

    Of a colour picture it is the sample (red, green or blue) whose pixels fall best into two
    classes: in stained tissue the one that the stain absorbs most, in a coloured fluorescence
    picture the one that has the light.

    Parameters
    ----------
    image
        With axes YX or YXS, in memory, all pixels finite.

    Returns
    -------
    Grey
        The same for ``a * picture + b`` as for ``picture``, for every a > 0: bit for bit where
        the pixels are whole numbers, whatever their type.

    Raises
    ------
    UsageError
        If the picture has other axes.

    Examples
    --------
    >>> grey_of(Image(np.array([[10, 10, 30], [10, 10, 30]]), "YX")).plane
    array([[0., 0., 1.],
           [0., 0., 1.]], dtype=float32)
    """
    pixels = image.pixels()
    if image.axes == "YX":
        return _normalised(pixels, "intensity")
    if image.axes != "YXS":
        raise UsageError(
            f"this method works on one plane, not on axes {image.axes}",
            where=image.source.image,
            remedy="make one plane of it, as with --project max",
        )
    if pixels.shape[2] < len(SAMPLES):
        return _normalised(pixels[..., 0], "intensity")
    candidates = [_normalised(pixels[..., i], name) for i, name in enumerate(SAMPLES)]
    if all(np.array_equal(candidates[0].plane, other.plane) for other in candidates[1:]):
        return _normalised(pixels[..., 0], "intensity")
    scores = [0.0 if grey.is_constant else separability(grey.plane) for grey in candidates]
    return candidates[int(np.argmax(scores))]


def without_lone_pixels(plane: Array) -> Array:
    """Bring a pixel that outdoes all its neighbours down (or up) to the nearest of them.

    Hot and dead pixels of a camera and cosmic rays go, without a threshold that would have
    to be set; whatever is two pixels large stays as it is.

    Parameters
    ----------
    plane
        (Y, X), any number type.

    Returns
    -------
    Array
        The same shape and type.

    Examples
    --------
    >>> without_lone_pixels(np.array([[1, 1, 9, 2, 2]]))
    array([[1, 1, 2, 2, 2]])
    """
    if plane.size < 2:
        return plane
    rows, columns = plane.shape
    # Beyond the frame lies a mirror image, where each neighbour is one that a pixel has
    # already, never the pixel itself.
    padded = np.pad(plane, [(int(rows > 1),) * 2, (int(columns > 1),) * 2], mode="reflect")
    least = np.full_like(plane, plane.max())
    most = np.full_like(plane, plane.min())
    for row in range(3 if rows > 1 else 1):
        for column in range(3 if columns > 1 else 1):
            if row == int(rows > 1) and column == int(columns > 1):
                continue
            neighbour = padded[row : row + rows, column : column + columns]
            np.minimum(least, neighbour, out=least)
            np.maximum(most, neighbour, out=most)
    clipped: Array = np.clip(plane, least, most)
    return clipped


def _normalised(pixels: Array, sample: str) -> Grey:
    clean = without_lone_pixels(as_numbers(pixels))
    scale = Scale(float(clean.min()), float(clean.max()), sample)
    return Grey(scale.low, scale.high, sample, scale.of(clean))


def as_numbers(pixels: Array) -> Array:
    """Pixels with which one can compute: yes and no become 1 and 0."""
    return pixels.astype(np.uint8) if pixels.dtype == np.bool_ else pixels
