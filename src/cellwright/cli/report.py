"""`cellwright report`: the report of a finished run, written again, or one of several runs."""

from __future__ import annotations

import json

from pydantic import Field

from cellwright.cli.verb import Asked, Output, Verb
from cellwright.stats.options import Mixed, Question

__all__ = ["VERB"]


class ReportOptions(Question):
    """What is asked of runs when their report is written."""

    odd: bool = Field(
        False, description="Look for cells unlike those of the reference as well: see outliers."
    )
    mixed: Mixed = False


def _run(asked: Asked) -> int:
    from cellwright import api
    from cellwright.cli.face import progress

    options = asked.of(ReportOptions)
    with progress(asked) as listener:
        page = api.report(
            asked["inputs"], asked["out"], samples=asked["samples"],
            images=asked["images"], statements=asked["statements"], listener=listener, **options,
        )  # fmt: skip
    if asked["json_"]:
        print(json.dumps({"report": str(page)}))
    elif not asked["quiet"]:
        print(f"report: {page.resolve()}")
    return 0


VERB = Verb(
    help="Write the report of a finished run again, or one of several runs that are one "
    "experiment.",
    run=_run,
    inputs={"inputs": "Folders of runs; together they are one experiment."},
    paths={
        "out": "Folder of the report: needed for several runs; of one, the run itself without.",
        "samples": "samples.csv: condition, replicate, dose, … of each picture.",
        "images": "The pictures of the runs: odd cells are shown in them.",
        "statements": "statements.toml: what only a person can tell, for the checklist and the "
        "methods.",
    },
    models=(ReportOptions, Output),
    example="cellwright report monday/ tuesday/ friday/ --reference control --out report/",
)
