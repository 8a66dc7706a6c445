"""What the decoder would reach with a perfect network: ``bound.py DATA [DIAMETER] [LEAST_AREA]``.

The true labels of the validation pictures are brought to the network's scale, turned into what a
perfect network would say there, decoded, brought back and scored: what is lost is lost by scale
and decoder, and by no training.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from data import resampled, training_and_validation
from validate import COLUMNS, brought_back, decoder_of

from cellwright.core.image import Array
from cellwright.datasets.example import read_labels
from cellwright.evaluation.picture import score_picture
from cellwright.evaluation.summary import summarise
from cellwright.learn.architectures.instance import Instance
from cellwright.learn.pictures import median_diameter
from cellwright.learn.targets import Truth
from cellwright.segment.decoders.votes import VotesOptions
from cellwright.segment.network_maps import UNIT, Quantised, steps_of
from cellwright.segment.network_size import LARGEST_SCALE
from cellwright.segment.rescale import scaled_shape

SURE = 8.0
"""Logit of a perfect network, on either side."""


def perfect_maps(labels: Array) -> Quantised:
    """What a perfect network says of labels at its own scale."""
    none = np.zeros(labels.shape, bool)
    wanted = Instance().targets(Truth(labels, none, ~none, np.zeros(0)))
    said = {
        "foreground": SURE * (2 * wanted["foreground"] - 1),
        "row_offset": wanted["offsets"][0] * UNIT,
        "column_offset": wanted["offsets"][1] * UNIT,
        "size": wanted["size"],
        "overlap": np.full(labels.shape, -SURE),
    }
    stored = [np.clip(np.rint(said[name] / steps_of(name)), -127, 127) for name in said]
    return Quantised(tuple(said), np.stack(stored).astype(np.int8))


def main(data: str, diameter: str = "18", least_area: str = "30") -> None:
    """Print the table."""
    decode = decoder_of("votes", VotesOptions(least_area=float(least_area)))
    scores, kinds = [], {}
    for example in training_and_validation(Path(data))[1]:
        truth = read_labels(example).astype(np.int32)
        scale = min(LARGEST_SCALE, float(diameter) / median_diameter(truth)) if truth.any() else 1.0
        shape = scaled_shape(truth.shape, scale)
        maps = perfect_maps(resampled(truth, shape))
        labels = brought_back(decode(maps), maps, truth.shape, 0.0)
        scores.append(score_picture(truth, labels, image=example.name))
        kinds[example.name] = example.kind
    summary = summarise(scores, kinds)
    print("kind", "n", *COLUMNS, sep="\t")
    for name, part in [*summary.kinds.items(), ("all", summary.overall)]:
        values = [f"{part.scores[column].value:.3f}" for column in COLUMNS]
        print(name, part.n_pictures, *values, sep="\t")


if __name__ == "__main__":
    main(*sys.argv[1:])
