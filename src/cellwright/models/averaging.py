"""Several networks in one graph, which asks each of them and gives the mean of their maps.

Logits are averaged as logits. The mean of logits is the logit of the normalised geometric mean of
the probabilities, the logarithmic opinion pool (C. Genest and J. V. Zidek, "Combining probability
distributions", Statistical Science 1, 1986): for two classes and for many, and the threshold of 0.5
stays where it was. A network that is very sure counts more than one that is not; in the mean of
probabilities all would count alike. Decoders take logits, so that nothing has to be undone.
Lengths, such as offsets, sizes in octaves and distances, are averaged as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from cellwright.core.errors import UnsupportedError
from cellwright.models.onnx_graph import graph_of, onnx_package, operators, picture_input
from cellwright.models.package import IMAGE, MAPS

__all__ = ["averaged"]

_PURPOSE = "to join models"
_AXES = ("n", "c", "y", "x")


def averaged(weights: Sequence[bytes]) -> bytes:
    """Join networks to one that gives the mean of their maps.

    Parameters
    ----------
    weights
        ONNX files, each with one picture (N, 3, Y, X) float32 as its input and maps
        (N, C, Y, X) float32 as its first output, the same maps in the same order.

    Returns
    -------
    bytes
        An ONNX file of the same form; the same files in the same order give the same bytes.

    Raises
    ------
    UnsupportedError
        If they are of different versions of the operators, or take pictures or give maps of
        different sizes.
    UnreadableError
        If one is no network.
    UsageError
        If the package ``onnx`` is not installed.
    """
    onnx = onnx_package(_PURPOSE)
    models = [graph_of(one, _PURPOSE) for one in weights]
    tensor, kind = onnx.helper.make_tensor_value_info, onnx.TensorProto.FLOAT
    whole = onnx.ModelProto(
        ir_version=max(model.ir_version for model in models),
        producer_name="cellwright",
        opset_import=_operators(models, onnx),
    )
    graph = whole.graph
    graph.name = "mean"
    graph.input.append(tensor(IMAGE, kind, _shape([picture_input(one) for one in models])))
    graph.output.append(tensor(MAPS, kind, _shape([one.graph.output[0] for one in models])))
    answers = []
    for number, model in enumerate(models):
        taken = picture_input(model)
        _prefix(model, f"network_{number}.")
        answers.append(model.graph.output[0].name)
        graph.node.append(onnx.helper.make_node("Identity", [IMAGE], [taken.name]))
        graph.node.extend(model.graph.node)
        graph.initializer.extend(model.graph.initializer)
        graph.sparse_initializer.extend(model.graph.sparse_initializer)
        graph.input.extend(entry for entry in model.graph.input if entry.name != taken.name)
        whole.functions.extend(model.functions)
    share = np.array(1 / len(models), np.float32)
    graph.initializer.append(onnx.numpy_helper.from_array(share, "share"))
    graph.node.append(onnx.helper.make_node("Sum", answers, ["total"]))
    graph.node.append(onnx.helper.make_node("Mul", ["total", "share"], [MAPS]))
    return bytes(whole.SerializeToString(deterministic=True))


def _operators(models: Sequence[Any], onnx: Any) -> list[Any]:
    """The versions of the operators, which must be the same in all of them."""
    versions: dict[str, int] = {}
    for model in models:
        for domain, version in operators(model).items():
            if versions.setdefault(domain, version) != version:
                raise UnsupportedError(
                    f"the networks are of the versions {versions[domain]} and {version} of the "
                    f"{domain or 'standard'} operators of ONNX, and one file has only one",
                    remedy="export them with the same version",
                )
    return [onnx.helper.make_opsetid(domain, versions[domain]) for domain in sorted(versions)]


def _shape(tensors: Sequence[Any]) -> list[int | str]:
    """Length of each axis that a network fixes, and names of those that all leave open."""
    shape: list[int | str] = []
    for axis, name in enumerate(_AXES):
        lengths = set()
        for tensor in tensors:
            axes = tensor.type.tensor_type.shape.dim
            if len(axes) != len(_AXES):
                raise UnsupportedError(
                    f"a network has {len(axes)} axes, and not batch, channels, rows and columns",
                    remedy="join models that `cellwright train` or `models import` wrote",
                )
            lengths.add(axes[axis].dim_value)
        fixed = sorted(lengths - {0})
        if len(fixed) > 1:
            raise UnsupportedError(
                f"the networks fix the axis {name} at {' and '.join(map(str, fixed))}",
                remedy="join models of networks that take pictures and give maps of one size",
            )
        shape.append(fixed[0] if fixed else name)
    return shape


def _prefix(model: Any, prefix: str) -> None:
    """Put a prefix before every name within a network, also of graphs within its operators."""
    own = {function.name for function in model.functions}
    for function in model.functions:  # names within are its own
        function.name = prefix + function.name
        for node in function.node:
            node.op_type = prefix + node.op_type if node.op_type in own else node.op_type
    for graph in _graphs(model.graph):
        for entry in (*graph.input, *graph.output, *graph.value_info, *graph.initializer):
            entry.name = prefix + entry.name
        for sparse in graph.sparse_initializer:
            sparse.values.name = prefix + sparse.values.name
        for node in graph.node:
            node.name = prefix + node.name if node.name else ""  # not every operator has a name
            node.op_type = prefix + node.op_type if node.op_type in own else node.op_type
            for names in (node.input, node.output):
                names[:] = [prefix + name if name else "" for name in names]


def _graphs(graph: Any) -> Iterator[Any]:
    """Yield a graph and all graphs within its operators."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in [attribute.g] if attribute.HasField("g") else attribute.graphs:
                yield from _graphs(inner)
