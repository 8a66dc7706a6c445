"""What a person saw who judged outlines without knowing their condition."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from cellwright.report.section import Content, ReportData, Section
from cellwright.report.table import Badge, Heading, TableCell, badge_cell, table, text_cell
from cellwright.report.template import fill
from cellwright.report.wording import counted, joined, quantity, visible

__all__ = ["SECTION"]

_KINDS = {
    "right": ("Right", "One cell, outlined roughly as a person would"),
    "merged": ("Merged", "More than one cell in an outline"),
    "split": ("Split", "A piece of a cell"),
    "false": ("Not a cell", "Outlines of dirt, background, debris"),
    "wrong_type": ("Wrong type", "A cell that was given the wrong type"),
    "missed": ("Missed", "Of the true cells, those without an outline"),
}
"""Heading and meaning of what is shown; the rest is in audit.csv."""

Row = Mapping[str, Any]


def render(data: ReportData) -> Content | None:
    """Rates of each condition, and its count as found and corrected; None without an audit."""
    audit = data.audit
    if audit is None:
        return None
    rates: Sequence[Row] = audit["rates"]
    counts: Sequence[Row] = audit["counts"]
    differing = [
        _KINDS[kind][0].lower()
        for kind in _KINDS
        if any(row["kind"] == kind and row["differs"] == "yes" for row in rates)
    ]
    compared = any(row["differs"] in {"yes", "not seen"} for row in rates)
    return Content(
        fill(
            "audit.html.j2",
            current=bool(audit.get("current", True)),
            judged=f"{counted(audit['judged']['fields'], 'field')} and "
            f"{counted(audit['judged']['cells'], 'single cell')}",
            differing=joined(differing),
            compared=compared,
            rates=_rates(rates),
            counts=_counts(counts, str(audit["reference"])),
            reference=visible(audit["reference"]),
            remarks=[visible(text) for text in audit["remarks"]],
        )
    )


def _rates(rows: Sequence[Row]) -> str:
    conditions = list(dict.fromkeys(str(row["condition"]) for row in rows))
    of = {(str(row["condition"]), str(row["kind"])): row for row in rows}
    shown = [kind for kind in _KINDS if (conditions[0], kind) in of]
    headings = [
        Heading("What"),
        *(Heading(visible(name) or "All", "number") for name in conditions),
        Heading("Conditions", "badge"),
        Heading("What it can tell"),
    ]
    lines = []
    for kind in shown:
        first = of[conditions[0], kind]
        lines.append(
            [
                TableCell(_KINDS[kind][0], title=_KINDS[kind][1]),
                *(_rate_cell(of[name, kind]) for name in conditions),
                badge_cell(*_verdict(str(first["differs"]))),
                text_cell(_told(first)),
            ]
        )
    return table("audit-rates", "Rates of errors in each condition", headings, lines)


def _rate_cell(row: Row) -> TableCell:
    if row["rate"] is None:
        return TableCell("–")
    ends = f"{100 * row['low']:.0f} to {100 * row['high']:.0f}"
    text = f"{100 * row['rate']:.1f} % ({ends})"
    return TableCell(text, value=repr(row["rate"]), title=f"of {row['n']:g}; {row['interval']}")


def _verdict(differs: str) -> tuple[str, Badge]:
    words: dict[str, tuple[str, Badge]] = {
        "yes": ("differ", "warn"), "not seen": ("no difference seen", "quiet"),
        "cannot tell": ("cannot tell", "quiet"),
    }  # fmt: skip
    return words.get(differs, ("", ""))


def _told(row: Row) -> str:
    ps = [
        f"p = {quantity(row[name], 2)} over {what}"
        for name, what in (("p_cells", "cells"), ("p_replicates", "replicates"))
        if row[name] is not None
    ]
    return "; ".join(filter(None, (", ".join(ps), str(row["note"]))))


def _counts(rows: Sequence[Row], reference: str) -> str:
    headings = [
        Heading("Condition"),
        Heading("Found", "number", "Cells of a picture, mean over replicates"),
        Heading("True cells per outline", "number"),
        Heading("Corrected", "number", "Found times true cells per outline"),
    ]
    if reference:
        headings += [
            Heading("Effect as found, %", "number"),
            Heading("Effect corrected, %", "number"),
        ]
    lines = [
        [
            text_cell(str(row["condition"]) or "All"),
            TableCell(quantity(row["count"])),
            _interval_cell(row, "factor"),
            _interval_cell(row, "corrected"),
            *(
                (_interval_cell(row, "percent"), _interval_cell(row, "corrected_percent"))
                if reference
                else ()
            ),
        ]
        for row in rows
    ]
    return table("audit-counts", "Counts as found and corrected", headings, lines)


def _interval_cell(row: Row, name: str) -> TableCell:
    value, low, high = (row[key] for key in (name, f"{name}_low", f"{name}_high"))
    if value is None or not math.isfinite(value):
        return TableCell("–")
    ends = f" ({quantity(low)} to {quantity(high)})" if low is not None and high is not None else ""
    return TableCell(f"{quantity(value)}{ends}", value=repr(value), title=str(row["note"]))


SECTION = Section("audit", "Audit", 35, render)
