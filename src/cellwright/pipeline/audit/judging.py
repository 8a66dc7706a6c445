"""What the answers to an audit say: rates of errors, and counts corrected for them."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from cellwright.core.errors import UsageError
from cellwright.core.version import VERSION
from cellwright.engine.files import write_atomic
from cellwright.engine.run_folder import RunFolder
from cellwright.pipeline.answers import Asking
from cellwright.pipeline.audit.kept import FOLDER, FORMAT, RECORD
from cellwright.pipeline.audit.key import (
    Answers,
    DealtCell,
    DealtField,
    Key,
    read_answers,
    read_key,
    run_digest,
)
from cellwright.pipeline.audit.options import AuditOptions
from cellwright.pipeline.reporting import write_report
from cellwright.pipeline.tables import csv_bytes
from cellwright.stats.audit import KINDS, Judged, error_rates
from cellwright.stats.audit_counts import corrected_counts
from cellwright.stats.estimate import FEWEST

__all__ = ["COUNTS", "RATES", "Audited", "judge_audit"]

RATES, COUNTS = "audit.csv", "audit_counts.csv"


@dataclass(frozen=True, eq=False)
class Audited:
    """What came out.

    Attributes
    ----------
    rates
        Of `cellwright.stats.audit.error_rates`.
    counts
        Of `cellwright.stats.audit_counts.corrected_counts`.
    judged, asked
        How many fields and cells were judged, and how many were dealt.
    remarks
        What is to be known of it.
    record
        What `RECORD` holds.
    """

    rates: pd.DataFrame
    counts: pd.DataFrame
    judged: Mapping[str, int]
    asked: Mapping[str, int]
    remarks: tuple[str, ...]
    record: Mapping[str, Any]


def judge_audit(
    run: Path, answers: Path, out: Path, options: AuditOptions, *, into_report: bool = False
) -> Audited:
    """Join answers with their key, and write what they say.

    Parameters
    ----------
    run
        Folder of the run that was audited.
    answers
        What the page saved.
    out
        Folder of the audit, with its key; it gets `RATES`, `COUNTS` and `RECORD`.
    options
        The reference; all else was decided when it was dealt.
    into_report
        Whether the run keeps the result, in its folder ``audit``, and shows it in its report.

    Raises
    ------
    UsageError
        If answers, key and run do not belong together, or nothing was judged.
    UnreadableError
        If a file is not what it should be.
    """
    key = read_key(out)
    if key.run != run_digest(run):
        raise UsageError(
            "the run is not the one that was audited, or it has changed since",
            where=str(run),
            remedy="name the run of the audit; one that was analysed anew needs a new audit",
        )
    if options.reference is not None and options.reference not in key.counts:
        raise UsageError(
            f"there is no condition {options.reference!r} to compare with",
            remedy=f"the conditions are {', '.join(key.counts)}",
        )
    given = read_answers(answers, key)
    judged = _joined(key, given)
    if not any(one.cells or one.fields for one in judged):
        raise UsageError("nothing was judged yet", where=str(answers))
    audited = _audited(key, given, judged, options.reference)
    files = {
        RATES: csv_bytes(audited.rates),
        COUNTS: csv_bytes(audited.counts),
        RECORD: (json.dumps(audited.record, indent=1, allow_nan=False) + "\n").encode(),
    }
    for name, content in files.items():
        write_atomic(out / name, content, out)
    if into_report:
        with RunFolder(run) as folder:
            for name, content in files.items():
                folder.publish(f"{FOLDER}/{name}", content)
            write_report(folder, Asking())
    return audited


def _joined(key: Key, answers: Answers) -> list[Judged]:
    """What was said of each replicate of each condition, those of which nothing was said too."""
    strata = [(condition, unit) for condition, units in key.counts.items() for unit in units]
    dealt: list[DealtField | DealtCell] = [*key.fields_, *key.cells]
    strata = list(dict.fromkeys([*strata, *sorted({(d.condition, d.replicate) for d in dealt})]))
    said: dict[tuple[str, str], Counter[str]] = {stratum: Counter() for stratum in strata}
    seen: dict[tuple[str, str], Counter[str]] = {stratum: Counter() for stratum in strata}
    for number, cell in enumerate(key.cells, 1):
        if (word := answers.cells.get(number)) is not None:
            said[cell.condition, cell.replicate][word] += 1
    for number, field in enumerate(key.fields_, 1):
        answer = answers.fields_.get(number)
        here = seen[field.condition, field.replicate]
        if answer is not None and answer.state == "done":
            here["fields"] += 1
            here["outlines"] += len(field.labels)
            here["missed"] += len(answer.missed)
            here["wrong"] += len(answer.wrong)
        elif answer is not None and answer.state == "unsure":
            here["unsure"] += 1
    return [
        Judged(
            condition,
            unit,
            {kind: said[condition, unit][kind] for kind in KINDS},
            unsure=said[condition, unit]["unsure"] + seen[condition, unit]["unsure"],
            **{k: seen[condition, unit][k] for k in ("outlines", "wrong", "missed", "fields")},
        )
        for condition, unit in strata
    ]


def _audited(
    key: Key, answers: Answers, judged: Sequence[Judged], reference: str | None
) -> Audited:
    rates = error_rates(judged, classes=key.classes)
    counts = corrected_counts(judged, key.counts, reference)
    done = {"fields": sum(one.fields for one in judged), "cells": sum(one.cells for one in judged)}
    asked = {"fields": len(key.fields_), "cells": len(key.cells)}
    remarks = (*key.remarks, *_remarks(key, answers, judged, reference))
    record = {
        **FORMAT,
        "cellwright": VERSION,
        "audit": key.audit,
        "run": key.run,
        "unit": key.unit,
        "reference": reference or "",
        "asked": asked,
        "judged": done,
        "unsure": sum(one.unsure for one in judged),
        "rates": _rows(rates),
        "counts": _rows(counts),
        "remarks": list(remarks),
    }
    return Audited(rates, counts, done, asked, remarks, record)


def _remarks(
    key: Key, answers: Answers, judged: Sequence[Judged], reference: str | None
) -> list[str]:
    remarks = []
    fields = sum(one.state != "open" for one in answers.fields_.values())
    left = len(key.fields_) - fields, len(key.cells) - len(answers.cells)
    if any(left):
        stand = (
            "those before the last answer were passed over: if they were the hard ones, the others "
            "do not stand for all"
            if _has_gaps(answers)
            else "as they were dealt in random order, the others stand for all"
        )
        remarks.append(f"{left[0]} fields and {left[1]} cells were not judged; {stand}")
    if unsure := sum(one.unsure for one in judged):
        remarks.append(f"of {unsure} nobody could tell; they are in no rate")
    few = [name for name, units in key.counts.items() if len([u for u in units if u]) < FEWEST]
    if few:
        remarks.append(
            f"fewer than {FEWEST} replicates of {', '.join(few) if any(few) else 'the run'}: "
            "intervals take cells as independent, too narrow where cells of a dish are alike"
        )
    if reference is None and len(key.counts) > 1:
        remarks.append("name a condition with --reference to see the corrected effect")
    return remarks


def _has_gaps(answers: Answers) -> bool:
    """Whether something was not judged, and something after it was."""
    fields = [number for number, one in answers.fields_.items() if one.state != "open"]
    return any(len(judged) < max(judged, default=0) for judged in (fields, list(answers.cells)))


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a table as plain values, None where there is no number."""
    return [
        {
            str(name): None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in row.items()
        }
        for row in table.to_dict("records")
    ]
