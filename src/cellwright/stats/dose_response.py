"""The dose of half the effect, with an interval that stays open where the doses do not tell."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats

from cellwright.stats.dose_effect import p_of_effect
from cellwright.stats.estimate import FEWEST
from cellwright.stats.hill_curve import (
    DECADES_BEYOND,
    SHALLOWEST,
    STEEPEST,
    Points,
    best_shape,
    cells_of,
    grid,
    points_of,
    squares,
    within_shape,
)

__all__ = ["FEWEST_GIVEN", "Curve", "Response", "Where", "curve_of", "response_of"]

Numbers = npt.NDArray[np.float64]
Where = Literal["within the tested range", "above the tested range", "below the tested range", ""]

FEWEST_GIVEN = 4
"""Doses beside the reference below which four parameters cannot be told."""

_EQUAL = 1e-12
"""Relative to the values: a spread below is an error of rounding."""
_LARGEST = 1e150
_PARAMETERS = 4
_SLOPES, _STEP = 41, 0.05
"""Slopes, and decades between halfway points, of the grid for the interval and for the band."""


@dataclass(frozen=True)
class Response:
    """A four-parameter logistic curve through the means of doses.

    Attributes
    ----------
    where
        On which side of the tested doses the half effect lies; empty where there is no number.
    ec50, low, high
        Dose of half the effect (between the two plateaus), with its interval; NaN for an end that
        is open, and for an EC50 outside of the tested doses.
    hill
        Slope; negative for a curve that falls.
    bottom, top
        Lower and upper plateau. NaN for the one that the doses do not reach.
    p
        That means of doses without any effect fit a curve this well by chance.
    p_lack_of_fit
        That means differ from the curve as much by chance; NaN where that cannot be had.
    spread, df
        Standard deviation of the replicates about the curve, and its degrees of freedom.
    n_doses, n
        Doses beside the reference; replicates of the dose that has fewest.
    note
        Why there is no number, or what else is to be known.
    """

    where: Where = ""
    ec50: float = math.nan
    low: float = math.nan
    high: float = math.nan
    hill: float = math.nan
    bottom: float = math.nan
    top: float = math.nan
    p: float = math.nan
    p_lack_of_fit: float = math.nan
    spread: float = math.nan
    df: float = math.nan
    n_doses: int = 0
    n: int = 0
    note: str = ""


@dataclass(frozen=True, eq=False)
class Curve:
    """What is drawn: (X,) doses, heights of the best curve, and their band."""

    doses: Numbers
    heights: Numbers
    low: Numbers
    high: Numbers


def response_of(
    doses: Sequence[float], groups: Sequence[Mapping[str, float]], level: float = 0.95
) -> Response:
    """Fit a curve to doses and tell at which of them half the effect is reached.

    Parameters
    ----------
    doses
        (G,) ascending; the reference first, with 0, which tells the plateau without effect.
    groups
        Replicates of each dose: a summary of each by its name. Where each replicate has all doses,
        what whole replicates differ by is left out.
    level
        Of the interval; an effect is one below 1 - level.

    Notes
    -----
    Least squares over replicate means; the interval is that of the profile likelihood, by the F
    distribution (D. M. Bates and D. G. Watts, Nonlinear Regression Analysis, Wiley 1988, ch. 6).
    EC50s of usual designs are unstable, which is why nothing beyond the tested doses is given as a
    number.

    Examples
    --------
    >>> doses = [0, 1, 3, 10, 30, 100]
    >>> heights = [10 + 20 * dose / (dose + 8) for dose in doses]
    >>> groups = [{f"{y} a": y - 0.5, f"{y} b": y + 0.4, f"{y} c": y + 0.1} for y in heights]
    >>> found = response_of(doses, groups)
    >>> round(found.ec50, 2), round(found.hill, 2), found.where
    (8.0, 1.0, 'within the tested range')
    """
    given = len(doses) - 1
    n = min((len(group) for group in groups), default=0)
    plain = Response(n_doses=given, n=n)
    if given < FEWEST_GIVEN:
        why = f"{FEWEST_GIVEN} doses beside the reference are the fewest for one; there are {given}"
        return replace(plain, note=f"no EC50: {why}")
    if n < FEWEST:
        why = f"{FEWEST} replicates of each dose are the fewest for one; there are {n}"
        return replace(plain, note=f"no EC50: {why}")
    largest = max(abs(value) for group in groups for value in group.values())
    if largest > _LARGEST:
        return replace(plain, note="no EC50: the numbers are too large to be squared")
    points = points_of(doses, groups)
    if not math.sqrt(points.pure / points.df_pure) > _EQUAL * largest:
        why = "replicates do not spread, so nothing tells how they would another time"
        return replace(plain, note=f"no EC50: {why}")
    p = p_of_effect(points)
    if p >= 1 - level:
        return replace(plain, p=p, note=f"no EC50: no effect of the dose is shown (p = {p:.2g})")
    return _located(points, replace(plain, p=p), level)


def curve_of(
    doses: Sequence[float],
    groups: Sequence[Mapping[str, float]],
    at: npt.ArrayLike,
    level: float = 0.95,
) -> Curve:
    """Heights of the best curve, with a band that holds each with this probability.

    Parameters
    ----------
    doses, groups, level
        As for `response_of`, of doses for which it gives numbers.
    at
        (X,) doses to draw at, 0 among them or not.

    Notes
    -----
    The band is the profile likelihood's: all heights of curves that fit no worse than the F
    distribution allows.
    """
    points = points_of(doses, groups)
    wanted = np.asarray(at, np.float64)
    with np.errstate(divide="ignore"):
        logs = np.log(wanted)
    best = best_shape(points)
    heights, _ = within_shape(points, *best, logs)
    least, df = float(squares(points, *best)[0]), _df(points)
    allowed = least * (1 + float(stats.f.ppf(level, 1, df)) / df)
    every = cells_of(grid(points, _STEP, _SLOPES, DECADES_BEYOND))
    found = np.append(squares(points, *every), least)
    near = found <= allowed
    each, variance = within_shape(
        points, np.append(every[0], best[0])[near], np.append(every[1], best[1])[near], logs
    )
    reach = np.sqrt((allowed - found[near])[:, None] * variance)
    return Curve(wanted, heights[0], (each - reach).min(axis=0), (each + reach).max(axis=0))


def _df(points: Points) -> int:
    """Degrees of freedom about the curve: of the replicates, and of the means beyond four."""
    return points.df_pure + points.means.size - _PARAMETERS


def _located(points: Points, known: Response, level: float) -> Response:
    """The parameters with what can be said of them."""
    log_halfway, slope = best_shape(points)
    least, df = float(squares(points, log_halfway, slope)[0]), _df(points)
    lack = _lack_of_fit(points, least)
    notes = []
    if lack < 1 - level:
        notes.append(
            f"the means do not lie on such a curve (p = {lack:.2g}): its EC50 and plateaus "
            "describe them badly"
        )
    ends, _ = within_shape(points, log_halfway, slope, np.array([-np.inf, np.inf]))
    start, end = map(float, ends[0])
    known = replace(known, p_lack_of_fit=lack, spread=math.sqrt(least / df), df=float(df))
    lowest, highest = points.tested
    allowed = least * (1 + float(stats.f.ppf(level, 1, df)) / df)
    low, high = _interval(points, log_halfway, allowed)
    if math.isinf(low) and math.isinf(high):
        notes.append("no EC50: it could lie anywhere, below the tested doses and above them")
        return replace(known, note="; ".join(notes))
    if log_halfway > highest:
        known = replace(known, low=math.exp(min(low, highest)))
        return _outside(known, notes, start, above=True, rises=end > start)
    if log_halfway < lowest:
        known = replace(known, high=math.exp(max(high, lowest)))
        return _outside(known, notes, end, above=False, rises=end > start)
    for bound, side, last in ((low, "below", "lowest"), (high, "above", "highest")):
        if math.isinf(bound):
            notes.append(f"the interval is open {side}: it reaches past the {last} dose")
    if not SHALLOWEST * 1.001 < slope < STEEPEST / 1.001:
        notes.append(f"the Hill slope is at the end of what is tried ({slope:.2g})")
    rises = end > start
    return replace(
        known, where="within the tested range", ec50=math.exp(log_halfway), low=_dose(low),
        high=_dose(high), hill=slope if rises else -slope, bottom=min(start, end),
        top=max(start, end), note="; ".join(notes),
    )  # fmt: skip


def _dose(log: float) -> float:
    return math.nan if math.isinf(log) else math.exp(log)


def _outside(
    known: Response, notes: Sequence[str], plateau: float, *, above: bool, rises: bool
) -> Response:
    """Only what the doses tell: on which side, how far at least, and the plateau they reach."""
    where: Where = "above the tested range" if above else "below the tested range"
    said = f"at least {known.low:.3g}" if above else f"at most {known.high:.3g}"
    side = "bottom" if above == rises else "top"
    note = "; ".join([f"EC50 {where}, {said}", *notes])
    return replace(known, where=where, note=note, **{side: plateau})  # type: ignore[arg-type]


def _lack_of_fit(points: Points, least: float) -> float:
    """F test of the means about the curve, in the spread of the replicates about the means."""
    spare = points.means.size - _PARAMETERS
    about = max(least - points.pure, 0.0) / spare
    return float(stats.f.sf(about / (points.pure / points.df_pure), spare, points.df_pure))


def _interval(points: Points, log_halfway: float, allowed: float) -> tuple[float, float]:
    """Logarithms of the lowest and highest halfway point that fits well enough.

    Infinite where that is below the lowest, or above the highest dose.
    """
    halfway, slopes = grid(points, _STEP, _SLOPES, DECADES_BEYOND)
    found = squares(points, *cells_of((halfway, slopes))).reshape(halfway.size, slopes.size)
    profile = found.min(axis=1)
    best_slopes = slopes[found.argmin(axis=1)]
    fits = halfway[profile <= allowed]
    inside = [*fits, log_halfway]
    step = slopes[1] / slopes[0]
    lowest, highest = points.tested

    def excess(at: float, near: float) -> float:
        """Of the best curve with this halfway point, above what is allowed."""

        def of_slope(log_slope: float) -> float:
            return float(squares(points, at, math.exp(log_slope))[0])

        around = math.log(max(near / step**2, SHALLOWEST)), math.log(min(near * step**2, STEEPEST))
        least = optimize.minimize_scalar(of_slope, bounds=around, method="bounded").fun
        return float(least) - allowed

    def end(innermost: float, outwards: int) -> float:
        beyond = halfway[(halfway - innermost) * outwards > 0]
        if not beyond.size:
            return outwards * math.inf
        outside = float(beyond.min() if outwards > 0 else beyond.max())
        near = float(best_slopes[np.searchsorted(halfway, outside)])
        return _crossing(lambda at: excess(at, near), innermost, outside)

    low, high = end(min(inside), -1), end(max(inside), 1)
    return (low if low >= lowest else -math.inf, high if high <= highest else math.inf)


def _crossing(excess: Callable[[float], float], inside: float, outside: float) -> float:
    """Where what is allowed ends, between a point that fits and one that does not."""
    if excess(inside) >= 0 or excess(outside) <= 0:
        return outside
    return float(optimize.brentq(excess, inside, outside, xtol=1e-10))
