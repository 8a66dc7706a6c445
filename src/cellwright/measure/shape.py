"""Size and shape of each cell: area, perimeter, the fitted ellipse, box and form factor."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cellwright.core.columns import Column
from cellwright.core.image import Array
from cellwright.measure.feature import Feature
from cellwright.measure.regions import Floats, Regions

__all__ = ["FEATURE", "measure_shape", "perimeter"]

# A boundary pixel's share of the perimeter, by the code 1 + 2 a + 10 b of its a boundary
# neighbours at a side and b at a corner: 1 where the outline goes straight through it, √2
# where it goes diagonally, the mean of both where it turns.
# Benkrid, Crookes (2000), Design and FPGA implementation of a perimeter estimator.
_STRAIGHT = (5, 7, 15, 17, 25, 27)
_DIAGONAL = (21, 33)
_TURNING = (13, 23)
_CODES = 50  # one more than the largest code, 1 + 2 · 4 + 10 · 4
_WEIGHTS = np.zeros(_CODES)
_WEIGHTS[list(_STRAIGHT)] = 1.0
_WEIGHTS[list(_DIAGONAL)] = np.sqrt(2.0)
_WEIGHTS[list(_TURNING)] = (1.0 + np.sqrt(2.0)) / 2.0

FORM_FACTOR_WITHOUT_PERIMETER = 1.0
"""Form factor of specks of one or two pixels, whose outline has no length: that of a disc."""

_HERE = "cellwright.measure.shape.measure_shape"
_ELLIPSE = (
    "Second central moments of area, each pixel a unit square (its own 1/12 included, as in "
    "MATLAB's regionprops; scikit-image leaves it out)"
)


def perimeter(regions: Regions) -> Floats:
    """Length of the outline through the middles of the boundary pixels, in px, (N,).

    Holes count as well. The line runs half a pixel inside the cell's edge, so it is short by
    about π px for a round cell, and 0 for specks of one or two pixels.

    References
    ----------
    Benkrid, Crookes (2000), Design and FPGA implementation of a perimeter estimator; the same
    numbers as ``skimage.measure.perimeter(neighborhood=4)`` gives for each cell alone.

    Examples
    --------
    >>> regions = Regions(np.pad(np.ones((5, 9), np.uint32), 1), {})
    >>> perimeter(regions)
    array([24.])
    """
    boundary = regions.boundary
    image, position = boundary.image.ravel(), boundary.position
    width = boundary.image.shape[1]
    own = image[position]
    code = np.ones(len(position), np.uint8)
    for side in (-width, -1, 1, width):
        code += np.uint8(2) * (image[position + side] == own)
    for corner in (-width - 1, -width + 1, width - 1, width + 1):
        code += np.uint8(10) * (image[position + corner] == own)
    # Counted by kind first, so that turning a cell cannot change the last bit of its sum.
    length = np.zeros(regions.count)
    for kind in (_STRAIGHT, _DIAGONAL, _TURNING):
        chosen = boundary.owner[np.isin(code, kind)]
        length += _WEIGHTS[kind[0]] * np.bincount(chosen, minlength=regions.count)
    return length


def measure_shape(regions: Regions) -> Mapping[str, Array]:
    """Measure size and shape of all regions.

    Examples
    --------
    >>> regions = Regions(np.pad(np.ones((4, 12), np.uint32), 3), {})
    >>> shape = measure_shape(regions)
    >>> [round(float(shape[name][0]), 6) for name in ("area_px", "aspect_ratio", "extent")]
    [48.0, 3.0, 1.0]
    """
    area = regions.area.astype(np.float64)
    boxes, m = regions.boxes, regions.moments
    length = perimeter(regions)

    middle = (m.yy + m.xx) / 2.0
    apart = np.hypot((m.yy - m.xx) / 2.0, m.yx)
    largest = middle + apart
    # As a product over the determinant: the plain difference cancels for thin cells.
    smallest = np.maximum(m.yy * m.xx - m.yx**2, 0.0) / largest

    seen = length > 0
    form_factor = np.full(regions.count, FORM_FACTOR_WITHOUT_PERIMETER)
    form_factor[seen] = 4.0 * np.pi * area[seen] / length[seen] ** 2
    return {
        "area_px": area,
        "perimeter_px": length,
        "equivalent_diameter_px": 2.0 * np.sqrt(area / np.pi),
        "major_axis_px": 4.0 * np.sqrt(largest),
        "minor_axis_px": 4.0 * np.sqrt(smallest),
        "aspect_ratio": np.sqrt(largest / smallest),
        "eccentricity": np.sqrt(np.maximum(1.0 - smallest / largest, 0.0)),
        "orientation_rad": _orientation(m.yy, m.xx, m.yx),
        "form_factor": form_factor,
        "extent": area / (boxes.height * boxes.width),
        "bbox_aspect_ratio": boxes.width / boxes.height,
    }


def _orientation(yy: Floats, xx: Floats, yx: Floats) -> Floats:
    """Angle of the major axis from the rows, counter-clockwise on the screen, in [0, π)."""
    # Rows are counted downwards, so a positive product moment leans to the right going down.
    angle = np.mod(0.5 * np.arctan2(-2.0 * yx, xx - yy), np.pi)
    angle[angle >= np.pi] = 0.0  # the remainder of a tiny negative angle rounds up to π
    return np.asarray(angle + 0.0)


_COLUMNS = (
    Column("area_px", "px²", "Area: number of pixels", bounds=(1.0, None), power=2, function=_HERE),
    Column(
        "perimeter_px",
        "px",
        "Length of the outline, of holes as well, through the middles of the boundary pixels; "
        "0 for specks of one or two pixels",
        bounds=(0.0, None),
        power=1,
        function="cellwright.measure.shape.perimeter",
        source="Benkrid, Crookes (2000); scikit-image perimeter, neighborhood=4",
    ),
    Column(
        "equivalent_diameter_px",
        "px",
        "Diameter of the disc with the same area",
        bounds=(1.0, None),
        power=1,
        function=_HERE,
    ),
    Column(
        "major_axis_px",
        "px",
        "Long axis, from end to end, of the ellipse with the same second moments",
        bounds=(1.0, None),
        power=1,
        function=_HERE,
        source=_ELLIPSE,
    ),
    Column(
        "minor_axis_px",
        "px",
        "Short axis, from side to side, of the ellipse with the same second moments",
        bounds=(0.0, None),
        power=1,
        function=_HERE,
        source=_ELLIPSE,
    ),
    Column(
        "aspect_ratio",
        "1",
        "Long over short axis of the fitted ellipse: 1 for a disc, the same at every angle",
        bounds=(1.0, None),
        function=_HERE,
        source=_ELLIPSE,
    ),
    Column(
        "eccentricity",
        "1",
        "Eccentricity of the fitted ellipse: 0 for a disc, towards 1 for a line",
        bounds=(0.0, 1.0),
        function=_HERE,
        source=_ELLIPSE,
    ),
    Column(
        "orientation_rad",
        "rad",
        "Direction of the long axis, an axis without head or tail (axial, period π): 0 along "
        "the rows, π/2 upright, counted counter-clockwise as seen; without meaning for round "
        "cells",
        circular=np.pi,
        bounds=(0.0, np.pi),
        function=_HERE,
        source=_ELLIPSE,
    ),
    Column(
        "form_factor",
        "1",
        "4π area / perimeter²: near 1 for a disc, less for a long or ragged outline; above 1 "
        "for cells of few pixels, whose perimeter comes out short; 1 where the perimeter is 0",
        bounds=(0.0, None),
        function=_HERE,
        source="Cox (1927), J. Paleontology 1:179; FormFactor in CellProfiler",
    ),
    Column(
        "extent",
        "1",
        "Share of the upright bounding box that the cell fills; depends on how the cell lies",
        bounds=(0.0, 1.0),
        function=_HERE,
    ),
    Column(
        "bbox_aspect_ratio",
        "1",
        "Width over height of the upright bounding box; depends on how the cell lies (a 3:1 "
        "cell at 45 degrees has 1): aspect_ratio is the shape's own",
        bounds=(0.0, None),
        function=_HERE,
    ),
)

FEATURE = Feature("shape", 1, _COLUMNS, measure_shape, order=10)
