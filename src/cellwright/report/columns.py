"""The legend of the table of cells: every column with its unit and meaning."""

from __future__ import annotations

from cellwright.core.columns import Column
from cellwright.report.section import Content, ReportData, Section
from cellwright.report.table import Heading, TableCell, table, text_cell
from cellwright.report.template import fill
from cellwright.report.wording import counted

__all__ = ["SECTION"]

_PURE_NUMBER = "1"


def render(data: ReportData) -> Content | None:
    """One row a column, as declared; None where nothing was declared."""
    if not data.columns:
        return None
    headings = (
        Heading("Column"),
        Heading("Unit"),
        Heading("Meaning"),
        Heading("Compare between conditions", help="Whether a mean of it says anything"),
        Heading("Definition from"),
    )
    rows = [
        (
            text_cell(column.name),
            text_cell("none" if column.unit == _PURE_NUMBER else column.unit),
            text_cell(column.meaning),
            TableCell(_comparison(column)),
            text_cell(column.source),
        )
        for column in data.columns
    ]
    grid = table("columns-table", "Columns of cells.csv", headings, rows)
    return Content(
        fill("columns.html.j2", table=grid, summary=counted(len(data.columns), "column"))
    )


def _comparison(column: Column) -> str:
    if not column.comparable:
        return "no"
    if column.circular:
        return "yes, as an angle"
    return "yes"


SECTION = Section("columns", "Columns", 80, render)
