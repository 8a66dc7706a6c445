"""Counts of cells, corrected for the errors that an audit found.

A count is the number of outlines. With the shares of outlines that are one cell (right, or of the
wrong type), several (merged), a piece (split) or none, and the cells that were missed for each
outline, the number of true cells for one outline is

    one + 2 · merged + ½ · split + missed / outlines

and the corrected count is the count times this. Its interval draws shares and missed cells from
what the answers leave possible (Jeffreys' priors: Dirichlet with ½, gamma with ½), the effect's
also the counts, from the t distribution of the logarithms over replicates.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from cellwright.stats.audit import (
    LEVEL,
    MERGED_CELLS,
    SEED,
    SPLIT_CELLS,
    Judged,
    objects_per_outline,
    together,
)
from cellwright.stats.estimate import FEWEST, Estimate, paired, welch

__all__ = ["corrected_counts", "true_per_outline"]

DRAWS = 20_000
"""500 of them lie beyond either end of a 95 % interval."""

Numbers = npt.NDArray[np.float64]
Counts = Mapping[str, Mapping[str, float]]


def true_per_outline(one: Judged) -> float:
    """True cells for one outline; NaN where no cell or no field was judged.

    Examples
    --------
    >>> true_per_outline(Judged("a", "", {"right": 9, "false": 1}, outlines=40, missed=8, fields=2))
    1.1
    """
    if not one.outlines:
        return math.nan
    return objects_per_outline(one) + one.missed / one.outlines


def corrected_counts(
    judged: Sequence[Judged], counts: Counts, reference: str | None = None
) -> pd.DataFrame:
    """Correct the counts of each condition, and its difference from the reference.

    Parameters
    ----------
    judged
        One for each replicate of each condition.
    counts
        Cells found in a picture: of each condition the mean of each replicate; of the replicate
        ``""`` where none is known.
    reference
        Condition that the others are compared with; without, there are no differences.

    Returns
    -------
    DataFrame
        One row a condition: ``condition, n_replicates, count, factor, factor_low, factor_high,
        corrected, corrected_low, corrected_high, reference, percent, percent_low, percent_high,
        corrected_percent, corrected_percent_low, corrected_percent_high, interval, note``.
    """
    parts: dict[str, list[Judged]] = {}
    for one in judged:
        parts.setdefault(one.condition, []).append(one)
    rng = np.random.default_rng(SEED)
    wholes = {
        name: together(parts[name]) if name in parts else Judged(name, "", {}) for name in counts
    }
    factors = {name: true_per_outline(whole) for name, whole in wholes.items()}
    drawn = {name: _drawn(whole, rng) for name, whole in wholes.items()}
    rows = []
    for name, of in counts.items():
        factor, (low, high) = factors[name], _ends(drawn[name], factors[name])
        count = float(np.mean(list(of.values())))
        row: dict[str, object] = {
            "condition": name,
            "n_replicates": len([unit for unit in of if unit]),
            "count": count,
            "factor": factor,
            "factor_low": low,
            "factor_high": high,
            "corrected": count * factor,
            "corrected_low": count * low,
            "corrected_high": count * high,
            **_NO_EFFECT,
            "note": ""
            if math.isfinite(factor)
            else "cells and fields must be judged to correct it",
        }
        if reference is not None and reference in counts and name != reference:
            ratio = factor / factors[reference]
            draws = np.log(drawn[name]) - np.log(drawn[reference])
            row |= _effect(of, counts[reference], ratio, draws, rng)
            row["reference"] = reference
        rows.append(row)
    return pd.DataFrame(rows)


_NO_EFFECT: dict[str, object] = {
    "reference": "", "percent": math.nan, "percent_low": math.nan, "percent_high": math.nan,
    "corrected_percent": math.nan, "corrected_percent_low": math.nan,
    "corrected_percent_high": math.nan, "interval": "",
}  # fmt: skip


def _drawn(one: Judged, rng: np.random.Generator) -> Numbers:
    """True cells for one outline, as the answers leave them possible."""
    if not one.cells or not one.outlines:
        return np.full(DRAWS, np.nan)
    whole = one.said.get("right", 0) + one.said.get("wrong_type", 0)
    seen = [whole, *(one.said.get(kind, 0) for kind in ("merged", "split", "false"))]
    shares = rng.dirichlet(np.array(seen) + 0.5, DRAWS)
    missed = rng.gamma(one.missed + 0.5, 1 / one.outlines, DRAWS)
    return np.asarray(shares @ [1.0, MERGED_CELLS, SPLIT_CELLS, 0.0] + missed, np.float64)


def _ends(draws: Numbers, value: float) -> tuple[float, float]:
    if not math.isfinite(value):
        return math.nan, math.nan
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return min(float(low), value), max(float(high), value)


def _effect(
    of: Mapping[str, float],
    reference: Mapping[str, float],
    ratio: float,
    draws: Numbers,
    rng: np.random.Generator,
) -> dict[str, object]:
    """Difference in percent, as it was found and corrected."""
    means = [float(np.mean(list(side.values()))) for side in (of, reference)]
    if not means[1] > 0:
        return {**_NO_EFFECT, "note": "the reference has no cells"}
    found = means[0] / means[1]
    spread = _spread(of, reference)
    row: dict[str, object] = {
        **_NO_EFFECT,
        "percent": 100 * (found - 1),
        "corrected_percent": 100 * (found * ratio - 1),
        "interval": "audit alone",
        "note": "" if math.isfinite(ratio) else "cells and fields must be judged to correct it",
    }
    logs = math.log(found) + draws if found > 0 else np.full(DRAWS, np.nan)
    if spread is not None:
        row["percent_low"] = 100 * math.expm1(spread.low)
        row["percent_high"] = 100 * math.expm1(spread.high)
        row["interval"] = "replicates and audit"
        logs = spread.difference + spread.standard_error * rng.standard_t(spread.df, DRAWS) + draws
    elif math.isfinite(ratio):
        row["note"] = "how replicates differ is not in the interval"
    if found * ratio > 0:
        low, high = _ends(logs, math.log(found * ratio))
        row["corrected_percent_low"] = 100 * math.expm1(low)
        row["corrected_percent_high"] = 100 * math.expm1(high)
    return row


def _spread(of: Mapping[str, float], reference: Mapping[str, float]) -> Estimate | None:
    """Difference of the logarithms over replicates; None where too few, equal ones or zeros."""
    units = [sorted(unit for unit in side if unit) for side in (of, reference)]
    if min(map(len, units)) < FEWEST or min(*of.values(), *reference.values()) <= 0:
        return None
    logs = [
        np.log([side[unit] for unit in own])
        for side, own in zip((of, reference), units, strict=True)
    ]
    estimate = (paired if units[0] == units[1] else welch)(logs[0], logs[1], LEVEL)
    return estimate if math.isfinite(estimate.low) else None
