"""Doses: replicates by dose with their curve, and what can be said of the half effect."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cellwright.report.answer.data import Answer, p_is
from cellwright.report.drawing import (
    INK,
    colours,
    drawing_style,
    new_drawing,
    page_svg,
    svg_text,
    tidy_axes,
)
from cellwright.report.section import Figure
from cellwright.report.template import Markup, fill
from cellwright.report.wording import rounded, visible
from cellwright.stats.dose_response import curve_of
from cellwright.stats.dose_series import Series, series_of

__all__ = ["doses"]

_MOST_COMPOUNDS, _MOST_FEATURES = 6, 2
_POINTS = 200
_BELOW = 4.0
"""The reference is drawn at the lowest dose over this: the axis of logarithms has no 0."""


@dataclass(frozen=True)
class _Shown:
    """A feature over the doses of a compound: replicates of each dose."""

    name: str
    series: Series
    groups: list[Mapping[str, float]]


def doses(answer: Answer) -> tuple[Markup, tuple[Figure, ...]] | None:
    """Draw the doses of each compound; None where there are no several doses."""
    known = series_of(answer.comparison.design)
    further = answer.comparison.further
    if not known or "dose_response" not in further:
        return None
    figures: list[Figure] = []
    parts: list[Markup] = []
    for name in answer.drawn[:_MOST_FEATURES]:
        for series in known[:_MOST_COMPOUNDS]:
            groups = series.groups(_values(answer, name))
            if not all(groups) or series.problem:
                continue
            row = _row(further["dose_response"], name, series.compound)
            trend = _row(further["trends"], name, series.compound) if "trends" in further else None
            file = f"doses_{len(figures) + 1}"
            shown = _Shown(name, series, groups)
            svg, table = _draw(file, shown, row, answer.comparison.plan.level)
            figures.append(Figure(file, svg, table))
            said = _said(name, series, row, trend)
            drawing = page_svg(svg, file, said)
            parts.append(fill("answer_figure.html.j2", drawing=drawing, caption=said, name=file))
    return (Markup("\n").join(parts), tuple(figures)) if parts else None


def _values(answer: Answer, name: str) -> Mapping[str, Mapping[str, float]]:
    rows = answer.comparison.replicates
    found: dict[str, dict[str, float]] = {}
    for row in rows[rows["feature"] == name].to_dict("records"):
        found.setdefault(str(row["condition"]), {})[str(row["replicate"])] = float(row["value"])
    return found


def _row(table: pd.DataFrame, name: str, compound: str) -> Mapping[Any, Any] | None:
    here = table[(table["feature"] == name) & (table["compound"] == compound)]
    return here.to_dict("records")[0] if len(here) else None


def _draw(
    file: str, shown: _Shown, row: Mapping[Any, Any] | None, level: float
) -> tuple[str, pd.DataFrame]:
    """Replicates of each dose; the curve and its band only where it means anything."""
    series, groups = shown.series, shown.groups
    given = [dose for dose in series.doses if dose > 0]
    floor = min(given) / _BELOW
    blue, orange = colours(2)
    table = pd.DataFrame(
        [
            {"feature": shown.name, "compound": series.compound, "dose": dose, "replicate": unit,
             "value": value}
            for dose, group in zip(series.doses, groups, strict=True)
            for unit, value in group.items()
        ]
    )  # fmt: skip
    with drawing_style(file):
        figure, axes = new_drawing(4.2)
        if row is not None and row["where"]:
            at = np.geomspace(floor, max(given) * 1.15, _POINTS)
            curve = curve_of(series.doses, groups, at, level)
            axes.fill_between(at, curve.low, curve.high, color=blue, alpha=0.16, lw=0)
            axes.plot(at, curve.heights, color=blue, lw=1.8)
        if row is not None and not math.isnan(row["ec50"]):
            axes.axvline(row["ec50"], color=orange, lw=1.4, ls="--")
        places = table["dose"].where(table["dose"] > 0, floor)
        axes.plot(places, table["value"], "o", ms=6.5, mfc=blue, mec="white", mew=1)
        means = table.assign(place=places).groupby("place")["value"].mean()
        axes.plot(means.index, means, "_", ms=22, mew=2, color=INK)
        axes.set_xscale("log")
        axes.set_xticks([floor, *given], ["0", *(f"{dose:g}" for dose in given)])
        axes.minorticks_off()
        axes.set_xlabel(
            f"{visible(series.compound, 40)}, {visible(series.dose_unit, 20)}".strip(", ")
        )
        axes.set_ylabel(visible(shown.name, 40))
        tidy_axes(axes, grid="y")
        return svg_text(figure), table


def _said(
    name: str, series: Series, row: Mapping[Any, Any] | None, trend: Mapping[Any, Any] | None
) -> str:
    parts = [f"{visible(name, 40)} by dose of {visible(series.compound, 40)}; dots are replicates."]
    if trend is not None and not math.isnan(trend["p"]):
        parts.append(
            f"Trend: {rounded(trend['slope'])} a dose step ({rounded(trend['ci_low'])} to "
            f"{rounded(trend['ci_high'])}), {p_is(trend['p'])}."
        )
    if row is None:
        return " ".join(parts)
    unit = visible(series.dose_unit, 20)
    if not math.isnan(row["ec50"]):
        parts.append(
            f"EC50 {rounded(row['ec50'])} {unit} ({_end(row['ec50_low'], 'open')} to "
            f"{_end(row['ec50_high'], 'open')})."
        )
    if row["note"]:  # where the EC50 lies, if not within the tested doses
        note = str(row["note"])
        parts.append(note[:1].upper() + note[1:] + ("" if note.endswith(".") else "."))
    return " ".join(parts)


def _end(value: float, otherwise: str) -> str:
    return otherwise if math.isnan(value) else rounded(value)
