"""Separation and coverage: hand-worked shares of the variance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cellwright.core.errors import UsageError
from cellwright.core.image import Array
from cellwright.measure.separation import coverage, separation


def test_hand_worked() -> None:
    # Inside 4 and 8, outside 0 and 4: mean 4, total 16 + 0 + 0 + 16 = 32, between 4 · 2² = 16.
    # The percentiles interpolate, so the outermost values are clipped by 0.1 %.
    plane = np.array([[0.0, 4.0], [4.0, 8.0]])
    labels = np.array([[0, 0], [1, 2]])
    assert separation(plane, labels) == pytest.approx(0.5, abs=0.002)


@pytest.mark.parametrize("dark", [False, True])
def test_either_polarity(dark: bool) -> None:
    labels = np.zeros((20, 20), np.uint32)
    labels[5:9, 5:9] = 3
    plane = np.where((labels > 0) != dark, 200, 10).astype(np.uint8)
    assert separation(plane, labels) == pytest.approx(1.0)


def test_labels_that_have_nothing_to_do_with_the_picture() -> None:
    rng = np.random.default_rng(1)
    labels = np.zeros((200, 200), np.uint32)
    labels[::2, ::3] = 1
    assert separation(rng.normal(size=(200, 200)), labels) < 0.001


def test_a_hot_pixel_does_not_hide_the_cells() -> None:
    rng = np.random.default_rng(1)
    labels = np.zeros((100, 100), np.uint32)
    labels[20:60, 20:60] = 1
    plane = rng.normal(100, 5, (100, 100)) + 100 * (labels > 0)
    clean = separation(plane, labels)
    plane[90, 90] = 1e6
    assert clean > 0.9
    assert separation(plane, labels) == pytest.approx(clean, abs=0.01)


def test_few_cells_are_not_clipped_away() -> None:
    labels = np.zeros((300, 300), np.uint32)
    labels[10:16, 10:16] = 1  # 0.04 % of the picture
    assert separation(10.0 + 90.0 * labels, labels) == pytest.approx(1.0)


def test_nothing_to_part() -> None:
    assert np.isnan(separation(np.ones((4, 4)), np.zeros((4, 4), np.uint32)))
    assert np.isnan(separation(np.ones((4, 4)), np.ones((4, 4), np.uint32)))
    assert np.isnan(separation(np.full((4, 4), np.nan), np.eye(4, dtype=np.uint32)))
    assert np.isnan(separation(np.ones((0, 4)), np.ones((0, 4), np.uint32)))
    assert separation(np.ones((4, 4)), np.eye(4, dtype=np.uint32)) == 0
    with pytest.raises(UsageError, match="shape"):
        separation(np.ones((4, 4)), np.ones((4, 5), np.uint32))


def test_pixels_that_are_not_finite_are_left_out() -> None:
    plane = np.array([[np.nan, 1.0, 1.0], [5.0, 5.0, np.inf]])
    assert separation(plane, np.array([[0, 0, 0], [1, 1, 1]])) == pytest.approx(1.0)


@settings(deadline=None)
@given(
    hnp.arrays(np.float64, (6, 6), elements=st.integers(-50, 50).map(float)),
    hnp.arrays(np.uint32, (6, 6), elements=st.integers(0, 2)),
)
def test_it_is_a_share_and_knows_no_scale(plane: Array, labels: Array) -> None:
    found = separation(plane, labels)
    if np.isnan(found):
        assert not 0 < np.count_nonzero(labels) < labels.size
        return
    assert 0 <= found <= 1
    assert separation(3 * plane + 7, labels) == pytest.approx(found, abs=1e-9)
    assert separation(-plane, labels) == pytest.approx(found, abs=1e-9)


def test_coverage() -> None:
    labels = np.zeros((10, 10), np.uint32)
    labels[:5] = 7
    assert coverage(labels) == 0.5
    assert np.isnan(coverage(labels[:0]))
