"""`cellwright measure`: pictures and their label images in, a table of cells out."""

from __future__ import annotations

from cellwright.cli.analyze import INPUTS, gathered
from cellwright.cli.dry_run import describe
from cellwright.cli.face import finish, progress
from cellwright.cli.interrupt import CANCEL
from cellwright.cli.verb import Asked, Output, Verb
from cellwright.engine.executors import start_server
from cellwright.pipeline.options import AnalyzeOptions, Execution

__all__ = ["VERB"]


def _run(asked: Asked) -> int:
    start_server()  # it imports while we do
    from cellwright import api

    options = gathered(asked)
    if asked["dry_run"]:
        return describe(asked, options, [asked["images"]])
    with progress(asked) as listener:
        run = api.measure(
            asked["images"],
            asked["labels"],
            asked["out"],
            samples=asked["samples"],
            regions=asked["regions"],
            listener=listener,
            cancel=CANCEL,
            **options,
        )
    return finish(asked, run, lambda: [f"table: {run.path / 'cells.csv'}"])


VERB = Verb(
    help="Measure cells whose label images are there already: a table, one row a cell.",
    run=_run,
    inputs={
        "images": INPUTS,
        "labels": "Label images of the same names, a run's folder, or one label image.",
    },
    paths={
        "out": "Folder for cells.csv and images.csv.",
        "samples": "Table that says which picture is what.",
        "regions": "Where cells are counted: a file, or a folder with one for each picture.",
    },
    required=frozenset({"out"}),
    models=(AnalyzeOptions, Execution, Output),
    flags={"dry_run": "Only say what would be done."},
    example="cellwright measure my_images/ my_labels/ --out measured/",
)
