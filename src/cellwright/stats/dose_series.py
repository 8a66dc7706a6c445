"""Doses of each compound of an experiment: their trends and their curves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cellwright.stats.design import Condition, Design
from cellwright.stats.dose_response import Response, response_of
from cellwright.stats.features import Feature
from cellwright.stats.multiplicity import over_features
from cellwright.stats.options import CompareOptions
from cellwright.stats.trend import Trend, trend_over

__all__ = [
    "RESPONSE_COLUMNS", "TREND_COLUMNS", "Series", "response_table", "series_of", "trend_table",
]  # fmt: skip

TREND_COLUMNS = (
    "feature", "compound", "reference", "doses", "dose_unit", "n_doses", "n_replicates", "slope",
    "ci_low", "ci_high", "df", "test", "p", "p_adjusted", "unit", "primary", "note",
)  # fmt: skip
"""Of ``trends.csv``."""

RESPONSE_COLUMNS = (
    "feature", "compound", "reference", "doses", "dose_unit", "n_doses", "n_replicates", "where",
    "ec50", "ec50_low", "ec50_high", "hill", "bottom", "top", "p", "p_lack_of_fit", "sd", "df",
    "unit", "primary", "note",
)  # fmt: skip
"""Of ``dose_response.csv``."""

_FEWEST = 2
"""Doses beside the reference from which a compound has a row."""

ByCondition = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Series:
    """The doses of a compound, the reference first.

    Attributes
    ----------
    compound, dose_unit
        As they were written.
    conditions, doses
        Names and doses in ascending order.
    problem
        Why they have no order, in plain words; empty where they have.
    """

    compound: str
    dose_unit: str
    conditions: tuple[str, ...]
    doses: tuple[float, ...]
    problem: str = ""

    def groups(self, values: ByCondition) -> list[Mapping[str, float]]:
        """Replicates of each dose."""
        return [values.get(name, {}) for name in self.conditions]


def series_of(design: Design) -> tuple[Series, ...]:
    """Find the compounds of which several doses were tested.

    Parameters
    ----------
    design
        Its positive controls belong to no series.
    """
    by_compound: dict[str, list[Condition]] = {}
    for one in design.others:
        if one.dose is not None and one.role == "test":
            by_compound.setdefault(one.compound, []).append(one)
    found = []
    for compound, members in by_compound.items():
        if len({one.dose for one in members} - {0.0}) < _FEWEST:
            continue
        every = [design.reference, *members]
        doses = tuple(float(one.dose or 0.0) for one in every)
        names = tuple(one.name for one in every)
        twice = next((dose for dose in doses if doses.count(dose) > 1), None)
        problem = "" if twice is None else _twice(twice, members[0].dose_unit, names, doses)
        found.append(Series(compound, members[0].dose_unit, names, doses, problem))
    return tuple(found)


def _twice(dose: float, unit: str, names: Sequence[str], doses: Sequence[float]) -> str:
    alike = [name for name, own in zip(names, doses, strict=True) if own == dose]
    said = f"{dose:g} {unit}".strip()
    return (
        f"{' and '.join(alike[:3])} have the same dose ({said}): what else differs between them "
        "is no matter of dose; give each its own compound"
    )


def trend_table(
    design: Design, replicates: pd.DataFrame, features: Sequence[Feature], plan: CompareOptions
) -> pd.DataFrame:
    """Trends of each feature over the doses of each compound.

    Parameters
    ----------
    design, features, plan
        Of the comparison.
    replicates
        One row a feature, condition and replicate: ``feature, condition, replicate, value``.

    Returns
    -------
    DataFrame
        `TREND_COLUMNS`; ``p_adjusted`` is by Holm's method over the compounds of a feature, then
        over the features as those of single conditions are.
    """
    rows = [
        _trend_row(series, feature, design, plan, values)
        for feature, values in _values(replicates, features)
        for series in series_of(design)
    ]
    table = pd.DataFrame(rows, columns=list(TREND_COLUMNS))
    return _adjusted(table, plan) if len(table) else table


def response_table(
    design: Design, replicates: pd.DataFrame, features: Sequence[Feature], plan: CompareOptions
) -> pd.DataFrame:
    """Dose-response curves of each feature and compound: `RESPONSE_COLUMNS`.

    Parameters are those of `trend_table`.
    """
    rows = [
        _response_row(series, feature, design, plan, values)
        for feature, values in _values(replicates, features)
        for series in series_of(design)
    ]
    return pd.DataFrame(rows, columns=list(RESPONSE_COLUMNS))


def _values(
    replicates: pd.DataFrame, features: Sequence[Feature]
) -> Iterable[tuple[Feature, ByCondition]]:
    """Each feature with its replicates of each condition."""
    by_feature = dict(iter(replicates.groupby("feature", sort=False)))
    for feature in features:
        found: dict[str, dict[str, float]] = {}
        rows = by_feature.get(feature.name)
        if rows is not None:
            names = rows["condition"], rows["replicate"], rows["value"]
            for condition, replicate, value in zip(*names, strict=True):
                found.setdefault(str(condition), {})[str(replicate)] = float(value)
        yield feature, found


def _known(
    series: Series, feature: Feature, design: Design, plan: CompareOptions
) -> dict[str, Any]:
    return {
        "feature": feature.name, "compound": series.compound, "reference": design.reference.name,
        "doses": ", ".join(f"{dose:g}" for dose in series.doses), "dose_unit": series.dose_unit,
        "unit": feature.unit, "primary": feature.name == plan.primary,
    }  # fmt: skip


def _why_not(series: Series, design: Design) -> str:
    if not design.unit:
        return "no replicate is known, and cells of one experiment are not independent"
    return series.problem


def _trend_row(
    series: Series, feature: Feature, design: Design, plan: CompareOptions, values: ByCondition
) -> dict[str, Any]:
    why_not = _why_not(series, design)
    nan = float("nan")
    found = (
        Trend(nan, nan, nan, nan, nan, nan, "", len(series.doses), 0, f"no trend: {why_not}")
        if why_not
        else trend_over(series.groups(values), plan.level, plan.test)
    )
    return _known(series, feature, design, plan) | {
        "n_doses": found.n_doses, "n_replicates": found.n, "slope": found.slope,
        "ci_low": found.low, "ci_high": found.high, "df": found.df, "test": found.test,
        "p": found.p, "note": found.note,
    }  # fmt: skip


def _response_row(
    series: Series, feature: Feature, design: Design, plan: CompareOptions, values: ByCondition
) -> dict[str, Any]:
    why_not = _why_not(series, design)
    found = (
        Response(n_doses=len(series.doses) - 1, note=f"no EC50: {why_not}")
        if why_not
        else response_of(series.doses, series.groups(values), plan.level)
    )
    return _known(series, feature, design, plan) | {
        "n_doses": found.n_doses, "n_replicates": found.n, "where": found.where,
        "ec50": found.ec50, "ec50_low": found.low, "ec50_high": found.high, "hill": found.hill,
        "bottom": found.bottom, "top": found.top, "p": found.p,
        "p_lack_of_fit": found.p_lack_of_fit, "sd": found.spread, "df": found.df,
        "note": found.note,
    }  # fmt: skip


def _adjusted(table: pd.DataFrame, plan: CompareOptions) -> pd.DataFrame:
    p = table["p"].to_numpy(np.float64)
    adjusted = p.copy()
    for feature in table["feature"].unique():
        rows = (table["feature"] == feature).to_numpy()
        adjusted[rows] = over_features(adjusted[rows], "holm")
    others = ~table["primary"].to_numpy(bool)
    for compound in table["compound"].unique():
        rows = others & (table["compound"] == compound).to_numpy()
        adjusted[rows] = over_features(adjusted[rows], plan.correction)
    return table.assign(p_adjusted=np.maximum(adjusted, p))
