"""Score a training run on the validation pictures: ``validate.py RUN DATA [NAME=VALUE …]``.

``decoder`` is votes, distance or rays, as the run's architecture allows; ``diameter`` is that at
which the network sees objects; ``known=1`` gives it the true size of the objects, so that only
what comes after is scored; other names are options of the decoder ``votes``.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from data import PERCENTILES, training_and_validation
from decoders import distance_labels, ray_labels

from cellwright.core.image import Array
from cellwright.datasets.example import read_labels, read_pixels
from cellwright.engine.onnx import Network
from cellwright.evaluation.picture import PictureScore, score_picture
from cellwright.evaluation.summary import Summary, summarise
from cellwright.learn.packaging import to_weights
from cellwright.learn.pictures import median_diameter
from cellwright.learn.training import average_of
from cellwright.segment.blocks import Window
from cellwright.segment.decoders.votes import VotesOptions
from cellwright.segment.network_input import unit_range
from cellwright.segment.network_mapping import InMemory
from cellwright.segment.network_maps import UNIT, Quantised, fill_maps
from cellwright.segment.network_objects import find_objects
from cellwright.segment.network_size import find_size
from cellwright.segment.rescale import Coarse, ScaledPlane, enlarged_labels

COLUMNS = (
    "semantic_iou", "dsb_ap_50", "dsb_ap_75", "dsb_ap_mean", "f1_50",
    "pooled_missed_rate", "pooled_invented_rate", "pooled_split_rate", "pooled_merged_rate",
    "pooled_count_error_percent", "median_count_error_abs_percent", "median_area_bias_percent",
)  # fmt: skip

Decode = Callable[[Quantised], Array]


def decoder_of(name: str, options: VotesOptions) -> Decode:
    """Maps of a whole plane to labels at the network's scale."""
    if name == "distance":
        return distance_labels
    if name == "rays":
        return ray_labels

    def votes(maps: Quantised) -> Array:
        labels = np.zeros(maps.values.shape[1:], np.uint32)
        find_objects(maps, labels, options)
        return labels

    return votes


def brought_back(labels: Array, maps: Quantised, shape: tuple[int, ...], level: float) -> Array:
    """Labels at the picture's own pixels."""
    if labels.shape == shape[:2]:
        return labels
    part = Window(0, 0, *labels.shape)
    coarse = Coarse(labels, maps.one("foreground", part) - np.float32(level), part, labels.shape)
    return enlarged_labels(coarse, Window(0, 0, *shape[:2]), shape)


def validated(
    run: Path,
    data: Path,
    *,
    decoder: str,
    diameter: float | None,
    known: bool,
    options: VotesOptions,
) -> tuple[Summary, dict[str, float]]:
    """Scores on the validation pictures, and seconds a megapixel of each stage."""
    settings, network = average_of(run)
    answer = Network(to_weights(network, settings.architecture.multiple)[0], "cpu", 2).run
    every = settings.architecture.channels
    kept = tuple(name for name in every if name not in {"boundary"} or decoder == "distance")
    target = diameter or settings.sampling.diameter
    decode = decoder_of(decoder, options)
    level = float(np.log(options.foreground / (1 - options.foreground)))
    scores: list[PictureScore] = []
    kinds: dict[str, str] = {}
    seconds = {"size": 0.0, "network": 0.0, "decoding": 0.0}
    pixels_seen = 0
    for example in training_and_validation(data)[1]:
        pixels, truth = read_pixels(example), read_labels(example)
        began = time.perf_counter()
        plane, normal = InMemory(pixels), unit_range(pixels, *PERCENTILES)
        size = None if known else find_size(
            plane, normal, answer, every, target=target, multiple=16
        )  # fmt: skip
        sized = time.perf_counter()
        wanted = target / ((size and size.diameter) or median_diameter(truth))
        seen = size.seen_at(wanted) if size else None
        scaled = ScaledPlane(plane, normal, seen.scale if seen else wanted)
        maps = Quantised(kept, np.zeros((len(kept), *scaled.shape), np.int8))
        fill_maps(scaled, answer, maps, every=every, unit=UNIT, tile=1664, halo=192, multiple=16)
        answered = time.perf_counter()
        labels = brought_back(decode(maps), maps, pixels.shape, level)
        seconds["size"] += sized - began
        seconds["network"] += answered - sized
        seconds["decoding"] += time.perf_counter() - answered
        pixels_seen += truth.size
        scores.append(score_picture(truth, labels, image=example.name))
        kinds[example.name] = example.kind
    per_megapixel = {name: value / pixels_seen * 1e6 for name, value in seconds.items()}
    return summarise(scores, kinds), per_megapixel


def main(run: str, data: str, *changes: str) -> None:
    """Print the table."""
    given = dict(change.split("=", 1) for change in changes)
    decoder = given.pop("decoder", "votes")
    diameter = float(given.pop("diameter", 0)) or None
    known = given.pop("known", "") == "1"
    options = VotesOptions(**given)  # type: ignore[arg-type]
    summary, seconds = validated(
        Path(run), Path(data), decoder=decoder, diameter=diameter, known=known, options=options
    )
    print("kind", "n", *COLUMNS, sep="\t")
    for name, part in [*summary.kinds.items(), ("all", summary.overall)]:
        values = [f"{part.scores[column].value:.3f}" for column in COLUMNS]
        print(name, part.n_pictures, *values, sep="\t")
    print({name: round(value, 3) for name, value in seconds.items()}, "s/MP")


if __name__ == "__main__":
    main(*sys.argv[1:])
