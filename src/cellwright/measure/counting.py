"""Honest counts and sizes: what the border of the picture takes away is given back by weights.

A cell at the border is cut: counting it counts too much, for it may lie mostly outside, and
leaving it out counts too little; and since large cells touch the border more often than small
ones, either spoils the sizes too. Here a cell counts if it is whole (it touches neither first
nor last row or column) and its reference point lies in the region of interest, and then stands
for all that chance would have left out: it is weighted by the inverse of the probability of
being whole.

That probability is known for each cell by itself. Shift the cell pixel by pixel: it stays whole
while its bounding box stays off the border. The places that its reference point then takes are
a rectangle, the cell's own counting frame, with a guard as wide as the cell itself; and the
cell's share is the part of the region in that frame. Every place in the region that the cell
could have is thus counted once, so density and mean size are unbiased for every size and
shape, for every region, and however densely cells lie. Without a region of interest the weight
is H W / ((H - 1 - h) (W - 1 - w)), of Miles and Lantuéjoul, in whole pixels.

A frame with one forbidden line (Gundersen 1977) would use the cells cut by two of the borders
as well. But it needs every sliver of a cell that reaches into the picture to be found, which no
segmentation and no filter of sizes grants, and sizes need whole cells in any case.

References
----------
Gundersen (1977), Journal of Microscopy 111:219 (unbiased counting frame).
Miles (1974), in Stochastic Geometry, ed. Harding & Kendall, Wiley: 228; Lantuéjoul (1980),
Mikroskopie 37:267 (weights by the chance of being whole).
Sterio (1984), Journal of Microscopy 134:127 (disector); Howard & Reed (2005), Unbiased
Stereology, 2nd ed., BIOS (guards, the associated-point rule).
Horvitz & Thompson (1952), Journal of the American Statistical Association 47:663.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from cellwright.core.columns import Column
from cellwright.core.errors import UsageError
from cellwright.core.image import Array

__all__ = ["COUNTING_COLUMNS", "PLANE_COLUMNS", "Counted", "count_plane", "frame_areas"]

_HERE = "cellwright.measure.counting.count_plane"
_SOURCE = "Miles 1974 and Lantuéjoul 1980, in whole pixels"

SMALLEST_FRAME = 0.1
"""A cell whose own frame covers less of the region of interest than this stands for more than
ten, and one cell more or less decides on the result: it is too large for the picture."""
MOST_TOO_LARGE = 0.02
"""Where a larger share of the cells is too large, no density is given: leaving them out would
be wrong by more than the 2 % that the others are right to."""
PER_MPX = 1e6

Integers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_NEEDED = (
    "area_px", "centroid_y_px", "centroid_x_px",
    "bbox_top_px", "bbox_left_px", "bbox_bottom_px", "bbox_right_px",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Counted:
    """What counting found in one plane.

    Attributes
    ----------
    columns
        ``in_region``, ``counted`` and ``inclusion_weight``, each (N,), in the table's order.
    facts
        The numbers of `PLANE_COLUMNS`, by name.
    reason
        Why ``density_per_mpx`` is NaN, or what is to be known beside it; empty if nothing is.
    """

    columns: Mapping[str, Array]
    facts: Mapping[str, float]
    reason: str


def count_plane(table: pd.DataFrame, labels: Array, region: Array | None = None) -> Counted:
    """Count the cells of a plane, and average their area, without the border's bias.

    Parameters
    ----------
    table
        One row a cell, as `measure_plane` gives it: area, centroid and bounding box are used.
    labels
        (Y, X) the plane that it was measured from; only its shape is used.
    region
        (Y, X) bool, the region of interest; the whole plane by default. A cell belongs to it
        if the pixel with its centroid does. Cells across its edge are seen as a whole, so
        they are neither cut nor left out.

    Returns
    -------
    Counted
        Columns for the table, and facts of the plane.

    Raises
    ------
    UsageError
        If the region has another shape than the plane, or the table lacks a column.

    Examples
    --------
    A cell of 3 × 3 pixels in a plane of 9 × 9 can be whole at 5 × 5 of its 81 places:

    >>> from cellwright.core.image import Spacing
    >>> from cellwright.measure.table import measure_plane
    >>> labels = np.zeros((9, 9), np.uint32)
    >>> labels[2:5, 3:6] = 1
    >>> counted = count_plane(measure_plane(labels, {}, Spacing()), labels)
    >>> counted.columns["inclusion_weight"].tolist(), counted.facts["density_per_mpx"]
    ([3.24], 40000.0)
    """
    shape = labels.shape
    if region is not None and region.shape != shape:
        raise UsageError(
            f"the region of interest has the shape {region.shape}, the picture {shape}",
            remedy="give the region for this picture",
        )
    missing = [name for name in _NEEDED if name not in table]
    if missing:
        raise UsageError(
            "cells are counted by their place and size, but the table lacks " + ", ".join(missing),
            remedy="measure shape and position as well",
        )
    inside = None if region is None else np.asarray(region, dtype=bool)
    box = np.stack([table[f"bbox_{s}_px"].to_numpy(np.int64) for s in _SIDES])
    point = np.stack([table[f"centroid_{axis}_px"].to_numpy(np.float64) for axis in "yx"])
    # The pixel that holds the centroid: it moves with the cell, pixel by pixel.
    point = np.floor(point + 0.5).astype(np.int64)
    top, left, bottom, right = box
    cut = (top == 0) | (left == 0) | (bottom == shape[0]) | (right == shape[1])
    in_region = np.ones(len(table), bool) if inside is None else inside[point[0], point[1]]
    whole_area = shape[0] * shape[1] if inside is None else int(np.count_nonzero(inside))

    frames = frame_areas(box, point, shape, inside)
    fits = frames >= SMALLEST_FRAME * max(whole_area, 1)
    counted = in_region & ~cut & fits
    weight = np.zeros(len(table))
    weight[counted] = whole_area / frames[counted]
    n_in_region = int(np.count_nonzero(in_region))
    n_too_large = int(np.count_nonzero(in_region & ~fits))
    n_counted = int(np.count_nonzero(counted))
    reason = _reason(whole_area, n_in_region, n_too_large, n_counted)
    known = whole_area > 0 and n_too_large <= MOST_TOO_LARGE * n_in_region

    area = table["area_px"].to_numpy(np.float64)
    total = float(weight.sum())
    facts = {
        "n_cells": len(table),
        "n_in_region": n_in_region,
        "n_border": int(np.count_nonzero(in_region & cut)),
        "n_too_large": n_too_large,
        "n_counted": n_counted,
        "region_area_px": float(whole_area),
        "counted_area_px": whole_area * n_counted / total if known and total else np.nan,
        "density_per_mpx": total / whole_area * PER_MPX if known else np.nan,
        "area_mean_px": float(area[in_region].mean()) if n_in_region else np.nan,
        "area_mean_weighted_px": float(weight @ area) / total if known and total else np.nan,
    }
    columns = {"in_region": in_region, "counted": counted, "inclusion_weight": weight}
    return Counted(columns, facts, reason)


_SIDES = ("top", "left", "bottom", "right")


def _reason(area: int, n_in_region: int, n_too_large: int, n_counted: int) -> str:
    if not area:
        return "the region of interest holds no pixel"
    if n_too_large > MOST_TOO_LARGE * n_in_region:
        return (
            f"{n_too_large} of {n_in_region} cells are too large for the picture: cells of "
            "their size would be whole in less than a tenth of it"
        )
    if n_in_region and not n_counted:
        return f"no cell is counted: each of the {n_in_region} in the region touches the border"
    if n_too_large:
        return f"{n_too_large} of {n_in_region} cells are too large for the picture, and left out"
    return ""


def frame_areas(
    box: Integers, point: Integers, shape: tuple[int, ...], region: Mask | None = None
) -> Integers:
    """Count the places at which each cell would be whole, with its point in the region.

    Parameters
    ----------
    box
        (4, N) top, left, bottom and right of the bounding boxes; the latter two are one past.
    point
        (2, N) row and column of a pixel that goes with each cell; it need not lie in the box.
    shape
        (Y, X) of the plane.
    region
        (Y, X); the whole plane by default.

    Returns
    -------
    array
        (N,) numbers of pixels: exact, for regions of any form.

    Examples
    --------
    >>> box, point = np.array([[2], [3], [5], [6]]), np.array([[3], [4]])
    >>> frame_areas(box, point, (9, 9))
    array([25])
    >>> frame_areas(box, point, (9, 9), np.arange(81).reshape(9, 9) < 27)
    array([5])
    """
    top, left, bottom, right = box
    rows = np.maximum(shape[0] - 1 - (bottom - top), 0)
    columns = np.maximum(shape[1] - 1 - (right - left), 0)
    if region is None:
        return np.asarray(rows * columns)
    # Where the point cannot be: this many rows and columns at each side of the plane.
    first_row, first_column = point[0] - top + 1, point[1] - left + 1
    last_row = shape[0] - first_row - rows
    last_column = shape[1] - first_column - columns
    areas = np.zeros(top.shape, np.int64)
    fits = (rows > 0) & (columns > 0)
    areas[fits] = _in_rectangle(
        region, (first_row[fits], last_row[fits]), (first_column[fits], last_column[fits])
    )
    return areas


def _in_rectangle(
    region: Mask, rows: tuple[Integers, Integers], columns: tuple[Integers, Integers]
) -> Integers:
    """Pixels of the region that are left when margins are taken away at all four sides.

    By inclusion and exclusion: all, less the margins, plus the corners, which two margins
    share. The sums over the corners need a table as large as the widest margin, not as the
    plane. A margin may also be below 0, where a point lies outside of its cell.
    """
    along_y, along_x = region.sum(axis=1), region.sum(axis=0)
    areas = np.full(rows[0].shape, int(along_y.sum()), np.int64)
    for backwards in (False, True):
        step = -1 if backwards else 1
        areas -= _summed(along_y[::step], rows[backwards])
        areas -= _summed(along_x[::step], columns[backwards])
    for up in (False, True):
        for over in (False, True):
            y, x = rows[up], columns[over]
            corner = region[:: -1 if up else 1, :: -1 if over else 1]
            corner = corner[: max(int(y.max(initial=0)), 0), : max(int(x.max(initial=0)), 0)]
            sums = np.zeros((corner.shape[0] + 1, corner.shape[1] + 1), np.int64)
            np.cumsum(corner, axis=0, out=sums[1:, 1:])
            np.cumsum(sums[1:, 1:], axis=1, out=sums[1:, 1:])
            areas += sums[np.maximum(y, 0), np.maximum(x, 0)]
    return areas


def _summed(values: Array, counts: Integers) -> Integers:
    """Sum the first so many of `values`."""
    sums = np.concatenate([[0], np.cumsum(values)])
    return np.asarray(sums[np.maximum(counts, 0)])


def _flag(name: str, meaning: str) -> Column:
    return Column(
        name, "1", meaning, dtype="bool", comparable=False, bounds=(0.0, 1.0), function=_HERE
    )


COUNTING_COLUMNS = (
    _flag("in_region", "Whether the pixel with the centroid lies in the region of interest"),
    _flag("counted", "Whether the cell counts for the density: whole, and in the region"),
    Column(
        "inclusion_weight",
        "1",
        "How many cells of its size it stands for, those at the border included; 0 if not counted",
        comparable=False,
        bounds=(0.0, 1.0 / SMALLEST_FRAME),
        function=_HERE,
        source=_SOURCE,
    ),
)
"""What `count_plane` says of each cell."""


def _number(name: str, meaning: str) -> Column:
    return Column(
        name, "1", meaning, dtype="int64", comparable=False, bounds=(0.0, None), function=_HERE
    )


def _amount(name: str, unit: str, meaning: str, power: int, *, comparable: bool = True) -> Column:
    return Column(
        name,
        unit,
        meaning,
        comparable=comparable,
        bounds=(0.0, None),
        power=power,
        function=_HERE,
        source=_SOURCE if comparable else "",
    )


PLANE_COLUMNS = (
    _number("n_cells", "Cells in the plane, as the labels show them, cut ones included"),
    _number("n_in_region", "Cells whose centroid lies in the region of interest"),
    _number("n_border", "Of those in the region, cells that touch the picture's border"),
    _number("n_too_large", "Of those in the region, cells nearly as large as the picture"),
    _number("n_counted", "Whole cells in the region, from which the density comes"),
    _amount("region_area_px", "px²", "Area of the region of interest", power=2, comparable=False),
    _amount(
        "counted_area_px",
        "px²",
        "Area that the counted cells stand for: they and the density give it",
        power=2,
        comparable=False,
    ),
    _amount(
        "density_per_mpx",
        "1/Mpx",
        "Cells in the region per million pixels, unbiased by the border",
        power=-2,
    ),
    _amount(
        "area_mean_px",
        "px²",
        "Mean area of all cells in the region, cut ones too",
        power=2,
        comparable=False,
    ),
    _amount(
        "area_mean_weighted_px",
        "px²",
        "Mean area of the whole cells in the region, weighted against the border's bias",
        power=2,
    ),
)
"""What `count_plane` says of the plane; those with a power have a twin in micrometres."""
