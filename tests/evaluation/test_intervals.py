"""Intervals over pictures, beside those of SciPy and of tables."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from cellwright.evaluation.intervals import (
    FEWEST_TO_RESAMPLE,
    Interval,
    RatioOfSums,
    median_interval,
    ratio_intervals,
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
