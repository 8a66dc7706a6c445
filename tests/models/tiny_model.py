"""A model of a few kilobytes, for tests: it convolves, and finds nothing.

Run as a script it writes ``format_1.zip``, which must stay readable for ever: it is made once, and
only ever again if it was never released.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cellwright.models.description import Description
from cellwright.models.model import write_model

SIDE = 32
CHANNELS = ("foreground", "boundary", "distance", "size")


def make_weights(
    maps: int = len(CHANNELS), *, seed: int = 1, opset: int = 20, **changes: Any
) -> bytes:
    """Two convolutions with a ReLU between them, weights drawn at random from a fixed seed."""
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(seed)
    shapes = {"w1": (4, 3, 3, 3), "b1": (4,), "w2": (maps, 4, 3, 3), "b2": (maps,)}
    pads = [1, 1, 1, 1]
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["x", "w1", "b1"], ["h"], pads=pads),
            helper.make_node("Relu", ["h"], ["r"]),
            helper.make_node("Conv", ["r", "w2", "b2"], ["maps"], pads=pads),
        ],
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, "y", "x"])],
        [helper.make_tensor_value_info("maps", TensorProto.FLOAT, ["n", maps, "y", "x"])],
        [
            numpy_helper.from_array(rng.normal(0, 0.5, shape).astype(np.float32), name)
            for name, shape in shapes.items()
        ],
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10, **changes
    )
    return bytes(model.SerializeToString())


def make_description(**changes: Any) -> Description:
    """What the tiny model says about itself."""
    said: dict[str, Any] = {
        "name": "tiny",
        "version": 1,
        "description": "A network of two convolutions, for tests. It finds nothing.",
        "licence": "CC0-1.0",
        "authors": ["Ada Lovelace"],
        "cite": [{"text": "Notes on the engine", "doi": "10.5281/zenodo.1"}],
        "architecture": {"name": "unet", "options": {"width": 4}},
        "decoder": {"name": "watershed", "version": 1, "options": {"threshold": 0.5}},
        "channels": CHANNELS,
        "classes": [{"name": "nucleus", "colour": "#4477aa"}],
        "diameter": 18.0,
        "diameters": [10.0, 40.0],
        "sizes": [6.0, 200.0],
        "tile": 1536,
        "halo": 160,
        "multiple": 16,
        "scores": {"ap_50": {"value": 0.85, "low": 0.82, "high": 0.87, "n": 67}},
        "calibration": {"confidence": [0.5, 0.7, 0.9], "right": [0.52, 0.69, 0.91]},
        "sources": [
            {
                "name": "made-up",
                "licence": "CC0-1.0",
                "url": "https://example.com/pictures",
                "pictures": 3,
                "objects": 40,
            }
        ],
    }
    return Description.model_validate(said | changes)


def make_cover() -> bytes:
    """A PNG, twice as wide as high."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(np.full((8, 16, 3), 90, np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def make_test(weights: bytes) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """A picture, and its maps: normalised here as the format says, and not by the program."""
    from onnx.reference import ReferenceEvaluator

    picture = np.random.default_rng(2).integers(0, 100, (1, 3, SIDE, SIDE), np.uint8)
    picture[0, :, 7, 7] = 255  # cut off at 2
    low, high = np.percentile(picture, [1.0, 99.8])
    scaled = ((picture - low) / (high - low)).astype(np.float32).clip(-0.5, 2.0)
    [maps] = ReferenceEvaluator(weights).run(None, {"x": scaled})
    return picture, np.asarray(maps, np.float32)


def write_tiny(path: Path, **changes: Any) -> Path:
    """Write the tiny model, or one that differs from it in what is named."""
    weights = changes.pop("weights", None) or make_weights()
    picture, maps = make_test(weights)
    parts: dict[str, Any] = {
        "test_input": picture,
        "test_output": maps,
        "cover": make_cover(),
        "documentation": "# Tiny\n\nFor tests.\n\n# Validation\n\nNone.\n",
        "attachments": {"training.json": b"{}"},
    }
    named = {name: changes.pop(name) for name in list(changes) if name in parts}
    write_model(path, make_description(**changes), weights, **(parts | named))
    return path


if __name__ == "__main__":
    write_tiny(Path(sys.argv[1]))
