"""A network whose weights are written down: it finds bright blobs, and points to their middles.

A blob that is blurred is nearly a Gaussian, so its slope divided by its height is the way to the
middle in units of its variance. Blobs brighter than `OVERLAPPING` are said to overlap.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from tests.models.tiny_model import make_cover, make_description

from cellwright.core.image import Array
from cellwright.engine.onnx import Network
from cellwright.models.model import write_model
from cellwright.segment.network_input import unit_range

CHANNELS = ("row_offset", "column_offset", "foreground", "overlap", "size")
RADIUS = 8.5
DIAMETER = 18.0
OVERLAPPING = 0.8
_REACH = 15
_SIGMA = 5.0


def make_weights(logit: float = 16.0) -> bytes:
    """Convolutions of 31 by 31 and a division."""
    from onnx import TensorProto, helper, numpy_helper

    place = np.arange(-_REACH, _REACH + 1)
    sharp, wide = (np.exp(-(place**2) / (2 * sigma**2)) for sigma in (1.0, _SIGMA))
    sharp, wide = sharp / sharp.sum(), wide / wide.sum()
    steep = wide * place / _SIGMA**2
    kernels = np.stack(
        [
            np.outer(steep, wide),
            np.outer(wide, steep),
            np.outer(wide, wide),
            np.outer(sharp, sharp),
            np.outer(sharp, sharp),
            np.outer(sharp, 0 * sharp),
        ]
    )
    variance = _SIGMA**2 + RADIUS**2 / 4
    scale = np.array([variance / 10, variance / 10, 1, logit, 20, 1])
    bias = np.array([0, 0, 0.02, -0.25 * logit, -OVERLAPPING * 20, np.log2(DIAMETER / 16)])
    weights = np.repeat(kernels[:, None] * scale[:, None, None, None], 3, axis=1) / 3
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], pads=[_REACH] * 4),
        helper.make_node("Split", ["c", "parts"], ["slope", "height", "others"], axis=1),
        helper.make_node("Relu", ["height"], ["positive"]),
        helper.make_node("Add", ["positive", "least"], ["divisor"]),
        helper.make_node("Div", ["slope", "divisor"], ["offset"]),
        helper.make_node("Concat", ["offset", "others"], ["maps"], axis=1),
    ]
    constants: dict[str, Array] = {
        "w": weights.astype(np.float32),
        "b": bias.astype(np.float32),
        "parts": np.array([2, 1, 3], np.int64),
        "least": np.array([0.01], np.float32),
    }
    graph = helper.make_graph(
        nodes,
        "blobs",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, "y", "x"])],
        [helper.make_tensor_value_info("maps", TensorProto.FLOAT, ["n", len(CHANNELS), "y", "x"])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    return bytes(model.SerializeToString())


def write_blobs(path: Path, *, logit: float = 16.0, **changes: Any) -> Path:
    """Write the model; a logit of less than 16 makes it less sure."""
    weights = make_weights(logit)
    picture, _ = blobs((32, 32), [(12, 14, 1.0)])
    picture = np.repeat(picture[None, None], 3, axis=1)
    maps = Network(weights).run(unit_range(picture, 1.0, 99.8)(picture))
    said: dict[str, Any] = {
        "name": "blobs",
        "description": "A network that finds blobs.",
        "decoder": {"name": "votes", "version": 1, "options": {"least_area": 12}},
        "channels": CHANNELS,
        "calibration": {},
        "tile": 64,
        "halo": 16,
    }
    write_model(
        path,
        make_description(**(said | changes)),
        weights,
        test_input=picture,
        test_output=maps,
        cover=make_cover(),
        documentation="# Blobs\n\nFor tests.\n\n# Validation\n\nNone.\n",
    )
    return path


def blobs(
    shape: tuple[int, int], places: list[tuple[float, float, float]], radius: float = RADIUS
) -> tuple[Array, Array]:
    """Draw discs at (row, column, brightness up to 1) as uint8, and their labels by `places`."""
    rows, columns = np.indices(shape)
    picture = np.full(shape, 20.0)
    labels = np.zeros(shape, np.int32)
    for number, (row, column, brightness) in enumerate(places, 1):
        inside = (rows - row) ** 2 + (columns - column) ** 2 <= radius**2
        labels[inside & (labels == 0)] = number
        picture[inside] = 20 + 200 * brightness
    return picture.astype(np.uint8), labels


def lattice(
    shape: tuple[int, int], spacing: float = 19.0, seed: int = 0, radius: float = RADIUS
) -> Array:
    """Discs that nearly touch, a little out of place, each of its own brightness; uint8."""
    rng = np.random.default_rng(seed)
    places = [
        (row + rng.uniform(-1.5, 1.5), column + rng.uniform(-1.5, 1.5), rng.uniform(0.6, 1))
        for row in np.arange(spacing / 2, shape[0], spacing)
        for column in np.arange(spacing / 2, shape[1], spacing)
        if rng.random() < 0.8
    ]
    picture, _ = blobs(shape, places, radius)
    return np.clip(picture + rng.normal(0, 6, shape), 0, 255).astype(np.uint8)
