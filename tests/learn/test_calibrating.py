"""Confidence fitted to held-out pictures, on objects whose truth is drawn by chance."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra [train] is not installed")

from cellwright.core.image import Array
from cellwright.datasets.example import Example
from cellwright.learn.beside import Beside, beside_start
from cellwright.learn.calibrating import LEAST, Calibrated, calibrated, estimates_of, kept_scores
from cellwright.learn.classifying import ACCURACY, accuracies, scored_objects, temperature_of
from cellwright.learn.judging import Judged, within
from cellwright.models.model import model_named
from cellwright.segment.decoder import TRAITS
from cellwright.segment.network_confidence import FEATURES, confidence_of

COUNT, SIDE = 30, 6


def picture(name: str, group: str, chance: float, seed: int) -> Judged:
    """Squares in a row; of those found some are sure and right, others unsure and half wrong."""
    random = np.random.default_rng(seed)
    sure = random.random(COUNT) < 0.6
    right = random.random(COUNT) < np.where(sure, 0.97, chance)
    numbers = np.arange(1, COUNT + 1)
    labels = np.repeat(np.repeat(numbers[None], SIDE, 0), SIDE, 1).astype(np.uint32)
    truth = np.where(right[labels - 1], labels, 0)
    traits = np.zeros((COUNT, len(TRAITS)))
    traits[:, TRAITS.index("area")] = SIDE**2
    traits[:, TRAITS.index("foreground")] = np.where(sure, 0.95, 0.55)
    classes = random.integers(0, 2, COUNT)
    logits = np.zeros((COUNT, 2))
    logits[np.arange(COUNT), np.where(random.random(COUNT) < 0.9, classes, 1 - classes)] = 12
    return Judged(
        example=Example(name, Path(name), Path(name), "kind", group),
        labels=labels,
        truth=truth,
        numbers=numbers,
        traits=traits,
        right=right,
        classes=logits,
        true_classes=np.where(right, classes, -1),
        truth_classes=dict(zip(numbers[right].tolist(), classes[right].tolist(), strict=True)),
    )


def pictures(count: int, groups: int, chance: float = 0.1) -> list[Judged]:
    return [picture(f"p{i}", f"g{i % groups}", chance, i) for i in range(count)]


def test_confidence_is_the_share_that_is_right() -> None:
    found = calibrated(pictures(20, 10))
    surest = np.zeros((2, len(TRAITS)))
    surest[:, TRAITS.index("area")] = SIDE**2
    surest[:, TRAITS.index("foreground")] = 0.95, 0.55
    sure, unsure = confidence_of(surest, found.calibration)
    assert sure == pytest.approx(0.97, abs=0.03)
    assert unsure == pytest.approx(0.1, abs=0.05)
    assert found.calibration["expected_calibration_error"] < 0.03
    assert "five parts" in found.calibration["how"] or "5 parts" in found.calibration["how"]
    # the unsure ones are left out, and with them most that were invented
    assert found.summary["pooled_invented_rate"] < 0.05
    for one, kept in zip(pictures(20, 10), found.kept, strict=True):
        np.testing.assert_array_equal(kept, one.traits[:, TRAITS.index("foreground")] > 0.9)
    estimates = estimates_of(found.summary.overall)
    assert estimates["dsb_ap_50"]["n"] == 20
    low, value = estimates["dsb_ap_50"]["low"], estimates["dsb_ap_50"]["value"]
    assert low is not None
    assert value is not None
    assert low < value


def test_a_picture_is_judged_by_a_fit_to_other_groups() -> None:
    """In one group being unsure is right; its own pictures must not tell so of themselves."""
    odd = [picture(f"odd{i}", "odd", 1.0, 50 + i) for i in range(3)]
    usual = pictures(12, 4, 0.0)
    found = calibrated([*usual, *odd])
    for one, confidence in zip([*usual, *odd], found.confidence, strict=True):
        unsure = one.traits[:, TRAITS.index("foreground")] < 0.9
        if one.example.group == "odd":
            assert (confidence[unsure] < LEAST).all()


@pytest.mark.parametrize(("count", "groups"), [(1, 1), (6, 1)])
def test_with_too_little_a_known_calibration_stays(count: int, groups: int) -> None:
    assert calibrated(pictures(count, groups)).calibration == {}
    weights = dict.fromkeys(FEATURES, 0.5)
    known = {"least": 0.4, "intercept": 1.0, "weights": weights}
    report = {
        "expected_calibration_error": 0.01, "pictures": 67, "how": "logistic regression",
        "reliability": {"confidence": [0.5]}, "temperature": 2.0,
    }  # fmt: skip
    few = calibrated(pictures(count, groups), known | report)
    # how sure it is goes on by the same rule, of which nobody knows here how right it is
    how = few.calibration["how"]
    assert few.calibration == known | {"how": how}
    assert "too few objects were held out" in how
    assert "error is not known" in how


def test_the_card_says_which_pictures_were_scored() -> None:
    found = calibrated(pictures(20, 10), split="held out")
    assert found.summary.card["pictures"]["split"] == "held out"
    known = calibrated(pictures(1, 1), split="held out")
    assert known.summary.card["pictures"]["split"] == "held out"


def beside(found: list[Judged], old: list[Judged], result: Calibrated) -> Beside:
    """What a model found beside what `nuclei` did."""
    start = model_named("nuclei")
    nobody: Any = None
    runs: Any = SimpleNamespace(judged=lambda *_: old)
    data: Any = SimpleNamespace(classes=("HEK", "N2a"))
    return beside_start(
        start, start, result.calibration, found=found, scores=result.scores, answer=nobody,
        runs=runs, data=data, also=None,
    )  # fmt: skip


def test_the_start_is_compared_with_what_was_found_by_a_fit_to_others() -> None:
    odd = [picture(f"odd{i}", "odd", 1.0, 50 + i) for i in range(8)]
    found = [*pictures(9, 3, 0.15), *odd]
    result = calibrated(found)
    own, fair = (
        np.mean([one["dsb_ap_50"] for one in scores])
        for scores in (kept_scores(found, result.calibration), result.scores)
    )
    assert own > fair + 0.01  # the calibration has seen them
    against = {one.score: one for one in beside(found, found, result).against}
    assert against["dsb_ap_50"].value == pytest.approx(fair)


def test_a_picture_in_which_one_of_two_tells_no_class_counts_for_neither() -> None:
    some = pictures(4, 4)

    def without(place: int) -> list[Judged]:
        found = list(some)
        nothing = {"true_classes": np.full(COUNT, -1)}
        found[place] = Judged(**{**vars(some[place]), **nothing})
        return found

    # one in the first picture, and the other in the last
    against = beside(without(0), without(3), calibrated(some)).against
    told = next(one for one in against if one.score == ACCURACY)
    assert (told.n, told.difference) == (2, 0)


def test_the_temperature_makes_overconfident_classes_right() -> None:
    some = pictures(20, 10)
    temperature = temperature_of(some)
    assert temperature is not None
    # logits of 12 claim 0.999994, and nine in ten are right: 12 / T = log 9
    assert temperature == pytest.approx(12 / np.log(9), rel=0.15)
    assert np.mean(accuracies(some)) == pytest.approx(0.9, abs=0.03)
    kept = [np.ones(COUNT, bool)] * len(some)
    sure = [np.full(COUNT, 0.9)] * len(some)
    scores = scored_objects(some, kept, sure, ("HEK", "N2a"), temperature)
    assert scores is not None
    assert scores.classes == ("HEK", "N2a")
    assert scores.confusion is not None


def test_nothing_is_said_of_classes_that_nobody_told() -> None:
    nobody = [Judged(**{**vars(one), "true_classes": np.full(COUNT, -1)}) for one in pictures(2, 2)]
    assert temperature_of(nobody) is None
    assert np.isnan(accuracies(nobody)).all()


def test_what_lies_outside_the_drawn_part_does_not_count() -> None:
    labels = np.array([[1, 1, 1, 1, 2, 2, 2, 2, 3, 3]])
    region = np.zeros(labels.shape, bool)
    region[0, 2:7] = True
    found: Array = within(labels, region)
    assert found.tolist() == [[0, 0, 1, 1, 2, 2, 2, 0, 0, 0]]
