"""Whether the pictures are fit to be measured, and what is unusual among their cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cellwright.quality.check import Check
from cellwright.quality.judge import loaded_checks
from cellwright.report.checklist_workflow import UNLIKE
from cellwright.report.groups import all_pictures, measured_pictures, records
from cellwright.report.quality_cells import cells_table, traits_of
from cellwright.report.section import Content, ReportData, Section
from cellwright.report.table import (
    Badge,
    Heading,
    TableCell,
    badge_cell,
    count_cell,
    table,
    text_cell,
)
from cellwright.report.template import fill
from cellwright.report.wording import joined, visible

__all__ = ["SECTION"]

_SEVERITY = {"pass": 0, "warn": 1, "fail": 2}
_WORDS: tuple[tuple[Badge, str], ...] = (("pass", "fine"), ("warn", "take care"), ("fail", "unfit"))
_NOT_JUDGED = "not judged"
"""Begins the reason of a check that could not be made."""
_LONGEST_NAME = 40


@dataclass(frozen=True)
class Checked:
    """What a check said of all pictures.

    Attributes
    ----------
    title
        Its name in words.
    counts
        Pictures that are fine, to be taken with care, and unfit.
    not_judged
        Pictures of which it could say nothing.
    worst
        The picture that comes off worst; empty if there is none.
    reason
        What was found there.
    """

    title: str
    counts: tuple[int, int, int]
    not_judged: int
    worst: str
    reason: str


def render(data: ReportData) -> Content | None:
    """A table of the checks and one of the cells; None where there are no pictures."""
    everything, pictures = all_pictures(data), measured_pictures(data)
    if not len(everything):
        return None
    checks = loaded_checks()
    rows = [
        *_readable(everything),
        *_checked(_findings(data, pictures), checks),
        *_familiar(data, pictures),
    ]
    traits = traits_of(data, pictures)
    names = {str(name) for name in data.quality["check"]} if len(data.quality) else set()
    html = fill(
        "quality.html.j2",
        table=_checks_table(rows),
        unchecked=not names,
        several=bool(data.run.get("runs")),
        meanings=[
            (_title(name), check.meaning, _limits(check, data.run))
            for name, check in checks.items()
            if name in names
        ],
        cells=cells_table(traits) if traits else "",
        traits=traits,
        model=any(row.title == _FAMILIAR for row in rows),
    )
    return Content(html)


def _readable(everything: pd.DataFrame) -> Iterator[Checked]:
    """Whether each input that is a picture could be read and worked on."""
    tried = everything[everything["status"] != "skipped"]
    failed = tried[tried["status"] == "failed"]
    if not len(tried):
        return
    worst = failed.iloc[0] if len(failed) else {"image": "", "reason": ""}
    yield Checked(
        "Readable",
        (len(tried) - len(failed), 0, len(failed)),
        0,
        str(worst["image"]),
        str(worst["reason"]),
    )


def _findings(data: ReportData, pictures: pd.DataFrame) -> pd.DataFrame:
    """What was said of the channels in which cells were found, of the pictures that count."""
    found = data.quality
    if not len(found):
        return found
    nuclei = {
        str(r.get("image", "")): str(r.get("nuclei", "")) for r in records(data.run, "inputs")
    }
    chosen = dict(zip(pictures["image"], pictures["channel"], strict=True))
    image, channel = found["image"].map(str), found["channel"].map(str)
    kept = image.isin(list(chosen)) & (
        (channel == image.map(chosen)) | (channel == image.map(nuclei))
    )
    return found[kept]


def _checked(found: pd.DataFrame, checks: Mapping[str, Check]) -> Iterator[Checked]:
    """Of each check how many pictures pass, by the worst of their frames and channels."""
    if not len(found):
        return
    for name in dict.fromkeys(str(text) for text in found["check"]):
        own = found[found["check"] == name]
        check = checks.get(name)
        sign = 1 if check is None or check.warn <= check.fail else -1
        badness = sign * pd.to_numeric(own["value"], errors="coerce").fillna(-sign * np.inf)
        ranked = own.assign(severity=own["verdict"].map(_SEVERITY).fillna(0), badness=badness)
        ranked = ranked.sort_values(["severity", "badness"], ascending=False, kind="stable")
        of_pictures = ranked.drop_duplicates("image")
        unjudged = of_pictures["reason"].map(str).str.startswith(_NOT_JUDGED)
        judged = of_pictures[~unjudged]
        levels = judged["verdict"].value_counts()
        movie = bool(own["frame"].max() > 0)
        worst = judged.iloc[0].to_dict() if len(judged) else {}
        yield Checked(
            _title(name),
            (int(levels.get("pass", 0)), int(levels.get("warn", 0)), int(levels.get("fail", 0))),
            int(unjudged.sum()),
            f"{worst['image']}, frame {worst['frame']}"
            if worst and movie
            else worst.get("image", ""),
            worst.get("reason", ""),
        )


_FAMILIAR = "Known to the model"


def _familiar(data: ReportData, pictures: pd.DataFrame) -> Iterator[Checked]:
    """Whether the pictures are like those that the model has learnt from."""
    if not (data.run.get("method") or {}).get("model") and "unlike" not in pictures:
        return
    unlike = pd.Series(np.nan, index=pictures.index)
    if "unlike" in pictures:
        unlike = pd.to_numeric(pictures["unlike"], errors="coerce")
    strange = int((unlike > UNLIKE).sum())
    worst, reason = "", ""
    if unlike.notna().any():
        worst = str(pictures["image"].iloc[int(np.nanargmax(unlike.to_numpy(np.float64)))])
        reason = f"unlike = {unlike.max():.2f}; above {UNLIKE:g} it is unlike what it knows"
    judged = int(unlike.notna().sum())
    yield Checked(_FAMILIAR, (judged - strange, strange, 0), len(pictures) - judged, worst, reason)


def _checks_table(rows: Sequence[Checked]) -> str:
    some_unjudged = any(row.not_judged for row in rows)
    headings = [
        Heading("Check"),
        Heading("Worst verdict", "badge"),
        *(Heading(word.capitalize(), "number") for _, word in _WORDS),
        *([Heading("Not judged", "number")] if some_unjudged else []),
        Heading("Worst picture"),
        Heading("What was found there"),
    ]
    lines = [
        [
            text_cell(row.title),
            _verdict(row.counts),
            *(count_cell(n) for n in row.counts),
            *([count_cell(row.not_judged)] if some_unjudged else []),
            text_cell(row.worst, longest=_LONGEST_NAME),
            text_cell(row.reason),
        ]
        for row in rows
    ]
    return table("quality-table", "Pictures by check", headings, lines)


def _verdict(counts: Sequence[int]) -> TableCell:
    for n, (level, word) in reversed(list(zip(counts, _WORDS, strict=True))):
        if n:
            return badge_cell(word, level)
    return badge_cell(_NOT_JUDGED, "quiet")


def _title(name: str) -> str:
    return visible(name).replace("_", " ").capitalize()


def _limits(check: Check, run: Mapping[str, Any]) -> str:
    """From where on it warns and fails, in this run."""
    warn, fail = f"{check.warn:g}", f"{check.fail:g}"
    for text in (run.get("options") or {}).get("quality") or ():
        name, _, given = str(text).partition("=")
        if name.strip() == check.name and ":" in given:
            warn, _, fail = given.partition(":")
    way = "or more" if check.warn <= check.fail else "or less"
    return joined([f"take care at {visible(warn)} {way}", f"unfit at {visible(fail)} {way}"])


SECTION = Section("quality", "Quality", 35, render)
