"""From drawn outlines to cells: what is enclosed, what is a sliver, whose the line's pixels are."""

from __future__ import annotations

from dataclasses import dataclass

import edt
import numpy as np

from cellwright.core.image import Array
from cellwright.datasets.annotation import Drawn
from cellwright.datasets.formats.contour_gaps import GAP, Bridged, bridged
from cellwright.datasets.formats.contour_lines import shared_out

__all__ = ["cells_in"]

_FRAME_SHARE = 0.25
"""Of the frame's length. A region along more of it is the outside: as a cell it would be about as
wide as the picture."""

_FRAME_CELLS = 2.0
"""Diameters of a typical region that a cell cut by the frame may have along it. In the drawings of
endothelium that this was fixed on, cells have up to 0.13 and the outside 3.8 and more; a cell twice
as long as a disc of its area, cut lengthwise, has 2."""

_SLIVER = 0.25
"""Of the inscribed radius of a typical region. In the same drawings gaps between cells have up to
0.22, and cells 0.46 and more."""

_ROUND = 0.8
"""Inscribed radius by the radius of the disc of equal area: 1 for a disc, 0.89 for a square, 0.78
for an even triangle. What is left over between outlines has corners or is long (up to 0.66 in
the same drawings); a small region rounder than that was drawn on purpose."""

_OPEN_LENGTH = 10
"""Pixels of a free line that are worth telling: shorter ones are where a pen went too far."""

_PLACES = 4
"""Ends of open lines that a remark names; of more it tells the number."""


@dataclass(frozen=True, eq=False)
class _Regions:
    """What the lines leave free: each region's number, area, inscribed radius, and way on frame."""

    number: Array
    area: Array
    radius: Array
    span: Array

    @property
    def frame(self) -> int:
        """Length of the frame in pixels."""
        return len(_around(self.number))


def cells_in(lines: Array) -> Drawn:
    """Make closed cells of thin outlines.

    Gaps are bridged (`bridged`); each enclosed region is a cell, numbered by its first pixel. An
    outline within a cell encloses another cell, and the outer keeps what is around it. A gap that
    neighbours close in on all sides is a cell, too, unless it is a sliver: nothing in the
    drawing tells it from one.

    Regions at the picture's frame are cells if they are short along it, from where they first
    touch it to where they last do: at most a quarter of the frame, and at most two diameters of a
    typical region. All others are the outside.

    Slivers, left over where neighbours do not share a line, are no cells: their inscribed radius
    is less than a quarter of a typical region's, and they are not round. The typical region is
    that in which half of the enclosed area is reached, so hundreds of slivers do not move it. Those
    not thicker than the line (two pixels at least) are part of it, all others background.

    A line's pixels go to the nearest region, cell or background, so that half of the line is each
    one's (`shared_out`).

    Parameters
    ----------
    lines
        (Y, X) bool.

    Returns
    -------
    Drawn
        With remarks on bridges, open lines, slivers and cells at the frame.

    Examples
    --------
    >>> lines = np.zeros((9, 20), bool)
    >>> lines[[1, 7], 1:14] = lines[1:8, [1, 7, 13]] = True
    >>> np.bincount(cells_in(lines).labels.ravel()).tolist()
    [110, 35, 35]
    """
    if not lines.any():
        return Drawn(
            np.zeros(lines.shape, np.uint32), remarks=("there is no outline in the drawing",)
        )
    found = bridged(lines)
    regions = _regions(found.lines)
    outside = _outside(regions)
    wide = lines.sum() / max(1, int(found.skeleton.sum()))
    sliver, thin = _slivers(regions, outside, wide)
    cell = ~outside & ~sliver
    cell[0] = False
    label = np.cumsum(cell) * cell
    kept = np.where(sliver, -1, label)
    kept[0] = -1
    remarks = _bridges_told(found, kept[regions.number]) + _open_told(found, regions.number, wide)
    if sliver.any():
        remarks.append(
            f"left out as slivers between outlines: {int(sliver.sum()):,} regions, "
            f"the largest of {int(regions.area[sliver].max()):,} px"
        )
    if cut := int((cell & (regions.span > 0)).sum()):
        remarks.append(f"open at the frame, taken as cells that it cuts: {cut:,} regions")
    if (parts := int((outside & (regions.span > 0)).sum())) > 1:
        remarks.append(f"along the frame for too long to be cells: {parts:,} regions, the outside")
    labels = shared_out(label[regions.number], found.lines | thin[regions.number])
    return Drawn(labels.astype(np.uint32), remarks=tuple(remarks))


