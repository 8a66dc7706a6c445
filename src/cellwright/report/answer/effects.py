"""All effects beside each other: the change in percent, with its interval."""

from __future__ import annotations

import math

import pandas as pd

from cellwright.report.answer.data import Answer
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

__all__ = ["effects"]

_MOST_FEATURES, _MOST_CONDITIONS = 16, 6
_ROW_INCHES, _LONGEST = 0.3, 34
_ALPHA = 0.05
_CUT = 400.0
"""Percent beyond which an interval is drawn as an arrow: it would squeeze all others."""


def effects(answer: Answer) -> tuple[Markup, tuple[Figure, ...]] | None:
    """Draw the changes in percent; None where there are none."""
    rows = [row for row in answer.rows if not math.isnan(row["percent"])]
    features = list(dict.fromkeys(row["feature"] for row in rows))[:_MOST_FEATURES]
    known = [one.name for one in answer.comparison.design.others][:_MOST_CONDITIONS]
    shown = [row for row in rows if row["feature"] in features and row["condition"] in known]
    if not shown:
        return None
    table = pd.DataFrame(shown)[
        ["feature", "condition", "percent", "percent_low", "percent_high", "p_adjusted"]
    ]
    svg = _draw(table, features, known)
    drawing = page_svg(svg, "effects", _description(table))
    caption = (
        "Change against the reference, in percent, with its interval over replicates (from their "
        "logarithms; none below three replicates). Filled: p below 0.05 after the adjustment."
    )
    html = fill("answer_figure.html.j2", drawing=drawing, caption=caption, name="effects")
    return html, (Figure("effects", svg, table),)


def _draw(table: pd.DataFrame, features: list[str], conditions: list[str]) -> str:
    step = 0.8 / max(len(conditions), 1)
    with drawing_style("effects"):
        inches = _ROW_INCHES * len(features) * max(1.0, len(conditions) * 0.6)
        figure, axes = new_drawing(1.1 + inches)
        axes.axvline(0, color=INK, lw=1)
        for place, (name, colour) in enumerate(
            zip(conditions, colours(len(conditions) + 1)[1:], strict=True)  # as in all figures
        ):
            here = table[table["condition"] == name]
            for row in here.to_dict("records"):
                y = features.index(row["feature"]) + (place + 0.5) * step - 0.4
                low, high = row["percent_low"], row["percent_high"]
                if not math.isnan(low):
                    axes.plot([max(low, -100), min(high, _CUT)], [y, y], color=colour, lw=1.6)
                filled = row["p_adjusted"] < _ALPHA
                axes.plot(min(row["percent"], _CUT), y, "o", ms=6.5, mec=colour, mew=1.6,
                          mfc=colour if filled else "white")  # fmt: skip
            axes.plot([], [], "o", color=colour, label=visible(name, _LONGEST))
        axes.set_yticks(range(len(features)), [visible(name, _LONGEST) for name in features])
        axes.set_ylim(len(features) - 0.4, -0.6)
        axes.set_xlabel("change against the reference, %")
        tidy_axes(axes, grid="x")
        if len(conditions) > 1:
            figure.legend(loc="outside upper left", ncols=min(len(conditions), 4), frameon=False)
        return svg_text(figure)


def _description(table: pd.DataFrame) -> str:
    said = [
        f"{visible(row['feature'], 30)} with {visible(row['condition'], 30)}: "
        f"{row['percent']:+.0f} %"
        for row in table.head(12).to_dict("records")
    ]
    return "Changes in percent. " + "; ".join(said) + "."
