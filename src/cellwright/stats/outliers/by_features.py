"""Cells judged by columns of their table, such as those of shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cellwright.core.errors import UsageError
from cellwright.stats.outliers.scores import WAYS, Judge, WayName
from cellwright.stats.outliers.shape_space import NormalScores, is_logarithmic
from cellwright.stats.outliers.traits import Trait

__all__ = ["ByFeatures", "logs_of"]

Numbers = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ByFeatures:
    """All that is needed to judge cells by columns.

    Attributes
    ----------
    values
        (N, F) of each cell.
    traits
        What the columns are.
    way
        How cells are scored.
    least
        How many are named as reason, however near they are: the combination may be it.
    """

    values: Numbers
    traits: tuple[Trait, ...]
    way: WayName
    least: int = 0

    def can_judge(self) -> npt.NDArray[np.bool_]:
        """Which cells have all numbers."""
        return np.asarray(np.isfinite(self.values).all(axis=1))

    def judges(self, taught: Sequence[Rows]) -> tuple[tuple[bool, ...], Sequence[Judge]]:
        """Learn from parts of the reference, given by their numbers.

        Returns
        -------
        tuple
            Which columns are compared by their logarithm, and a judge for each part.

        Raises
        ------
        UsageError
            If all cells of the reference are equal.
        """
        known = self.values[np.unique(np.concatenate(taught))]
        if not np.ptp(known, axis=0).any():
            raise UsageError(
                "all cells of the reference are equal: what is usual cannot be told",
                remedy="look whether the columns that are judged by are measurements",
            )
        logs = logs_of(known, self.traits)
        return logs, [self._judge(logs, rows) for rows in taught]

    def _judge(self, logs: Sequence[bool], rows: Rows) -> Judge:
        known, chosen = self.values[rows], WAYS[self.way]
        if chosen.plain:
            middle = known.mean(axis=0)
            spread = np.maximum(known.std(axis=0), 1e-12)

            def scale(values: Numbers) -> Numbers:
                return np.asarray((values - middle) / spread)
        else:
            scale = NormalScores.of(known, logs)
        score = chosen.fit(scale(known))
        return lambda judged: (score(scale(self.values[judged])), self.values[judged])


def logs_of(values: Numbers, traits: Sequence[Trait]) -> tuple[bool, ...]:
    """Which columns are compared by their logarithm, told by reference cells (N, F)."""
    return tuple(
        is_logarithmic(column, one.is_bounded) for column, one in zip(values.T, traits, strict=True)
    )
