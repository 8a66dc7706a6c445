"""What a comparison says beyond its conditions: trends over doses, plates, the next experiment."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from cellwright.report.answer.data import Answer, p_text, span
from cellwright.report.table import Heading, TableCell, count_cell, number_cell, table, text_cell
from cellwright.report.template import Markup, fill

__all__ = ["next_experiment", "plates", "trends"]

_LONGEST = 40
_NOTE = 60

Row = Mapping[Any, Any]
ShowColumn = tuple[Heading, Callable[[Row], TableCell]]


def trends(answer: Answer) -> Markup | None:
    """Each compound's trend from dose to dose; None where no compound has several doses."""
    level = f"{100 * answer.comparison.plan.level:g} %"
    return _section(
        answer,
        "trends",
        "Change of the mean of the replicates from one dose to the next, the reference as dose 0.",
        (
            (Heading("Feature"), _text("feature")),
            (Heading("Compound"), _text("compound")),
            (Heading("Doses"), lambda row: text_cell(f"{row['doses']} {row['dose_unit']}".strip())),
            (
                Heading("n", "number", "Replicates of the dose that has fewest"),
                _count("n_replicates"),
            ),
            (Heading("Slope", "number", "From one dose to the next"), _number("slope")),
            (
                Heading(f"{level} interval"),
                lambda row: TableCell(span(row["ci_low"], row["ci_high"])),
            ),
            (Heading("Test"), _text("test")),
            (Heading("p", "number"), _p("p")),
            (
                Heading("p adjusted", "number", "For all compounds, then over the features"),
                _p("p_adjusted"),
            ),
            (Heading("Note"), _text("note", _NOTE)),
        ),
    )


def plates(answer: Answer) -> Markup | None:
    """Quality of each plate; None where no wells are known."""
    return _section(
        answer,
        "plates",
        "How well each plate tells its positive control from the reference, and whether its outer "
        "wells differ from the inner ones of the same condition. Z' above 0.5 is what a screen "
        "asks for.",
        (
            (Heading("Feature"), _text("feature")),
            (Heading("Plate"), lambda row: text_cell(_plate(row), longest=_LONGEST)),
            (Heading("Wells", "number"), _count("n_wells")),
            (Heading("Positive control"), _text("positive_control")),
            (Heading("Z'", "number", "Zhang and others 1999"), _number("z_prime")),
            (Heading("Z', robust", "number", "With medians"), _number("z_prime_robust")),
            (Heading("SSMD", "number", "Zhang 2007"), _number("ssmd")),
            (Heading("Edge", "number", "Outer less inner wells"), _number("edge_difference")),
            (
                Heading("p of the edge", "number", "By permutation, of this plate alone"),
                _p("edge_p"),
            ),
            (Heading("Note"), _text("note", _NOTE)),
        ),
    )


def next_experiment(answer: Answer) -> Markup | None:
    """How many replicates the next experiment needs; None where none can be planned."""
    return _section(
        answer,
        "power",
        "Replicates of each condition that show the difference with a power of 80 %, by the same "
        "test without corrections; in brackets, with a spread that is cautiously large. And the "
        "smallest difference that the replicates of this experiment show.",
        (
            (Heading("Feature"), _text("feature")),
            (Heading("Condition"), _text("condition")),
            (Heading("Difference", "number"), _number("difference")),
            (
                Heading("Stated beforehand"),
                lambda row: TableCell("yes" if row["planned"] else "no: found here"),
            ),
            (Heading("Replicates", "number"), _needed),
            (Heading("of this experiment", "number"), _count("n_replicates")),
            (
                Heading("Smallest difference", "number", "Shown by these with a power of 80 %"),
                _number("smallest_difference"),
            ),
            (Heading("in %", "number"), _number("smallest_percent")),
        ),
    )


def _section(
    answer: Answer, name: str, about: str, columns: tuple[ShowColumn, ...]
) -> Markup | None:
    found = answer.comparison.further.get(name)
    if found is None:
        return None
    order = {feature: place for place, feature in enumerate(answer.drawn)}
    records = sorted(
        found.to_dict("records"), key=lambda row: order.get(str(row["feature"]), len(order))
    )
    rows = [[show(row) for _, show in columns] for row in records]
    made = table(
        f"{name}-table", about, [head for head, _ in columns], rows, interactive=len(rows) > 1
    )
    return fill("answer_table.html.j2", about=about, table=made)


def _text(name: str, longest: int = _LONGEST) -> Callable[[Row], TableCell]:
    return lambda row: text_cell(row[name], longest=longest)


def _number(name: str) -> Callable[[Row], TableCell]:
    return lambda row: number_cell(row[name])


def _count(name: str) -> Callable[[Row], TableCell]:
    return lambda row: count_cell(row[name])


def _p(name: str) -> Callable[[Row], TableCell]:
    return lambda row: TableCell(p_text(row[name]), value=number_cell(row[name]).value)


def _plate(row: Row) -> str:
    return " ".join(str(row[name]) for name in ("run", "plate") if row[name])


def _needed(row: Row) -> TableCell:
    if row["n_80"] != row["n_80"]:  # NaN
        return TableCell("more than 1,000", value="1001")
    cautious = row["n_80_cautious"]
    most = "more than 1,000" if math.isnan(cautious) else f"{cautious:,.0f}"
    return TableCell(f"{row['n_80']:,.0f} ({most})", value=repr(float(row["n_80"])))
