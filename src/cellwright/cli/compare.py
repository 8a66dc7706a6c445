"""`cellwright compare`: conditions against a reference, the replicate is n."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cellwright.cli.verb import Asked, Output, Verb
from cellwright.stats.options import CompareOptions

if TYPE_CHECKING:
    from cellwright.stats.comparing import Comparison

__all__ = ["VERB"]

_SHOWN = 12
"""Rows that are printed; all are in the table."""


def _run(asked: Asked) -> int:
    from cellwright.api import compare

    options = asked.of(CompareOptions)
    reference = options.pop("reference")
    out: Path = asked["out"]
    done = compare(asked["inputs"], out, reference=reference, samples=asked["samples"], **options)
    if asked["json_"]:
        print(json.dumps(_facts(done, out), indent=1, allow_nan=False))
    elif not asked["quiet"]:
        for line in _lines(done):
            print(line)
        print(
            f"all {len(done.table):,} rows: {out / 'comparisons.csv'}; page: {out / 'answer.html'}"
        )
    return 0


def _facts(done: Comparison, out: Path) -> dict[str, Any]:
    rows = json.loads(done.table.to_json(orient="records"))
    return {
        "inputs": len(done.design.pictures),
        "cells": int(done.design.pictures["n_cells"].sum()),
        "unit": done.design.unit,
        "design": json.loads(done.design.table().to_json(orient="records")),
        "comparisons": rows,
        "further": {
            name: json.loads(table.to_json(orient="records"))
            for name, table in done.further.items()
            if name != "wells"
        },
        "remarks": [vars(one) for one in done.remarks],
        "out": str(out),
    }


def _lines(done: Comparison) -> Iterable[str]:
    for row in _records(done.design.table()):
        yield (
            f"{row['condition']} ({row['role']}): n = {row['n_replicates']}, "
            f"{int(row['n_cells']):,} cells"
        )
    yield (
        f"n is the number of different {done.design.unit}s; intervals of "
        f"{100 * done.plan.level:g} % are over replicates"
        if done.design.unit
        else "no replicate is known: there is no n, and there are no intervals"
    )
    for remark in done.remarks:
        yield f"{remark.severity}: {remark.text}"
    rows = _records(done.table)
    rows.sort(key=lambda row: (not row["primary"], _last(row["p_adjusted"]), _last(row["p"])))
    for row in rows[:_SHOWN]:
        yield _line(row)
    if "dose_response" in done.further:
        for row in _records(done.further["dose_response"]):
            if row["primary"] or len(done.features) == 1:
                yield _half_effect(row)


def _half_effect(row: Mapping[str, Any]) -> str:
    """The EC50 of a compound, or why there is none."""
    said = f"{row['feature']}, {row['compound'] or 'dose'}"
    if math.isnan(row["ec50"]):
        return f"{said}: {row['note']}"
    ends = (
        "open" if math.isnan(end) else f"{end:.3g}" for end in (row["ec50_low"], row["ec50_high"])
    )
    more = f"; {row['note']}" if row["note"] else ""
    return f"{said}: EC50 {row['ec50']:.3g} [{', '.join(ends)}] {row['dose_unit']}".rstrip() + more


def _line(row: Mapping[str, Any]) -> str:
    if math.isnan(row["difference"]):
        return f"{row['feature']}, {row['condition']}: {row['note']}"
    change = "" if math.isnan(row["percent"]) else f" ({row['percent']:+.1f} %)"
    interval = "" if math.isnan(row["ci_low"]) else f" [{row['ci_low']:.3g}, {row['ci_high']:.3g}]"
    said = f"{row['feature']}, {row['condition']}: {row['difference']:+.3g}{interval}{change}"
    if math.isnan(row["p"]):
        return f"{said}; {row['note'] or 'no p'}"
    return f"{said}; {row['test']}, p = {row['p']:.2g}, adjusted {row['p_adjusted']:.2g}"


def _records(table: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = table.to_dict("records")
    return found


def _last(p: float) -> float:
    return math.inf if math.isnan(p) else p


VERB = Verb(
    help="Compare the conditions of an experiment with a reference. The replicate is n: without "
    "three of each there are estimates, and no p.",
    run=_run,
    inputs={"inputs": "Runs, or tables with a row a cell; together they are one experiment."},
    paths={
        "out": "Folder for comparisons.csv, design.csv, replicates.csv, and for tables of doses, "
        "plates and power where they say something.",
        "samples": "samples.csv: condition, replicate, dose, … of each picture.",
    },
    required=frozenset({"out"}),
    models=(CompareOptions, Output),
    example="cellwright compare run/ --samples samples.csv --reference control --out answer/",
)
