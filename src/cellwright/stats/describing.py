"""What cells are like by condition: descriptive statistics, distributions, correlations.

Nothing here is a test. Every number is over all cells; only `Described.sample` is a sample.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cellwright.stats.correlation import centred_ranks, pooled_correlation
from cellwright.stats.density import density
from cellwright.stats.features import Feature, numbers

__all__ = ["COLUMNS", "MOST_SAMPLED", "Described", "describe", "main_features"]

Numbers = npt.NDArray[np.float64]

COLUMNS = (
    "feature", "unit", "condition", "n_replicates", "n_pictures", "n_cells", "missing", "mean",
    "sd", "minimum", "q05", "q25", "median", "q75", "q95", "maximum",
)  # fmt: skip
"""Of `Described.table`."""

MAIN = 6
"""Features that are looked at one by one."""
MOST_SAMPLED = 20_000
"""Cells in the sample, over all conditions."""
_FEWEST_SAMPLED = 50
"""Of a condition, however many conditions there are."""

_LARGEST = 1e100
"""Beyond, a number is taken as missing: nothing of a cell is as large, and squares overflow."""
_QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
_SHOWN = (0.0025, 0.9975)
"""Part of the cells between the ends of histograms: a few clumps would squeeze all others."""
_ALL_SHOWN = 400
"""Up to so many cells all are between the ends."""
_BINS, _POINTS, _BEYOND = 40, 100, 0.25
_MOST_WHOLE = 60
"""Different whole numbers up to which each has a bin of its own."""

_MAIN_BEGINNINGS = (
    "area_", "aspect_ratio", "form_factor", "intensity_mean_corrected_", "junction_continuity_",
    "spot_count_", "nearest_neighbour_", "local_density_", "solidity",
)  # fmt: skip
"""Size, elongation, outline, brightness, what was asked for, crowding: one of each, then others."""


@dataclass(frozen=True, eq=False)
class Described:
    """What was found.

    Attributes
    ----------
    features
        Numbers and shares of cells that may be compared, in the order of the table.
    main
        Names of those that are worth a look first; all of them numbers, none a share.
    conditions
        In the order in which they came; one empty name where none was stated.
    n_cells
        How many cells all of it is of.
    table
        One row a feature and condition, `COLUMNS`: ``n_cells`` have a value, ``missing`` have
        none; replicates and pictures with at least one value; 0 replicates where none is known.
        A share has no more than n and mean.
    centres
        Of main features, one row a replicate and one a picture: ``feature, condition, replicate,
        image, n_cells, median``; ``image`` is empty for replicates. All pictures of the run,
        those without replicate too.
    curves
        Of main features, ``feature, condition, value, density``.
    histograms
        Of main features, ``feature, condition, low, high, n_cells``; bins are the same for all
        conditions of a feature, and leave out half a percent at the ends where there are many.
    correlation
        Spearman's coefficients within conditions, one row and one column a number.
    sample
        ``image, frame, label, condition, replicate`` and every number of an even sample of each
        condition, at most `MOST_SAMPLED` cells.
    """

    features: tuple[Feature, ...]
    main: tuple[str, ...]
    conditions: tuple[str, ...]
    n_cells: int
    table: pd.DataFrame
    centres: pd.DataFrame
    curves: pd.DataFrame
    histograms: pd.DataFrame
    correlation: pd.DataFrame
    sample: pd.DataFrame

    def feature(self, name: str) -> Feature:
        """The feature of this name."""
        return next(one for one in self.features if one.name == name)

    @property
    def numbers(self) -> list[str]:
        """Names of the features that are numbers."""
        return [one.name for one in self.features if one.counted is None]

    @property
    def varying(self) -> list[str]:
        """Names of numbers that enough cells have, and not all the same."""
        return [name for name in self.numbers if math.isfinite(self.coefficient(name, name))]

    def coefficient(self, one: str, other: str) -> float:
        """Correlation of two numbers; NaN where there is none."""
        table: Any = self.correlation
        return float(table.loc[one, other])


@dataclass(frozen=True, eq=False)
class _Level:
    """Rows that belong together, side by side once they are in order."""

    condition: str
    replicate: str
    image: str
    rows: tuple[int, int]


@dataclass(frozen=True, eq=False)
class _Layout:
    """Rows in the order of conditions, in these of replicates, in these of pictures."""

    order: npt.NDArray[np.int64]
    conditions: tuple[_Level, ...]
    replicates: tuple[_Level, ...]
    pictures: tuple[_Level, ...]

    @property
    def bounds(self) -> list[tuple[int, int]]:
        """First row, and row after the last, of each condition."""
        return [one.rows for one in self.conditions]


def describe(
    features: Sequence[Feature],
    column: Callable[[str], pd.Series],
    pictures: pd.DataFrame,
    of: npt.NDArray[np.int64],
) -> Described:
    """Describe cells by condition.

    Parameters
    ----------
    features
        Of cells, as `cellwright.stats.features.chosen` gives them.
    column
        Gives a column of the table of cells, (N,): those of the features, ``frame`` and
        ``label``. Asked for one at a time, so that a large table need not be in memory.
    pictures
        One row a picture: ``image``, ``condition`` and ``replicate``, text, empty if not known.
    of
        (N,) row in `pictures` of each cell; -1 for those that take no part.
    """
    layout = _layout(pictures, of)
    names = main_features(features)
    taken = _sampled(layout)
    sample = _identity(column, pictures, of, layout.order[taken])
    rows, centres, curves, histograms = [], [], [], []
    ranks: dict[str, npt.NDArray[np.float32]] = {}
    for feature in features:
        one = pd.DataFrame({feature.column: column(feature.column)})
        values = numbers(feature, one)[layout.order]
        values[np.abs(values) > _LARGEST] = np.nan
        rows += _rows(feature, values, layout)
        if feature.counted is not None:
            continue
        ranks[feature.name] = centred_ranks(values, layout.bounds)
        sample[feature.name] = values[taken]
        if feature.name in names:
            centres += _centres(feature, values, layout)
            shapes = _shapes(feature, values, layout)
            curves.append(shapes[0])
            histograms.append(shapes[1])
    correlation = pooled_correlation(list(ranks.values()), layout.bounds) if ranks else None
    return Described(
        tuple(features),
        names,
        tuple(one.condition for one in layout.conditions),
        layout.order.size,
        pd.DataFrame(rows, columns=list(COLUMNS)),
        pd.DataFrame(centres, columns=list(_OF_CENTRES)),
        _joined(curves, _OF_CURVES),
        _joined(histograms, _OF_HISTOGRAMS),
        pd.DataFrame(correlation, index=list(ranks), columns=list(ranks)),
        pd.DataFrame(sample),
    )


_OF_CENTRES = ("feature", "condition", "replicate", "image", "n_cells", "median")
_OF_CURVES = ("feature", "condition", "value", "density")
_OF_HISTOGRAMS = ("feature", "condition", "low", "high", "n_cells")


def main_features(features: Sequence[Feature], most: int = MAIN) -> tuple[str, ...]:
    """Choose the features that are worth a look first: of each kind one, then others.

    Examples
    --------
    >>> names = ["area_um2", "perimeter_um", "aspect_ratio", "solidity"]
    >>> main_features([Feature(name, name, "cells") for name in names], most=3)
    ('area_um2', 'aspect_ratio', 'solidity')
    """
    names = [one.name for one in features if one.counted is None]
    kinds = [[name for name in names if name.startswith(start)] for start in _MAIN_BEGINNINGS]
    first = [kind[0] for kind in kinds if kind]
    others = [name for kind in kinds for name in kind[1:]]
    return tuple(dict.fromkeys([*first, *others, *names]))[:most]


def _layout(pictures: pd.DataFrame, of: npt.NDArray[np.int64]) -> _Layout:
    keys = ["condition", "replicate"]
    table = pictures[[*keys, "image"]].reset_index(drop=True)
    conditions = list(dict.fromkeys(table["condition"]))
    place = table["condition"].map({name: number for number, name in enumerate(conditions)})
    # pictures of a replicate side by side, replicates in the order in which they came
    unit = table.groupby(keys, sort=False).ngroup()
    sequence = np.lexsort((np.arange(len(table)), unit, place))
    rank = np.empty(len(table), np.int64)
    rank[sequence] = np.arange(len(table))
    kept = np.flatnonzero(of >= 0)
    ranks = rank[of[kept]]
    order = kept[np.argsort(ranks, kind="stable")]
    ends = np.cumsum(np.bincount(ranks, minlength=len(table)))
    told = (table[name].iloc[sequence].astype(str) for name in (*keys, "image"))
    of_pictures = [
        _Level(condition, replicate, image, (int(start), int(stop)))
        for condition, replicate, image, start, stop in zip(
            *told, [0, *ends[:-1]], ends, strict=True
        )
    ]
    return _Layout(
        order,
        tuple(_merged(of_pictures, by_replicate=False)),
        tuple(one for one in _merged(of_pictures, by_replicate=True) if one.replicate),
        tuple(of_pictures),
    )


def _merged(pictures: Sequence[_Level], *, by_replicate: bool) -> list[_Level]:
    """Conditions, or replicates, out of pictures that stand side by side."""
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for one in pictures:
        key = one.condition, one.replicate if by_replicate else ""
        found[key] = found.get(key, one.rows)[0], one.rows[1]
    return [_Level(condition, unit, "", rows) for (condition, unit), rows in found.items()]


def _sampled(layout: _Layout) -> npt.NDArray[np.int64]:
    """Places, within the order, of an even sample of each condition."""
    each = max(_FEWEST_SAMPLED, MOST_SAMPLED // max(len(layout.conditions), 1))
    parts = [
        np.unique(np.linspace(start, stop - 1, min(each, stop - start)).round())
        for start, stop in layout.bounds
    ]
    return np.concatenate([*parts, np.empty(0)]).astype(np.int64)


def _identity(
    column: Callable[[str], pd.Series],
    pictures: pd.DataFrame,
    of: npt.NDArray[np.int64],
    rows: npt.NDArray[np.int64],
) -> dict[str, npt.NDArray[np.generic]]:
    """Which cells are in the sample."""
    own = pictures.iloc[of[rows]]
    return {
        "image": own["image"].to_numpy(),
        "frame": column("frame").to_numpy()[rows],
        "label": column("label").to_numpy()[rows],
        "condition": own["condition"].to_numpy(),
        "replicate": own["replicate"].to_numpy(),
    }


def _rows(feature: Feature, values: Numbers, layout: _Layout) -> list[dict[str, object]]:
    """Rows of the table: this feature in each condition."""
    known_before = np.concatenate([[0], np.cumsum(np.isfinite(values))])

    def has_values(level: _Level) -> bool:
        start, stop = level.rows
        return bool(known_before[stop] > known_before[start])

    replicates = Counter(one.condition for one in layout.replicates if has_values(one))
    pictures = Counter(one.condition for one in layout.pictures if has_values(one))
    found = []
    for one in layout.conditions:
        here = _known(values, one.rows)
        counted = {
            "feature": feature.name,
            "unit": feature.unit,
            "condition": one.condition,
            "n_replicates": replicates[one.condition],
            "n_pictures": pictures[one.condition],
            "n_cells": here.size,
            "missing": one.rows[1] - one.rows[0] - here.size,
        }
        found.append(counted | _statistics(here, share=feature.counted is not None))
    return found


def _statistics(values: Numbers, *, share: bool) -> dict[str, float]:
    if not values.size:
        return {}
    mean = {"mean": float(values.mean())}
    if share:
        return mean
    names = ("minimum", "q05", "q25", "median", "q75", "q95", "maximum")
    spread = {"sd": float(values.std(ddof=1))} if values.size > 1 else {}
    quantiles = np.quantile(values, _QUANTILES)
    return mean | spread | dict(zip(names, quantiles.tolist(), strict=True))


def _known(values: Numbers, rows: tuple[int, int]) -> Numbers:
    here: Numbers = values[slice(*rows)]
    return here[np.isfinite(here)]


def _centres(feature: Feature, values: Numbers, layout: _Layout) -> list[Sequence[object]]:
    """Median of the cells of each replicate and of each picture that has any."""
    levels = [(one, _known(values, one.rows)) for one in (*layout.replicates, *layout.pictures)]
    return [
        (feature.name, one.condition, one.replicate, one.image, here.size, float(np.median(here)))
        for one, here in levels
        if here.size
    ]


def _shapes(
    feature: Feature, values: Numbers, layout: _Layout
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Curve and histogram of each condition, on the same axis."""
    edges, whole = _edges(_known(values, (0, values.size)))
    grid = np.linspace(edges[0], edges[-1], _POINTS) if edges.size else edges
    curves, histograms = [], []
    for one in layout.conditions:
        here = _known(values, one.rows)
        if not here.size or not edges.size:
            continue
        counts = np.histogram(here, edges)[0]
        if whole:
            x, y = (edges[:-1] + edges[1:]) / 2, counts / here.size
        else:
            x, y = grid, _on_grid(grid, here)
        same = {"feature": feature.name, "condition": one.condition}
        if y.size:
            curves.append(pd.DataFrame(same | {"value": x, "density": y}))
        histograms.append(
            pd.DataFrame(same | {"low": edges[:-1], "high": edges[1:], "n_cells": counts})
        )
    return _joined(curves, _OF_CURVES), _joined(histograms, _OF_HISTOGRAMS)


