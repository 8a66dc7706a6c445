"""Odd cells within the report of a run."""

from __future__ import annotations

from cellwright.report.odd_cells.figures import cell_map, shares
from cellwright.report.odd_cells.page import result
from cellwright.report.odd_cells.pictures import crops, fields
from cellwright.report.section import Content, ReportData, Section
from cellwright.report.template import Markup, fill

__all__ = ["SECTION"]


def render(data: ReportData) -> Content | None:
    """Shares, a map, pictures and the oddest cells; None where nobody looked for them."""
    page = data.odd
    if page is None:
        return None
    drawn = [figure for figure in (shares(page), cell_map(page)) if figure is not None]
    html = fill(
        "odd_section.html.j2",
        result=result(page),
        figures=Markup("\n").join(html for html, _ in drawn),
        fields=fields(page),
        crops=crops(page),
    )
    return Content(html, tuple(figure for _, figure in drawn), ("odd_cells.css",))


SECTION = Section("odd", "Odd cells", 62, render)
