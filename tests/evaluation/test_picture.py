"""Scores of one picture, worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cellwright.core.errors import UsageError
from cellwright.core.labels import Labels
from cellwright.evaluation.picture import FAMILIES, score_columns, score_picture, score_table

Array = npt.NDArray[np.int64]
small = arrays(np.int64, (5, 6), elements=st.integers(0, 4))


def row(*runs: tuple[int, int]) -> Array:
    """One row of pixels: (label, length) after (label, length)."""
    return np.repeat([label for label, _ in runs], [length for _, length in runs])[None]


@pytest.fixture
def worked() -> tuple[Array, Array]:
    """Four true cells of 10 px and four found ones, in 60 pixels.

    1 is found with 8 of its pixels (IoU 0.8), 2 whole with 2 more (10 / 12), 3 with 4 of its
    pixels and 4 of the background (4 / 14), 4 not at all; and 5 px are invented.
    """
    truth = row((1, 10), (0, 2), (2, 10), (0, 2), (3, 10), (0, 6), (4, 10), (0, 10))
    found = row((9, 8), (0, 4), (7, 12), (0, 6), (5, 8), (0, 12), (3, 5), (0, 5))
    assert truth.shape == found.shape == (1, 60)
    return truth, found


def test_cells_by_hand(worked: tuple[Array, Array]) -> None:
    score = score_picture(*worked, image="a")
    assert (score.image, score.n_true, score.n_found) == ("a", 4, 4)
    # 0.8 and 0.8333 match up to 0.80, none above; TP = 2, FP = 2, FN = 2.
    assert [score[f"tp_{p}"] for p in (50, 75, 80, 85, 95)] == [2, 2, 2, 0, 0]
    assert [score[f"fp_{p}"] for p in (50, 85)] == [2, 4]
    assert [score[f"fn_{p}"] for p in (50, 85)] == [2, 4]
    assert score["dsb_ap_50"] == score["dsb_ap_80"] == 2 / 6
    assert score["dsb_ap_85"] == 0
    assert score["dsb_ap_mean"] == pytest.approx(7 * (2 / 6) / 10)
    assert score["f1_50"] == score["f1_75"] == score["rq"] == 0.5
    assert score["precision_50"] == score["recall_50"] == 0.5
    assert score["f1_90"] == score["precision_90"] == score["recall_90"] == 0
    total = 8 / 10 + 10 / 12
    assert score["sq"] == pytest.approx(total / 2)
    assert score["pq"] == pytest.approx(total / 4) == pytest.approx(score["sq"] * score["rq"])
    # Best partners: 8 of 10, 10 of 12, 4 of 14, none of 10; the invented 5 are nobody's.
    assert score["aji"] == pytest.approx((8 + 10 + 4) / (10 + 12 + 14 + 10 + 5))


def test_pixels_by_hand(worked: tuple[Array, Array]) -> None:
    score = score_picture(*worked)
    true, found, shared = 40, 8 + 12 + 8 + 5, 8 + 10 + 4
    assert score["semantic_iou"] == pytest.approx(shared / (true + found - shared))
    assert score["dice"] == pytest.approx(2 * shared / (true + found))
    assert score["pixel_accuracy"] == pytest.approx((60 - true - found + 2 * shared) / 60)


def test_bias_by_hand(worked: tuple[Array, Array]) -> None:
    score = score_picture(*worked)
    assert score["count_error"] == score["count_error_percent"] == 0
    # Found areas 8 and 12 of 10: -20 % and +20 %, their median 0.
    assert score["area_bias_percent"] == pytest.approx(0)
    assert score["matched_area_bias_percent"] == pytest.approx(0)
    truth = row((1, 10), (0, 2), (2, 10), (0, 2), (3, 20), (0, 2))
    found = row((1, 9), (0, 3), (2, 12), (3, 21), (0, 1))
    score = score_picture(truth, found)
    assert score["area_bias_percent"] == pytest.approx(5)  # of -10, +20 and +5 %
    assert score["matched_area_bias_percent"] == pytest.approx(100 * (42 / 40 - 1))
    score = score_picture(truth, np.where(found == 2, 0, found))
    assert score["count_error"] == -1
    assert score["count_error_percent"] == pytest.approx(-100 / 3)
    assert score["count_error_abs_percent"] == pytest.approx(100 / 3)


def errors(truth: Array, found: Array) -> dict[str, float]:
    score = score_picture(truth, found)
    names = ("missed", "invented", "split", "merged", "in_merged", "inexact")
    return {name: score[name] for name in names if score[name]}


@pytest.mark.parametrize(
    ("truth", "found", "expected"),
    [
        (row((1, 6), (0, 6)), row((0, 6), (1, 6)), {"missed": 1, "invented": 1}),
        (row((1, 12)), row((1, 6), (2, 6)), {"split": 1}),
        (row((1, 12)), row((1, 10), (2, 1), (0, 1)), {"split": 1}),  # a match, and a crumb
        (row((1, 6), (2, 6)), row((1, 12)), {"merged": 1, "in_merged": 2}),
        (row((1, 4), (2, 4), (3, 4)), row((1, 12)), {"merged": 1, "in_merged": 3}),
        # More than half of cell 2 belongs to the found one, and all of cell 1.
        (row((1, 6), (2, 6)), row((1, 10), (0, 2)), {"merged": 1, "in_merged": 2}),
        # Just half of cell 2 does not, so that it is missed.
        (row((1, 6), (2, 6)), row((1, 9), (0, 3)), {"missed": 1}),
        # Of 12 px, 5 were found and nothing else: right place, wrong outline.
        (row((1, 12)), row((1, 5), (0, 7)), {"inexact": 1}),
        (row((1, 12)), row((1, 11), (0, 1)), {}),
        # A found cell across two, half in either, lies in none; neither lies in it.
        (
            row((1, 10), (2, 10)),
            row((0, 6), (1, 8), (0, 6)),
            {"missed": 2, "invented": 1},
        ),
    ],
)
def test_errors_by_kind(truth: Array, found: Array, expected: dict[str, int]) -> None:
    assert errors(truth, found) == expected


def test_rates_are_over_the_cells_that_can_be_wrong() -> None:
    truth = row((1, 6), (2, 6), (3, 6), (4, 6))
    found = row((1, 12), (2, 3), (3, 3), (0, 6))
    score = score_picture(truth, found)
    assert errors(truth, found) == {"missed": 1, "split": 1, "merged": 1, "in_merged": 2}
    assert score["missed_rate"] == score["split_rate"] == 1 / 4
    assert score["merged_rate"] == 2 / 4
    assert score["invented_rate"] == 0


def test_one_found_cell_may_serve_two_in_the_jaccard_index() -> None:
    """As in the paper: both true cells take the one found, each with its own union."""
    score = score_picture(row((1, 6), (2, 4)), row((1, 10)))
    assert score["aji"] == pytest.approx((6 + 4) / (10 + 10))


def test_both_empty_is_right() -> None:
    blank = np.zeros((4, 4), int)
    score = score_picture(blank, blank)
    assert score.is_empty
    for name in ("dsb_ap_mean", "dsb_ap_50", "f1_90", "pq", "sq", "aji", "semantic_iou", "dice"):
        assert score[name] == 1
    assert score["pixel_accuracy"] == score["precision_50"] == score["recall_50"] == 1
    for name in ("count_error_percent", "area_bias_percent", "missed_rate"):
        assert math.isnan(score[name])


@pytest.mark.parametrize("swap", [False, True])
def test_one_side_empty_is_wrong(swap: bool) -> None:
    pair = (row((1, 4), (0, 4)), row((0, 8)))
    score = score_picture(*(pair[::-1] if swap else pair))
    assert not score.is_empty
    for name in ("dsb_ap_mean", "dsb_ap_50", "f1_50", "pq", "aji", "semantic_iou", "dice"):
        assert score[name] == 0
    assert score["precision_50"] == score["recall_50"] == 0
    assert math.isnan(score["sq"])  # the mean of nothing
    assert math.isnan(score["count_error_percent"]) is swap


@given(small, small)
def test_scores_stay_within_their_bounds(truth: Array, found: Array) -> None:
    score = score_picture(truth, found)
    assert tuple(score.values) == score_columns()
    for declared in (one for family in FAMILIES for one in family.scores):
        value = score[declared.name]
        low, high = declared.bounds
        assert math.isnan(value) or low is None or value >= low
        assert math.isnan(value) or high is None or value <= high
    aps = [score[f"dsb_ap_{percent}"] for percent in range(50, 100, 5)]
    assert aps == sorted(aps, reverse=True)
    assert score["dsb_ap_mean"] == pytest.approx(sum(aps) / 10)


@given(small, small)
def test_exchanging_the_two_exchanges_the_errors(truth: Array, found: Array) -> None:
    one, other = score_picture(truth, found), score_picture(found, truth)
    for name in ("dsb_ap_mean", "f1_50", "pq", "semantic_iou", "dice", "pixel_accuracy"):
        assert one[name] == pytest.approx(other[name])
    assert one["missed"] == other["invented"]
    assert one["split"] == other["merged"]
    assert one["precision_50"] == other["recall_50"]


@given(small, small, st.permutations(range(1, 5)))
def test_numbers_of_cells_do_not_matter(truth: Array, found: Array, order: list[int]) -> None:
    renamed = np.array([0, *(10 * number for number in order)])[found]
    one, other = score_picture(truth, found), score_picture(truth, renamed)
    for name in score_columns():
        if name not in {"aji", "aji_shared", "aji_union"}:  # ties there go by number
            assert one[name] == pytest.approx(other[name], nan_ok=True)


@given(small)
def test_truth_against_itself_is_perfect(labels: Array) -> None:
    score = score_picture(labels, labels)
    assert score["dsb_ap_mean"] == score["pq"] == score["aji"] == score["semantic_iou"] == 1
    assert not errors(labels, labels)


def test_cells_of_different_frames_are_different_cells() -> None:
    truth = np.array([[[1, 1, 0]], [[0, 1, 1]]])
    moved = np.array([[[1, 1, 0]], [[1, 0, 0]]])
    movie = score_picture(Labels(truth, "TYX"), Labels(moved, "TYX"))
    assert (movie.n_true, movie.n_found, movie["tp_50"]) == (2, 2, 1)
    volume = score_picture(truth, moved)
    assert (volume.n_true, volume.n_found) == (1, 1)
    assert volume["semantic_iou"] == movie["semantic_iou"] == 2 / 5


def test_shapes_must_agree() -> None:
    with pytest.raises(UsageError, match=r"a\.png: the truth has 2 × 3 .*is ever resized"):
        score_picture(np.zeros((2, 3), int), np.zeros((2, 2), int), image="a.png")


def test_the_table_has_whole_numbers_where_cells_are_counted(
    worked: tuple[Array, Array],
) -> None:
    table = score_table([score_picture(*worked, image="b"), score_picture(*worked, image="a")])
    assert table["image"].tolist() == ["b", "a"]
    assert table["tp_50"].dtype == "Int64"
    assert table["iou_sum_50"].tolist() == pytest.approx([8 / 10 + 10 / 12] * 2)
    assert list(table.columns[1:]) == list(score_columns())
