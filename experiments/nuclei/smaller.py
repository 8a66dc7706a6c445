"""What weights of 16 and 8 bits would bring: ``smaller.py MODEL.zip DATA [COUNT]``.

Prints, for the network as it is and for smaller ones made of it by ONNX Runtime's own tools, its
size, seconds a megapixel of its input, and AP on COUNT validation pictures, all with two threads in
one run. Whole numbers of 8 bits are calibrated on training pictures.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from data import PERCENTILES, resampled, training_and_validation

from cellwright.core.image import Array
from cellwright.datasets.example import Example, read_labels, read_pixels
from cellwright.engine.onnx import Network, runtime
from cellwright.evaluation.picture import score_picture
from cellwright.evaluation.summary import summarise
from cellwright.models.model import Model, read_model
from cellwright.segment.decoder import decoder_of
from cellwright.segment.network_input import three_channels, unit_range
from cellwright.segment.network_mapping import InMemory, map_plane
from cellwright.segment.network_model import decoding_of

runtime()  # first, so that it is imported without telemetry
from onnxruntime import quantization  # noqa: E402
from onnxruntime.transformers.float16 import convert_float_to_float16  # noqa: E402

CALIBRATION = 24
"""Training pictures of which the ranges of whole numbers are taken."""
SIDE = 256


class Shown:
    """Gives ONNX Runtime's calibration one patch after another."""

    def __init__(self, examples: list[Example]) -> None:
        self.patches = self._patches(examples)

    def _patches(self, examples: list[Example]) -> Iterator[dict[str, Array]]:
        for example in examples:
            pixels = read_pixels(example)
            unit = three_channels(unit_range(pixels, *PERCENTILES)(pixels[:SIDE, :SIDE]))
            if unit.shape[1:] == (SIDE, SIDE):
                yield {"image": np.ascontiguousarray(unit[None], np.float32)}

    def get_next(self) -> dict[str, Array] | None:
        """Give the next, None after the last."""
        return next(self.patches, None)


def half(weights: bytes, _: list[Example]) -> bytes:
    """Weights and sums of 16 bits."""
    network = onnx.load_from_string(weights)
    constants = {constant.name: constant for constant in network.graph.initializer}
    for number, node in enumerate(network.graph.node):
        if node.op_type == "Resize":  # the tool cannot do with constants that two of them share
            for place, name in enumerate(node.input):
                if name in constants:
                    own = network.graph.initializer.add()
                    own.CopyFrom(constants[name])
                    own.name = node.input[place] = f"{name}_{number}"
    made: Any = convert_float_to_float16(network, keep_io_types=True)
    return bytes(made.SerializeToString())


def whole(weights: bytes, examples: list[Example]) -> bytes:
    """Weights and activations of 8 bits, the weights with a scale for each channel."""
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder, "before.onnx"), Path(folder, "after.onnx")
        before.write_bytes(weights)
        quantization.quantize_static(
            str(before), str(after), Shown(examples), per_channel=True, reduce_range=True
        )
        return after.read_bytes()


def seconds_a_megapixel(network: Network) -> float:
    """Of the network alone, on a square of one megapixel, the median of five."""
    square = np.random.default_rng(0).random((1, 3, 1024, 1024), np.float32)
    network.run(square)
    taken = []
    for _ in range(5):
        began = time.perf_counter()
        network.run(square)
        taken.append(time.perf_counter() - began)
    return float(np.median(taken) / 1.024**2)


def score(model: Model, network: Network, examples: list[Example]) -> dict[str, float]:
    """AP of labels at the network's own scale, told the same size of objects for all."""
    known = Network(model.weights, "cpu", 2)
    scores = []
    for example in examples:
        plane = InMemory(read_pixels(example))
        size = map_plane(plane, model, known.run).size.diameter
        mapped = map_plane(plane, model, network.run, size)
        labels = np.zeros(mapped.plane.shape, np.uint32)
        decoder_of(model.description).find(mapped.maps, labels, decoding_of(model.description))
        truth = read_labels(example)
        found = resampled(labels, truth.shape)
        scores.append(score_picture(truth, found, image=example.name))
    overall = summarise(scores, {}).overall.scores
    return {name: overall[name].value for name in ("dsb_ap_50", "dsb_ap_mean")}


def main(file: str, data: str, count: str = "40") -> None:
    """Print the table."""
    model = read_model(Path(file))
    training, validation = training_and_validation(Path(data))
    shown = training[:: max(1, len(training) // CALIBRATION)]
    chosen = validation[:: max(1, len(validation) // int(count))]
    made: dict[str, Callable[[bytes, list[Example]], bytes]] = {
        "float32": lambda weights, _: weights, "float16": half, "int8": whole,
    }  # fmt: skip
    print("weights", "MB", "s/MP", "AP@0.5", "mean AP", sep="\t")
    for name, make in made.items():
        weights = make(model.weights, shown)
        network = Network(weights, "cpu", 2)
        taken = f"{seconds_a_megapixel(network):.3f}"
        scores = [f"{value:.3f}" for value in score(model, network, chosen).values()]
        print(name, f"{len(weights) / 1e6:.1f}", taken, *scores, sep="\t")


if __name__ == "__main__":
    main(*sys.argv[1:])
