"""Whether a confidence is a probability: of cells with 0.9, nine in ten are to be right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cellwright.core.errors import UsageError
from cellwright.evaluation.intervals import Estimated, weighted_estimates

__all__ = ["BINS", "Calibration", "Reliability", "calibration", "reliability"]

Numbers = npt.NDArray[np.float64]

BINS = 10
"""Of equal width, from 0 to 1: what is usual, so that errors can be compared."""


@dataclass(frozen=True, eq=False)
class Reliability:
    """What was said beside what was so, bin by bin; bins without a cell are left out.

    Attributes
    ----------
    said, right, count
        (k,) mean confidence, share that is right, and number of cells.
    place
        (k,) number of the bin, from 0.
    """

    said: Numbers
    right: Numbers
    count: npt.NDArray[np.int64]
    place: npt.NDArray[np.int64]

    @property
    def expected_error(self) -> float:
        """Expected calibration error: mean distance of said and right, cell by cell."""
        distance = np.abs(self.said - self.right)
        return float((self.count * distance).sum() / max(int(self.count.sum()), 1))

    @property
    def largest_error(self) -> float:
        """Largest distance of said and right in any bin."""
        return float(np.abs(self.said - self.right).max(initial=0.0))


def reliability(confidence: Numbers, right: npt.NDArray[np.bool_]) -> Reliability:
    """Put cells into bins by their confidence.

    Parameters
    ----------
    confidence
        (n,) from 0 to 1.
    right
        (n,) whether each is.

    Raises
    ------
    UsageError
        If the lengths differ, or a confidence is no probability.

    Examples
    --------
    >>> found = reliability(np.array([0.9, 0.9, 0.9, 0.9, 0.2]), np.array([1, 1, 1, 0, 0]) > 0)
    >>> found.right.tolist(), found.count.tolist()
    ([0.0, 0.75], [1, 4])
    >>> round(found.expected_error, 3)
    0.16

    References
    ----------
    M. P. Naeini, G. Cooper and M. Hauskrecht, AAAI 2015; C. Guo, G. Pleiss, Y. Sun and K. Q.
    Weinberger, ICML 2017.
    """
    if confidence.shape != right.shape:
        raise UsageError(f"{confidence.size} confidences cannot be told of {right.size} cells")
    if confidence.size and not ((confidence >= 0) & (confidence <= 1)).all():
        raise UsageError("a confidence is not between 0 and 1")
    place = _bins_of(confidence)
    count = np.bincount(place, minlength=BINS)
    filled = np.flatnonzero(count)
    said = np.bincount(place, confidence, BINS)[filled] / count[filled]
    true = np.bincount(place, right, BINS)[filled] / count[filled]
    return Reliability(said, true, count[filled], filled)


@dataclass(frozen=True, eq=False)
class Calibration:
    """Reliability of the cells of several pictures, with intervals over pictures.

    Attributes
    ----------
    bins
        What was said beside what was so.
    right
        Share that is right in each of ``bins``, with its interval.
    expected_error
        Expected calibration error.
    by_chance
        What it would be on average, of as many cells, if every confidence were true: chance alone
        makes it larger than 0, the more the fewer cells a bin has. NaN without a cell.
    """

    bins: Reliability
    right: tuple[Estimated, ...]
    expected_error: Estimated
    by_chance: float


def calibration(
    confidence: Numbers, right: npt.NDArray[np.bool_], picture: npt.NDArray[np.int64], n: int
) -> Calibration:
    """Judge confidences, with intervals over pictures.

    Parameters
    ----------
    confidence, right
        As of `reliability`.
    picture
        Of each cell, its picture: a number from 0 to n - 1.
    n
        Pictures, those without a cell too.

    Raises
    ------
    UsageError
        As of `reliability`.

    Examples
    --------
    >>> found = calibration(np.full(4, 0.9), np.array([1, 1, 1, 0]) > 0, np.array([0, 0, 1, 1]), 2)
    >>> round(found.expected_error.value, 3), found.right[0].value
    (0.15, 0.75)
    """
    bins = reliability(confidence, right)
    k = bins.count.size
    if not k:
        return Calibration(bins, (), Estimated(float("nan")), float("nan"))
    place = np.searchsorted(bins.place, _bins_of(confidence))
    key = picture * k + place
    sums = [
        np.bincount(key, of, n * k).reshape(n, k)
        for of in (np.ones(confidence.size), confidence, right.astype(np.float64))
    ]

    def error(weights: Numbers) -> Numbers:
        count, said, true = (weights @ each for each in sums)
        total = count.sum(axis=1, keepdims=True)
        return _ratio(np.abs(said - true).sum(axis=1, keepdims=True), total)

    def shares(weights: Numbers) -> Numbers:
        count, _, true = (weights @ each for each in sums)
        return _ratio(true, count)

    # Of 200 sets of 40 pictures and 1,000 cells whose true error was 0.03, a 95 % interval held it
    # in 76 % by percentiles, 90 % by BCa and 98 % by the jackknife; where it was 0.08, in 94, 90
    # and 94 %; where it was 0, in 0, 0 and 42 %: the value itself is too large there.
    [expected] = weighted_estimates(error, n, resamples=None)
    return Calibration(bins, tuple(weighted_estimates(shares, n)), expected, _by_chance(confidence))


def _ratio(above: Numbers, below: Numbers) -> Numbers:
    ratio: Numbers = np.full(below.shape, np.nan)
    np.divide(above, below, out=ratio, where=below > 0)
    return ratio


def _by_chance(confidence: Numbers) -> float:
    """Mean error of true confidences: that of a normal spread is √(2/π) of its deviation."""
    spread = np.bincount(_bins_of(confidence), confidence * (1 - confidence), BINS)
    return float(np.sqrt(2 / np.pi * spread).sum() / confidence.size)


def _bins_of(confidence: Numbers) -> npt.NDArray[np.int64]:
    return np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
