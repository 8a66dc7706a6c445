"""Curves agree with published ones, intervals hold, and nothing beyond the doses is a number."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from cellwright.stats.dose_response import Response, curve_of, response_of

DOSES = [0, 0.1, 0.3, 1, 3, 10, 30, 100, 300]
Groups = list[Mapping[str, float]]

# Root length (cm) of perennial ryegrass by ferulic acid (mM): Inderjit, J. C. Streibig and
# M. Olofsdotter, Physiol. Plant. 114 (2002).
RYEGRASS: dict[float, list[float]] = {
    0: [7.58, 8.0, 8.3285714, 7.25, 7.375, 7.9625],
    0.94: [8.3555556, 6.9142857, 7.75],
    1.88: [6.8714286, 6.45, 5.9222222],
    3.75: [1.925, 2.8857143, 4.2333333],
    7.5: [1.1875, 0.8571429, 1.0571429],
    15: [0.6875, 0.525, 0.825],
    30: [0.25, 0.22, 0.44],
}


def alone(values: Mapping[float, list[float]]) -> Groups:
    """Replicates that no two doses share."""
    return [{f"{dose}/{n}": y for n, y in enumerate(own)} for dose, own in values.items()]


def simulated(
    rng: np.random.Generator, ec50: float, *, hill: float = 1, change: float = 20, sd: float = 2
) -> Groups:
    return alone(
        {
            dose: list(10 + change * dose**hill / (dose**hill + ec50**hill) + rng.normal(0, sd, 3))
            for dose in DOSES
        }
    )


@pytest.fixture(scope="module")
def ryegrass() -> Response:
    return response_of(list(RYEGRASS), alone(RYEGRASS))


def test_ryegrass_as_published(ryegrass: Response) -> None:
    # C. Ritz, F. Baty, J. C. Streibig and D. Gerhard, PLoS ONE 10 (2015), R package drc, LL.4()
    assert ryegrass.hill == pytest.approx(-2.98222, abs=1e-5)
    assert ryegrass.bottom == pytest.approx(0.48141, abs=5e-6)
    assert ryegrass.top == pytest.approx(7.79296, abs=5e-6)
    assert ryegrass.ec50 == pytest.approx(3.05795, abs=1e-5)
    assert (round(ryegrass.spread, 4), ryegrass.df) == (0.5196, 20)
    assert ryegrass.p_lack_of_fit == pytest.approx(0.8665, abs=5e-5)
    assert ryegrass.where == "within the tested range"
    # Wald's interval there is 3.05795 ± 2.086 * 0.18573; the profile's is near it, not symmetrical
    assert (ryegrass.low, ryegrass.high) == pytest.approx((2.671, 3.445), abs=0.05)


def test_an_end_of_the_interval_fits_just_well_enough(ryegrass: Response) -> None:
    from scipy import optimize, stats

    doses = np.repeat(list(RYEGRASS), [len(own) for own in RYEGRASS.values()])
    values = np.concatenate(list(RYEGRASS.values()))

    def missing(at: Any, /, ec50: float) -> Any:
        start, end, hill = at
        return values - end - (start - end) / (1 + (doses / ec50) ** hill)

    allowed = 20 * ryegrass.spread**2 * (1 + stats.f.ppf(0.95, 1, 20) / 20)
    for bound in (ryegrass.low, ryegrass.high):
        fitted = optimize.least_squares(missing, (7.8, 0.5, 3.0), args=(bound,))
        assert 2 * fitted.cost == pytest.approx(allowed, rel=1e-6)


def test_the_band_holds_the_curve_and_is_the_profile_s(ryegrass: Response) -> None:
    curve = curve_of(list(RYEGRASS), alone(RYEGRASS), [0, 1, ryegrass.ec50, 30])
    assert np.all((curve.low < curve.heights) & (curve.heights < curve.high))
    assert curve.heights[0] == pytest.approx(ryegrass.top)
    assert curve.heights[2] == pytest.approx((ryegrass.top + ryegrass.bottom) / 2)
    # the upper plateau is 7.79296 with a standard error of 0.18857
    reach = 2.086 * 0.18857
    assert (curve.low[0], curve.high[0]) == pytest.approx((7.793 - reach, 7.793 + reach), abs=0.05)


def test_intervals_hold_the_truth() -> None:
    rng = np.random.default_rng(0)
    holds = 0
    for _ in range(200):
        found = response_of(DOSES, simulated(rng, 8.0))
        holds += not (found.low > 8 or found.high < 8)
    assert 0.9 <= holds / 200 <= 0.99


def test_no_effect_is_claimed_in_one_of_twenty() -> None:
    rng = np.random.default_rng(1)
    claims = [response_of(DOSES, simulated(rng, 8.0, change=0)).p < 0.05 for _ in range(600)]
    assert 0.03 < np.mean(claims) < 0.07


def test_days_that_differ_are_left_out_where_each_has_all_doses() -> None:
    rng = np.random.default_rng(2)
    plain = simulated(rng, 5.0, sd=1)
    values = np.array([list(group.values()) for group in plain])
    named = [dict(zip("abc", own, strict=True)) for own in values]
    apart = [dict(zip("abc", own + np.array([0, 30, -50]), strict=True)) for own in values]
    one, other = response_of(DOSES, named), response_of(DOSES, apart)
    assert (one.ec50, one.low, one.high) == pytest.approx((other.ec50, other.low, other.high))
    assert one.df == 27 - 4 - 2
    assert other.where == "within the tested range"


@pytest.mark.parametrize(
    ("ec50", "where"), [(3000.0, "above the tested range"), (0.01, "below the tested range")]
)
def test_an_ec50_outside_the_doses_is_no_number(ec50: float, where: str) -> None:
    found = response_of(DOSES, simulated(np.random.default_rng(3), ec50, change=80, sd=0.5))
    assert found.where == where
    assert math.isnan(found.ec50)
    assert math.isnan(found.hill)
    assert f"EC50 {where}" in found.note
    if found.where == "above the tested range":
        assert 100 < found.low <= 300
        assert math.isnan(found.high)
        assert found.bottom == pytest.approx(10, abs=1)
        assert math.isnan(found.top)


def test_a_curve_that_falls_out_of_the_doses_keeps_its_upper_plateau() -> None:
    found = response_of(DOSES, simulated(np.random.default_rng(4), 2000.0, change=-80, sd=0.5))
    assert found.where == "above the tested range"
    assert found.top == pytest.approx(10, abs=1)
    assert math.isnan(found.bottom)


@pytest.mark.parametrize(("ec50", "last"), [(3000.0, 300.0), (0.02, 0.1)])
def test_an_interval_outside_the_doses_ends_at_the_last_of_them(ec50: float, last: float) -> None:
    found = response_of(DOSES, simulated(np.random.default_rng(0), ec50, change=80, sd=0.001))
    ends = found.low, found.high
    assert ends[0 if last > 1 else 1] == pytest.approx(last)
    assert math.isnan(ends[1 if last > 1 else 0])


def test_an_interval_past_the_last_dose_is_open() -> None:
    found = response_of(DOSES, simulated(np.random.default_rng(2), 200.0, sd=2))
    assert found.where == "within the tested range"
    assert found.low < 200
    assert math.isnan(found.high)
    assert "the interval is open above" in found.note


def test_means_off_any_such_curve_are_said() -> None:
    heights = (1, 1, 3, 9, 9, 9, 3, 1, 1)
    hump = {dose: [y - 0.2, y, y + 0.2] for dose, y in zip(DOSES, heights, strict=True)}
    found = response_of(DOSES, alone(hump))
    assert found.p_lack_of_fit < 0.001
    assert "do not lie on such a curve" in found.note


@pytest.mark.parametrize(
    ("groups", "words"),
    [
        ({0: [1, 2, 3], 1: [1, 2, 3], 2: [4, 5, 6], 3: [7, 8, 9]}, "4 doses beside the reference"),
        ({dose: [1, 2] for dose in range(6)}, "3 replicates of each dose"),
        ({dose: [1, 2, 3] for dose in range(6)}, "no effect of the dose is shown (p = 1)"),
        ({dose: [4, 4, 4] for dose in range(6)}, "replicates do not spread"),
        ({dose: [dose] * 3 for dose in range(6)}, "replicates do not spread"),
        ({dose: [0, 0, 0] for dose in range(6)}, "replicates do not spread"),
        ({dose: [1e200, 2e200, dose] for dose in range(6)}, "too large to be squared"),
        ({}, "4 doses beside the reference"),
    ],
)
def test_what_has_no_ec50_says_why(groups: dict[float, list[float]], words: str) -> None:
    found = response_of(list(groups), alone(groups))
    assert words in found.note
    assert not found.where
    assert math.isnan(found.ec50)


@pytest.mark.parametrize("scale", [1e-140, 1.0, 1e140])
@pytest.mark.parametrize("seed", range(5))
def test_any_numbers_whatsoever_raise_nothing(scale: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups = alone({dose: list(scale * rng.standard_cauchy(3)) for dose in DOSES})
    found = response_of(DOSES, groups, level=0.5)
    assert found.note or found.ec50 > 0


def test_the_same_data_in_other_units_give_the_same_answer() -> None:
    groups = simulated(np.random.default_rng(6), 8.0, sd=1)
    one = response_of(DOSES, groups)
    other = response_of([1e-6 * dose for dose in DOSES], groups)
    assert 1e-6 * one.ec50 == pytest.approx(other.ec50, rel=1e-6)
    assert 1e-6 * one.high == pytest.approx(other.high, rel=1e-6)
    assert one.p == other.p
