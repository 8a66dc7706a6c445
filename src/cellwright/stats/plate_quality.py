"""How well a plate tells its controls apart, and what its edge does."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

__all__ = [
    "FEWEST_WELLS", "Edge", "edge_effect", "largest_median", "robust_z", "robust_z_prime", "ssmd",
    "z_prime",
]  # fmt: skip

Numbers = npt.NDArray[np.float64]

FEWEST_WELLS = 2
"""Wells of each control below which they have no spread."""

MAD_TO_SD = 1.482602218505602
"""Median absolute deviation to standard deviation, of normal numbers."""

_EQUAL = 1e-12
"""Relative to the values: a median below is an error of rounding."""

_ARRANGEMENTS, _SEED = 1_999, 20211107


@dataclass(frozen=True)
class Edge:
    """Wells at the edge of a plate against inner wells of the same condition.

    Attributes
    ----------
    difference
        Mean of the conditions' differences, weighted by how many wells they rest on; NaN if no
        condition has both.
    p
        Two-sided, by exchanging wells within each condition: of this plate, not of conditions.
    n_edge, n_inner
        Wells of the conditions that have both.
    """

    difference: float
    p: float
    n_edge: int
    n_inner: int


def z_prime(positive: Numbers, reference: Numbers) -> float:
    """Z' of two controls: 1 if no well strays, below 0 if they overlap.

    Parameters
    ----------
    positive, reference
        (N,), (M,) wells; NaN is given with fewer than `FEWEST_WELLS` of either, or equal means.

    Notes
    -----
    J.-H. Zhang, T. D. Y. Chung and K. R. Oldenburg, J. Biomol. Screen. 4 (1999): above 0.5 an
    excellent assay.

    Examples
    --------
    >>> z_prime(np.array([9.0, 10.0, 11.0]), np.array([-1.0, 0.0, 1.0]))
    0.4
    """
    if min(positive.size, reference.size) < FEWEST_WELLS:
        return math.nan
    spread = float(np.std(positive, ddof=1) + np.std(reference, ddof=1))
    return _window(spread, float(positive.mean() - reference.mean()))


def robust_z_prime(positive: Numbers, reference: Numbers) -> float:
    """Z' by medians and median absolute deviations, which a single stray well does not move.

    Parameters are those of `z_prime`.

    Examples
    --------
    >>> round(robust_z_prime(np.array([9.0, 10, 11, 99]), np.array([-1.0, 0, 1])), 4)
    0.1528
    """
    if min(positive.size, reference.size) < FEWEST_WELLS:
        return math.nan
    spread = _robust_sd(positive) + _robust_sd(reference)
    return _window(spread, float(np.median(positive) - np.median(reference)))


def ssmd(positive: Numbers, reference: Numbers) -> float:
    """Strictly standardised mean difference of two controls.

    Parameters are those of `z_prime`.

    Notes
    -----
    X. D. Zhang, Genomics 89 (2007): the mean of a difference of two wells in standard deviations
    of this difference. Beyond 3 a strong control should be, in either direction.

    Examples
    --------
    >>> round(ssmd(np.array([9.0, 10.0, 11.0]), np.array([-1.0, 0.0, 1.0])), 4)
    7.0711
    """
    if min(positive.size, reference.size) < FEWEST_WELLS:
        return math.nan
    variance = float(np.var(positive, ddof=1) + np.var(reference, ddof=1))
    difference = float(positive.mean() - reference.mean())
    return difference / math.sqrt(variance) if variance > 0 else math.nan


def robust_z(values: Numbers, among: Numbers) -> Numbers:
    """How far wells lie from the median of others, in robust standard deviations.

    Parameters
    ----------
    values
        (N,) wells.
    among
        (M,) wells of the plate, or those of its reference.

    Returns
    -------
    ndarray
        (N,); NaN if more than half of the others are equal, or fewer than `FEWEST_WELLS`.

    Examples
    --------
    >>> robust_z(np.array([3.0, 9.0]), np.array([1.0, 2, 3, 4, 5])).round(2).tolist()
    [0.0, 4.05]
    """
    known = among[np.isfinite(among)]
    spread = _robust_sd(known) if known.size >= FEWEST_WELLS else 0.0
    if not spread > 0:
        return np.full(values.shape, np.nan)
    found: Numbers = (values - np.median(known)) / spread
    return found


def edge_effect(
    values: Numbers, conditions: npt.NDArray[np.int64], at_edge: npt.NDArray[np.bool_]
) -> Edge:
    """Compare wells at the edge of a plate with inner wells of the same condition.

    Parameters
    ----------
    values
        (N,) wells of one plate; NaN does not count.
    conditions
        (N,) number of the condition of each.
    at_edge
        (N,) whether a well is in an outer row or column.

    Notes
    -----
    A permutation test within strata, by `_ARRANGEMENTS` drawn arrangements and the one found.

    Examples
    --------
    >>> values = np.array([5.0, 5.2, 5.1, 4.9, 1.0, 1.1, 0.9, 1.2])
    >>> found = edge_effect(values, np.zeros(8, int), np.arange(8) < 4)
    >>> round(found.difference, 3), found.p < 0.05
    (4.0, True)
    """
    known = np.isfinite(values)
    codes, edge = conditions[known], at_edge[known]
    both = np.array([edge[codes == code].any() and not edge[codes == code].all() for code in codes])
    if not both.any():
        return Edge(math.nan, math.nan, 0, 0)
    codes, edge, kept = codes[both], edge[both], values[known][both]
    # levels of conditions are no matter of edges; without them, sums of squares lose nothing
    for code in np.unique(codes):
        kept[codes == code] -= kept[codes == code].mean()
    drawn = _contrasts(tuple(codes.tolist()), tuple(edge.tolist())) @ kept
    size = np.abs(drawn)
    as_far = size >= size[0] * (1 - 1e-9)
    return Edge(float(drawn[0]), float(as_far.mean()), int(edge.sum()), int((~edge).sum()))


def largest_median(values: Numbers, places: npt.NDArray[np.int64]) -> tuple[int, float]:
    """The row or column of a plate whose median lies farthest from 0.

    Parameters
    ----------
    values
        (N,) wells, less the median of their condition on the plate; NaN does not count.
    places
        (N,) row or column of each.

    Returns
    -------
    int, float
        Which, and its median; -1 and NaN if all are 0, as where each has a condition of its own.

    Examples
    --------
    >>> largest_median(np.array([0.1, -0.1, 2.0, 1.0]), np.array([1, 1, 2, 2]))
    (2, 1.5)
    """
    known = np.isfinite(values)
    medians = [
        (int(place), float(np.median(values[known & (places == place)])))
        for place in np.unique(places[known])
    ]
    place, median = max(medians, key=lambda one: abs(one[1]), default=(-1, math.nan))
    error = _EQUAL * float(np.max(np.abs(values[known]), initial=0.0))
    return (place, median) if abs(median) > error else (-1, math.nan)


def _window(spread: float, difference: float) -> float:
    return 1 - 3 * spread / abs(difference) if difference else math.nan


def _robust_sd(values: Numbers) -> float:
    return MAD_TO_SD * float(np.median(np.abs(values - np.median(values))))


@lru_cache(maxsize=64)
def _contrasts(codes: tuple[int, ...], edge: tuple[bool, ...]) -> Numbers:
    """(`_ARRANGEMENTS` + 1, N) weights of wells in the difference; those found come first."""
    rng = np.random.default_rng(_SEED)
    of, at_edge = np.array(codes), np.array(edge)
    found = np.zeros((_ARRANGEMENTS + 1, of.size))
    total = 0.0
    for code in np.unique(of):
        here = np.flatnonzero(of == code)
        n = int(at_edge[here].sum())
        m = here.size - n
        own = np.where(at_edge[here], 1 / n, -1 / m) * (n * m / (n + m))
        total += n * m / (n + m)
        found[:, here] = own
        found[1:, here] = rng.permuted(found[1:, here], axis=1)
    return found / total
