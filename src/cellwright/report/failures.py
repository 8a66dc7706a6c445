"""What failed and why, first; then warnings, what was left out, and what people edited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from cellwright.report.groups import all_pictures, records
from cellwright.report.section import Content, ReportData, Section
from cellwright.report.table import Heading, table, text_cell
from cellwright.report.template import fill
from cellwright.report.wording import counted, visible

__all__ = ["SECTION"]

SHOWN_NAMES = 12
"""Names that a group of warnings lists before it is folded."""


@dataclass(frozen=True)
class Reason:
    """A reason and the pictures that it holds for."""

    text: str
    images: tuple[str, ...]


def render(data: ReportData) -> Content | None:
    """Tables of failures and exclusions, warnings by reason; None where all is well."""
    pictures = all_pictures(data)
    failed = pictures[pictures["status"] == "failed"]
    skipped = _skipped(data, pictures)
    excluded = [(str(r.get("image", "")), str(r.get("reason", "")))
                for r in records(data.run, "excluded")]  # fmt: skip
    warnings = grouped_warnings(pictures)
    edited = _corrections(data)
    said = [visible(text) for text in data.run.get("decisions") or ()]
    if not (len(failed) or skipped or excluded or warnings or edited or said):
        return None
    html = fill(
        "failures.html.j2",
        failed=_listed("failed", "Failed pictures and why",
                       list(zip(failed["image"], failed["reason"], strict=True))),
        n_failed=len(failed),
        warnings=warnings,
        shown_names=SHOWN_NAMES,
        edited=edited,
        said=said,
        excluded=_listed("excluded", "Excluded pictures and why", excluded),
        n_excluded=len(excluded),
        skipped=_listed("skipped", "Skipped inputs and why", skipped),
        n_skipped=len(skipped),
    )  # fmt: skip
    return Content(html)


def grouped_warnings(pictures: pd.DataFrame) -> list[Reason]:
    """Warnings by their reason, the most frequent first.

    Several warnings of a picture are divided by ``; `` in the table. Numbers within them
    differ from picture to picture, so a group goes by the words before the first colon,
    where there is one.
    """
    groups: dict[str, list[tuple[str, str]]] = {}
    for image, text in zip(pictures["image"], pictures["warnings"], strict=True):
        for warning in filter(None, (part.strip() for part in str(text).split(";"))):
            subject = warning.partition(":")[0].strip()
            groups.setdefault(subject, []).append((str(image), warning))
    found = []
    for subject, members in groups.items():
        texts = dict.fromkeys(warning for _, warning in members)
        single = len(texts) == 1
        found.append(
            Reason(
                visible(next(iter(texts)) if single else subject),
                tuple(
                    visible(image) if single else f"{visible(image)} – {visible(_rest(warning))}"
                    for image, warning in members
                ),
            )
        )
    return sorted(found, key=lambda reason: -len(reason.images))


def _rest(warning: str) -> str:
    return warning.partition(":")[2].strip() or warning


def _skipped(data: ReportData, pictures: pd.DataFrame) -> list[tuple[str, str]]:
    rows = {
        str(item.get("image", "")): str(item.get("reason", ""))
        for item in records(data.run, "skipped")
    }
    here = pictures[pictures["status"] == "skipped"]
    rows.update(zip(here["image"], here["reason"], strict=True))
    for item in records(data.run, "excluded"):  # has a table of its own
        rows.pop(str(item.get("image", "")), None)
    return list(rows.items())


def _corrections(data: ReportData) -> str:
    edits = [r for r in records(data.run, "corrections") if int(r.get("edited", 0) or 0)]
    if not edits:
        return ""
    cells = sum(int(record["edited"]) for record in edits)
    verb = "was" if cells == 1 else "were"
    return f"{counted(cells, 'cell')} in {counted(len(edits), 'picture')} {verb} edited by hand"


def _listed(name: str, caption: str, rows: Sequence[tuple[str, str]]) -> str:
    headings = (Heading("Picture"), Heading("Why"))
    cells = [(text_cell(image, longest=80), text_cell(reason)) for image, reason in rows]
    return table(name, caption, headings, cells) if rows else ""


SECTION = Section("failures", "Look first", 20, render)
