"""The planes of one frame: read, projected along Z, one for each channel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from cellwright.core.errors import UnreadableError
from cellwright.core.image import Array, Image
from cellwright.engine.keys import array_hash
from cellwright.pipeline.choice import COLOUR

__all__ = ["Planes", "read_planes"]

COLOURS = ("red", "green", "blue")
FLAT = "_flat"
"""Ending of the names of channels whose uneven light was divided out."""


@dataclass(frozen=True, eq=False)
class Planes:
    """The planes of one frame.

    Attributes
    ----------
    channels
        From the name of each channel to its plane (Y, X), or (Z, Y, X) where nothing was
        projected. A colour picture has the channels red, green and blue.
    whole
        The colour picture (Y, X, S), or None.
    bits
        How many bits the camera used, or None.
    flat
        Channels whose uneven light was divided out; empty where nothing was.
    """

    channels: Mapping[str, Array]
    whole: Array | None
    bits: int | None
    flat: Mapping[str, Array] = field(default_factory=dict)

    @property
    def measured(self) -> dict[str, Array]:
        """Channels whose intensities are measured: as they are, and with even light."""
        return {**self.channels, **{f"{name}{FLAT}": plane for name, plane in self.flat.items()}}

    def hashes(self) -> dict[str, str]:
        """Hash of the pixels of each channel."""
        return {name: array_hash(plane) for name, plane in self.channels.items()}

    @property
    def shape(self) -> tuple[int, ...]:
        """Size of a plane."""
        return tuple(next(iter(self.channels.values())).shape)

    def main(self, number: int) -> Array:
        """Pixels of the chosen channel, all finite; with even light, where it was corrected."""
        if number == COLOUR and self.whole is not None:
            return finite(self.whole)
        name = list(self.channels)[number]
        return finite(self.flat.get(name, self.channels[name]))

    def not_finite(self) -> int:
        """How many pixels are NaN or infinite, over all channels."""
        return sum(
            int(plane.size - np.count_nonzero(np.isfinite(plane)))
            for plane in self.channels.values()
            if np.issubdtype(plane.dtype, np.floating)
        )


def read_planes(image: Image, frame: int, project: str) -> Planes:
    """Read one frame and project it along Z.

    Raises
    ------
    UnreadableError
        If a channel has no finite pixel at all.
    """
    taken = image.frame(frame)
    pixels = taken.pixels()
    axes = taken.axes
    if pixels.dtype == bool:
        pixels = pixels.astype(np.uint8)
    if "Z" in axes and project != "none":
        place = axes.index("Z")
        pixels = _projected(pixels, place, project, colour="S" in axes)
        axes = axes.replace("Z", "")
    if "S" in axes:
        return _colour_planes(pixels, axes, taken)
    stack = pixels if "C" in axes else pixels[None]
    names = taken.channels
    for name, plane in zip(names, stack, strict=True):
        _refuse_not_finite(plane, name)
    return Planes(dict(zip(names, stack, strict=True)), None, taken.bits)


def _colour_planes(pixels: Array, axes: str, image: Image) -> Planes:
    """Take a colour picture apart; several channels of colour become one channel each sample."""
    if "C" not in axes:
        parts = {name: pixels[..., i] for i, name in enumerate(COLOURS[: pixels.shape[-1]])}
        return Planes(parts, pixels, image.bits)
    place = axes.index("C")
    parts = {}
    for number, name in enumerate(image.channels):
        channel = np.take(pixels, number, axis=place)
        parts[name] = channel.mean(axis=-1).astype(channel.dtype)
    return Planes(parts, None, image.bits)


def _projected(pixels: Array, place: int, project: str, *, colour: bool) -> Array:
    if project == "max":
        return np.asarray(pixels.max(axis=place))
    if project == "mean":
        return np.asarray(pixels.mean(axis=place, dtype=np.float64).astype(np.float32))
    return _sharpest(pixels, place, colour=colour)


def _sharpest(pixels: Array, place: int, *, colour: bool) -> Array:
    """The plane with the strongest local differences (Brenner's gradient), in each channel.

    J. F. Brenner and others, J. Histochem. Cytochem. 24 (1976): squared differences over
    two pixels, summed over the plane.
    """
    planes = np.moveaxis(pixels, place, 0)
    grey = planes.mean(axis=-1) if colour else planes.astype(np.float64)
    step = grey[..., 2:] - grey[..., :-2]
    strength = np.nansum(step**2, axis=(-2, -1))
    best = np.argmax(strength, axis=0)
    if best.ndim == 0:
        return np.asarray(planes[int(best)])
    return np.stack([planes[int(z), c] for c, z in enumerate(best)])


def _refuse_not_finite(plane: Array, name: str) -> None:
    if np.issubdtype(plane.dtype, np.floating) and not np.isfinite(plane).any():
        raise UnreadableError(f"every pixel of channel {name!r} is NaN or infinite")


def finite(pixels: Array) -> Array:
    """Replace NaN and infinite pixels by the smallest finite value: background, to a method."""
    if not np.issubdtype(pixels.dtype, np.floating):
        return pixels
    good = np.isfinite(pixels)
    if good.all():
        return pixels
    return np.where(good, pixels, pixels[good].min())
