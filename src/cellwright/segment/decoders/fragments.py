"""Objects as lists of pixels: of each its largest piece, and what is left over to a neighbour."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from cellwright.core.image import Array
from cellwright.segment.decoders.landscape import numbered_by_first

__all__ = ["give_to_neighbours", "largest_pieces"]


def largest_pieces(places: Array, labels: Array, plane: Array, width: int, least: float) -> Array:
    """Keep of each object its largest piece that hangs together by sides, if large enough.

    Pixels side by side in a row are one run, and only runs are looked at.

    Parameters
    ----------
    places
        (n,) flat positions in a plane, sorted; none of them on the plane's frame.
    labels
        (n,) numbers from 1.
    plane
        Flat int32 zeros, one for each pixel of the plane; left with other values at `places`.
    width
        Columns of the plane.
    least
        Pixels of an object, at the least.

    Returns
    -------
    Array
        (n,) the labels, 0 for what is not kept. Of two equal pieces the first by rows is.

    Examples
    --------
    >>> places = np.array([6, 7, 9, 11, 12, 14, 16, 18, 19])
    >>> labels = np.array([1, 1, 1, 1, 1, 1, 2, 2, 2])
    >>> largest_pieces(places, labels, np.zeros(25, np.int32), 5, 2).tolist()
    [1, 1, 0, 1, 1, 0, 0, 2, 2]
    """
    begins = np.ones(places.size, bool)
    np.not_equal(places[1:], places[:-1] + 1, out=begins[1:])
    begins[1:] |= labels[1:] != labels[:-1]
    starts = np.flatnonzero(begins)
    lengths = np.diff(starts, append=places.size)
    run = np.cumsum(begins, dtype=np.int32)
    plane[places] = run
    owner = np.concatenate([np.zeros(1, labels.dtype), labels[starts]])

    above = plane[places - width]
    fresh = begins.copy()  # one link of a run to each above it is enough
    fresh[1:] |= above[1:] != above[:-1]
    fresh &= above > 0
    one, other = run[fresh], above[fresh]
    same = owner[one] == owner[other]
    one, other = one[same] - 1, other[same] - 1
    links = coo_array((np.ones(one.size, bool), (one, other)), shape=(starts.size,) * 2)
    piece, first = numbered_by_first(connected_components(links, directed=False)[1])

    area = np.bincount(piece, lengths)
    whose = labels[starts][first]
    order = np.lexsort((-area, whose))  # of equal ones the first stays the first
    largest = np.concatenate([[True], np.diff(whose[order]) > 0])
    kept = np.zeros(area.size, bool)
    kept[order[largest]] = True
    kept &= area >= least
    owner[1:][~kept[piece]] = 0
    found: Array = owner[run]
    return found


def give_to_neighbours(places: Array, labels: Array, plane: Array, width: int, rounds: int) -> None:
    """Give pixels without an object to one beside them, the highest number first.

    Parameters
    ----------
    places, width
        See `largest_pieces`.
    labels
        (n,) numbers, 0 for pixels without an object, which are filled in.
    plane
        Flat, 0 but at `places`.
    rounds
        Pixels by which an object grows at the most.

    Examples
    --------
    >>> places, labels = np.arange(6, 9), np.array([3, 0, 0])
    >>> give_to_neighbours(places, labels, np.zeros(15, np.int64), 5, 1)
    >>> labels.tolist()
    [3, 3, 0]
    """
    plane[places] = labels
    left = np.flatnonzero(labels == 0)
    for _ in range(rounds):
        if not left.size:
            break
        at = places[left]
        best = plane[at - width]
        for offset in (-1, 1, width):
            np.maximum(best, plane[at + offset], out=best)
        plane[at] = best
        labels[left] = best
        left = left[best == 0]
