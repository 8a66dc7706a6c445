"""How many replicates the next experiment needs, and what this one could have shown."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import optimize, special, stats

from cellwright.core.errors import UsageError
from cellwright.stats.estimate import FEWEST

__all__ = [
    "MOST", "POWERS", "Detect", "Spread", "cautious", "detect_of", "power_of", "replicates_needed",
    "smallest_difference", "spread_of",
]  # fmt: skip

Numbers = npt.NDArray[np.float64]

POWERS = (0.8, 0.9)
"""Chances of showing a difference that is there, for which replicates are counted."""

MOST = 1_000
"""Replicates above which a number is no plan."""

CONFIDENCE = 0.8
"""That the spread is not above the one with which the cautious number is counted."""


@dataclass(frozen=True)
class Detect:
    """A difference that the next experiment shall show.

    Attributes
    ----------
    size
        Above 0.
    percent
        Whether it is in percent of the reference's mean, and not in the feature's unit.
    """

    size: float
    percent: bool

    def of(self, mean_reference: float) -> float:
        """In the feature's unit; NaN where percent of the mean have no meaning."""
        if not self.percent:
            return self.size
        return self.size / 100 * mean_reference if mean_reference > 0 else math.nan


@dataclass(frozen=True)
class Spread:
    """Standard deviation of replicates, or of differences within them, and of how many it is.

    Attributes
    ----------
    sd
        Estimate.
    df
        Its degrees of freedom.
    paired
        Whether it is of differences within replicates.
    """

    sd: float
    df: int
    paired: bool


def detect_of(text: str) -> Detect:
    """Read a difference: ``20%``, or a number in the feature's unit.

    Raises
    ------
    UsageError
        If it is no number above 0.

    Examples
    --------
    >>> detect_of("20%"), detect_of("1.5").of(10)
    (Detect(size=20.0, percent=True), 1.5)
    """
    plain = text.strip()
    percent = plain.endswith("%")
    try:
        size = float(plain.removesuffix("%").strip().replace(",", "."))
    except ValueError:
        size = math.nan
    if not (math.isfinite(size) and size > 0):
        raise UsageError(
            f"--detect {text!r} is no difference above 0",
            remedy="write it in percent of the reference, such as 20%, or in the feature's unit",
        )
    return Detect(size, percent)


def spread_of(ours: Mapping[str, float], theirs: Mapping[str, float], *, paired: bool) -> Spread:
    """How replicates spread in what is compared.

    Parameters
    ----------
    ours, theirs
        Replicates of a condition and of the reference by their names.
    paired
        Whether those that are in both are compared within.
    """
    if paired:
        units = sorted(set(ours) & set(theirs))
        within = np.array([ours[unit] - theirs[unit] for unit in units])
        return Spread(float(np.std(within, ddof=1)), within.size - 1, paired=True)
    sides = [np.array(list(side.values()), np.float64) for side in (ours, theirs)]
    df = sum(side.size - 1 for side in sides)
    squares = sum(float(np.sum((side - side.mean()) ** 2)) for side in sides)
    return Spread(math.sqrt(squares / df), df, paired=False)


def cautious(spread: Spread) -> Spread:
    """The spread that the true one is not above, with a confidence of 80 %.

    R. H. Browne, Stat. Med. 14 (1995): plans with the estimate itself are too small in half of
    all experiments.

    Examples
    --------
    >>> round(cautious(Spread(1.0, 4, paired=False)).sd, 3)
    1.558
    """
    bound = spread.sd * math.sqrt(spread.df / float(stats.chi2.ppf(1 - CONFIDENCE, spread.df)))
    return Spread(bound, spread.df, spread.paired)


def power_of(difference: float, spread: Spread, n: int, m: int, alpha: float = 0.05) -> float:
    """Chance that a two-sided t test shows a difference that is there.

    Parameters
    ----------
    difference
        The true one.
    spread
        Taken as true.
    n, m
        Replicates of both sides; pairs, where it is of pairs (`m` does not count then).
    alpha
        Level of the test.

    Notes
    -----
    Noncentral t distribution (J. Cohen, Statistical Power Analysis, 2nd ed. 1988). Welch's test is
    counted as Student's, from which it differs by less than a replicate where both sides have as
    many.

    Examples
    --------
    >>> round(power_of(0.5, Spread(1.0, 9, paired=False), 64, 64), 4)
    0.8015
    """
    df, size = _of_design(n, m, paired=spread.paired)
    limit = float(special.stdtrit(df, 1 - alpha / 2))
    shift = abs(difference) / spread.sd * size
    return 1 - _below(limit, df, shift) + _below(-limit, df, shift)


def smallest_difference(
    spread: Spread, n: int, m: int, alpha: float = 0.05, power: float = 0.8
) -> float:
    """The true difference that so many replicates show with this chance.

    Parameters are those of `power_of`.
    """
    df, size = _of_design(n, m, paired=spread.paired)
    return _shift(df, alpha, power) / size * spread.sd


def replicates_needed(
    difference: float, spread: Spread, power: float = 0.8, alpha: float = 0.05
) -> int | None:
    """Replicates of each side, or pairs, that show a difference with this chance.

    Parameters are those of `power_of`.

    Returns
    -------
    int or None
        From `FEWEST` on; None where it would be more than `MOST`.

    Examples
    --------
    >>> replicates_needed(0.5, Spread(1.0, 9, paired=False))
    64
    """

    def shown(n: int) -> bool:
        return smallest_difference(spread, n, n, alpha, power) <= abs(difference)

    if not (abs(difference) > 0 and shown(MOST)):
        return None
    few, enough = FEWEST - 1, MOST
    while enough - few > 1:
        middle = (few + enough) // 2
        few, enough = (few, middle) if shown(middle) else (middle, enough)
    return enough


def _of_design(n: int, m: int, *, paired: bool) -> tuple[int, float]:
    """Degrees of freedom, and how far a difference of one standard deviation moves t."""
    if paired:
        return n - 1, math.sqrt(n)
    return n + m - 2, math.sqrt(n * m / (n + m))


@lru_cache(maxsize=4096)
def _shift(df: int, alpha: float, power: float) -> float:
    """Of the noncentral t distribution, so that a test at this level has this power."""
    limit = float(special.stdtrit(df, 1 - alpha / 2))

    def missing(shift: float) -> float:
        return 1 - _below(limit, df, shift) + _below(-limit, df, shift) - power

    enough = 1.0
    while missing(enough) < 0:
        enough += 1.0
    return float(optimize.brentq(missing, 0.0, enough, xtol=1e-10))


def _below(at: float, df: int, shift: float) -> float:
    """Noncentral t distribution; where the series fails, far out, the normal one in its place."""
    found = float(special.nctdtr(df, shift, at))
    if math.isnan(found):  # N. L. Johnson and B. L. Welch, Biometrika 31 (1940)
        away = (at * (1 - 1 / (4 * df)) - shift) / math.sqrt(1 + at**2 / (2 * df))
        return float(special.ndtr(away))
    return found
