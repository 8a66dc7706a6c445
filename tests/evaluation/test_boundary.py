"""Boundaries: by hand, by brute force, and the same however large the strips."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hn

from cellwright.core.image import Array
from cellwright.evaluation import boundary
from cellwright.evaluation.boundary import TOLERANCE, boundary_of
from cellwright.evaluation.picture import score_picture

PLANES = hn.arrays(np.uint8, (17, 23), elements=st.sampled_from([0, 0, 1, 1, 1, 2]))


def square(top: int, left: int, side: int = 20) -> Array:
    labels = np.zeros((60, 60), np.uint8)
    labels[top : top + side, left : left + side] = 1
    return labels


def test_an_outline_within_the_tolerance_is_right_and_one_beyond_is_not() -> None:
    for shift, expected in ((0, 1.0), (TOLERANCE, 1.0)):
        assert score_picture(square(20, 20), square(20, 20 + shift))["boundary_f1"] == expected
    # moved by more than the tolerance, the two sides across the shift are wrong, but for corners
    scores = score_picture(square(20, 20), square(20, 20 + TOLERANCE + 2))
    assert scores["boundary_precision"] == scores["boundary_recall"]
    assert 0.5 < scores["boundary_f1"] < 0.85


def test_missed_and_invented_boundaries() -> None:
    nothing = np.zeros((60, 60), np.uint8)
    assert score_picture(nothing, nothing)["boundary_f1"] == 1.0
    for one, other in ((square(20, 20), nothing), (nothing, square(20, 20))):
        scores = score_picture(one, other)
        assert scores["boundary_f1"] == scores["boundary_precision"] == 0.0
    both = square(5, 5) + square(35, 35)
    scores = score_picture(both, square(5, 5))
    assert (scores["boundary_precision"], scores["boundary_recall"]) == (1.0, 0.5)
    assert scores["boundary_f1"] == pytest.approx(2 / 3)


def test_touching_cells_have_a_boundary_and_the_frame_is_none() -> None:
    whole, halves = np.ones((9, 12), np.uint8), np.ones((9, 12), np.uint8)
    halves[:, 6:] = 2
    assert not boundary_of(whole).any()
    assert np.flatnonzero(boundary_of(halves).all(axis=0)).tolist() == [5, 6]


@given(truth=PLANES, found=PLANES)
@settings(deadline=None, max_examples=30)
def test_as_by_brute_force(truth: Array, found: Array) -> None:
    one, other = (np.argwhere(boundary_of(labels)) for labels in (truth, found))
    scores = score_picture(truth, found)
    if len(one) and len(other):
        far = np.linalg.norm(one[:, None] - other[None], axis=2)
        assert scores["true_boundary_near"] == (far.min(axis=1) <= TOLERANCE).sum()
        assert scores["found_boundary_near"] == (far.min(axis=0) <= TOLERANCE).sum()
    assert (scores["true_boundary"], scores["found_boundary"]) == (len(one), len(other))


@given(truth=PLANES, found=PLANES)
@settings(deadline=None, max_examples=20)
def test_the_same_in_strips(truth: Array, found: Array) -> None:
    whole = score_picture(truth, found)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(boundary, "_ROWS", 4)
        strips = score_picture(truth, found)
    assert all(
        strips[name] == whole[name] for name in ("true_boundary_near", "found_boundary_near")
    )


def test_frames_are_each_by_itself_and_volumes_as_one() -> None:
    from cellwright.core.labels import Labels

    pair = np.stack([square(20, 20), square(5, 5)]), np.stack([square(20, 20), square(30, 30)])
    movie = score_picture(*(Labels(labels, "TYX") for labels in pair))
    assert movie["true_boundary_near"] == 76
    volume = score_picture(*(Labels(labels, "ZYX") for labels in pair))
    assert volume["true_boundary"] > movie["true_boundary"]


def test_seg_is_that_of_the_cell_tracking_challenge() -> None:
    truth, found = np.zeros((1, 12), np.uint8), np.zeros((1, 12), np.uint8)
    truth[0, :4], truth[0, 4:8], truth[0, 8:] = 1, 2, 3
    found[0, :3], found[0, 4:6], found[0, 7:] = 1, 2, 3
    # 3 of 4 found: 3/4; 2 of 4 are not more than half: 0; all 4 and one more: 4/5
    assert score_picture(truth, found)["seg"] == pytest.approx((0.75 + 0 + 0.8) / 3)
