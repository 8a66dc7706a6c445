"""The section: a plot of cells, their pictures and their rows, bound together."""

from __future__ import annotations

from cellwright.report.explorer.packing import Packed, as_text, pack
from cellwright.report.explorer.spec import MOST_POINTS, plots
from cellwright.report.section import Content, ReportData, Section
from cellwright.report.template import Markup, fill
from cellwright.report.wording import counted

__all__ = ["SECTION"]

_VENDOR = "vendor/{0}-{1}/{0}.min.js"
_ASSETS = (
    _VENDOR.format("vega", "6.4.0"),
    _VENDOR.format("vega-lite", "6.4.3"),
    _VENDOR.format("vega-embed", "7.3.0"),
    "explorer.css",
    "explorer.js",
)


def render(data: ReportData) -> Content | None:
    """Everything in one element that the script fills; None where no cell can be shown."""
    packed = pack(data)
    if packed is None:
        return None
    content = {
        **packed.content,
        "plots": plots(),
        "mostPoints": MOST_POINTS,
    }
    html = fill("explorer.html.j2", said=_said(packed, data), content=Markup(as_text(content)))
    return Content(html, assets=_ASSETS)


def _said(packed: Packed, data: ReportData) -> str:
    """How much of the experiment can be looked at here."""
    pictures = counted(len(data.views), "picture")
    part = any(view.part for view in data.views)
    if packed.n_cells == data.n_cells:
        said = f"All {counted(packed.n_cells, 'cell')} of {pictures}."
    else:
        said = (
            f"{packed.n_cells:,} of {counted(data.n_cells, 'cell')}: those of {pictures}, dealt "
            "evenly over conditions; all rows are in cells.csv."
        )
    if part:
        said += " Of pictures above 100 megapixels the middle is shown."
    if packed.n_cells > MOST_POINTS:
        said += f" The plot shows an even sample of {MOST_POINTS:,}."
    if packed.left_out:
        said += f" {counted(packed.left_out, 'further column')} are in cells.csv only."
    return said


SECTION = Section("explore", "Explore", 32, render)
