"""Find cells unlike the reference: learn, calibrate on wells left out, score, give reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from cellwright.core.errors import UsageError
from cellwright.stats.outliers.appearance import Appearance
from cellwright.stats.outliers.by_features import ByFeatures, logs_of
from cellwright.stats.outliers.false_alarms import calibrated, check_rate
from cellwright.stats.outliers.reasons import doubts_of, reasons
from cellwright.stats.outliers.scores import Judge, WayName
from cellwright.stats.outliers.shape_space import NormalScores
from cellwright.stats.outliers.traits import Trait

__all__ = ["Cells", "Found", "find"]

Numbers = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

FOLDS = 5
"""Parts of the reference that are left out in turn; fewer where there are fewer groups."""
FEWEST_CELLS = 50
"""Reference cells from which on their shapes can be learnt."""
_ALONE = -1


@dataclass(frozen=True, eq=False)
class Cells:
    """What is known of cells.

    Attributes
    ----------
    values
        (N, F) features.
    traits
        What the features are.
    is_reference
        (N,) bool.
    groups
        (N,) group (well, replicate) of each cell, numbered over all; -1 where none is known.
    judged
        (N,) bool: whether the whole cell was seen, so that it can be judged.
    confidence
        (N,) of the model; None without one.
    """

    values: Numbers
    traits: tuple[Trait, ...]
    is_reference: npt.NDArray[np.bool_]
    groups: Codes
    judged: npt.NDArray[np.bool_]
    confidence: Numbers | None = None


class Basis(Protocol):
    """By what cells are judged: columns of their table, or what they look like."""

    @property
    def traits(self) -> tuple[Trait, ...]:
        """What a cell's reasons name."""

    @property
    def least(self) -> int:
        """How many of them are named, however near they are."""

    def can_judge(self) -> npt.NDArray[np.bool_]:
        """Which of all cells, (N,)."""

    def judges(self, taught: Sequence[Codes]) -> tuple[tuple[bool, ...], Sequence[Judge]]:
        """Which traits are compared by their logarithm, and a judge for each part."""


@dataclass(frozen=True, eq=False)
class Found:
    """What was found of each cell; NaN and empty where it was not judged.

    Attributes
    ----------
    score, p
        How unlike; and the share of reference cells, in groups that nobody has seen, that would
        be as unlike or more.
    places
        (N, 2) in the plane in which reference cells vary most.
    reason, doubt
        In words; of unlike cells only, see `cellwright.stats.outliers.reasons`.
    groups
        Groups of reference cells by which it was calibrated.
    judges, judge
        Models that scored the cells, and (N,) which of them scored each; -1 for none.
    """

    score: Numbers
    p: Numbers
    places: Numbers
    reason: list[str]
    doubt: list[str]
    groups: int
    judges: Sequence[Judge]
    judge: Codes


def find(
    cells: Cells, rate: float, way: WayName, what: str, appearance: Appearance | None = None
) -> Found:
    """Score all cells, and give each the rate of false alarms at which it is unlike.

    The reference is parted by whole groups. Each part is scored by a model of the others, which
    gives the calibration. Cells of other conditions are scored by one of these models, all of a
    group by the same: the mean over the models would be smoother than what calibrates it, and
    raise fewer alarms than stated.

    Parameters
    ----------
    cells
        Of the reference and of all that is compared with it.
    rate
        Of false alarms, 0 to 1: reasons are given for cells up to it.
    way
        How they are scored.
    what
        What groups are called.
    appearance
        What the cells look like, for the way that judges by it.

    Raises
    ------
    UsageError
        If there are too few cells or groups for the rate, or all cells of the reference are equal.
    """
    basis: Basis = appearance or ByFeatures(cells.values, cells.traits, way)
    whole = basis.can_judge() & cells.judged
    known = np.flatnonzero(whole & cells.is_reference & (cells.groups > _ALONE))
    if known.size < FEWEST_CELLS:
        raise UsageError(
            f"the reference has {known.size} cells that can be judged, too few to learn what is "
            "usual",
            remedy=f"give {FEWEST_CELLS} at the least; cells that the frame cuts do not count",
        )
    _, groups = np.unique(cells.groups[known], return_inverse=True)
    count = int(groups.max()) + 1
    check_rate(rate, count, what)
    others = np.flatnonzero(whole & ~np.isin(np.arange(len(whole)), known))
    parts = min(FOLDS, count)
    judge = np.full(len(whole), -1)
    judge[known], judge[others] = groups % parts, cells.groups[others] % parts
    taught = [known[groups % parts != part] for part in range(parts)]
    logs, judges = basis.judges(taught)
    score, values = np.full(len(whole), np.nan), np.full((len(whole), len(basis.traits)), np.nan)
    for part, scored in enumerate(judges):
        judged = np.flatnonzero(judge == part)
        score[judged], values[judged] = scored(judged)
    calibration = calibrated(score[known], groups.astype(np.int64))
    p = np.where(np.isfinite(score), calibration(score), np.nan)
    normal = np.full(values.shape, np.nan)
    normal[whole] = NormalScores.of(values[known], logs)(values[whole])
    unlike = np.flatnonzero(whole & (p <= rate))
    said = reasons(normal[unlike], values[unlike], basis.traits, least=basis.least)
    confidence = cells.confidence[unlike] if cells.confidence is not None else None
    names = [one.name for one in cells.traits]
    hints = doubts_of(_shapes(cells, known, unlike), names, confidence)
    reason, doubt = [""] * len(whole), [""] * len(whole)
    for row, text, hint in zip(unlike, said, hints, strict=True):
        reason[row], doubt[row] = text, hint
    places = _places(normal, cells.is_reference & whole)
    return Found(score, p, places, reason, doubt, calibration.groups, judges, judge)


def _shapes(cells: Cells, known: Codes, rows: Codes) -> Numbers:
    """Normal scores of the features: they tell errors of outlines, whatever judges."""
    finite = cells.values[known][np.isfinite(cells.values[known]).all(axis=1)]
    if not len(finite):
        return np.zeros((len(rows), len(cells.traits)))
    return NormalScores.of(finite, logs_of(finite, cells.traits))(cells.values[rows])


def _places(normal: Numbers, reference: npt.NDArray[np.bool_]) -> Numbers:
    """The two principal directions of reference cells, the largest part of each positive."""
    if normal.shape[1] < 2:
        return np.column_stack([normal[:, 0], np.where(np.isnan(normal[:, 0]), np.nan, 0.0)])
    _, directions = np.linalg.eigh(np.cov(normal[reference], rowvar=False))
    turn = directions[:, :-3:-1]
    signs = np.sign(turn[np.argmax(np.abs(turn), axis=0), [0, 1]])
    found: Numbers = normal @ (turn * signs)
    return found
