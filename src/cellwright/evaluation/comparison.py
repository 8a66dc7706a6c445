"""Two programs on the same pictures: differences picture by picture, interval and test."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from cellwright.core.errors import UsageError
from cellwright.evaluation.intervals import Interval, RatioOfSums, ratio_intervals
from cellwright.evaluation.picture import PictureScore

__all__ = ["COMPARED", "Difference", "compare", "comparison_table", "difference_of", "sign_flip_p"]

Numbers = npt.NDArray[np.float64]

COMPARED = (
    "dsb_ap_50", "dsb_ap_75", "dsb_ap_mean", "f1_50", "pq", "semantic_iou", "boundary_f1",
)  # fmt: skip
"""Scores that are compared: few, as each more is one more chance to find a difference."""

MOST_EXACT = 16
"""Pictures up to which all patterns of signs are tried: 65,536."""
FLIPS = 100_000
"""Random patterns beyond: the p of 0.05 is known to 0.0014 (two standard errors)."""
SEED = 20180116
_TOGETHER = 2**22  # signs in memory at a time
_SLACK = 1e-12  # sums of the same numbers in another order


@dataclass(frozen=True)
class Difference:
    """One score of two programs.

    Attributes
    ----------
    score
        Its name.
    n
        Pictures that have it from both.
    value, other
        Mean over these pictures of the first, and of the second.
    difference, interval
        Mean of first less second, and its 95 % interval over pictures.
    p
        That a mean as far from 0, or farther, comes about by chance if neither is better: see
        `sign_flip_p`. NaN where no picture has the score.
    better, worse
        Pictures in which the first is better, and worse.
    """

    score: str
    n: int
    value: float
    other: float
    difference: float
    interval: Interval
    p: float
    better: int
    worse: int


def compare(
    one: Sequence[PictureScore], other: Sequence[PictureScore], scores: Sequence[str] = COMPARED
) -> list[Difference]:
    """Compare the scores of two programs on the same pictures.

    Parameters
    ----------
    one, other
        Scores against the same truth; pictures find each other by name, and those that only
        one has are left out.
    scores
        Names.

    Raises
    ------
    UsageError
        If they have no picture in common, or a name stands for several.

    Examples
    --------
    >>> from cellwright.evaluation.picture import score_picture
    >>> truth = np.array([[1, 1, 0, 2, 2]])
    >>> good = [score_picture(truth, truth, image=name) for name in "abc"]
    >>> poor = [score_picture(truth, truth * (truth < 2), image=name) for name in "abc"]
    >>> [found] = compare(good, poor, ["f1_50"])
    >>> round(found.difference, 3), found.p, found.better
    (0.333, 0.25, 3)
    """
    first, second = _by_name(one), _by_name(other)
    names = sorted(first.keys() & second.keys())
    if not names:
        raise UsageError("the two have no picture in common", remedy="score the same pictures")
    return [difference_of(score, [(first[n][score], second[n][score]) for n in names])
            for score in scores]  # fmt: skip


def _by_name(pictures: Sequence[PictureScore]) -> Mapping[str, PictureScore]:
    found = {picture.image: picture for picture in pictures}
    if len(found) < len(pictures):
        raise UsageError("several pictures have one name", remedy="name them apart")
    return found


def difference_of(score: str, pairs: Sequence[tuple[float, float]]) -> Difference:
    """Compare one score of two programs.

    Parameters
    ----------
    score
        Its name.
    pairs
        Its values of the first and the second program, picture by picture; pairs with a NaN are
        left out.
    """
    values = np.array([pair for pair in pairs if not any(map(math.isnan, pair))], np.float64)
    if not values.size:
        nan = math.nan
        return Difference(score, 0, nan, nan, nan, Interval(), nan, 0, 0)
    by = values[:, 0] - values[:, 1]
    column = by[:, None]
    [interval] = ratio_intervals([RatioOfSums(column, np.ones_like(column), (-1.0, 1.0))])
    value, other = values.mean(axis=0).tolist()
    return Difference(
        score, len(by), value, other, float(by.mean()), interval, sign_flip_p(by),
        int((by > 0).sum()), int((by < 0).sum()),
    )  # fmt: skip


def sign_flip_p(differences: Numbers) -> float:
    """Two-sided p of paired differences, by exchanging the two of a pair.

    If neither is better, each difference might as well have the other sign. Of all patterns of
    signs p is the share whose mean lies as far from 0 as the true one's, or farther; beyond
    `MOST_EXACT` differences that are not 0, of many random patterns, the true one among them.

    Parameters
    ----------
    differences
        (n,), without NaN.

    Examples
    --------
    >>> sign_flip_p(np.array([0.1, 0.2, 0.3, 0.4]))
    0.125

    References
    ----------
    R. A. Fisher, "The design of experiments", 1935, section 21; M. D. Smucker, J. Allan and B.
    Carterette, CIKM 2007.
    """
    told = differences[differences != 0]  # a 0 has no sign, and changes no sum
    n = told.size
    if not n:
        return 1.0
    least = abs(told.sum()) - _SLACK * np.abs(told).sum()
    exact = n <= MOST_EXACT
    total = 2**n if exact else FLIPS
    random = np.random.default_rng(SEED)
    far = 0
    step = max(1, _TOGETHER // n)
    for start in range(0, total, step):
        rows = min(step, total - start)
        if exact:
            bits = np.arange(start, start + rows)[:, None] >> np.arange(n) & 1
        else:
            bits = random.integers(0, 2, (rows, n), dtype=np.int8)
        sums = (2.0 * bits - 1) @ told
        far += int((np.abs(sums) >= least).sum())
    return far / total if exact else (far + 1) / (total + 1)


def comparison_table(differences: Sequence[Difference]) -> pd.DataFrame:
    """One row a score, as ``comparison.csv`` has it."""
    return pd.DataFrame(
        [
            {
                "score": one.score, "n": one.n, "value": one.value, "other": one.other,
                "difference": one.difference, "ci_low": one.interval.low,
                "ci_high": one.interval.high, "p": one.p, "better": one.better, "worse": one.worse,
            }
            for one in differences
        ]
    )  # fmt: skip
