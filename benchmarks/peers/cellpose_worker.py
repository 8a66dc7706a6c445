"""Measures Cellpose 3; runs inside its environment.

    python -m benchmarks.peers.cellpose_worker --threads 2

The network is that of `cyto3` (residual, with styles: two channels in, 32, 64, 128 and 256
features, three out), made by `CellposeModel`, which also switches MKL-DNN on, with random weights:
how long it takes does not depend on them. What `CellposeModel.eval` does by default is done in two
parts. *Network*: the picture as grey with an empty second channel, normalised, through `run_net`
with tiles of 224 px that overlap by a tenth, eight at a time, at the network's own diameter of
30 px and so without rescaling; its model of the size is left out, which would run the network
again. *Decoding*: `resize_and_compute_masks` on real flows, with 200 steps, and the check of flows
at 0.4 (all defaults).

The real flows come from true labels by `labels_to_flows`, as its training makes them, five times
as long, as the network gives them; the logit of the cell probability is ±6.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from benchmarks.peers.answering import measured, serve
from cellpose import (  # type: ignore[import-not-found,import-untyped,unused-ignore]
    core,
    dynamics,
    models,
    transforms,
)

DEVICE = torch.device("cpu")
STEPS, FLOW_THRESHOLD, LEAST_PIXELS = 200, 0.4, 15
FLOW_SCALE, LOGIT = 5.0, 6.0


def prepare(picture: str, maps: str) -> dict[str, Any]:
    """Make flows and cell probabilities of the true labels."""
    labels = np.load(picture)["labels"].astype(np.int32)
    (flows,) = dynamics.labels_to_flows([labels], device=DEVICE)
    inside = np.where(labels > 0, LOGIT, -LOGIT).astype(np.float32)
    np.savez(maps, flows=FLOW_SCALE * flows[-2:], inside=inside)
    return {"objects": len(np.unique(labels[labels > 0]))}


def load(threads: int) -> dict[str, Callable[..., Any]]:
    """Build the network, and run it once."""
    torch.set_num_threads(threads)
    torch.set_num_interop_threads(threads)
    torch.manual_seed(0)
    model = models.CellposeModel(gpu=False, pretrained_model=None, device=DEVICE)
    core.run_net(model.net, np.zeros((1, 64, 64, 2), np.float32))

    def segment(picture: str, maps: str, labels: str | None = None) -> dict[str, Any]:
        seconds: dict[str, float] = {}
        pixels = np.load(picture)["pixels"]
        with measured(seconds, "network"):
            two = transforms.convert_image(pixels, channels=[0, 0], channel_axis=None)[None]
            core.run_net(model.net, transforms.normalize_img(two))
        with np.load(maps) as real:
            flows, inside = real["flows"], real["inside"]
        with measured(seconds, "decoding"):
            found = dynamics.resize_and_compute_masks(
                flows,
                inside,
                niter=STEPS,
                flow_threshold=FLOW_THRESHOLD,
                min_size=LEAST_PIXELS,
                device=DEVICE,
            )
        if labels:
            np.save(labels, found)
        return {**seconds, "objects": int(found.max())}

    return {"prepare": prepare, "segment": segment}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, required=True)
    serve(partial(load, parser.parse_args().threads))


if __name__ == "__main__":
    main()
