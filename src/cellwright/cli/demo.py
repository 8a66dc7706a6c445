"""`cellwright demo`: the main job, on pictures that come with the program."""

from __future__ import annotations

from pathlib import Path

from cellwright.cli.face import finish, progress
from cellwright.cli.interrupt import CANCEL
from cellwright.cli.verb import Asked, Output, Verb
from cellwright.engine.executors import start_server
from cellwright.pipeline.options import Execution

__all__ = ["VERB"]

FOLDER = Path("cellwright-demo")


def _run(asked: Asked) -> int:
    start_server()  # it imports while we do
    from cellwright import api
    from cellwright.demo_pictures import write_demo_pictures

    folder: Path = asked["out"] or FOLDER
    samples = write_demo_pictures(folder / "pictures")
    with progress(asked) as listener:
        run = api.analyze(
            folder / "pictures",
            folder / "run",
            samples=samples,
            listener=listener,
            cancel=CANCEL,
            **asked.of(Execution),
        )
    # one of the demo's pictures is broken on purpose: the report shows how that is told
    finish(
        asked,
        run,
        lambda: [
            f"pictures: {folder / 'pictures'} (one of them is broken on purpose)",
            f"report: {run.report.resolve()}",
        ],
    )
    return 0


VERB = Verb(
    help="The main job, on pictures that come with the program.",
    run=_run,
    paths={"out": "Folder for pictures and run; ./cellwright-demo if absent."},
    models=(Execution, Output),
    example="cellwright demo",
)
