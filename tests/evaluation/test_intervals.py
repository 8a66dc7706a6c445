"""Intervals over pictures, beside those of SciPy and of tables."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from cellwright.evaluation.intervals import (
    FEWEST_TO_RESAMPLE,
    Interval,
    RatioOfSums,
    median_interval,
    ratio_intervals,
    weighted_estimates,
)


def mean_of(values: np.ndarray) -> RatioOfSums:
    return RatioOfSums(values[:, None], np.ones((len(values), 1)))


def test_few_pictures_have_the_interval_of_student() -> None:
    values = np.random.default_rng(1).beta(8, 2, 12)
    [interval] = ratio_intervals([mean_of(values)])
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert interval.how == "t"
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_many_pictures_have_the_interval_of_the_bootstrap() -> None:
    """Another random sample than SciPy's, hence only close: 0.0003 of a width of 0.06."""
    values = np.random.default_rng(2).beta(8, 2, 80) ** 3
    [interval] = ratio_intervals([mean_of(values)])
    expected = stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, rng=np.random.default_rng(3), method="BCa"
    ).confidence_interval
    assert interval.how == "bootstrap"
    assert interval.low == pytest.approx(expected.low, abs=3e-3)
    assert interval.high == pytest.approx(expected.high, abs=3e-3)


def test_a_pooled_ratio_weighs_pictures_by_their_cells() -> None:
    rng = np.random.default_rng(4)
    cells = rng.integers(1, 200, 60).astype(float)
    right = rng.binomial(cells.astype(int), 0.8).astype(float)
    statistic = RatioOfSums(right[:, None], cells[:, None], (0.0, 1.0))
    assert statistic.value == pytest.approx(right.sum() / cells.sum())
    [interval] = ratio_intervals([statistic])
    expected = stats.bootstrap(
        (right, cells),
        lambda a, b, axis: a.sum(axis=axis) / b.sum(axis=axis),
        n_resamples=20_000,
        paired=True,
        vectorized=True,
        rng=np.random.default_rng(5),
        method="BCa",
    ).confidence_interval
    assert interval.low == pytest.approx(expected.low, abs=2e-3)
    assert interval.high == pytest.approx(expected.high, abs=2e-3)


def test_the_two_kinds_agree_where_one_takes_over() -> None:
    values = np.random.default_rng(6).normal(0.7, 0.05, FEWEST_TO_RESAMPLE)
    [few] = ratio_intervals([mean_of(values[:-1])])
    [many] = ratio_intervals([mean_of(values)])
    assert (few.how, many.how) == ("t", "bootstrap")
    assert few.low == pytest.approx(many.low, abs=0.008)
    assert few.high == pytest.approx(many.high, abs=0.008)


def test_a_mean_of_ratios() -> None:
    """Two ratios of three pictures: (2/4 + 6/8) / 2."""
    above = np.array([[1.0, 1], [1, 2], [0, 3]])
    below = np.array([[2.0, 2], [1, 3], [1, 3]])
    statistic = RatioOfSums(above, below)
    assert statistic.value == (2 / 4 + 6 / 8) / 2
    [interval] = ratio_intervals([statistic])
    assert interval.low is not None
    assert interval.low < statistic.value


@pytest.mark.parametrize("n", [5, 50])
def test_equal_scores_have_no_width(n: int) -> None:
    [interval] = ratio_intervals([mean_of(np.full(n, 0.9))])
    assert (interval.low, interval.high) == (0.9, 0.9)


def test_ends_stay_within_the_bounds() -> None:
    values = np.array([1.0, 1, 1, 0.2])
    statistic = RatioOfSums(values[:, None], np.ones((4, 1)), (0.0, 1.0))
    assert ratio_intervals([statistic])[0].high == 1.0


@pytest.mark.parametrize("n", [0, 1])
def test_one_picture_has_no_interval(n: int) -> None:
    assert ratio_intervals([mean_of(np.full(n, 0.9))]) == [Interval()]


def test_resamples_without_a_cell_are_left_out() -> None:
    """One picture of forty has cells: many resamples have none."""
    above, below = np.zeros((40, 1)), np.zeros((40, 1))
    above[7], below[7] = 3, 4
    [interval] = ratio_intervals([RatioOfSums(above, below)])
    assert (interval.low, interval.high) == (0.75, 0.75)


@pytest.mark.parametrize(
    ("n", "lowest", "highest"),
    # Conover, Practical Nonparametric Statistics: ranks of a 95 % interval of the median
    [(6, 1, 6), (10, 2, 9), (15, 4, 12), (20, 6, 15), (30, 10, 21)],
)
def test_ranks_around_the_median(n: int, lowest: int, highest: int) -> None:
    values = np.random.default_rng(7).permutation(np.arange(1.0, n + 1))
    assert median_interval(values) == Interval(lowest, highest, "order statistics")


@pytest.mark.parametrize("n", [0, 1, 5])
def test_five_values_enclose_no_median(n: int) -> None:
    assert median_interval(np.arange(float(n))) == Interval()


def weighted_mean(values: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    return lambda weights: (weights @ values / weights.sum(axis=1))[:, None]


@pytest.mark.parametrize("n", [2, 12, 29, 30, 80])
def test_a_mean_of_weighted_pictures_has_the_interval_of_a_mean(n: int) -> None:
    """The jackknife of a mean is its standard error; the resamples are the same ones."""
    values = np.random.default_rng(8).beta(8, 2, n)
    [expected] = ratio_intervals([mean_of(values)])
    [found] = weighted_estimates(weighted_mean(values), n, (None, None))
    assert found.value == pytest.approx(values.mean())
    assert found.interval.how == expected.how
    assert found.interval.low == pytest.approx(expected.low, abs=2e-6)
    assert found.interval.high == pytest.approx(expected.high, abs=2e-6)


def test_pictures_are_left_out_in_groups_where_there_are_very_many() -> None:
    rng = np.random.default_rng(9)
    values = rng.beta(1, 6, 3000)
    asked: list[int] = []

    def statistic(weights: np.ndarray) -> np.ndarray:
        asked.append(int(np.sum((weights <= 1).all(axis=1))))
        return weighted_mean(values)(weights)

    [found] = weighted_estimates(statistic, values.size, resamples=400)
    assert sum(asked) == 1001  # as they are, and a thousand times without some
    [expected] = ratio_intervals([mean_of(values)])
    assert found.interval.low == pytest.approx(expected.low, abs=1e-3)
    assert found.interval.high == pytest.approx(expected.high, abs=1e-3)


def test_what_hangs_on_one_picture_has_no_interval() -> None:
    """A ratio whose denominator is that of one picture of five."""
    above, below = np.array([0, 0, 3.0, 0, 0]), np.array([0, 0, 4.0, 0, 0])

    def statistic(weights: np.ndarray) -> np.ndarray:
        total = weights @ below
        ratio = np.full(total.shape, np.nan)
        np.divide(weights @ above, total, out=ratio, where=total > 0)
        return ratio[:, None]

    [found] = weighted_estimates(statistic, 5)
    assert (found.value, found.interval) == (0.75, Interval())
    assert found.to_json() == {"value": 0.75, "low": None, "high": None, "interval": "none"}


@pytest.mark.parametrize("n", [0, 1])
def test_no_picture_or_one_has_no_interval_either(n: int) -> None:
    [found] = weighted_estimates(lambda weights: weights.sum(axis=1, keepdims=True), n)
    assert (found.value, found.interval) == (n, Interval())
