"""Standardised differences, shares above, permutations and adjusted p values."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from cellwright.stats.effect_size import cliffs_delta, hedges_g
from cellwright.stats.multiplicity import over_features
from cellwright.stats.permutation import permutation_p, smallest_p


def test_hedges_g_holds_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(2)
    held = []
    for _ in range(2000):
        found = hedges_g(rng.normal(1.5, 1, 4), rng.normal(0, 1, 4))
        held.append(found.low <= 1.5 * correction(6) <= found.high)
    assert 0.93 < np.mean(held) < 0.97


def correction(df: int) -> float:
    """Hedges' factor, by its well-known approximation."""
    return 1 - 3 / (4 * df - 1)


def test_hedges_g_is_not_biased() -> None:
    rng = np.random.default_rng(3)
    found = [hedges_g(rng.normal(1, 1, 3), rng.normal(0, 1, 3)).g for _ in range(4000)]
    assert np.mean(found) == pytest.approx(1, abs=0.07)


@pytest.mark.parametrize("difference", [0.0, 1e-9, -3.0, 1e7])
def test_an_interval_of_g_is_had_of_any_difference(difference: float) -> None:
    found = hedges_g(np.array([0.0, 1, 2]) + difference, np.array([0.0, 1, 2]))
    assert found.low < found.g < found.high


def test_g_of_equal_or_few_replicates_is_not_known() -> None:
    assert math.isnan(hedges_g(np.ones(3), np.ones(3)).g)
    assert math.isnan(hedges_g(np.arange(2.0), np.arange(3.0)).g)


@given(
    one=st.lists(st.integers(0, 5), min_size=1, max_size=9),
    other=st.lists(st.integers(0, 5), min_size=1, max_size=9),
)
def test_cliff_s_delta_is_the_count_of_pairs(one: list[int], other: list[int]) -> None:
    pairs = [np.sign(a - b) for a in one for b in other]
    found = cliffs_delta(np.array(one, float), np.array(other, float))
    assert found == pytest.approx(np.mean(pairs))


def test_exact_permutations_are_all_arrangements() -> None:
    one, other = np.array([4.1, 5.2, 6.3, 5.9, 7.0]), np.array([3.9, 4.0, 5.0, 2.2])
    every = np.concatenate([one, other])
    differences = [
        every[list(chosen)].mean() - np.delete(every, chosen).mean()
        for chosen in combinations(range(9), 5)
    ]
    found = one.mean() - other.mean()
    tails = [np.mean(np.array(differences) >= found), np.mean(np.array(differences) <= found)]
    assert permutation_p(one, other, paired=False) == pytest.approx(2 * min(tails))


def test_three_against_three_cannot_go_below_a_tenth() -> None:
    far = np.array([100.0, 101, 102])
    assert permutation_p(far, far - 90, paired=False) == smallest_p(3, 3, paired=False) == 0.1
    assert permutation_p(far, far - 90, paired=True) == smallest_p(3, 3, paired=True) == 0.25


@pytest.mark.parametrize(("n", "m"), [(3, 4), (4, 4), (6, 3)])
def test_no_arrangement_goes_below_the_smallest_p(n: int, m: int) -> None:
    far, near = np.linspace(100.0, 101, n), np.linspace(0.0, 1, m)
    found = permutation_p(far, near, paired=False)
    assert found == pytest.approx(smallest_p(n, m, paired=False))


def test_many_replicates_are_drawn_and_always_alike() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(0.8, 1, 14), rng.normal(0, 1, 14)
    found = permutation_p(one, other, paired=False)
    assert found == permutation_p(one, other, paired=False)
    assert found == pytest.approx(stats.ttest_ind(one, other).pvalue, abs=0.01)


def test_holm_and_benjamini_hochberg_as_published() -> None:
    # the 15 p values of Y. Benjamini and Y. Hochberg 1995, section 3.2: at 5 % Holm's method
    # (as Bonferroni's) rejects three, theirs four
    p = np.array(
        [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262,
         0.5719, 0.6528, 0.7590, 1.0]
    )  # fmt: skip
    assert (over_features(p, "holm") <= 0.05).sum() == 3
    assert (over_features(p, "bh") <= 0.05).sum() == 4
    assert over_features(p, "none").tolist() == p.tolist()


def test_features_without_a_test_do_not_count() -> None:
    found = over_features(np.array([0.02, np.nan, 0.01]), "holm")
    assert found[[0, 2]].tolist() == [0.02, 0.02]
    assert math.isnan(found[1])
    assert np.isnan(over_features(np.array([np.nan]), "bh")).all()
