"""Cells per picture, by condition: dots for pictures, replicate means on top."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pandas as pd

from cellwright.report.drawing import (
    DRAWN_AS_PIXELS,
    INK,
    colours,
    drawing_style,
    new_drawing,
    page_svg,
    spread,
    svg_text,
    tidy_axes,
)
from cellwright.report.groups import (
    condition_name,
    condition_table,
    conditions,
    measured_pictures,
    replicate_means,
)
from cellwright.report.section import Content, Figure, ReportData, Section
from cellwright.report.table import Heading, TableCell, count_cell, number_cell, table, text_cell
from cellwright.report.template import Markup, fill
from cellwright.report.wording import between, counted, visible

__all__ = ["SECTION"]

VALUE = "cells_per_frame"
DRAWN_CONDITIONS = 40
"""More rows than this do not fit on a screen; all are in the table and the CSV."""
_ROW_INCHES = 0.62
_SPREAD = 0.28  # half the height of the band of dots, in rows


def render(data: ReportData) -> Content | None:
    """Figure and table; None where nothing was measured."""
    pictures = measured_pictures(data)
    if not len(pictures):
        return None
    movie = bool((pictures["frames"] > 1).any())
    unit = "cells per frame" if movie else "cells per picture"
    names = conditions(pictures)[:DRAWN_CONDITIONS]
    figures: tuple[Figure, ...] = ()
    drawing = Markup("")
    if len(pictures) > 1:
        svg = _draw(pictures, names, unit)
        figures = (Figure("counts", svg, _table_of_figure(pictures)),)
        drawing = page_svg(svg, "counts", _description(pictures, names, unit))
    summary = condition_table(pictures, VALUE)
    html = fill(
        "counts.html.j2",
        drawing=drawing,
        table=_summary(pictures, summary, unit),
        caption=_caption(pictures),
        basis=_basis(summary),
    )
    return Content(html, figures)


def _draw(pictures: pd.DataFrame, names: tuple[str, ...], unit: str) -> str:
    means = replicate_means(pictures, VALUE)
    summary = condition_table(pictures, VALUE).set_index("condition")["mean"]
    many = len(pictures) > DRAWN_AS_PIXELS
    with drawing_style("counts"):
        figure, axes = new_drawing(0.75 + _ROW_INCHES * len(names))
        for row, (name, colour) in enumerate(zip(names, colours(len(names)), strict=True)):
            values = np.sort(pictures.loc[pictures["condition"] == name, VALUE].dropna())
            heights = row + _SPREAD * spread(len(values))
            axes.plot(values, heights, "o", ms=4.6, mec="none", mfc=colour, alpha=0.6,
                      rasterized=many)  # fmt: skip
            level = float(summary[name])
            axes.plot([level, level], [row - 0.38, row + 0.38], color=INK, lw=1.8)
            of_replicates = means.loc[means["condition"] == name, "mean"].to_numpy()
            axes.plot(of_replicates, np.full(len(of_replicates), float(row)), "D", ms=8,
                      mfc=colour, mec="white", mew=1.2)  # fmt: skip
        known = conditions(pictures)
        axes.set_yticks(range(len(names)),
                        [visible(condition_name(name, known), 30) for name in names])  # fmt: skip
        axes.set_ylim(len(names) - 0.45, -0.55)
        largest = float(np.nanmax(pictures[VALUE])) if pictures[VALUE].notna().any() else 1.0
        axes.set_xlim(-0.02 * max(largest, 1.0), 1.05 * max(largest, 1.0))
        axes.set_xlabel(unit)
        tidy_axes(axes, grid="x")
        return svg_text(figure)


def _description(pictures: pd.DataFrame, names: tuple[str, ...], unit: str) -> str:
    known = conditions(pictures)
    said = [
        f"{visible(condition_name(row['condition'], known), 30)}: mean {row['mean']:.1f}"
        f" in {counted(row['n_pictures'], 'picture')}"
        for row in _rows(condition_table(pictures, VALUE))
        if row["condition"] in names[:12]
    ]
    return f"Dot plot of {unit} by condition. " + "; ".join(said) + "."


def _caption(pictures: pd.DataFrame) -> str:
    movie = " (a movie is one dot, its mean over frames)" if (pictures["frames"] > 1).any() else ""
    if len(replicate_means(pictures, VALUE)):
        said = [
            f"Each dot is a picture{movie}, each diamond the mean of a replicate, the line the "
            "mean of the condition. n is the number of replicates."
        ]
    else:
        said = [
            f"Each dot is a picture{movie}, the line their mean. No replicates were stated: "
            "pictures are not independent experiments, and their spread carries no comparison."
        ]
    left_out = len(conditions(pictures)) - DRAWN_CONDITIONS
    if left_out > 0:
        said.append(f"{counted(left_out, 'more condition')} in the table below.")
    return " ".join(said)


def _table_of_figure(pictures: pd.DataFrame) -> pd.DataFrame:
    columns = ["image", "condition", "replicate", "n_cells", "frames", VALUE]
    return pictures[columns].astype({"frames": "int64"})


def _summary(pictures: pd.DataFrame, summary: pd.DataFrame, unit: str) -> Markup:
    known = conditions(pictures)
    cells = pictures.groupby("condition", sort=False)["n_cells"].sum()
    headings = (
        Heading("Condition"),
        Heading("Replicates (n)", "number"),
        Heading("Pictures", "number"),
        Heading("Cells", "number"),
        Heading(f"Mean {unit}", "number"),
        Heading("SD", "number"),
        Heading("Fewest to most in a picture", "number"),
    )
    rows = [
        (
            text_cell(condition_name(row["condition"], known), longest=40),
            count_cell(row["n_replicates"] or None),
            count_cell(row["n_pictures"]),
            count_cell(cells[row["condition"]]),
            number_cell(row["mean"]),
            number_cell(row["sd"]),
            TableCell(between(row["smallest"], row["largest"])),
        )
        for row in _rows(summary)
    ]
    return table("counts-table", f"{unit.capitalize()} by condition", headings, rows)


def _basis(summary: pd.DataFrame) -> str:
    """Over what the means and standard deviations of the table are."""
    of = set(summary["of"])
    if of == {"replicates"}:
        return "Mean and SD are over the means of the replicates."
    pictures = "over pictures; such an SD says how much pictures differ, not how sure the mean is."
    if of == {"pictures"}:
        return f"Mean and SD are {pictures}"
    return f"Mean and SD are over replicates where all pictures have one, else {pictures}"


def _rows(summary: pd.DataFrame) -> list[dict[str, Any]]:
    return cast("list[dict[str, Any]]", summary.to_dict("records"))


SECTION = Section("counts", "Counts", 40, render)
