"""`cellwright report`: the report of a finished run, written again."""

from __future__ import annotations

import json

from cellwright.cli.verb import Asked, Output, Verb

__all__ = ["VERB"]


def _run(asked: Asked) -> int:
    from cellwright import api

    page = api.report(asked["run"])
    if asked["json_"]:
        print(json.dumps({"report": str(page)}))
    elif not asked["quiet"]:
        print(f"report: {page.resolve()}")
    return 0


VERB = Verb(
    help="Write the report of a finished run again.",
    run=_run,
    inputs={"run": "Folder of the run."},
    models=(Output,),
    example="cellwright report run/",
)
