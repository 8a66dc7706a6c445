"""Pixels in common, and one-to-one matching: against counting by hand and by brute force."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cellwright.core.errors import UsageError
from cellwright.evaluation import matching
from cellwright.evaluation.matching import Overlaps, count_overlaps, join_overlaps, match

Labels = npt.NDArray[np.uint32]

small = arrays(np.uint32, (5, 6), elements=st.integers(0, 4))


def square(side: int, top: int, left: int, size: int = 10) -> Labels:
    labels = np.zeros((side, side), np.uint32)
    labels[top : top + size, left : left + size] = 1
    return labels


def table(overlaps: Overlaps) -> dict[tuple[int, int], int]:
    true = overlaps.true_labels[overlaps.pair_true].tolist()
    found = overlaps.found_labels[overlaps.pair_found].tolist()
    return dict(zip(zip(true, found, strict=True), overlaps.shared.tolist(), strict=True))


@pytest.mark.parametrize("shift", range(12))
def test_a_shifted_square_has_the_iou_of_geometry(shift: int) -> None:
    overlaps = count_overlaps(square(32, 4, 4), square(32, 4 + shift, 4))
    shared = 10 * max(0, 10 - shift)
    assert overlaps.iou.tolist() == ([shared / (200 - shared)] if shared else [])
    assert overlaps.true_areas.tolist() == overlaps.found_areas.tolist() == [100]


def test_labels_shifted_by_one_row() -> None:
    """Squares of 4 × 4 with room around them: 12 pixels of 20 stay in common."""
    grid = np.kron(np.arange(1, 10).reshape(3, 3), np.pad(np.ones((4, 4), int), 2))
    overlaps = count_overlaps(grid, np.roll(grid, 1, axis=0))
    assert overlaps.iou.tolist() == [12 / 20] * 9
    assert match(overlaps, 0.6).pairs.size == 9
    assert match(overlaps, 0.61).pairs.size == 0


@given(small, small)
def test_counts_are_those_of_comparing_each_pair(truth: Labels, found: Labels) -> None:
    overlaps = count_overlaps(truth, found)
    expected = {
        (t, f): int(np.count_nonzero((truth == t) & (found == f)))
        for t in range(1, 5)
        for f in range(1, 5)
        if ((truth == t) & (found == f)).any()
    }
    assert table(overlaps) == expected
    assert overlaps.pixels == 30
    for labels, numbers, areas in (
        (truth, overlaps.true_labels, overlaps.true_areas),
        (found, overlaps.found_labels, overlaps.found_areas),
    ):
        assert numbers.tolist() == [n for n in range(1, 5) if (labels == n).any()]
        assert areas.tolist() == [np.count_nonzero(labels == n) for n in numbers]


@given(small, small, st.sampled_from([0.05, 0.2, 1 / 3, 0.45, 0.5]))
def test_matching_has_the_most_pairs_and_then_the_most_iou(
    truth: Labels, found: Labels, threshold: float
) -> None:
    """All ways to give each of four true cells one of four found ones."""
    overlaps = count_overlaps(truth, found)
    good = overlaps.reaches(threshold)
    iou = dict(zip(table(overlaps), overlaps.iou.tolist(), strict=True))
    allowed = {pair for pair, is_good in zip(iou, good, strict=True) if is_good}
    best = max(
        (len(chosen), sum(iou[pair] for pair in chosen))
        for order in permutations(range(1, 5))
        for chosen in [[p for p in zip(range(1, 5), order, strict=True) if p in allowed]]
    )
    matches = match(overlaps, threshold)
    assert len(set(matches.true_index.tolist())) == matches.pairs.size
    assert len(set(matches.found_index.tolist())) == matches.pairs.size
    assert good[matches.pairs].all()
    assert matches.pairs.size == best[0]
    assert matches.iou.sum() == pytest.approx(best[1])


def test_one_pair_of_three_can_cost_another() -> None:
    """Cell 1 fits A best, but only if it takes B can cell 2 have A: two pairs come first."""
    truth = np.array([[1] * 10 + [2] * 6])
    found = np.array([[2] * 4 + [1] * 6 + [1] * 3 + [0] * 3])
    overlaps = count_overlaps(truth, found)
    assert table(overlaps) == {(1, 1): 6, (1, 2): 4, (2, 1): 3}
    matches = match(overlaps, 0.2)  # 6/13, 4/10, 3/12
    assert matches.iou.tolist() == [4 / 10, 3 / 12]
    assert match(overlaps, 0.3).iou.tolist() == [6 / 13]


def test_a_threshold_is_the_number_as_written() -> None:
    """11 of 20 pixels are 0.55, although no float is."""
    truth = np.array([[1] * 20])
    overlaps = count_overlaps(truth, np.array([[1] * 11 + [0] * 9]))
    assert match(overlaps, 0.55).pairs.size == 1
    assert match(overlaps, 0.5501).pairs.size == 0


def test_of_two_halves_one_matches() -> None:
    truth = np.array([[7, 7, 7, 7]])
    matches = match(count_overlaps(truth, np.array([[3, 3, 9, 9]])), 0.5)
    assert matches.iou.tolist() == [0.5]


@pytest.mark.parametrize("threshold", [0.0, -0.1, 1.01, float("nan")])
def test_a_threshold_outside_is_refused(threshold: float) -> None:
    overlaps = count_overlaps(square(16, 2, 2), square(16, 2, 2))
    with pytest.raises(UsageError, match="cannot be a threshold"):
        match(overlaps, threshold)


def test_numbers_may_have_gaps_and_be_large() -> None:
    truth = np.array([[1, 1, 2**32 - 1, 0]], np.uint32)
    found = np.array([[2**31, 0, 2**31 + 1, 5]], np.int64)
    overlaps = count_overlaps(truth, found)
    assert table(overlaps) == {(1, 2**31): 1, (2**32 - 1, 2**31 + 1): 1}


@given(small, small)
def test_strips_count_the_same_as_the_whole(truth: Labels, found: Labels) -> None:
    whole = count_overlaps(truth, found)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matching, "_STRIP_PIXELS", 7)
        strips = count_overlaps(truth, found)
    assert table(strips) == table(whole)
    assert strips.true_areas.tolist() == whole.true_areas.tolist()
    assert strips.pixels == whole.pixels


@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (0, 0)])
def test_pictures_without_pixels(shape: tuple[int, int]) -> None:
    nothing = np.zeros(shape, np.uint32)
    overlaps = count_overlaps(nothing, nothing)
    assert (overlaps.n_true, overlaps.n_found, overlaps.pixels) == (0, 0, 0)
    assert match(overlaps).pairs.size == 0


def test_what_is_no_pair_of_labels_is_refused() -> None:
    labels = square(16, 2, 2)
    with pytest.raises(UsageError, match="16 × 16 and 16 × 15 pixels"):
        count_overlaps(labels, labels[:, 1:])
    with pytest.raises(UsageError, match="whole numbers"):
        count_overlaps(labels, labels.astype(float))
    with pytest.raises(UsageError, match="between 0 and"):
        count_overlaps(labels, labels.astype(int) - 1)


def test_frames_are_put_beside_each_other() -> None:
    first = count_overlaps(np.array([[1, 1, 2]]), np.array([[1, 0, 3]]))
    second = count_overlaps(np.array([[1, 0, 0]]), np.array([[1, 1, 0]]))
    both = join_overlaps([first, second])
    assert (both.n_true, both.n_found, both.pixels) == (3, 3, 6)
    assert both.iou.tolist() == [0.5, 1.0, 0.5]
    assert match(both).true_index.tolist() == [0, 1, 2]


def test_cells_by_the_ten_thousand() -> None:
    """70,225 cells: what is held grows with the pairs, not with their square."""
    index = np.arange(2120) // 8
    truth = (index[:, None] * 265 + index + 1).astype(np.uint32)
    overlaps = count_overlaps(truth, np.roll(truth, 2, axis=0))
    assert overlaps.n_true == overlaps.n_found == 70_225
    assert overlaps.shared.size == 2 * 70_225
    assert match(overlaps, 0.6).pairs.size == 70_225  # 48 of 80 pixels
    assert match(overlaps, 0.1).pairs.size == 70_225  # of two rivals for each the better one
