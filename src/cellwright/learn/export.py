"""From a trained network to ONNX, batch norms folded into the convolutions, and back again."""

from __future__ import annotations

import copy
import io
import logging
import math
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from cellwright.core.errors import UnreadableError, UnsupportedError
from cellwright.core.image import Array
from cellwright.engine.onnx_weights import check_weights
from cellwright.models.onnx_graph import graph_of, onnx_package
from cellwright.models.stored_test import array_of

__all__ = ["folded", "in_half", "norms_file", "read_norms", "to_onnx", "unfolded"]

_TRACED = 32
"""Unit of the sides with which a network is traced, in pixels, at the least."""

_PURPOSE = "to store weights in half the bytes"
_HALF = ".half"
"""After the name of weights that are stored in half the bytes."""
_LEAST_HALVED = 1024
"""Numbers of an array, from which on it is stored so: biases are few, and stay as they are."""


def folded(network: nn.Module) -> tuple[nn.Module, dict[str, Array]]:
    """Fold each batch norm into the convolution before it.

    Parameters
    ----------
    network
        Batch norms that are to be folded follow their convolutions in `nn.Sequential`; others stay.

    Returns
    -------
    network : nn.Module
        A copy; convolutions that a batch norm followed have the names of before and a bias each.
    norms : dict
        From the state dict's names to the numbers of all batch norms, from which `unfolded` makes
        the network of before.

    Examples
    --------
    >>> network = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU())
    >>> plain, norms = folded(network)
    >>> list(plain.state_dict()), len(norms)
    (['0.weight', '0.bias'], 5)
    """
    copied = copy.deepcopy(network).eval()
    norms: dict[str, Array] = {}
    for holder, (first, convolution), (second, norm) in _pairs(copied):
        for key, value in norm.state_dict().items():
            norms[f"{second}.{key}"] = value.numpy().copy()
        holder[int(first.rsplit(".", 1)[-1])] = fuse_conv_bn_eval(convolution, norm)
        holder[int(second.rsplit(".", 1)[-1])] = nn.Identity()
    staying, state = _norm_names(copied), copied.state_dict()
    return copied, norms | {name: state[name].numpy().copy() for name in staying}


_Pair = tuple[nn.Sequential, tuple[str, nn.Conv2d], tuple[str, nn.BatchNorm2d]]


def _pairs(network: nn.Module) -> Iterator[_Pair]:
    """Convolutions that a batch norm follows, with their names and what holds them."""
    for name, module in list(network.named_modules()):
        if not isinstance(module, nn.Sequential):
            continue
        prefix = f"{name}." if name else ""
        for index in range(len(module) - 1):
            first, second = module[index], module[index + 1]
            if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                yield module, (f"{prefix}{index}", first), (f"{prefix}{index + 1}", second)


def _norm_names(network: nn.Module) -> list[str]:
    """Names in the state dict of what belongs to batch norms."""
    return [
        f"{name}.{key}"
        for name, module in network.named_modules()
        if isinstance(module, nn.BatchNorm2d)
        for key in module.state_dict()
    ]


def unfolded(
    network: nn.Module, weights: bytes, norms: Mapping[str, Array]
) -> dict[str, torch.Tensor]:
    """Undo `folded` and `to_onnx`: the state dict of the network as it was trained.

    A folded convolution has the weights ``w' = w g / s`` and the bias ``b' = (b - m) g / s + c``,
    with the norm's gain g and shift c, mean m, and s the root of its variance and epsilon (S. Ioffe
    and C. Szegedy, "Batch normalization", ICML 2015). Where the gain is 0, w is gone, and does not
    matter: it becomes 0.

    Parameters
    ----------
    network
        Of the same architecture, with any weights; it is left as it is.
    weights
        The ONNX file, whose weights have the names of the folded network's state dict.
    norms
        From `folded`.

    Returns
    -------
    dict
        For `nn.Module.load_state_dict` of the network.

    Raises
    ------
    UnreadableError
        If the weights are no ONNX file, or something is missing or has another shape.
    UnsupportedError
        If weights lie in another file.
    """
    stored = _initialisers(weights)
    state: dict[str, torch.Tensor] = {}
    plain, _ = folded(network)
    staying = set(_norm_names(plain))
    for name, value in plain.state_dict().items():
        if name in staying:
            state[name] = _entry(norms, name, value)
            continue
        left_out = name.endswith(".bias") and name not in stored
        state[name] = torch.zeros_like(value) if left_out else _entry(stored, name, value)
    for _, (first, convolution), (second, norm) in _pairs(network):
        own = {
            key: _entry(norms, f"{second}.{key}", value) for key, value in norm.state_dict().items()
        }
        gain, spread = own["weight"].double(), (own["running_var"].double() + norm.eps).sqrt()
        undone = torch.where(gain == 0, 0.0, spread / gain)
        state[f"{first}.weight"] = (state[f"{first}.weight"] * undone[:, None, None, None]).float()
        bias = state.pop(f"{first}.bias")
        if convolution.bias is not None:
            state[f"{first}.bias"] = ((bias - own["bias"]) * undone + own["running_mean"]).float()
        state |= {f"{second}.{key}": value for key, value in own.items()}
    return {name: state[name] for name in network.state_dict()}


def _entry(stored: Mapping[str, Array], name: str, like: torch.Tensor) -> torch.Tensor:
    """Take a stored array of the shape and type of a tensor."""
    shape = tuple(like.shape)
    if name not in stored or stored[name].shape != shape:
        there = f"an array of {stored[name].shape}" if name in stored else "nothing"
        raise UnreadableError(
            "the model does not hold the weights of its architecture: an array of "
            f"{shape} was looked for under {name!r}, and {there} is there",
            remedy="get the model again, or train from the beginning",
        )
    return torch.from_numpy(np.array(stored[name], like.numpy().dtype))


