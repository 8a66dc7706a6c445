"""Where each cell lies, and whether the picture's border cuts it."""

from __future__ import annotations

from collections.abc import Mapping

from cellwright.core.columns import Column
from cellwright.core.image import Array
from cellwright.measure.feature import Feature
from cellwright.measure.regions import Regions

__all__ = ["FEATURE", "measure_position"]

_HERE = "cellwright.measure.position.measure_position"


def measure_position(regions: Regions) -> Mapping[str, Array]:
    """Give centroid, bounding box and border contact of all regions.

    Examples
    --------
    >>> import numpy as np
    >>> regions = Regions(np.array([[0, 0, 0], [0, 5, 5]], np.uint32), {})
    >>> position = measure_position(regions)
    >>> float(position["centroid_x_px"][0]), bool(position["touches_border"][0])
    (1.5, True)
    """
    boxes, (first_row, first_column) = regions.boxes, regions.origin
    top, left = boxes.top + first_row, boxes.left + first_column
    bottom, right = boxes.bottom + first_row, boxes.right + first_column
    height, width = regions.picture_shape
    y, x = regions.centroids
    return {
        "centroid_y_px": y,
        "centroid_x_px": x,
        "bbox_top_px": top,
        "bbox_left_px": left,
        "bbox_bottom_px": bottom,
        "bbox_right_px": right,
        "touches_border": (top == 0) | (left == 0) | (bottom == height) | (right == width),
    }


def _centroid(axis: str, what: str) -> Column:
    return Column(
        f"centroid_{axis}_px",
        "px",
        f"{what} of the centre of mass, from the middle of the picture's first pixel",
        comparable=False,
        bounds=(0.0, None),
        power=1,
        function=_HERE,
    )


def _side(name: str, meaning: str) -> Column:
    return Column(
        f"bbox_{name}_px",
        "px",
        f"{meaning} of the bounding box",
        dtype="int64",
        comparable=False,
        bounds=(0.0, None),
        function=_HERE,
    )


_COLUMNS = (
    _centroid("y", "Row"),
    _centroid("x", "Column"),
    _side("top", "First row"),
    _side("left", "First column"),
    _side("bottom", "Row below the last"),
    _side("right", "Column after the last"),
    Column(
        "touches_border",
        "1",
        "Whether a pixel lies in the first or last row or column: the cell may be cut",
        dtype="bool",
        comparable=False,
        bounds=(0.0, 1.0),
        function=_HERE,
    ),
)

FEATURE = Feature("position", 1, _COLUMNS, measure_position, order=30)
