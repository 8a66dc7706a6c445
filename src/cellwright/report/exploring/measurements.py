"""Section: what the cells of each condition are like, feature by feature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cellwright.report.exploring.boxes import FEWEST_FOR_A_BOX, box_plots
from cellwright.report.exploring.parts import figure_html
from cellwright.report.exploring.rainclouds import MOST_TICKS, most_dots, raincloud
from cellwright.report.exploring.wording import (
    DRAWN_CONDITIONS,
    FEWEST_CELLS,
    NOT_N,
    UNITLESS,
    axis_label,
    condition_names,
    feature_name,
)
from cellwright.report.groups import condition_name
from cellwright.report.section import Content, Figure, ReportData, Section
from cellwright.report.table import Heading, TableCell, count_cell, number_cell, table, text_cell
from cellwright.report.template import Markup, fill
from cellwright.report.wording import between, counted, quantity
from cellwright.stats.describing import Described

__all__ = ["SECTION"]

MOST_ROWS = 400
"""Rows of the table in the page; the CSV has all."""
_OVERVIEW = "measurements"
_SPOKEN = 12


def render(data: ReportData) -> Content | None:
    """Box plots, each main feature in full, and the table; None where nothing is measured."""
    described = data.described
    if described is None or not described.n_cells or not described.main:
        return None
    svg = box_plots(described, _OVERVIEW)
    figures = [Figure(_OVERVIEW, svg, described.table)]
    first = figure_html(figures[0], _description(described, described.main[0]), _caption(described))
    more = []
    for number, name in enumerate(described.main if described.n_cells >= FEWEST_CELLS else (), 1):
        figure = raincloud(described, name, f"distribution_{number}")
        figures.append(figure)
        caption = _caption_of_one(described, name, first=number == 1)
        label = axis_label(described.feature(name))
        more.append(
            {
                "title": f"{label[:1].upper()}{label[1:]}: violin, swarm and histogram",
                "html": figure_html(figure, _description(described, name), caption),
            }
        )
    more.append({"title": "Descriptive statistics of all measurements", "html": _table(described)})
    html = fill("exploring.html.j2", about=_about(described), first=first, more=more)
    return Content(html, tuple(figures))


def _about(described: Described) -> str:
    said = f"{counted(described.n_cells, 'cell')}, all described, none tested. {NOT_N}"
    return said if _has_replicates(described) else f"{said} No replicate was stated."


def _has_replicates(described: Described) -> bool:
    return bool(described.table["n_replicates"].any())


def _description(described: Described, feature: str) -> str:
    """The medians in words, for those who cannot see the figure."""
    names = condition_names(described)
    one = described.feature(feature)
    unit = "" if one.unit in UNITLESS else f" {one.unit}"
    rows: list[Any] = described.table[described.table["feature"] == feature].to_dict("records")
    said = [
        f"{names[row['condition']]}: median {quantity(row['median'])}{unit} of "
        f"{counted(row['n_cells'], 'cell')}"
        for row in rows[:_SPOKEN]
    ]
    return f"Distribution of {feature_name(one)} by condition. {'; '.join(said)}."


def _caption(described: Described) -> str:
    own = described.table[described.table["feature"] == described.main[0]]["n_cells"]
    said = [
        "Boxes hold the middle half of the cells, whiskers nine tenths of them; the line is "
        "their median."
    ]
    if own.between(1, FEWEST_FOR_A_BOX - 1).any():
        said.append(f"Fewer than {FEWEST_FOR_A_BOX} cells are drawn themselves, as dots.")
    if _has_replicates(described):
        said.append("Each diamond is the median of the cells of a replicate.")
    left_out = len(described.conditions) - DRAWN_CONDITIONS
    if left_out > 0:
        said.append(f"{counted(left_out, 'more condition')} in the table below.")
    left_out = len(described.numbers) - len(described.main)
    if left_out > 0:
        said.append(f"{counted(left_out, 'more measurement')} in the table below.")
    return " ".join(said)


def _caption_of_one(described: Described, feature: str, *, first: bool) -> str:
    """How the figure is to be read stands with the first; what is its own, with each."""
    said = []
    table = described.table[described.table["feature"] == feature]
    if first:
        swarm = "its cells"
        if table["n_cells"].max() > most_dots(described):
            swarm = f"an even sample of at most {most_dots(described)} of its cells"
        said.append(
            f"Left the distribution of each condition with box and whiskers as above, on a swarm "
            f"of {swarm}; right the share of its cells in each bin."
        )
        if table["n_pictures"].between(2, MOST_TICKS).any():
            said.append(
                f"Each tick is the median of a picture (where there are at most {MOST_TICKS})."
            )
    bins = described.histograms[described.histograms["feature"] == feature]
    beyond = int(table["n_cells"].sum() - bins["n_cells"].sum())
    if beyond:
        verb = "lies" if beyond == 1 else "lie"
        said.append(
            f"{counted(beyond, 'cell')} {verb} beyond the ends of the axis, and count in every "
            "number."
        )
    missing = int(table["missing"].sum())
    if missing:
        said.append(f"{counted(missing, 'cell')} {'has' if missing == 1 else 'have'} no value.")
    return " ".join(said)


_HEADINGS = (
    Heading("Measurement"),
    Heading("Condition"),
    Heading("Replicates (n)", "number", "With at least one cell that has a value"),
    Heading("Pictures", "number"),
    Heading("Cells", "number", "That have a value"),
    Heading("Mean", "number", "Of all cells"),
    Heading("SD", "number", "Of all cells: how much cells differ, not how sure the mean is"),
    Heading("Median", "number"),
    Heading("Middle half", "number", "First to third quartile"),
    Heading("Range", "number", "Smallest to largest"),
    Heading("Missing", "number", "Cells without a value"),
)


def _table(described: Described) -> Markup:
    rows: list[Any] = described.table.to_dict("records")
    shown = table(
        "descriptive-table",
        "Measurements of all cells by condition",
        _HEADINGS,
        [_row(row, described) for row in rows[:MOST_ROWS]],
        interactive=True,
    )
    left = len(rows) - MOST_ROWS
    if left <= 0:
        return shown
    return shown + fill("note.html.j2", text=f"{counted(left, 'more row')} in the numbers above.")


def _row(row: Mapping[str, Any], described: Described) -> tuple[Any, ...]:
    unit = f" ({row['unit']})" if row["unit"] not in UNITLESS else ""
    condition = condition_name(row["condition"], described.conditions)
    return (
        text_cell(f"{row['feature']}{unit}", longest=48),
        text_cell(condition, longest=40),
        count_cell(row["n_replicates"] or None),
        count_cell(row["n_pictures"]),
        count_cell(row["n_cells"]),
        number_cell(row["mean"]),
        number_cell(row["sd"]),
        number_cell(row["median"]),
        _span(row["q25"], row["q75"]),
        _span(row["minimum"], row["maximum"]),
        count_cell(row["missing"]),
    )


def _span(low: float, high: float) -> TableCell:
    """A range, sorted by its lower end."""
    return replace(number_cell(low), text=between(low, high))


SECTION = Section("measurements", "Measurements", 50, render)
