"""A map of cells: the plane in which they differ most, in all measurements at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import norm, rankdata

__all__ = ["COPIES", "CellMap", "cell_map"]

COPIES = 0.95
"""Correlation from which two features count as one: else size would be there ten times."""
_KNOWN = 0.9
"""Share of the cells that must have a feature."""
_FEWEST_FEATURES, _FEWEST_CELLS = 3, 10
_DIGITS = 5
"""More depend on how a processor adds up."""

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CellMap:
    """Cells on a plane.

    Attributes
    ----------
    rows
        (N,) which rows of the table are on it: those with a value of every feature.
    places
        (N, 2) of each, along the first and the second principal component.
    explained
        Share of the variance along each.
    loadings
        One row a feature: ``feature, first, second``, its weights (of length 1 over all
        features), and ``counts_for``: features left out as they are nearly copies of it.
    unused
        Features that too few cells have, or that do not vary.
    """

    rows: npt.NDArray[np.int64]
    places: Numbers
    explained: tuple[float, float]
    loadings: pd.DataFrame
    unused: tuple[str, ...]


def cell_map(
    cells: pd.DataFrame, names: Sequence[str], correlation: pd.DataFrame
) -> CellMap | None:
    """Find the plane by principal component analysis of normal scores.

    Each feature is brought to the normal distribution by its ranks first, so that none counts
    more for its unit or for being skewed.

    Parameters
    ----------
    cells
        With the columns `names`, (N,) numbers each.
    names
        Features.
    correlation
        Of each two features.

    Returns
    -------
    CellMap or None
        None where fewer than three features or ten cells are left.
    """
    values = cells[list(names)].to_numpy(np.float64)
    varies = np.array([_varies(column) for column in values.T], bool)
    unused = tuple(name for name, kept in zip(names, varies, strict=True) if not kept)
    groups = _without_copies(
        [n for n, kept in zip(names, varies, strict=True) if kept], correlation
    )
    own = cells[list(groups)].to_numpy(np.float64)
    rows = np.flatnonzero(np.isfinite(own).all(axis=1))
    if len(groups) < _FEWEST_FEATURES or rows.size < _FEWEST_CELLS:
        return None
    from sklearn.decomposition import PCA

    scores = np.column_stack([_normal_scores(column) for column in own[rows].T])
    analysis = PCA(n_components=2, svd_solver="covariance_eigh").fit(scores)
    weights = np.round(analysis.components_, _DIGITS) + 0.0
    loadings = pd.DataFrame(
        {
            "feature": list(groups),
            "first": weights[0],
            "second": weights[1],
            "counts_for": [" ".join(copies) for copies in groups.values()],
        }
    )
    places = np.round(analysis.transform(scores), _DIGITS) + 0.0
    first, second = np.round(analysis.explained_variance_ratio_, _DIGITS).tolist()
    return CellMap(rows, places, (first, second), loadings, unused)


def _varies(values: Numbers) -> bool:
    known = values[np.isfinite(values)]
    return known.size > 0 and known.size >= _KNOWN * values.size and bool(np.ptp(known) > 0)


def _without_copies(names: Sequence[str], correlation: pd.DataFrame) -> dict[str, list[str]]:
    """The first of features that are nearly copies, with the others."""
    table: Any = correlation
    groups: dict[str, list[str]] = {}
    for name in names:
        alike = next((other for other in groups if abs(table.loc[name, other]) >= COPIES), None)
        if alike is None:
            groups[name] = []
        else:
            groups[alike].append(name)
    return groups


def _normal_scores(values: Numbers) -> Numbers:
    found: Numbers = norm.ppf((rankdata(values) - 0.5) / values.size)
    return found
