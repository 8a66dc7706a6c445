"""Families of comparisons with one reference agree with scipy's Dunnett test, and hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from cellwright.stats.estimate import Estimate, student, welch
from cellwright.stats.many_to_one import adjusted, reach


def pooled(groups: list[np.ndarray], reference: np.ndarray) -> list[Estimate]:
    """As Dunnett has it: one spread for all."""
    every = [reference, *groups]
    df = sum(group.size - 1 for group in every)
    variance = sum(float(((group - group.mean()) ** 2).sum()) for group in every) / df
    found = []
    for group in groups:
        error = math.sqrt(variance * (1 / group.size + 1 / reference.size))
        difference = float(group.mean() - reference.mean())
        p = float(2 * stats.t.sf(abs(difference) / error, df))
        loading = math.sqrt(group.size / (group.size + reference.size))
        found.append(Estimate(difference, error, df, 0, 0, p, loading, group.size))
    return found


@pytest.mark.parametrize("sizes", [(3, 3, 3), (4, 3, 5, 6), (6, 6, 6, 6, 6, 6)])
def test_it_is_dunnett_s_where_all_spread_alike(sizes: tuple[int, ...]) -> None:
    rng = np.random.default_rng(len(sizes))
    reference, *groups = (rng.normal(place / 2, 1, n) for place, n in enumerate(sizes))
    found = pooled(groups, reference)
    known = stats.dunnett(*groups, control=reference, rng=np.random.default_rng(0))
    assert adjusted(found) == pytest.approx(known.pvalue, abs=5e-4)  # scipy draws at random
    interval = known.confidence_interval()
    assert reach(found) == pytest.approx((interval.high - interval.low) / 2, rel=5e-3)


@pytest.mark.parametrize(
    ("count", "df", "known"), [(2, 12, 2.50), (3, 12, 2.68), (4, 12, 2.81), (4, 20, 2.65)]
)
def test_a_table_of_dunnett(count: int, df: int, known: float) -> None:
    # the two-sided 5 % points of C. W. Dunnett, Biometrics 20 (1964), equal groups
    one = Estimate(1.0, 1.0, df, 0, 0, 0.1, math.sqrt(0.5), 4)
    assert round(reach([one] * count)[0], 2) == known


def test_a_family_of_one_is_the_test_itself() -> None:
    one = welch(np.array([3.0, 5, 4]), np.array([1.0, 2, 4]))
    assert adjusted([one]) == [pytest.approx(one.p)]
    assert reach([one])[0] == pytest.approx(one.high - one.difference)


def test_what_has_no_p_takes_no_part() -> None:
    reference = np.array([1.0, 2, 4])
    one, two = student(np.array([3.0, 5, 4]), reference), student(np.array([3.0, 4]), reference)
    found = adjusted([one, two])
    assert found[0] == pytest.approx(one.p)
    assert math.isnan(found[1])


def test_claims_of_a_whole_family_stay_within_the_level() -> None:
    # spreads that differ: each comparison has its own, with Welch's degrees of freedom
    rng = np.random.default_rng(5)
    spreads = (1.0, 1.0, 2.0, 0.5)
    false = 0
    for _ in range(500):
        reference, *groups = (rng.normal(0, spread, 4) for spread in spreads)
        false += min(adjusted([welch(group, reference) for group in groups])) < 0.05
    assert 0.02 < false / 500 < 0.07


def test_a_very_noisy_reference_breaks_nothing() -> None:
    rng = np.random.default_rng(1)
    reference = rng.normal(0, 1e4, 4)
    family = [welch(rng.normal(0, 1e-3, 4), reference) for _ in range(5)]
    found = adjusted(family)
    assert all(one.p <= p <= 1 for one, p in zip(family, found, strict=True))
    # nearly the same comparison five times over
    assert found == pytest.approx([one.p for one in family], rel=0.2)
