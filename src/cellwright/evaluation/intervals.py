"""Intervals of scores over pictures: never over cells, which are not independent.

Means and pooled ratios get a bootstrap over pictures (BCa, Efron 1987,
doi:10.1080/01621459.1987.10478410) from 30 pictures on, a t-interval of the linearised ratio
below; medians the interval between two order statistics, which assumes nothing. Statistics that
are no ratio (an area under a curve, a calibration error) are given the weights of the pictures,
and resampled or left out one picture at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

__all__ = [
    "CONFIDENCE",
    "FEWEST_TO_RESAMPLE",
    "RESAMPLES",
    "SEED",
    "Estimated",
    "Interval",
    "RatioOfSums",
    "median_interval",
    "ratio_intervals",
    "weighted_estimates",
]

Numbers = npt.NDArray[np.float64]
Bounds = tuple[float | None, float | None]
How = Literal["bootstrap", "t", "order statistics", "none"]

CONFIDENCE = 0.95
"""Share of such intervals that hold the true value."""

RESAMPLES = 4000
"""Bootstrap samples: 100 of them lie beyond either end of a 95 % interval."""

SEED = 20180116
"""Of the bootstrap, so that equal scores give equal intervals (any number would do)."""

FEWEST_TO_RESAMPLE = 30
"""Pictures from which on the bootstrap is used.

Of simulated skewed scores (1,500 sets each) a 95 % interval of the mean held the truth in
81, 82, 89 and 92 % of sets of 5, 10, 20 and 30 pictures by t, and in 72, 80, 88 and 92 % by
BCa; at 50 pictures in 91 and 94 %.
"""

_MOST_LEFT_OUT = 1000
"""Times that pictures are left out to see how skewed a statistic is: of more, several at once,
which leaves the sum of their third powers what it is."""

_CHUNK = 2**22  # numbers of a block of resampling weights: 32 MB
_DECIMALS = 6  # of the ends: sums in another order differ far behind


@dataclass(frozen=True)
class Interval:
    """A 95 % interval; both ends None where there are too few pictures."""

    low: float | None = None
    high: float | None = None
    how: How = "none"


@dataclass(frozen=True)
class Estimated:
    """A number with its interval; NaN and no interval where there is none."""

    value: float
    interval: Interval = Interval()

    def to_json(self) -> dict[str, Any]:
        """Plain numbers, None for NaN."""
        return {
            "value": self.value if np.isfinite(self.value) else None,
            "low": self.interval.low,
            "high": self.interval.high,
            "interval": self.interval.how,
        }


@dataclass(frozen=True, eq=False)
class RatioOfSums:
    """A statistic of pictures: the mean of k ratios, each of one sum over another.

    A plain mean is the ratio of the sum of values to the sum of ones.

    Attributes
    ----------
    numerator, denominator
        (n, k) float64: what each picture adds to either sum.
    bounds
        Smallest and largest value that there can be.
    """

    numerator: Numbers
    denominator: Numbers
    bounds: Bounds = (None, None)

    @property
    def value(self) -> float:
        """Of all pictures; NaN where a denominator is 0."""
        return float(_means(self.numerator.sum(axis=0), self.denominator.sum(axis=0)))


def _means(above: Numbers, below: Numbers) -> Numbers:
    """Mean over the last axis of the ratios."""
    ratios = np.full(np.shape(above), np.nan)
    np.divide(above, below, out=ratios, where=below != 0)
    return np.asarray(ratios.mean(axis=-1))


def ratio_intervals(statistics: Sequence[RatioOfSums]) -> list[Interval]:
    """Intervals of several statistics of the same n pictures, from the same resamples.

    Parameters
    ----------
    statistics
        All with the same number of pictures. The order of the pictures decides which ones a
        resample takes: sort them, and equal pictures give equal intervals.

    Examples
    --------
    >>> scores = np.array([[0.8], [0.9], [1.0]])
    >>> [interval] = ratio_intervals([RatioOfSums(scores, np.ones((3, 1)), (0.0, 1.0))])
    >>> interval
    Interval(low=0.651586, high=1.0, how='t')
    """
    if not statistics:
        return []
    n = len(statistics[0].numerator)
    if n < FEWEST_TO_RESAMPLE:
        return [_t_interval(statistic) for statistic in statistics]
    resampled = _resampled(statistics, n)
    return [
        _bca(s.value, values, _without(s), s.bounds)
        for s, values in zip(statistics, resampled, strict=True)
    ]


def _t_interval(statistic: RatioOfSums) -> Interval:
    """Student's t on what each picture adds to the linearised statistic."""
    from scipy.stats import t

    above, below = statistic.numerator, statistic.denominator
    n = len(above)
    value = statistic.value
    if n < 2 or not np.isfinite(value):
        return Interval()
    ratios = above.sum(axis=0) / below.sum(axis=0)
    added = ((above - ratios * below) / below.mean(axis=0)).mean(axis=1)
    half = t.ppf((1 + CONFIDENCE) / 2, n - 1) * np.sqrt((added**2).sum() / (n - 1) / n)
    return _clipped(value - half, value + half, statistic.bounds, "t")