def _edges(values: Numbers) -> tuple[Numbers, bool]:
    """Edges of bins, and whether each bin is one whole number; none without values."""
    if not values.size:
        return np.empty(0), False
    shown = _SHOWN if values.size > _ALL_SHOWN else (0.0, 1.0)
    low, high = np.quantile(values, shown)
    if high - low <= _MOST_WHOLE and np.all(values == np.rint(values)):
        return np.arange(np.floor(low), np.ceil(high) + 2) - 0.5, True
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        room = 0.05 * abs(low) or 0.5
        return np.array([low - room, low + room]), False
    return np.linspace(low, high, _BINS + 1), False


def _on_grid(grid: Numbers, values: Numbers) -> Numbers:
    """Density at the places of a grid; empty where there is no curve."""
    beyond = _BEYOND * (grid[-1] - grid[0])
    # values far beyond the ends would take the fineness that the density needs between them
    near = values[(values >= grid[0] - beyond) & (values <= grid[-1] + beyond)]
    x, y = density(near)
    if not x.size:
        return np.empty(0)
    found: Numbers = np.interp(grid, x, y, left=0.0, right=0.0) * (near.size / values.size)
    return found


def _joined(parts: Sequence[pd.DataFrame], columns: Sequence[str]) -> pd.DataFrame:
    filled = [part for part in parts if len(part)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=list(columns))
