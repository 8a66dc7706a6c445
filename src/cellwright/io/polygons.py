"""Polygons to pixels: a pixel belongs to a polygon if its middle does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cellwright.core.errors import UnsupportedError

__all__ = [
    "Mask", "NoAreaError", "Patch", "Ring", "Rings", "as_ring", "check_effort", "ellipse_patch",
    "fill_polygon", "joined", "polygon_patch",
]  # fmt: skip

Mask = npt.NDArray[np.bool_]
Ring = npt.NDArray[np.float64]
Rings = Sequence[Ring]
Axis = tuple[int, npt.NDArray[np.float64]]

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


class NoAreaError(UnsupportedError):
    """What was drawn is a point, a line or a note: it has no pixels."""


@dataclass(frozen=True, eq=False)
class Patch:
    """Pixels of one object, in the part of the picture that it reaches.

    Attributes
    ----------
    mask
        (y, x) bool.
    corner
        Row and column of the mask's first pixel in the picture.
    """

    mask: Mask
    corner: tuple[int, int]

    def add_to(self, mask: Mask) -> None:
        """Add the pixels to a mask of the whole picture, in place."""
        (top, left), (height, width) = self.corner, self.mask.shape
        mask[top : top + height, left : left + width] |= self.mask


NOTHING = Patch(np.zeros((0, 0), bool), (0, 0))


def as_ring(values: Any, fewest: int = 0) -> Ring:
    """Points of an outline from pairs of numbers, as a file holds them; further ones are left.

    Raises
    ------
    ValueError
        If they are no pairs of finite numbers, or less than `fewest`.

    Examples
    --------
    >>> as_ring([[0, 0, 7], [2, 0.5, 7]]).tolist()
    [[0.0, 0.0], [2.0, 0.5]]
    """
    points = np.asarray(values)
    if not fewest and points.shape in {(0,), (0, 2)}:
        return np.zeros((0, 2))
    if points.dtype.kind not in "if" or points.ndim != 2 or points.shape[1] < 2:
        raise ValueError("a ring is a list of pairs of numbers")
    points = points[:, :2].astype(np.float64)
    if len(points) < fewest:
        raise ValueError("a ring has at least three points")
    if not np.isfinite(points).all():
        raise ValueError("the points of a ring are finite numbers")
    return points


def joined(patches: Sequence[Patch]) -> Patch:
    """All pieces of an object as one.

    Examples
    --------
    >>> dot = np.ones((1, 1), bool)
    >>> both = joined([Patch(dot, (5, 3)), Patch(dot, (6, 2))])
    >>> both.mask.astype(int).tolist(), both.corner
    ([[0, 1], [1, 0]], (5, 2))
    """
    there = [patch for patch in patches if patch.mask.size]
    if len(there) < 2:
        return there[0] if there else NOTHING
    first = np.array([patch.corner for patch in there])
    last = first + [patch.mask.shape for patch in there]
    top, left = first.min(axis=0).tolist()
    height, width = (last.max(axis=0) - (top, left)).tolist()
    whole = np.zeros((height, width), bool)
    for patch in there:
        Patch(patch.mask, (patch.corner[0] - top, patch.corner[1] - left)).add_to(whole)
    return Patch(whole, (top, left))


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
    patch = polygon_patch(rings, (mask.shape[0], mask.shape[1]))
    patch.add_to(mask)
    return patch.mask.size


def polygon_patch(rings: Rings, shape: tuple[int, int]) -> Patch:
    """Pixels of a polygon, in its bounding box and within a picture; see `fill_polygon`.

    Parameters
    ----------
    rings
        As of `fill_polygon`.
    shape
        (Y, X) of the picture.

    Raises
    ------
    UnsupportedError
        As by `fill_polygon`.

    Examples
    --------
    >>> square = np.array([[1.0, 0.0], [3.0, 0.0], [3.0, 2.0], [1.0, 2.0]])
    >>> patch = polygon_patch([square], (4_000, 4_000))
    >>> patch.mask.tolist(), patch.corner
    ([[True, True], [True, True]], (0, 1))
    """
    begins = [ring for ring in rings if len(ring)]
    if not begins:
        return NOTHING
    begin = np.concatenate(begins)
    end = np.concatenate([np.roll(ring, -1, axis=0) for ring in begins])
    if np.abs(begin).max() > FARTHEST:
        raise UnsupportedError(
            "coordinates beyond a thousand million are no pixels",
            remedy="export the region in pixels of the picture",
        )
    height, width = shape
    downwards = begin[:, 1] < end[:, 1]
    upper = np.where(downwards[:, None], begin, end)
    lower = np.where(downwards[:, None], end, begin)
    # Rows whose middle line the edge crosses: from the first middle not above it on.
    first = np.ceil(np.clip(upper[:, 1], 0, height) - 0.5).astype(np.int64)
    last = np.ceil(np.clip(lower[:, 1], 0, height) - 0.5).astype(np.int64)
    crossing = np.flatnonzero(last > first)
    if not len(crossing):
        return NOTHING
    upper, lower, first, last = upper[crossing], lower[crossing], first[crossing], last[crossing]
    rows = last - first
    if int(rows.sum()) > MOST_CROSSINGS:
        raise UnsupportedError(
            f"an outline of {len(begin):,} points goes up and down too often",
            remedy="simplify it, or give the region as a mask image",
        )
    # Only the part of the picture that the polygon reaches is worked on.
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
    return Patch(inside, (top, left))


def ellipse_patch(
    center: tuple[float, float],
    radii: tuple[float, float],
    shape: tuple[int, int],
    angle: float = 0.0,
) -> Patch:
    """Pixels whose middle lies in an ellipse or on its edge, within a picture.

    Parameters
    ----------
    center
        x and y, from the upper left corner of the picture's first pixel.
    radii
        Along x and y before it is turned.
    shape
        (Y, X) of the picture.
    angle
        By which it is turned clockwise on the screen, in radians.

    Raises
    ------
    ValueError
        If a number is not finite or a radius is negative.

    Examples
    --------
    >>> ellipse_patch((2.0, 0.5), (2.0, 0.5), (3, 9)).mask.astype(int).tolist()
    [[1, 1, 1, 1]]
    """
    if not np.isfinite([*center, *radii, angle]).all() or min(radii) < 0:
        raise ValueError("an ellipse has finite numbers, and no negative radius")
    if not min(radii):
        return NOTHING
    cosine, sine = np.cos(angle), np.sin(angle)
    top, y = _middles(center[1], float(np.hypot(radii[0] * sine, radii[1] * cosine)), shape[0])
    left, x = _middles(center[0], float(np.hypot(radii[0] * cosine, radii[1] * sine)), shape[1])
    along = (x[None, :] * cosine + y[:, None] * sine) / radii[0]
    across = (y[:, None] * cosine - x[None, :] * sine) / radii[1]
    return Patch(along**2 + across**2 <= 1.0, (top, left))


def _middles(center: float, reach: float, size: int) -> Axis:
    """Pixels of one axis that may lie within reach: the first, and how far each middle is off."""
    first = int(np.floor(np.clip(center - reach, 0, size)))
    last = int(np.ceil(np.clip(center + reach, 0, size)))
    return first, np.arange(first, last, dtype=np.float64) + (0.5 - center)
