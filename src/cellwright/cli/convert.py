"""`cellwright convert`: annotations from any format to any other."""

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
    from cellwright.datasets.convert import Conversion

__all__ = ["VERB"]

_SHOWN = 5


class Formats(Options):
    """From which format to which."""

    from_: str = Field(
        "auto", description="Format of the source; docs/reference/annotations.md lists all."
    )
    to: str = Field("folder", description="Format to write.")


def _run(asked: Asked) -> int:
    from cellwright.api import convert

    out: Path = asked["out"]
    with progress(asked) as listener:
        done = convert(
            asked["source"],
            out,
            to=asked["to"],
            source_format=asked["from_"],
            images=asked["images"],
            listener=listener,
            cancel=CANCEL,
        )
    if asked["json_"]:
        print(json.dumps(_facts(done, out), indent=1))
    elif not asked["quiet"]:
        for line in _lines(done, out):
            print(line)
    return SOME_FAILED if done.count("failed") else 0


def _facts(done: Conversion, out: Path) -> dict[str, Any]:
    return {
        "inputs": len(done.rows),
        **{status: done.count(status) for status in ("done", "warned", "failed")},
        "skipped": 0,
        "cells": sum(row.n_cells for row in done.rows),
        "from": done.source_format,
        "to": done.to,
        "remarks": list(done.remarks),
        "out": str(out),
    }


def _lines(done: Conversion, out: Path) -> list[str]:
    cells = sum(row.n_cells for row in done.rows)
    good = len(done.rows) - done.count("failed")
    lines = [f"{good:,} pictures with {cells:,} objects: {done.source_format} to {done.to}"]
    told = [row for row in done.rows if row.reason]
    lines += [f"{row.status}: {row.image}: {row.reason}" for row in told[:_SHOWN]]
    if len(told) > _SHOWN:
        lines.append(f"and {len(told) - _SHOWN:,} more, in the column reason of images.csv")
    return [*lines, *done.remarks, f"dataset: {out}"]


VERB = Verb(
    help="Convert annotated pictures from one format to another: label images, outlines, the "
    "files of other programs.",
    run=_run,
    inputs={"source": "Folder, file or zip of annotations."},
    paths={
        "out": "Folder for the dataset; it must be new or empty.",
        "images": "Folder of the pictures, where the source does not hold them.",
    },
    required=frozenset({"out"}),
    models=(Formats, Output),
    example="cellwright convert my_annotations/ --out dataset/",
)
