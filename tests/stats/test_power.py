"""Power agrees with statsmodels and with simulations."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from cellwright.core.errors import UsageError
from cellwright.stats.power import (
    Detect,
    Spread,
    cautious,
    detect_of,
    power_of,
    replicates_needed,
    smallest_difference,
    spread_of,
)

ALONE, PAIRED = Spread(1.0, 4, paired=False), Spread(1.0, 2, paired=True)


@pytest.mark.parametrize("difference", [0.2, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("power", [0.8, 0.9])
def test_numbers_are_those_of_statsmodels(difference: float, power: float) -> None:
    from statsmodels.stats.power import TTestIndPower, TTestPower

    for n in (3, 5, 12):
        alone = TTestIndPower().power(difference, n, 0.05, ratio=2)
        assert power_of(difference, ALONE, n, 2 * n) == pytest.approx(alone, abs=1e-9)
        within = TTestPower().power(difference, n, 0.05)
        assert power_of(difference, PAIRED, n, n) == pytest.approx(within, abs=1e-9)
    needed = TTestIndPower().solve_power(difference, power=power, alpha=0.05)
    assert replicates_needed(difference, ALONE, power) == math.ceil(needed)
    needed = TTestPower().solve_power(difference, power=power, alpha=0.05)
    assert replicates_needed(difference, PAIRED, power) == math.ceil(needed)


def test_a_table_of_cohen() -> None:
    # J. Cohen, Psychol. Bull. 112 (1992), table 2: 80 % power at 5 %, two groups, small, medium
    # and large differences: 393, 64 and 26 each (the first is 393.4, rounded)
    found = [replicates_needed(d, Spread(1.0, 9, paired=False)) for d in (0.2, 0.5, 0.8)]
    assert found == [394, 64, 26]


def test_the_smallest_difference_is_shown_with_that_chance() -> None:
    for n, m in ((3, 3), (3, 6), (12, 4)):
        least = smallest_difference(ALONE, n, m, power=0.8)
        assert power_of(least, ALONE, n, m) == pytest.approx(0.8)
    assert smallest_difference(PAIRED, 6, 6, power=0.9) > smallest_difference(PAIRED, 6, 6)


def test_welch_s_test_has_the_power_that_was_planned() -> None:
    rng = np.random.default_rng(0)
    for difference in (1.2, 2.0, 2.5):
        n = replicates_needed(difference, ALONE)
        assert n is not None
        one, other = rng.normal(0, 1, (4000, n)), rng.normal(difference, 1, (4000, n))
        p = stats.ttest_ind(one, other, axis=1, equal_var=False).pvalue
        assert np.mean(p < 0.05) > 0.775


def test_the_cautious_spread_is_too_small_in_a_fifth_of_all_experiments() -> None:
    rng = np.random.default_rng(1)
    sds = rng.normal(0, 1, (4000, 5)).std(axis=1, ddof=1)
    share = np.mean([cautious(Spread(float(sd), 4, paired=True)).sd < 1 for sd in sds])
    assert share == pytest.approx(0.2, abs=0.02)


def test_spreads_are_of_replicates_or_of_differences_within_them() -> None:
    ours, theirs = {"a": 1.0, "b": 3.0, "c": 5.0}, {"a": 0.0, "b": 2.0, "c": 7.0}
    found = spread_of(ours, theirs, paired=False)
    assert (found.sd, found.df) == pytest.approx((math.sqrt((8 + 26) / 4), 4))
    found = spread_of(ours, theirs | {"d": 99.0}, paired=True)
    assert (found.sd, found.df) == pytest.approx((float(np.std([1, 1, -2], ddof=1)), 2))


def test_what_cannot_be_planned_has_no_number() -> None:
    assert replicates_needed(0.0, ALONE) is None
    assert replicates_needed(1e-3, ALONE) is None
    assert replicates_needed(-50.0, ALONE) == 3
    assert math.isfinite(smallest_difference(ALONE, 3, 3, alpha=1e-6))


def test_differences_are_read_in_percent_or_in_the_unit() -> None:
    assert detect_of(" 12,5 % ").of(40) == 5
    assert detect_of("3").of(-1) == 3
    assert math.isnan(Detect(20, percent=True).of(-1))
    for text in ("", "%", "-5%", "0", "much", "nan", "inf"):
        with pytest.raises(UsageError, match="is no difference above 0"):
            detect_of(text)
