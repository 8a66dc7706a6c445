"""What lies beside the report, and how it is made again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from cellwright.report.groups import records
from cellwright.report.section import Content, ReportData, Section
from cellwright.report.template import fill
from cellwright.report.wording import visible

__all__ = ["SECTION"]

_TABLES = (
    ("cells.csv", "one row a cell, for people: text and decimal point"),
    ("cells.parquet", "the same for programs, with units"),
    ("images.csv", "one row a picture: status, quality, counts, warnings"),
    ("quality.csv", "one row a check of a channel of a frame, with the reason"),
    ("labels/", "label images: Fiji and napari open them; edit them and analyse again"),
)
_WRITTEN = (
    ("figures/", "every figure of this report as SVG, with its numbers as CSV"),
    ("methods.md", "the methods with settings, versions, references and BibTeX"),
)
_RECORDS = (
    ("recipe.toml", "every setting, to repeat the run"),
    ("run.json", "what happened: inputs with hashes, versions, decisions"),
    ("log.jsonl", "times, workers, machine: what differs between two equal runs"),
)


def render(data: ReportData) -> Content:
    """Always there: links to the files, and the commands."""
    run = data.run
    several = [str(name) for name in run.get("runs") or ()]
    return Content(
        fill(
            "files.html.j2",
            files=[*_WRITTEN, *_answers(data)] if several else _of_a_run(data),
            several=len(several),
            version=visible(run.get("cellwright", "")),
            commands=_report_command(several, data) if several else _run_commands(run),
            model=_own_model(run),
        )
    )


def _of_a_run(data: ReportData) -> list[tuple[str, str]]:
    """Those that each run has, and those that this one has."""
    found = [*_TABLES, *_WRITTEN, *_RECORDS]
    if (data.run.get("options") or {}).get("outlines"):
        found.append(("outlines/", "the outlines, for Fiji, QuPath or COCO as they were asked for"))
    if records(data.run, "corrections"):
        found.append(("corrections/", "label images that a person edited"))
    if data.audit is not None:
        found.append(("audit/", "what a person saw who did not know the conditions"))
    return found + _answers(data)


def _answers(data: ReportData) -> list[tuple[str, str]]:
    """Folders of what was asked after cells were found."""
    found = []
    if data.answer is not None:
        found.append(("answer/", "what was compared: all numbers, and a page of their own"))
    if data.odd is not None:
        found.append(("odd/", "cells unlike those of the reference, each with its reason"))
    return found


def _run_commands(run: Mapping[str, Any]) -> str:
    """Commands that repeat a run from within its folder, and compare the two.

    Examples
    --------
    >>> print(_run_commands({"samples_sha256": "ab"}))
    cellwright analyze PICTURES --recipe recipe.toml --samples samples.csv --out ../again
    diff -r --exclude=.work --exclude=log.jsonl . ../again
    """
    parts = ["cellwright analyze PICTURES --recipe recipe.toml"]
    if run.get("samples_sha256"):
        parts.append("--samples samples.csv")
    if any(entry.get("region") for entry in records(run, "inputs")):
        parts.append("--regions REGIONS")
    if (run.get("options") or {}).get("flat_field") == "reference":
        parts.append("--flat-reference PICTURES_OF_AN_EVEN_FIELD")
    again = " ".join([*parts, "--out ../again"])
    return f"{again}\ndiff -r --exclude=.work --exclude=log.jsonl . ../again"


def _report_command(runs: Sequence[str], data: ReportData) -> str:
    """The command that puts several runs together again."""
    parts = ["cellwright report", *(shlex.quote(visible(name)) for name in runs)]
    if data.answer is not None:
        parts += ["--reference", shlex.quote(visible(data.answer.comparison.plan.reference))]
    if data.odd is not None:
        parts.append("--odd")
    return " ".join([*parts, "--out REPORT"])


def _own_model(run: Mapping[str, Any]) -> str:
    """Hash of a model that the run needs and the package does not bring."""
    from cellwright.models.catalogue import is_bundled

    card = (run.get("method") or {}).get("model") or {}
    digest = str(card.get("sha256", ""))
    return "" if not digest or is_bundled(digest) else visible(digest)


SECTION = Section("files", "Files", 96, render)
