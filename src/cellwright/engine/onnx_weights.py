"""What an ONNX file asks for, read from its bytes before any library loads it.

An ONNX file is one message of Protocol Buffers (https://protobuf.dev/programming-guides/encoding):
a row of fields, each a number, a kind and a content, some of which are messages again. Here they
are only walked over; numbers of fields are those of ``onnx.proto3``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cellwright.core.errors import UnreadableError, UnsupportedError

__all__ = ["check_weights", "opset_version"]

_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5  # kinds of fields
_MOST_FIELDS = 300_000
"""Fields that are walked over: a U-Net of a hundred layers has some 10,000, and as many as this
take a third of a second."""
_DEEPEST = 100
"""Messages in messages, as in the protobuf libraries."""
_LONGEST_VARINT = 10  # bytes

_GRAPH_OF_MODEL, _OPSET_OF_MODEL = 7, 8
_VERSION_OF_OPSET = 2
_DOMAIN_OF_OPSET = 1
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14  # of a tensor

# For each message: which of its fields are messages that may hold a tensor.
_INSIDE: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}


def check_weights(weights: bytes) -> None:
    """Refuse what is no ONNX file, and one whose weights lie in another file.

    Raises
    ------
    UnreadableError
        If the bytes are no ONNX file.
    UnsupportedError
        If a tensor is stored elsewhere: a model could name any file of the machine.

    Examples
    --------
    >>> check_weights(b"PK")
    Traceback (most recent call last):
    cellwright.core.errors.UnreadableError: the weights are no ONNX file; ...
    """
    walk = _Walk()
    waiting: list[tuple[str, memoryview, int]] = [("model", memoryview(weights), 0)]
    graphs = 0
    while waiting:
        message, content, depth = waiting.pop()
        if depth > _DEEPEST:
            raise _broken()
        for number, value in walk.fields(content):
            if message == "tensor" and (
                number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value != 0)
            ):
                raise UnsupportedError(
                    "weights that lie in another file, outside the model, are never loaded",
                    remedy="export the network into a single ONNX file",
                )
            inside = _INSIDE[message].get(number)
            if inside is not None:
                if not isinstance(value, memoryview):
                    raise _broken()
                graphs += message == "model" and number == _GRAPH_OF_MODEL
                waiting.append((inside, value, depth + 1))
    if not graphs:
        raise _broken()


def opset_version(weights: bytes) -> int:
    """Give the version of the standard operators that an ONNX file uses.

    Raises
    ------
    UnreadableError
        If the bytes are no ONNX file.
    """
    walk = _Walk()
    for number, value in walk.fields(memoryview(weights)):
        if number == _OPSET_OF_MODEL and isinstance(value, memoryview):
            fields = dict(walk.fields(value))
            version = fields.get(_VERSION_OF_OPSET)
            if not fields.get(_DOMAIN_OF_OPSET) and isinstance(version, int):
                return version
    raise _broken()


def _broken() -> UnreadableError:
    return UnreadableError(
        "the weights are no ONNX file", remedy="get the model again, or export it again"
    )


class _Walk:
    """Goes over fields, and counts them: a file of nothing but fields would keep us for hours."""

    def __init__(self) -> None:
        self._left = _MOST_FIELDS

    def fields(self, message: memoryview) -> Iterator[tuple[int, Any]]:
        """Number and value (int or memoryview) of each field of a message."""
        at = 0
        while at < len(message):
            self._left -= 1
            if self._left < 0:
                raise _broken()
            tag, at = _varint(message, at)
            number, kind = tag >> 3, tag & 7
            value: Any
            if kind == _VARINT:
                value, at = _varint(message, at)
            else:
                if kind == _BYTES:
                    size, at = _varint(message, at)
                else:
                    size = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}.get(kind, -1)
                if size < 0 or at + size > len(message):
                    raise _broken()
                value = message[at : at + size]
                at += size
            yield number, value


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """Give a whole number of variable length, and where it ends."""
    value = 0
    for place in range(_LONGEST_VARINT):
        if at + place >= len(message):
            break
        byte = message[at + place]
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value, at + place + 1
    raise _broken()
