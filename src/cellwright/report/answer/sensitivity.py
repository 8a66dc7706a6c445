"""How firm each difference is: with one replicate fewer, with the other summary, in other units."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from cellwright.report.answer.data import Answer, span
from cellwright.report.table import Heading, TableCell, number_cell, table, text_cell
from cellwright.report.template import Markup, fill
from cellwright.report.wording import rounded

__all__ = ["sensitivity", "verdict_on"]

_LONGEST = 40


def sensitivity(answer: Answer) -> Markup | None:
    """One row a feature and condition; None where there are no replicates to leave out."""
    rows = [row for row in answer.rows if not math.isnan(row["leave_one_out_low"])]
    if not rows:
        return None
    plan = answer.comparison.plan
    other = "medians" if plan.summary == "mean" else "means"
    level = f"{100 * plan.level:g} %"
    about = (
        "Each difference again: when any one replicate is left out, and with the "
        f"{other} of the replicates' cells. Its size in standard deviations of the replicates "
        "(Hedges' g), and how often a cell lies above one of the reference (Cliff's delta: of "
        "cells, so that it is no evidence)."
    )
    headings = (
        Heading("Feature"), Heading("Condition"), Heading("So"), Heading("Difference", "number"),
        Heading("Without one", "text", "Smallest and largest, whichever replicate is left out"),
        Heading(f"With {other}", "number", "Shares have none"), Heading("Hedges' g", "number"),
        Heading(f"{level} interval", "text", "Of Hedges' g"), Heading("Cliff's delta", "number"),
        Heading("Degrees of freedom", "number", "Of the test"),
    )  # fmt: skip
    shown = [
        (
            text_cell(row["feature"], longest=_LONGEST),
            text_cell(row["condition"], longest=_LONGEST),
            TableCell(verdict_on(row, other)),
            number_cell(row["difference"]),
            TableCell(span(row["leave_one_out_low"], row["leave_one_out_high"])),
            number_cell(row["difference_of_medians"]),
            number_cell(row["hedges_g"]),
            TableCell(span(row["hedges_g_low"], row["hedges_g_high"])),
            number_cell(row["cliffs_delta"]),
            TableCell("" if math.isnan(row["df"]) else rounded(row["df"]), value=repr(row["df"])),
        )
        for row in rows
    ]
    made = table("sensitivity-table", about, headings, shown, interactive=len(shown) > 1)
    return fill("answer_table.html.j2", about=about, table=made)


def verdict_on(row: Mapping[str, Any], other: str) -> str:
    """Say whether a difference keeps its sign.

    Parameters
    ----------
    row
        Of comparisons.csv.
    other
        What the summary that was not asked for is called.

    Examples
    --------
    >>> row = {"difference": 3.0, "leave_one_out_low": 1.0, "leave_one_out_high": 5.0}
    >>> verdict_on(row | {"difference_of_medians": 2.0}, "medians")
    'keeps its sign'
    >>> row["leave_one_out_low"] = -0.5
    >>> verdict_on(row | {"difference_of_medians": -1.0}, "medians")
    'one replicate decides its sign; medians tell the opposite'
    """
    if row["difference"] == 0:
        return "no difference"
    sign = math.copysign(1, row["difference"])
    said = []
    if min(sign * row["leave_one_out_low"], sign * row["leave_one_out_high"]) <= 0:
        said.append("one replicate decides its sign")
    if sign * row["difference_of_medians"] < 0:
        said.append(f"{other} tell the opposite")
    if row["difference_of_medians"] == 0:
        said.append(f"{other} show none")
    return "; ".join(said) or "keeps its sign"
