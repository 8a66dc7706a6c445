"""Convex hulls of all cells at once: solidity, Feret diameters, convex perimeter.

The outline of a cell is taken through the middles of its pixels' edges (marching squares at
one half, as scikit-image does for its convex hull). The sides of an upright rectangle are then
exact; of a smooth cell, drawn with the pixels whose middle lies in it, diameters come out up
to 1 px long, in all directions alike. The pixels' corners would add up to 1.4 px, and more to
diagonals than upright.

All lengths here are whole numbers of *half* pixels until the very end, so every decision
about what lies on which side is exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cellwright.core.columns import Column
from cellwright.core.image import Array
from cellwright.measure.feature import Feature
from cellwright.measure.regions import Floats, Integers, Regions

__all__ = ["FEATURE", "measure_hull"]

_HERE = "cellwright.measure.hull.measure_hull"
_OUTLINE = "Outline through the middles of the pixels' edges"

ANGLE_STEP = 8.0
"""What sets the angles of one hull apart from those of the next in one sorted array: any
number above 2π; a power of two loses the least."""


@dataclass(frozen=True, eq=False)
class _Chains:
    """The left sides (0 to N - 1) and right sides (N to 2 N - 1) of the hulls.

    Points are sorted by chain and row; all arrays are (V,). `across` is the column for a left
    side and minus the column for a right one, so that both are convex in the same sense. Rows
    and columns are in half pixels: a pixel's middle has even ones.
    """

    chain: Integers
    row: Integers
    across: Integers


def measure_hull(regions: Regions) -> Mapping[str, Array]:
    """Measure the convex hulls of all regions.

    Examples
    --------
    >>> regions = Regions(np.pad(np.ones((3, 4), np.uint32), 1), {})
    >>> hull = measure_hull(regions)
    >>> {name: round(float(value[0]), 4) for name, value in hull.items()}  # doctest: +ELLIPSIS
    {'convex_area_px': 12.0, 'solidity': 1.0, 'convex_perimeter_px': 12.8284,
     'feret_max_px': 4.4721, 'feret_min_px': 3.0}
    """
    if not regions.count:
        empty = np.zeros(0)
        return {column.name: empty for column in _COLUMNS}
    chains = _convex(_sides(regions))
    convex_area = _pixels_inside(chains, regions)
    perimeter, longest, shortest = _calipers(chains, regions.count)
    return {
        "convex_area_px": convex_area,
        "solidity": regions.area / convex_area,
        "convex_perimeter_px": perimeter,
        "feret_max_px": longest,
        "feret_min_px": shortest,
    }


def _sides(regions: Regions) -> _Chains:
    """Give the outermost points of each half row of each region, on both sides."""
    runs = regions.runs
    new = np.ones(len(runs.row), bool)
    new[1:] = (runs.owner[1:] != runs.owner[:-1]) | (runs.row[1:] != runs.row[:-1])
    begin = np.flatnonzero(new)
    end = np.append(begin[1:], len(new)) - 1
    owner, row = runs.owner[begin], runs.row[begin]

    below = np.zeros(len(row), bool)  # whether the region goes on in the row below
    below[:-1] = (owner[1:] == owner[:-1]) & (row[1:] == row[:-1] + 1)
    # Three points a row: on its upper edge, at its side, and on its lower edge. A lower edge
    # that is the upper edge of the next row appears there, with the outer of both.
    wanted = np.stack([np.ones_like(below), np.ones_like(below), ~below], axis=1).ravel()
    rows = (2 * row[:, None] + np.array([-1, 0, 1])).ravel()[wanted]
    owners = np.repeat(owner, 3)[wanted]
    across = []
    for outermost in (2 * runs.first[begin], -2 * (runs.stop[end] - 1)):
        upper = outermost.copy()
        upper[1:][below[:-1]] = np.minimum(outermost[1:], outermost[:-1])[below[:-1]]
        across.append(np.stack([upper, outermost - 1, outermost], axis=1).ravel()[wanted])
    return _Chains(
        np.concatenate([owners, owners + regions.count]),
        np.concatenate([rows, rows]),
        np.concatenate(across),
    )


def _convex(chains: _Chains) -> _Chains:
    """Keep the corners of the convex hull.

    A point on or inside the line between the points before and after it is no corner,
    whatever else goes in the same sweep; and a chain that loses nothing more is convex. So
    all chains are swept at once, each until it is done.
    """
    chain, row, across = chains.chain, chains.row, chains.across
    done: list[tuple[Integers, Integers, Integers]] = []
    open_chain = np.zeros(int(chain[-1]) + 1, bool)
    while len(chain):
        inner = chain[2:] == chain[:-2]
        down, over = np.diff(row), np.diff(across)
        dented = inner & (over[1:] * down[:-1] <= over[:-1] * down[1:])
        keep = np.ones(len(chain), bool)
        keep[1:-1] = ~dented
        open_chain[:] = False
        open_chain[chain[~keep]] = True
        going_on = open_chain[chain]
        finished = ~going_on
        done.append((chain[finished], row[finished], across[finished]))
        going_on &= keep
        chain, row, across = chain[going_on], row[going_on], across[going_on]
    chain = np.concatenate([part[0] for part in done])
    order = np.argsort(chain, kind="stable")
    return _Chains(
        chain[order],
        np.concatenate([part[1] for part in done])[order],
        np.concatenate([part[2] for part in done])[order],
    )


def _pixels_inside(chains: _Chains, regions: Regions) -> Floats:
    """Count the pixels whose middle lies in the hull or on its edge, (N,)."""
    boxes, count = regions.boxes, regions.count
    height = boxes.height
    first = np.cumsum(height) - height
    owner = np.repeat(np.arange(count), height)
    row = 2 * (np.arange(len(owner)) - np.repeat(first - boxes.top, height))

    stride = 2 * regions.shape[0] + 2  # half rows there can be, -1 to 2 Y - 1, and one more
    key = chains.chain * stride + chains.row
    outermost = []
    for chain in (owner, owner + count):
        before = np.searchsorted(key, chain * stride + row, side="right") - 1
        down = chains.row[before + 1] - chains.row[before]
        over = chains.across[before + 1] - chains.across[before]
        along = chains.across[before] * down + over * (row - chains.row[before])
        outermost.append(-(-along // (2 * down)))  # the first whole pixel that is not outside
    return np.add.reduceat(1 - outermost[0] - outermost[1], first).astype(np.float64)


def _calipers(chains: _Chains, count: int) -> tuple[Floats, Floats, Floats]:
    """Perimeter, largest and smallest caliper diameter of each hull, in px, each (N,).

    The smallest width of a convex polygon is had with one jaw along an edge; the largest is
    the distance of two corners that lie opposite (Shamos 1978, Computational Geometry). The
    corner opposite an edge is where the direction of the outline has turned by half a circle:
    edges come sorted by direction, so one search finds it for all edges of all hulls.
    """
    owner, y, x = _polygons(chains, count)
    start = np.searchsorted(owner, np.arange(count))
    last = np.append(start[1:], len(owner)) - 1
    following = np.arange(1, len(owner) + 1)
    following[last] = start
    preceding = np.arange(-1, len(owner) - 1)
    preceding[start] = last

    dy, dx = y[following] - y, x[following] - x
    length = np.hypot(dy, dx)
    # From the top left corner down the left side, round, and back along the top: (0, 2π].
    angle = np.arctan2(dy, -dx)
    angle[angle <= 0] += 2 * np.pi
    opposite = np.where(angle > np.pi, angle - np.pi, angle + np.pi)
    corner = np.searchsorted(owner * ANGLE_STEP + angle, owner * ANGLE_STEP + opposite)
    beyond = corner > last[owner]
    corner[beyond] = start[owner[beyond]]

    # The corners beside it as well: of two parallel edges, four pairs of corners lie opposite.
    width, reach = np.zeros(len(owner)), np.zeros(len(owner), np.int64)
    for other in (preceding[corner], corner, following[corner]):
        width = np.maximum(width, np.abs((y[other] - y) * dx - (x[other] - x) * dy) / length)
        for end in (np.arange(len(owner)), following):
            reach = np.maximum(reach, (y[other] - y[end]) ** 2 + (x[other] - x[end]) ** 2)
    return (
        np.add.reduceat(length, start) / 2.0,
        np.sqrt(np.maximum.reduceat(reach, start)) / 2.0,
        np.minimum.reduceat(width, start) / 2.0,
    )


def _polygons(chains: _Chains, count: int) -> tuple[Integers, Integers, Integers]:
    """Join the sides to closed polygons: owner, row and column of each corner, each (V,)."""
    left = chains.chain < count
    right = np.flatnonzero(~left)[::-1]
    owner = np.concatenate([chains.chain[left], chains.chain[right] - count])
    order = np.argsort(owner, kind="stable")
    owner = owner[order]
    y = np.concatenate([chains.row[left], chains.row[right]])[order]
    x = np.concatenate([chains.across[left], -chains.across[right]])[order]
    # The two sides meet in one point where the top or bottom row is a single pixel.
    start = np.searchsorted(owner, np.arange(count))
    last = np.append(start[1:], len(owner)) - 1
    same: npt.NDArray[np.bool_] = np.zeros(len(owner), bool)
    same[1:] = (owner[1:] == owner[:-1]) & (y[1:] == y[:-1]) & (x[1:] == x[:-1])
    same[last] |= (y[last] == y[start]) & (x[last] == x[start])
    return owner[~same], y[~same], x[~same]


_COLUMNS = (
    Column(
        "convex_area_px",
        "px²",
        "Area of the convex hull: pixels whose middle lies in it",
        bounds=(1.0, None),
        power=2,
        function=_HERE,
        source=f"{_OUTLINE}; scikit-image area_convex",
    ),
    Column(
        "solidity",
        "1",
        "Area over convex area: 1 for a cell without dents and holes",
        bounds=(0.0, 1.0),
        function=_HERE,
        source=f"{_OUTLINE}; scikit-image solidity",
    ),
    Column(
        "convex_perimeter_px",
        "px",
        "Length of the outline of the convex hull",
        bounds=(2.0, None),
        power=1,
        function=_HERE,
        source=_OUTLINE,
    ),
    Column(
        "feret_max_px",
        "px",
        "Largest Feret (caliper) diameter: the longest distance within the cell's outline",
        bounds=(1.0, None),
        power=1,
        function=_HERE,
        source=f"ISO 9276-6:2008, exact, by rotating calipers; {_OUTLINE.lower()}",
    ),
    Column(
        "feret_min_px",
        "px",
        "Smallest Feret (caliper) diameter: the narrowest slit that the cell would pass",
        bounds=(0.5, None),
        power=1,
        function=_HERE,
        source=f"ISO 9276-6:2008, exact, by rotating calipers; {_OUTLINE.lower()}",
    ),
)

FEATURE = Feature("hull", 1, _COLUMNS, measure_hull, order=20)
