"""Measures StarDist; runs inside its environment.

    python -m benchmarks.peers.stardist_worker --threads 2

The network is StarDist's own for 2D: 32 rays, a grid of 2 × 2, three channels, else its defaults
(depth 3, 32 filters), with random weights: how long it takes does not depend on them. What
`predict_instances` does by default is done in two parts. *Network*: normalisation by the
percentiles 1 and 99.8 of the picture (all channels alike, so once) and `predict_sparse` of the
whole picture at once, with a threshold that no probability reaches, because the candidates of
random weights mean nothing. *Decoding*: on real maps, every place of the grid with a probability
above 0.5 (the default) is a candidate, and they go through `_instances_from_prediction`, as
`predict_instances` calls it: non-maximum suppression at 0.4 (the default), and polygons drawn into
a label image.

The real maps come from true labels, as its training makes them: `edt_prob` (distance to the edge
divided by its largest in each object) and `star_dist` (32 rays, grid 2 × 2), at every second row
and column. So an object of 600 px brings some 40 candidates.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf  # type: ignore[import-not-found,import-untyped,unused-ignore]
from benchmarks.peers.answering import measured, serve
from csbdeep.utils import (  # type: ignore[import-not-found,import-untyped,unused-ignore]
    normalize,
)
from stardist.geometry import (  # type: ignore[import-not-found,import-untyped,unused-ignore]
    star_dist,
)
from stardist.models import (  # type: ignore[import-not-found,import-untyped,unused-ignore]
    Config2D,
    StarDist2D,
)
from stardist.utils import (  # type: ignore[import-not-found,import-untyped,unused-ignore]
    edt_prob,
)

RAYS, GRID, CHANNELS = 32, (2, 2), 3
PERCENTILES = (1, 99.8)
OUT_OF_REACH = 2.0
"""No probability is as high."""


def three_channels(pixels: Any) -> Any:
    """Give a grey or colour picture as the network takes it: normalised, (Y, X, 3) float32."""
    normal = normalize(pixels, *PERCENTILES, dtype=np.float32)
    return normal if normal.ndim == 3 else np.repeat(normal[..., None], CHANNELS, axis=2)


def prepare(picture: str, maps: str) -> dict[str, Any]:
    """Make probabilities and distances of the true labels."""
    labels = np.load(picture)["labels"].astype(np.int32)
    probability = edt_prob(labels)[:: GRID[0], :: GRID[1]]
    np.savez(maps, probability=probability, distance=star_dist(labels, RAYS, grid=GRID))
    return {"objects": len(np.unique(labels[labels > 0]))}


def load(threads: int) -> dict[str, Callable[..., Any]]:
    """Build the network, and run it once."""
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    config = Config2D(n_rays=RAYS, grid=GRID, n_channel_in=CHANNELS)
    model = StarDist2D(config, name="random", basedir=None)
    model.predict_sparse(np.zeros((64, 64, CHANNELS), np.float32), prob_thresh=OUT_OF_REACH)

    def segment(picture: str, maps: str, labels: str | None = None) -> dict[str, Any]:
        seconds: dict[str, float] = {}
        pixels = np.load(picture)["pixels"]
        with measured(seconds, "network"):
            model.predict_sparse(three_channels(pixels), prob_thresh=OUT_OF_REACH)
        with np.load(maps) as real:
            probability, distance = real["probability"], real["distance"]
        with measured(seconds, "decoding"):
            chosen = probability > model.thresholds.prob
            # as predict_sparse: nothing within two places of the frame
            chosen[:2] = chosen[-2:] = chosen[:, :2] = chosen[:, -2:] = False
            points = np.argwhere(chosen) * np.array(GRID)
            found, _ = model._instances_from_prediction(
                pixels.shape[:2], probability[chosen], distance[chosen], points=points
            )
        if labels:
            np.save(labels, found)
        return {**seconds, "objects": int(found.max()), "candidates": len(points)}

    return {"prepare": prepare, "segment": segment}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, required=True)
    serve(partial(load, parser.parse_args().threads))


if __name__ == "__main__":
    main()
