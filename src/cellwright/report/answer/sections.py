"""The comparison within the report of a run."""

from __future__ import annotations

from collections.abc import Callable

from cellwright.report.answer.data import Answer
from cellwright.report.answer.doses import doses
from cellwright.report.answer.effects import effects
from cellwright.report.answer.further import next_experiment, plates, trends
from cellwright.report.answer.numbers import comparisons, design
from cellwright.report.answer.result import result
from cellwright.report.answer.sensitivity import sensitivity
from cellwright.report.answer.superplots import superplots
from cellwright.report.section import Content, Figure, Render, ReportData, Section
from cellwright.report.template import Markup

__all__ = [
    "ANSWER", "COMPARISONS", "DESIGN", "DOSES", "EFFECTS", "NEXT", "PLATES", "REPLICATES",
    "SENSITIVITY", "TRENDS",
]  # fmt: skip

Part = tuple[Markup, tuple[Figure, ...]]


def _text(part: Callable[[Answer], Markup | None]) -> Render:
    """Render a part that is text and tables; nothing where nobody asked."""

    def render(data: ReportData) -> Content | None:
        html = part(data.answer) if data.answer is not None else None
        return Content(html) if html is not None else None

    return render


def _drawn(part: Callable[[Answer], Part | None]) -> Render:
    """Render a part with figures; nothing where nobody asked."""

    def render(data: ReportData) -> Content | None:
        made = part(data.answer) if data.answer is not None else None
        return Content(*made) if made is not None else None

    return render


ANSWER = Section("answer", "Answer", 5, _text(result))
DESIGN = Section("design", "Design", 12, _text(design))
REPLICATES = Section("superplots", "Replicates", 56, _drawn(superplots))
EFFECTS = Section("effects", "Effects", 57, _drawn(effects))
DOSES = Section("doses", "Doses", 58, _drawn(doses))
TRENDS = Section("trends", "Trends", 58, _text(trends))
COMPARISONS = Section("comparisons", "All comparisons", 59, _text(comparisons))
SENSITIVITY = Section("sensitivity", "How firm", 59, _text(sensitivity))
PLATES = Section("plate_quality", "Plate quality", 60, _text(plates))
NEXT = Section("power", "Next experiment", 61, _text(next_experiment))
