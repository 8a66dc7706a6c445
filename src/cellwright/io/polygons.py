"""Polygons to pixels: a pixel belongs to a polygon if its middle does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from cellwright.core.errors import UnsupportedError

__all__ = ["Mask", "Rings", "check_effort", "fill_polygon"]

Mask = npt.NDArray[np.bool_]
Ring = npt.NDArray[np.float64]
Rings = Sequence[Ring]

MOST_CROSSINGS = 200_000_000
"""Crossings of edges and rows of pixels that are worked out for one polygon: a drawn outline
has thousands; beyond this it would take minutes, which only a file made to do so asks for."""
TOGETHER = 2**21
"""Crossings in memory at a time."""


FARTHEST = 1e9
"""Coordinates beyond this are no pixels, and would be no longer exact."""
EFFORT_PICTURES, EFFORT_PIXELS = 32, 2**30
"""Regions may fill their picture this many times over, and this many pixels besides."""


def check_effort(pixels: int, mask: Mask, where: str) -> None:
    """Stop when the polygons of a file would fill the picture over and over.

    Raises
    ------
    UnsupportedError
        If `pixels`, filled so far, are far more than the mask has.
    """
    if pixels > EFFORT_PICTURES * mask.size + EFFORT_PIXELS:
        raise UnsupportedError(
            "the regions cover the picture too many times over",
            where=where,
            remedy="join them, or give the region as a mask image",
        )


def fill_polygon(mask: Mask, rings: Rings) -> int:
    """Add the pixels of a polygon to a mask, in place.

    Parameters
    ----------
    mask
        (Y, X); pixels of the polygon become True.
    rings
        Closed lines, each (V, 2) of x and y from the upper left corner of the picture's first
        pixel, whose middle is thus (0.5, 0.5). Inside is what an odd number of rings goes
        around, so holes need no mark. Middles on a left or upper edge are inside, those on a
        right or lower one are not: polygons that share an edge share no pixel.

    Returns
    -------
    int
        Number of pixels that were worked on.

    Raises
    ------
    UnsupportedError
        If the outline crosses rows of pixels more than 200 million times, or a coordinate is
        beyond a thousand million.

    Examples
    --------
    >>> mask = np.zeros((3, 4), bool)
    >>> _ = fill_polygon(mask, [np.array([[1.0, 0.0], [3.0, 0.0], [3.0, 2.0], [1.0, 2.0]])])
    >>> mask.astype(int).tolist()
    [[0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
    """
    begins = [ring for ring in rings if len(ring)]
    if not begins:
        return 0
    begin = np.concatenate(begins)
    end = np.concatenate([np.roll(ring, -1, axis=0) for ring in begins])
    if np.abs(begin).max() > FARTHEST:
        raise UnsupportedError(
            "coordinates beyond a thousand million are no pixels",
            remedy="export the region in pixels of the picture",
        )
    height, width = mask.shape
    downwards = begin[:, 1] < end[:, 1]
    upper = np.where(downwards[:, None], begin, end)
    lower = np.where(downwards[:, None], end, begin)
    # Rows whose middle line the edge crosses: from the first middle not above it on.
    first = np.ceil(np.clip(upper[:, 1], 0, height) - 0.5).astype(np.int64)
    last = np.ceil(np.clip(lower[:, 1], 0, height) - 0.5).astype(np.int64)
    crossing = np.flatnonzero(last > first)
    if not len(crossing):
        return 0
    upper, lower, first, last = upper[crossing], lower[crossing], first[crossing], last[crossing]
    rows = last - first
    if int(rows.sum()) > MOST_CROSSINGS:
        raise UnsupportedError(
            f"an outline of {len(begin):,} points goes up and down too often",
            remedy="simplify it, or give the region as a mask image",
        )
    # Only the part of the mask that the polygon reaches is worked on.
    top, bottom = int(first.min()), int(last.max())
    left = int(np.clip(np.floor(begin[:, 0].min()), 0, width))
    right = int(np.clip(np.ceil(begin[:, 0].max()), 0, width))
    span = right - left + 1
    odd = np.zeros((bottom - top) * span, np.int64)
    slope = (lower[:, 0] - upper[:, 0]) / (lower[:, 1] - upper[:, 1])
    cut = np.searchsorted(np.cumsum(rows), np.arange(0, int(rows.sum()), TOGETHER))
    for start, stop in zip(cut, [*cut[1:], len(rows)], strict=True):
        part = slice(int(start), int(stop))
        count = rows[part]
        before = np.cumsum(count) - count
        row = np.repeat(first[part] - before, count) + np.arange(int(count.sum()))
        x = np.repeat(upper[part, 0], count)
        x += (row + 0.5 - np.repeat(upper[part, 1], count)) * np.repeat(slope[part], count)
        column = np.ceil(np.clip(x, left, right) - 0.5).astype(np.int64)
        odd += np.bincount((row - top) * span + column - left, minlength=len(odd))
    inside = np.cumsum(odd.reshape(-1, span), axis=1)[:, :-1] % 2 == 1
    mask[top:bottom, left:right] |= inside
    return int(inside.size)
