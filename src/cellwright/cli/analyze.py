"""`cellwright analyze`: pictures in; labels, tables and a report out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cellwright.cli.face import finish, progress
from cellwright.cli.interrupt import CANCEL
from cellwright.cli.verb import Asked, Output, Verb
from cellwright.engine.executors import start_server
from cellwright.pipeline.options import AnalyzeOptions, Execution
from cellwright.stats.options import Question

__all__ = ["INPUTS", "VERB", "gathered"]

INPUTS = "Pictures: files, folders, globs in quotes, FILE::SCENE, or a samples.csv."


def gathered(asked: Asked) -> dict[str, Any]:
    """Give the options for the public function: those of the recipe, then those typed."""
    typed = asked.of(AnalyzeOptions)
    recipe: Path | None = asked.values.get("recipe")
    if recipe is not None:
        from cellwright.pipeline.record import read_recipe

        kept = read_recipe(recipe).options.model_dump(exclude={"limit"})
        if typed.get("method", kept["method"]) != kept["method"]:
            # those of another method go, but not those of the cells around nuclei
            kept["set"] = tuple(text for text in kept["set"] if text.startswith("cells."))
        both = (*kept["set"], *typed.get("set", ()))  # of two values of one option the last counts
        typed = kept | typed | {"set": both}
    return typed | asked.of(Execution)


def _question(asked: Asked) -> dict[str, Any]:
    """What is compared: as the recipe has it, then as typed."""
    recipe: Path | None = asked["recipe"]
    if recipe is None:
        return asked.of(Question)
    from cellwright.pipeline.record import read_recipe

    return read_recipe(recipe).question.model_dump() | asked.of(Question)


def _run(asked: Asked) -> int:
    start_server()  # it imports while we do
    from cellwright import api

    options = gathered(asked)
    if asked["dry_run"]:
        from cellwright.cli.dry_run import describe

        return describe(asked, options, asked["inputs"])
    with progress(asked) as listener:
        run = api.analyze(
            asked["inputs"],
            asked["out"],
            samples=asked["samples"],
            regions=asked["regions"],
            flat_reference=asked["flat_reference"],
            dark_reference=asked["dark_reference"],
            **_question(asked),
            listener=listener,
            cancel=CANCEL,
            **options,
        )
    return finish(asked, run, lambda: [f"report: {run.report.resolve()}"])


VERB = Verb(
    help="Find, measure and report the cells of pictures: the whole way.",
    run=_run,
    inputs={"inputs": INPUTS},
    paths={
        "out": "Folder for the run; an unfinished run in it goes on.",
        "samples": "Table that says which picture is what (image, condition, replicate, …).",
        "regions": "Where cells are counted: a file, or a folder with one for each picture.",
        "flat_reference": "Pictures of an even field, for --flat-field reference.",
        "dark_reference": "Pictures without light, taken off first.",
        "recipe": "Options of an earlier run: its recipe.toml.",
    },
    required=frozenset({"out"}),
    models=(AnalyzeOptions, Question, Execution, Output),
    flags={"dry_run": "Only say what would be done."},
    example="cellwright analyze my_images/ --out run/",
)
