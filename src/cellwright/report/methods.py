"""How it was done: methods paragraph, settings, versions, files, and how to do it again."""

from __future__ import annotations

from cellwright.report.groups import records
from cellwright.report.methods_text import methods_sentences, settings
from cellwright.report.references import bibtex, references_of
from cellwright.report.section import Content, ReportData, Section
from cellwright.report.table import Heading, table, text_cell
from cellwright.report.template import fill
from cellwright.report.wording import counted, joined, visible

__all__ = ["FILES", "SECTION"]

RERUN = "cellwright analyze INPUT --recipe RUN/recipe.toml --out RUN"

NAMED_PICTURES = 6
"""Pictures that a note names before it counts the others."""

FILES = (
    ("cells.csv", "one row a cell, for people; cells.parquet holds the same for programs"),
    ("images.csv", "one row a picture: status, quality, counts, warnings"),
    ("labels/", "label images: Fiji and napari open them; edit them and analyse again"),
    ("figures/", "every figure of this report as SVG, with its numbers as CSV"),
    ("methods.md", "the methods paragraph with references"),
    ("recipe.toml", "every setting, to repeat the run"),
    ("run.json", "what happened: inputs with hashes, versions, decisions"),
)
"""The files beside the report, as a person finds them."""


def render(data: ReportData) -> Content:
    """Always there: a number without its method is no result."""
    run = data.run
    papers = references_of(run)
    versions = [(visible(k), visible(v)) for k, v in (run.get("versions") or {}).items()]
    decisions = [visible(text) for text in run.get("decisions") or ()]
    notes: dict[str, list[str]] = {}
    for record in records(run, "inputs"):
        for note in record.get("notes") or ():
            notes.setdefault(visible(note), []).append(visible(record.get("image", "")))
    html = fill(
        "methods.html.j2",
        paragraphs=methods_sentences(run),
        decisions=decisions,
        notes=[
            (counted(len(images), "picture"), note, joined(images, most=NAMED_PICTURES))
            for note, images in notes.items()
        ],
        settings=_pairs("settings-table", "Settings, defaults included", "Setting", settings(run)),
        versions=_pairs("versions-table", "Versions", "Package", versions),
        papers=[paper.full for paper in papers],
        bibtex="\n\n".join(map(bibtex, papers)),
        rerun=RERUN,
        files=FILES,
    )
    return Content(html)


def _pairs(name: str, caption: str, head: str, pairs: list[tuple[str, str]]) -> str:
    rows = [(text_cell(key), text_cell(value)) for key, value in pairs]
    headings = (Heading(head), Heading("Value" if head == "Setting" else "Version"))
    return table(name, caption, headings, rows) if pairs else ""


SECTION = Section("methods", "Methods", 90, render)
