"""Packages as other programs make them: a network that is bright where it is bright.

Its two maps are written down: the foreground is a logistic curve of the blurred brightness, and
the border one of how much darker a pixel is than what lies around it.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.special import expit

from cellwright.models.archive import write_archive

Numbers = npt.NDArray[Any]

SIDE = 64
STEEP = 12.0
_BOX = np.full((3, 3), 1 / 9, np.float32)
_AROUND = np.full((9, 9), 1 / 81, np.float32)


def picture(side: int = SIDE, objects: int = 5) -> tuple[Numbers, Numbers]:
    """Discs of two brightnesses on a ground, (Y, X) float32, and their labels."""
    rng = np.random.default_rng(4)
    rows, columns = np.indices((side, side))
    labels = np.zeros((side, side), np.int64)
    places = [(12, 12), (12, 40), (36, 26), (50, 50), (52, 10)]
    for number, (row, column) in enumerate(places[:objects], 1):
        labels[(rows - row) ** 2 + (columns - column) ** 2 < 49] = number
    values = np.where(labels > 0, 900.0 + 50 * (labels % 2), 100.0)
    return (values + rng.normal(0, 5, values.shape)).astype(np.float32), labels


def expected(scaled: Numbers, middle: float, maps: int = 2) -> Numbers:
    """Logits (maps, Y, X) of a scaled plane, computed here and not by the program."""
    blurred = ndimage.convolve(np.asarray(scaled, np.float64), _BOX, mode="constant")
    around = ndimage.convolve(np.asarray(scaled, np.float64), _AROUND, mode="constant")
    return np.stack([STEEP * (blurred - middle), STEEP * (around - blurred) - 2])[:maps]


def weights(
    *,
    colours: int = 1,
    maps: int = 2,
    middle: float = 0.5,
    axes: str = "bcyx",
    sigmoid: bool = True,
    size: tuple[Any, Any] = ("y", "x"),
    opset: int = 17,
) -> bytes:
    """The network, with the axes in any order."""
    from onnx import TensorProto, helper, numpy_helper

    small = np.pad(_BOX, 3)
    kernels = np.stack([STEEP * small, STEEP * (_AROUND - small)])[:maps, None]
    kernels = np.repeat(kernels, colours, axis=1) / colours
    bias = np.array([-STEEP * middle, -2], np.float32)[:maps]
    nodes = []
    to_plain = [axes.index(letter) for letter in "bcyx"]
    nodes.append(helper.make_node("Transpose", ["image"], ["plain"], perm=to_plain))
    nodes.append(helper.make_node("Conv", ["plain", "w", "b"], ["logits"], pads=[4] * 4))
    if sigmoid:
        nodes.append(helper.make_node("Sigmoid", ["logits"], ["chances"]))
    back = ["bcyx".index(letter) for letter in axes]
    last = "chances" if sigmoid else "logits"
    nodes.append(helper.make_node("Transpose", [last], ["answer"], perm=back))

    def shape(channels: int) -> list[Any]:
        by_letter = {"b": "n", "c": channels, "y": size[0], "x": size[1]}
        return [by_letter[letter] for letter in axes]

    graph = helper.make_graph(
        nodes,
        "foreign",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape(colours))],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, shape(maps))],
        [
            numpy_helper.from_array(kernels.astype(np.float32), "w"),
            numpy_helper.from_array(bias, "b"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    return bytes(model.SerializeToString())


def npy(array: Numbers) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.ascontiguousarray(array, np.float32))
    return stream.getvalue()


def ordered(plain: Numbers, axes: str) -> Numbers:
    """From (1, C, Y, X) to other axes."""
    return plain.transpose([("bcyx").index(letter) for letter in axes])


def write(
    path: Path,
    *,
    version: Literal["0.4", "0.5"] = "0.5",
    names: tuple[str, ...] | None = None,
    axes: str = "bcyx",
    colours: int = 1,
    maps: int = 2,
    before: list[dict[str, Any]] | None = None,
    after: list[dict[str, Any]] | None = None,
    scaled: Numbers | None = None,
    middle: float = 0.5,
    in_graph: bool = True,
    as_chance: bool = True,
    size: Any = None,
    side: int = SIDE,
    network: Mapping[str, Any] | None = None,
    files: Mapping[str, bytes] | None = None,
    change: Any = None,
) -> Path:
    """Write a package; its test is computed from `scaled`, what its steps make of the picture."""
    plane, _ = picture(side)
    if scaled is None:
        low, high = np.percentile(plane, (1.0, 99.0))
        scaled = (plane - low) / (high - low + 1e-6)
        before = [_scale_range(version)]
    out = expected(scaled, middle, maps)
    answer = expit(out) if as_chance else out
    options: dict[str, Any] = {"colours": colours, "maps": maps, "middle": middle, "axes": axes}
    content = {
        "weights.onnx": weights(**(options | {"sigmoid": in_graph} | dict(network or {}))),
        "test_input.npy": npy(ordered(np.repeat(plane[None, None], colours, axis=1), axes)),
        "test_output.npy": npy(ordered(answer[None], axes)),
        "README.md": b"# A network\n\nIt looks at brightness.\n\n# Validation\n\nNone.\n",
        "cover.png": b"\x89PNG\r\n\x1a\n",
    }
    content |= files or {}
    make = _rdf_5 if version == "0.5" else _rdf_4
    rdf = make(content, axes, colours, maps, names, before or [], after or [], size)
    if change is not None:
        change(rdf)
    path.write_bytes(write_archive({"rdf.yaml": json.dumps(rdf).encode(), **content}))
    return path


def _scale_range(version: str) -> dict[str, Any]:
    numbers = {"min_percentile": 1.0, "max_percentile": 99.0}
    if version == "0.5":
        return {"id": "scale_range", "kwargs": {"axes": ["channel", "y", "x"], **numbers}}
    return {"name": "scale_range", "kwargs": {"mode": "per_sample", "axes": "cyx", **numbers}}


_GENERAL = {
    "type": "model",
    "name": "Bright Discs (U-Net)",
    "description": "Finds nuclei that are brighter than their ground.",
    "authors": [{"name": "Grace Hopper"}, {"name": "Ada Lovelace"}],
    "license": "MIT",
    "cite": [{"text": "On discs", "doi": "10.5281/zenodo.5764892"}],
    "documentation": "README.md",
    "covers": ["cover.png"],
    "tags": ["unet2d"],
}


def _hash(content: Mapping[str, bytes], name: str) -> dict[str, Any]:
    return {"source": name, "sha256": hashlib.sha256(content[name]).hexdigest()}


def _rdf_5(
    content: Mapping[str, bytes],
    axes: str,
    colours: int,
    maps: int,
    names: tuple[str, ...] | None,
    before: list[dict[str, Any]],
    after: list[dict[str, Any]],
    size: Any,
) -> dict[str, Any]:
    def axis(letter: str, channels: list[str], *, output: bool) -> dict[str, Any]:
        if letter == "b":
            return {"type": "batch"}
        if letter == "c":
            return {"type": "channel", "channel_names": channels}
        space: dict[str, Any] = {"type": "space", "id": letter, "unit": "micrometer", "scale": 0.5}
        if output:
            return space | {"size": {"tensor_id": "raw", "axis_id": letter}, "halo": 8}
        return space | {"size": size or {"min": 32, "step": 16}}

    channels = list(names or [f"channel{place}" for place in range(maps)])
    colour_names = [f"colour{place}" for place in range(colours)]
    return {
        "format_version": "0.5.4",
        **_GENERAL,
        "version": "2.1.0",
        "inputs": [{
            "id": "raw",
            "axes": [axis(letter, colour_names, output=False) for letter in axes],
            "data": {"type": "float32"},
            "test_tensor": _hash(content, "test_input.npy"),
            "preprocessing": before,
        }],
        "outputs": [{
            "id": "maps",
            "axes": [axis(letter, channels, output=True) for letter in axes],
            "data": {"type": "float32"},
            "test_tensor": _hash(content, "test_output.npy"),
            "postprocessing": after,
        }],
        "weights": {"onnx": {**_hash(content, "weights.onnx"), "opset_version": 17}},
    }  # fmt: skip


def _rdf_4(
    content: Mapping[str, bytes],
    axes: str,
    colours: int,
    maps: int,
    names: tuple[str, ...] | None,
    before: list[dict[str, Any]],
    after: list[dict[str, Any]],
    size: Any,
) -> dict[str, Any]:
    def each(b: Any, c: Any, y: Any, x: Any) -> list[Any]:
        return [{"b": b, "c": c, "y": y, "x": x}[letter] for letter in axes]

    free = {"min": each(1, colours, 32, 32), "step": each(0, 0, 16, 16)}
    return {
        "format_version": "0.4.10",
        **_GENERAL,
        "timestamp": "2022-01-01T00:00:00",
        "inputs": [{
            "name": "raw",
            "axes": axes,
            "data_type": "float32",
            "shape": each(1, colours, size, size) if size else free,
            "preprocessing": before,
        }],
        "outputs": [{
            "name": "maps",
            "axes": axes,
            "data_type": "float32",
            "shape": {
                "reference_tensor": "raw",
                "scale": each(1, 0, 1, 1),
                "offset": each(0, maps / 2, 0, 0),
            },
            "halo": each(0, 0, 8, 8),
            "postprocessing": after,
        }],
        "test_inputs": ["test_input.npy"],
        "test_outputs": ["test_output.npy"],
        "weights": {"onnx": {**_hash(content, "weights.onnx"), "opset_version": 17}},
    }  # fmt: skip
