"""The table of cells of a plane too large for memory: every cell once, in one window or other.

The plane is read block by block, once to find where each cell lies, and then once more in
windows that hold the cells which begin in one block, wholly. So no cell is cut, and nothing is
put together from pieces. What depends on the whole picture (the background, the nearest
neighbour, the local density) is computed once for all cells, as `Feature.parts` says.

All numbers are those of `measure_plane`, to the last bit: a cell's sums run over its own pixels
in raster order from the corner of its own box, and the median of the background is exact.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cellwright.core.errors import UnsupportedError, UsageError
from cellwright.core.image import Array, LazyArray, Spacing
from cellwright.measure.feature import Feature, LargePicture, Window
from cellwright.measure.regions import Boxes, Integers, Regions
from cellwright.measure.table import assembled, checked, chosen_features, regions_for

__all__ = ["BLOCK", "LocatedCells", "locate_cells", "measure_large"]

BLOCK = 2048
"""Side of a block in pixels: the windows of ordinary cells are little larger, so some 300 MB
are in use at once, and a cell is read again at its block's edge by 5 % of the blocks."""

SMALL_SHARE = 2
"""Cells that are larger than a half of the block, in rows or columns, are measured in windows
of blocks twice, four times, … as large: few long cells do not make all windows large."""

LARGEST_WINDOW_PX = 2**27
"""A window of 11,585 by 11,585 pixels, some 2 GB with its labels, outlines and a channel of
16 bits. A label that needs a larger one is no cell, but background or dirt with a number."""


@dataclass(frozen=True, eq=False)
class LocatedCells:
    """Where the cells of a large picture lie.

    Attributes
    ----------
    labels
        (N,) the labels that are there, ascending.
    area
        (N,) pixels of each.
    boxes
        Their bounding boxes.
    """

    labels: Integers
    area: Integers
    boxes: Boxes


def locate_cells(labels: Array | LazyArray, block: int = BLOCK) -> LocatedCells:
    """Find number, area and bounding box of all cells, reading every pixel once.

    Parameters
    ----------
    labels
        (Y, X) integers, 0 is background; numbers may have gaps.
    block
        Side of the blocks that are read, in pixels.

    Raises
    ------
    UsageError
        If `labels` is not a plane of whole numbers, or `block` not above 0.

    Examples
    --------
    >>> found = locate_cells(np.array([[0, 7, 7], [0, 0, 7]], np.uint32), block=2)
    >>> found.labels.tolist(), found.area.tolist(), found.boxes.width.tolist()
    ([7], [3], [2])
    """
    _check(labels, {}, block)
    parts = [_located(np.zeros((0, 0), np.uint32), Window(0, 0, 0, 0))]
    picture = LargePicture(labels, {}, Spacing(), block)
    parts.extend(_located(window.read(labels), window) for window in picture.windows())
    label, area, top, left, bottom, right = np.concatenate(parts, axis=1)
    order = np.argsort(label, kind="stable")
    starts = np.flatnonzero(np.diff(label[order], prepend=0))  # no label is 0
    if not len(starts):
        nothing = np.zeros(0, np.int64)
        return LocatedCells(nothing, nothing, Boxes(nothing, nothing, nothing, nothing))
    return LocatedCells(
        label[order][starts],
        np.add.reduceat(area[order], starts),
        Boxes(
            np.minimum.reduceat(top[order], starts),
            np.minimum.reduceat(left[order], starts),
            np.maximum.reduceat(bottom[order], starts),
            np.maximum.reduceat(right[order], starts),
        ),
    )


def _located(labels: Array, window: Window) -> Integers:
    """Label, area and box of the regions in one block, (6, N)."""
    regions = Regions(labels, {})
    if not regions.count:
        return np.zeros((6, 0), np.int64)
    boxes = regions.boxes
    rows, columns = window.top, window.left
    return np.stack([
        regions.labels, regions.area,
        boxes.top + rows, boxes.left + columns, boxes.bottom + rows, boxes.right + columns,
    ])  # fmt: skip


