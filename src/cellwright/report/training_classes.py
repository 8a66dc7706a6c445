"""Which class was taken for which on held-out pictures, by the model and by its beginning."""

from __future__ import annotations

import math

import pandas as pd

from cellwright.evaluation.confusion import INVENTED, MISSED
from cellwright.report.table import Heading, TableCell, count_cell, table, text_cell
from cellwright.report.template import Markup, fill
from cellwright.report.training_folder import BEFORE, CONFUSION, TRUE, Training
from cellwright.report.training_wording import as_number
from cellwright.report.wording import counted, joined, visible

__all__ = ["classes"]


def classes(training: Training) -> Markup | None:
    """Confusion matrices; None where no classes are told apart."""
    if training.confusion is None or not len(training.confusion):
        return None
    before = training.confusion_before
    return fill(
        "training_classes.html.j2",
        now=_table("confusion", "This model", training.confusion),
        now_words=_words(training.confusion),
        beginning=training.beginning_name,
        before="" if before is None else _table("confusion-before", "Before", before),
        before_words="" if before is None else _words(before),
        file=CONFUSION,
        file_before=f"{BEFORE}{CONFUSION}",
        invented=INVENTED,
        missed=MISSED,
    )


def _table(name: str, caption: str, matrix: pd.DataFrame) -> Markup:
    found = [column for column in matrix.columns if column != TRUE]
    headings = (
        Heading("Drawn as"),
        *(Heading(visible(one, 48), "number", f"Found as {visible(one)}") for one in found),
    )
    rows: list[tuple[TableCell, ...]] = [
        (text_cell(row[TRUE], longest=48), *(count_cell(as_number(row[one])) for one in found))
        for _, row in matrix.iterrows()
    ]
    return table(name, caption, headings, rows)


def _words(matrix: pd.DataFrame) -> str:
    """How many of each class are told right, of those that were found."""
    names = [str(name) for name in matrix[TRUE]]
    told = []
    for name, (_, row) in zip(names, matrix.iterrows(), strict=True):
        known = [as_number(row[other]) for other in names if other in matrix.columns]
        right = as_number(row[name]) if name in matrix.columns else math.nan
        total = sum(known)
        if name != INVENTED and math.isfinite(right) and total > 0:
            told.append(f"{right:,.0f} of {counted(total, 'object')} drawn as {visible(name, 48)}")
    return f"Told right, of those that were found: {joined(told)}." if told else ""
