"""`cellwright outliers`: cells unlike those of the reference, each with its reason."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cellwright.cli.verb import Asked, Output, Verb
from cellwright.stats.outliers.options import OutlierOptions

if TYPE_CHECKING:
    from cellwright.pipeline.odd_cells import OddCells

__all__ = ["VERB"]

_SHOWN = 5
"""Cells that are printed; all are in the table."""


def _run(asked: Asked) -> int:
    from cellwright.api import outliers
    from cellwright.cli.face import progress

    options = asked.of(OutlierOptions)
    reference = options.pop("reference")
    out: Path = asked["out"]
    with progress(asked) as listener:
        done = outliers(
            asked["inputs"], out, reference=reference, samples=asked["samples"],
            images=asked["images"], listener=listener, **options,
        )  # fmt: skip
    if asked["json_"]:
        print(json.dumps(_facts(done, out), indent=1, allow_nan=False))
    elif not asked["quiet"]:
        for line in _lines(done):
            print(line)
        print(f"all {len(done.table):,} cells: {out / 'outliers.csv'}")
        print(f"page: {out / 'odd.html'}")
    return 0


def _facts(done: OddCells, out: Path) -> dict[str, Any]:
    judged = done.table["p"].notna()
    return {
        "cells": len(done.table),
        "judged": int(judged.sum()),
        "outliers": int(done.table["is_outlier"].sum()),
        "rate": done.rate,
        "groups": done.groups,
        "left_out": done.what,
        "shares": json.loads(done.shares.table.to_json(orient="records")),
        "remarks": [vars(one) for one in done.remarks],
        "out": str(out),
    }


def _lines(done: OddCells) -> Iterable[str]:
    from cellwright.report.odd_cells.data import frame_names

    table = done.table
    yield (
        f"rate of false alarms {100 * done.rate:.3g} %, by {done.groups} {done.what} of the "
        "reference, each left out in turn"
    )
    for remark in done.remarks:
        yield f"{remark.severity}: {remark.text}"
    judged = table[table["p"].notna()]
    for name in (one.name for one in done.shares.design.conditions):
        here = judged[judged["condition"] == name]
        odd = int(here["is_outlier"].sum())
        doubts = here.loc[here["is_outlier"] & (here["doubt"] != ""), "doubt"]
        said = ", ".join(f"{n} {doubt}" for doubt, n in doubts.value_counts().items())
        yield f"{name}: {odd:,} of {len(here):,} cells are odd" + (f" ({said})" if said else "")
    for row in done.shares.table.to_dict("records"):
        p = row["note"] if row["p"] != row["p"] else f"{row['test']}, p = {row['p']:.2g}"
        yield f"share, {row['condition']}: {100 * row['difference']:+.1f} points; {p}"
    named = frame_names(table)
    worst = judged[judged["is_outlier"]].sort_values("score", ascending=False, kind="stable")
    for row in worst.head(_SHOWN).to_dict("records"):
        where = f"{named(row)}, {row['object']} {row['label']}".strip(", ")
        yield f"{where}: {row['reason']}" + (f" ({row['doubt']})" if row["doubt"] else "")


VERB = Verb(
    help="Find cells that are unlike those of a reference. You state the rate of false alarms; it "
    "holds for wells that nobody has seen.",
    run=_run,
    inputs={"inputs": "Runs, or tables with a row a cell; together they are one experiment."},
    paths={
        "out": "Folder for outliers.csv and outlier_shares.csv.",
        "samples": "samples.csv: condition, replicate, well, … of each picture.",
        "images": "The pictures of the runs: the page shows odd cells in them, and --way "
        "appearance judges by them.",
    },
    required=frozenset({"out"}),
    models=(OutlierOptions, Output),
    example="cellwright outliers run/ --reference control --rate 0.05 --out odd/",
)
