"""Nuclei within cells: how many, how large, and how bright nucleus, cytoplasm and ring are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import ndimage

from cellwright.core.columns import Column, physical_scale
from cellwright.core.columns import physical as physical_twins
from cellwright.core.errors import UsageError
from cellwright.core.image import Array, Spacing
from cellwright.measure.intensity import background_level, background_pixels
from cellwright.measure.regions import Floats, Regions
from cellwright.measure.relation import Relation, relate

__all__ = [
    "CELL_COLUMNS",
    "COMPARTMENTS",
    "NUCLEUS_COLUMNS",
    "RING",
    "VERSION",
    "Compartments",
    "compartment_columns",
    "cytoplasm_labels",
    "measure_compartments",
    "ring_labels",
]

VERSION = 1
"""Raised whenever the same labels would give other numbers."""

COMPARTMENTS = ("nucleus", "cytoplasm", "ring")
"""Parts of a cell whose brightness is measured."""

RING_GAP_PX = 1
"""Pixels between nucleus and ring: the outline of a nucleus is right to a pixel at best, and on
the wrong side of it the nucleus's own light would be taken for the cytoplasm's."""

RING_WIDTH_PX = 4
"""Width of the ring: wide enough for some hundred pixels around a usual nucleus, so that noise
averages out, and narrow enough for thick cytoplasm on all sides, where a cell's outline is not
sure."""

RING = (RING_GAP_PX, RING_WIDTH_PX)
"""Gap and width of the ring around the nucleus, in pixels."""

_HERE = "cellwright.measure.compartments.measure_compartments"
_CORRECTED = (
    "Background: median of the pixels more than 2 px from every cell and nucleus of the picture"
)


@dataclass(frozen=True, eq=False)
class Compartments:
    """What `measure_compartments` finds.

    Attributes
    ----------
    cells
        One row for each cell, labels ascending: ``label`` and `compartment_columns`.
    nuclei
        One row for each nucleus, labels ascending: ``label`` and `NUCLEUS_COLUMNS`.
    facts
        Counts for the record of the run: ``nuclei_outside`` (of every cell),
        ``nuclei_across_border`` (less than whole in their cell), ``cells_without_nucleus``,
        ``cells_with_several_nuclei``, ``cells_without_cytoplasm`` (all nucleus).
    """

    cells: pd.DataFrame
    nuclei: pd.DataFrame
    facts: Mapping[str, int]


def measure_compartments(
    nuclei: Array,
    cells: Array,
    planes: Mapping[str, Array],
    spacing: Spacing,
    ring: tuple[int, int] = RING,
) -> Compartments:
    """Relate the nuclei of a plane to its cells and measure the compartments.

    Pixels that are not finite are left out of means; a mean over no pixel is NaN.

    Parameters
    ----------
    nuclei, cells
        (Y, X) integers, 0 is background; numbers may have gaps.
    planes
        From the name of a channel to its (Y, X) pixels of any number type.
    spacing
        Pixel size; if Y and X are known, areas have twins in µm².
    ring
        Gap and width in pixels of the ring around the nucleus.

    Raises
    ------
    UsageError
        If shapes differ, the ring is none, or names of channels make two columns the same.

    Examples
    --------
    >>> cells = np.zeros((9, 9), np.uint32)
    >>> cells[1:8, 1:8] = 5
    >>> nuclei = np.zeros((9, 9), np.uint32)
    >>> nuclei[3:6, 3:6] = 2
    >>> found = measure_compartments(nuclei, cells, {"GFP": nuclei * 10}, Spacing())
    >>> found.cells[["nucleus_count", "nucleus_area_px", "cytoplasm_area_px"]].to_dict("records")
    [{'nucleus_count': 1, 'nucleus_area_px': 9.0, 'cytoplasm_area_px': 40.0}]
    >>> found.nuclei.to_dict("records")
    [{'label': 2, 'parent': 5, 'overlap_with_parent': 1.0}]
    """
    relation = relate(nuclei, cells)
    regions = Regions(cells, planes, spacing)
    expected = compartment_columns(tuple(planes), physical=False)
    places = {
        "nucleus": _own_nuclei(nuclei, cells, relation),
        "cytoplasm": (cells != 0) & (nuclei == 0),
        "ring": _ring(nuclei, cells, relation, ring),
    }
    values: dict[str, Array] = {"nucleus_count": relation.count}
    for name, place in places.items():
        values[f"{name}_area_px"] = _total(regions, place.ravel()[regions.pixels])
    values["nucleus_to_cell_ratio"] = values["nucleus_area_px"] / np.maximum(regions.area, 1)
    outside = background_pixels((cells != 0) | (nuclei != 0))
    for channel, plane in planes.items():
        values |= _brightness(regions, places, channel, background_level(plane, outside))
    facts = {
        "nuclei_outside": relation.outside,
        "nuclei_across_border": int(
            np.count_nonzero((relation.parent > 0) & (relation.overlap < 1))
        ),
        "cells_without_nucleus": int(np.count_nonzero(relation.count == 0)),
        "cells_with_several_nuclei": int(np.count_nonzero(relation.count > 1)),
        "cells_without_cytoplasm": int(np.count_nonzero(values["cytoplasm_area_px"] == 0)),
    }
    of_nuclei = pd.DataFrame(
        {
            "label": relation.children,
            "parent": relation.parent,
            "overlap_with_parent": relation.overlap,
        }
    )
    return Compartments(_frame(regions, expected, values, spacing), of_nuclei, facts)


def cytoplasm_labels(nuclei: Array, cells: Array) -> Array:
    """Keep of each cell what is no nucleus, its own or another.

    Parameters
    ----------
    nuclei, cells
        (Y, X) integers, 0 is background.

    Returns
    -------
    Array
        (Y, X) of the cells' type: the cell's number, or 0.

    Examples
    --------
    >>> cytoplasm_labels(np.array([[0, 7, 0, 8]]), np.array([[4, 4, 4, 0]])).tolist()
    [[4, 0, 4, 0]]
    """
    _check_shapes(nuclei, cells)
    return np.where(nuclei == 0, cells, 0).astype(cells.dtype, copy=False)


def ring_labels(nuclei: Array, cells: Array, ring: tuple[int, int] = RING) -> Array:
    """Keep of each cell the ring around its nuclei, where no nucleus is.

    Parameters
    ----------
    nuclei, cells
        (Y, X) integers, 0 is background.
    ring
        Gap and width in pixels: the middle of a pixel of the ring lies further than the gap
        from the nearest pixel of a nucleus, and no further than gap and width together.

    Returns
    -------
    Array
        (Y, X) of the cells' type: the cell's number, or 0. Where the nearest nucleus belongs to
        another cell there is no ring.

    Raises
    ------
    UsageError
        If the shapes differ, the gap is below 0 or the width below 1.

    Examples
    --------
    >>> nuclei = np.array([[0, 0, 0, 0, 1, 0, 0, 0, 0]])
    >>> ring_labels(nuclei, np.full((1, 9), 6), (1, 2)).tolist()
    [[0, 6, 6, 0, 0, 0, 6, 6, 0]]
    """
    place = _ring(nuclei, cells, relate(nuclei, cells), ring)
    return np.where(place, cells, 0).astype(cells.dtype, copy=False)


def _check_shapes(nuclei: Array, cells: Array) -> None:
    if nuclei.shape != cells.shape:
        raise UsageError(
            f"the nuclei have the shape {nuclei.shape}, the cells {cells.shape}",
            remedy="give label images of the same picture",
        )


def _parent_plane(labels: Array, relation: Relation) -> Array:
    """For each of some pixels with nuclei the number of the cell that its nucleus belongs to."""
    return np.asarray(relation.parent[np.searchsorted(relation.children, labels)])


def _own_nuclei(nuclei: Array, cells: Array, relation: Relation) -> Array:
    own = np.zeros(nuclei.shape, bool)
    inside = (nuclei != 0) & (cells != 0)
    own[inside] = _parent_plane(nuclei[inside], relation) == cells[inside]
    return own


def _ring(nuclei: Array, cells: Array, relation: Relation, ring: tuple[int, int]) -> Array:
    gap, width = ring
    if gap < 0 or width < 1:
        raise UsageError(
            f"a ring with a gap of {gap} px and a width of {width} px is none",
            remedy="give a gap of 0 or more and a width of 1 or more",
        )
    _check_shapes(nuclei, cells)
    band = np.zeros(nuclei.shape, bool)
    if not (nuclei != 0).any():
        return band
    distance, (row, column) = ndimage.distance_transform_edt(nuclei == 0, return_indices=True)
    band = (cells != 0) & (distance > max(gap, 0.5)) & (distance <= gap + width)
    nearest = nuclei[row[band], column[band]]
    band[band] = _parent_plane(nearest, relation) == cells[band]
    return np.asarray(band)


def _total(regions: Regions, of_pixels: Array) -> Floats:
    """Sum of a value of each pixel of the cells over each cell, also where there is no cell."""
    if not regions.count:
        return np.zeros(0)
    total: Floats = regions.total_pixels(of_pixels.astype(np.float64))
    return total


def _brightness(
    regions: Regions, places: Mapping[str, Array], channel: str, background: float
) -> dict[str, Array]:
    pixels = regions.values(channel)
    finite = np.isfinite(pixels)
    filled = np.where(finite, pixels, 0.0)
    found: dict[str, Array] = {}
    for name, place in places.items():
        chosen = place.ravel()[regions.pixels] & finite
        n = _total(regions, chosen)
        mean = _total(regions, np.where(chosen, filled, 0.0)) / np.where(n > 0, n, np.nan)
        found[f"intensity_mean_{name}_{channel}"] = mean
        found[f"intensity_mean_{name}_corrected_{channel}"] = mean - background
    nucleus = found[f"intensity_mean_nucleus_corrected_{channel}"]
    cytoplasm = found[f"intensity_mean_cytoplasm_corrected_{channel}"]
    light = (nucleus > 0) & (cytoplasm > 0)
    found[f"nucleus_to_cytoplasm_{channel}"] = np.where(light, nucleus, np.nan) / np.where(
        light, cytoplasm, np.nan
    )
    return found


def _frame(
    regions: Regions, expected: Sequence[Column], values: Mapping[str, Array], spacing: Spacing
) -> pd.DataFrame:
    columns: dict[str, Array] = {"label": regions.labels}
    for column in expected:
        value = np.asarray(values[column.name]).astype(column.dtype, copy=False)
        columns[column.name] = value
        if column.power and spacing.y is not None and spacing.x is not None:
            # An area needs only the area of a pixel: that of a square one with this side.
            side = spacing.square or float(np.sqrt(spacing.y * spacing.x))
            twin = physical_twins([column])[0]
            columns[twin.name] = value * physical_scale(column, side)
    return pd.DataFrame(columns)


def compartment_columns(channels: Sequence[str], physical: bool) -> tuple[Column, ...]:
    """Declare the columns of cells that `measure_compartments` fills, without ``label``.

    Parameters
    ----------
    channels
        Names of the channels.
    physical
        Whether there are twins in micrometres.

    Raises
    ------
    UsageError
        If the name of a channel makes two columns the same, here or with the plain
        ``intensity_mean_{channel}``.

    Examples
    --------
    >>> [column.name for column in compartment_columns(["GFP"], physical=True)][:4]
    ['nucleus_count', 'nucleus_area_px', 'nucleus_area_um2', 'cytoplasm_area_px']
    """
    taken = {
        f"intensity_{mean}_{channel}" for channel in channels for mean in ("mean", "mean_corrected")
    }
    columns: list[Column] = []
    filled = [column.for_channel(channel) for channel in channels for column in _BRIGHTNESS]
    for column in (*_PLAIN, *filled):
        for one in (column, *(physical_twins([column]) if physical and column.power else ())):
            if one.name in taken:
                raise UsageError(
                    f"two columns would be called {one.name!r}",
                    remedy="rename one of the channels " + ", ".join(channels),
                )
            taken.add(one.name)
            columns.append(one)
    return tuple(columns)


def _area(name: str, meaning: str) -> Column:
    return Column(f"{name}_area_px", "px²", meaning, bounds=(0.0, None), power=2, function=_HERE)


def _intensity(name: str, what: str) -> tuple[Column, Column]:
    meaning = f"Mean intensity of {what} in {{channel}}"
    return (
        Column(f"intensity_mean_{name}_{{channel}}", "counts", meaning, function=_HERE),
        Column(
            f"intensity_mean_{name}_corrected_{{channel}}",
            "counts",
            f"{meaning}, less background",
            function=_HERE,
            source=_CORRECTED,
        ),
    )


_PLAIN = (
    Column(
        "nucleus_count",
        "1",
        "Nuclei that belong to the cell",
        "int64",
        bounds=(0.0, None),
        function=_HERE,
    ),
    _area("nucleus", "Area of the cell's nuclei within the cell"),
    _area("cytoplasm", "Area of the cell that is no nucleus"),
    _area("ring", "Area of the ring of cytoplasm around the cell's nuclei"),
    Column(
        "nucleus_to_cell_ratio",
        "1",
        "Area of the cell's nuclei over that of the whole cell",
        bounds=(0.0, 1.0),
        function=_HERE,
    ),
)
_BRIGHTNESS = (
    *_intensity("nucleus", "the cell's nuclei"),
    *_intensity("cytoplasm", "the cell without nuclei"),
    *_intensity("ring", "the ring of cytoplasm around the nuclei"),
    Column(
        "nucleus_to_cytoplasm_{channel}",
        "1",
        "Mean intensity of the nuclei over that of the cytoplasm in {channel}, both less "
        "background; empty where one of them is not above it",
        bounds=(0.0, None),
        function=_HERE,
        source=_CORRECTED,
    ),
)

CELL_COLUMNS = (*_PLAIN, *_BRIGHTNESS)
"""Columns of the rows of cells, ``{channel}`` standing for each channel."""

NUCLEUS_COLUMNS = (
    Column(
        "parent",
        "",
        "Number of the cell that the nucleus belongs to, 0 for none",
        "int64",
        comparable=False,
        bounds=(0.0, None),
        function="cellwright.measure.relation.relate",
    ),
    Column(
        "overlap_with_parent",
        "1",
        "Share of the nucleus's area that lies in the cell it belongs to",
        comparable=False,
        bounds=(0.0, 1.0),
        function="cellwright.measure.relation.relate",
    ),
)
"""Columns of the rows of nuclei."""
