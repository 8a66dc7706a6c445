"""Rates of false alarms come out as stated, in wells that nobody has seen."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from cellwright.core.errors import UsageError
from cellwright.stats.outliers.false_alarms import calibrated, check_rate, smallest_rate

Numbers = npt.NDArray[np.float64]


def wells(
    count: int, correlation: float, random: np.random.Generator
) -> tuple[Numbers, npt.NDArray[np.int64]]:
    """Scores of cells, normal, of which a part belongs to the whole well."""
    of = np.repeat(np.arange(count), random.integers(40, 120, size=count))
    own = random.normal(0, np.sqrt(1 - correlation), of.size)
    return own + random.normal(0, np.sqrt(correlation), count)[of], of


@pytest.mark.parametrize(
    ("count", "correlation", "rate", "low", "high"),
    [
        (24, 0.1, 0.01, 0.007, 0.013), (24, 0.3, 0.01, 0.007, 0.013),
        (24, 0.1, 0.05, 0.043, 0.057), (24, 0.3, 0.05, 0.043, 0.057),
        (24, 0.3, 0.12, 0.11, 0.13), (6, 0.3, 0.05, 0.038, 0.062),
    ],
)  # fmt: skip
def test_the_stated_rate_is_that_of_a_new_well(
    count: int, correlation: float, rate: float, low: float, high: float
) -> None:
    random = np.random.default_rng(3)
    grid = np.linspace(0, 6, 2001)
    rates = []
    for _ in range(300):
        p = calibrated(*wells(count, correlation, random))(grid)
        called = grid[p <= rate]
        # of a cell of a well drawn at random
        rates.append(stats.norm.sf(called[0]) if called.size else 0.0)
    assert low < np.mean(rates) < high


def test_p_grows_as_scores_fall() -> None:
    scores, of = wells(8, 0.2, np.random.default_rng(0))
    found = calibrated(scores, of)
    p = found(np.linspace(-5, 5, 500))
    assert (np.diff(p) <= 0).all()
    assert p[0] == 1
    assert 0 <= p[-1] < 0.02


def test_wells_count_alike_however_many_cells_they_have() -> None:
    # one well of 1,000 cells that all score 5, five of 10 cells that all score less
    scores = np.concatenate([np.full(1000, 5.0), np.arange(50.0) / 50])
    of = np.concatenate([np.zeros(1000, np.int64), np.repeat(np.arange(1, 6), 10)])
    assert calibrated(scores, of)(np.array([5.0]))[0] == pytest.approx(1 / 6)


def test_rates_that_cannot_be_had_are_refused_with_the_one_that_can() -> None:
    assert smallest_rate(24) == 0.01
    check_rate(0.01, 24, "wells")
    with pytest.raises(UsageError, match=r"5 wells .* below 4\.2 % cannot be had.*--rate 0\.042"):
        check_rate(0.01, 5, "wells")
    with pytest.raises(UsageError, match="has 2 replicates: how replicates differ"):
        check_rate(0.4, 2, "replicates")


def test_cells_that_are_their_own_groups_are_ranked() -> None:
    found = calibrated(np.arange(999.0), np.arange(999))
    assert found(np.array([998.5])).tolist() == [pytest.approx(2 / 1000)]
    assert found(np.array([989.0]))[0] == pytest.approx(11 / 1000)