def _resampled(statistics: Sequence[RatioOfSums], n: int) -> list[Numbers]:
    """Values of each statistic in each bootstrap sample: (RESAMPLES,) each."""
    columns = np.concatenate([np.hstack([s.numerator, s.denominator]) for s in statistics], axis=1)
    generator = np.random.default_rng(SEED)
    blocks = []
    done = 0
    while done < RESAMPLES:
        rows = min(RESAMPLES - done, max(1, _CHUNK // n))
        weights = generator.multinomial(n, np.full(n, 1 / n), rows)
        blocks.append(weights.astype(np.float64) @ columns)
        done += rows
    sums = np.concatenate(blocks)
    values = []
    place = 0
    for statistic in statistics:
        k = statistic.numerator.shape[1]
        values.append(_means(sums[:, place : place + k], sums[:, place + k : place + 2 * k]))
        place += 2 * k
    return values


def _without(statistic: RatioOfSums) -> Numbers:
    """Value without each picture in turn: (n,)."""
    above, below = statistic.numerator, statistic.denominator
    return _means(above.sum(axis=0) - above, below.sum(axis=0) - below)


def _bca(value: float, resampled: Numbers, without: Numbers, bounds: Bounds) -> Interval:
    """Bias-corrected and accelerated bootstrap interval (Efron 1987)."""
    from scipy.stats import norm

    resampled = resampled[np.isfinite(resampled)]
    if not np.isfinite(value) or not resampled.size:
        return Interval()
    # Sums of the same numbers in another order differ in the last bit, and are no spread.
    if np.ptp(resampled) < 10.0**-_DECIMALS:
        return _clipped(value, value, bounds, "bootstrap")
    distance = np.nanmean(without) - without[np.isfinite(without)]
    spread = float((distance**2).sum())
    acceleration = float((distance**3).sum()) / (6 * spread**1.5) if spread > 0 else 0.0
    close = np.abs(resampled - value) < 10.0 ** -(2 * _DECIMALS)
    share = float(np.mean((resampled < value) & ~close) + np.mean(close) / 2)
    share = min(max(share, 1 / RESAMPLES), 1 - 1 / RESAMPLES)
    shift = float(norm.ppf(share))
    ends = shift + np.asarray(norm.ppf([(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]))
    levels = np.asarray(norm.cdf(shift + ends / (1 - acceleration * ends)))
    low, high = (float(np.quantile(resampled, level)) for level in levels)
    return _clipped(low, high, bounds, "bootstrap")


def weighted_estimates(
    statistic: Callable[[Numbers], Numbers],
    n: int,
    bounds: Bounds = (0.0, 1.0),
    *,
    resamples: int | None = RESAMPLES,
) -> list[Estimated]:
    """Values and intervals of statistics that are functions of the weights of the pictures.

    From `FEWEST_TO_RESAMPLE` pictures on a bootstrap (BCa); below, Student's t with the standard
    error of the jackknife. Resamples in which a statistic has no value are left out; one that
    hangs on a single picture has no interval by the jackknife.

    Parameters
    ----------
    statistic
        From (b, n) weights, whole numbers from 0, to (b, k) values of k statistics; NaN where
        there is none. Weights of 1 mean the pictures as they are.
    n
        Number of pictures.
    bounds
        Smallest and largest value that any of them can have.
    resamples
        Bootstrap samples; None takes the jackknife for any number of pictures, as a statistic needs
        that chance makes larger, and that resamples would make larger still.

    Examples
    --------
    >>> pictures = np.array([0.8, 0.9, 1.0])
    >>> [mean] = weighted_estimates(lambda w: (w @ pictures / w.sum(axis=1))[:, None], 3)
    >>> round(mean.value, 6), mean.interval
    (0.9, Interval(low=0.651586, high=1.0, how='t'))

    References
    ----------
    B. Efron and R. J. Tibshirani, "An introduction to the bootstrap", 1993, chapter 11.
    """
    values = statistic(np.ones((1, n)))[0]
    if n < 2:
        return [Estimated(float(value)) for value in values]
    groups = min(n, _MOST_LEFT_OUT)
    left_out = np.arange(n) % groups
    without = np.concatenate(
        [
            statistic((left_out != np.arange(rows.start, rows.stop)[:, None]).astype(np.float64))
            for rows in _blocks(groups, n)
        ]
    )
    if n < FEWEST_TO_RESAMPLE or resamples is None:
        return [
            Estimated(float(value), _jackknife_t(float(value), without[:, place], bounds))
            for place, value in enumerate(values)
        ]
    generator = np.random.default_rng(SEED)
    even = np.full(n, 1 / n)
    resampled = np.concatenate(
        [
            statistic(generator.multinomial(n, even, rows.stop - rows.start).astype(np.float64))
            for rows in _blocks(resamples, n)
        ]
    )
    return [
        Estimated(float(value), _bca(float(value), resampled[:, k], without[:, k], bounds))
        for k, value in enumerate(values)
    ]


def _blocks(total: int, width: int) -> list[slice]:
    """Rows that are computed at once."""
    step = max(1, _CHUNK // max(width, 1))
    return [slice(start, min(start + step, total)) for start in range(0, total, step)]


def _jackknife_t(value: float, without: Numbers, bounds: Bounds) -> Interval:
    """Student's t with the jackknife's standard error (Efron and Tibshirani 1993, 11.5)."""
    from scipy.stats import t

    n = len(without)
    if not np.isfinite(value) or not np.isfinite(without).all():
        return Interval()
    error = np.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum())
    half = t.ppf((1 + CONFIDENCE) / 2, n - 1) * error
    return _clipped(value - half, value + half, bounds, "t")


def _clipped(low: float, high: float, bounds: Bounds, how: How) -> Interval:
    smallest, largest = bounds
    if smallest is not None:
        low, high = max(low, smallest), max(high, smallest)
    if largest is not None:
        low, high = min(low, largest), min(high, largest)
    return Interval(round(float(low), _DECIMALS), round(float(high), _DECIMALS), how)


def median_interval(values: Numbers) -> Interval:
    """Interval of the median between two order statistics; it needs six values.

    Parameters
    ----------
    values
        (n,), without NaN.

    Examples
    --------
    Of six values the smallest and the largest enclose the median with 96.9 %.

    >>> median_interval(np.array([3.0, 1, 2, 6, 5, 4]))
    Interval(low=1.0, high=6.0, how='order statistics')
    >>> median_interval(np.array([1.0, 2, 3]))
    Interval(low=None, high=None, how='none')
    """
    from scipy.stats import binom

    n = len(values)
    # Largest k for which fewer than k of n values lie below the median in at most 2.5 %.
    k = int(binom.ppf((1 - CONFIDENCE) / 2, n, 0.5)) if n else 0
    while k > 0 and binom.cdf(k - 1, n, 0.5) > (1 - CONFIDENCE) / 2:
        k -= 1
    if k < 1:
        return Interval()
    ordered = np.sort(values)
    return _clipped(ordered[k - 1], ordered[n - k], (None, None), "order statistics")
