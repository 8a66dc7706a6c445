"""Several conditions against one reference: adjusted p values and intervals of all at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy import optimize, special, stats

from cellwright.stats.estimate import Estimate

__all__ = ["adjusted", "reach"]

Numbers = npt.NDArray[np.float64]

_STEP, _FARTHEST = 0.1, 8.0
"""Of the integral over the reference's error, in standard errors."""
_SCALES = 64
"""Nodes of the integral over the error of the spread."""
_BEYOND = 1e-14
"""Probability of the scales that the integral leaves out."""
_MOST_COMMON = 0.98
"""Loadings above it are taken as it is: nearly the same comparison many times over needs a finer
integral, and this makes the p values no smaller."""


def adjusted(estimates: Sequence[Estimate]) -> list[float]:
    """Probability that chance alone makes any difference as large as each, of all in the family.

    Parameters
    ----------
    estimates
        Of one feature, each condition against the same reference.

    Returns
    -------
    list of float
        At the place of each estimate; NaN where it has no p.

    Notes
    -----
    C. W. Dunnett, J. Am. Stat. Assoc. 50 (1955), where all spread alike; with spreads of
    their own and degrees of freedom by Satterthwaite, M. Hasler and L. A. Hothorn, Biom. J. 50
    (2008). The correlation of two comparisons is a product of one number of each, so that the
    probability is an integral over the reference's error and over the error of the spread.

    Examples
    --------
    >>> import numpy as np
    >>> from cellwright.stats.estimate import welch
    >>> reference = np.array([1.0, 2.0, 3.0])
    >>> one = [welch(np.array([3.0, 4.0, 5.0]), reference)]
    >>> bool(np.isclose(adjusted(one)[0], one[0].p))
    True
    """
    family = [one for one in estimates if one.p == one.p]
    loadings = np.array([one.loading for one in family])
    return [
        max(one.p, 1.0 - _all_within(abs(one.t), one.df, loadings)) if one.p == one.p else math.nan
        for one in estimates
    ]


def reach(estimates: Sequence[Estimate], level: float = 0.95) -> list[float]:
    """Half the width of intervals that hold all differences of a family at once.

    Parameters and places are those of `adjusted`; in the unit of the feature.
    """
    family = [one for one in estimates if one.p == one.p]
    loadings = np.array([one.loading for one in family])
    return [
        _quantile(one.df, loadings, level) * one.standard_error if one.p == one.p else math.nan
        for one in estimates
    ]


def _quantile(df: float, loadings: Numbers, level: float) -> float:
    """What no difference of the family exceeds, in standard errors, with this probability."""
    least = float(stats.t.ppf(0.5 + level / 2, df))
    most = float(stats.t.ppf(1 - (1 - level) / 2 / loadings.size, df)) * 1.0001  # Bonferroni's
    if loadings.size == 1:
        return least

    def missing(at: float) -> float:
        return _all_within(at, df, loadings) - level

    return float(optimize.brentq(missing, least * 0.9999, most, xtol=1e-9))


def _all_within(at: float, df: float, loadings: Numbers) -> float:
    """Probability that all |t| of a family stay below `at`."""
    if loadings.size == 1:
        return float(1 - 2 * stats.t.sf(at, df))
    common, weights = _normal_nodes()
    scales, of_scales = _scale_nodes(df)
    own = np.minimum(loadings, _MOST_COMMON)
    rest = np.sqrt(1 - own**2)
    mean = common[:, None, None] * own / rest
    limit = at * scales[None, :, None] / rest
    within = special.ndtr(limit - mean) - special.ndtr(-limit - mean)
    return float(weights @ np.prod(within, axis=2) @ of_scales)


@cache
def _normal_nodes() -> tuple[Numbers, Numbers]:
    """Places and weights of an integral over a standard normal number."""
    places = np.arange(-_FARTHEST, _FARTHEST + _STEP / 2, _STEP)
    weights = np.exp(-(places**2) / 2)
    return places, weights / weights.sum()


@cache
def _scale_nodes(df: float) -> tuple[Numbers, Numbers]:
    """Of an integral over an estimated standard deviation, the true one being 1."""
    places, weights = np.polynomial.legendre.leggauss(_SCALES)
    largest = math.sqrt(stats.chi2.isf(_BEYOND, df) / df)
    scales = (places + 1) * largest / 2
    weights = weights * stats.chi.pdf(scales * math.sqrt(df), df)
    return scales, weights / weights.sum()
