"""Times the steps of Cellpose's training loop; runs inside its environment.

    python -m benchmarks.peers.cellpose_training --threads 2

``train_seg`` with its defaults (grey pictures, rescaled to a diameter of 30 px, turned and scaled
at random) on the network of `cyto3` with random weights. From one call of the network to the next
is a step: batch, loss, gradient and optimiser included. Flows are made of the labels before the
first step, and not counted.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from benchmarks.peers.answering import serve
from benchmarks.peers.cellpose_worker import DEVICE
from cellpose import (  # type: ignore[import-not-found,import-untyped,unused-ignore]
    models,
    train,
)


def load(threads: int) -> dict[str, Callable[..., Any]]:
    """Build the network."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    model = models.CellposeModel(gpu=False, pretrained_model=None, device=DEVICE)

    def steps(pictures: list[str], side: int, count: int, steps: int) -> dict[str, Any]:
        known = [np.load(path) for path in pictures]
        times: list[float] = []

        def noted(*_: object) -> None:
            times.append(time.perf_counter())

        hook = model.net.register_forward_pre_hook(noted)
        with tempfile.TemporaryDirectory() as folder:
            train.train_seg(
                model.net,
                train_data=[one["pixels"].astype(np.float32) for one in known],
                train_labels=[one["labels"].astype(np.int32) for one in known],
                channels=[0, 0],
                batch_size=count,
                bsize=side,
                n_epochs=1,
                nimg_per_epoch=count * (steps + 1),
                min_train_masks=0,
                save_path=folder,
            )
        hook.remove()
        return {"seconds": np.diff(times).tolist()}

    return {"steps": steps}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, required=True)
    serve(partial(load, parser.parse_args().threads))


if __name__ == "__main__":
    main()
