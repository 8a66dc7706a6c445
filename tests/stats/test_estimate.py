"""Differences of replicates agree with scipy, and claim nothing that cannot be known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from cellwright.core.errors import UsageError
from cellwright.stats.estimate import TESTS, TestName, paired, student, welch

numbers = st.lists(st.integers(-1000, 1000).map(float), min_size=3, max_size=9, unique=True)


@pytest.mark.parametrize(("name", "equal"), [("welch", False), ("student", True)])
@given(one=numbers, other=numbers)
def test_independent_replicates_are_compared_as_scipy_does(
    name: TestName, equal: bool, one: list[float], other: list[float]
) -> None:
    found = TESTS[name](np.array(one), np.array(other), 0.9)
    known = stats.ttest_ind(one, other, equal_var=equal)
    interval = known.confidence_interval(0.9)
    assert found.p == pytest.approx(known.pvalue, rel=1e-9)
    assert found.df == pytest.approx(known.df, rel=1e-9)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=1e-6)


@given(pairs=st.lists(st.tuples(st.integers(-99, 99), st.integers(-99, 99)), min_size=3))
def test_pairs_are_compared_as_scipy_does(pairs: list[tuple[int, int]]) -> None:
    one, other = np.array(pairs, float).T
    found = paired(one, other)
    if np.ptp(one - other) == 0:
        assert math.isnan(found.p)
        assert found.standard_error == 0
        return
    known = stats.ttest_rel(one, other)
    assert found.p == pytest.approx(known.pvalue, rel=1e-9)
    assert found.low == pytest.approx(known.confidence_interval().low, rel=1e-6)


def test_a_worked_example() -> None:
    # Snedecor and Cochran's rats: 12 on a diet of high, 7 of low protein; t = 1.89, 17 df
    high = np.array([134, 146, 104, 119, 124, 161, 107, 83, 113, 129, 97, 123], float)
    low = np.array([70, 118, 101, 85, 107, 132, 94], float)
    found = student(high, low)
    assert found.difference == 19
    assert round(found.standard_error, 2) == 10.05
    assert (round(found.t, 2), found.df) == (1.89, 17)


@pytest.mark.parametrize("test", [welch, student])
def test_two_replicates_give_a_difference_and_nothing_else(test: object) -> None:
    assert callable(test)
    found = test(np.array([1.0, 3.0]), np.array([5.0, 6.0, 7.0]))
    assert found.difference == -4
    assert all(math.isnan(value) for value in (found.low, found.high, found.p))


def test_a_single_replicate_has_no_spread() -> None:
    found = welch(np.array([1.0]), np.array([5.0, 6.0, 7.0]))
    assert found.difference == -5
    assert math.isnan(found.standard_error)


def test_equal_replicates_claim_nothing() -> None:
    third = np.full(4, 1 / 3)
    found = welch(third, third + 1)
    assert found.standard_error == 0
    assert math.isnan(found.p)


def test_pairs_need_partners() -> None:
    with pytest.raises(UsageError, match="every replicate in both"):
        paired(np.arange(3.0), np.arange(4.0))
