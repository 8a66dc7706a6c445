"""Temperature scaling: known temperatures come back, and what must not change does not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import softmax

from cellwright.core.errors import UsageError
from cellwright.evaluation.calibration import reliability
from cellwright.evaluation.temperature import (
    HOTTEST,
    cross_fitted,
    fit_temperature,
    logits_of,
    negative_log_likelihood,
    scaled,
    top_label,
    two_sided,
)


def drawn(n: int, k: int, temperature: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are `temperature` times those of the chances by which the classes are drawn."""
    random = np.random.default_rng(seed)
    honest = random.normal(0, 1.5, (n, k))
    truth = (softmax(honest, axis=1).cumsum(axis=1) > random.random((n, 1))).argmax(axis=1)
    return honest * temperature, truth


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("k", [2, 5])
def test_a_known_temperature_comes_back(temperature: float, k: int) -> None:
    logits, truth = drawn(20_000, k, temperature, seed=k)
    found = fit_temperature(logits, truth)
    assert found == pytest.approx(temperature, rel=0.05)
    said, right = top_label(scaled(logits, found), truth)
    assert reliability(said, right).expected_error < 0.02


@settings(max_examples=30, deadline=None)
@given(st.integers(5, 60), st.integers(2, 5), st.integers(0, 2**32 - 1))
def test_no_other_temperature_is_likelier(n: int, k: int, seed: int) -> None:
    logits, truth = drawn(n, k, 2.0, seed)
    found = fit_temperature(logits, truth)

    def loss(log_temperature: float) -> float:
        return negative_log_likelihood(scaled(logits, float(np.exp(log_temperature))), truth)

    end = np.log(HOTTEST)
    best = minimize_scalar(loss, bounds=(-end, end), method="bounded", options={"xatol": 1e-9})
    assert loss(np.log(found)) <= best.fun + 1e-9


@settings(max_examples=30, deadline=None)
@given(st.integers(20, 60), st.floats(0.2, 5), st.floats(-50, 50), st.integers(0, 2**32 - 1))
def test_it_follows_the_scale_of_logits_and_not_their_level(
    n: int, factor: float, level: float, seed: int
) -> None:
    logits, truth = drawn(n, 3, 1.0, seed)
    first = fit_temperature(logits, truth)
    if 0.05 < first < 20:  # else the end of the range is met
        assert fit_temperature(logits * factor + level, truth) == pytest.approx(factor * first)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.05, 20), st.integers(0, 2**32 - 1))
def test_the_likeliest_class_stays(temperature: float, seed: int) -> None:
    probabilities = softmax(np.random.default_rng(seed).normal(size=(20, 4)), axis=1)
    after = scaled(logits_of(probabilities), temperature)
    assert after.argmax(axis=1).tolist() == probabilities.argmax(axis=1).tolist()
    assert after.sum(axis=1) == pytest.approx(1)
    assert scaled(logits_of(probabilities), 1.0) == pytest.approx(probabilities)


def test_ends_of_the_range() -> None:
    said = logits_of(two_sided(np.full(10, 0.9)))
    assert fit_temperature(said, np.ones(10, int)) == 1 / HOTTEST  # never wrong
    assert fit_temperature(said, np.zeros(10, int)) == HOTTEST  # worse than chance
    assert fit_temperature(logits_of(two_sided(np.full(4, 0.5))), np.array([0, 1, 1, 1])) == 1


def test_certainties_that_are_wrong_stay_finite() -> None:
    probabilities = two_sided(np.array([1.0, 1.0, 0.0, 1.0]))
    truth = np.array([1, 1, 0, 0])
    found = fit_temperature(logits_of(probabilities), truth)
    assert 1 < found < HOTTEST
    assert np.isfinite(negative_log_likelihood(probabilities, truth))


def test_a_picture_does_not_scale_itself() -> None:
    """Two pictures: the first always right, the second never; each is judged by the other."""
    said = two_sided(np.full(20, 0.9))
    right = np.repeat([1, 0], 10)
    found = cross_fitted(said, right, np.repeat([0, 1], 10))
    assert found is not None
    assert found.temperatures.tolist() == [HOTTEST, 1 / HOTTEST]
    assert found.probabilities[0, 1] == pytest.approx(0.5, abs=0.01)
    assert found.probabilities[19, 1] == pytest.approx(1.0)


def test_too_sure_is_put_right() -> None:
    logits, truth = drawn(6_000, 4, 3.0, seed=7)
    before = softmax(logits, axis=1)
    found = cross_fitted(before, truth, np.arange(truth.size) % 30)
    assert found is not None
    assert found.temperatures.size == 5
    assert found.temperature == pytest.approx(3.0, rel=0.08)
    errors = [
        reliability(*top_label(p, truth)).expected_error for p in (before, found.probabilities)
    ]
    assert errors[0] > 0.15
    assert errors[1] < 0.03


def test_one_picture_cannot_be_judged_by_others() -> None:
    assert cross_fitted(two_sided(np.full(3, 0.9)), np.ones(3, int), np.full(3, 8)) is None
    assert cross_fitted(two_sided(np.empty(0)), np.empty(0, int), np.empty(0, int)) is None


def test_what_makes_no_sense_is_refused() -> None:
    logits = np.zeros((2, 3))
    with pytest.raises(UsageError, match="3 true classes cannot be told"):
        fit_temperature(logits, np.array([0, 1, 2]))
    with pytest.raises(UsageError, match="none of the 3 of the logits"):
        fit_temperature(logits, np.array([0, 3]))
    with pytest.raises(UsageError, match="needs objects"):
        fit_temperature(np.zeros((0, 3)), np.empty(0, int))
    with pytest.raises(UsageError, match="a temperature of 0 makes no probabilities"):
        scaled(logits, 0)
