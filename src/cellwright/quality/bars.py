"""Bars: thin rectangles of one colour with sharp edges along the rows, as scale bars are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from cellwright.core.image import Array
from cellwright.quality.glyphs import Box
from cellwright.quality.plane import Floats

__all__ = ["Bar", "find_bars", "full_colours"]

STEP = 0.2
"""Least difference between a bar and what is around it, as a share of full scale."""
_CONSTANT = 0.08
"""Pixels of one colour differ by no more than this, as a share of full scale: compression leaves
some 0.03 at a sharp edge."""
_MOSTLY = 0.95
_SHORTEST = 16
_LONGEST = 0.7
"""Longest bar as a share of the width: longer edges are those of the picture, or of its tiles."""
_THINNEST, _THICKEST = 2, 40
_ASPECT = 4.0
_TOLERANCE = 2
"""Pixels by which the ends of the upper and lower edge may differ."""
_MARGIN = 0.3
"""A bar lies within this share of the height from the upper or lower border."""
_MOST_EDGES = 3000
_PANEL_FILL = 0.97


@dataclass(frozen=True)
class Bar:
    """A bar.

    Attributes
    ----------
    box
        Of the bar itself.
    panel
        Of the box of one colour that it is drawn in, or None.
    colour, ground
        Of the bar, and of what is just around it (median); 0 to 1 for each sample.
    """

    box: Box
    panel: Box | None
    colour: tuple[float, ...]
    ground: tuple[float, ...]

    @property
    def length(self) -> int:
        """In pixels."""
        return self.box[3] - self.box[1]


def full_colours(pixels: Array) -> Floats:
    """Scale a plane (Y, X) or colour picture (Y, X, S) to (Y, X, S) float32 from 0 to 1.

    Whole numbers of 8 bits by their full scale, all others by the values that there are.

    Examples
    --------
    >>> full_colours(np.array([[0, 255]], np.uint8)).ravel().tolist()
    [0.0, 1.0]
    """
    whole = pixels if pixels.ndim == 3 else pixels[..., None]
    values = np.asarray(whole[..., :3], np.float32)
    if pixels.dtype == np.uint8:
        return values / np.float32(255)
    good = np.isfinite(values)
    if not good.all():
        values = np.where(good, values, values[good].min() if good.any() else 0)
    if not values.size:
        return values
    low, high = float(values.min()), float(values.max())
    return np.asarray((values - low) / max(high - low, 1e-12), np.float32)


def find_bars(colours: Floats) -> list[Bar]:
    """Find bars along the rows.

    Parameters
    ----------
    colours
        (Y, X, S) from 0 to 1.

    Returns
    -------
    list of Bar
        The longest first.

    Examples
    --------
    >>> plane = np.full((100, 200, 1), 0.2, np.float32)
    >>> plane[85:89, 120:180] = 1.0
    >>> [bar.box for bar in find_bars(plane)]
    [(85, 120, 89, 180)]
    """
    height, width = colours.shape[:2]
    if height < 4 * _THINNEST or width < 2 * _SHORTEST:
        return []
    found: dict[Box, Bar] = {}
    band = max(int(_MARGIN * height), 1)
    for start, stop in ((0, band), (height - band, height)):
        part = colours[start:stop]
        for box in _candidates(part):
            bar = _checked(colours, (box[0] + start, box[1], box[2] + start, box[3]))
            if bar is not None:
                found[bar.box] = bar
    return sorted(found.values(), key=lambda bar: (-bar.length, bar.box))


def _candidates(part: Floats) -> Iterator[Box]:
    """Upper and lower edges of the same ends, one over the other."""
    step = part[1:] - part[:-1]
    shortest = max(_SHORTEST, part.shape[1] // 100)
    longest = _LONGEST * part.shape[1]
    edges: list[tuple[int, int, int, tuple[float, ...]]] = []
    # Each sample by itself: a colour may differ from what is around it in one sample only.
    strong = np.logical_or.reduce([np.abs(one) >= STEP for one in np.moveaxis(step, -1, 0)])
    total = np.cumsum(strong, axis=1, dtype=np.int32)
    long = (total[:, shortest - 1 :] - total[:, : total.shape[1] - shortest + 1]) >= shortest - 1
    for row in np.flatnonzero(long.any(axis=1)).tolist():
        line = np.diff(np.concatenate([[0], strong[row].astype(np.int8), [0]]))
        begins, ends = np.flatnonzero(line == 1), np.flatnonzero(line == -1)
        for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
            if shortest <= end - begin <= longest:
                change = np.median(step[row, begin:end], axis=0)
                edges.append((row, begin, end, tuple(change.tolist())))
        if len(edges) > _MOST_EDGES:
            return
    by_row: dict[int, list[tuple[int, int, int, tuple[float, ...]]]] = {}
    for edge in edges:
        by_row.setdefault(edge[0], []).append(edge)
    for row, begin, end, change in edges:
        for below in range(row + _THINNEST, row + _THICKEST + 1):
            if (end - begin) < _ASPECT * (below - row):
                break
            for _, other_begin, other_end, back in by_row.get(below, []):
                near = abs(begin - other_begin) + abs(end - other_end) <= 2 * _TOLERANCE
                opposite = sum(a * b for a, b in zip(change, back, strict=True)) < 0
                if near and opposite:
                    yield (row + 1, min(begin, other_begin), below + 1, max(end, other_end))


def _checked(colours: Floats, box: Box) -> Bar | None:
    """The bar in a box, if it has one colour and sharp ends."""
    top, left, bottom, right = box
    inside = colours[top:bottom, left:right]
    colour = np.median(inside, axis=(0, 1))
    constant = (np.abs(inside - colour) <= _CONSTANT).all(axis=-1)
    if constant.mean() < _MOSTLY:
        return None
    for side, edge in ((left - 1, left), (right, right - 1)):
        if not 0 <= side < colours.shape[1]:
            return None
        # The end itself may be softened by a pixel.
        outer = side - 1 if side < edge else side + 1
        outer = min(max(outer, 0), colours.shape[1] - 1)
        jump = np.abs(colours[top:bottom, outer] - colour).max(axis=-1)
        if np.mean(jump >= STEP) < _MOSTLY:
            return None
    around = np.concatenate(
        [
            colours[max(top - 3, 0) : max(top - 1, 0), left:right].reshape(-1, colours.shape[2]),
            colours[bottom + 1 : bottom + 3, left:right].reshape(-1, colours.shape[2]),
        ]
    )
    if not around.size:
        return None
    ground = np.median(around, axis=0)
    if np.abs(ground - colour).max() < STEP:
        return None
    return Bar(
        box,
        _panel(colours, box, ground),
        tuple(round(float(value), 4) for value in colour),
        tuple(round(float(value), 4) for value in ground),
    )


def _panel(colours: Floats, box: Box, ground: npt.NDArray[np.float32]) -> Box | None:
    """Box of one colour around a bar: what is connected to it fills a rectangle."""
    top, left, bottom, right = box
    length = right - left
    start = (max(top - length, 0), max(left - 2 * length, 0))
    region = colours[start[0] : bottom + length, start[1] : right + 2 * length]
    same = (np.abs(region - ground) <= _CONSTANT).all(axis=-1)
    labels, _ = ndimage.label(same)
    near = labels[
        max(top - start[0] - 3, 0) : bottom - start[0] + 3, left - start[1] : right - start[1]
    ]
    counts = np.bincount(near.ravel())
    counts[0] = 0
    if not counts.any():
        return None
    own = labels == int(np.argmax(counts))
    place = ndimage.find_objects(own.astype(np.int8))[0]
    filled = ndimage.binary_fill_holes(own[place])
    panel = (
        place[0].start + start[0],
        place[1].start + start[1],
        place[0].stop + start[0],
        place[1].stop + start[1],
    )
    outside = panel[0] <= top and panel[1] <= left and panel[2] >= bottom and panel[3] >= right
    # A dark background fills the whole region that was looked at, and is no panel.
    whole = own.shape[0] * own.shape[1]
    if not outside or filled.mean() < _PANEL_FILL or filled.size >= 0.9 * whole:
        return None
    return panel
