"""Why a cell is called unlike: which features, how far, and whether it may be no cell at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from cellwright.stats.outliers.traits import Trait

__all__ = ["Doubts", "doubts_of", "reasons"]

Numbers = npt.NDArray[np.float64]

_NAMED = 3
"""Features that a reason names."""
_FAR = 1.6
"""Normal scores from which on a feature is worth naming: beyond 95 % of the reference."""

Doubts = Mapping[str, str]

_MERGED_SIZE, _MERGED_SOLIDITY = 1.6, -1.3
_CUT_SIZE, _CUT_SOLIDITY = -1.6, -1.0
_UNSURE = 0.5
"""Confidence below which the model itself doubts an object."""


def reasons(
    scores: Numbers,
    values: Numbers,
    traits: Sequence[Trait],
    *,
    least: int = 0,
) -> list[str]:
    """Say which features make each cell unlike, the farthest first.

    Parameters
    ----------
    scores
        (N, F) normal scores.
    values
        (N, F) the features themselves.
    traits
        What the features are.
    least
        How many are named, however near they are: where the farthest alone decides, it is the
        reason.

    Examples
    --------
    >>> traits = [Trait("area"), Trait("solidity", "1")]
    >>> reasons(np.array([[0.1, -3.0]]), np.array([[5.0, 0.61]]), traits)
    ['solidity 0.61, lower than 99.9 % of the reference']
    """
    from scipy import stats

    order = np.argsort(-np.abs(scores), axis=1, kind="stable")[:, :_NAMED]
    shares = 100 * stats.norm.cdf(np.abs(scores))
    found = []
    for row, columns in enumerate(order):
        said = [
            f"{traits[column].name} {_shown(values[row, column], traits[column].unit)}, "
            f"{'higher' if scores[row, column] > 0 else 'lower'} than "
            f"{_percent(shares[row, column])} of the reference"
            for place, column in enumerate(columns)
            if place < least or abs(scores[row, column]) >= _FAR
        ]
        found.append("; ".join(said) or "no single feature is far out, their combination is")
    return found


def _shown(value: float, unit: str) -> str:
    number = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return number if unit in {"", "1"} else f"{number} {unit}"


def _percent(share: float) -> str:
    return "all" if share > 99.99 else f"{min(share, 99.9):.3g} %"


def doubts_of(scores: Numbers, names: Sequence[str], confidence: Numbers | None) -> list[str]:
    """Tell what may be an error of segmentation from what may be biology.

    Parameters
    ----------
    scores
        (N, F) normal scores.
    names
        Of the features.
    confidence
        (N,) of the model, NaN where not known; None without a model.

    Returns
    -------
    list of str
        ``merged?`` for what is large and has a waist, ``cut?`` for what is small and not round,
        ``unsure`` where the model doubts the object, empty for the others. These are hints for
        an eye, no decision: nothing is left out by them.
    """
    size = _of(scores, names, ("area_um2", "area_px"))
    solidity = _of(scores, names, ("solidity",))
    roundness = _of(scores, names, ("form_factor", "extent", "solidity"))
    found = np.full(len(scores), "", dtype=object)
    if size is not None and roundness is not None:
        found[(size <= _CUT_SIZE) & (roundness <= _CUT_SOLIDITY)] = "cut?"
    if size is not None and solidity is not None:
        found[(size >= _MERGED_SIZE) & (solidity <= _MERGED_SOLIDITY)] = "merged?"
    if confidence is not None:
        found[(confidence < _UNSURE) & (found == "")] = "unsure"
    return [str(text) for text in found]


def _of(scores: Numbers, names: Sequence[str], wanted: Sequence[str]) -> Numbers | None:
    """Scores of the first feature that is there."""
    for name in wanted:
        if name in names:
            column: Numbers = scores[:, list(names).index(name)]
            return column
    return None
