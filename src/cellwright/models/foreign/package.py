"""What a bioimage.io package of another program says of itself, in one form for 0.4 and 0.5."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cellwright.core.errors import InputError, UnreadableError, UnsupportedError
from cellwright.engine.onnx_weights import check_weights
from cellwright.models.archive import read_archive
from cellwright.models.package import FOREIGN, parts_of, read_rdf, validated
from cellwright.models.stored_test import array_of

__all__ = ["Foreign", "Sides", "Tensor", "foreign_package"]

Numbers = npt.NDArray[Any]

_COLOURS = (1, 3)  # numbers of channels that a network may take
_LARGEST = 4096
"""Side of a test picture, and shortest side and step of what a network takes (px), at the most."""
_KINDS = {"batch": "b", "channel": "c"}
_UNITS = {"micrometer": 1.0, "nanometer": 1e-3, "millimeter": 1e3}
"""Micrometres in the units of bioimage.io that pixels are given in."""


@dataclass(frozen=True)
class Sides:
    """Which heights and widths a network takes (px).

    Attributes
    ----------
    least, multiple
        Shortest, and that of which all are multiples.
    fixed
        The only one, if there is no other.
    """

    least: int = 1
    multiple: int = 1
    fixed: int | None = None


@dataclass(frozen=True, eq=False)
class Tensor:
    """The network's input or output.

    Attributes
    ----------
    name
        Its own.
    axes
        Letters b, c, y, x in its order.
    channels
        Names of its channels; none if it does not name them.
    steps
        What is done before or after the network, as it stands in the package.
    test
        Its test, with the axes (1, C, Y, X).
    """

    name: str
    axes: str
    channels: tuple[str, ...]
    steps: tuple[Mapping[str, Any], ...]
    test: Numbers


@dataclass(frozen=True, eq=False)
class Foreign:
    """A package of another program.

    Attributes
    ----------
    where
        Its file.
    rdf
        What it says, with defaults.
    weights
        The ONNX file.
    input, output
        Of the network.
    sides
        That it takes, as the package says.
    halo
        Width (px) of the border of its maps that is to be thrown away.
    spacing
        (y, x) µm per pixel; None if it does not say.
    files, digest
        The content of the zip by name, and its SHA-256.
    """

    where: str
    rdf: Mapping[str, Any]
    weights: bytes
    input: Tensor
    output: Tensor
    sides: Sides
    halo: int
    spacing: tuple[float, float] | None
    files: Mapping[str, bytes]
    digest: str


def foreign_package(path: str | Path) -> Foreign | None:
    """Read a bioimage.io package that another program made; None if it is a model of our own.

    Nothing in it is run, and no address in it is opened.

    Raises
    ------
    UsageError
        If there is no such file.
    UnreadableError
        If it is damaged, or no valid package.
    UnsupportedError
        If its network takes or gives something else than pictures.
    """
    path = Path(path)
    where = str(path)
    files, digest = read_archive(path)
    said = read_rdf(files, where, FOREIGN)
    config = said.get("config")
    if isinstance(config, dict) and config.get("cellwright") is not None:
        return None
    parts = parts_of({**said, "attachments": None}, files, where)
    rdf, problems = validated(said)
    if problems:
        raise UnreadableError(
            f"it is no valid bioimage.io package: {problems[0]}",
            where=where,
            remedy="ask its maker for a valid one",
        )
    try:
        check_weights(files[parts.weights])
        tensors = _tensors(
            rdf,
            array_of(files[parts.test_input], parts.test_input, where),
            array_of(files[parts.test_output], parts.test_output, where),
        )
        entry, exit_ = rdf["inputs"][0], rdf["outputs"][0]
        return Foreign(
            where, rdf, files[parts.weights], *tensors, _sides(entry), _halo(exit_),
            _spacing(entry), files, digest,
        )  # fmt: skip
    except InputError as error:
        raise type(error)(error.what, where=where, remedy=error.remedy) from error


def _tensors(
    rdf: Mapping[str, Any], test_input: Numbers, test_output: Numbers
) -> tuple[Tensor, Tensor]:
    """Input and output, of a network that this program can use."""
    for way in ("inputs", "outputs"):
        if len(rdf[way]) != 1:
            raise _cannot(f"its network has {len(rdf[way])} {way}, and only one can be used")
    if rdf.get("run_mode"):
        raise _cannot("it needs a program of its own to be run (run_mode)")
    entry, exit_ = rdf["inputs"][0], rdf["outputs"][0]
    taken = _tensor(entry, "preprocessing", test_input, "input")
    given = _tensor(exit_, "postprocessing", test_output, "output")
    if taken.test.shape[1] not in _COLOURS:
        raise _cannot(f"its network takes {taken.test.shape[1]} channels, not 1 or 3")
    if max(taken.test.shape[2:]) > _LARGEST:
        raise _cannot(f"its test picture is {_size(taken.test)} px, more than {_LARGEST}")
    if taken.test.shape[2:] != given.test.shape[2:]:
        raise _cannot(
            f"its maps are {_size(given.test)} for a picture of {_size(taken.test)}: they are not "
            "of the same size"
        )
    return taken, given


def _size(array: Numbers) -> str:
    return f"{array.shape[2]} × {array.shape[3]}"


def _tensor(said: Mapping[str, Any], steps: str, test: Numbers, what: str) -> Tensor:
    axes, names = _axes(said["axes"], what)
    if test.ndim != len(axes):
        raise UnreadableError(
            f"its test {what} has {test.ndim} axes, and {len(axes)} are named",
            remedy="ask its maker for a valid one",
        )
    order = [axes.index(letter) for letter in "bcyx" if letter in axes]
    test = test.transpose(order)
    for place, letter in enumerate("bcyx"):
        if letter not in axes:
            test = np.expand_dims(test, place)
    return Tensor(
        str(said.get("id") or said.get("name")),
        axes,
        names,
        tuple(said.get(steps) or ()),
        test[:1],
    )


def _axes(said: str | Sequence[Mapping[str, Any]], what: str) -> tuple[str, tuple[str, ...]]:
    """Letters of the axes, and names of the channels."""
    names: tuple[str, ...] = ()
    if isinstance(said, str):
        letters = said
    else:
        letters = ""
        for axis in said:
            known = _KINDS.get(axis["type"], axis["id"] if axis["type"] == "space" else "")
            if not known:
                raise _cannot(f"its {what} has an axis {str(axis['id'])[:40]!r}")
            letters += known
            if known == "c":
                names = tuple(str(name) for name in axis["channel_names"])
    if not {"y", "x"} <= set(letters) <= set("bcyx") or len(set(letters)) < len(letters):
        raise _cannot(f"its {what} has the axes {letters!r}, not b, c, y and x: it is no plane")
    return letters, names


def _sides(entry: Mapping[str, Any]) -> Sides:
    sizes = _sizes(entry)
    if any(not 1 <= size <= _LARGEST or not 0 <= step <= _LARGEST for size, step in sizes):
        raise _cannot(f"the heights and widths that its network takes go beyond {_LARGEST} px")
    fixed = [size for size, step in sizes if not step]
    if len(fixed) == len(sizes) and len(set(fixed)) == 1:
        return Sides(fixed=fixed[0])
    if fixed:
        raise _cannot(
            "its network takes pictures of a fixed size that are no squares: "
            + " × ".join(str(size) if not step else "any" for size, step in sizes)
        )
    if any(size % step for size, step in sizes):
        raise _cannot("the heights and widths that its network takes are no multiples of a number")
    multiple = math.lcm(*(step for _, step in sizes))
    least = max(size for size, _ in sizes)
    return Sides(-(-least // multiple) * multiple, multiple)


def _sizes(entry: Mapping[str, Any]) -> list[tuple[int, int]]:
    """Shortest height and width, and the step between two; 0 for none."""
    if isinstance(entry["axes"], str):  # 0.4
        shape = entry["shape"]
        places = [entry["axes"].index(letter) for letter in "yx"]
        if isinstance(shape, Mapping):
            return [(int(shape["min"][place]), int(shape["step"][place])) for place in places]
        return [(int(shape[place]), 0) for place in places]
    found = []
    for size in (axis["size"] for name in "yx" for axis in entry["axes"] if axis["id"] == name):
        if isinstance(size, int):
            found.append((size, 0))
        elif isinstance(size, Mapping) and "min" in size:
            found.append((int(size["min"]), int(size["step"])))
        else:  # as large as another axis
            raise _cannot("the size of its input depends on that of another axis")
    return found


def _halo(exit_: Mapping[str, Any]) -> int:
    if isinstance(exit_["axes"], str):
        halo = exit_.get("halo")
        return max((int(halo[exit_["axes"].index(n)]) for n in "yx"), default=0) if halo else 0
    return max(int(axis.get("halo") or 0) for axis in exit_["axes"])


def _spacing(entry: Mapping[str, Any]) -> tuple[float, float] | None:
    if isinstance(entry["axes"], str):
        return None
    by_name = {axis["id"]: axis for axis in entry["axes"]}
    found = [
        float(by_name[name].get("scale") or 0) * _UNITS.get(by_name[name].get("unit"), 0)
        for name in "yx"
    ]
    return (found[0], found[1]) if min(found) > 0 else None


def _cannot(what: str) -> UnsupportedError:
    return UnsupportedError(what, remedy="use it in the program that it was made for")
