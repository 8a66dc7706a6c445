"""Density and size without the border's bias, with the raw numbers beside them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cellwright.report.groups import condition_name, condition_table, conditions, measured_pictures
from cellwright.report.section import Content, ReportData, Section
from cellwright.report.table import Heading, TableCell, count_cell, number_cell, table, text_cell
from cellwright.report.template import fill

__all__ = ["SECTION"]

_SUMS = ("n_cells", "n_in_region", "n_border", "n_counted")


def render(data: ReportData) -> Content | None:
    """One row a condition; None where nothing was counted in this way."""
    pictures = measured_pictures(data)
    if "n_counted" not in pictures or not pd.to_numeric(pictures["n_counted"]).notna().any():
        return None
    for name in (*_SUMS, *_MEANS):
        values = pictures[name] if name in pictures else pd.Series(np.nan, index=pictures.index)
        pictures[name] = pd.to_numeric(values, errors="coerce").astype("float64")
    known = conditions(pictures)
    physical = bool(pictures["density_per_mm2"].notna().any())
    shown = [name for name in _MEANS if (name in _PHYSICAL) == physical or name not in _PAIRED]
    summaries = {name: condition_table(pictures, name).set_index("condition") for name in shown}
    rows = [
        _row(condition, known, pictures[pictures["condition"] == condition], summaries)
        for condition in known
    ]
    headings = [
        Heading("Condition"),
        Heading("Cells", "number", "All labels, as the pictures show them"),
        Heading("At the border", "number", "Cut by the picture's border"),
        Heading("Counted", "number", "Whole cells, from which density and size come"),
        *(Heading(_MEANS[name][0], "number", _MEANS[name][1]) for name in shown),
    ]
    notes = sorted({str(n) for n in pictures.get("counting_note", ()) if isinstance(n, str) and n})
    regions = bool((pictures["n_in_region"] < pictures["n_cells"]).any())
    grid = table("honest-table", "Density and size without the border's bias", headings, rows)
    return Content(fill("honest.html.j2", table=grid, notes=notes, regions=regions))


_MEANS = {
    "density_per_mm2": ("Cells per mm²", "Unbiased by the border; mean over replicates"),
    "density_per_mpx": ("Cells per megapixel", "Unbiased by the border; mean over replicates"),
    "area_mean_weighted_um2": ("Mean area, µm²", "Unbiased by the border"),
    "area_mean_weighted_px": ("Mean area, px²", "Unbiased by the border"),
    "area_mean_px": ("Raw mean area, px²", "Of all cells, those cut by the border as well"),
}
"""From each column of ``images.csv`` to its heading and what it means."""

_PHYSICAL = frozenset({"density_per_mm2", "area_mean_weighted_um2"})
_PAIRED = frozenset({*_PHYSICAL, "density_per_mpx"})
"""Of a number in pixels and the same in micrometres, one is shown."""


def _row(
    condition: str,
    known: tuple[str, ...],
    pictures: pd.DataFrame,
    summaries: dict[str, pd.DataFrame],
) -> list[TableCell]:
    return [
        text_cell(condition_name(condition, known)),
        *(count_cell(pictures[n].sum()) for n in ("n_cells", "n_border", "n_counted")),
        *(number_cell(summary.loc[condition, "mean"], 4) for summary in summaries.values()),
    ]


SECTION = Section("honest", "Density and size", 52, render)
