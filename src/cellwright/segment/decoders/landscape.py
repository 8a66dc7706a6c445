"""Basins of a landscape that is empty almost everywhere, and where each basin is highest.

Votes for the middles of nuclei make small islands. Most of them have one peak: such an island is
one basin, and nothing has to be flooded. The others are moved side by side into a small canvas
and divided there, as `cellwright.segment.basins` does it. Islands do not touch, so no basin
depends on where another island lies.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from cellwright.core.image import Array
from cellwright.segment.basins import basins

__all__ = ["SparseBasins", "numbered_by_first", "sparse_basins"]

_EIGHT = np.ones((3, 3), bool)
_CANVAS = 2048
"""Columns after which the canvas begins a new row of islands."""


@dataclass(frozen=True, eq=False)
class SparseBasins:
    """Basins by number from 1, in the order of their tops by rows; 0 is what belongs to none.

    Attributes
    ----------
    pieces
        (Y, X) int32: islands and parts of islands.
    numbers
        From a number in `pieces` to that of the basin.
    tops
        (count + 1,) flat position of each basin's highest pixel, of equal ones the first by rows.
    """

    pieces: Array
    numbers: Array
    tops: Array

    def at(self, places: Array) -> Array:
        """Basin of each flat position: (n,) int32."""
        found: Array = self.numbers[self.pieces.ravel()[places]]
        return found


def sparse_basins(landscape: Array, floor: float, ratio: float) -> SparseBasins:
    """Divide what is higher than a floor into the basins of its distinct peaks.

    Parameters
    ----------
    landscape
        (Y, X) float, C-contiguous; nowhere on its frame higher than the floor.
    floor
        0 or more.
    ratio
        See `cellwright.segment.basins.basins`, of which this gives the basins.

    Examples
    --------
    >>> heights = np.zeros((3, 8))
    >>> heights[1, 1:7] = 2, 4, 0, 3, 1, 4
    >>> found = sparse_basins(heights, 0.5, 0.8)
    >>> found.at(np.arange(8, 16)).tolist(), found.tops.tolist()
    ([0, 1, 1, 0, 2, 3, 3, 0], [0, 10, 12, 14])
    """
    support = landscape > floor
    width = landscape.shape[1]
    flat = landscape.ravel()
    pieces, count = ndimage.label(support, _EIGHT)
    islands = pieces.ravel()
    seeds = _seeds(flat, np.flatnonzero(support), width)
    island = islands[seeds]
    several = np.bincount(island, minlength=count + 1) > 1
    among = several[island]
    tops, piece = [seeds[~among]], [island[~among]]
    if among.any():
        inside = np.flatnonzero(several[islands])
        divided, of_seeds = _divided(landscape, inside, islands[inside], seeds[among], ratio)
        islands[inside] = divided + count
        # of the seeds in a basin the highest is its top; of equal ones the first by rows
        order = np.lexsort((seeds[among], -flat[seeds[among]], of_seeds))
        order = order[np.concatenate([[True], np.diff(of_seeds[order]) > 0])]
        tops.append(seeds[among][order])
        piece.append(of_seeds[order] + count)
    top, of_top = np.concatenate(tops), np.concatenate(piece)
    order = np.argsort(top)
    numbers = np.zeros(max(int(of_top.max(initial=0)), count) + 1, np.int32)
    numbers[of_top[order]] = np.arange(1, top.size + 1)
    return SparseBasins(pieces, numbers, np.concatenate([[0], top[order]]))


def numbered_by_first(groups: Array) -> tuple[Array, Array]:
    """Number groups from 0 in the order in which they come first, and tell where they do.

    Examples
    --------
    >>> numbers, first = numbered_by_first(np.array([4, 2, 4, 0]))
    >>> numbers.tolist(), first.tolist()
    ([0, 1, 0, 2], [0, 1, 3])
    """
    _, first, group = np.unique(groups, return_index=True, return_inverse=True)
    order = np.argsort(first)
    number = np.empty(order.size, np.int64)
    number[order] = np.arange(order.size)
    return number[group], first[order]


def _seeds(flat: Array, at: Array, width: int) -> Array:
    """First pixel of each peak: of pixels that none of their eight neighbours outdoes."""
    for offset in (1, -1, width, -width, width + 1, -width - 1, width - 1, 1 - width):
        at = at[flat[at] >= flat[at + offset]]
    ones, others = [], []
    for offset in (1, width - 1, width, width + 1):
        place = np.searchsorted(at, at + offset)
        joined = at[np.minimum(place, at.size - 1)] == at + offset
        ones.append(np.flatnonzero(joined))
        others.append(place[joined])
    one, other = np.concatenate(ones), np.concatenate(others)
    if not one.size:
        return at
    links = coo_array((np.ones(one.size, bool), (one, other)), shape=(at.size, at.size))
    first: Array = at[numbered_by_first(connected_components(links, directed=False)[1])[1]]
    return first


def _divided(
    landscape: Array, inside: Array, islands: Array, seeds: Array, ratio: float
) -> tuple[Array, Array]:
    """Basins of pixels of some whole islands, and of the seeds among them."""
    number, first = numbered_by_first(islands)
    order = np.argsort(number, kind="stable")  # by island, and in it by rows
    starts = np.flatnonzero(np.concatenate([[True], np.diff(number[order]) > 0]))
    row, column = np.divmod(inside, landscape.shape[1])
    top = row[first]
    bottom = np.maximum.reduceat(row[order], starts) + 1
    left = np.minimum.reduceat(column[order], starts)
    right = np.maximum.reduceat(column[order], starts) + 1
    down, across, shape = _shelves(bottom - top, right - left)
    shift = (down - top) * shape[1] + across - left

    canvas = np.zeros(shape, landscape.dtype)
    moved = row * shape[1] + column + shift[number]
    canvas.ravel()[moved] = landscape.ravel()[inside]
    found = basins(canvas, canvas > 0, ratio).ravel()[moved]
    return found, found[np.searchsorted(inside, seeds)]


def _shelves(heights: Array, widths: Array) -> tuple[Array, Array, tuple[int, int]]:
    """Row and column for each rectangle on a canvas, a pixel between them; the canvas' shape."""
    order = np.argsort(-heights, kind="stable")
    ends = np.cumsum(widths[order] + 1)
    starts = ends - widths[order] - 1
    shelf = starts // _CANVAS
    _, first, shelf = np.unique(shelf, return_index=True, return_inverse=True)
    tallest = heights[order][first] + 1
    tops = np.cumsum(tallest) - tallest
    down, across = np.empty_like(heights), np.empty_like(widths)
    down[order] = tops[shelf] + 1
    across[order] = starts % _CANVAS + 1
    return down, across, (int(tallest.sum()) + 1, int((across + widths).max()) + 1)
