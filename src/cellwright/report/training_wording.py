"""How the page of a training writes scores: their names, values, intervals and differences."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from cellwright.report.training_folder import mapping, number
from cellwright.report.wording import MISSING

__all__ = [
    "PRIMARY",
    "TITLES",
    "Against",
    "Estimate",
    "against",
    "as_number",
    "estimate",
    "interval",
    "p_value",
    "score",
]

PRIMARY = "dsb_ap_50"
"""By which a model must beat the one that it began with."""

TITLES: Mapping[str, tuple[str, str]] = {
    "dsb_ap_50": ("AP at 0.5", "Of all objects drawn or found, the share that match: they share "
                  "half of their union or more"),
    "dsb_ap_75": ("AP at 0.75", "The same, with three quarters of the union"),
    "dsb_ap_mean": ("Mean AP", "Mean of AP over the thresholds 0.50, 0.55, … 0.95"),
    "f1_50": ("F1 at 0.5", "Twice the matching objects, of all drawn and all found"),
    "pq": ("PQ", "Panoptic quality: F1 at 0.5 times the mean IoU of the objects that match"),
    "semantic_iou": ("IoU of pixels", "Of all pixels that are object by hand or as found, the "
                     "share that are both"),
    "boundary_f1": ("Boundary F1", "Of the outlines, how much lies where the other's does"),
}  # fmt: skip
"""What a score is called, and what it says."""

_DIGITS = 3
_WHOLE = 100
"""Percents from here on are written without decimals."""
_SMALLEST_P = 0.001


@dataclass(frozen=True)
class Estimate:
    """A score over pictures; NaN where it is not known."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Against:
    """A score of two models on the same pictures; NaN where something is not known."""

    score: str
    n: int
    value: float
    other: float
    difference: float
    low: float
    high: float
    p: float
    better: int
    worse: int

    @property
    def unchanged(self) -> bool:
        """Whether no picture is better or worse."""
        return self.n > 0 and not self.better and not self.worse

    @property
    def surely_better(self) -> bool:
        """Whether the whole interval lies above 0; what has no interval is not sure."""
        return self.low > 0

    @property
    def surely_worse(self) -> bool:
        """Whether the whole interval lies below 0."""
        return self.high < 0


def estimate(summary: Mapping[str, Any], name: str) -> Estimate:
    """One score of ``summary.json``."""
    found = mapping(mapping(summary, "scores"), name)
    n = number(found, "n")
    return Estimate(
        number(found, "value"),
        number(found, "low"),
        number(found, "high"),
        int(n) if math.isfinite(n) else 0,
    )


def against(table: pd.DataFrame | None) -> list[Against]:
    """Rows of ``comparison.csv`` or ``forgotten.csv``."""
    if table is None:
        return []
    rows = []
    for _, row in table.iterrows():
        known = {name: as_number(row.get(name)) for name in (
            "n", "value", "other", "difference", "ci_low", "ci_high", "p", "better", "worse",
        )}  # fmt: skip
        whole = {n: int(known[n]) if math.isfinite(known[n]) else 0 for n in _COUNTS}
        rows.append(
            Against(
                str(row["score"]), whole["n"], known["value"], known["other"],
                known["difference"], known["ci_low"], known["ci_high"], known["p"],
                whole["better"], whole["worse"],
            )
        )  # fmt: skip
    return rows


_COUNTS = ("n", "better", "worse")


def as_number(value: object) -> float:
    """Value of a cell of a table; NaN where it is none.

    Examples
    --------
    >>> as_number(3), as_number("")
    (3.0, nan)
    """
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return math.nan


def score(value: float, *, signed: bool = False, unit: str = "") -> str:
    """Write a score: three decimals, one of percents; a dash where there is none.

    Examples
    --------
    >>> score(0.7123), score(-0.02, signed=True), score(3.14, signed=True, unit="%")
    ('0.712', '−0.020', '+3.1 %')
    """
    if not math.isfinite(value):
        return MISSING
    digits = _DIGITS if not unit else 1 if abs(value) < _WHOLE else 0
    rounded = round(value, digits) + 0.0  # no minus before a zero
    text = f"{rounded:+,.{digits}f}" if signed else f"{rounded:,.{digits}f}"
    return text.replace("-", "−") + (f" {unit}" if unit else "")


def interval(low: float, high: float, *, signed: bool = False, unit: str = "") -> str:
    """Write a 95 % interval; empty where there is none.

    Examples
    --------
    >>> interval(0.5, 0.75), interval(float("nan"), 1.0)
    ('0.500 to 0.750', '')
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    return f"{score(low, signed=signed)} to {score(high, signed=signed)}" if not unit else (
        f"{score(low, signed=signed, unit=unit).removesuffix(f' {unit}')} to "
        f"{score(high, signed=signed, unit=unit)}"
    )  # fmt: skip


def p_value(p: float) -> str:
    """Write a p-value.

    Examples
    --------
    >>> p_value(0.00001), p_value(0.03125), p_value(1.0)
    ('below 0.001', '0.031', '1.000')
    """
    if not math.isfinite(p):
        return MISSING
    return f"below {_SMALLEST_P}" if p < _SMALLEST_P else f"{p:.3f}"
