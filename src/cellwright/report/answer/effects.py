"""All effects beside each other: the change in percent, with its interval."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from cellwright.report.answer.data import ALPHA, Answer
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
from cellwright.report.wording import visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["effects"]

_MOST_FEATURES, _MOST_COLOURS, _MOST_ROWS, _MOST_DRAWN = 16, 5, 48, 192
"""Features side by side; conditions that colours tell apart, beside the reference; rows in all, if
a single feature has not more; and of this one."""
_ROW_INCHES, _LONGEST = 0.3, 34
_CUT = 400.0
"""Percent beyond which an interval is drawn as an arrow: it would squeeze all others."""


def effects(answer: Answer) -> tuple[Markup, tuple[Figure, ...]] | None:
    """Draw the changes in percent; None where there are none."""
    rows = [row for row in answer.rows if not math.isnan(row["percent"])]
    conditions = [one.name for one in answer.comparison.design.others]
    most = min(_MOST_FEATURES, max(1, _MOST_ROWS // max(1, len(conditions))))
    features = list(dict.fromkeys(row["feature"] for row in rows))[:most]
    shown = [row for row in rows if row["feature"] in features]
    if not shown:
        return None
    shown.sort(key=lambda row: (features.index(row["feature"]), conditions.index(row["condition"])))
    table = pd.DataFrame(shown)[
        ["feature", "condition", "percent", "percent_low", "percent_high", "p_adjusted"]
    ].head(_MOST_DRAWN)
    svg = _draw(table, features, conditions)
    drawing = page_svg(svg, "effects", _description(table))
    caption = (
        "Change against the reference, in percent, with its interval over replicates (from their "
        "logarithms; none below three replicates). Filled: p below 0.05 after the adjustment."
    )
    if (table[["percent", "percent_high"]] > _CUT).any(axis=None):
        caption += f" An arrow goes on, beyond {_CUT:.0f} %."
    if len(table) < len(rows):
        caption += f" {len(table):,} of {len(rows):,} changes are drawn."
    html = fill("answer_figure.html.j2", drawing=drawing, caption=caption, name="effects")
    return html, (Figure("effects", svg, table),)


def _draw(table: pd.DataFrame, features: list[str], conditions: list[str]) -> str:
    """Conditions by colour; where there are too many to tell apart, each in a row of its own."""
    by_colour = len(conditions) <= _MOST_COLOURS
    inks = colours(len(conditions) + 1)[1:]  # the first is the reference's, as in all figures
    labels: list[str] = []
    with drawing_style("effects"):
        count = len(features) * max(1.0, len(conditions) * 0.6) if by_colour else len(table)
        figure, axes = new_drawing(1.1 + _ROW_INCHES * count)
        axes.axvline(0, color=INK, lw=1)
        for row in table.to_dict("records"):
            place = conditions.index(row["condition"])
            if by_colour:
                y = features.index(row["feature"]) + (place + 0.5) * 0.8 / len(conditions) - 0.4
            else:
                y = float(len(labels))
                labels.append(f"{visible(row['feature'], 24)}, {visible(row['condition'], 24)}")
            _mark(axes, row, y, inks[place])
        axes.set_yticks(range(len(labels or features)),
                        labels or [visible(name, _LONGEST) for name in features])  # fmt: skip
        axes.set_ylim(len(labels or features) - 0.4, -0.6)
        axes.set_xlabel("change against the reference, %")
        tidy_axes(axes, grid="x")
        if by_colour and len(conditions) > 1:
            for name, ink in zip(conditions, inks, strict=True):
                axes.plot([], [], "o", color=ink, label=visible(name, _LONGEST))
            figure.legend(loc="outside upper left", ncols=min(len(conditions), 4), frameon=False)
        return svg_text(figure)


def _mark(axes: Axes, row: Mapping[Any, Any], y: float, ink: str) -> None:
    low, high = row["percent_low"], row["percent_high"]
    if not math.isnan(low):
        axes.plot([min(low, _CUT), min(high, _CUT)], [y, y], color=ink, lw=1.6)
    if max(row["percent"], high) > _CUT:
        axes.plot(_CUT * 1.04, y, ">", ms=6, color=ink)
    filled = row["p_adjusted"] < ALPHA
    axes.plot(min(row["percent"], _CUT), y, "o", ms=6.5, mec=ink, mew=1.6,
              mfc=ink if filled else "white")  # fmt: skip


def _description(table: pd.DataFrame) -> str:
    said = [
        f"{visible(row['feature'], 30)} with {visible(row['condition'], 30)}: "
        f"{row['percent']:+.0f} %"
        for row in table.head(12).to_dict("records")
    ]
    return "Changes in percent. " + "; ".join(said) + "."
