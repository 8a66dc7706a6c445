"""Reliability: by hand, and of probabilities that are true or too sure by design."""

from __future__ import annotations

import numpy as np
import pytest

from cellwright.core.errors import UsageError
from cellwright.evaluation.calibration import calibration, reliability
from cellwright.evaluation.intervals import Interval


def test_true_probabilities_have_a_small_error_and_too_sure_ones_a_known_one() -> None:
    random = np.random.default_rng(2)
    chance = random.random(40_000)
    right = random.random(chance.size) < chance
    assert reliability(chance, right).expected_error < 0.01
    # who says 0.95 where it is 0.7 is 0.25 too sure
    sure = reliability(np.full(9_000, 0.95), random.random(9_000) < 0.7)
    assert sure.expected_error == pytest.approx(0.25, abs=0.02)
    assert sure.largest_error == sure.expected_error


def test_ends_belong_to_the_outer_bins() -> None:
    found = reliability(np.array([0.0, 1.0, 0.1]), np.array([False, True, True]))
    assert found.said.tolist() == [0.0, 0.1, 1.0]
    assert found.right.tolist() == [0.0, 1.0, 1.0]
    assert found.expected_error == pytest.approx(0.3)


def test_no_cells_have_no_error() -> None:
    found = reliability(np.array([]), np.array([], bool))
    assert (found.expected_error, found.largest_error, found.count.size) == (0.0, 0.0, 0)


def test_what_is_no_probability_is_refused() -> None:
    for confidence in ([1.01], [-0.1], [np.nan]):
        with pytest.raises(UsageError, match="between 0 and 1"):
            reliability(np.array(confidence), np.array([True]))
    with pytest.raises(UsageError, match="2 confidences cannot be told of 1 cells"):
        reliability(np.array([0.1, 0.2]), np.array([True]))


def test_bins_have_their_numbers() -> None:
    found = reliability(np.array([0.95, 0.05, 0.55]), np.array([True, False, True]))
    assert found.place.tolist() == [0, 5, 9]


def test_the_error_of_several_pictures_has_an_interval_over_them() -> None:
    """In each picture all confidences are too low or too high: cells of one are not independent."""
    random = np.random.default_rng(3)
    picture = np.repeat(np.arange(60), 50)
    said = np.full(picture.size, 0.65)
    right = random.random(said.size) < np.where(picture % 2, 0.9, 0.6)
    found = calibration(said, right, picture, 60)
    assert found.expected_error.value == pytest.approx(reliability(said, right).expected_error)
    assert found.expected_error.value == pytest.approx(0.1, abs=0.02)
    [share] = found.right
    assert share.value == pytest.approx(right.mean())
    assert share.interval.how == "bootstrap"
    assert width(share.interval) == pytest.approx(4 * 0.15 / np.sqrt(60), abs=0.02)
    assert width(found.expected_error.interval) == pytest.approx(width(share.interval), abs=0.01)
    by_cells = calibration(said, right, np.arange(said.size), said.size).right[0].interval
    assert width(by_cells) < 0.5 * width(share.interval)


def width(interval: Interval) -> float:
    assert interval.low is not None
    assert interval.high is not None
    return interval.high - interval.low


def test_what_chance_alone_does_is_told() -> None:
    random = np.random.default_rng(4)
    said = random.beta(5, 2, 400)
    expected = calibration(said, said > 2, np.zeros(400, int), 1).by_chance
    errors = [reliability(said, random.random(400) < said).expected_error for _ in range(400)]
    assert expected == pytest.approx(np.mean(errors), rel=0.05)


def test_pictures_without_a_cell_change_nothing() -> None:
    said, right = np.array([0.9, 0.8, 0.3]), np.array([True, False, False])
    with_none = calibration(said, right, np.array([0, 2, 3]), 5)
    assert with_none.expected_error.value == pytest.approx(reliability(said, right).expected_error)
    assert calibration(np.array([]), np.array([], bool), np.array([], int), 3).right == ()
