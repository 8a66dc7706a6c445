"""`cellwright check`: faults of annotated pictures, before they teach anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from cellwright.cli.face import SOME_FAILED, progress
from cellwright.cli.interrupt import CANCEL
from cellwright.cli.verb import Asked, Output, Verb
from cellwright.core.method import Options

if TYPE_CHECKING:
    from cellwright.datasets.check import Checked

__all__ = ["VERB"]

_SHOWN = 20


class Format(Options):
    """Which format."""

    from_: str = Field(
        "auto", description="Format of the source; docs/reference/annotations.md lists all."
    )


def _run(asked: Asked) -> int:
    from cellwright.api import check

    out: Path | None = asked["out"]
    with progress(asked) as listener:
        done = check(
            asked["source"],
            source_format=asked["from_"],
            images=asked["images"],
            out=out,
            listener=listener,
            cancel=CANCEL,
        )
    if asked["json_"]:
        print(json.dumps(_facts(done), indent=1))
    elif not asked["quiet"]:
        for line in _lines(done, out):
            print(line)
    return SOME_FAILED if done.errors else 0


def _facts(done: Checked) -> dict[str, Any]:
    found = [
        {
            "image": one.image, "check": one.fault.check, "verdict": one.fault.verdict,
            "what": one.fault.what, "remedy": one.fault.remedy,
        }
        for one in done.findings
    ]  # fmt: skip
    return {
        "inputs": done.pictures,
        "cells": done.objects,
        "from": done.source_format,
        "errors": done.errors,
        "warnings": len(done.findings) - done.errors,
        "findings": found,
    }


def _lines(done: Checked, out: Path | None) -> list[str]:
    ordered = sorted(done.findings, key=lambda one: one.fault.verdict)  # errors first
    lines = [
        f"{one.fault.verdict}: {one.image}: {one.fault.what}; {one.fault.remedy}"
        for one in ordered[:_SHOWN]
    ]
    if len(ordered) > _SHOWN:
        where = f"check.csv in {out}" if out is not None else "check.csv, with --out"
        lines.append(f"and {len(ordered) - _SHOWN:,} more: all are in {where}")
    warnings = len(done.findings) - done.errors
    lines.append(
        f"{done.pictures:,} pictures with {done.objects:,} objects ({done.source_format}): "
        f"{done.errors:,} errors, {warnings:,} warnings"
    )
    return lines


VERB = Verb(
    help="Look for faults in annotated pictures: labels that do not fit, masks, split cells, "
    "pictures that are there twice, tiles of one photograph.",
    run=_run,
    inputs={"source": "Folder, file or zip of annotations."},
    paths={
        "out": "Folder for check.csv and groups.csv.",
        "images": "Folder of the pictures, where the source does not hold them.",
    },
    models=(Format, Output),
    example="cellwright check dataset/ --out checked/",
)
