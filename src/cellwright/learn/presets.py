"""How an architecture is best trained and asked, where nobody says otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Presets"]


@dataclass(frozen=True, kw_only=True)
class Presets:
    """What an architecture brings with it; a plan is made of this and of the dataset.

    Attributes
    ----------
    diameter
        At which the network sees objects, in its pixels; with None it tells no sizes, and sees
        objects as large as they are in the pictures.
    tells_classes
        Whether it can have options ``classes`` and ``class_weights``.
    settings
        Of a training, which differ from those of `Settings`.
    sampling
        Of its patches, which differ from those of `Sampling`.
    decoding
        Options of its decoder, in the network's pixels.
    tile
        Side of a tile, in pixels.
    halo
        Width of what is computed around a tile and thrown away, in pixels; with None as wide as
        the deepest level of a network sees.
    """

    diameter: float | None = None
    tells_classes: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    sampling: Mapping[str, Any] = field(default_factory=dict)
    decoding: Mapping[str, Any] = field(default_factory=dict)
    tile: int = 1664
    halo: int | None = None
