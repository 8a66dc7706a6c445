"""Sums over pictures: means, pooled values, kinds, empty pictures, and the card."""

from __future__ import annotations

import json
import math
import random

import numpy as np
import pytest

from cellwright.core.errors import UsageError
from cellwright.evaluation.picture import PictureScore, score_picture
from cellwright.evaluation.summary import summarise


def picture(name: str, right: int, true: int, invented: int = 0) -> PictureScore:
    """`true` cells of one pixel, `right` of them found, and others elsewhere."""
    truth = np.zeros((2, 50), int)
    found = np.zeros((2, 50), int)
    truth[0, :true] = np.arange(1, true + 1)
    found[0, :right] = np.arange(1, right + 1)
    found[1, :invented] = np.arange(right + 1, right + invented + 1)
    return score_picture(truth, found, image=name)


@pytest.fixture
def pictures() -> list[PictureScore]:
    return [
        picture("a", 1, 2),
        picture("b", 30, 30, 10),
        picture("c", 0, 0),
        picture("d", 0, 0, 5),
        picture("e", 0, 4),
    ]


def test_means_weigh_pictures_and_pooled_values_cells(pictures: list[PictureScore]) -> None:
    summary = summarise(pictures)
    assert summary["dsb_ap_50"] == pytest.approx((1 / 2 + 30 / 40 + 1 + 0 + 0) / 5)
    assert summary["pooled_dsb_ap_50"] == pytest.approx(31 / (2 + 40 + 5 + 4))
    assert summary["pooled_f1_50"] == pytest.approx(62 / (36 + 46))
    assert summary["pooled_precision_50"] == pytest.approx(31 / 46)
    assert summary["pooled_recall_50"] == pytest.approx(31 / 36)
    assert summary["pooled_pq"] == pytest.approx(31 / 41)  # every match has an IoU of 1
    assert summary["sq"] == 1
    assert summary["pooled_missed_rate"] == pytest.approx(5 / 36)
    assert summary["pooled_invented_rate"] == pytest.approx(15 / 46)
    assert summary["pooled_count_error_percent"] == pytest.approx(100 * 10 / 36)
    assert summary["median_count_error_abs_percent"] == 50  # of 50, 33.3 and 100
    assert summary["pooled_semantic_iou"] == pytest.approx(31 / (36 + 46 - 31))


def test_how_many_pictures_a_number_is_of(pictures: list[PictureScore]) -> None:
    overall = summarise(pictures).overall
    assert (overall.n_pictures, overall.n_true, overall.n_found) == (5, 36, 46)
    assert (overall.n_without_cells, overall.n_empty) == (2, 1)
    assert overall.scores["dsb_ap_50"].n == 5
    assert overall.scores["sq"].n == 3  # two have matches, one is empty and right
    assert overall.scores["median_count_error_abs_percent"].n == 3
    assert overall.totals["tp_50"] == 31
    assert overall.totals["fn_50"] == 5


def test_empty_pictures_can_be_told_from_the_rest(pictures: list[PictureScore]) -> None:
    """1 for a picture that is rightly empty; StarDist's 0 is the same mean less 1/5."""
    estimate = summarise(pictures).overall.scores["dsb_ap_50"]
    assert estimate.value == pytest.approx((1.25 + 1) / 5)
    assert estimate.value_without_empty == pytest.approx(1.25 / 4)


def test_only_empty_pictures() -> None:
    summary = summarise([picture("a", 0, 0), picture("b", 0, 0)])
    assert summary["dsb_ap_50"] == summary["pooled_dsb_ap_50"] == 1
    assert math.isnan(summary.overall.scores["dsb_ap_50"].value_without_empty)
    assert math.isnan(summary["pooled_missed_rate"])


def test_no_picture_has_no_score() -> None:
    summary = summarise([])
    assert summary.overall.n_pictures == 0
    assert math.isnan(summary["dsb_ap_mean"])
    text = json.dumps(summary.to_json(), allow_nan=False)
    assert json.loads(text)["overall"]["scores"]["dsb_ap_mean"]["value"] is None


def test_kinds_are_summed_up_apart(pictures: list[PictureScore]) -> None:
    summary = summarise(pictures, {"a": "small", "b": "large", "e": "small", "x": "none of them"})
    assert list(summary.kinds) == ["large", "small"]
    assert summary.kinds["small"].n_pictures == 2
    assert summary.kinds["small"]["dsb_ap_50"] == pytest.approx(0.25)
    assert summary.overall.n_pictures == 5


def test_the_order_of_pictures_does_not_matter() -> None:
    rng = random.Random(5)
    pictures = [picture(f"{n:02}", rng.randint(0, 9), 10, rng.randint(0, 3)) for n in range(40)]
    expected = summarise(pictures).to_json()
    rng.shuffle(pictures)
    assert summarise(pictures).to_json() == expected
    estimate = expected["overall"]["scores"]["dsb_ap_mean"]
    assert estimate["interval"] == "bootstrap"
    assert estimate["low"] < estimate["value"] < estimate["high"]


def test_a_name_stands_for_one_picture() -> None:
    with pytest.raises(UsageError, match="'a'"):
        summarise([picture("a", 1, 2), picture("a", 1, 3)])


def test_every_number_is_explained_by_the_card(pictures: list[PictureScore]) -> None:
    summary = summarise(pictures, left_out={"f": "there is no truth for it"}, split="test.csv")
    card = summary.card
    assert set(card["definitions"]) == set(summary.overall.scores)
    assert all(one["meaning"] for one in card["definitions"].values())
    assert card["thresholds"] == [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]
    assert card["left_out"] == {"f": "there is no truth for it"}
    assert card["pictures"]["split"] == "test.csv"
    assert card["pictures"]["scored"] == 5
    for part in ("matching", "pooling", "empty_pictures", "intervals"):
        assert card[part]
    other = summarise(pictures[1:]).card
    assert other["pictures"]["names_sha256"] != card["pictures"]["names_sha256"]
