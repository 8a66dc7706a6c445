"""`cellwright segment`: pictures in, label images out."""

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
        return describe(asked, options, asked["inputs"])
    with progress(asked) as listener:
        run = api.segment(
            asked["inputs"],
            asked["out"],
            samples=asked["samples"],
            flat_reference=asked["flat_reference"],
            dark_reference=asked["dark_reference"],
            listener=listener,
            cancel=CANCEL,
            **options,
        )
    return finish(asked, run, lambda: [f"labels: {run.path / 'labels'}"])


VERB = Verb(
    help="Find the cells of pictures: label images and images.csv.",
    run=_run,
    inputs={"inputs": INPUTS},
    paths={
        "out": "Folder for the label images.",
        "samples": "Table that says which picture is what.",
        "flat_reference": "Pictures of an even field, for --flat-field reference.",
        "dark_reference": "Pictures without light, taken off first.",
        "recipe": "Options of an earlier run: its recipe.toml.",
    },
    required=frozenset({"out"}),
    models=(AnalyzeOptions, Execution, Output),
    flags={"dry_run": "Only say what would be done."},
    example="cellwright segment my_images/ --out labelled/",
)
