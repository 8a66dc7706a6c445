"""The layer as a whole: its gaps, and how its cells are aligned; numbers of a picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from cellwright.core.columns import Column
from cellwright.core.image import Array, LazyArray, Spacing
from cellwright.measure.feature import LargePicture, Window
from cellwright.measure.regions import Floats, Integers

__all__ = ["LAYER_COLUMNS", "Gaps", "alignment", "find_gaps", "layer_facts"]

_HERE = "cellwright.measure.layer"

GAP_SIDE_PX = 7
"""A place is uncovered if a square of this side, upright and free of cells, holds it: wider than
the lines that are left between labels, even where three of 3 px meet."""

LAYER_SHARE = 0.5
"""Where more than this share of the picture is uncovered, cells form no layer that could have
gaps."""

LEAST_CELLS = 20
"""With fewer whole cells, chance alone aligns them by 0.2 and more."""

NEAREST = 6
"""So many nearest cells are a cell's neighbours: as many as touch it in a closed layer, in the
mean (Euler), and the same number in a sparse one."""

SHAPE = ("orientation_rad", "major_axis_px", "minor_axis_px", "centroid_y_px", "centroid_x_px")


@dataclass(frozen=True)
class Gaps:
    """Uncovered places with cells all around.

    Attributes
    ----------
    count
        Number of them.
    area_px
        Their area together.
    share
        Area over that of gaps and cells; NaN where cells form no layer.
    """

    count: int
    area_px: int
    share: float


def find_gaps(labels: Array | LazyArray, block: int | None = None) -> Gaps:
    """Find the gaps of a layer: uncovered places that do not reach the picture's frame.

    Parameters
    ----------
    labels
        (Y, X) integers, 0 is background; may be on disk.
    block
        Side of the blocks in which it is read, in pixels; it changes memory, and no number. By
        default all is read at once.

    Returns
    -------
    Gaps
        A place that the frame cuts is not counted: it may be a gap or the end of the layer.

    Examples
    --------
    >>> labels = np.ones((40, 40), np.uint32)
    >>> labels[10:20, 10:22] = 0  # 10 × 12 px
    >>> labels[:, 30] = 0  # a line between cells is no gap
    >>> find_gaps(labels)
    Gaps(count=1, area_px=120, share=0.07692307692307693)
    """
    from scipy.ndimage import label as connected

    shape = (labels.shape[0], labels.shape[1])
    picture = LargePicture(labels, {}, Spacing(), max(*shape, 1) if block is None else block)
    area, at_frame, joins = [np.zeros(1, np.int64)], [np.zeros(1, bool)], []
    above: Integers = np.zeros(shape[1], np.int64)  # the pieces in the row over this block
    left: Integers = np.zeros(shape[0], np.int64)  # and in the column before it
    pieces = covered = 0
    for window in picture.windows():
        uncovered, n_covered = _uncovered(picture, window)
        covered += n_covered
        found, n = connected(uncovered)
        numbers = np.where(found > 0, found + pieces, 0).astype(np.int64)
        columns, rows = slice(window.left, window.right), slice(window.top, window.bottom)
        for one, other in ((above[columns], numbers[0]), (left[rows], numbers[:, 0])):
            beside = (one > 0) & (other > 0)
            joins.append(np.stack([one[beside], other[beside]]))
        above[columns], left[rows] = numbers[-1], numbers[:, -1]
        area.append(np.bincount(found.ravel(), minlength=n + 1)[1:])
        reaches = np.zeros(n + 1, bool)
        reaches[_frame_of(found, window, shape)] = True
        at_frame.append(reaches[1:])
        pieces += n
    return _joined(np.concatenate(area), np.concatenate(at_frame), joins, shape, covered)


def _uncovered(picture: LargePicture, window: Window) -> tuple[npt.NDArray[np.bool_], int]:
    """Which pixels of a block are uncovered, and how many are covered."""
    from scipy.ndimage import maximum_filter, minimum_filter

    around = window.grown(GAP_SIDE_PX, picture.shape)
    empty = (around.read(picture.labels) == 0).astype(np.uint8)
    inner = window.within(around)
    # Behind the frame it may be empty as well: a place there keeps its form, and is cut.
    free = minimum_filter(empty, GAP_SIDE_PX, mode="constant", cval=1)
    opened = maximum_filter(free, GAP_SIDE_PX, mode="constant", cval=0)
    return opened[inner] > 0, int(np.count_nonzero(empty[inner] == 0))


def _frame_of(found: Array, window: Window, shape: tuple[int, int]) -> Array:
    """Numbers of the pieces of a block that lie at the frame of the picture."""
    sides = [
        found[0] if window.top == 0 else found[:0],
        found[-1] if window.bottom == shape[0] else found[:0],
        found[:, 0] if window.left == 0 else found[:0],
        found[:, -1] if window.right == shape[1] else found[:0],
    ]
    return np.concatenate([side.ravel() for side in sides])


def _joined(
    area: Integers,
    at_frame: npt.NDArray[np.bool_],
    joins: list[Integers],
    shape: tuple[int, int],
    covered: int,
) -> Gaps:
    """Put the pieces of all blocks together; the first stands for nothing."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    one, other = np.concatenate([np.zeros((2, 0), np.int64), *joins], axis=1)
    links = coo_array((np.ones(len(one), np.int8), (one, other)), shape=(len(area),) * 2)
    count, place = connected_components(links, directed=False)
    of_place = np.bincount(place, area, minlength=count)
    enclosed = (np.bincount(place, at_frame, minlength=count) == 0) & (of_place > 0)
    gaps = int(of_place[enclosed].sum())
    pixels = shape[0] * shape[1]
    layer = covered > 0 and int(area.sum()) <= LAYER_SHARE * pixels
    return Gaps(
        int(np.count_nonzero(enclosed)), gaps, gaps / (gaps + covered) if layer else float("nan")
    )


