"""The table of what an experiment could have shown, and how large the next one has to be."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from cellwright.core.errors import UsageError
from cellwright.stats.options import CompareOptions
from cellwright.stats.power import (
    MOST,
    Detect,
    Spread,
    cautious,
    detect_of,
    replicates_needed,
    smallest_difference,
    spread_of,
)

__all__ = ["POWER_COLUMNS", "planned", "power_table"]

POWER_COLUMNS = (
    "feature", "condition", "reference", "difference", "planned", "test", "sd", "sd_cautious",
    "n_80", "n_90", "n_80_cautious", "n_90_cautious", "n_replicates", "n_replicates_reference",
    "smallest_difference", "smallest_percent", "unit", "primary", "note",
)  # fmt: skip
"""Of ``power.csv``."""

FOUND = (
    "of the difference found, which is no planned one: where it happened to be large, the next "
    "experiment is planned too small; state with --detect what would matter"
)
_EQUAL = 1e-12
"""Relative to the values: a spread below is an error of rounding."""


def planned(plan: CompareOptions) -> Detect | None:
    """The difference that was stated; None if none was.

    Raises
    ------
    UsageError
        If it is no difference, or a number in the unit of many features.
    """
    if plan.detect is None:
        return None
    detect = detect_of(plan.detect)
    if not detect.percent and plan.primary is None and len(plan.features) != 1:
        raise UsageError(
            f"--detect {plan.detect} is in the unit of one feature, and several are compared",
            remedy="name it with --primary, or write percent of the reference, such as 20%",
        )
    return detect


def power_table(
    comparisons: pd.DataFrame, replicates: pd.DataFrame, plan: CompareOptions
) -> pd.DataFrame:
    """Replicates that the next experiment needs: `POWER_COLUMNS`.

    Parameters
    ----------
    comparisons
        One row a feature and condition, as in ``comparisons.csv``; those that were tested count.
    replicates
        One row a feature, condition and replicate: ``feature, condition, replicate, value``.
    plan
        Its level is that of the test, without correction for several comparisons.
    """
    detect = planned(plan)
    values: dict[tuple[str, str], dict[str, float]] = {}
    names = (replicates[name] for name in ("feature", "condition", "replicate", "value"))
    for feature, condition, replicate, value in zip(*names, strict=True):
        values.setdefault((feature, condition), {})[str(replicate)] = float(value)
    rows = []
    for row in comparisons.to_dict("records"):
        if math.isnan(row["p"]) or row["role"] != "test":
            continue
        sides = [values[row["feature"], row[name]] for name in ("condition", "reference")]
        spread = spread_of(*sides, paired=row["test"].startswith("paired"))
        size = max(abs(value) for side in sides for value in side.values())
        if spread.sd > _EQUAL * size:
            stated = detect if detect is None or detect.percent or _is_asked(row, plan) else None
            rows.append(_row({str(key): value for key, value in row.items()}, spread, stated, plan))
    return pd.DataFrame(rows, columns=list(POWER_COLUMNS))


def _is_asked(row: Mapping[Any, Any], plan: CompareOptions) -> bool:
    """Whether a number without percent is of this feature."""
    return bool(row["primary"]) or plan.primary is None


def _row(
    row: Mapping[str, Any], spread: Spread, detect: Detect | None, plan: CompareOptions
) -> dict[str, Any]:
    alpha = 1 - plan.level
    difference = row["difference"] if detect is None else detect.of(row["mean_reference"])
    careful = cautious(spread)
    n, m = row["n_replicates"], row["n_replicates_reference"]
    if spread.paired:
        n = m = spread.df + 1
    smallest = smallest_difference(spread, n, m, alpha)
    mean = row["mean_reference"]
    needed = {
        f"n_{round(100 * power)}{suffix}": _needed(difference, one, power, alpha)
        for suffix, one in (("", spread), ("_cautious", careful))
        for power in (0.8, 0.9)
    }
    return {
        **{name: row[name] for name in ("feature", "condition", "reference", "unit", "primary")},
        "difference": difference, "planned": detect is not None,
        "test": "paired t" if spread.paired else "Welch t", "sd": spread.sd,
        "sd_cautious": careful.sd, **needed, "n_replicates": n, "n_replicates_reference": m,
        "smallest_difference": smallest,
        "smallest_percent": 100 * smallest / mean if mean > 0 else math.nan,
        "note": _note(difference, needed, planned=detect is not None),
    }  # fmt: skip


def _needed(difference: float, spread: Spread, power: float, alpha: float) -> float:
    found = None if math.isnan(difference) else replicates_needed(difference, spread, power, alpha)
    return math.nan if found is None else found


def _note(difference: float, needed: Mapping[str, float], *, planned: bool) -> str:
    notes = [] if planned else [FOUND]
    if math.isnan(difference):
        notes.append("the reference's mean is not above 0, so that percent of it mean nothing")
    elif any(math.isnan(n) for n in needed.values()):
        notes.append(f"where n is empty, it would be more than {MOST:,}")
    return "; ".join(notes)
