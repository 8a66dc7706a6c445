"""A plane as a network sees it: normalised, at the scale that suits it, with what it says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cellwright.core.errors import UsageError
from cellwright.core.image import Array
from cellwright.core.method import PlaneSource
from cellwright.models.description import CLASS, PAINTED, Description
from cellwright.models.model import Model
from cellwright.segment.decoder import decoder_of
from cellwright.segment.network_input import (
    UNCUT,
    Normalisation,
    sampled,
    unit_deviation,
    unit_range,
)
from cellwright.segment.network_maps import UNIT, Answer, Quantised, fill_maps
from cellwright.segment.network_size import (
    HUGE,
    LARGEST_SCALE,
    SMALLER,
    Size,
    agrees,
    find_size,
    undecided,
)
from cellwright.segment.picture_traits import traits_of_picture
from cellwright.segment.rescale import ScaledPlane

__all__ = ["InMemory", "Mapped", "kept_channels", "map_plane"]

MOST_PIXELS = 2**33
"""Pixels of the plane as the network sees it, at the most."""


@dataclass(frozen=True, eq=False)
class InMemory:
    """A plane in memory as a `PlaneSource`."""

    pixels: Array

    @property
    def shape(self) -> tuple[int, ...]:
        """(Y, X) or (Y, X, S)."""
        return tuple(self.pixels.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels."""
        return self.pixels.dtype

    def read(self, top: int, left: int, bottom: int, right: int) -> Array:
        """Rows `top` to `bottom`, columns `left` to `right`, ends excluded."""
        return self.pixels[top:bottom, left:right]


@dataclass(frozen=True, eq=False)
class Mapped:
    """A plane as the network sees it, and what it says.

    Attributes
    ----------
    plane
        Normalised, at the network's scale.
    maps
        Those that the model's decoder takes, and those of its classes.
    normalisation
        Of the plane.
    size, scale
        Of the objects, and the network's pixels for one of the picture's.
    """

    plane: ScaledPlane
    maps: Quantised
    normalisation: Normalisation
    size: Size
    scale: float

    def traits(self, objects: int) -> Array:
        """Describe it, with so many objects found; see `traits_of_picture`."""
        return traits_of_picture(self.plane, self.maps, objects, self.normalisation)


def map_plane(
    plane: PlaneSource,
    model: Model,
    answer: Answer,
    diameter: float | None = None,
    *,
    make: Callable[[tuple[int, ...], Any], Array] = np.zeros,
    told: Callable[[int, int], None] | None = None,
) -> Mapped:
    """Show a plane to a network at the scale that suits it.

    Parameters
    ----------
    plane
        (Y, X), or (Y, X, S) in colour.
    model, answer
        The network: what it is, and how it is asked.
    diameter
        Of a typical object in the plane's pixels; None lets the network find it.
    make
        Makes the array of the maps, of zeros, from shape and type.
    told
        Hears how many tiles are done, and of how many.

    Raises
    ------
    UsageError
        If the plane is too large at this scale.
    """
    showing = _Showing(plane, model, answer, _normalisation(plane, model), make, told)
    description = model.description
    if diameter is not None or description.frame or "size" not in description.channels:
        return showing.at(Size(diameter, 0))
    size = showing.size()
    if size.diameter is None:
        return showing.at(size)
    if size.diameter > HUGE * model.description.diameter:
        own = showing.size(first=1.0)
        looks = size.looks + own.looks
        smaller = own.diameter is not None and own.diameter < size.diameter / SMALLER
        return showing.at(replace(own if smaller else size, looks=looks))
    mapped = showing.at(size)
    doubt = undecided(mapped.maps)
    if agrees(mapped.maps, size.diameter * mapped.scale) and not doubt:
        return mapped
    own = showing.size(first=1.0)
    again = showing.at(replace(own, looks=size.looks + own.looks))
    return mapped if doubt and undecided(again.maps) >= doubt else again


@dataclass(frozen=True, eq=False)
class _Showing:
    """A plane and a network; see `map_plane`."""

    plane: PlaneSource
    model: Model
    answer: Answer
    normalisation: Normalisation
    make: Callable[[tuple[int, ...], Any], Array]
    told: Callable[[int, int], None] | None

    @property
    def kept(self) -> tuple[str, ...]:
        """Channels that are needed after the network."""
        return kept_channels(self.model.description)

    def size(self, first: float | None = None) -> Size:
        """Find out how large objects are, beginning at a scale."""
        description = self.model.description
        return find_size(
            self.plane, self.normalisation, self.answer, description.channels,
            target=description.diameter, multiple=description.multiple, kept=self.kept, first=first,
        )  # fmt: skip

    def at(self, size: Size) -> Mapped:
        """Show the plane at the scale that suits objects of a size."""
        description, normalisation = self.model.description, self.normalisation
        scale = _scale(size.diameter, self.model)
        near = size.seen_at(scale)
        # who finds no more than so many objects at a time is shown small tiles
        if near is not None and description.architecture.name not in PAINTED:
            if self.told is not None:
                self.told(1, 1)
            scaled = ScaledPlane(self.plane, normalisation, near.scale)
            return Mapped(scaled, near.maps, normalisation, size, near.scale)
        frame = description.frame
        scaled = ScaledPlane(self.plane, normalisation, (frame, frame) if frame else scale)
        if scaled.shape[0] * scaled.shape[1] > MOST_PIXELS:
            raise UsageError(
                f"objects of {size.diameter:.1f} px in so large a picture are beyond this method",
                remedy="give a larger --diameter, or cut the picture into parts",
            )
        maps = Quantised(self.kept, self.make((len(self.kept), *scaled.shape), np.int8))
        fill_maps(
            scaled, self.answer, maps, every=description.channels, unit=UNIT,
            tile=description.tile, halo=description.halo, multiple=description.multiple,
            least=description.least, side=description.side, told=self.told,
        )  # fmt: skip
        return Mapped(scaled, maps, normalisation, size, scale)


def kept_channels(description: Description) -> tuple[str, ...]:
    """Channels of a network that its decoder takes, and those that tell classes."""
    taken = decoder_of(description).takes
    return tuple(n for n in taken if n in description.channels) + tuple(
        n for n in description.channels if n.startswith(CLASS)
    )


def _normalisation(plane: PlaneSource, model: Model) -> Normalisation:
    wanted = model.description.normalisation
    clip = wanted.clip or UNCUT
    if wanted.how == "linear":
        return Normalisation(wanted.zero, wanted.one, clip)
    if wanted.how == "deviations":
        return unit_deviation(sampled(plane), clip)
    return unit_range(sampled(plane), wanted.low, wanted.high, clip)


def _scale(diameter: float | None, model: Model) -> float:
    """The network's pixels for one of the picture's."""
    if diameter is None or model.description.frame:
        return 1.0
    return min(LARGEST_SCALE, model.description.diameter / diameter)
