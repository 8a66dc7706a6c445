"""How large a difference is, in units that compare from one experiment to another."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from cellwright.stats.estimate import FEWEST

__all__ = ["Standardised", "cliffs_delta", "hedges_g", "hedges_g_of_pairs"]

Numbers = npt.NDArray[np.float64]

_FAR = 500.0
"""Standard errors beyond which the noncentral t distribution is that of its scale alone."""


@dataclass(frozen=True)
class Standardised:
    """A difference in standard deviations of the replicates, with its interval; NaN if unknown."""

    g: float
    low: float
    high: float


def hedges_g(values: Numbers, reference: Numbers, level: float = 0.95) -> Standardised:
    """Difference of means over replicates, in standard deviations, corrected for few replicates.

    Parameters
    ----------
    values, reference
        (N,), (M,) one summary a replicate, finite.
    level
        Of the interval.

    Notes
    -----
    L. V. Hedges, J. Educ. Stat. 6 (1981), with the exact gamma correction; the interval is that of
    the noncentral t distribution (G. Cumming and S. Finch, Educ. Psychol. Meas. 61, 2001). Both
    sides are taken to spread alike.

    Examples
    --------
    >>> import numpy as np
    >>> round(hedges_g(np.array([3.0, 4.0, 5.0]), np.array([1.0, 2.0, 3.0])).g, 4)
    1.5958
    """
    n, m = values.size, reference.size
    df = n + m - 2
    if min(n, m) < FEWEST:
        return Standardised(math.nan, math.nan, math.nan)
    squares = sum(float(np.sum((side - side.mean()) ** 2)) for side in (values, reference))
    spread = math.sqrt(squares / df)
    if not spread > 0:
        return Standardised(math.nan, math.nan, math.nan)
    d = float(values.mean() - reference.mean()) / spread
    correction = _correction(df)
    size = math.sqrt(n * m / (n + m))
    low, high = _noncentralities(d * size, df, level)
    return Standardised(d * correction, low / size * correction, high / size * correction)


def hedges_g_of_pairs(values: Numbers, reference: Numbers, level: float = 0.95) -> Standardised:
    """The same for pairs of replicates: their interval knows that pairs go together.

    Parameters
    ----------
    values, reference
        (N,) one summary a replicate, finite; the same replicates in the same order.
    level
        Of the interval.

    Notes
    -----
    The difference in units of the spread within the conditions, as for independent replicates,
    so that both compare; the interval from the noncentral t distribution of the paired t, brought
    to that unit by the correlation that was found (B. J. Becker, Br. J. Math. Stat. Psychol. 41,
    1988; G. Cumming and S. Finch, 2001).

    Examples
    --------
    >>> import numpy as np
    >>> found = hedges_g_of_pairs(np.array([3.0, 4.0, 5.5]), np.array([1.0, 2.0, 3.0]))
    >>> round(found.g, 3), found.low > 0
    (1.521, True)
    """
    alike = hedges_g(values, reference, level)
    n, apart = values.size, values - reference
    error = float(np.std(apart, ddof=1)) / math.sqrt(n) if n >= FEWEST else 0.0
    mean = float(apart.mean()) if n else 0.0
    if math.isnan(alike.g) or not error > 0 or mean == 0:
        return Standardised(alike.g, math.nan, math.nan)
    t = mean / error
    low, high = _noncentralities(t, n - 1, level)
    unit = alike.g / _correction(2 * n - 2) / t
    return Standardised(alike.g, low * unit, high * unit)


def _correction(df: int) -> float:
    """By what the difference in standard deviations is too large in the mean."""
    return math.exp(math.lgamma(df / 2) - math.lgamma((df - 1) / 2) - 0.5 * math.log(df / 2))


def _noncentralities(t: float, df: int, level: float) -> tuple[float, float]:
    """The smallest and the largest noncentrality at which a t like this is not surprising."""
    tail = (1 - level) / 2
    if abs(t) > _FAR:
        # the error of the difference is nothing beside it: all that is not known is the spread
        ends = np.sqrt(stats.chi2.ppf([tail, 1 - tail], df) / df) * t
        return float(ends.min()), float(ends.max())
    return (
        float(special.nctdtrinc(df, 1 - tail, t)),
        float(special.nctdtrinc(df, tail, t)),
    )


def cliffs_delta(values: Numbers, reference: Numbers) -> float:
    """How much more often a value lies above one of the reference than below it, -1 to 1.

    N. Cliff, Psychol. Bull. 114 (1993). Equal values count for neither side. NaN if a side is
    empty.

    Examples
    --------
    >>> import numpy as np
    >>> cliffs_delta(np.array([2.0, 3.0]), np.array([1.0, 2.0]))
    0.75
    """
    if not values.size or not reference.size:
        return math.nan
    ordered = np.sort(reference)
    below = np.searchsorted(ordered, values, "left").sum(dtype=np.float64)
    above = (ordered.size - np.searchsorted(ordered, values, "right")).sum(dtype=np.float64)
    return float((below - above) / (values.size * ordered.size))
