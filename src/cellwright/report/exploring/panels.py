"""A panel for each condition: its cells before all others."""

from __future__ import annotations

import pandas as pd

from cellwright.report.drawing import (
    WIDTH,
    colours,
    drawing_style,
    new_panels,
    svg_text,
    tidy_axes,
)
from cellwright.report.exploring.clouds import MANY, cloud_of, draw_half, draw_one, ends_of
from cellwright.report.exploring.wording import condition_names, few_ticks
from cellwright.stats.describing import Described

__all__ = ["DRAWN_PANELS", "most_dots", "panel_plot"]

DRAWN_PANELS = 12
"""More do not fit on a screen."""
_MOST_DOTS, _MOST_IN_ALL = 400, 3000
"""Cells of a condition, and of all that are drawn."""
_FEW = 6
_COLUMNS, _MORE_COLUMNS = 3, 4
_SHAPE = 0.75
"""Height of a panel, as a share of its width."""
_LONGEST = 32


def most_dots(described: Described) -> int:
    """Cells of a condition in its panel: an even sample of more."""
    return min(_MOST_DOTS, _MOST_IN_ALL // min(len(described.conditions), DRAWN_PANELS))


def panel_plot(
    described: Described,
    cells: pd.DataFrame,
    x: tuple[str, str],
    y: tuple[str, str],
    file: str,
) -> str:
    """Draw it.

    Parameters
    ----------
    described
        Names of conditions.
    cells
        One row a cell: ``condition`` and the columns of both axes.
    x, y
        Column and label of each axis.
    file
        Name of the figure.
    """
    names = condition_names(described, _LONGEST)
    cloud = cloud_of(cells, x[0], y[0], described.conditions)
    ends = ends_of(cells[x[0]]), ends_of(cells[y[0]])
    shown = list(cloud)[:DRAWN_PANELS]
    columns = _COLUMNS if len(shown) <= _FEW else _MORE_COLUMNS
    rows = -(-len(shown) // columns)
    height = 0.5 + rows * _SHAPE * WIDTH / columns
    inks = colours(len(cloud) if len(cloud) <= MANY else MANY + 1)
    with drawing_style(file):
        figure, panels = new_panels(height, rows, columns, sharex=True, sharey=True)
        for place, name in enumerate(shown):
            axes = panels.flat[place]
            ink = inks[place % len(inks)]
            draw_one(axes, cloud, name, ink, most_dots(described), size=2.2)
            draw_half(axes, cloud[name], ends, ink)
            axes.set_title(names[name], loc="left", fontsize=10)
            tidy_axes(axes, grid="both")
            axes.xaxis.set_major_locator(few_ticks(5))
            axes.tick_params(labelbottom=place + columns >= len(shown))
        for axes in panels.flat[len(shown) :]:
            axes.set_visible(False)
        panels[0, 0].set_xlim(*ends[0])
        panels[0, 0].set_ylim(*ends[1])
        figure.supxlabel(x[1], fontsize=10.5)
        figure.supylabel(y[1], fontsize=10.5)
        return svg_text(figure)
