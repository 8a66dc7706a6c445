"""The decoder ``votes``: each pixel of an object points to its middle; middles are where many meet.

The pixels of the foreground vote for the place they point to. The votes, smoothed a little, make
a landscape of sharp peaks, one an object, and each pixel goes with the basin it voted for. Nuclei
that touch are far apart in this landscape, however long their common border is. Long nuclei may
have two peaks; `joining` tells them from two nuclei.

All that decides about an object lies within `REACH` of it, so a plane can be decoded window by
window: an object belongs to the window's core that holds its peak.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from pydantic import Field
from scipy import ndimage

from cellwright.core.image import Array
from cellwright.segment.decoder import MapOptions, level_of
from cellwright.segment.decoders.fragments import give_to_neighbours, largest_pieces
from cellwright.segment.decoders.joining import joined
from cellwright.segment.decoders.landscape import sparse_basins

__all__ = [
    "REACH",
    "SAID",
    "VERSION",
    "Decoded",
    "VotesOptions",
    "decode",
    "decode_pixels",
]

VERSION = 1
"""Of this decoder: a model that was tuned with a newer one is refused."""

REACH = 128
"""Pixels around a core that are looked at: the longest way to a middle (31), and three times as
much for chains of basins that touch. On maps of smooth noise, where every peak touches the next,
64 leave some pixels in a hundred thousand that depend on the windows, and 96 leave none, nor with
objects that are joined."""

LONGEST = 31.0
"""Longest way from a pixel to its object's middle, in pixels."""

SAID = ("row_offset", "column_offset", "size")
"""What is known of a pixel of the foreground; see `decode`."""

_TRUNCATE = 3.0
_ROUNDS = 8
"""Pixels by which an object grows into what its neighbours left behind."""


class VotesOptions(MapOptions):
    """Options of the decoder ``votes``; lengths are in the network's pixels."""

    smoothing: float = Field(1.2, ge=0.3, le=5, description="Deviation of the votes' Gaussian.")
    ratio: float = Field(
        0.7, gt=0, le=1, description="Two peaks are one if the pass between them is this high."
    )
    least_area: float = Field(15, ge=1, description="Smallest object, in the network's pixels.")
    join: float | None = Field(
        None,
        ge=0,
        le=0.5,
        description="Two objects that touch are one if their sizes are then nearer to what the "
        "network says, by this many octaves; without, never.",
    )


@dataclass(frozen=True, eq=False)
class Decoded:
    """Objects of a window.

    Attributes
    ----------
    shape
        Rows and columns of the window.
    places
        (n,) flat positions of the foreground's pixels, in order.
    owners
        (n,) int32 number of the object of each, 0 for none; numbers may have gaps.
    peaks
        (numbers, 2) row and column of each object's peak; position 0 stands for none.
    spread
        (numbers,) root mean square distance of its votes from the peak, in pixels.
    """

    shape: tuple[int, int]
    places: Array
    owners: Array
    peaks: Array
    spread: Array

    @property
    def labels(self) -> Array:
        """(Y, X) int32 label image."""
        labels = np.zeros(self.shape, np.int32)
        labels.ravel()[self.places] = self.owners
        return labels


def decode(maps: Mapping[str, Array], options: VotesOptions) -> Decoded:
    """Find the objects of a window.

    Parameters
    ----------
    maps
        (Y, X) float32 each: ``foreground`` (logit), ``row_offset`` and ``column_offset`` (way to
        the middle in pixels), ``size`` (logarithm to the base 2 of the diameter in pixels).
    options
        Of the decoder.
    """
    mask = maps["foreground"] > level_of(options)
    places = np.flatnonzero(mask)
    said = {name: maps[name].ravel()[places] for name in SAID}
    return decode_pixels((mask.shape[0], mask.shape[1]), places, said, options)


