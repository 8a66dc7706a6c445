"""Features of cells brought to one scale: that of the reference cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

__all__ = ["FARTHEST", "NormalScores", "is_logarithmic"]

Numbers = npt.NDArray[np.float64]

FARTHEST = 12.0
"""Normal scores beyond are taken as this: how far is far enough has no meaning there."""
_TAIL = 0.05
"""Quantiles by which the scale beyond the ends of the reference is told."""
_LEAST = 1e-9


@dataclass(frozen=True, eq=False)
class NormalScores:
    """Each feature as the number of a standard normal distribution at the same rank.

    Within the reference the rank decides, so that no feature counts more for being skewed.
    Beyond its ends, where ranks cannot tell far from near, the distance from the median does, in
    units of the distance to the 5 % quantile on that side.

    Attributes
    ----------
    sorted_values
        (N, F) values of the reference cells, each column ascending; logarithms where `logs`.
    logs
        Which features are compared by their logarithm.
    """

    sorted_values: Numbers
    logs: tuple[bool, ...]

    @classmethod
    def of(cls, values: Numbers, logs: Sequence[bool]) -> NormalScores:
        """Learn the scale of reference cells, (N, F), all finite."""
        return cls(np.sort(_logged(values, logs), axis=0), tuple(logs))

    def __call__(self, values: Numbers) -> Numbers:
        """Give normal scores, (M, F), of cells (M, F).

        Examples
        --------
        >>> scale = NormalScores.of(np.arange(1.0, 100.0)[:, None], [False])
        >>> scale(np.array([[50.0], [99.0], [500.0]])).round(1).ravel().tolist()
        [0.0, 2.3, 12.0]
        """
        logged = _logged(values, self.logs)
        found = np.empty_like(logged)
        for place, (column, known) in enumerate(zip(logged.T, self.sorted_values.T, strict=True)):
            found[:, place] = _scores(column, known)
        return np.clip(found, -FARTHEST, FARTHEST)


def is_logarithmic(values: Numbers, bounded: bool) -> bool:
    """Whether a feature is compared by its logarithm: a size without a largest value."""
    return not bounded and bool(np.all(values > 0))


def _logged(values: Numbers, logs: Sequence[bool]) -> Numbers:
    found = np.array(values, np.float64)
    for place, is_log in enumerate(logs):
        if is_log:
            found[:, place] = np.log(np.maximum(found[:, place], _LEAST))
    return found


def _scores(values: Numbers, known: Numbers) -> Numbers:
    n = known.size
    middle = (np.searchsorted(known, values, "left") + np.searchsorted(known, values, "right")) / 2
    by_rank = stats.norm.ppf((middle + 0.5) / (n + 1))
    low, median, high = np.quantile(known, [_TAIL, 0.5, 1 - _TAIL])
    unit = stats.norm.ppf(1 - _TAIL)
    above = (values - median) / max((high - median) / unit, _LEAST)
    below = (values - median) / max((median - low) / unit, _LEAST)
    within_or_above = np.where(values > known[-1], np.maximum(by_rank, above), by_rank)
    return np.where(values < known[0], np.minimum(by_rank, below), within_or_above)
