"""Find cells unlike the reference: learn, calibrate on wells left out, score, give reasons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cellwright.core.errors import UsageError
from cellwright.stats.outliers.appearance import ASPECT_LOGS, ASPECTS, Appearance
from cellwright.stats.outliers.false_alarms import calibrated, check_rate
from cellwright.stats.outliers.reasons import doubts_of, reasons
from cellwright.stats.outliers.scores import WAYS, WayName
from cellwright.stats.outliers.shape_space import NormalScores, is_logarithmic
from cellwright.stats.outliers.traits import Trait

__all__ = ["Cells", "Found", "find"]

Numbers = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

Judge = Callable[[Codes], tuple[Numbers, Numbers]]
"""From numbers of cells to their scores (M,), and to the traits (M, F) that these are of."""

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
    finite = np.isfinite(cells.values).all(axis=1)
    whole = (finite if appearance is None else appearance.place >= 0) & cells.judged
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
    if appearance is None:
        if not np.ptp(cells.values[known], axis=0).any():
            raise UsageError(
                "all cells of the reference are equal: what is usual cannot be told",
                remedy="look whether the columns that are judged by are measurements",
            )
        traits, logs = _features(cells, known)
        judges: Sequence[Judge] = [_by_features(cells, logs, rows, way) for rows in taught]
    else:
        traits, logs = ASPECTS, ASPECT_LOGS
        judges = appearance.judges(taught)
    score, values = np.full(len(whole), np.nan), np.full((len(whole), len(traits)), np.nan)
    for part, scored in enumerate(judges):
        judged = np.flatnonzero(judge == part)
        score[judged], values[judged] = scored(judged)
    calibration = calibrated(score[known], groups.astype(np.int64))
    p = np.where(np.isfinite(score), calibration(score), np.nan)
    normal = np.full(values.shape, np.nan)
    normal[whole] = NormalScores.of(values[known], logs)(values[whole])
    unlike = np.flatnonzero(whole & (p <= rate))
    said = reasons(
        normal[unlike], values[unlike], [one.name for one in traits], [one.unit for one in traits],
        least=0 if appearance is None else 1,
    )  # fmt: skip
    shapes = normal[unlike] if appearance is None else _shapes(cells, known, unlike)
    confidence = cells.confidence[unlike] if cells.confidence is not None else None
    hints = doubts_of(shapes, cells.names, confidence)
    reason, doubt = [""] * len(whole), [""] * len(whole)
    for row, text, hint in zip(unlike, said, hints, strict=True):
        reason[row], doubt[row] = text, hint
    places = _places(normal, cells.is_reference & whole)
    return Found(score, p, places, reason, doubt, calibration.groups, judges, judge)


def _features(cells: Cells, known: Codes) -> tuple[tuple[Trait, ...], tuple[bool, ...]]:
    """What cells are judged by where that is columns, and which are compared by logarithms."""
    traits = tuple(
        Trait(*told) for told in zip(cells.names, cells.units, cells.bounded, strict=True)
    )
    return traits, tuple(
        is_logarithmic(column, bounded)
        for column, bounded in zip(cells.values[known].T, cells.bounded, strict=True)
    )


def _by_features(cells: Cells, logs: Sequence[bool], rows: Codes, way: WayName) -> Judge:
    """A function that scores cells by their features, learnt from some of them."""
    known, chosen = cells.values[rows], WAYS[way]
    if chosen.plain:
        middle = known.mean(axis=0)
        spread = np.maximum(known.std(axis=0), 1e-12)

        def scale(values: Numbers) -> Numbers:
            return np.asarray((values - middle) / spread)
    else:
        scale = NormalScores.of(known, logs)
    score = chosen.fit(scale(known))
    return lambda judged: (score(scale(cells.values[judged])), cells.values[judged])


def _shapes(cells: Cells, known: Codes, rows: Codes) -> Numbers:
    """Normal scores of the features of cells that were judged by other things."""
    finite = known[np.isfinite(cells.values[known]).all(axis=1)]
    if not finite.size:
        return np.zeros((len(rows), len(cells.names)))
    return NormalScores.of(cells.values[finite], _features(cells, finite)[1])(cells.values[rows])


def _places(normal: Numbers, reference: npt.NDArray[np.bool_]) -> Numbers:
    """The two principal directions of reference cells, the largest part of each positive."""
    if normal.shape[1] < 2:
        return np.column_stack([normal[:, 0], np.where(np.isnan(normal[:, 0]), np.nan, 0.0)])
    _, directions = np.linalg.eigh(np.cov(normal[reference], rowvar=False))
    turn = directions[:, :-3:-1]
    signs = np.sign(turn[np.argmax(np.abs(turn), axis=0), [0, 1]])
    found: Numbers = normal @ (turn * signs)
    return found
