"""The tables: the design, and every comparison."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cellwright.report.answer.data import Answer, p_text, span
from cellwright.report.table import (
    Heading,
    TableCell,
    count_cell,
    number_cell,
    table,
    text_cell,
)
from cellwright.report.template import Markup

__all__ = ["comparisons", "design"]

_LONGEST = 40
_MANY = 30
"""Conditions above which the table of the design is turned by pages."""


def design(answer: Answer) -> Markup:
    """One row a condition, with n at each level."""
    headings = (
        Heading("Condition"), Heading("Role"), Heading("Dose"),
        Heading("Replicates (n)", "number", "Independent experiments"),
        Heading("Plates", "number"), Heading("Wells", "number"), Heading("Pictures", "number"),
        Heading("Cells", "number"),
    )  # fmt: skip
    # the reference has a dose of 0, which says nothing where no other has one
    dosed = any(one.dose is not None for one in answer.comparison.design.others)
    rows = [
        (
            text_cell(row["condition"], longest=_LONGEST),
            TableCell(row["role"]),
            text_cell(_dose(row) if dosed else ""),
            count_cell(row["n_replicates"]),
            count_cell(row["n_plates"]),
            count_cell(row["n_wells"]),
            count_cell(row["n_images"]),
            count_cell(row["n_cells"]),
        )
        for row in answer.comparison.design.table().to_dict("records")
    ]
    many = len(rows) > _MANY
    return table("design-table", "How the design was understood", headings, rows, interactive=many)


def _dose(row: Mapping[Any, Any]) -> str:
    dose = row["dose"]
    if not isinstance(dose, int | float) or dose != dose:  # noqa: PLR0124 - NaN
        return ""
    return f"{row['compound']} {dose:g} {row['dose_unit']}".strip()


def comparisons(answer: Answer) -> Markup:
    """One row a feature and condition."""
    level = f"{100 * answer.comparison.plan.level:g} %"
    headings = (
        Heading("Feature"), Heading("Condition"),
        Heading("Difference", "number"), Heading(f"{level} interval", "text", "Of the difference"),
        Heading("%", "number"), Heading("p", "number"),
        Heading("p adjusted", "number", "For all conditions, then over the features"),
        Heading("n", "number", "Replicates, and those of the reference"),
        Heading("Mean", "number", "Of the replicates"), Heading("Reference", "number"),
        Heading("Test"), Heading("Note"),
    )  # fmt: skip
    rows = [
        (
            text_cell(row["feature"], longest=_LONGEST),
            text_cell(row["condition"], longest=_LONGEST),
            number_cell(row["difference"]),
            TableCell(span(row["ci_low"], row["ci_high"])),
            number_cell(row["percent"]),
            _p(row["p"]),
            _p(row["p_adjusted"]),
            TableCell(
                f"{row['n_replicates']}, {row['n_replicates_reference']}",
                value=str(row["n_replicates"]),
            ),
            number_cell(row["mean"]),
            number_cell(row["mean_reference"]),
            TableCell(row["test"]),
            text_cell(row["note"], longest=60),
        )
        for row in answer.rows
    ]
    return table("comparisons-table", "Every comparison", headings, rows, interactive=True)


def _p(p: float) -> TableCell:
    return TableCell(p_text(p), value=number_cell(p).value)