def _initialisers(weights: bytes) -> dict[str, Array]:
    """Read the stored tensors of an ONNX file by their names."""
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    check_weights(weights)
    try:
        graph = onnx.load_model_from_string(weights).graph
        return {
            tensor.name.removesuffix(_HALF): onnx.numpy_helper.to_array(tensor)
            for tensor in graph.initializer
        }
    except (DecodeError, ValueError, TypeError) as error:
        raise UnreadableError(
            f"the weights cannot be read ({error})", remedy="get the model again"
        ) from error


def to_onnx(network: nn.Module, multiple: int = 1) -> bytes:
    """Make the bytes of an ONNX file with free batch, height and width.

    Parameters
    ----------
    network
        From (N, 3, Y, X) to (N, C, Y, X); it is set to predict. Its weights are stored under the
        names of its state dict, but for biases of nothing but 0, which the exporter leaves out,
        and for batch norms: of their numbers it merges those that are alike.
    multiple
        Number of pixels of which Y and X must be multiples.

    Raises
    ------
    UnsupportedError
        If the exporter has changed or merged some of the weights.
    """
    dynamic: Any = torch.export.Dim.DYNAMIC
    side = math.ceil(_TRACED / multiple) * multiple
    # no two sides alike, so that none is taken to be bound to the other, nor a batch of one, which
    # might be taken to be always one
    example = torch.zeros(2, 3, 2 * side, 3 * side)
    with _quiet():
        program: Any = torch.onnx.export(
            network.eval(),
            (example,),
            dynamo=True,
            verbose=False,
            input_names=["image"],
            output_names=["maps"],
            dynamic_shapes=({0: dynamic, 2: dynamic, 3: dynamic},),
        )
        model = program.model_proto
    names = {tensor.name for tensor in model.graph.initializer}
    names.update(_norm_names(network))  # `folded` keeps them
    lost = [name for name, value in network.named_parameters() if name not in names and value.any()]
    if lost:
        raise UnsupportedError(
            f"the exporter stored no weights under {lost[0]!r}: they could not be read back",
            remedy="export with the version of onnxscript that constraints.txt names",
        )
    _forget_its_making(model)
    return bytes(model.SerializeToString())


def in_half(weights: bytes) -> bytes:
    """Store the weights of a network in half the bytes: float16, made float32 as it is loaded.

    A weight moves by a two thousandth of itself at the most. The network reckons in float32 as
    before, and as fast: who runs it converts the weights once.

    Parameters
    ----------
    weights
        ONNX file of `to_onnx`.

    Returns
    -------
    bytes
        Another one; `unfolded` reads it too.

    Raises
    ------
    UnreadableError
        If it is no ONNX file.
    UnsupportedError
        If a weight is beyond what float16 can hold.
    """
    onnx, model = onnx_package(_PURPOSE), graph_of(weights, _PURPOSE)
    graph = model.graph
    kept, casts = [], []
    for tensor in graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < _LEAST_HALVED:
            kept.append(tensor)
            continue
        if np.abs(values).max() > np.finfo(np.float16).max:
            raise UnsupportedError(
                f"the weights {tensor.name!r} are too large for float16",
                remedy="leave them in float32",
            )
        half = tensor.name + _HALF
        kept.append(onnx.numpy_helper.from_array(values.astype(np.float16), half))
        casts.append(
            onnx.helper.make_node("Cast", [half], [tensor.name], to=onnx.TensorProto.FLOAT)
        )
    nodes = [*casts, *graph.node]
    for field, content in (("initializer", kept), ("node", nodes)):
        graph.ClearField(field)
        getattr(graph, field).extend(content)
    return bytes(model.SerializeToString(deterministic=True))


def _forget_its_making(model: Any) -> None:
    """Take out notes on where in which source file each node came from: paths of a machine."""
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.value_info):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    for tensor in graph.initializer:
        tensor.ClearField("metadata_props")
        tensor.ClearField("doc_string")


@contextmanager
def _quiet() -> Iterator[None]:
    """Without torch's own matters: what it deprecates in itself, and that it misses torchvision."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        log.setLevel(level)


def norms_file(norms: Mapping[str, Array]) -> bytes:
    """Make the bytes of an uncompressed ``.npz`` of the batch norms' numbers."""
    file = io.BytesIO()
    np.savez(file, **norms)  # type: ignore[arg-type]
    return file.getvalue()


def read_norms(content: bytes, where: str = "") -> dict[str, Array]:
    """Read what `norms_file` made.

    Parameters
    ----------
    content
        Of the file; nothing is unpacked, so that it needs no more memory than it has bytes.
    where
        The model, for messages.

    Raises
    ------
    UnreadableError
        If it is no such file.

    Examples
    --------
    >>> read_norms(norms_file({"stem.1.bias": np.ones(2)}))
    {'stem.1.bias': array([1., 1.])}
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
                raise zipfile.BadZipFile("it is compressed")
            files = {entry.filename: archive.read(entry) for entry in entries}
    except (zipfile.BadZipFile, EOFError, OSError, ValueError, RuntimeError) as error:
        raise UnreadableError(
            f"the numbers of the batch norms cannot be read ({error})",
            where=where,
            remedy="get the model again",
        ) from error
    return {name.removesuffix(".npy"): array_of(file, name, where) for name, file in files.items()}
