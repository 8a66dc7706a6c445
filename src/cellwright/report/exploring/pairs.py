"""Pair plot: each two of the first features, with their correlation."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from cellwright.report.drawing import colours, drawing_style, new_panels, svg_text
from cellwright.report.exploring.clouds import MANY, cloud_of, draw_half, draw_mixed, ends_of
from cellwright.report.exploring.heat_map import number_text
from cellwright.report.exploring.wording import axis_label, condition_names, few_ticks
from cellwright.stats.describing import Described
from cellwright.stats.principal import COPIES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

__all__ = ["MOST_PAIRED", "drawn_conditions", "legend", "pair_plot", "paired"]

MOST_PAIRED = 4
"""Features."""
MOST_DOTS = 480
"""In a panel."""
_PANEL_INCHES, _HEADROOM = 1.75, 0.7
_LONGEST, _LINE = 24, 22


Numbers = npt.NDArray[np.float64]


def paired(described: Described) -> list[str]:
    """Features of the plot: the first main ones that vary, none nearly a copy of another."""
    varying = described.varying
    found: list[str] = []
    for name in described.main:
        copies = any(abs(described.coefficient(name, other)) >= COPIES for other in found)
        if name in varying and not copies:
            found.append(name)
    return found[:MOST_PAIRED]


def pair_plot(described: Described, names: list[str], file: str) -> str:
    """Dots and halves below the diagonal, curves on it, coefficients above."""
    conditions = drawn_conditions(described)
    n = len(names)
    with drawing_style(file):
        figure, panels = new_panels(_HEADROOM + _PANEL_INCHES * n, n, n)
        for row, column in np.ndindex(n, n):
            axes: Axes = panels[row, column]
            if row == column:
                _curves(axes, described, names[row], conditions)
            elif row < column:
                _coefficient(axes, described.coefficient(names[row], names[column]))
            else:
                _cells(axes, described, names[column], names[row], conditions)
            if row >= column:
                _label(axes, described, names, row, column)
        legend(figure, described, conditions)
        return svg_text(figure)


def drawn_conditions(described: Described) -> list[str]:
    """Conditions that are told apart by colour: all, or none where there are many."""
    return list(described.conditions) if len(described.conditions) <= MANY else []


def legend(figure: Drawing, described: Described, conditions: list[str]) -> None:
    """Names of the colours; nothing where there is one, or none is told apart."""
    from matplotlib.lines import Line2D

    if len(conditions) < 2:
        return
    names = condition_names(described, _LONGEST)
    marks = [
        Line2D([], [], marker="o", ls="none", color=ink, label=names[name])
        for name, ink in zip(conditions, colours(len(conditions)), strict=True)
    ]
    figure.legend(handles=marks, loc="outside upper left", ncols=3, frameon=False)


def _cells(axes: Axes, described: Described, x: str, y: str, conditions: list[str]) -> None:
    cloud = cloud_of(described.sample, x, y, conditions)
    ends = ends_of(described.sample[x]), ends_of(described.sample[y])
    draw_mixed(axes, cloud, MOST_DOTS // len(cloud), size=1.9)
    for places, ink in zip(cloud.values(), colours(len(cloud)), strict=True):
        draw_half(axes, places, ends, ink)
    axes.set_xlim(*ends[0])
    axes.set_ylim(*ends[1])


def _curves(axes: Axes, described: Described, name: str, conditions: list[str]) -> None:
    curves = described.curves[described.curves["feature"] == name]
    for condition, ink in zip(conditions, colours(len(conditions)), strict=True):
        own = curves[curves["condition"] == condition]
        axes.plot(own["value"], own["density"], color=ink, lw=1.4)
    if not conditions:
        axes.plot(*_together(described, curves), color=colours(1)[0], lw=1.4)
    axes.set_xlim(*ends_of(described.sample[name]))
    axes.set_ylim(bottom=0)


def _together(described: Described, curves: pd.DataFrame) -> tuple[Numbers, Numbers]:
    """The curve of all conditions: their mean, weighted by cells."""
    table = described.table[described.table["feature"].isin(curves["feature"])]
    cells = curves["condition"].map(table.set_index("condition")["n_cells"])
    weighted = curves.assign(cells=cells, product=cells * curves["density"])
    sums = weighted.groupby("value", sort=True)[["cells", "product"]].sum()
    return sums.index.to_numpy(np.float64), (sums["product"] / sums["cells"]).to_numpy(np.float64)


def _coefficient(axes: Axes, value: float) -> None:
    axes.text(0.5, 0.5, number_text(value), transform=axes.transAxes, ha="center", va="center",
              fontsize=17)  # fmt: skip
    axes.set_axis_off()


def _label(axes: Axes, described: Described, names: list[str], row: int, column: int) -> None:
    """Labels at the left and at the bottom only."""
    axes.tick_params(length=2, labelsize=8)
    axes.xaxis.set_major_locator(few_ticks(4))
    axes.yaxis.set_major_locator(few_ticks(4))
    if row == column:
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
    if row == len(names) - 1:
        axes.set_xlabel(_wrapped(described, names[column]), fontsize=9)
    else:
        axes.tick_params(labelbottom=False)
    if column == 0:
        axes.set_ylabel(_wrapped(described, names[row]), fontsize=9)
    else:
        axes.tick_params(labelleft=False)


def _wrapped(described: Described, name: str) -> str:
    return "\n".join(wrap(axis_label(described.feature(name)), _LINE))
