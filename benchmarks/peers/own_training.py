"""Times the steps of our own training loop; runs in the environment of the project.

    python -m benchmarks.peers.own_training --threads 2 --precision float32

The architecture ``instance`` as it is preset, with all its augmentation; patches are drawn while
the network steps, as in ``cellwright train``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmarks.peers.answering import serve

from cellwright.learn.describing import PERCENTILES
from cellwright.learn.pictures import picture_of
from cellwright.learn.training import Precision, Settings, first_steps


def load(threads: int, precision: Precision) -> dict[str, Callable[..., Any]]:
    """Hold torch to its threads."""
    torch.set_num_threads(threads)

    def steps(pictures: list[str], side: int, count: int, steps: int) -> dict[str, Any]:
        known = []
        for path in pictures:
            with np.load(path) as file:
                pixels, labels = file["pixels"], file["labels"]
            known.append(picture_of(Path(path).stem, "nuclei", pixels, labels, PERCENTILES))
        settings = Settings.model_validate(
            {"precision": precision, "sampling": {"side": side, "count": count}}
        )
        times = [time.perf_counter()]
        times += [time.perf_counter() for _ in first_steps(known, settings, steps)]
        return {"seconds": np.diff(times).tolist()}

    return {"steps": steps}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--precision", choices=["float32", "bfloat16"], required=True)
    given = parser.parse_args()
    serve(partial(load, given.threads, given.precision))


if __name__ == "__main__":
    main()
