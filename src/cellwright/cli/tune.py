"""`cellwright tune`: settings of a training, tried one after the other."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cellwright.cli.face import progress
from cellwright.cli.interrupt import CANCEL
from cellwright.cli.train import Annotations, difference_facts, within
from cellwright.cli.verb import Asked, Output, Verb
from cellwright.learn.options import TuneOptions

if TYPE_CHECKING:
    from cellwright.learn.tuning import Tuned

__all__ = ["VERB"]


def _run(asked: Asked) -> int:
    from cellwright.api import tune

    with progress(asked) as listener:
        done = tune(
            asked["source"],
            asked["out"],
            source_format=asked["format"],
            images=asked["images"],
            listener=listener,
            cancel=CANCEL,
            **asked.of(TuneOptions),
        )
    if asked["json_"]:
        print(json.dumps(_facts(done), indent=1))
    elif not asked["quiet"]:
        for line in _lines(done):
            print(line)
    return 0


def _facts(done: Tuned) -> dict[str, Any]:
    return {
        "trials": len(done.trials),
        "architecture": done.architecture,
        "best": list(done.best),
        "importance": dict(done.importance),
        "first_finished": done.first_finished,
        "against_first": [difference_facts(one) for one in done.against_first],
        "out": str(done.folder),
    }


def _lines(done: Tuned) -> list[str]:
    changes = " ".join(f"--set {change}" for change in done.best)
    lines = [f"best: --architecture {done.architecture} {changes}"]
    if done.importance:
        told = ", ".join(f"{name} {share:.0%}" for name, share in done.importance.items())
        lines.append(f"what mattered: {told}")
    if not done.first_finished:
        lines.append(
            "the settings that train chooses by itself could not be tried: that trial failed, and "
            "nothing is compared with it"
        )
    elif not done.against_first:
        lines.append("no trial was better than the settings that train chooses by itself")
    for one in done.against_first:
        told = f"{one.difference:+.3f}{within(one.interval)}"
        lines.append(f"  {one.score}: {told} on pictures that no trial saw")
    return [*lines, f"search: {done.folder}"]


VERB = Verb(
    help="Try settings of a training: learning rate, changes of the patches, scale, architecture "
    "and threshold; the same command goes on with a search that was ended.",
    run=_run,
    inputs={"source": "Folder, file or zip of annotated pictures."},
    paths={
        "out": "Folder of the search.",
        "images": "Folder of the pictures, where the source does not hold them.",
    },
    required=frozenset({"out"}),
    models=(TuneOptions, Annotations, Output),
    example="cellwright tune annotations/ --trials 30 --budget 5min --out search/",
)
