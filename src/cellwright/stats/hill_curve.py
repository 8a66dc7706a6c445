"""The four-parameter logistic curve, fitted to means of doses by least squares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

from cellwright.stats.trend import shared_by_all

__all__ = [
    "DECADES_BEYOND", "SHALLOWEST", "STEEPEST", "Points", "best_shape", "cells_of",
    "directions", "grid", "points_of", "scaled_means", "shapes", "squares", "within_shape",
]  # fmt: skip

Numbers = npt.NDArray[np.float64]

SHALLOWEST, STEEPEST = 0.2, 10.0
"""Hill slopes that are tried. At 0.2 the middle 80 % of a curve take 9.5 decades of dose, at 10 a
fifth of one: no experiment tells more extreme ones from these."""

DECADES_BEYOND = 2.0
"""How far beyond the tested doses a halfway point is looked for, to know that it is there."""

_DECADE = float(np.log(10))
_STARTS = ((0.0, 0.8), (0.8, 2.5), (2.5, np.inf))
"""Ranges of slopes; from the best of each the search begins."""


@dataclass(frozen=True, eq=False)
class Points:
    """What a curve is fitted to.

    Attributes
    ----------
    log_doses
        (G,) natural logarithms, ascending; minus infinity for a dose of 0.
    means, counts
        (G,) mean and number of the replicates.
    pure, df_pure
        Sum of squares of the replicates about the means of their dose, and its degrees of freedom:
        without that of whole replicates, where each has all doses.
    within
        Whether each replicate has all doses.
    """

    log_doses: Numbers
    means: Numbers
    counts: Numbers
    pure: float
    df_pure: int
    within: bool

    @property
    def tested(self) -> tuple[float, float]:
        """Logarithms of the lowest and the highest dose above 0."""
        given = self.log_doses[np.isfinite(self.log_doses)]
        return float(given[0]), float(given[-1])

    @property
    def between(self) -> float:
        """Sum of squares of the means about a constant."""
        centre = np.average(self.means, weights=self.counts)
        return float(self.counts @ (self.means - centre) ** 2)


def points_of(doses: Sequence[float], groups: Sequence[Mapping[str, float]]) -> Points:
    """Take means of doses, and what replicates differ about them.

    Parameters
    ----------
    doses
        (G,) ascending, 0 for the reference.
    groups
        Replicates of each dose by their names.
    """
    values = [np.array(list(group.values()), np.float64) for group in groups]
    means = np.array([group.mean() for group in values])
    counts = np.array([group.size for group in values], np.float64)
    pure = float(sum(np.sum((group - group.mean()) ** 2) for group in values))
    df = int(counts.sum()) - len(groups)
    units = shared_by_all(groups)
    within = len(units) > 1 and all(len(group) == len(units) for group in groups)
    if within:
        of_units = np.array([[group[unit] for group in groups] for unit in units]).mean(axis=1)
        pure -= len(groups) * float(np.sum((of_units - of_units.mean()) ** 2))
        df -= len(units) - 1
    with np.errstate(divide="ignore"):
        logs = np.log(np.asarray(doses, np.float64))
    return Points(logs, means, counts, max(pure, 0.0), df, within)


def shapes(log_doses: Numbers, log_halfway: npt.ArrayLike, slope: npt.ArrayLike) -> Numbers:
    """How far a curve has gone from its plateau at dose 0 to the other, 0 to 1.

    Parameters
    ----------
    log_doses
        (G,) doses.
    log_halfway, slope
        (K,) each.

    Returns
    -------
    ndarray
        (K, G).

    Examples
    --------
    >>> shapes(np.log([1.0, 2.0, 4.0]), [np.log(2.0)], [1.0]).round(3).tolist()
    [[0.333, 0.5, 0.667]]
    """
    halfway, slopes = np.atleast_1d(log_halfway), np.atleast_1d(slope)
    found: Numbers = special.expit(slopes[:, None] * (log_doses - halfway[:, None]))
    return found


def squares(points: Points, log_halfway: npt.ArrayLike, slope: npt.ArrayLike) -> Numbers:
    """Sums of squares about curves whose plateaus are the best ones, (K,).

    With the halfway point and the slope given, the plateaus are a straight-line fit (variable
    projection: G. H. Golub and V. Pereyra, SIAM J. Numer. Anal. 10, 1973).
    """
    explained = (directions(points, log_halfway, slope) @ scaled_means(points)) ** 2
    found: Numbers = points.pure + np.maximum(points.between - explained, 0.0)
    return found


def within_shape(
    points: Points, log_halfway: npt.ArrayLike, slope: npt.ArrayLike, at: Numbers
) -> tuple[Numbers, Numbers]:
    """Curves with the best plateaus, and the variance of their height in that of a replicate.

    Parameters
    ----------
    log_halfway, slope
        (K,) each.
    at
        (X,) logarithms of doses.

    Returns
    -------
    ndarray, ndarray
        (K, X) each.
    """
    here = shapes(points.log_doses, log_halfway, slope)
    there = shapes(at, log_halfway, slope)
    n = points.counts.sum()
    centre = here @ points.counts / n
    about = here - centre[:, None]
    spread = about**2 @ points.counts
    spread = np.where(spread > 0, spread, np.inf)
    change = about @ (points.counts * points.means) / spread
    mean = float(points.counts @ points.means / n)
    away = there - centre[:, None]
    return mean + change[:, None] * away, 1 / n + away**2 / spread[:, None]


def grid(points: Points, step: float, slopes: int, beyond: float) -> tuple[Numbers, Numbers]:
    """Logarithms of halfway points, and slopes.

    Parameters
    ----------
    step, beyond
        Decades between halfway points, and beyond the tested doses.
    slopes
        How many.
    """
    low, high = points.tested
    count = round((high - low) / _DECADE / step) + 1
    inside = np.linspace(low, high, max(count, 2))
    more = np.arange(1, round(beyond / step) + 1) * step * _DECADE
    halfway = np.concatenate([low - more[::-1], inside, high + more])
    return halfway, np.geomspace(SHALLOWEST, STEEPEST, slopes)


def cells_of(axes: tuple[Numbers, Numbers]) -> tuple[Numbers, Numbers]:
    """Every halfway point with every slope, (K,) each."""
    halfway, slopes = np.meshgrid(*axes, indexing="ij")
    return halfway.ravel(), slopes.ravel()


def best_shape(points: Points) -> tuple[float, float]:
    """Logarithm of the halfway point and slope of the curve that fits best.

    A grid finds where to begin, several times; then least squares.
    """
    halfway, slopes = grid(points, 0.1, 25, DECADES_BEYOND)
    every = cells_of((halfway, slopes))
    found = squares(points, *every)
    bounds = (
        [halfway[0], np.log(SHALLOWEST)],
        [halfway[-1], np.log(STEEPEST)],
    )
    unit = np.sqrt(points.between) or 1.0  # so that the search is the same in any unit
    best, least = (float(every[0][0]), 1.0), np.inf
    for low, high in _STARTS:
        of_range = np.where((every[1] >= low) & (every[1] < high), found, np.inf)
        place = int(np.argmin(of_range))
        start = np.array([every[0][place], np.log(every[1][place])])
        start = np.clip(start, *bounds)

        def missing(at: Numbers) -> Numbers:
            curve, _ = within_shape(points, at[0], np.exp(at[1]), points.log_doses)
            return np.asarray(np.sqrt(points.counts) * (points.means - curve[0]) / unit)

        fitted = optimize.least_squares(
            missing, start, bounds=bounds, x_scale=(1.0, 0.5), xtol=1e-12, ftol=1e-14, gtol=1e-14
        )
        if fitted.cost < least:
            best, least = (float(fitted.x[0]), float(np.exp(fitted.x[1]))), fitted.cost
    return best


def directions(points: Points, log_halfway: npt.ArrayLike, slope: npt.ArrayLike) -> Numbers:
    """(K, G) directions of length 1 in which the means move along a curve; 0 for a flat one."""
    here = shapes(points.log_doses, log_halfway, slope)
    about = here - (here @ points.counts / points.counts.sum())[:, None]
    scaled = about * np.sqrt(points.counts)
    length = np.linalg.norm(scaled, axis=1, keepdims=True)
    found: Numbers = np.divide(scaled, length, out=np.zeros_like(scaled), where=length > 0)
    return found


def scaled_means(points: Points) -> Numbers:
    """(G,) means about the constant, so that their squares are those that a curve can explain."""
    centre = np.average(points.means, weights=points.counts)
    found: Numbers = np.sqrt(points.counts) * (points.means - centre)
    return found
