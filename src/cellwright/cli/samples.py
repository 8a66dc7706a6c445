"""`cellwright samples`: a first samples.csv, guessed from names."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from pydantic import Field

from cellwright.cli.verb import Asked, Output, Verb
from cellwright.core.method import Options

__all__ = ["VERB"]


class Naming(Options):
    """How names are read."""

    pattern: str = Field(
        "auto",
        description="How names tell which files are one picture: auto, none, or a scheme such as "
        "imagexpress, operetta, incucyte, cv8000.",
    )


def _run(asked: Asked) -> int:
    from cellwright import api

    out: Path = asked["out"]
    template = api.samples(asked["inputs"], out, pattern=asked["pattern"], force=asked["force"])
    columns = [str(name) for name in template.table.columns]
    if asked["json_"]:
        print(
            json.dumps({"samples": str(out), "pictures": len(template.table), "columns": columns})
        )
    if not asked["quiet"]:
        for sentence in template.said:
            print(sentence, file=sys.stderr)
        print(
            f"{out}: {len(template.table):,} pictures. All of it is guessed from names: look at "
            "it and correct it, then give it with --samples",
            file=sys.stderr,
        )
    return 0


VERB = Verb(
    help="Write a samples.csv with guesses from the names, to be looked at and corrected.",
    run=_run,
    inputs={"inputs": "Pictures, folders or globs."},
    paths={"out": "The file to write, such as samples.csv."},
    required=frozenset({"out"}),
    models=(Naming, Output),
    flags={"force": "Overwrite the file if it is there."},
    example="cellwright samples pictures/ --out samples.csv",
)
