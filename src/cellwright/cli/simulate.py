"""`cellwright simulate`: pictures whose truth is known."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import Field, ValidationError

from cellwright.cli.verb import Asked, Output, Verb
from cellwright.core.errors import UsageError
from cellwright.core.method import Options
from cellwright.simulate.experiment import SimulateOptions

__all__ = ["VERB"]

EXPERIMENT = "experiment"
OF_FIELDS = frozenset({"size", "seed"})
"""Options of an experiment that fields have too."""


class FieldOptions(Options):
    """Fields to be trained on or scored on."""

    count: int = Field(20, ge=1, le=100_000, description="Fields of nuclei or of a monolayer.")


def _run(asked: Asked) -> int:
    what = str(asked["what"])
    try:
        options = SimulateOptions(**asked.of(SimulateOptions))
        fields = FieldOptions(**asked.of(FieldOptions))
    except ValidationError as error:
        problem = error.errors()[0]
        raise UsageError(
            f"--{str(problem['loc'][0]).replace('_', '-')}: {problem['msg']}"
        ) from error
    told = _experiment(asked, options) if what == EXPERIMENT else _fields(asked, options, fields)
    if asked["json_"]:
        print(json.dumps({"out": str(asked["out"]), **told}))
    elif not asked["quiet"]:
        print(f"pictures and {told['table']}: {asked['out']}")
    return 0


def _experiment(asked: Asked, options: SimulateOptions) -> dict[str, object]:
    from cellwright.simulate.experiment import simulate_experiment

    wrong = asked.given & (set(FieldOptions.model_fields) | {"parameters"})
    _refuse(wrong, "an experiment")
    samples = simulate_experiment(asked["out"], options, force=asked["force"])
    return {"samples": str(samples), "table": samples.name}


def _fields(asked: Asked, options: SimulateOptions, fields: FieldOptions) -> dict[str, object]:
    from cellwright.simulate.fields import KINDS, read_ranges, simulate_dataset

    what = str(asked["what"])
    if what not in KINDS:
        raise UsageError(
            f"{what!r} cannot be simulated", remedy=f"choose {', '.join(KINDS)} or {EXPERIMENT}"
        )
    _refuse(asked.given & (set(SimulateOptions.model_fields) - OF_FIELDS), f"fields of {what}")
    path: Path | None = asked["parameters"]
    cells = simulate_dataset(
        asked["out"],
        what,
        count=fields.count,
        size=options.size,
        seed=options.seed,
        ranges=read_ranges(path, what) if path is not None else None,
        force=asked["force"],
    )
    return {"pictures": fields.count, "cells": cells, "table": "images.csv"}


def _refuse(wrong: set[str] | frozenset[str], what: str) -> None:
    if wrong:
        raise UsageError(
            f"--{sorted(wrong)[0].replace('_', '-')} says nothing of {what}",
            remedy="give numbers of fields in a file, with --parameters"
            if what != "an experiment"
            else "leave it out",
        )


VERB = Verb(
    help="Make pictures whose truth is known: fields of nuclei or of a monolayer, drawn from "
    "ranges of sizes, stains and faults; or an experiment with conditions and replicates.",
    run=_run,
    inputs={"what": "nuclei, monolayer or experiment."},
    paths={
        "out": "Folder for the pictures, their label images and a table: new, empty, or of the "
        "same simulation.",
        "parameters": "TOML file with numbers or ranges for fields: diameter_px = [20, 40].",
    },
    required=frozenset({"out"}),
    models=(FieldOptions, SimulateOptions, Output),
    flags={"force": "Remove another simulation that the folder holds; never other files."},
    example="cellwright simulate monolayer --count 50 --out simulated/",
)