def decode_pixels(
    shape: tuple[int, int], places: Array, said: Mapping[str, Array], options: VotesOptions
) -> Decoded:
    """Find the objects of a window, given the pixels of its foreground.

    Parameters
    ----------
    shape
        Rows and columns of the window.
    places
        (n,) flat positions of the foreground's pixels, in order.
    said
        (n,) each, by the names of `SAID`: see `decode`.
    options
        Of the decoder.
    """
    if not places.size:
        return Decoded(
            shape, places, np.zeros(0, np.int32), np.zeros((1, 2), np.int64), np.zeros(1)
        )
    width = shape[1] + 2  # with a frame, so that every pixel has neighbours on all sides
    rows = places.astype(np.int32) // np.int32(shape[1])
    columns = places.astype(np.int32) - rows * np.int32(shape[1])
    at_row = rows + np.clip(said["row_offset"], -LONGEST, LONGEST)
    at_column = columns + np.clip(said["column_offset"], -LONGEST, LONGEST)
    goal = _nearest(at_row, shape[0]) * width + _nearest(at_column, shape[1])
    goal += width + 1
    framed = rows * np.intp(width) + columns + (width + 1)

    landscape = _landscape(goal, (shape[0] + 2, width), options.smoothing)
    basins = sparse_basins(landscape, _faint(options.smoothing), options.ratio)
    chosen = basins.at(goal)
    peaks = np.stack(np.divmod(basins.tops, width), axis=1) - 1
    away = (at_row - peaks[chosen, 0]) ** 2
    away += (at_column - peaks[chosen, 1]) ** 2
    voters = np.bincount(chosen, minlength=len(peaks))
    spread = np.sqrt(np.bincount(chosen, away, len(peaks)) / np.maximum(voters, 1))

    plane = np.zeros(landscape.size, np.int32)
    owners = largest_pieces(framed, chosen, plane, width, options.least_area)
    give_to_neighbours(framed, owners, plane, width, _ROUNDS)
    if options.join is not None:
        area = np.bincount(owners, minlength=spread.size)
        told = np.bincount(owners, said["size"], spread.size) / np.maximum(area, 1)
        whole = joined(*_touching(framed, owners, plane, width), area, told, options.join)
        owners = whole[owners]
        square = np.bincount(whole, area * spread**2, spread.size)
        spread = np.sqrt(square / np.maximum(np.bincount(whole, area, spread.size), 1))
    return Decoded(shape, places, owners, peaks, spread)


def _touching(places: Array, owners: Array, plane: Array, width: int) -> tuple[Array, Array]:
    """Objects on both sides of each place where two of them touch: (n,) each."""
    first, second = [], []
    for offset in (1, width):
        beside = plane[places + offset]
        touch = (owners > 0) & (beside > 0) & (owners != beside)
        first.append(owners[touch])
        second.append(beside[touch])
    return np.concatenate(first), np.concatenate(second)


def _nearest(place: Array, length: int) -> Array:
    """Nearest pixel along an axis; votes for what lies outside go to its edge."""
    nearest: Array = np.clip(np.rint(place), 0, length - 1).astype(np.intp)
    return nearest


def _landscape(goal: Array, shape: tuple[int, int], smoothing: float) -> Array:
    """Votes for each pixel, smoothed; 0 on the frame."""
    votes = np.bincount(goal, minlength=shape[0] * shape[1]).astype(np.float32).reshape(shape)
    landscape = np.zeros(shape, np.float32)
    inner = (slice(1, -1), slice(1, -1))
    ndimage.gaussian_filter(
        votes[inner], smoothing, output=landscape[inner], mode="constant", truncate=_TRUNCATE
    )
    return landscape


def _faint(smoothing: float) -> float:
    """Half of what a single vote has in its own place after smoothing."""
    size = 2 * int(_TRUNCATE * smoothing + 0.5) + 1
    canvas = np.zeros((size, size), np.float32)
    canvas[size // 2, size // 2] = 1.0
    smooth = ndimage.gaussian_filter(canvas, smoothing, mode="constant", truncate=_TRUNCATE)
    return float(smooth.max()) / 2
