"""The result: one sentence on what differs, tiles, and what to know before believing it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from cellwright.report.answer.data import ALPHA, Answer, Row, p_is, p_text, span
from cellwright.report.remarks import lights_of
from cellwright.report.template import Markup, fill
from cellwright.report.wording import counted, rounded, visible
from cellwright.stats.estimate import FEWEST

__all__ = ["headline", "result"]

_LONGEST = 60
_SENTENCES = 3


def headline(answer: Answer) -> str:
    """Say the result in one line."""
    rows = answer.rows
    if not rows:
        return "Nothing was compared"
    if all(math.isnan(row["p"]) for row in rows):
        why = "" if _carries_p(answer) else ": the design cannot carry one"
        return f"Differences, and no p{why}"
    if rows[0]["primary"]:
        return _of_primary([row for row in rows if row["primary"]])
    asked = _asked(rows)
    said = sum(1 for row in asked if row["p_adjusted"] < ALPHA)
    if said:
        return f"{counted(said, 'difference')} of {len(asked):,} compared"
    return f"No difference shown in {counted(len(asked), 'comparison')}"


def _carries_p(answer: Answer) -> bool:
    """Whether there are replicates enough of each condition."""
    design = answer.comparison.design
    counts = [len(design.units(one.name)) for one in design.conditions]
    return bool(design.unit) and min(counts) >= FEWEST


def _asked(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows that are a question: positive controls are none, unless there is nothing else."""
    return [row for row in rows if row["role"] == "test"] or rows


def _of_primary(rows: list[dict[str, Any]]) -> str:
    rows = _asked(rows)
    if len(rows) == 1:
        return _in_a_line(rows[0])
    sure = sum(1 for row in rows if row["p_adjusted"] < ALPHA)
    feature, reference = (visible(rows[0][name], _LONGEST) for name in ("feature", "reference"))
    return f"{feature} differs from {reference} in {sure} of {len(rows)} conditions"


def _in_a_line(row: Row) -> str:
    feature, condition = visible(row["feature"], _LONGEST), visible(row["condition"], _LONGEST)
    if row["p_adjusted"] < ALPHA:
        return f"{feature}: {_change(row)} with {condition}"
    if math.isnan(row["p"]):
        return f"{feature}: {_change(row)} with {condition}, and no p"
    return f"{feature}: no difference shown with {condition}"


def _change(row: Row) -> str:
    if math.isnan(row["percent"]):
        return f"{row['difference']:+.3g}"
    return f"{row['percent']:+.1f} %"


def result(answer: Answer) -> Markup:
    """Sentences, tiles and lights."""
    design = answer.comparison.design
    table = design.table()
    return fill(
        "result.html.j2",
        paragraphs=list(_sentences(answer)),
        tiles=[
            _tile("Conditions", str(len(design.conditions)), f"against {design.reference.name}"),
            _tile("Replicates", _range(table["n_replicates"]), design.unit or "none stated"),
            _tile("Pictures", _sum(table["n_images"]), ""),
            _tile("Cells", f"{int(table['n_cells'].sum()):,}", "they are not n"),
        ],
        lights=list(_lights(answer)),
        caveats=[],
        broken=[],
    )


def _tile(title: str, value: str, note: str) -> dict[str, str]:
    return {"title": title, "help": "", "value": value, "interval": "", "n": visible(note, 40)}


def _range(counts: Iterable[int]) -> str:
    numbers = [int(number) for number in counts]
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low} to {high}"


def _sum(counts: Iterable[float]) -> str:
    known = [number for number in counts if number == number and number is not None]  # noqa: PLR0124 - NaN
    return f"{int(sum(known)):,}" if known else "–"


def _sentences(answer: Answer) -> Iterable[str]:
    rows = answer.rows
    if not rows:
        return
    primary = [row for row in rows if row["primary"]]
    asked = _asked(rows)
    for row in (_asked(primary) or asked[:1])[:_SENTENCES]:
        yield _sentence(row, answer.comparison.plan.level)
    sure = [row for row in asked if row["p_adjusted"] < ALPHA]
    if not primary and not math.isnan(rows[0]["p"]):
        yield (
            f"Of {counted(len(asked), 'comparison')}, {len(sure):,} stay below "
            f"{ALPHA:g} after the adjustment. No primary feature was named beforehand, so this "
            "is a search, and what it finds asks for an experiment of its own."
        )


def _sentence(row: Row, level: float) -> str:
    feature, condition = visible(row["feature"], _LONGEST), visible(row["condition"], _LONGEST)
    unit = "" if row["unit"] in {"", "1"} else f" {row['unit']}"
    against = visible(row["reference"], _LONGEST)
    means = f"{rounded(row['mean'])}{unit} against {rounded(row['mean_reference'])}{unit}"
    if math.isnan(row["p"]):
        why = row["note"][:1].upper() + row["note"][1:]
        return f"{feature} is {means} in {condition} and {against} ({_change(row)}). {why}."
    interval = span(row["ci_low"], row["ci_high"])
    shown = "differs" if row["p_adjusted"] < ALPHA else "is not shown to differ"
    return (
        f"{feature} {shown} between {condition} and {against}: {means}, a difference of "
        f"{rounded(row['difference'])}{unit} ({100 * level:g} % interval {interval}; "
        f"{_change(row)}), n = {row['n_replicates']} and {row['n_replicates_reference']} "
        f"replicates; {row['test']}, {p_is(row['p'])}, adjusted {p_text(row['p_adjusted'])}."
    )


def _lights(answer: Answer) -> Iterable[dict[str, str]]:
    comparison = answer.comparison
    yield from lights_of(comparison.remarks)
    if _carries_p(answer):
        counts = [len(comparison.design.units(one.name)) for one in comparison.design.conditions]
        yield {
            "level": "pass",
            "subject": "Replicates",
            "finding": f"{_range(counts)} of each condition ({comparison.design.unit})",
        }
