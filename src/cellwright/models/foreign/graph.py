"""A foreign network between operators that give it our form: pictures in, logits out.

What is added are standard operators; nothing is run.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from cellwright.core.errors import UnsupportedError
from cellwright.models.foreign.steps import Step
from cellwright.models.onnx_graph import graph_of, onnx_package, operators, picture_input

__all__ = ["Form", "adapted", "fixed_sides"]

SURE = 1e-6
"""Least distance of a probability from 0 and 1: its logit is then between -13.8 and 13.8."""
_PURPOSE = "to import models of other programs"
_ORDER = "bcyx"
_COLOURS = 3
_OLDEST = 7  # version of the operators: the oldest that ONNX Runtime promises to run
_CLIP_TAKES_INPUTS, _AXES_ARE_INPUTS = 11, 13
"""Versions of the operators from which Clip, and Squeeze and Unsqueeze, take numbers as inputs."""


@dataclass(frozen=True)
class Form:
    """How a network takes pictures and gives maps.

    Attributes
    ----------
    input_axes, output_axes
        Letters b, c, y, x in the network's order; b and c may be missing.
    colours
        Channels that it takes: 1 or 3.
    before, after
        What is done to its pictures and maps.
    picked
        Which of its maps are wanted, in this order.
    probabilities
        Whether the maps, after all steps, are probabilities, and no logits.
    """

    input_axes: str
    output_axes: str
    colours: int
    before: tuple[Step, ...]
    after: tuple[Step, ...]
    picked: tuple[int, ...]
    probabilities: bool


def fixed_sides(weights: bytes, axes: str) -> tuple[int | None, int | None]:
    """Rows and columns that a network takes, where its file allows no others.

    Raises
    ------
    UnreadableError, UnsupportedError
        If the weights are no network with one picture as its input.
    UsageError
        If the package ``onnx`` is not installed.
    """
    shape = picture_input(graph_of(weights, _PURPOSE)).type.tensor_type.shape.dim
    if len(shape) != len(axes):
        return None, None
    rows, columns = (shape[axes.index(letter)].dim_value for letter in "yx")
    return rows or None, columns or None


def adapted(weights: bytes, form: Form) -> bytes:
    """Wrap a network, so that it takes (N, 3, Y, X) and gives logits (N, maps, Y, X), float32.

    A network of one channel is shown the mean of the three.

    Parameters
    ----------
    weights
        The ONNX file, in one piece.
    form
        How the network works.

    Raises
    ------
    UnreadableError, UnsupportedError
        If the weights are no network with one picture as its input, or too old.
    UsageError
        If the package ``onnx`` is not installed.
    """
    onnx = onnx_package(_PURPOSE)
    model = graph_of(weights, _PURPOSE)
    graph = model.graph
    version = operators(model).get("", 0)
    if version < _OLDEST:
        raise UnsupportedError(
            f"its network is of version {version} of the ONNX operators, and {_OLDEST} is the "
            "oldest that can be run",
            remedy="ask its maker for newer ONNX weights",
        )
    picture, answer = picture_input(model), graph.output[0]
    chain = _Chain(onnx, version, _free_prefix(graph))
    first = chain.prefix + "picture"
    _before(chain, first, form, picture.type.tensor_type.elem_type)
    chain.add("Identity", result=picture.name)
    before, chain.nodes = chain.nodes, []
    last = _after(chain, answer.name, form, answer.type.tensor_type.elem_type)
    nodes = [*before, *graph.node, *chain.nodes]
    inputs = [entry for entry in graph.input if entry.name != picture.name]
    tensor = onnx.helper.make_tensor_value_info
    kind = onnx.TensorProto.FLOAT
    for part in (graph.node, graph.input, graph.output, graph.value_info):
        del part[:]
    graph.node.extend(nodes)
    graph.input.extend([tensor(first, kind, ["n", _COLOURS, "y", "x"]), *inputs])
    graph.output.append(tensor(last, kind, ["n", len(form.picked), "y", "x"]))
    graph.initializer.extend(chain.constants)
    return bytes(model.SerializeToString(deterministic=True))


def _before(chain: _Chain, start: str, form: Form, kind: int) -> None:
    chain.last = start
    if form.colours == 1:
        mean = np.full((1, _COLOURS, 1, 1), 1 / _COLOURS, np.float32)
        chain.add("Conv", mean)
    for step in form.before:
        _add_step(chain, step)
    order = "".join(letter for letter in _ORDER if letter in form.input_axes)
    if missing := [_ORDER.index(letter) for letter in _ORDER if letter not in order]:
        chain.add_axes("Squeeze", missing)
    if order != form.input_axes:
        chain.add("Transpose", perm=[order.index(letter) for letter in form.input_axes])
    if kind not in {0, chain.onnx.TensorProto.FLOAT}:
        chain.add("Cast", to=kind)


def _after(chain: _Chain, start: str, form: Form, kind: int) -> str:
    """Continue from the network's answer; gives the name of the maps."""
    chain.last = start
    if kind not in {0, chain.onnx.TensorProto.FLOAT}:
        chain.add("Cast", to=chain.onnx.TensorProto.FLOAT)
    order = "".join(letter for letter in _ORDER if letter in form.output_axes)
    if order != form.output_axes:
        chain.add("Transpose", perm=[form.output_axes.index(letter) for letter in order])
    if missing := [_ORDER.index(letter) for letter in _ORDER if letter not in order]:
        chain.add_axes("Unsqueeze", missing)
    for step in form.after:
        _add_step(chain, step)
    chain.add("Gather", np.array(form.picked, np.int64), axis=1)
    if form.probabilities:
        chain.add_clip(SURE, 1 - SURE)
        chance = chain.last
        chain.add("Log")
        for_it, chain.last = chain.last, chance
        chain.add("Neg")
        chain.add("Add", np.array(1, np.float32))
        against_it = chain.add("Log")
        chain.last = for_it
        chain.add("Sub", against_it)
    return chain.add("Identity", result=chain.prefix + "maps")


