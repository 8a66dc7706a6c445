"""Every feature of every condition against the reference, with replicates as n."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cellwright.core.errors import UsageError
from cellwright.stats.design import Design, Remark
from cellwright.stats.effect_size import cliffs_delta, hedges_g, hedges_g_of_pairs
from cellwright.stats.estimate import FEWEST, TESTS, Estimate, TestName, welch
from cellwright.stats.features import Feature, chosen, is_share, numbers
from cellwright.stats.many_to_one import adjusted, reach
from cellwright.stats.multiplicity import over_features
from cellwright.stats.options import Asked, CompareOptions, Summary
from cellwright.stats.permutation import permutation_p, smallest_p
from cellwright.stats.replicate_values import Groups, Values, groups_of, values_of

__all__ = ["COLUMNS", "FROZEN", "Comparison", "compare_features"]

Numbers = npt.NDArray[np.float64]

FROZEN = (
    "feature", "condition", "reference", "n_cells", "n_replicates", "n_cells_reference",
    "n_replicates_reference", "mean", "mean_reference", "difference", "ci_low", "ci_high",
    "percent", "test", "p", "p_adjusted", "note",
)  # fmt: skip
MORE = (
    "unit", "role", "df", "percent_low", "percent_high", "together_low", "together_high",
    "hedges_g", "hedges_g_low", "hedges_g_high", "cliffs_delta", "difference_of_medians",
    "leave_one_out_low", "leave_one_out_high", "primary",
)  # fmt: skip
COLUMNS = (*FROZEN, *MORE)
"""Of ``comparisons.csv``; the first of them never change their names."""

SMALLEST, LARGEST = 1e-140, 1e140
"""Between these, squares and sums of them are numbers."""

MOST_TOGETHER = 40
"""Conditions in one Dunnett family; a larger screen is corrected by Holm's method."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """What came out.

    Attributes
    ----------
    table
        One row a feature and condition: `COLUMNS`.
    replicates
        One row a feature, condition and replicate: ``feature, condition, replicate, value``.
    features
        What was compared.
    design, plan
        What it rests on.
    remarks
        Of the design and of the table.
    further
        Tables of doses, plates and power by their names, where there is something to say; see
        `cellwright.stats.further`.
    """

    table: pd.DataFrame
    replicates: pd.DataFrame
    features: tuple[Feature, ...]
    design: Design
    plan: CompareOptions
    remarks: tuple[Remark, ...]
    further: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    def with_remarks(self, more: Sequence[Remark]) -> Comparison:
        """The same, with more to be known of it."""
        return replace(self, remarks=(*self.remarks, *more))


@dataclass(frozen=True, eq=False)
class _Found:
    """A feature in every condition.

    Attributes
    ----------
    feature
        Which.
    by_condition
        A summary of each replicate.
    otherwise
        The other summary; empty of shares, which have one alone.
    groups, values
        All values, and what they are of.
    """

    feature: Feature
    by_condition: Mapping[str, Values]
    otherwise: Mapping[str, Values]
    groups: Groups
    values: Numbers

    def whole(self, condition: str, units: Sequence[str] = ()) -> Numbers:
        """All finite values of a condition, or of some of its replicates."""
        found: Numbers = self.values[self.groups.rows(condition, units)]
        return found[np.isfinite(found)]


@dataclass(frozen=True, eq=False)
class _Pair:
    """A condition and the reference, for one feature."""

    condition: str
    role: str
    ours: Values
    theirs: Values
    units: tuple[str, ...]
    test: Asked
    estimate: Estimate | None
    p: float
    notes: list[str] = field(default_factory=list)


def compare_features(
    design: Design,
    cells: pd.DataFrame,
    pictures: npt.NDArray[np.int64],
    plan: CompareOptions,
) -> Comparison:
    """Compare the conditions of an experiment with its reference.

    Parameters
    ----------
    design
        What is compared; ``design.pictures`` has ``picture``, a number.
    cells
        One row a cell.
    pictures
        (N,) picture of each row of `cells`, as its number in ``design.pictures``; -1 for none.
    plan
        What was decided beforehand.

    Raises
    ------
    UsageError
        If the plan names a feature that is not there or cannot be compared.
    """
    features, said = chosen(cells, design.pictures, _wanted(plan))
    of_cells = groups_of(design, pictures)
    of_pictures = groups_of(design, design.pictures["picture"].to_numpy(np.int64))
    rows: list[dict[str, Any]] = []
    replicates: list[dict[str, Any]] = []
    for feature in features:
        is_of_cells = feature.of == "cells"
        groups = of_cells if is_of_cells else of_pictures
        found = _found(feature, groups, cells if is_of_cells else design.pictures, plan)
        rows += _rows(found, design, plan)
        replicates += _of_replicates(found, design)
    columns = ["feature", "condition", "replicate", "value"]
    return Comparison(
        _corrected(pd.DataFrame(rows, columns=list(COLUMNS)), plan),
        pd.DataFrame(replicates, columns=columns),
        tuple(features),
        design,
        plan,
        (*design.remarks, *(Remark("notice", text) for text in said)),
    )


def _found(feature: Feature, groups: Groups, table: pd.DataFrame, plan: CompareOptions) -> _Found:
    values = numbers(feature, table)
    _check_size(feature, values)
    if is_share(values):
        return _Found(feature, values_of(groups, values, "mean"), {}, groups, values)
    other: Summary = "mean" if plan.summary == "median" else "median"
    by_condition = values_of(groups, values, plan.summary)
    return _Found(feature, by_condition, values_of(groups, values, other), groups, values)


def _check_size(feature: Feature, values: Numbers) -> None:
    """Refuse numbers of which no spread can be had: their squares leave the range of numbers."""
    size = float(np.max(np.abs(values), where=np.isfinite(values), initial=0.0))
    if size and not SMALLEST < size < LARGEST:
        raise UsageError(
            f"{feature.name} holds {size:.3g}, of which no spread can be computed",
            remedy="give it in another unit, or leave it out by naming others with --features",
        )


def _wanted(plan: CompareOptions) -> tuple[str, ...]:
    if plan.primary and plan.features and plan.primary not in plan.features:
        return (plan.primary, *plan.features)
    return plan.features


def _pair(
    found: Mapping[str, Values], name: str, role: str, design: Design, plan: CompareOptions
) -> _Pair:
    """Compare one condition with the reference, by the test that its replicates allow."""
    ours, theirs = found.get(name, _NOTHING), found.get(design.reference.name, _NOTHING)
    if not design.unit or not ours.units or not theirs.units:
        return _Pair(name, role, ours, theirs, (), plan.test, None, math.nan)
    shared = tuple(unit for unit in ours.units if unit in set(theirs.units))
    if plan.test == "paired":
        _check_pairs(name, design)
        if not shared:
            why = ["no p: no replicate has it in both conditions"]
            return _Pair(name, role, ours, theirs, (), plan.test, None, math.nan, why)
    test, is_paired, notes = _test(plan.test, ours, theirs, shared)
    units = shared if is_paired else ()
    if units:  # all numbers are of those that are compared
        ours, theirs = ours.among(units), theirs.among(units)
    one, other = ours.values, theirs.values
    kind: TestName = "paired" if units else "student" if test == "student" else "welch"
    estimate = TESTS[kind](one, other, plan.level)
    p = estimate.p
    if test == "permutation" and min(one.size, other.size) >= FEWEST:
        p = permutation_p(one, other, paired=bool(units))
        least = smallest_p(one.size, other.size, paired=bool(units))
        if least > 1 - plan.level:
            notes.append(
                f"so few replicates can be arranged in so few ways that p cannot be below "
                f"{least:.2g}, whatever the difference"
            )
    return _Pair(name, role, ours, theirs, units, test, estimate, p, notes)


_NOTHING = Values((), np.zeros(0), 0, math.nan, np.zeros(0, np.int64))


def _check_pairs(condition: str, design: Design) -> None:
    """Refuse pairs where the design has none; a feature that some lack is another matter."""
    reference = design.reference.name
    shared = set(design.units(condition)) & set(design.units(reference))
    if len(shared) < FEWEST:
        raise UsageError(
            f"only {len(shared)} replicates are in both {condition!r} and {reference!r}, too few "
            "to pair them",
            remedy="give the same replicate the same name in both, or choose --test welch",
        )


def _test(
    asked: Asked, ours: Values, theirs: Values, shared: Sequence[str]
) -> tuple[Asked, bool, list[str]]:
    """The test, whether it is of pairs, and what is to be said of the choice."""
    if asked in {"welch", "student"}:
        return asked, False, []
    single = min(len(ours.units), len(theirs.units))
    whole = len(shared) == single and len(shared) >= FEWEST
    if asked != "paired" and not whole:
        partly = 1 < len(shared) < single
        said = f"{len(shared)} of the replicates are in both conditions, not all: not paired"
        return "welch" if asked == "auto" else asked, False, [said] if partly else []
    lone = len(ours.units) + len(theirs.units) - 2 * len(shared)
    said = f"{lone} replicate{'' if lone == 1 else 's'} without a partner left out"
    return "paired" if asked == "auto" else asked, True, [said] if lone else []


def _rows(found: _Found, design: Design, plan: CompareOptions) -> Iterable[dict[str, Any]]:
    """Rows of one feature, adjusted over the conditions; positive controls are no question."""
    pairs = [_pair(found.by_condition, one.name, one.role, design, plan) for one in design.others]
    asked = [pair for pair in pairs if pair.role == "test" and pair.estimate is not None]
    family = [pair.estimate for pair in asked if pair.estimate is not None]
    together = len(family) <= MOST_TOGETHER and plan.test != "permutation"
    if together:
        p_of_family, widths = adjusted(family), reach(family, plan.level)
    else:
        p_of_family = list(over_features(np.array([pair.p for pair in asked]), "holm"))
        widths = [math.nan] * len(asked)
    of_family = {
        pair.condition: (p, width)
        for pair, p, width in zip(asked, p_of_family, widths, strict=True)
    }
    for pair in pairs:
        adjusted_p, width = of_family.get(pair.condition, (pair.p, math.nan))
        yield _row(found, pair, design, plan) | {
            "p_adjusted": adjusted_p,
            "together_low": _of(pair).difference - width,
            "together_high": _of(pair).difference + width,
        }


def _of(pair: _Pair) -> Estimate:
    """The estimate, or what can be said without replicates: the difference of the means."""
    if pair.estimate is not None:
        return pair.estimate
    difference, nan = pair.ours.mean - pair.theirs.mean, math.nan
    return Estimate(difference, nan, nan, nan, nan, nan, nan, 0)


def _row(found: _Found, pair: _Pair, design: Design, plan: CompareOptions) -> dict[str, Any]:
    feature = found.feature
    estimate = _of(pair)
    one, other = pair.ours.values, pair.theirs.values
    mean, mean_reference = pair.ours.mean, pair.theirs.mean
    standardised = (hedges_g_of_pairs if pair.units else hedges_g)(one, other, plan.level)
    reference = design.reference.name
    ratio = _ratio(pair, one, other, plan)
    without = _leaving_one_out(pair, one, other)
    return {
        "feature": feature.name,
        "condition": pair.condition,
        "reference": reference,
        "n_cells": _cells(feature, pair.ours, pair.condition, design),
        "n_replicates": len(pair.ours.units) if design.unit else 0,
        "n_cells_reference": _cells(feature, pair.theirs, reference, design),
        "n_replicates_reference": len(pair.theirs.units) if design.unit else 0,
        "mean": mean,
        "mean_reference": mean_reference,
        "difference": estimate.difference,
        "ci_low": estimate.low,
        "ci_high": estimate.high,
        "percent": 100 * estimate.difference / mean_reference if mean_reference > 0 else math.nan,
        "test": _test_name(pair),
        "p": pair.p,
        "note": "; ".join([*pair.notes, *_why_no_p(pair, found, design, plan)]),
        "unit": feature.unit,
        "role": pair.role,
        "df": math.nan if math.isnan(pair.p) or pair.test == "permutation" else estimate.df,
        "percent_low": ratio[0],
        "percent_high": ratio[1],
        "hedges_g": standardised.g,
        "hedges_g_low": standardised.low,
        "hedges_g_high": standardised.high,
        "cliffs_delta": cliffs_delta(
            found.whole(pair.condition, pair.units), found.whole(reference, pair.units)
        ),
        "difference_of_medians": _otherwise(found, pair, pair.condition)
        - _otherwise(found, pair, reference),
        "leave_one_out_low": without[0],
        "leave_one_out_high": without[1],
        "primary": feature.name == plan.primary,
    }


def _otherwise(found: _Found, pair: _Pair, condition: str) -> float:
    """Mean of the other summary, over the replicates that are compared."""
    if not found.otherwise:
        return math.nan
    values = found.otherwise.get(condition, _NOTHING)
    return values.among(pair.units).mean if pair.units else values.mean


def _cells(feature: Feature, values: Values, condition: str, design: Design) -> int:
    """Of how many cells a number is."""
    if feature.of == "cells":
        return values.n
    here = design.pictures["condition"] == condition
    if design.unit:
        here &= design.pictures["unit"].isin(values.units)
    return int(design.pictures.loc[here, "n_cells"].sum())


def _test_name(pair: _Pair) -> str:
    """Which test the p is of; empty where there is none."""
    if math.isnan(pair.p):
        return ""
    if pair.test == "permutation":
        return "paired permutation" if pair.units else "permutation"
    return {"paired": "paired t", "welch": "Welch t", "student": "Student t"}[pair.test]


def _ratio(pair: _Pair, one: Numbers, other: Numbers, plan: CompareOptions) -> tuple[float, float]:
    """Interval of the change in percent, from logarithms; only of what is above 0.

    None where the change itself, which is of the means, lies outside: the spread of the replicates
    is so uneven that means and logarithms tell different things.
    """
    if math.isnan(_of(pair).low) or not (np.all(one > 0) and np.all(other > 0)):
        return math.nan, math.nan
    test: TestName = "paired" if pair.units else "student" if pair.test == "student" else "welch"
    found = TESTS[test](np.log(one), np.log(other), plan.level)
    change = pair.ours.mean / pair.theirs.mean - 1
    if not math.expm1(found.low) <= change <= math.expm1(found.high):
        return math.nan, math.nan
    return 100 * math.expm1(found.low), 100 * math.expm1(found.high)


def _leaving_one_out(pair: _Pair, one: Numbers, other: Numbers) -> tuple[float, float]:
    """Smallest and largest difference when any one replicate is left out."""
    if pair.estimate is None or min(one.size, other.size) < 2:
        return math.nan, math.nan
    if pair.units:
        within = one - other
        found = (within.sum() - within) / (within.size - 1)
    else:
        without = [(side.sum() - side) / (side.size - 1) for side in (one, other)]
        found = np.concatenate([without[0] - other.mean(), one.mean() - without[1]])
    return float(found.min()), float(found.max())


def _why_no_p(pair: _Pair, found: _Found, design: Design, plan: CompareOptions) -> Iterable[str]:
    """Why there is no p, in plain words; nothing where there is one."""
    if not math.isnan(pair.p):
        return
    reference = design.reference.name
    if not pair.ours.n or not pair.theirs.n:
        empty = pair.condition if not pair.ours.n else reference
        lone = bool(design.unit) and not design.units(empty)
        yield f"no p: {empty} has no {'replicate' if lone else 'cell with this number'}"
        return
    if not design.unit:
        yield "no p: no replicate is known, and cells of one experiment are not independent"
        every = found.whole(pair.condition), found.whole(reference)
        claimed = _as_if_independent(*every, plan.level)
        if claimed is not None:
            each = found.feature.of.removesuffix("s")
            yield f"counting each {each} as a replicate would have claimed p = {claimed:.1g}"
        return
    few = [
        f"{name} has {len(side.units)}"
        for name, side in ((pair.condition, pair.ours), (reference, pair.theirs))
        if len(side.units) < FEWEST
    ]
    if few:
        yield f"no p: {FEWEST} replicates are the fewest for one; {' and '.join(few)}"
    elif _of(pair).standard_error == 0:
        what = "all replicates differ by the same" if pair.units else "replicates do not spread"
        yield f"no p: {what}, so nothing tells how they would another time"


def _as_if_independent(one: Numbers, other: Numbers, level: float) -> float | None:
    """The p that each cell as a replicate would give: shown as a warning, never as a result."""
    if min(one.size, other.size) < FEWEST:
        return None
    p = welch(one, other, level).p
    return None if math.isnan(p) else max(p, 1e-300)


def _of_replicates(found: _Found, design: Design) -> Iterable[dict[str, Any]]:
    for condition in design.conditions:
        values = found.by_condition.get(condition.name, _NOTHING)
        for unit, value in zip(values.units, values.values, strict=True):
            if design.unit:
                yield {
                    "feature": found.feature.name, "condition": condition.name, "replicate": unit,
                    "value": value,
                }  # fmt: skip


def _corrected(table: pd.DataFrame, plan: CompareOptions) -> pd.DataFrame:
    """Adjust over the features too: in each condition, without the primary feature."""
    if plan.primary and not table["primary"].any():
        raise UsageError(
            f"the primary feature {plan.primary!r} is not among those compared",
            remedy="name it with --features as well",
        )
    adjusted_p = table["p_adjusted"].to_numpy(np.float64).copy()
    others = ~table["primary"].to_numpy(bool)
    for condition in table["condition"].unique():
        rows = others & (table["condition"] == condition).to_numpy()
        adjusted_p[rows] = over_features(adjusted_p[rows], plan.correction)
    table["p_adjusted"] = np.maximum(adjusted_p, table["p"])
    return table
