"""The door for decoders: from a network's maps of a plane to numbered objects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from pydantic import Field

from cellwright.core import registry
from cellwright.core.errors import UnsupportedError
from cellwright.core.image import Array
from cellwright.core.method import Options
from cellwright.models.description import Description
from cellwright.segment.blocks import Window
from cellwright.segment.network_maps import Quantised

__all__ = [
    "GROUP", "TRAITS", "MapDecoder", "MapOptions", "Objects", "Told", "decoder_of", "level_of",
]  # fmt: skip

GROUP = "cellwright.decoders"

TRAITS = ("area", "foreground", "spread", "size", "overlap")
"""What is kept of each object, from which its confidence is made: pixels; mean probability of
its pixels; how far its votes lie from their peak, and how large the network took it to be, both
as shares of its diameter; largest share of pixels in which it lies over another one. A decoder
whose maps do not tell one of the last three gives 0."""

Told = Callable[[int, int], None] | None
"""Hears how many parts are done, and of how many."""


class MapOptions(Options):
    """What every decoder can be asked for."""

    foreground: float = Field(0.5, gt=0, lt=1, description="Least probability of an object.")


def level_of(options: MapOptions) -> np.float32:
    """Logit above which a pixel is foreground.

    Examples
    --------
    >>> float(level_of(MapOptions()))
    0.0
    """
    return np.float32(np.log(options.foreground / (1 - options.foreground)))


@dataclass(frozen=True, eq=False)
class Objects:
    """Objects of a plane by number from 1; position 0 stands for the ground.

    Attributes
    ----------
    traits
        (count + 1, len(`TRAITS`)) float64.
    """

    traits: Array

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.traits) - 1


class MapDecoder(Protocol):
    """Makes objects of maps.

    Found by the entry point group ``cellwright.decoders``, whose names stand in model files.

    Attributes
    ----------
    name
        As in model files.
    version
        Raised when the same maps and options would give other objects: a model that was tuned
        with a newer version is refused.
    options
        The type of its options.
    needs
        Channels without which it cannot work, one of each group being enough.
    takes
        Channels that it uses where they are there.
    """

    name: str
    version: int
    options: type[MapOptions]
    needs: tuple[frozenset[str], ...]
    takes: tuple[str, ...]

    def find(self, maps: Quantised, labels: Array, options: Any, told: Told = None) -> Objects:
        """Decode the maps of a whole plane.

        Parameters
        ----------
        maps
            With the channels that the model has of `takes`.
        labels
            (Y, X) uint32 zeros, to be filled; numbers are unique.
        options
            Of the decoder.
        told
            Hears of each part.
        """
        ...

    def height(self, maps: Quantised, window: Window, options: Any) -> Array:
        """How far within objects each pixel of a window is: (Y, X) float32, above 0 if it is.

        Outlines that are brought to the picture's own pixels follow its zero.
        """
        ...


def decoder_of(description: Description) -> MapDecoder:
    """Find a model's decoder.

    Raises
    ------
    UnsupportedError
        If there is none of its name, it is too old for the model, or the model's network does
        not give what it needs.
    """
    wanted = description.decoder
    known = registry.load_all(GROUP)
    if wanted.name not in known:
        raise UnsupportedError(
            f"its maps are for the decoder {wanted.name!r}, and there is only "
            + ", ".join(repr(name) for name in known),
            remedy="take another model, or update cellwright",
        )
    decoder: MapDecoder = known[wanted.name]
    if wanted.version > decoder.version:
        raise UnsupportedError(
            f"it needs version {wanted.version} of the decoder {wanted.name!r}, and this is "
            f"{decoder.version}",
            remedy="update cellwright",
        )
    given = set(description.channels)
    if missing := [" or ".join(sorted(one)) for one in decoder.needs if not one & given]:
        raise UnsupportedError(
            f"its network gives no {' and no '.join(missing)}",
            remedy="train it again with this version of cellwright",
        )
    return decoder
