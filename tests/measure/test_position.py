"""Position: centroids, boxes and the picture's border."""

from __future__ import annotations

import numpy as np

from cellwright.measure.position import FEATURE
from cellwright.measure.regions import Regions


def test_hand_worked() -> None:
    labels = np.zeros((8, 10), np.uint32)
    labels[2:5, 3:7] = 30
    labels[0, 8:10] = 4
    found = FEATURE.measure(Regions(labels, {}))
    assert found["centroid_y_px"].tolist() == [0.0, 3.0]
    assert found["centroid_x_px"].tolist() == [8.5, 4.5]
    assert found["bbox_top_px"].tolist() == [0, 2]
    assert found["bbox_left_px"].tolist() == [8, 3]
    assert found["bbox_bottom_px"].tolist() == [1, 5]
    assert found["bbox_right_px"].tolist() == [10, 7]
    assert found["touches_border"].tolist() == [True, False]


def test_each_border_counts() -> None:
    labels = np.zeros((7, 7), np.uint32)
    labels[0, 3], labels[3, 0], labels[6, 3], labels[3, 6], labels[3, 3] = 1, 2, 3, 4, 5
    found = FEATURE.measure(Regions(labels, {}))
    assert found["touches_border"].tolist() == [True, True, True, True, False]


def test_a_place_is_never_compared() -> None:
    assert not any(column.comparable for column in FEATURE.columns)
