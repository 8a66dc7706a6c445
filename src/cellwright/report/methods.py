"""How it was done: methods paragraph, decisions, settings, versions, references."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cellwright.report.answer.methods import sentences, works
from cellwright.report.groups import records
from cellwright.report.methods_text import (
    Further,
    methods_paragraph,
    methods_sentences,
    settings,
)
from cellwright.report.references import Work, bibtex, references_of, works_of
from cellwright.report.section import Content, ReportData, Section
from cellwright.report.table import Heading, table, text_cell
from cellwright.report.template import fill
from cellwright.report.wording import counted, joined, visible

__all__ = ["SECTION", "methods_file"]

_OF_METHODS = (
    "replicates", "number", "allocation", "blinding", "editing", "primary", "exclusion", "stain",
    "imaging",
)  # fmt: skip
"""Statements that belong into the methods."""
NAMED_PICTURES = 6
"""Pictures that a note names before it counts the others."""


def render(data: ReportData) -> Content:
    """Always there: a number without its method is no result."""
    run = data.run
    further = _further(data)
    papers, others = references_of(run), (*works_of(run), *further.works)
    versions = [(visible(k), visible(v)) for k, v in (run.get("versions") or {}).items()]
    decisions = [visible(text) for text in run.get("decisions") or ()]
    html = fill(
        "methods.html.j2",
        paragraphs=[*methods_sentences(run), *further.paragraphs],
        decisions=decisions,
        notes=_notes(run),
        settings=_pairs("settings-table", "Settings, defaults included", "Setting", settings(run)),
        versions=_pairs("versions-table", "Versions", "Package", versions),
        papers=[*(paper.full for paper in papers), *(work.full for work in others)],
        bibtex="\n\n".join([*map(bibtex, papers), *map(bibtex, others)]),
    )
    return Content(html)


def methods_file(data: ReportData) -> str:
    """The same as Markdown: the file ``methods.md``."""
    return methods_paragraph(data.run, _further(data))


def _further(data: ReportData) -> Further:
    """What was done with the run after it was made, as the report shows it."""
    paragraphs: list[str] = []
    cited: tuple[Work, ...] = ()
    if data.audit is not None:
        judged = data.audit["judged"]
        paragraphs.append(
            f"Outlines in {counted(judged['fields'], 'field')} and of "
            f"{counted(judged['cells'], 'single cell')}, dealt at random from all conditions, were "
            "judged by a person who did not know of which condition they were"
            + ("." if data.audit.get("current", True) else "; the outlines have changed since.")
        )
    stated = [name for name in _OF_METHODS if name in data.statements]
    if stated:
        said = (f"{name.capitalize()}: {visible(data.statements[name])}" for name in stated)
        ended = " ".join(one if one.endswith((".", "!", "?")) else f"{one}." for one in said)
        paragraphs.append(f"Stated by those who made the experiment. {ended}")
    if data.answer is not None:
        paragraphs.append(" ".join(sentences(data.answer)))
        cited = works(data.answer)
    return Further(paragraphs, cited)


def _notes(run: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """What was decided for some pictures: of how many, what, and of which."""
    notes: dict[str, list[str]] = {}
    for record in records(run, "inputs"):
        for note in record.get("notes") or ():
            notes.setdefault(visible(note), []).append(visible(record.get("image", "")))
    return [
        (counted(len(images), "picture"), note, joined(images, most=NAMED_PICTURES))
        for note, images in notes.items()
    ]


def _pairs(name: str, caption: str, head: str, pairs: list[tuple[str, str]]) -> str:
    rows = [(text_cell(key), text_cell(value)) for key, value in pairs]
    headings = (Heading(head), Heading("Value" if head == "Setting" else "Version"))
    return table(name, caption, headings, rows) if pairs else ""


SECTION = Section("methods", "Methods", 90, render)
