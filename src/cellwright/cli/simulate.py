"""`cellwright simulate`: pictures whose truth is known."""

from __future__ import annotations

import json

from cellwright.cli.verb import Asked, Output, Verb
from cellwright.simulate.experiment import SimulateOptions

__all__ = ["VERB"]


def _run(asked: Asked) -> int:
    from pydantic import ValidationError

    from cellwright.core.errors import UsageError
    from cellwright.simulate.experiment import simulate_experiment

    try:
        options = SimulateOptions(**asked.of(SimulateOptions))
    except ValidationError as error:
        problem = error.errors()[0]
        raise UsageError(
            f"--{str(problem['loc'][0]).replace('_', '-')}: {problem['msg']}"
        ) from error
    samples = simulate_experiment(asked["out"], options)
    if asked["json_"]:
        print(json.dumps({"out": str(asked["out"]), "samples": str(samples)}))
    elif not asked["quiet"]:
        print(f"pictures and samples.csv: {asked['out']}")
    return 0


VERB = Verb(
    help="Make pictures whose truth is known: an experiment with conditions and replicates.",
    run=_run,
    paths={"out": "Folder for the pictures, their label images and samples.csv."},
    required=frozenset({"out"}),
    models=(SimulateOptions, Output),
    example="cellwright simulate --out simulated/",
)
