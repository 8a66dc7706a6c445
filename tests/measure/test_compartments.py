"""Compartments: areas, rings and intensities by hand, and what happens where there is nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cellwright.core.errors import UsageError
from cellwright.core.image import Array, Spacing
from cellwright.measure.compartments import (
    NUCLEUS_COLUMNS,
    compartment_columns,
    cytoplasm_labels,
    measure_compartments,
    ring_labels,
)

LARGEST = 2**32 - 1
NO_SPACING = Spacing()


def scene() -> tuple[Array, Array, Array]:
    """A cell of 10 x 10 with two nuclei, one without, one that is all nucleus; ground of 10."""
    cells = np.zeros((24, 40), np.uint32)
    nuclei = np.zeros((24, 40), np.uint32)
    plane = np.full((24, 40), 10.0)
    cells[4:14, 4:14], cells[4:8, 20:24], cells[16:18, 20:24] = 30, 2, LARGEST
    nuclei[6:8, 6:8], nuclei[10:12, 10:12], nuclei[16:18, 20:24] = 5, 1, LARGEST
    plane[cells == 30], plane[cells == 2], plane[cells == LARGEST] = 40, 20, 90
    plane[6:8, 6:8], plane[10:12, 10:12] = 100, 140
    return nuclei, cells, plane


def row(table: pd.DataFrame, label: int) -> dict[str, float]:
    return {str(k): v for k, v in table[table["label"] == label].iloc[0].to_dict().items()}


def test_by_hand() -> None:
    nuclei, cells, plane = scene()
    found = measure_compartments(nuclei, cells, {"GFP": plane}, NO_SPACING)
    assert found.cells["label"].tolist() == [2, 30, LARGEST]
    two = row(found.cells, 30)
    assert two["nucleus_count"] == 2
    assert two["nucleus_area_px"] == 8
    assert two["cytoplasm_area_px"] == 92
    assert two["nucleus_to_cell_ratio"] == 0.08
    assert two["intensity_mean_nucleus_GFP"] == 120
    assert two["intensity_mean_cytoplasm_GFP"] == 40
    assert two["intensity_mean_ring_GFP"] == 40
    assert two["intensity_mean_nucleus_corrected_GFP"] == 110
    assert two["intensity_mean_cytoplasm_corrected_GFP"] == 30
    assert two["nucleus_to_cytoplasm_GFP"] == pytest.approx(110 / 30)
    none = row(found.cells, 2)
    assert (none["nucleus_count"], none["nucleus_area_px"], none["ring_area_px"]) == (0, 0, 0)
    assert (none["cytoplasm_area_px"], none["nucleus_to_cell_ratio"]) == (16, 0)
    assert none["intensity_mean_cytoplasm_GFP"] == 20
    assert np.isnan(none["intensity_mean_nucleus_GFP"])
    assert np.isnan(none["intensity_mean_ring_corrected_GFP"])
    assert np.isnan(none["nucleus_to_cytoplasm_GFP"])
    full = row(found.cells, LARGEST)
    assert (full["nucleus_count"], full["cytoplasm_area_px"], full["ring_area_px"]) == (1, 0, 0)
    assert full["nucleus_to_cell_ratio"] == 1
    assert full["intensity_mean_nucleus_GFP"] == 90
    assert np.isnan(full["intensity_mean_cytoplasm_GFP"])
    assert np.isnan(full["nucleus_to_cytoplasm_GFP"])
    assert found.nuclei.to_dict("list") == {
        "label": [1, 5, LARGEST],
        "parent": [30, 30, LARGEST],
        "overlap_with_parent": [1, 1, 1],
    }
    assert found.facts == {
        "nuclei_outside": 0,
        "nuclei_across_border": 0,
        "cells_without_nucleus": 1,
        "cells_with_several_nuclei": 1,
        "cells_without_cytoplasm": 1,
    }


def test_a_nucleus_across_a_border_counts_where_most_of_it_is() -> None:
    cells = np.zeros((10, 12), np.uint32)
    cells[1:9, 1:6], cells[1:9, 6:11] = 1, 2
    nuclei = np.zeros((10, 12), np.uint32)
    nuclei[3:6, 5:9] = 4  # one column of three pixels in cell 1, three columns in cell 2
    found = measure_compartments(nuclei, cells, {}, NO_SPACING)
    assert found.nuclei["parent"].tolist() == [2]
    assert found.nuclei["overlap_with_parent"].tolist() == [0.75]
    assert found.cells["nucleus_count"].tolist() == [0, 1]
    assert found.cells["nucleus_area_px"].tolist() == [0, 9]
    assert found.cells["cytoplasm_area_px"].tolist() == [37, 31]
    assert found.facts["nuclei_across_border"] == 1
    ring = ring_labels(nuclei, cells)
    assert 1 not in ring, "the nearest nucleus belongs to the other cell"
    assert 2 in ring


def test_a_nucleus_outside_of_any_cell_is_counted() -> None:
    nuclei, cells, plane = scene()
    nuclei[20:23, 30:33] = 77
    found = measure_compartments(nuclei, cells, {"GFP": plane}, NO_SPACING)
    assert row(found.nuclei, 77) == {"label": 77, "parent": 0, "overlap_with_parent": 0}
    assert found.facts["nuclei_outside"] == 1


def test_the_background_keeps_off_nuclei_without_a_cell() -> None:
    nuclei, cells, plane = scene()
    plane = np.full(plane.shape, 500.0)
    nuclei[:] = 77
    nuclei[18:24, 28:40] = 0
    plane[18:24, 28:40] = 10
    found = measure_compartments(nuclei, cells, {"GFP": plane}, NO_SPACING)
    assert row(found.cells, 30)["intensity_mean_nucleus_corrected_GFP"] == 490


def test_ring_of_one_pixel_by_hand() -> None:
    nuclei = np.zeros((9, 9), np.uint32)
    nuclei[4, 4] = 1
    cells = np.zeros((9, 9), np.uint32)
    cells[:, :7] = 3
    ring = ring_labels(nuclei, cells, (0, 1))
    assert np.argwhere(ring).tolist() == [[3, 4], [4, 3], [4, 5], [5, 4]]
    wide = ring_labels(nuclei, cells, (1, 2))
    rows, columns = np.indices((9, 9)) - 4
    distance = np.hypot(rows, columns)
    assert np.array_equal(wide > 0, (distance > 1) & (distance <= 3) & (cells == 3))


def test_a_ring_is_not_in_another_nucleus() -> None:
    nuclei = np.array([[0, 0, 1, 0, 0, 2, 0, 0, 0]])
    ring = ring_labels(nuclei, np.full((1, 9), 8), (0, 4))
    assert ring.tolist() == [[8, 8, 0, 8, 8, 0, 8, 8, 8]]


@pytest.mark.parametrize("ring", [(-1, 3), (1, 0)])
def test_a_ring_that_is_none_is_refused(ring: tuple[int, int]) -> None:
    with pytest.raises(UsageError, match="ring"):
        measure_compartments(np.ones((3, 3), int), np.ones((3, 3), int), {}, NO_SPACING, ring)


def test_cytoplasm_labels_keep_numbers_and_type() -> None:
    nuclei, cells, _ = scene()
    left = cytoplasm_labels(nuclei, cells)
    assert left.dtype == cells.dtype
    assert np.unique(left).tolist() == [0, 2, 30]
    assert np.count_nonzero(left == 30) == 92


def test_pixels_that_are_not_finite_are_left_out() -> None:
    nuclei, cells, plane = scene()
    plane[6:8, 6:8] = np.nan
    plane[16:18, 20:24] = np.inf
    plane[4, 4] = -np.inf
    found = measure_compartments(nuclei, cells, {"GFP": plane}, NO_SPACING)
    two = row(found.cells, 30)
    assert two["intensity_mean_nucleus_GFP"] == 140
    assert two["intensity_mean_cytoplasm_GFP"] == 40
    assert two["nucleus_area_px"] == 8
    assert np.isnan(row(found.cells, LARGEST)["intensity_mean_nucleus_GFP"])


def test_no_ratio_where_a_compartment_is_not_above_background() -> None:
    nuclei, cells, plane = scene()
    plane[(cells == 30) & (nuclei == 0)] = 10
    found = measure_compartments(nuclei, cells, {"GFP": plane}, NO_SPACING)
    assert row(found.cells, 30)["intensity_mean_cytoplasm_corrected_GFP"] == 0
    assert np.isnan(row(found.cells, 30)["nucleus_to_cytoplasm_GFP"])


def test_areas_have_twins_in_micrometres() -> None:
    nuclei, cells, _ = scene()
    found = measure_compartments(nuclei, cells, {}, Spacing(y=0.5, x=0.25))
    assert row(found.cells, 30)["nucleus_area_um2"] == pytest.approx(1)
    assert row(found.cells, 30)["cytoplasm_area_um2"] == pytest.approx(92 / 8)
    square = measure_compartments(nuclei, cells, {}, Spacing(y=0.5, x=0.5))
    assert row(square.cells, 30)["nucleus_area_um2"] == 2


@pytest.mark.parametrize("spacing", [NO_SPACING, Spacing(y=0.5, x=0.5)])
@pytest.mark.parametrize("shape", [(0, 0), (1, 1), (6, 5)])
def test_the_table_is_as_declared_also_without_a_row(
    shape: tuple[int, int], spacing: Spacing
) -> None:
    nothing = np.zeros(shape, np.uint32)
    planes: dict[str, Array] = {
        "GFP": np.zeros(shape, np.uint8),
        "RFP": np.zeros(shape, np.float32),
    }
    declared = compartment_columns(tuple(planes), physical=spacing.x is not None)
    for labels in (nothing, nothing + np.uint32(shape[0] > 0)):
        found = measure_compartments(nothing, labels, planes, spacing)
        assert found.cells.columns.tolist() == ["label", *(column.name for column in declared)]
        for column in declared:
            assert found.cells[column.name].dtype == column.dtype
        assert found.nuclei.columns.tolist() == ["label", *(c.name for c in NUCLEUS_COLUMNS)]
        assert [str(dtype) for dtype in found.nuclei.dtypes] == ["int64", "int64", "float64"]


def test_one_pixel() -> None:
    one = np.ones((1, 1), np.uint32)
    found = measure_compartments(one, one, {"GFP": one * 7}, NO_SPACING)
    only = row(found.cells, 1)
    assert (only["nucleus_count"], only["nucleus_area_px"], only["cytoplasm_area_px"]) == (1, 1, 0)
    assert only["intensity_mean_nucleus_GFP"] == 7
    assert np.isnan(only["intensity_mean_nucleus_corrected_GFP"]), "there is no background"


def test_channels_whose_columns_would_collide_are_refused() -> None:
    with pytest.raises(UsageError, match="rename"):
        compartment_columns(["GFP", "nucleus_GFP"], physical=False)


def test_every_declared_column_is_explained() -> None:
    for column in (*compartment_columns(["GFP"], physical=True), *NUCLEUS_COLUMNS):
        assert column.meaning, column
        assert column.function, column
        assert "{" not in replace(column, source="").meaning + column.name


labels = hnp.arrays(np.uint32, (12, 13), elements=st.sampled_from([0, 0, 3, 4, LARGEST]))


@settings(deadline=None, max_examples=50)
@given(labels, labels)
def test_compartments_make_up_the_cell(nuclei: Array, cells: Array) -> None:
    found = measure_compartments(nuclei, cells, {"GFP": cells}, NO_SPACING).cells
    for values in found.to_dict("records"):
        of_cell = cells == values["label"]
        assert values["cytoplasm_area_px"] == np.count_nonzero(of_cell & (nuclei == 0))
        assert values["nucleus_area_px"] <= np.count_nonzero(of_cell & (nuclei > 0))
        assert values["ring_area_px"] <= values["cytoplasm_area_px"]
        assert 0 <= values["nucleus_to_cell_ratio"] <= 1
