"""The page: one HTML file that needs nothing else, and the figures beside it."""

from __future__ import annotations

from collections.abc import Iterable

from cellwright.core.version import VERSION
from cellwright.report.answer.data import Answer
from cellwright.report.answer.doses import doses
from cellwright.report.answer.effects import effects
from cellwright.report.answer.further import next_experiment, plates, trends
from cellwright.report.answer.methods import methods
from cellwright.report.answer.numbers import comparisons, design
from cellwright.report.answer.result import headline, result
from cellwright.report.answer.sensitivity import sensitivity
from cellwright.report.answer.superplots import superplots
from cellwright.report.page import TABULATOR, content_policy, html_text, inline
from cellwright.report.section import Figure
from cellwright.report.template import Markup, fill

__all__ = ["build_answer"]


def build_answer(answer: Answer, files: Iterable[str]) -> tuple[str, tuple[Figure, ...]]:
    """Make the page of a comparison.

    Parameters
    ----------
    answer
        All that it shows.
    files
        Names of the tables beside it.

    Returns
    -------
    tuple
        The HTML, and the figures to be kept beside it. Equal answers give equal bytes.
    """
    made = [
        ("effects", "Effects", effects(answer)),
        ("doses", "Doses", doses(answer)),
        ("cells", "Replicates", superplots(answer)),
    ]
    tables = [
        ("sensitivity", "How firm", sensitivity(answer)),
        ("trends", "Trends", trends(answer)),
        ("plates", "Plates", plates(answer)),
        ("next", "Next experiment", next_experiment(answer)),
    ]
    figures = tuple(figure for _, _, part in made if part is not None for figure in part[1])
    sections: list[tuple[str, str, Markup]] = [
        ("verdict", "Result", result(answer)),
        ("design", "Design", design(answer)),
        *((name, title, part[0]) for name, title, part in made if part is not None),
        ("numbers", "All comparisons", comparisons(answer)),
        *((name, title, part) for name, title, part in tables if part is not None),
        ("methods", "Methods", methods(answer, files)),
    ]
    styles = (inline(f"{TABULATOR}/tabulator_simple.min.css"), inline("report.css"))
    scripts = (inline(f"{TABULATOR}/tabulator.min.js"), inline("report.js"))
    html = fill(
        "page.html.j2",
        title=headline(answer),
        version=VERSION,
        policy=content_policy(styles, scripts),
        styles=[Markup(text) for text in styles],
        scripts=[Markup(text) for text in scripts],
        sections=[{"name": n, "title": t, "html": h} for n, t, h in sections],
    )
    return html_text(html), figures
