"""What the filters removed, by rule and condition."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cellwright.report.groups import condition_name, measured_pictures, records
from cellwright.report.section import Content, ReportData, Section
from cellwright.report.table import Heading, count_cell, table, text_cell
from cellwright.report.template import fill

__all__ = ["SECTION", "removed_table"]


def render(data: ReportData) -> Content | None:
    """One row a rule, one column a condition; None where no filter was set."""
    removed = removed_table(data)
    if not len(removed):
        return None
    pictures = measured_pictures(data)
    kept = pictures.groupby("condition", sort=False)["n_cells"].sum()
    known = [str(name) for name in removed.columns]
    headings = [Heading("Rule")]
    headings += [Heading(condition_name(name, known), "number") for name in known]
    headings += [Heading("All", "number")] if len(known) > 1 else []
    rows = [
        [text_cell(rule), *(count_cell(row[name]) for name in known)]
        + ([count_cell(row.sum())] if len(known) > 1 else [])
        for rule, row in removed.iterrows()
    ]
    of_condition = [float(kept.get(name, 0)) for name in known]
    rows.append(
        [text_cell("kept"), *(count_cell(n) for n in of_condition)]
        + ([count_cell(sum(of_condition))] if len(known) > 1 else [])
    )
    grid = table("filters-table", "Objects removed by each rule, and kept", headings, rows)
    return Content(fill("filters.html.j2", table=grid, total=int(removed.to_numpy().sum())))


def removed_table(data: ReportData) -> pd.DataFrame:
    """Objects removed: rules (index) by conditions (columns), both in the order of the run."""
    entries = records(data.run, "filters")
    rules = list(dict.fromkeys(str(entry.get("rule", "")) for entry in entries))
    names = list(dict.fromkeys(str(entry.get("condition", "")) for entry in entries))
    removed = np.zeros((len(rules), len(names)), np.int64)
    for entry in entries:
        row = rules.index(str(entry.get("rule", "")))
        removed[row, names.index(str(entry.get("condition", "")))] += int(entry.get("removed") or 0)
    return pd.DataFrame(removed, index=rules, columns=names)


SECTION = Section("filters", "Filters", 70, render)
