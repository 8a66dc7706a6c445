"""Neighbours: contacts, distances and densities of layouts that are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cellwright.core.image import Array
from cellwright.measure.neighbours import FEATURE, neighbour_pairs
from cellwright.measure.regions import Regions


def squares(pitch: int, side: int, count: int) -> Array:
    labels = np.zeros((pitch * count, pitch * count), np.uint32)
    for row in range(count):
        for column in range(count):
            at = (
                slice(row * pitch, row * pitch + side),
                slice(column * pitch, column * pitch + side),
            )
            labels[at] = row * count + column + 1
    return labels


def test_contacts_in_a_closed_layer() -> None:
    # Corners touch as well: eight neighbours inside, five at an edge, three in a corner.
    found = FEATURE.measure(Regions(squares(6, 6, 3), {}))
    assert found["neighbour_count"].tolist() == [3, 5, 3, 5, 8, 5, 3, 5, 3]
    assert found["nearest_neighbour_px"].tolist() == [6.0] * 9


@pytest.mark.parametrize(("gap", "expected"), [(0, 1), (1, 1), (2, 0), (5, 0)])
def test_one_pixel_between_is_still_a_contact(gap: int, expected: int) -> None:
    labels = np.zeros((6, 20), np.uint32)
    labels[1:5, 2:6] = 1
    labels[1:5, 6 + gap : 10 + gap] = 2**32 - 1
    found = FEATURE.measure(Regions(labels, {}))
    assert found["neighbour_count"].tolist() == [expected, expected]
    assert found["nearest_neighbour_px"].tolist() == [4.0 + gap] * 2


@settings(deadline=None)
@given(hnp.arrays(np.uint32, (7, 8), elements=st.sampled_from([0, 0, 1, 2, 3, 2**32 - 1])))
def test_pairs_are_those_of_a_search_over_all_pixels(labels: Array) -> None:
    regions = Regions(labels, {})
    at = [np.argwhere(labels == label) for label in regions.labels]
    expected = [
        (one, two)
        for one in range(len(at))
        for two in range(one + 1, len(at))
        if np.hypot(*(at[one][:, None] - at[two][None]).T).min() <= 2
    ]
    first, second = neighbour_pairs(regions)
    assert list(zip(first.tolist(), second.tolist(), strict=True)) == expected


def test_a_lone_cell_has_no_neighbour() -> None:
    found = FEATURE.measure(Regions(np.pad(np.ones((3, 3), np.uint32), 4), {}))
    assert np.isnan(found["nearest_neighbour_px"]).all()
    assert found["neighbour_count"].tolist() == [0]
    assert found["local_density_per_mpx"].tolist() == [0]


def test_density_is_the_same_at_border_and_middle() -> None:
    found = FEATURE.measure(Regions(squares(10, 6, 30), {}))
    density = found["local_density_per_mpx"].reshape(30, 30)
    # One cell in 100 px² is 10,000 in a megapixel; each leaves itself out.
    assert density[10:20, 10:20] == pytest.approx(10_000, rel=0.05)
    assert density[0, 0] == pytest.approx(10_000, rel=0.3)
    assert density.mean() == pytest.approx(10_000, rel=0.05)


def test_surroundings_wider_than_the_picture_are_the_picture() -> None:
    labels = np.zeros((20, 30), np.uint32)
    labels[5:10, 5:10], labels[10:15, 20:25] = 1, 2
    found = FEATURE.measure(Regions(labels, {}))
    assert found["local_density_per_mpx"] == pytest.approx(1e6 / (20 * 30))
