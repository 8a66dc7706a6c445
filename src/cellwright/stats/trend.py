"""Trend over the doses of one compound, from means of replicates."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from cellwright.stats.estimate import FEWEST
from cellwright.stats.options import Asked

__all__ = ["FEWEST_DOSES", "Trend", "shared_by_all", "trend_over"]

Numbers = npt.NDArray[np.float64]
Group = Mapping[str, float]
"""The replicates of one dose: a summary of each by its name."""

FEWEST_DOSES = 3
"""With the reference: over two there is a difference, and no trend."""

_EQUAL = 1e-12
"""Relative to the values: a spread below is an error of rounding."""


@dataclass(frozen=True)
class Trend:
    """A slope over the steps of dose.

    Attributes
    ----------
    slope
        Change of the mean from one dose to the next.
    standard_error, df
        Of the slope; NaN where they cannot be had.
    low, high
        Of its interval.
    p
        Two-sided, of no trend.
    test
        ``slopes within replicates`` or ``linear contrast``; empty where there is none.
    n_doses, n
        Doses with the reference; replicates of the dose that has fewest.
    note
        Why there is no number, or what else is to be known.
    """

    slope: float
    standard_error: float
    df: float
    low: float
    high: float
    p: float
    test: str
    n_doses: int
    n: int
    note: str = ""


def trend_over(groups: Sequence[Group], level: float = 0.95, test: Asked = "auto") -> Trend:
    """Estimate how a mean changes from dose to dose.

    Parameters
    ----------
    groups
        Replicates of the reference (a dose of 0), then of each dose in ascending order.
    level
        Of the interval.
    test
        ``auto`` and ``permutation`` follow each replicate over the doses where all replicates have
        all doses; ``paired`` does so with those that have; all others compare independent groups.

    Notes
    -----
    Doses have the scores 0, 1, 2, … whatever their distance (J. W. Tukey, J. L. Ciminera and
    J. F. Heyse, Biometrics 41, 1985, call the scale ordinal). Independent groups: the linear
    contrast of the means, each group with the spread of its own and degrees of freedom by
    F. E. Satterthwaite, Biometrics Bull. 2 (1946). Replicates that have all doses: the slope of
    each, and Student's t test of these slopes.

    Examples
    --------
    >>> days = {"1": 10.0, "2": 12.0, "3": 11.0}
    >>> doses = [{day: value + 2 * step for day, value in days.items()} for step in range(4)]
    >>> doses[3]["1"] += 1
    >>> found = trend_over(doses)
    >>> round(found.slope, 3), found.df, found.test
    (2.1, 2.0, 'slopes within replicates')
    """
    shared = shared_by_all(groups)
    lone = len({unit for group in groups for unit in group}) - len(shared)
    either = test in {"auto", "permutation"}
    within = test == "paired" or (either and not lone)
    n = len(shared) if within else min((len(group) for group in groups), default=0)
    if len(groups) < FEWEST_DOSES:
        return _none(groups, n, "no trend: two doses beside the reference are the fewest for one")
    if n < FEWEST:
        what = "replicates that have all doses" if within else "replicates of each dose"
        return _none(groups, n, f"no trend: {FEWEST} {what} are the fewest for one; there are {n}")
    if within:
        said = f"{lone} replicates without all doses left out" if lone else ""
        return _trend(groups, _within(groups, shared), n, level, said)
    partly = either and len(shared) > 1
    said = f"{len(shared)} of the replicates have all doses, not all: not paired" if partly else ""
    return _trend(groups, _between(groups), n, level, said)


def shared_by_all(groups: Sequence[Group]) -> tuple[str, ...]:
    """Replicates that are in every group, in order."""
    if not groups:
        return ()
    return tuple(sorted(set(groups[0]).intersection(*groups[1:])))


def _weights(count: int) -> Numbers:
    """Of the means of the doses, in their slope over 0, 1, 2 and so on."""
    scores = np.arange(count) - (count - 1) / 2
    weights: Numbers = scores / np.sum(scores**2)
    return weights


@dataclass(frozen=True)
class _Slope:
    """An estimate before its interval."""

    value: float
    error: float
    df: float
    test: str


def _within(groups: Sequence[Group], units: Sequence[str]) -> _Slope:
    values = np.array([[group[unit] for group in groups] for unit in units])
    slopes = values @ _weights(len(groups))
    error = float(np.std(slopes, ddof=1)) / math.sqrt(len(units))
    return _Slope(float(slopes.mean()), error, float(len(units) - 1), "slopes within replicates")


def _between(groups: Sequence[Group]) -> _Slope:
    values = [np.array(list(group.values()), np.float64) for group in groups]
    weights = _weights(len(groups))
    errors = np.array([np.var(group, ddof=1) / group.size for group in values])
    parts = weights**2 * errors
    variance = float(parts.sum())
    shares = float(np.sum(parts**2 / [group.size - 1 for group in values]))
    df = variance**2 / shares if shares > 0 else math.nan
    slope = float(weights @ [group.mean() for group in values])
    return _Slope(slope, math.sqrt(variance), df, "linear contrast")


def _trend(groups: Sequence[Group], slope: _Slope, n: int, level: float, said: str) -> Trend:
    size = max(abs(value) for group in groups for value in group.values())
    if not slope.error > _EQUAL * size:
        why = "no p: replicates do not spread, so nothing tells how they would another time"
        nan, note = math.nan, "; ".join(text for text in (said, why) if text)
        return Trend(slope.value, 0.0, nan, nan, nan, nan, "", len(groups), n, note)
    reach = float(stats.t.ppf(0.5 + level / 2, slope.df)) * slope.error
    p = float(2 * stats.t.sf(abs(slope.value) / slope.error, slope.df))
    return Trend(
        slope.value, slope.error, slope.df, slope.value - reach, slope.value + reach, p,
        slope.test, len(groups), n, said,
    )  # fmt: skip


def _none(groups: Sequence[Group], n: int, why: str) -> Trend:
    nan = math.nan
    return Trend(nan, nan, nan, nan, nan, nan, "", len(groups), n, why)