def _add_step(chain: _Chain, step: Step) -> None:
    if step.kind == "linear":
        for operator, numbers in (("Mul", step.gain), ("Add", step.offset)):
            chain.add(operator, np.array(numbers, np.float32).reshape(-1, 1, 1))
    elif step.kind == "clip":
        chain.add_clip(step.low, step.high)
    elif step.kind == "sigmoid":
        chain.add("Sigmoid")
    else:  # over the last axis it is the same in all versions of the operators
        chain.add("Transpose", perm=[0, 2, 3, 1])
        chain.add("Softmax", axis=3)
        chain.add("Transpose", perm=[0, 3, 1, 2])


@dataclass
class _Chain:
    """Operators one after another, each on the result of the last."""

    onnx: ModuleType
    version: int
    prefix: str
    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)
    last: str = ""
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def add(
        self,
        operator: str,
        *others: str | npt.NDArray[Any],
        result: str | None = None,
        **attributes: Any,
    ) -> str:
        """Add an operator, with further inputs by name or as constants; gives its result."""
        names = [other if isinstance(other, str) else self._constant(other) for other in others]
        result = result or self._name()
        self.nodes.append(
            self.onnx.helper.make_node(operator, [self.last, *names], [result], **attributes)
        )
        self.last = result
        return result

    def add_axes(self, operator: str, axes: list[int]) -> None:
        """Squeeze or Unsqueeze."""
        if self.version >= _AXES_ARE_INPUTS:
            self.add(operator, np.array(axes, np.int64))
        else:
            self.add(operator, axes=axes)

    def add_clip(self, low: float | None, high: float | None) -> None:
        """Cut off at both ends."""
        if self.version >= _CLIP_TAKES_INPUTS:
            ends = ("" if end is None else np.array(end, np.float32) for end in (low, high))
            self.add("Clip", *ends)
        else:
            named: dict[str, Any] = {"min": low, "max": high}
            self.add("Clip", **{name: end for name, end in named.items() if end is not None})

    def _constant(self, value: npt.NDArray[Any]) -> str:
        name = self._name()
        self.constants.append(self.onnx.numpy_helper.from_array(value, name))
        return name

    def _name(self) -> str:
        return f"{self.prefix}{next(self._numbers)}"


def _free_prefix(graph: Any) -> str:
    names = {name for node in graph.node for name in (*node.input, *node.output)}
    names |= {entry.name for part in (graph.input, graph.initializer) for entry in part}
    prefix = "cellwright_"
    while any(name.startswith(prefix) for name in names):
        prefix += "_"
    return prefix
