"""Targets, worked out by hand on small label images."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hn

from cellwright.core.image import Array
from cellwright.learn.targets import boundary, centre_offsets, distance, rays, sizes, touching

LABELS = hn.arrays(np.int32, hn.array_shapes(min_dims=2, max_dims=2, max_side=12),
                   elements=st.integers(0, 4))  # fmt: skip


def labels_of(*rows: str) -> Array:
    return np.array([[int(value) for value in row] for row in rows], np.int32)


def test_a_boundary_is_two_rims_and_a_gap_of_one_pixel() -> None:
    labels = labels_of("1111000222", "1111000222", "1111333222")
    assert boundary(labels).astype(int).tolist() == [
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 1, 1, 0, 1, 1, 0, 0],
        [0, 0, 0, 1, 1, 0, 1, 1, 0, 0],
    ]
    assert boundary(labels_of("1100222")).tolist() == [[False] * 7]
    assert boundary(labels_of("110222")).tolist() == [[False, False, True, False, False, False]]


def test_objects_touch_if_three_pixels_of_a_rim_lie_at_another() -> None:
    labels = np.zeros((8, 8), np.int32)
    labels[0:2, 0:2] = 1
    labels[2:4, 2:4] = 2  # one corner at a corner
    labels[5:8, 0:3] = 3
    labels[5:8, 3:6] = 4  # side by side
    assert set(np.unique(labels[touching(labels)])) == {3, 4}
    np.testing.assert_array_equal(touching(labels), np.isin(labels, (3, 4)))


def test_no_objects_touch_nothing() -> None:
    assert not touching(np.zeros((4, 4), np.int32)).any()
    assert not touching(np.ones((4, 4), np.int32)).any()


def test_the_distance_is_a_share_of_each_objects_largest() -> None:
    labels = labels_of("000000000", "011100022", "011100022", "011100022", "000000000")
    found = distance(labels)
    assert found[1:4, 1:4].tolist() == [[0.5, 0.5, 0.5], [0.5, 1, 0.5], [0.5, 0.5, 0.5]]
    # the frame is no edge: the second object goes on beyond it
    assert found[1:4, 7:].tolist() == [[0.5, 0.5], [0.5, 1], [0.5, 0.5]]
    assert distance(labels_of("11", "11")).tolist() == [[1, 1], [1, 1]]
    assert distance(labels_of("00")).tolist() == [[0, 0]]


@given(LABELS)
def test_the_distance_reaches_1_in_each_object_and_is_0_on_the_ground(labels: Array) -> None:
    found = distance(labels)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found > 0, labels > 0)
    for label in np.unique(labels[labels > 0]):
        assert found[labels == label].max() == 1


def test_offsets_lead_to_the_middle_of_what_is_inside() -> None:
    labels = labels_of("1100", "1122", "0022")
    everywhere = np.ones(labels.shape, bool)
    rows, columns = centre_offsets(labels, everywhere)
    assert rows.tolist() == [[0.5, 0.5, 0, 0], [-0.5, -0.5, 0.5, 0.5], [0, 0, -0.5, -0.5]]
    assert columns.tolist() == [[0.5, -0.5, 0, 0], [0.5, -0.5, 0.5, -0.5], [0, 0, 0.5, -0.5]]
    within = everywhere.copy()
    within[0] = False  # only the second row of the first object lies in the picture
    assert centre_offsets(labels, within)[0][:2, 0].tolist() == [1, 0]


@given(LABELS)
def test_all_pixels_of_an_object_lead_to_one_place(labels: Array) -> None:
    offsets = centre_offsets(labels, np.ones(labels.shape, bool))
    places = offsets + np.indices(labels.shape)
    for label in np.unique(labels[labels > 0]):
        on = labels == label
        np.testing.assert_allclose(np.ptp(places[:, on], axis=1), 0, atol=1e-4)
        np.testing.assert_allclose(offsets[:, on].mean(axis=1), 0, atol=1e-4)
    assert (offsets[:, labels == 0] == 0).all()


def test_sizes_are_diameters_of_discs_of_the_area_inside() -> None:
    labels = labels_of("1112", "1112")
    within = np.ones(labels.shape, bool)
    within[:, 3] = False
    found = sizes(labels, within)
    assert found[0, 0] == pytest.approx(2 * np.sqrt(6 / np.pi))
    assert found[0, 3] == 0
    assert sizes(labels_of("01"), np.ones((1, 2), bool))[0, 0] == 0


def test_rays_of_a_square_reach_its_edges() -> None:
    labels = np.zeros((11, 11), np.int32)
    labels[2:9, 2:9] = 1  # seven wide
    found = rays(labels, 4, 1)
    assert found[:, 5, 5].tolist() == [3.5, 3.5, 3.5, 3.5]
    assert found[:, 2, 4].tolist() == [4.5, 6.5, 2.5, 0.5]  # right, down, left, up
    assert (found[:, labels == 0] == 0).all()


def test_rays_end_at_neighbours_and_at_the_frame() -> None:
    assert rays(labels_of("11222"), 2, 1)[:, 0].tolist() == [
        [1.5, 0.5, 2.5, 1.5, 0.5],
        [0.5, 1.5, 0.5, 1.5, 2.5],
    ]


def test_rays_of_a_disc_are_its_radius_at_the_places_of_a_coarse_grid() -> None:
    rows, columns = np.indices((64, 64))
    labels = (np.hypot(rows - 31, columns - 31) <= 20).astype(np.int32)
    found = rays(labels, 32, 2)
    assert found.shape == (32, 32, 32)
    np.testing.assert_allclose(found[:, 15, 15], 20.5, atol=1)  # place 15 is pixel 31
