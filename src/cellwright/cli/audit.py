"""`cellwright audit`: outlines judged by a person who does not know of which condition they are."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cellwright.cli.verb import Asked, Output, Verb
from cellwright.core.errors import UsageError
from cellwright.pipeline.audit.options import AuditOptions

if TYPE_CHECKING:
    from cellwright.pipeline.audit.judging import Audited

__all__ = ["VERB"]

_LATER = {"fields", "cells", "seed", "unit", "images", "samples"}
"""What is decided when an audit is dealt, and not when its answers are read."""


def _run(asked: Asked) -> int:
    from cellwright import api

    if (asked["images"] is None) == (asked["answers"] is None):
        raise UsageError(
            "an audit needs either the pictures or the answers",
            remedy="deal it with --images PICTURES; when it is judged, give --answers answers.json",
        )
    out: Path = asked["out"]
    if asked["answers"] is None:
        return _deal(asked, out)
    if wrong := sorted(_LATER & asked.given):
        raise UsageError(f"--{wrong[0]} is for dealing an audit", remedy="leave it out")
    done = api.read_audit(
        asked["run"],
        asked["answers"],
        out,
        reference=asked["reference"],
        into_report=asked["into_report"],
    )
    if asked["json_"]:
        print(json.dumps({**done.record, "out": str(out)}, indent=1, allow_nan=False))
    elif not asked["quiet"]:
        for line in _lines(done):
            print(line)
        print(f"rates: {out / 'audit.csv'}; counts: {out / 'audit_counts.csv'}")
        if asked["into_report"]:
            print(f"report: {asked['run'] / 'report.html'}")
    return 0


def _deal(asked: Asked, out: Path) -> int:
    from cellwright import api

    if wrong := sorted({"reference", "into_report"} & asked.given):
        name = wrong[0].replace("_", "-")
        raise UsageError(f"--{name} is for the answers", remedy="give it together with --answers")
    dealt = api.audit(
        asked["run"], asked["images"], out, samples=asked["samples"], **asked.of(AuditOptions)
    )
    if asked["json_"]:
        facts = {"fields": dealt.fields, "cells": dealt.cells, "remarks": list(dealt.remarks)}
        print(json.dumps({**facts, "page": str(dealt.page), "out": str(out)}, indent=1))
    elif not asked["quiet"]:
        print(f"{dealt.fields} fields and {dealt.cells} cells are dealt")
        for remark in dealt.remarks:
            print(f"notice: {remark}")
        print(f"judge them in a browser: {dealt.page.resolve()}")
        print(f"then: cellwright audit {asked['run']} --answers answers.json --out {out}")
    return 0


def _lines(done: Audited) -> Iterable[str]:
    yield (
        f"judged: {done.judged['fields']} of {done.asked['fields']} fields, "
        f"{done.judged['cells']} of {done.asked['cells']} cells"
    )
    for remark in done.remarks:
        yield f"notice: {remark}"
    rows = _records(done.rates)
    for row in rows:
        if row["n"]:
            yield (
                f"{row['condition'] or 'all'}, {_words(row['kind'])}: {_percent(row['rate'])} of "
                f"{row['n']:g} [{_percent(row['low'])}, {_percent(row['high'])}], {row['interval']}"
            )
    for kind, row in {row["kind"]: row for row in rows if row["differs"]}.items():
        verdict = {"yes": "conditions DIFFER", "not seen": "no difference"}.get(
            row["differs"], "conditions not compared"
        )
        ps = "" if row["p_cells"] != row["p_cells"] else f", p = {row['p_cells']:.2g} over cells"
        if row["p_replicates"] == row["p_replicates"]:
            ps += f", {row['p_replicates']:.2g} over replicates"
        yield f"{_words(kind)}: {verdict}{ps}; {row['note']}"
    for row in _records(done.counts):
        yield _count(row)


def _count(row: Mapping[str, Any]) -> str:
    said = (
        f"{row['condition'] or 'all'}: {row['count']:.4g} cells a picture, corrected "
        f"{row['corrected']:.4g} [{row['corrected_low']:.4g}, {row['corrected_high']:.4g}]"
    )
    if row["reference"]:
        said += (
            f"; against {row['reference']} {row['percent']:+.1f} % "
            f"[{row['percent_low']:+.1f}, {row['percent_high']:+.1f}], corrected "
            f"{row['corrected_percent']:+.1f} % [{row['corrected_percent_low']:+.1f}, "
            f"{row['corrected_percent_high']:+.1f}] ({row['interval']})"
        )
    return said.replace("nan", "–") + (f"; {row['note']}" if row["note"] else "")


def _records(table: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = table.to_dict("records")
    return found


def _words(kind: str) -> str:
    return {"false": "not a cell", "wrong_in_fields": "wrong in fields"}.get(
        kind, kind.replace("_", " ")
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


VERB = Verb(
    help="Have outlines judged by a person who does not know of which condition they are: deals a "
    "page with --images, and makes error rates and corrected counts of its --answers.",
    run=_run,
    inputs={"run": "Folder of the run."},
    paths={
        "out": "Folder of the audit: audit.html and key.json, later audit.csv.",
        "images": "The pictures of the run: deals an audit.",
        "samples": "samples.csv, where the run does not know conditions and replicates.",
        "answers": "What the page saved: makes audit.csv, audit_counts.csv and audit.json.",
    },
    required=frozenset({"out"}),
    models=(AuditOptions, Output),
    flags={"into_report": "With --answers: keep the result in RUN/audit, for the report."},
    example="cellwright audit run/ --images pictures/ --out audit/",
)
