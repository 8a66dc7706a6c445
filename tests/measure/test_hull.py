"""Hull: large and awkward outlines, where a wrong sweep would show."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellwright.measure.hull import FEATURE
from cellwright.measure.regions import Regions


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(3, 60))
def test_hulls_of_scattered_pixels_are_those_of_qhull(seed: int, points: int) -> None:
    from scipy.spatial import ConvexHull

    rng = np.random.default_rng(seed)
    labels = np.zeros((70, 55), np.uint32)
    labels[rng.integers(0, 70, points), rng.integers(0, 55, points)] = 8
    middles = np.argwhere(labels).astype(float)
    hull = ConvexHull(
        np.concatenate([middles + d for d in ((0.5, 0), (-0.5, 0), (0, 0.5), (0, -0.5))])
    )
    found = FEATURE.measure(Regions(labels, {}))
    # In two dimensions Qhull's "area" is the perimeter.
    assert found["convex_perimeter_px"][0] == pytest.approx(hull.area)
    corners = hull.points[hull.vertices]
    apart = corners[:, None] - corners[None]
    assert found["feret_max_px"][0] == pytest.approx(np.hypot(*apart.T).max())
    widths = np.ptp(corners @ hull.equations[:, :2].T, axis=0)
    assert found["feret_min_px"][0] == pytest.approx(widths.min())


def test_a_quarter_circle_and_one_far_pixel() -> None:
    # Every point of the arc is a corner until the one after it has gone.
    rows, columns = np.mgrid[:200, :200]
    labels = ((rows**2 + columns**2) <= 150**2).astype(np.uint32)
    labels[199, 199] = 1
    found = FEATURE.measure(Regions(labels, {}))
    assert found["feret_max_px"][0] == pytest.approx(np.hypot(199, 199), abs=1)
    # Two triangles, from the arc's ends to the far pixel, and half a pixel all round.
    corners = np.array([[0, 0], [0, 150], [199, 199], [150, 0]])
    round_about = np.hypot(*(corners - np.roll(corners, 1, axis=0)).T).sum()
    assert found["convex_area_px"][0] == pytest.approx(150 * 199 + round_about / 2, rel=0.001)


def test_a_cell_around_another_keeps_its_hull() -> None:
    labels = np.ones((20, 20), np.uint32)
    labels[5:10, 6:9] = 2
    found = FEATURE.measure(Regions(labels, {}))
    assert found["convex_area_px"].tolist() == [400, 15]
    assert found["solidity"].tolist() == [385 / 400, 1]


def test_no_cells_no_hulls() -> None:
    found = FEATURE.measure(Regions(np.zeros((4, 4), np.uint32), {}))
    assert {name: len(values) for name, values in found.items()} == {
        column.name: 0 for column in FEATURE.columns
    }
