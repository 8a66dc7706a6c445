"""Reliability: by hand, and of probabilities that are true or too sure by design."""

from __future__ import annotations

import numpy as np
import pytest

from cellwright.core.errors import UsageError
from cellwright.evaluation.calibration import reliability


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
