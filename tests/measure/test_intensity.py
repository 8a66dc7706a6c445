"""Intensity: statistics by hand, pixels that are not finite, the background."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cellwright.core.image import Array
from cellwright.measure.intensity import FEATURE, background_level, background_pixels
from cellwright.measure.regions import Regions


def test_hand_worked() -> None:
    labels = np.zeros((20, 20), np.uint32)
    labels[5, 5:9] = 1
    labels[10:12, 10] = 9
    plane = np.full((20, 20), 100, np.uint16)
    plane[5, 5:9] = [110, 120, 140, 190]
    plane[10:12, 10] = [90, 70]
    found = FEATURE.measure(Regions(labels, {"DAPI": plane, "other": 2.0 * plane}))
    assert found["intensity_mean_DAPI"].tolist() == [140, 80]
    assert found["intensity_median_DAPI"].tolist() == [130, 80]
    assert found["intensity_std_DAPI"].tolist() == [pytest.approx(np.sqrt(950)), 10]
    assert found["intensity_min_DAPI"].tolist() == [110, 70]
    assert found["intensity_max_DAPI"].tolist() == [190, 90]
    assert found["intensity_integrated_DAPI"].tolist() == [560, 160]
    assert found["intensity_background_DAPI"].tolist() == [100, 100]
    assert found["intensity_mean_corrected_DAPI"].tolist() == [40, -20]
    assert found["intensity_integrated_corrected_DAPI"].tolist() == [160, -40]
    assert found["intensity_mean_other"].tolist() == [280, 160]


def test_pixels_that_are_not_finite_are_left_out() -> None:
    labels = np.zeros((12, 12), np.uint32)
    labels[2, 2:6], labels[8, 2:4] = 1, 2
    plane = np.full((12, 12), 10.0, np.float32)
    plane[2, 2:6] = [20, np.nan, 40, np.inf]
    plane[8, 2:4] = [np.nan, -np.inf]
    plane[0, 0] = np.inf
    found = FEATURE.measure(Regions(labels, {"0": plane}))
    first = {name: float(values[0]) for name, values in found.items()}
    assert first == {
        "intensity_mean_0": 30,
        "intensity_median_0": 30,
        "intensity_std_0": 10,
        "intensity_min_0": 20,
        "intensity_max_0": 40,
        "intensity_integrated_0": 60,
        "intensity_background_0": 10,
        "intensity_mean_corrected_0": 20,
        "intensity_integrated_corrected_0": 40,
    }
    assert all(np.isnan(values[1]) for values in found.values())


@settings(deadline=None)
@given(
    hnp.arrays(np.uint32, (8, 9), elements=st.sampled_from([0, 1, 2, 2**32 - 1])),
    hnp.arrays(
        np.float64, (8, 9), elements=st.one_of(st.integers(-9, 9).map(float), st.just(np.nan))
    ),
)
def test_ranks_are_those_of_numpy(labels: Array, plane: Array) -> None:
    found = FEATURE.measure(Regions(labels, {"0": plane}))
    for index, label in enumerate(np.unique(labels[labels > 0])):
        values = plane[labels == label]
        values = values[np.isfinite(values)]
        for name, of in (("median", np.median), ("min", np.min), ("max", np.max), ("std", np.std)):
            got = found[f"intensity_{name}_0"][index]
            assert np.isnan(got) if not len(values) else got == pytest.approx(of(values))


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.uint32, np.float32, bool])
def test_number_types(dtype: type) -> None:
    plane: Array = np.zeros((9, 9), dtype)
    plane[4, 4] = 1
    found = FEATURE.measure(Regions(plane.astype(np.uint32), {"0": plane}))
    assert found["intensity_integrated_corrected_0"].tolist() == [1]


def test_large_counts_do_not_wrap() -> None:
    plane = np.full((300, 300), 65535, np.uint16)
    found = FEATURE.measure(Regions(np.ones((300, 300), np.uint32), {"0": plane}))
    assert found["intensity_integrated_0"].tolist() == [65535 * 90000]
    assert found["intensity_std_0"].tolist() == [0]


def test_background_keeps_away_from_cells() -> None:
    labels = np.zeros((30, 30), np.uint32)
    labels[12:16, 12:16] = 1
    plane = np.full((30, 30), 5.0)
    plane[10:18, 10:18] = 50.0  # the cell and its blur
    assert np.count_nonzero(~background_pixels(labels)) == 64
    found = FEATURE.measure(Regions(labels, {"0": plane}))
    assert found["intensity_mean_corrected_0"].tolist() == [45]


def test_without_background_nothing_is_corrected() -> None:
    labels = np.ones((10, 10), np.uint32)
    labels[:, 4] = 0  # a gap between two cells of a closed layer is no background
    found = FEATURE.measure(Regions(labels, {"0": np.ones((10, 10))}))
    assert np.isnan(found["intensity_background_0"]).all()
    assert np.isnan(found["intensity_mean_corrected_0"]).all()
    assert found["intensity_mean_0"].tolist() == [1]
    assert np.isnan(background_level(np.full((10, 10), np.nan), np.ones((10, 10), bool)))


def test_no_channels_no_columns() -> None:
    assert dict(FEATURE.measure(Regions(np.ones((3, 3), np.uint32), {}))) == {}
