"""HDF5: Imaris files, what ilastik exports, and plain datasets."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cellwright.core.errors import UnreadableError, UnsupportedError
from cellwright.core.image import Array, Image, Source, Spacing
from cellwright.io.hdf5_file import check_stored, lies_elsewhere, open_hdf5
from cellwright.io.hdf5_imaris import imaris_image, is_imaris
from cellwright.io.libraries import library, translated
from cellwright.io.planar import Place, Planes, spacing_or_none, stack_axes
from cellwright.io.reader import Reader

__all__ = ["READER"]

_MAGIC = b"\x89HDF\r\n\x1a\n"
_STARTS = (0, 512, 1024, 2048)  # a user block of these lengths may come first
_FILE = "HDF5 file"
_MOST_OBJECTS = 10_000  # groups and datasets that are looked through
_MOST_SCENES = 1000
_FEW = 4  # a last axis of so many is taken for channels, as ilastik does
_DEFAULT_AXES = {2: "yx", 3: "zyx", 4: "tzyx", 5: "tzyxc"}
_DEFAULT_AXES_WITH_CHANNELS = {3: "yxc", 4: "zyxc"}
"""What ilastik takes the axes for where nothing names them (its documentation, "HDF5")."""


@dataclass(frozen=True)
class _Dataset:
    """Reads planes of one dataset; satisfies `cellwright.io.planar.ReadPlanes`.

    Attributes
    ----------
    name
        Its path in the file.
    axes
        One letter of ``tzyxc`` for each of its dimensions, or ``1`` for one that has one
        position and is left out.
    leading
        The leading axes of the picture, as in `cellwright.core.image.AXES`.
    dtype
        What the planes are given as.
    """

    name: str
    axes: str
    leading: str
    dtype: np.dtype[Any]

    def __call__(self, path: Path, places: Sequence[Place]) -> Iterator[tuple[int, Array]]:
        """Read the planes one by one."""
        with open_hdf5(path) as file:
            stored = file[self.name]
            for number, place in enumerate(places):
                at = dict(zip(self.leading.lower(), place, strict=True))
                key = tuple(slice(None) if axis in "yx" else at.get(axis, 0) for axis in self.axes)
                plane = np.asarray(stored[key])
                if self.axes.index("y") > self.axes.index("x"):
                    plane = plane.T
                yield number, np.ascontiguousarray(plane, dtype=self.dtype)


def _recognise(head: bytes, path: Path) -> bool:  # noqa: ARG001
    return any(head[start : start + len(_MAGIC)] == _MAGIC for start in _STARTS)


def _open(path: Path) -> list[Image]:
    with translated(path, _FILE), open_hdf5(path) as file:
        if is_imaris(file):
            return [imaris_image(path, file)]
        found = _pictures(library("h5py", "an HDF5 file"), file)
        return [_image(path, name, own, several=len(found) > 1) for name, own in found]


def _pictures(h5py: Any, file: Any) -> list[tuple[str, Any]]:
    """Name and dataset of each picture, at least one; the shorter path of two to one dataset.

    They are found by hard links alone: a soft link names what is found anyway, an external
    one leads out of the file.
    """
    found: list[tuple[str, Any]] = []
    seen = {int(h5py.h5o.get_info(file.id).addr)}
    waiting = deque([("", file)])
    while waiting:
        prefix, group = waiting.popleft()
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                continue
            child = group[name]
            address = int(h5py.h5o.get_info(child.id).addr)
            if address in seen:
                continue
            seen.add(address)
            if isinstance(child, h5py.Group):
                waiting.append((f"{prefix}{name}/", child))
            elif isinstance(child, h5py.Dataset) and _is_picture(child):
                found.append((prefix + name, child))
            if len(seen) > _MOST_OBJECTS or len(found) > _MOST_SCENES:
                raise UnsupportedError(
                    f"over {_MOST_SCENES} datasets or {_MOST_OBJECTS} objects in one file are "
                    "not read",
                    remedy="save the picture in a file of its own",
                )
    if not found:
        raise UnsupportedError(
            "it holds no dataset of numbers with 2 to 5 axes that is stored in the file itself",
            remedy="save the picture as one dataset, or export it as OME-TIFF",
        )
    return found


def _is_picture(dataset: Any) -> bool:
    numbers = dataset.dtype.kind in "uifb" and dataset.dtype.itemsize <= 8
    fits = bool(dataset.shape) and 2 <= len(dataset.shape) <= 5
    return bool(numbers and fits and not lies_elsewhere(dataset))


def _image(path: Path, name: str, dataset: Any, *, several: bool) -> Image:
    check_stored(dataset, name)
    axes, notes = _axes(dataset, name)
    lengths = dict(zip(axes, dataset.shape, strict=True))
    sizes = {axis.upper(): int(lengths.get(axis, 1)) for axis in "tczyx"}
    names, shape = stack_axes(sizes)
    dtype = np.dtype(np.uint8) if dataset.dtype.kind == "b" else dataset.dtype.newbyteorder("=")
    if dtype == np.float16:
        dtype = np.dtype(np.float32)
    read = _Dataset(name, axes, names[: names.index("Y")], dtype)
    return Image(
        Planes(path, _FILE, shape, dtype, read),
        names,
        spacing=_spacing(dataset, "Z" in names),
        source=Source(path=str(path), scene=name if several else ""),
        notes=tuple(notes),
    )


def _axes(dataset: Any, name: str) -> tuple[str, list[str]]:
    """One letter of ``tzyxc`` for each dimension, as named or as it is usual."""
    stated = _stated_axes(dataset)
    dimensions = len(dataset.shape)
    if stated is not None:
        unknown = [
            axis
            for axis, size in zip(stated, dataset.shape, strict=True)
            if axis not in "tzyxc" and size > 1
        ]
        if unknown or not {"x", "y"} <= set(stated):
            raise UnsupportedError(
                f"the axes of {name} are {', '.join(stated)}; "
                + (f"{unknown[0]} is not read" if unknown else "rows and columns are not named"),
                remedy="export it as OME-TIFF, or name them t, z, y, x and c",
            )
        letters = "".join(axis if axis in "tzyxc" else "1" for axis in stated)
        if len(set(letters.replace("1", ""))) < len(letters.replace("1", "")):
            raise UnsupportedError(f"an axis of {name} stands there twice", remedy="name them anew")
        return letters, []
    axes = _DEFAULT_AXES[dimensions]
    if dimensions in _DEFAULT_AXES_WITH_CHANNELS and dataset.shape[-1] <= _FEW:
        axes = _DEFAULT_AXES_WITH_CHANNELS[dimensions]
    elif dimensions == 5 and dataset.shape[-1] > _FEW >= dataset.shape[1]:
        axes = "tczyx"
    if dimensions == 2 or (dimensions == 3 and "element_size_um" in dataset.attrs):
        return axes, []
    words = {"t": "time", "z": "depth", "c": "channels", "y": "rows", "x": "columns"}
    sizes = " × ".join(map(str, dataset.shape))
    return axes, [
        f"the file does not name the {dimensions} axes ({sizes}) of {name}: they are taken for "
        + ", ".join(words[axis] for axis in axes)
    ]


def _stated_axes(dataset: Any) -> list[str] | None:
    """Names of the axes, from ilastik's tags or from the labels of dimensions; None without."""
    tags = dataset.attrs.get("axistags")
    if tags is not None:
        text = tags.decode("utf-8") if isinstance(tags, bytes) else str(tags)
        try:
            entries = json.loads(text)["axes"]
        except RecursionError as error:
            raise UnreadableError("its axistags are damaged", remedy="export it again") from error
        stated = [str(entry["key"]).lower() for entry in entries]
    else:
        stated = [str(dimension.label).lower() for dimension in dataset.dims]
    return stated if len(stated) == len(dataset.shape) and all(stated) else None


def _spacing(dataset: Any, has_z: bool) -> Spacing:
    """Spacing from ``element_size_um`` (z, y, x), as ImageJ's HDF5 plugin writes it."""
    values = np.ravel(np.asarray(dataset.attrs.get("element_size_um", ())))
    if values.size != 3 or values.dtype.kind not in "uif":
        return Spacing()
    z, y, x = (spacing_or_none(float(value)) for value in values)
    return Spacing(z=z if has_z else None, y=y, x=x)


READER = Reader("HDF5", (".h5", ".hdf5", ".hdf", ".ims"), _recognise, _open, "cellwright[formats]")
"""HDF5 files of Imaris, of ilastik, and plain ones."""