def alignment(table: pd.DataFrame) -> dict[str, float]:
    """Tell how parallel the long axes of the whole cells are, all over and side by side.

    Each cell counts by its elongation, (major - minor) / (major + minor): round ones have no
    direction. Axes are axial, so angles are doubled.

    Parameters
    ----------
    table
        One row a cell, with the columns of shape and position, and ``counted``.

    Returns
    -------
    dict
        ``nematic_order``: length of the mean of all axes, 0 to 1; about 0.9 / √n by chance.
        ``alignment_rad``: their mean direction, as ``orientation_rad``. ``alignment`` and
        ``alignment_local``: mean of cos 2Δ over all pairs of cells, and over each cell with its
        six nearest: 1 parallel, 0 by chance for any number of cells, -1 at right angles. All NaN
        with fewer than 20 whole cells.

    References
    ----------
    de Gennes, Prost (1993), The Physics of Liquid Crystals, for the order parameter; Mardia, Jupp
    (2000), Directional Statistics, section 9.1, for axial data.

    Examples
    --------
    >>> table = pd.DataFrame({
    ...     "orientation_rad": 0.5, "major_axis_px": 30.0, "minor_axis_px": 10.0,
    ...     "centroid_y_px": np.arange(25) // 5, "centroid_x_px": np.arange(25) % 5,
    ...     "counted": True,
    ... })
    >>> {name: round(value, 6) for name, value in alignment(table).items()}
    {'nematic_order': 1.0, 'alignment_rad': 0.5, 'alignment': 1.0, 'alignment_local': 1.0}
    """
    names = ("nematic_order", "alignment_rad", "alignment", "alignment_local")
    whole = table[table["counted"].to_numpy(bool)]
    angle, major, minor, y, x = (whole[name].to_numpy(np.float64) for name in SHAPE)
    weight = (major - minor) / (major + minor)
    total, itself = float(weight.sum()), float(weight @ weight)
    if len(whole) < LEAST_CELLS or not total**2 > itself:
        return dict.fromkeys(names, float("nan"))
    axis = weight * np.exp(2j * angle)
    resultant = complex(axis.sum())
    every = (abs(resultant) ** 2 - itself) / (total**2 - itself)
    mean = np.angle(resultant) / 2.0 % np.pi
    values = (min(abs(resultant) / total, 1.0), float(mean), every, _local(axis, weight, y, x))
    return dict(zip(names, values, strict=True))


def _local(axis: npt.NDArray[np.complex128], weight: Floats, y: Floats, x: Floats) -> float:
    """Mean of cos 2Δ over each cell and its nearest."""
    from scipy.spatial import cKDTree

    centroids = np.column_stack([y, x])
    near = np.asarray(cKDTree(centroids).query(centroids, k=NEAREST + 1)[1])[:, 1:]
    weights = weight[:, None] * weight[near]
    if not weights.sum() > 0:
        return float("nan")
    return float((axis[:, None] * axis[near].conj()).real.sum() / weights.sum())


def layer_facts(gaps: Gaps, table: pd.DataFrame) -> dict[str, float]:
    """The numbers of `LAYER_COLUMNS` of one plane, by name; NaN where there is no layer."""
    layer = not np.isnan(gaps.share)
    return {
        "gap_count": gaps.count if layer else float("nan"),
        "gap_area_px": gaps.area_px if layer else float("nan"),
        "gap_share": gaps.share,
        **alignment(table),
    }


LAYER_COLUMNS = (
    Column(
        "gap_count",
        "1",
        "Gaps per picture: places of at least 7 × 7 px without a cell, enclosed by cells",
        bounds=(0.0, None),
        function=f"{_HERE}.find_gaps",
    ),
    Column(
        "gap_area_px",
        "px²",
        "Area of all gaps of a picture",
        comparable=False,
        bounds=(0.0, None),
        power=2,
        function=f"{_HERE}.find_gaps",
    ),
    Column(
        "gap_share",
        "1",
        "Share of the layer, cells and gaps, that is gaps; empty where less than half of the "
        "picture is covered",
        bounds=(0.0, 1.0),
        function=f"{_HERE}.find_gaps",
    ),
    Column(
        "nematic_order",
        "1",
        "Nematic order parameter of the cells' long axes: 0 none, 1 all parallel; about 0.9 / √n "
        "by chance",
        comparable=False,
        bounds=(0.0, 1.0),
        function=f"{_HERE}.alignment",
        source="de Gennes, Prost (1993)",
    ),
    Column(
        "alignment_rad",
        "rad",
        "Mean direction of the long axes, as orientation_rad",
        comparable=False,
        circular=np.pi,
        bounds=(0.0, np.pi),
        function=f"{_HERE}.alignment",
    ),
    Column(
        "alignment",
        "1",
        "Mean of cos 2Δ of the long axes over all pairs of cells: 1 parallel, 0 by chance",
        bounds=(-1.0, 1.0),
        function=f"{_HERE}.alignment",
    ),
    Column(
        "alignment_local",
        "1",
        "Mean of cos 2Δ of the long axes over each cell and its six nearest: 1 parallel, 0 by "
        "chance",
        bounds=(-1.0, 1.0),
        function=f"{_HERE}.alignment",
    ),
)
"""Numbers of a picture that tell of its layer."""