def _bridges_told(found: Bridged, kept: Array) -> list[str]:
    """Tell how many bridges part two cells, or a cell and the outside; `kept` is -1 elsewhere."""
    beside = _beside(kept, found.pixels, 1, -1)
    lowest = np.where(beside < 0, kept.size, beside).min(1, initial=kept.size)
    count = int(found.bridge.max(initial=-1)) + 1
    low, high = np.full(count, kept.size), np.full(count, -1)
    np.minimum.at(low, found.bridge, lowest)
    np.maximum.at(high, found.bridge, beside.max(1, initial=-1))
    n = int((low < high).sum())
    return [f"bridged, as at most {GAP} px of the line are missing: {n:,} gaps"] if n else []


def _open_told(found: Bridged, number: Array, wide: float) -> list[str]:
    """Tell of lines with the same region on both sides, by their ends."""
    from scipy import ndimage

    reach = 1 + int(np.ceil(wide / 2))
    middle = np.argwhere(found.skeleton)
    beside = _beside(number, middle, reach, number.max() + 1)  # the frame parts as a region does
    highest = beside.max(1)
    lowest = np.where(beside == 0, highest[:, None], beside).min(1)
    free = np.zeros(number.shape, bool)
    free[*middle[(lowest == highest) & (highest > 0)].T] = True
    line, count = ndimage.label(free, np.ones((3, 3), bool))
    long = np.bincount(line.ravel(), minlength=count + 1) >= _OPEN_LENGTH
    long[0] = False
    owner = line[*found.ends.T]
    ends = found.ends[long[owner]]
    if not len(ends):
        return []
    n = len(np.unique(owner[long[owner]]))
    places = ", ".join(f"({row}, {column})" for row, column in ends[:_PLACES])
    more = ", …" if len(ends) > _PLACES else ""
    return [
        f"not closed, so that they enclose nothing: {n:,} lines, "
        f"with {len(ends):,} ends at (row, column) {places}{more}"
    ]


def _beside(plane: Array, pixels: Array, reach: int, beyond: int) -> Array:
    """(P, n) what lies around each pixel, and `beyond` for what is not in the plane."""
    side = np.arange(2 * reach + 1)
    offsets = np.stack(np.meshgrid(side, side, indexing="ij"), -1).reshape(-1, 2)
    around = np.pad(plane, reach, constant_values=beyond)
    there = pixels[:, None] + offsets
    return np.asarray(around[there[..., 0], there[..., 1]])


def _regions(lines: Array) -> _Regions:
    from scipy import ndimage

    number, count = ndimage.label(~lines)
    depth = edt.edt(~lines, black_border=True, parallel=1)  # the frame cuts a cell as a line does
    radius = np.zeros(count + 1)
    radius[1:] = ndimage.maximum(depth, number, np.arange(1, count + 1)) if count else 0
    area = np.bincount(number.ravel(), minlength=count + 1)
    area[0] = 0
    return _Regions(number, area, radius, _spans(_around(number), count))


def _around(plane: Array) -> Array:
    """The pixels of the frame, once around."""
    if min(plane.shape) == 1:
        return plane.ravel()
    return np.concatenate([plane[0, :-1], plane[:-1, -1], plane[-1, :0:-1], plane[:0:-1, 0]])


def _spans(frame: Array, count: int) -> Array:
    """For each region the shortest stretch of the frame that holds all of it there; 0 if none."""
    order = np.argsort(frame, kind="stable")
    owner = frame[order]
    begins = np.flatnonzero(np.diff(owner, prepend=-1))
    last = np.append(begins[1:], len(owner)) - 1
    following = np.append(order[1:], 0)
    following[last] = order[begins] + len(frame)
    widest = np.maximum.reduceat(following - order, begins)
    spans = np.zeros(count + 1)
    spans[owner[begins]] = len(frame) + 1 - widest
    spans[0] = 0
    return spans


def _outside(regions: _Regions) -> Array:
    """Which regions are too long along the frame for cells."""
    outside = regions.span > _FRAME_SHARE * regions.frame
    kept = ~outside & (regions.area > 0)
    diameter = 2 * np.sqrt(_typical(regions.area, regions.area, kept) / np.pi)
    if diameter:
        outside |= regions.span > _FRAME_CELLS * diameter
    return outside


def _slivers(regions: _Regions, outside: Array, wide: float) -> tuple[Array, Array]:
    """Which regions are slivers, and which of them are as thin as the line."""
    kept = ~outside & (regions.area > 0)
    thin = kept & (regions.radius <= max(1, (wide + 1) / 2))
    equal = np.sqrt(np.maximum(regions.area, 1) / np.pi)
    roundness = (regions.radius - 0.5) / equal  # radii reach to the middle of a line's pixel
    small = regions.radius < _SLIVER * _typical(regions.radius, regions.area, kept)
    return thin | (kept & small & (roundness < _ROUND)), thin


def _typical(values: Array, area: Array, kept: Array) -> float:
    """Median of regions, in which each counts by its area; 0 if there are none."""
    if not kept.any():
        return 0.0
    order = np.argsort(values[kept], kind="stable")
    below = np.cumsum(area[kept][order])
    return float(values[kept][order][np.searchsorted(below, below[-1] / 2)])
