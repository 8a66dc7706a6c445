"""Regions: what is found in a label image, whatever its numbers are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cellwright.core.errors import UsageError
from cellwright.measure.regions import Regions

label_images = hnp.arrays(
    np.uint32,
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=9),
    elements=st.sampled_from([0, 0, 1, 2, 3, 70_000, 2**32 - 1]),
)


@settings(deadline=None)
@given(label_images)
def test_runs_boxes_and_pixels_are_those_of_a_plain_search(labels: np.ndarray) -> None:
    plane = np.arange(labels.size, dtype=float).reshape(labels.shape)
    regions = Regions(labels, {"0": plane})
    present = sorted(set(labels.ravel().tolist()) - {0})
    assert regions.labels.tolist() == present
    assert regions.count == len(present)
    pixels = np.split(regions.pixels, regions.pixel_starts[1:]) if present else []
    boxes = regions.boxes
    for index, label in enumerate(present):
        rows, columns = np.nonzero(labels == label)
        assert regions.area[index] == len(rows)
        assert pixels[index].tolist() == (rows * labels.shape[1] + columns).tolist()
        assert boxes.top[index] == rows.min()
        assert boxes.bottom[index] == rows.max() + 1
        assert boxes.left[index] == columns.min()
        assert boxes.right[index] == columns.max() + 1
        assert regions.moments.y[index] == pytest.approx(rows.mean())
        assert regions.moments.x[index] == pytest.approx(columns.mean())
        assert regions.moments.yy[index] == pytest.approx(rows.var() + 1 / 12)
        assert regions.moments.xx[index] == pytest.approx(columns.var() + 1 / 12)
        product = (rows * columns).mean() - rows.mean() * columns.mean()
        assert regions.moments.yx[index] == pytest.approx(product, abs=1e-9)
    assert regions.values("0").tolist() == plane.ravel()[regions.pixels].tolist()


@settings(deadline=None)
@given(label_images)
def test_boundary_is_what_has_another_value_beside_it(labels: np.ndarray) -> None:
    regions = Regions(labels, {})
    padded = np.pad(labels.astype(np.int64), 1, constant_values=-1)
    middle = padded[1:-1, 1:-1]
    beside = [padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]]
    expected = (middle != 0) & np.any([middle != other for other in beside], axis=0)
    image = regions.boundary.image[2:-2, 2:-2]
    assert np.array_equal(image != 0, expected)
    assert np.array_equal(regions.labels[image[expected].astype(int) - 1], labels[expected])
    assert len(regions.boundary.position) == np.count_nonzero(expected)


def test_a_picture_without_pixels_has_no_regions() -> None:
    assert Regions(np.zeros((0, 0), np.uint32), {}).count == 0
    assert Regions(np.zeros((3, 0), np.uint32), {}).boundary.position.tolist() == []


def test_what_is_not_a_plane_of_labels_is_refused() -> None:
    with pytest.raises(UsageError, match="whole numbers"):
        Regions(np.zeros((3, 3)), {})
    with pytest.raises(UsageError, match="whole numbers"):
        Regions(np.zeros((1, 3, 3), np.uint32), {})
    with pytest.raises(UsageError, match="below 0"):
        Regions(np.full((3, 3), -1), {})
    with pytest.raises(UsageError, match="'DAPI' has the shape"):
        Regions(np.zeros((3, 3), np.uint32), {"DAPI": np.zeros((3, 4))})
    with pytest.raises(UsageError, match="there are DAPI"):
        Regions(np.ones((3, 3), np.uint32), {"DAPI": np.zeros((3, 3))}).values("GFP")
