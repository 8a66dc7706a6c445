"""Cells as a cloud, replicates on top (SuperPlots): what each difference rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cellwright.report.answer.data import MOST_CELLS, Answer
from cellwright.report.drawing import (
    INK,
    colours,
    drawing_style,
    new_drawing,
    page_svg,
    spread,
    svg_text,
    tidy_axes,
)
from cellwright.report.section import Figure
from cellwright.report.template import Markup, fill
from cellwright.report.wording import quantity, visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["superplots"]

_MOST = 16
_ROW_INCHES, _LONGEST, _BAND = 0.62, 30, 0.3
_QUANTILES = (0.005, 0.995)
_MARKS = "oDs^vP*Xp<>hdH8"


def superplots(answer: Answer) -> tuple[Markup, tuple[Figure, ...]] | None:
    """Draw each of the chosen features; None where there is none."""
    figures: list[Figure] = []
    parts: list[Markup] = []
    units = {one.name: one.unit for one in answer.comparison.features}
    for number, name in enumerate(answer.drawn, 1):
        cloud = answer.clouds[name]
        replicates = answer.comparison.replicates
        own = replicates[replicates["feature"] == name]
        if not len(cloud):
            continue
        file = f"superplot_{number}"
        svg = _draw(file, cloud, own, answer, _axis(name, units[name]))
        figures.append(Figure(file, svg, _numbers(name, cloud, own)))
        drawing = page_svg(svg, file, _description(name, own))
        parts.append(
            fill(
                "answer_figure.html.j2",
                drawing=drawing,
                caption=_caption(name, first=not parts) + _left_out(answer),
                name=file,
            )
        )
    return (Markup("\n").join(parts), tuple(figures)) if parts else None


def _axis(name: str, unit: str) -> str:
    return visible(name, 60) + (f", {unit}" if unit not in {"", "1"} else "")


def _draw(
    file: str, cloud: pd.DataFrame, replicates: pd.DataFrame, answer: Answer, label: str
) -> str:
    design = answer.comparison.design
    names = [one.name for one in design.conditions][:_MOST]
    marks = {unit: _MARKS[place % len(_MARKS)] for place, unit in enumerate(_units(replicates))}
    with drawing_style(file):
        figure, axes = new_drawing(0.75 + _ROW_INCHES * len(names))
        for row, (name, colour) in enumerate(zip(names, colours(len(names)), strict=True)):
            values = cloud.loc[cloud["condition"] == name, "value"].to_numpy(np.float64)
            axes.plot(values, row + _BAND * spread(len(values)), "o", ms=3, mec="none",
                      mfc=colour, alpha=0.3, rasterized=len(cloud) > 800)  # fmt: skip
            own = replicates[replicates["condition"] == name]
            for one in own.to_dict("records"):
                axes.plot(one["value"], row, marks[one["replicate"]], ms=9, mfc=colour,
                          mec="white", mew=1.2, zorder=3)  # fmt: skip
            if len(own):
                middle = float(own["value"].mean())
                axes.plot([middle, middle], [row - 0.38, row + 0.38], color=INK, lw=1.8)
        _join_pairs(axes, replicates, names)
        axes.set_yticks(range(len(names)), [visible(name, _LONGEST) for name in names])
        axes.set_ylim(len(names) - 0.45, -0.55)
        low, high = np.quantile(cloud["value"], _QUANTILES)
        ends = [low, high, *replicates["value"]]
        room = 0.04 * (max(ends) - min(ends) or 1)
        axes.set_xlim(min(ends) - room, max(ends) + room)
        axes.set_xlabel(label)
        tidy_axes(axes, grid="x")
        return svg_text(figure)


def _units(replicates: pd.DataFrame) -> list[str]:
    return sorted(set(replicates["replicate"]))


def _join_pairs(axes: Axes, replicates: pd.DataFrame, names: list[str]) -> None:
    """Lines between the conditions of a replicate, from row to row."""
    for unit in _units(replicates):
        own = replicates[replicates["replicate"] == unit].set_index("condition")["value"]
        places = [(float(own[name]), row) for row, name in enumerate(names) if name in own.index]
        if len(places) > 1:
            axes.plot(*zip(*places, strict=True), color=INK, lw=0.8, alpha=0.55, zorder=2)


def _numbers(name: str, cloud: pd.DataFrame, replicates: pd.DataFrame) -> pd.DataFrame:
    cells = cloud.assign(feature=name, what="cell", replicate="")
    means = replicates.assign(what="replicate")
    columns = ["feature", "what", "condition", "replicate", "value"]
    return pd.concat([means[columns], cells[columns]], ignore_index=True)


def _description(name: str, replicates: pd.DataFrame) -> str:
    means = replicates.groupby("condition", sort=False)["value"].mean()
    said = [f"{visible(where, 30)}: {quantity(value)}" for where, value in means.items()]
    return f"{visible(name, 60)} by condition, replicates on a cloud of cells. " + "; ".join(said)


def _left_out(answer: Answer) -> str:
    count = len(answer.comparison.design.conditions)
    return f" Of {count} conditions the first {_MOST} are drawn." if count > _MOST else ""


def _caption(name: str, *, first: bool) -> str:
    """What the figure shows; how it is to be read stands with the first."""
    title = f"{visible(name, 60)}."
    if not first:
        return title
    return (
        f"{title} Small dots are cells (at most {MOST_CELLS} of each condition, evenly over the "
        "sorted values), large marks the means of replicates, joined from condition to condition "
        "where it is the same replicate; the line is the mean of the replicates. The ends of the "
        "cloud (half a percent on each side) may lie outside."
    )
