"""The decoder ``votes`` on a whole plane: window by window, each object in one of them."""

from __future__ import annotations

import numpy as np

from cellwright.core.image import Array
from cellwright.segment.blocks import Grid, Window
from cellwright.segment.decoder import TRAITS, MapOptions, Objects, Told, level_of
from cellwright.segment.decoders.votes import (
    REACH,
    SAID,
    VERSION,
    Decoded,
    VotesOptions,
    decode_pixels,
)
from cellwright.segment.network_maps import SIZE_UNIT, Quantised, steps_of

__all__ = ["CHANNELS", "CORE", "DECODER", "find_objects"]

CHANNELS = ("foreground", "row_offset", "column_offset", "size", "overlap")
"""Channels that are needed."""

CORE = 2048
"""Side in pixels of a core that is decoded at once."""


def find_objects(
    maps: Quantised,
    labels: Array,
    options: VotesOptions,
    told: Told = None,
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
        window = _around(core, shape)
        decoded = _decoded(maps, window, options)
        own = _with_peak_in(decoded, core, window)
        owners = np.where(own[decoded.owners], decoded.owners, 0)
        numbers = np.zeros(own.size, np.uint32)
        present = np.bincount(owners, minlength=own.size) > 0
        present[0] = False
        count = int(np.count_nonzero(present))
        if count:
            numbers[present] = given + np.arange(1, count + 1, dtype=np.uint32)
            given += count
            on = np.flatnonzero(owners)
            places, owners = decoded.places[on], owners[on]
            rows, columns = np.divmod(places, window.shape[1])
            labels[rows + window.top, columns + window.left] = numbers[owners]
            traits.append(_traits(maps, window, places, owners, decoded.spread)[present])
        if told is not None:
            told(index + 1, len(grid))
    return Objects(np.concatenate(traits))


def _around(core: Window, shape: tuple[int, int]) -> Window:
    """All that decides about objects whose peak is in a core.

    It begins at an even row and column: votes for the edge between two pixels go to the even one.
    """
    wide = core.grown(shape, REACH)
    return Window(wide.top - wide.top % 2, wide.left - wide.left % 2, wide.bottom, wide.right)


def _decoded(maps: Quantised, window: Window, options: VotesOptions) -> Decoded:
    """Decode a window; the maps stay bytes but for the pixels of the foreground."""
    least = np.floor(level_of(options) / np.float32(steps_of("foreground")))
    places = np.flatnonzero(maps.stored("foreground", window) > least)
    said = {
        name: maps.stored(name, window).ravel()[places] * np.float32(steps_of(name))
        for name in SAID
    }
    said["size"] += np.float32(np.log2(SIZE_UNIT))
    return decode_pixels(window.shape, places, said, options)


def _with_peak_in(decoded: Decoded, core: Window, window: Window) -> Array:
    """Which objects of a window have their peak in its core: (numbers,) bool."""
    rows, columns = core.within(window)
    row, column = decoded.peaks[:, 0], decoded.peaks[:, 1]
    own: Array = (row >= rows.start) & (row < rows.stop)
    own &= (column >= columns.start) & (column < columns.stop)
    own[0] = False
    return own


def _traits(maps: Quantised, window: Window, places: Array, owners: Array, spread: Array) -> Array:
    """(numbers, len(`TRAITS`)) of objects, given their pixels and the scatter of their votes."""
    area = np.bincount(owners, minlength=spread.size)
    pixels = np.maximum(area, 1)

    def mean(values: Array) -> Array:
        return np.bincount(owners, values, spread.size) / pixels

    logit, told, crossed = (
        maps.stored(name, window).ravel()[places] for name in ("foreground", "size", "overlap")
    )
    return np.stack(
        [
            area,
            mean(_PROBABILITY[logit.astype(np.intp) + _BYTE]),
            spread / (2 * np.sqrt(pixels / np.pi)),
            mean(told) * steps_of("size"),
            mean(crossed > 0),
        ],
        axis=1,
    )


_BYTE = 128
_PROBABILITY = 1 / (1 + np.exp(-np.arange(-_BYTE, _BYTE) * steps_of("foreground")))
"""Of each value that the map of the foreground may have, from the least on."""


class _Votes:
    """The decoder; see `cellwright.segment.decoder.MapDecoder`."""

    name = "votes"
    version = VERSION
    options: type[MapOptions] = VotesOptions
    needs = tuple(frozenset({name}) for name in CHANNELS)
    takes = CHANNELS

    def find(
        self, maps: Quantised, labels: Array, options: VotesOptions, told: Told = None
    ) -> Objects:
        return find_objects(maps, labels, options, told)

    def height(self, maps: Quantised, window: Window, options: VotesOptions) -> Array:
        found: Array = maps.one("foreground", window) - level_of(options)
        return found


DECODER = _Votes()
