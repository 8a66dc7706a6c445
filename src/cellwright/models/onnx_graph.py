"""ONNX files as the package ``onnx`` reads them: to be changed, never to be run.

It is imported here alone, and only by what needs it: to use a model nobody has to have it.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

from cellwright.core.errors import UnreadableError, UnsupportedError, UsageError
from cellwright.engine.onnx_weights import check_weights

__all__ = ["graph_of", "onnx_package", "operators", "picture_input"]


def onnx_package(purpose: str) -> ModuleType:
    """Import the package ``onnx``.

    Parameters
    ----------
    purpose
        What it is for, such as ``to import models of other programs``.

    Raises
    ------
    UsageError
        If it is not installed.
    """
    try:
        import onnx
        import onnx.numpy_helper
    except ImportError as error:
        raise UsageError(
            f"{purpose} the package `onnx` is needed",
            remedy="pip install 'cellwright[train]', or pip install onnx",
        ) from error
    return onnx


def graph_of(weights: bytes, purpose: str) -> Any:
    """Read an ONNX file.

    Parameters
    ----------
    weights
        The file, in one piece.
    purpose
        As of `onnx_package`.

    Returns
    -------
    onnx.ModelProto
        Of a graph with an output.

    Raises
    ------
    UnreadableError
        If it is no ONNX file.
    UnsupportedError
        If weights lie in another file, or the network gives nothing.
    UsageError
        If the package ``onnx`` is not installed.
    """
    check_weights(weights)  # before any library sees them
    onnx = onnx_package(purpose)
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        model = onnx.load_model_from_string(weights)
    except (DecodeError, ValueError) as error:
        raise UnreadableError(
            "the weights are no ONNX file", remedy="get the model again"
        ) from error
    if not model.graph.output:
        raise UnsupportedError("its network gives nothing", remedy="ask its maker")
    return model


def picture_input(model: Any) -> Any:
    """Give the one input of a graph that is no constant.

    Raises
    ------
    UnsupportedError
        If it has none, or several.
    """
    graph = model.graph
    constants = {entry.name for entry in graph.initializer}
    inputs: Sequence[Any] = [entry for entry in graph.input if entry.name not in constants]
    if len(inputs) != 1:
        raise UnsupportedError(
            f"its network takes {len(inputs)} inputs, and only one picture can be given",
            remedy="use it in the program that it was made for",
        )
    return inputs[0]


def operators(model: Any) -> dict[str, int]:
    """Versions of the operators of a graph by domain; the standard ones have the domain ``""``."""
    return {
        "" if entry.domain == "ai.onnx" else entry.domain: entry.version
        for entry in model.opset_import
    }
