"""Trends agree with t tests and regressions where these ask the same."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from cellwright.stats.trend import Group, trend_over


def alone(*groups: list[float]) -> list[Group]:
    """Replicates that no two doses share."""
    return [
        {f"{dose}/{number}": value for number, value in enumerate(group)}
        for dose, group in enumerate(groups)
    ]


def shared(*groups: list[float]) -> list[Group]:
    """The same replicates in each dose."""
    return [{str(number): value for number, value in enumerate(group)} for group in groups]


def test_over_three_doses_it_is_welch_s_test_of_the_outer_ones() -> None:
    low, middle, high = [10.0, 11, 13], [50.0, 12, 1], [15.0, 18, 17, 16]
    found = trend_over(alone(low, middle, high))
    known = stats.ttest_ind(high, low, equal_var=False)
    assert (found.p, found.df) == pytest.approx((known.pvalue, known.df))
    interval = known.confidence_interval()
    assert (2 * found.low, 2 * found.high) == pytest.approx((interval.low, interval.high))
    assert (found.test, found.n_doses, found.n) == ("linear contrast", 3, 3)


def test_means_weigh_as_in_a_regression_with_as_many_of_each_dose() -> None:
    groups = np.random.default_rng(0).normal(0, 1, (5, 4)) + np.arange(5)[:, None] / 3
    found = trend_over(alone(*groups.tolist()))
    assert found.slope == pytest.approx(stats.linregress(np.repeat(range(5), 4), groups.ravel())[0])


def test_satterthwaite_s_degrees_of_freedom_by_hand() -> None:
    # weights -0.3, -0.1, 0.1, 0.3; variances of the means 1/3, 4/3, 1/3, 4/3, 2 degrees each
    found = trend_over(alone([0, 1, 2], [0, 2, 4], [3, 4, 5], [2, 4, 6]))
    parts = np.array([0.09 / 3, 0.04 / 3, 0.01 / 3, 0.36 / 3])
    assert found.slope == pytest.approx(-0.3 - 0.2 + 0.4 + 1.2)
    assert found.standard_error == pytest.approx(math.sqrt(parts.sum()))
    assert found.df == pytest.approx(2 * parts.sum() ** 2 / (parts**2).sum())


def test_replicates_with_all_doses_are_followed_over_them() -> None:
    rng = np.random.default_rng(1)
    groups = rng.normal(0, 1, (4, 5)) + np.array([0, 9, 3, -4, 20]) + np.arange(4)[:, None]
    found = trend_over(shared(*groups.tolist()))
    slopes = [stats.linregress(range(4), day)[0] for day in groups.T]
    known = stats.ttest_1samp(slopes, 0)
    assert (found.slope, found.p) == pytest.approx((np.mean(slopes), known.pvalue))
    assert (found.test, found.df) == ("slopes within replicates", 4)
    # days differ far more than doses: compared as if they did not, nothing is seen
    assert trend_over(shared(*groups.tolist()), test="welch").p > 10 * found.p


def test_partly_shared_replicates_are_not_paired_unless_asked() -> None:
    groups: list[Group] = shared([1, 2, 4], [2, 3, 6], [4, 4, 7])
    groups[2] = {**groups[2], "late": 5.0}
    found = trend_over(groups)
    assert found.test == "linear contrast"
    assert found.note == "3 of the replicates have all doses, not all: not paired"
    found = trend_over(groups, test="paired")
    assert (found.test, found.n) == ("slopes within replicates", 3)
    assert found.note == "1 replicates without all doses left out"


@pytest.mark.parametrize(
    ("groups", "words"),
    [
        (alone([1, 2, 3], [1, 2, 4]), "no trend: two doses beside the reference are the fewest"),
        (alone([1, 2, 3], [1, 2], [4, 5, 6]), "no trend: 3 replicates of each dose"),
        (alone([1, 2, 3], [], [4, 5, 6]), "there are 0"),
        (alone([1, 1, 1], [2, 2, 2], [3, 3, 3]), "no p: replicates do not spread"),
        ([], "no trend"),
    ],
)
def test_what_has_no_p_says_why(groups: list[Group], words: str) -> None:
    found = trend_over(groups)
    assert words in found.note
    assert math.isnan(found.p)
    assert not found.test


def test_claims_and_intervals_hold_where_spreads_differ() -> None:
    rng = np.random.default_rng(2)
    found = [
        trend_over(alone(*(rng.normal(0, sd, 4).tolist() for sd in (1, 1, 2, 3))))
        for _ in range(1000)
    ]
    assert 0.03 < np.mean([one.p < 0.05 for one in found]) < 0.065
