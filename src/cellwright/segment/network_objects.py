"""From maps to numbered objects: decoded window by window, each object in one of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cellwright.core.image import Array
from cellwright.segment.blocks import Grid
from cellwright.segment.decoders.votes import REACH, Decoded, VotesOptions, decode
from cellwright.segment.network_maps import Quantised

__all__ = ["CORE", "TRAITS", "Objects", "find_objects"]

CORE = 2048
"""Side in pixels of a core that is decoded at once."""

TRAITS = ("area", "foreground", "spread", "size", "overlap")
"""What is kept of each object, from which its confidence is made: pixels; mean probability of
its pixels; how far its votes lie from their peak, and how large the network took it to be, both
as shares of its diameter; largest share of pixels in which it lies over another one."""


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


def find_objects(
    maps: Quantised,
    labels: Array,
    options: VotesOptions,
    told: Callable[[int, int], None] | None = None,
    core_side: int = CORE,
) -> Objects:
    """Decode maps.

    Parameters
    ----------
    maps
        Of the whole plane.
    labels
        (Y, X) uint32 zeros, to be filled; numbers are unique.
    options
        Of the decoder.
    told
        Hears of each window.
    core_side
        Changes the time, never the labels.

    Returns
    -------
    Objects
        In the order of their numbers.
    """
    shape = (labels.shape[0], labels.shape[1])
    grid = Grid(shape, core_side)
    given = 0
    traits = [np.zeros((1, len(TRAITS)))]
    for index, core in enumerate(grid):
        window = core.grown(shape, REACH)
        seen = maps.read(window)
        decoded = decode(seen, options)
        rows, columns = core.within(window)
        row, column = decoded.peaks[:, 0], decoded.peaks[:, 1]
        area = np.bincount(decoded.labels.ravel(), minlength=len(row))
        own = (row >= rows.start) & (row < rows.stop) & (area > 0)
        own &= (column >= columns.start) & (column < columns.stop)
        own[0] = False
        count = int(np.count_nonzero(own))
        if count:
            numbers = np.zeros(own.size, np.uint32)
            numbers[own] = given + np.arange(1, count + 1, dtype=np.uint32)
            given += count
            new = numbers[decoded.labels]
            place = labels[window.slices]
            np.copyto(place, new, where=new > 0)
            traits.append(_traits(seen, decoded, area)[own])
        if told is not None:
            told(index + 1, len(grid))
    return Objects(np.concatenate(traits))


def _traits(maps: dict[str, Array], decoded: Decoded, area: Array) -> Array:
    on = decoded.labels > 0
    label = decoded.labels[on]
    pixels = np.maximum(area, 1)
    diameter = 2 * np.sqrt(pixels / np.pi)

    def mean(values: Array) -> Array:
        return np.bincount(label, values, area.size) / pixels

    probability = 1 / (1 + np.exp(-maps["foreground"][on].astype(np.float64)))
    told = mean(maps["size"][on].astype(np.float64))
    crossed = maps["overlap"][on] > 0
    return np.stack(
        [area, mean(probability), decoded.spread / diameter, told, mean(crossed)], axis=1
    )
