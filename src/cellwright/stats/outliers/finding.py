"""Find cells unlike the reference: learn, calibrate on wells left out, score, give reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cellwright.core.errors import UsageError
from cellwright.stats.outliers.false_alarms import Calibration, calibrated, check_rate
from cellwright.stats.outliers.reasons import doubts_of, reasons
from cellwright.stats.outliers.scores import WAYS, Score, WayName
from cellwright.stats.outliers.shape_space import NormalScores, is_logarithmic

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
    names, units, bounded
        Of each feature: its name, its unit, and whether there is a largest value.
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
    names: tuple[str, ...]
    units: tuple[str, ...]
    bounded: tuple[bool, ...]
    is_reference: npt.NDArray[np.bool_]
    groups: Codes
    judged: npt.NDArray[np.bool_]
    confidence: Numbers | None = None


@dataclass(frozen=True, eq=False)
class Found:
    """What was found of each cell; NaN and empty where it was not judged.

    Attributes
    ----------
    score, p
        How unlike; and the share of reference cells, in groups that nobody has seen, that would
        be as unlike or more.
    normal
        (N, F) normal scores of the features.
    places
        (N, 2) in the plane in which reference cells vary most.
    reason, doubt
        In words; of unlike cells only, see `cellwright.stats.outliers.reasons`.
    groups
        Groups of reference cells by which it was calibrated.
    """

    score: Numbers
    p: Numbers
    normal: Numbers
    places: Numbers
    reason: list[str]
    doubt: list[str]
    groups: int


def find(cells: Cells, rate: float, way: WayName, what: str) -> Found:
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

    Raises
    ------
    UsageError
        If there are too few cells or groups for the rate.
    """
    finite = np.isfinite(cells.values).all(axis=1) & cells.judged
    known = np.flatnonzero(finite & cells.is_reference & (cells.groups > _ALONE))
    if known.size < FEWEST_CELLS:
        raise UsageError(
            f"the reference has {known.size} cells that can be judged, too few to learn what is "
            "usual",
            remedy=f"give {FEWEST_CELLS} at the least; cells that the frame cuts do not count",
        )
    _, groups = np.unique(cells.groups[known], return_inverse=True)
    count = int(groups.max()) + 1
    check_rate(rate, count, what)
    logs = [
        is_logarithmic(column, bounded)
        for column, bounded in zip(cells.values[known].T, cells.bounded, strict=True)
    ]
    others = np.flatnonzero(finite & ~np.isin(np.arange(len(finite)), known))
    parts = min(FOLDS, count)
    score = np.full(len(cells.values), np.nan)
    for part in range(parts):
        left_out = groups % parts == part
        unlike = _learnt(cells.values[known[~left_out]], logs, way)
        judged = np.concatenate([known[left_out], others[cells.groups[others] % parts == part]])
        score[judged] = unlike(cells.values[judged])
    calibration = calibrated(score[known], groups.astype(np.int64))
    return _found(cells, rate, score, calibration, NormalScores.of(cells.values[known], logs))


def _learnt(values: Numbers, logs: Sequence[bool], way: WayName) -> Score:
    """A function that scores cells by their features, as they are."""
    if WAYS[way].plain:
        middle = values.mean(axis=0)
        spread = np.maximum(values.std(axis=0), 1e-12)
        score = WAYS[way].fit((values - middle) / spread)
        return lambda cells: score((cells - middle) / spread)
    scale = NormalScores.of(values, logs)
    score = WAYS[way].fit(scale(values))
    return lambda cells: score(scale(cells))


def _found(
    cells: Cells, rate: float, score: Numbers, calibration: Calibration, scale: NormalScores
) -> Found:
    scored = np.isfinite(score)
    p = np.full(score.size, np.nan)
    p[scored] = calibration(score[scored])
    normal = np.full(cells.values.shape, np.nan)
    normal[scored] = scale(cells.values[scored])
    places = _places(normal, cells.is_reference & scored)
    unlike = np.flatnonzero(scored & (p <= rate))
    reason, doubt = [""] * score.size, [""] * score.size
    said = reasons(normal[unlike], cells.values[unlike], cells.names, cells.units)
    confidence = cells.confidence[unlike] if cells.confidence is not None else None
    for place, text, hint in zip(
        unlike, said, doubts_of(normal[unlike], cells.names, confidence), strict=True
    ):
        reason[place], doubt[place] = text, hint
    return Found(score, p, normal, places, reason, doubt, calibration.groups)


def _places(normal: Numbers, reference: npt.NDArray[np.bool_]) -> Numbers:
    """The two principal directions of reference cells, the largest part of each positive."""
    if normal.shape[1] < 2:
        return np.column_stack([normal[:, 0], np.where(np.isnan(normal[:, 0]), np.nan, 0.0)])
    _, directions = np.linalg.eigh(np.cov(normal[reference], rowvar=False))
    turn = directions[:, :-3:-1]
    signs = np.sign(turn[np.argmax(np.abs(turn), axis=0), [0, 1]])
    found: Numbers = normal @ (turn * signs)
    return found
