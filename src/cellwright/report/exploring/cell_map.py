"""Section: all cells on one map, by all their measurements."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cellwright.report.drawing import (
    INK,
    colours,
    drawing_style,
    new_drawing,
    new_panels,
    svg_text,
    tidy_axes,
)
from cellwright.report.exploring.clouds import MANY, cloud_of, draw_half, draw_mixed, ends_of
from cellwright.report.exploring.pairs import drawn_conditions, legend
from cellwright.report.exploring.panels import most_dots, panel_plot
from cellwright.report.exploring.parts import figure_html
from cellwright.report.exploring.relations import left_out_panels
from cellwright.report.exploring.wording import FEWEST_CELLS, feature_name
from cellwright.report.section import Content, Figure, ReportData, Section
from cellwright.report.template import fill
from cellwright.report.wording import counted, joined
from cellwright.stats.describing import Described
from cellwright.stats.principal import COPIES, CellMap, cell_map

__all__ = ["SECTION"]

_MOST_MIXED = 3000
"""Dots, over all conditions, in one panel."""
_INCHES = 5.6
_NAMED = 3
_WHICH = ("first", "second")

_ABOUT = (
    "Each dot is a cell; cells that are alike in all measurements lie close together. It is a map "
    "to look at, and no test: dots that lie apart may do so because of a picture, a day or a plate."
)


def render(data: ReportData) -> Content | None:
    """Principal components; None where there are too few features or cells."""
    described = data.described
    if described is None or described.n_cells < FEWEST_CELLS:
        return None
    found = cell_map(described.sample, described.numbers, described.correlation)
    if found is None:
        return None
    cells = described.sample.iloc[found.rows]
    cells = cells[["image", "frame", "label", "condition", "replicate"]].assign(
        first=found.places[:, 0], second=found.places[:, 1]
    )
    labels = [
        f"{which} principal component ({share:.0%} of the variance)".replace("%", " %")
        for which, share in zip(("first", "second"), found.explained, strict=True)
    ]
    if len(described.conditions) <= MANY:
        svg = _one_map(described, cells, labels)
        how = (
            f"Dots are an even sample of at most {_MOST_MIXED // len(described.conditions):,} "
            "cells of each condition"
        )
    else:
        svg = panel_plot(described, cells, ("first", labels[0]), ("second", labels[1]), "cell_map")
        how = (
            f"At most {most_dots(described)} cells of each condition, before all conditions in grey"
        )
    main = Figure("cell_map", svg, cells)
    loadings = Figure("cell_map_loadings", _loadings(described, found), found.loadings)
    first = figure_html(
        main,
        f"Map of {counted(len(cells), 'cell')} by all measurements. {_meaning(described, found)}",
        _caption(described, found, how),
    )
    more = figure_html(loadings, _meaning(described, found), _caption_of_loadings(found))
    html = fill(
        "exploring.html.j2",
        about=_ABOUT,
        first=first,
        more=[{"title": "What the two directions are made of", "html": more}],
    )
    return Content(html, (main, loadings))


def _one_map(described: Described, cells: pd.DataFrame, labels: list[str]) -> str:
    """All conditions in one panel, a line round the half of each."""
    conditions = drawn_conditions(described)
    cloud = cloud_of(cells, "first", "second", conditions)
    ends = ends_of(cells["first"]), ends_of(cells["second"])
    with drawing_style("cell_map"):
        figure, axes = new_drawing(_INCHES)
        draw_mixed(axes, cloud, _MOST_MIXED // len(cloud), size=2.4)
        for places, ink in zip(cloud.values(), colours(len(cloud)), strict=True):
            draw_half(axes, places, ends, ink)
        axes.set_xlim(*ends[0])
        axes.set_ylim(*ends[1])
        axes.set_xlabel(labels[0])
        axes.set_ylabel(labels[1])
        tidy_axes(axes, grid="both")
        legend(figure, described, conditions)
        return svg_text(figure)


def _loadings(described: Described, found: CellMap) -> str:
    """The weight of each measurement in both directions."""
    table = found.loadings
    rows = np.arange(len(table))
    names = [feature_name(described.feature(name)) for name in table["feature"]]
    with drawing_style("cell_map_loadings"):
        figure, panels = new_panels(0.7 + 0.24 * len(table), 1, 2, sharey=True, sharex=True)
        for axes, column, title in zip(panels[0], ("first", "second"), _WHICH, strict=True):
            axes.barh(rows, table[column], height=0.62, color=colours(1)[0], alpha=0.8)
            axes.axvline(0, color=INK, lw=0.8)
            axes.set_xlabel(f"weight in the {title} component")
            tidy_axes(axes, grid="x")
        panels[0, 0].set_yticks(rows, names, fontsize=9.5)
        panels[0, 0].set_ylim(len(table) - 0.4, -0.6)
        return svg_text(figure)


def _meaning(described: Described, found: CellMap) -> str:
    """The measurements that weigh most, in words."""
    said = []
    for column, title in zip(("first", "second"), _WHICH, strict=True):
        weights = found.loadings.set_index("feature")[column]
        heaviest = weights.abs().sort_values(ascending=False, kind="stable").index[:_NAMED]
        names = [feature_name(described.feature(str(name))) for name in heaviest]
        said.append(f"The {title} direction is mostly {joined(names)}.")
    return " ".join(said)


def _caption(described: Described, found: CellMap, how: str) -> str:
    said = [
        f"Principal components of normal scores of {len(found.loadings)} measurements. {how}; "
        "lines hold the densest half of a condition's cells.",
        _meaning(described, found),
    ]
    lacking = len(described.sample) - found.rows.size
    if lacking:
        verb = "lacks" if lacking == 1 else "lack"
        said.append(f"{counted(lacking, 'cell')} of the sample {verb} a measurement.")
    if len(described.conditions) > MANY:
        said.append(left_out_panels(described))
    return " ".join(part for part in said if part)


def _caption_of_loadings(found: CellMap) -> str:
    said = []
    copies = sum(len(text.split()) for text in found.loadings["counts_for"])
    if copies:
        said.append(
            f"{counted(copies, 'measurement')} that nearly {'copies' if copies == 1 else 'copy'} "
            f"another (correlation of {COPIES} or more) {'is' if copies == 1 else 'are'} counted "
            "with it."
        )
    if found.unused:
        said.append(
            f"Not used, as too few cells have it or all have the same: "
            f"{joined(found.unused, most=4)}."
        )
    return " ".join(said)


SECTION = Section("cell-map", "Map of cells", 54, render)