def measure_large(
    labels: Array | LazyArray,
    planes: Mapping[str, Array | LazyArray],
    spacing: Spacing,
    features: Mapping[str, Feature] | None = None,
    block: int = BLOCK,
) -> pd.DataFrame:
    """Measure every cell of one plane, of which only a window is in memory at any time.

    Parameters
    ----------
    labels
        (Y, X) integers, 0 is background; numbers may have gaps, and a label several pieces.
    planes
        From the name of a channel to its (Y, X) pixels of any number type. All are read twice,
        floating point and 32-bit ones three times, and the labels three times or four.
    spacing
        Pixel size, as for `measure_plane`.
    features
        Families to measure, by name, as for `measure_plane`.
    block
        Side of the blocks in pixels; it changes memory and time, and no number.

    Returns
    -------
    pandas.DataFrame
        The table that `measure_plane` gives of the whole arrays, the same to the last bit.

    Raises
    ------
    UsageError
        As `measure_plane` does, and if `block` is not above 0.
    UnsupportedError
        If a single label spans more than 134 million pixels, which is named.

    Examples
    --------
    >>> from cellwright.measure.shape import FEATURE
    >>> labels = np.pad(np.full((2, 3), 9, np.uint32), 5)
    >>> table = measure_large(labels, {}, Spacing(), {"shape": FEATURE}, block=6)
    >>> table[["label", "area_px"]].to_dict("records")
    [{'label': 9, 'area_px': 6.0}]
    """
    _check(labels, planes, block)
    chosen = chosen_features(features)
    picture = LargePicture(labels, planes, spacing, block)
    cells = locate_cells(labels, block)
    margin = max((family.margin for family in chosen.values()), default=0)
    given: dict[str, list[Mapping[str, Array]]] = {name: [] for name in chosen}
    members = [np.zeros(0, np.int64)]
    for some, window in _windows(cells, picture, margin):
        members.append(some)
        regions = _regions(picture, window, cells.labels[some])
        for name, family in chosen.items():
            measure = family.parts.measure if family.parts else family.measure
            values = measure(regions_for(family, regions))
            if family.parts is None:  # a stranger's mistake is found in the first window
                by_column = checked(family, tuple(planes), values, regions.count)
                values = {column.name: array for column, array in by_column.items()}
            given[name].append(values)
    order = np.argsort(np.concatenate(members), kind="stable")
    families = []
    for name, family in chosen.items():
        values = _joined(given[name], order)
        if family.parts is not None and len(order):
            values = family.parts.whole(_as_seen_by(family, picture), values)
        families.append(checked(family, tuple(planes), values, len(order)))
    return assembled(cells.labels, families, spacing)


def _check(labels: Array | LazyArray, planes: Mapping[str, Array | LazyArray], block: int) -> None:
    if block < 1:
        raise UsageError(f"a block of {block} pixels cannot be measured")
    if len(labels.shape) != 2 or not np.issubdtype(labels.dtype, np.integer):
        raise UsageError(
            f"labels to be measured are a plane of whole numbers, not {labels.dtype} "
            f"with the shape {tuple(labels.shape)}"
        )
    for name, plane in planes.items():
        if tuple(plane.shape) != tuple(labels.shape):
            raise UsageError(
                f"the channel {name!r} has the shape {tuple(plane.shape)}, its labels "
                f"{tuple(labels.shape)}",
                remedy="give the picture that the labels were made from",
            )


def _windows(
    cells: LocatedCells, picture: LargePicture, margin: int
) -> Iterator[tuple[Integers, Window]]:
    """Give the indices of some cells, ascending, and a window that holds them wholly."""
    boxes = cells.boxes
    extent = np.maximum(boxes.height, boxes.width)
    level = np.ceil(np.log2(np.maximum(SMALL_SHARE * extent / picture.block, 1.0)))
    side = picture.block * 2 ** level.astype(np.int64)
    place = (boxes.left // side, boxes.top // side, level.astype(np.int64))
    order = np.lexsort(place)  # by level, then row, then column, and labels ascending in each
    new = np.zeros(len(order), bool)
    for key in place:
        new[1:] |= np.diff(key[order]) != 0
    groups = np.split(order, np.flatnonzero(new)) if len(order) else []
    for group in groups:
        window = _around(boxes, group)
        if window.pixels <= LARGEST_WINDOW_PX:
            yield group, window.grown(margin, picture.shape)
            continue
        for index in range(len(group)):
            one = group[index : index + 1]
            window = _around(boxes, one)
            if window.pixels > LARGEST_WINDOW_PX:
                raise UnsupportedError(
                    f"label {cells.labels[one[0]]} spans {window.bottom - window.top} × "
                    f"{window.right - window.left} pixels, too many to be one cell",
                    remedy="if it is the background, give it the number 0; if it is in several "
                    "pieces, give each a number of its own",
                )
            yield one, window.grown(margin, picture.shape)


def _around(boxes: Boxes, members: Integers) -> Window:
    return Window(
        int(boxes.top[members].min()),
        int(boxes.left[members].min()),
        int(boxes.bottom[members].max()),
        int(boxes.right[members].max()),
    )


def _regions(picture: LargePicture, window: Window, only: Integers) -> Regions:
    return Regions(
        window.read(picture.labels),
        {name: window.read(plane) for name, plane in picture.planes.items()},
        picture.spacing,
        origin=(window.top, window.left),
        picture_shape=picture.shape,
        only=only,
    )


def _joined(parts: list[Mapping[str, Array]], order: Integers) -> dict[str, Array]:
    """Put the values of all windows together, in the order of the labels."""
    if not parts:
        return {}
    return {name: np.concatenate([part[name] for part in parts])[order] for name in parts[0]}


def _as_seen_by(family: Feature, picture: LargePicture) -> LargePicture:
    if not family.channels:
        return picture
    planes = {name: plane for name, plane in picture.planes.items() if name in family.channels}
    return LargePicture(picture.labels, planes, picture.spacing, picture.block)
