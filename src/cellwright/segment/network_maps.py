"""A network's maps of a plane, tile by tile, at the scale at which it sees objects best."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from cellwright.core.errors import UnsupportedError
from cellwright.core.image import Array
from cellwright.segment.blocks import Grid, Window
from cellwright.segment.network_input import three_channels

__all__ = ["SIZE_UNIT", "UNIT", "Answer", "Quantised", "Scaled", "fill_maps", "flipped", "steps_of"]

Answer = Callable[[Array], Array]
"""A network: from (1, 3, Y, X) to (1, C, Y, X), both float32; Y and X are multiples of the
network's total stride."""

UNIT = 10.0
"""Pixels that are 1 in the channels of a network that tell lengths."""

SIZE_UNIT = 16.0
"""Diameter in pixels whose binary logarithm is 0 in the channel ``size``."""

LOGIT_STEP = 1 / 16
"""Of logits, which are kept between -8 and 8: 0.03 % and 99.97 %."""
OFFSET_STEP = 1 / 4
"""Pixels, between -32 and 32."""
SIZE_STEP = 1 / 16
"""Octaves of the size of an object, between -8 and 8."""
SHARE_STEP = 1 / 64


def steps_of(channel: str) -> float:
    """What one step of a channel's stored whole numbers stands for."""
    if channel.endswith("_offset"):
        return OFFSET_STEP
    if channel == "size":
        return SIZE_STEP
    return SHARE_STEP if channel == "distance" else LOGIT_STEP


class Scaled(Protocol):
    """A plane at the network's scale, normalised, read window by window."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns at the network's scale."""
        ...

    def read(self, window: Window) -> Array:
        """(Y, X) or (Y, X, S) float32 of a window."""
        ...


@dataclass(frozen=True, eq=False)
class Quantised:
    """Maps as one byte a pixel and channel.

    Attributes
    ----------
    channels
        Their names.
    values
        (C, Y, X) int8, in memory or mapped from disk.
    """

    channels: tuple[str, ...]
    values: Array

    def read(self, window: Window) -> dict[str, Array]:
        """Float32 maps of a window by name; offsets in pixels."""
        part = self.values[(slice(None), *window.slices)]
        return {
            name: part[index].astype(np.float32) * np.float32(steps_of(name))
            for index, name in enumerate(self.channels)
        }

    def one(self, name: str, window: Window) -> Array:
        """One of them."""
        return self.stored(name, window).astype(np.float32) * np.float32(steps_of(name))

    def stored(self, name: str, window: Window) -> Array:
        """One of them as it is kept: (Y, X) int8, multiples of `steps_of` the channel."""
        return np.ascontiguousarray(self.values[(self.channels.index(name), *window.slices)])


def fill_maps(
    plane: Scaled,
    answer: Answer,
    maps: Quantised,
    *,
    every: Sequence[str],
    unit: float,
    tile: int,
    halo: int,
    multiple: int,
    least: int = 1,
    side: int | None = None,
    told: Callable[[int, int], None] | None = None,
) -> int:
    """Let the network look at a plane.

    A plane that fits into one tile is not tiled. Else each core of a fixed grid is looked at with
    a halo on all sides, as wide as the network sees, so that no seam shows.

    Parameters
    ----------
    plane
        The picture.
    answer
        The network.
    maps
        To be filled.
    every
        Names of the network's channels, of which `maps` keeps some.
    unit
        Pixels that are 1 in the network's offsets.
    tile, halo
        Side of a core and the width around it, in the network's pixels.
    multiple
        Of which the network's input sides must be.
    least
        Shortest side that the network takes.
    side
        Side of the squares that it takes, if it takes no other: a tile with its halo.
    told
        Hears how many cores are done, and of how many.

    Returns
    -------
    int
        How many pixels the network has seen.

    Raises
    ------
    UnsupportedError
        If its answer is not a number somewhere.
    """
    rows, columns = plane.shape
    if side is None:
        whole = rows * columns <= (tile + 2 * halo) ** 2
    else:
        whole, least = max(rows, columns) <= side, side
    grid = Grid((rows, columns), max(rows, columns) if whole else tile)
    factors = np.array(
        [(unit if name.endswith("_offset") else 1.0) / steps_of(name) for name in maps.channels],
        np.float32,
    )
    picked = [list(every).index(name) for name in maps.channels]
    seen = 0
    for index, core in enumerate(grid):
        window = _aligned(core.grown((rows, columns), 0 if whole else halo), multiple)
        pixels = _padded(three_channels(plane.read(window)), multiple, least)
        seen += pixels.shape[1] * pixels.shape[2]
        found = answer(pixels[None])[0, picked]
        down, right = core.within(window)
        part = found[:, down, right] * factors[:, None, None]
        if np.isnan(part.max()):
            raise UnsupportedError(
                "the network's answer is not a number somewhere",
                remedy="run `cellwright models check` on the model",
            )
        np.clip(np.rint(part, out=part), -127, 127, out=part)
        maps.values[(slice(None), *core.slices)] = part.astype(np.int8)
        if told is not None:
            told(index + 1, len(grid))
    return seen


def _aligned(window: Window, multiple: int) -> Window:
    """Begin at a multiple of the stride, so that the network's own grid is that of the plane."""
    return Window(
        window.top // multiple * multiple,
        window.left // multiple * multiple,
        window.bottom,
        window.right,
    )


def _padded(pixels: Array, multiple: int, least: int) -> Array:
    """Repeat the last row and column until the sides are multiples, and long enough."""
    rows, columns = (
        max(least - length, -length % multiple) for length in pixels.shape[1:]
    )  # the shortest side is a multiple itself
    if not rows and not columns:
        return np.ascontiguousarray(pixels)
    return np.pad(pixels, ((0, 0), (0, rows), (0, columns)), mode="edge")


def flipped(answer: Answer, channels: Sequence[str]) -> Answer:
    """Ask a network four times, of mirrored pictures too, and take the mean.

    Parameters
    ----------
    answer
        The network.
    channels
        Of its answer: offsets change their sign with their axis.
    """
    signs = np.ones((2, len(channels), 1, 1), np.float32)
    for index, name in enumerate(channels):
        signs[0, index] = -1 if name == "row_offset" else 1
        signs[1, index] = -1 if name == "column_offset" else 1

    def mean(batch: Array) -> Array:
        total = answer(batch)
        for axes in ((2,), (3,), (2, 3)):
            found = np.flip(answer(np.ascontiguousarray(np.flip(batch, axes))), axes)
            for axis in axes:
                found = found * signs[axis - 2]
            total = total + found
        halved: Array = total / 4
        return halved

    return mean
