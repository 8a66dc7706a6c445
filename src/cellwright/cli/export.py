"""`cellwright export`: cells for another program."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cellwright.cli.verb import Asked, Output, Verb
from cellwright.pipeline.export_options import ExportOptions

if TYPE_CHECKING:
    from cellwright.pipeline.exporting import Exported

__all__ = ["VERB"]


def _run(asked: Asked) -> int:
    from cellwright.api import export

    out: Path = asked["out"]
    options = asked.of(ExportOptions)
    done = export(asked["inputs"], out, samples=asked["samples"], force=asked["force"], **options)
    if asked["json_"]:
        print(json.dumps(_facts(done, out), indent=1))
    elif not asked["quiet"]:
        for remark in done.remarks:
            print(remark, file=sys.stderr)
        what = f"{len(done.files)} tables" if done.to == "prism" else f"{done.n_cells:,} cells"
        print(f"{what} of {done.n_pictures:,} pictures: {out}")
    return 0


def _facts(done: Exported, out: Path) -> dict[str, Any]:
    return {
        "to": done.to,
        "cells": done.n_cells,
        "pictures": done.n_pictures,
        "features": list(done.features),
        "files": [str(file) for file in done.files],
        "remarks": list(done.remarks),
        "out": str(out),
    }


VERB = Verb(
    help="Write cells for another program: AnnData for scanpy and squidpy, Excel, means of "
    "replicates for GraphPad Prism, or one table of several runs.",
    run=_run,
    inputs={"inputs": "Runs, or tables with a row a cell; together they are one experiment."},
    paths={
        "out": "The file, such as cells.h5ad or cells.xlsx; a folder for prism.",
        "samples": "samples.csv: condition, replicate, dose, … of each picture.",
    },
    required=frozenset({"out"}),
    models=(ExportOptions, Output),
    flags={"force": "Write over what is there."},
    example="cellwright export run/ --out cells.h5ad",
)
