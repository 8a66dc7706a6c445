"""Rank correlations within groups, against scipy and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from cellwright.stats.correlation import (
    FEWEST_PAIRS,
    Ranks,
    centred_ranks,
    pooled_correlation,
)


def correlation(*columns: list[float], groups: list[tuple[int, int]]) -> np.ndarray:
    ranks: list[Ranks] = [centred_ranks(np.array(column), groups) for column in columns]
    return pooled_correlation(ranks, groups)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(FEWEST_PAIRS, 200), st.booleans())
def test_of_one_group_it_is_that_of_scipy(seed: int, n: int, ties: bool) -> None:
    values = np.random.default_rng(seed).normal(size=(3, n))
    values[2] += values[0]
    values = np.round(values * 2) if ties else values
    if np.ptp(values, axis=1).min() == 0:
        return
    found = correlation(*values.tolist(), groups=[(0, n)])
    np.testing.assert_allclose(found, spearmanr(values, axis=1).statistic, atol=2e-6)


def test_what_differs_between_groups_makes_no_correlation() -> None:
    rng = np.random.default_rng(1)
    one, other = rng.normal(size=(2, 4000))
    shift = np.repeat([0.0, 10.0], 2000)
    together = spearmanr(one + shift, other + shift).statistic
    groups = [(0, 2000), (2000, 4000)]
    found = correlation(list(one + shift), list(other + shift), groups=groups)
    assert together > 0.7
    assert abs(found[0, 1]) < 0.05


def test_of_several_groups_it_is_their_mean_weighted_by_cells() -> None:
    up, down = np.arange(30.0), np.arange(10.0)
    x, y = [*up, *down], [*up, *-down]
    # 30 cells at 1, 10 cells at -1; ranks of more cells spread a little more: (1 - 1/n²) / 12
    weights = 30 * (1 - 1 / 900), 10 * (1 - 1 / 100)
    wanted = (weights[0] - weights[1]) / sum(weights)
    assert correlation(x, y, groups=[(0, 30), (30, 40)])[0, 1] == pytest.approx(wanted, abs=1e-6)


def test_cells_without_a_value_count_where_they_have_both() -> None:
    x = [float(n) for n in range(20)]
    y = [np.nan] * 5 + x[5:]
    found = correlation(x, y, [-one for one in x], groups=[(0, 20)])
    np.testing.assert_allclose(found[0], [1, 1, -1])
    assert not np.isnan(found).any()


def test_nothing_is_said_of_constants_and_of_few_cells() -> None:
    x = [float(n) for n in range(20)]
    few = [*x[: FEWEST_PAIRS - 1], *[np.nan] * (21 - FEWEST_PAIRS)]
    found = correlation(x, [3.0] * 20, few, groups=[(0, 20)])
    assert np.isnan(found[1]).all()
    assert np.isnan(found[2]).all()
    assert found[0, 0] == 1


def test_pieces_give_the_same_as_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(3).normal(size=(3, 500)).tolist()
    values[1][7] = np.nan
    whole = correlation(*values, groups=[(0, 200), (200, 500)])
    monkeypatch.setattr("cellwright.stats.correlation._AT_ONCE", 64)
    np.testing.assert_array_equal(whole, correlation(*values, groups=[(0, 200), (200, 500)]))
