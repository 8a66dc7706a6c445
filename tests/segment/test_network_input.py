"""What a network is shown of a plane."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellwright.segment.network_input import (
    SAMPLE,
    Normalisation,
    sampled,
    three_channels,
    unit_range,
)
from cellwright.segment.network_mapping import InMemory


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=30),
    st.sampled_from([np.float32, np.float64]),
)
def test_all_finite_numbers_become_finite_and_keep_their_order(
    numbers: list[float], kind: type[np.floating]
) -> None:
    most = float(np.finfo(kind).max)
    values = np.sort(np.clip(np.array(numbers), -most, most).astype(kind))[None]
    found = unit_range(values, 1.0, 99.8)(values)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    assert (np.diff(found) >= 0).all()
    assert found.min() >= -0.5
    assert found.max() <= 2.0


def test_small_differences_of_large_whole_numbers_are_kept() -> None:
    values = np.array([[2**31, 2**31 + 1, 2**31 + 2]], np.uint32)
    np.testing.assert_allclose(Normalisation(2**31, 2**31 + 2)(values), [[0, 0.5, 1]])


def test_a_few_bright_pixels_on_an_even_ground_are_seen() -> None:
    plane = np.zeros((100, 100), np.uint16)
    plane[5, 5:9] = 300
    found = unit_range(plane, 1.0, 99.8)
    assert (found.low, found.high) == (0.0, 300.0)


def test_a_large_plane_is_sampled_by_rows_and_columns() -> None:
    plane = np.broadcast_to(np.arange(4000, dtype=np.uint16)[:, None], (4000, 4000))
    taken = sampled(InMemory(plane))
    assert taken.size <= SAMPLE
    assert taken[:, 0].tolist() == list(range(0, 4000, 3))


@pytest.mark.parametrize(("samples", "wanted"), [(1, (4, 5)), (2, (4, 5)), (4, (4, 5, 3))])
def test_the_samples_that_count(samples: int, wanted: tuple[int, ...]) -> None:
    assert sampled(InMemory(np.zeros((4, 5, samples), np.uint8))).shape == wanted
    assert three_channels(np.zeros((4, 5, samples), np.float32)).shape == (3, 4, 5)
