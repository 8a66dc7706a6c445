"""The decoder ``votes``: each pixel of an object points to its middle; middles are where many meet.

The pixels of the foreground vote for the place they point to. The votes, smoothed a little, make
a landscape of sharp peaks, one an object, and each pixel goes with the basin it voted for. Nuclei
that touch are far apart in this landscape, however long their common border is.

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
from cellwright.core.method import Options
from cellwright.segment.basins import basins

__all__ = ["REACH", "Decoded", "VotesOptions", "decode"]

REACH = 64
"""Pixels around a core that are looked at: the longest way to a middle (32), and as much again
for the basins and outlines of neighbours."""

LONGEST = 31.0
"""Longest way from a pixel to its object's middle, in pixels."""

_TRUNCATE = 3.0
_ROUNDS = 8
"""Pixels by which an object grows into what its neighbours left behind."""
_FOUR = ((-1, 0), (0, -1), (0, 1), (1, 0))


class VotesOptions(Options):
    """Options of the decoder ``votes``; lengths are in the network's pixels."""

    foreground: float = Field(0.5, gt=0, lt=1, description="Least probability of an object.")
    smoothing: float = Field(1.2, ge=0.3, le=5, description="Deviation of the votes' Gaussian.")
    ratio: float = Field(
        0.7, gt=0, le=1, description="Two peaks are one if the pass between them is this high."
    )
    least_area: float = Field(15, ge=1, description="Smallest object, in the network's pixels.")


@dataclass(frozen=True, eq=False)
class Decoded:
    """Objects of a window.

    Attributes
    ----------
    labels
        (Y, X) int32, numbers with gaps from 1.
    peaks
        (largest label + 1, 2) row and column of each object's peak.
    spread
        (largest label + 1) root mean square distance of its votes from the peak, in pixels.
    """

    labels: Array
    peaks: Array
    spread: Array


def decode(maps: Mapping[str, Array], options: VotesOptions) -> Decoded:
    """Find the objects of a window.

    Parameters
    ----------
    maps
        (Y, X) float32 each: ``foreground`` (logit), ``row_offset`` and ``column_offset`` (way to
        the middle in pixels).
    options
        Of the decoder.
    """
    logit = float(np.log(options.foreground / (1 - options.foreground)))
    mask = maps["foreground"] > logit
    rows, columns = np.nonzero(mask)
    shape = mask.shape
    nothing = Decoded(np.zeros(shape, np.int32), np.zeros((1, 2), np.int64), np.zeros(1))
    if not rows.size:
        return nothing
    down = np.clip(maps["row_offset"][mask], -LONGEST, LONGEST)
    right = np.clip(maps["column_offset"][mask], -LONGEST, LONGEST)
    at_row = np.clip(np.rint(rows + down).astype(np.intp), 0, shape[0] - 1)
    at_column = np.clip(np.rint(columns + right).astype(np.intp), 0, shape[1] - 1)
    place = at_row * shape[1] + at_column
    votes = np.bincount(place, minlength=mask.size).reshape(shape).astype(np.float32)
    landscape = ndimage.gaussian_filter(
        votes, options.smoothing, mode="constant", truncate=_TRUNCATE
    )
    found = basins(landscape, landscape > _faint(options.smoothing), options.ratio)
    chosen = found.ravel()[place]
    labels = np.zeros(shape, np.int32)
    labels[mask] = chosen
    labels = _whole(labels, options.least_area)
    labels = _grown(labels, mask)
    count = int(found.max()) + 1
    peaks = _peaks(found, landscape, count)
    away = (rows + down - peaks[chosen, 0]) ** 2 + (columns + right - peaks[chosen, 1]) ** 2
    voters = np.maximum(np.bincount(chosen, minlength=count), 1)
    return Decoded(labels, peaks, np.sqrt(np.bincount(chosen, away, count) / voters))


def _faint(smoothing: float) -> float:
    """Half of what a single vote has in its own place after smoothing."""
    lone = np.zeros((1, 1, 1))[0]
    lone[0, 0] = 1.0
    size = 2 * int(_TRUNCATE * smoothing + 0.5) + 1
    canvas = np.zeros((size, size), np.float32)
    canvas[size // 2, size // 2] = 1.0
    smooth = ndimage.gaussian_filter(canvas, smoothing, mode="constant", truncate=_TRUNCATE)
    return float(smooth.max()) / 2


def _whole(labels: Array, least: float) -> Array:
    """Of each object keep its largest piece, if that is large enough."""
    pieces, count = _pieces(labels)
    area = np.bincount(pieces.ravel(), minlength=count + 1)
    owner = np.zeros(count + 1, np.int32)
    owner[pieces.ravel()] = labels.ravel()
    owner[0] = 0
    # the largest piece of each object; of two equal ones the first by rows
    order = np.lexsort((np.arange(count + 1), -area, owner))
    first = np.ones(order.size, bool)
    first[1:] = owner[order][1:] != owner[order][:-1]
    kept = np.zeros(count + 1, bool)
    kept[order[first]] = True
    kept &= area >= least
    kept[0] = False
    whole: Array = np.where(kept[pieces], labels, 0)
    return whole


def _pieces(labels: Array) -> tuple[Array, int]:
    """Number the pieces of objects that hang together by sides."""
    from skimage.measure import label

    pieces, count = label(labels, background=0, return_num=True, connectivity=1)  # type: ignore[no-untyped-call]
    return np.asarray(pieces), int(count)


def _grown(labels: Array, mask: Array) -> Array:
    """Give pixels of the mask without an object to a neighbour, some rounds long."""
    framed = np.pad(labels, 1)
    left = np.nonzero(np.pad(mask & (labels == 0), 1))
    for _ in range(_ROUNDS):
        if not left[0].size:
            break
        best = np.zeros(left[0].size, labels.dtype)
        for down, right in _FOUR:
            best = np.maximum(best, framed[left[0] + down, left[1] + right])
        framed[left] = best
        left = (left[0][best == 0], left[1][best == 0])
    return framed[1:-1, 1:-1].copy()


def _peaks(found: Array, landscape: Array, count: int) -> Array:
    """Place of the highest pixel of each basin; of equal ones the first by rows."""
    at = np.flatnonzero(found)
    order = np.lexsort((at, -landscape.ravel()[at], found.ravel()[at]))
    sorted_labels = found.ravel()[at][order]
    first = np.ones(order.size, bool)
    first[1:] = sorted_labels[1:] != sorted_labels[:-1]
    places = np.zeros((count, 2), np.int64)
    places[sorted_labels[first]] = np.stack(np.unravel_index(at[order[first]], found.shape), 1)
    return places
