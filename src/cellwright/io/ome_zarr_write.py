"""OME-Zarr written: label images block by block, pictures whole; each with its pyramid.

Zarr and OME-NGFF 0.4 and 0.5. Nothing of the machine or the time is in the bytes, and never
more than a few blocks of 1,024 by 1,024 pixels are in memory.
"""

from __future__ import annotations

import itertools
import json
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import numpy as np

from cellwright.core.errors import RunError, UsageError
from cellwright.core.image import Array, Image, Spacing, check_axes

__all__ = ["LabelsZarrWriter", "write_image_zarr", "write_labels_zarr"]

Version = Literal["0.4", "0.5"]
"""Versions of OME-NGFF that are written: 0.4 on Zarr 2, 0.5 on Zarr 3."""

CHUNK = 1024
"""Side of a chunk in pixels: 4 MiB of labels, and what viewers like."""

_COARSEST = 1024  # the pyramid ends where the longer side is no longer than this
_STEP = 2  # from each level to the next
_HALF = CHUNK // _STEP  # side of what a chunk becomes in the next level
_ZSTD_LEVEL = 3  # zstd's own default
_NAMES = {"T": "time", "C": "channel", "Z": "space", "Y": "space", "X": "space"}
_SHOWN = "FFFFFF"  # colour of a channel, which the standard demands: white
_UNKNOWN = Spacing()

Index = tuple[int | slice, ...]
Coarsen = Callable[[Array], Array]


class LabelsZarrWriter:
    """Writes a label image, as an OME-Zarr of its own, from blocks in any order.

    Use it as a context, and call `finish` in it. Without that, what lies at `path` is no
    OME-Zarr yet. What is never written is background.

    Parameters
    ----------
    path
        A folder that is not there yet. The caller moves it to where it belongs when it is
        finished.
    shape
        Of the label image, one length for each of `axes`.
    axes
        A part of ``TZYX``, in this order.
    spacing, interval
        As of the picture: micrometres a pixel, seconds a frame.
    name
        Of the objects: ``nucleus``, ``cell``, …
    version
        Of OME-NGFF.
    source
        Relative path from here to the OME-Zarr of the picture, if it is one.

    Raises
    ------
    UsageError
        If the axes do not fit the shape.
    FileExistsError
        If there is something at `path`.

    Examples
    --------
    >>> import tempfile
    >>> from cellwright.io.label_image import decode_labels
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "cells.zarr")
    ...     with LabelsZarrWriter(path, (20, 30), spacing=Spacing(y=0.5, x=0.5)) as writer:
    ...         writer.write(10, 20, np.full((4, 5), 7, dtype=np.uint32))
    ...         writer.finish()
    ...     labels = decode_labels(path)
    ...     labels.count, labels.spacing.x, int(labels.pixels()[10, 20])
    (1, 0.5, 7)
    """

    def __init__(
        self,
        path: Path,
        shape: Sequence[int],
        axes: str = "YX",
        spacing: Spacing = _UNKNOWN,
        interval: float | None = None,
        *,
        name: str = "cell",
        version: Version = "0.5",
        source: str = "",
    ) -> None:
        check_axes(axes, len(shape))
        if set(axes) - set("TZYX"):
            raise UsageError(f"labels cannot have the axes {axes!r}")
        self.path, self.shape, self.axes = path, tuple(int(n) for n in shape), axes
        self._spacing, self._interval, self._name = spacing, interval, name
        self._version, self._source = _checked_version(version), source
        path.mkdir(parents=True)
        self._array = _create_level(path / "0", self.shape, axes, np.dtype(np.uint32), version)

    def __enter__(self) -> LabelsZarrWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing is open between two writes."""

    def write(self, top: int, left: int, block: Array, index: Sequence[int] = ()) -> None:
        """Write a block of labels.

        Parameters
        ----------
        top, left
            Row and column of its first pixel.
        block
            Whole numbers from 0 to 4,294,967,295, (Y, X). Blocks that begin and end at
            multiples of 1,024 are written without being read again.
        index
            Frame and plane, for the axes before Y and X.

        Raises
        ------
        UsageError
            If the block does not lie within the label image.
        """
        height, width = self.shape[-2:]
        inside = 0 <= top <= height - block.shape[0] and 0 <= left <= width - block.shape[1]
        before = self.shape[:-2]
        if not inside or len(index) != len(before) or block.ndim != 2:
            raise UsageError(
                f"a block of {block.shape} at ({top}, {left}) of {tuple(index)} does not lie "
                f"within labels of {self.shape}"
            )
        if any(not 0 <= i < n for i, n in zip(index, before, strict=True)):
            raise UsageError(f"there is no plane {tuple(index)} in labels of {self.shape}")
        bottom, right = top + block.shape[0], left + block.shape[1]
        where = (*index, slice(top, bottom), slice(left, right))
        self._array[where] = np.ascontiguousarray(block, dtype=np.uint32)

    def finish(self) -> None:
        """Write what was left out as background, then the pyramid and the metadata; check all.

        Raises
        ------
        RunError
            If what was written is not valid.
        """
        _fill(self.path, self._array, self._version)
        levels = _write_pyramid(self.path, self._array, self.axes, self._version, _nearest)
        label: dict[str, Any] = {"version": self._version}
        if self._source:
            label["source"] = {"image": self._source}
        multiscale = _multiscale(self._name, self.axes, levels, self._spacing, self._interval)
        multiscale["type"] = "nearest"
        found = {"multiscales": [multiscale], "image-label": label}
        _write_group(self.path, found, self._version)
        _validate(self.path)


def write_labels_zarr(
    path: Path,
    data: Array,
    axes: str = "YX",
    spacing: Spacing = _UNKNOWN,
    interval: float | None = None,
    *,
    name: str = "cell",
    version: Version = "0.5",
) -> None:
    """Write a label image that is in memory as an OME-Zarr.

    Parameters
    ----------
    path
        A folder that is not there yet.
    data
        Whole numbers from 0 to 4,294,967,295, one dimension for each of `axes`.
    axes, spacing, interval, name, version
        As of `LabelsZarrWriter`.

    Raises
    ------
    UsageError
        If the axes do not fit the data.
    FileExistsError
        If there is something at `path`.
    """
    with LabelsZarrWriter(
        path, data.shape, axes, spacing, interval, name=name, version=version
    ) as writer:
        for index, top, left in _blocks(data.shape, CHUNK):
            where: Index = (*index, slice(top, top + CHUNK), slice(left, left + CHUNK))
            part = np.asarray(data[where])
            writer.write(top, left, part, index)
        writer.finish()


def write_image_zarr(path: Path | str, image: Image, version: Version = "0.5") -> None:
    """Write a picture as an OME-Zarr, with a pyramid of means.

    Parameters
    ----------
    path
        A folder that is not there yet, by custom named ``….ome.zarr``.
    image
        Any picture; samples of colour become channels. It is read block by block.
    version
        Of OME-NGFF: ``"0.4"`` (Zarr 2) or ``"0.5"`` (Zarr 3).

    Raises
    ------
    UsageError
        If the picture has both channels and samples of colour, or the version is unknown.
    FileExistsError
        If there is something at `path`.
    RunError
        If what was written is not valid.

    Examples
    --------
    >>> import tempfile
    >>> from cellwright.io.ome_zarr import READER
    >>> picture = Image(np.zeros((2, 8, 9), np.uint16), "CYX", channels=("DAPI", "GFP"))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_image_zarr(Path(folder, "p.ome.zarr"), picture, "0.4")
    ...     [back] = READER.open(Path(folder, "p.ome.zarr"))
    ...     back.axes, back.channels, back.spacing.x
    ('CYX', ('DAPI', 'GFP'), None)
    """
    path = Path(path)
    version = _checked_version(version)
    axes, shape, names = image.axes, image.shape, image.channels
    colours = image.is_colour
    if colours:
        if "C" in axes:
            raise UsageError("a picture with channels and colours cannot be an OME-Zarr")
        place = axes.index("Y") if "Z" not in axes else axes.index("Z")
        shape = (*shape[:place], shape[-1], *shape[place:-1])
        axes = axes[:place] + "C" + axes[place:-1]
        names = ("Red", "Green", "Blue") if shape[place] == 3 else ()
    dtype = image.dtype.newbyteorder("=")
    dtype = np.dtype(np.uint8) if dtype.kind == "b" else dtype
    if dtype.kind not in "uif":
        raise UsageError(f"pixels of the type {dtype} cannot be an OME-Zarr")
    path.mkdir(parents=True)
    array = _create_level(path / "0", shape, axes, dtype, version)
    for index, top, left in _blocks(shape, CHUNK):
        window = (slice(top, top + CHUNK), slice(left, left + CHUNK))
        if colours:
            at = axes.index("C")
            where: Index = (*index[:at], *index[at + 1 :], *window, index[at])
        else:
            where = (*index, *window)
        part = np.asarray(image.data[where])
        array[(*index, *window)] = part.astype(dtype, copy=False)
    levels = _write_pyramid(path, array, axes, version, _mean)
    title = path.name.removesuffix(".zarr").removesuffix(".ome")
    multiscale = _multiscale(title, axes, levels, image.spacing, image.interval)
    multiscale["type"] = "mean"
    found: dict[str, Any] = {"multiscales": [multiscale]}
    if names and names != tuple(str(number) for number in range(len(names))):
        found["omero"] = {"channels": _shown_channels(names, dtype, image.bits)}
    _write_group(path, found, version)
    _validate(path)


def _checked_version(version: Version) -> Version:
    if version not in {"0.4", "0.5"}:
        raise UsageError(f"OME-Zarr {version!r} is not written", remedy="choose 0.4 or 0.5")
    return version


def _create_level(
    place: Path, shape: Sequence[int], axes: str, dtype: np.dtype[Any], version: Version
) -> Any:
    """Create the array of one level, all of whose chunks are written, empty ones too."""
    import zarr
    from zarr.codecs import ZstdCodec
    from zarr.storage import LocalStore

    chunks = tuple(
        min(length, CHUNK) if axis in "YX" else 1 for axis, length in zip(axes, shape, strict=True)
    )
    options: dict[str, Any] = {
        "zarr_format": 3,
        "compressors": ZstdCodec(level=_ZSTD_LEVEL),
        "dimension_names": [axis.lower() for axis in axes],
    }
    if version == "0.4":
        options = {
            "zarr_format": 2,
            "compressors": {"id": "zstd", "level": _ZSTD_LEVEL},
            "chunk_key_encoding": {"name": "v2", "separator": "/"},
        }
    return zarr.create_array(
        store=LocalStore(place),
        shape=tuple(shape),
        chunks=chunks,
        dtype=dtype,
        fill_value=0,
        config={"write_empty_chunks": True},
        **options,
    )


def _blocks(shape: Sequence[int], side: int) -> Iterator[tuple[tuple[int, ...], int, int]]:
    """Each plane's index, with the first row and column of each block of it."""
    height, width = shape[-2:]
    for index in itertools.product(*(range(n) for n in shape[:-2])):
        for top in range(0, height, side):
            for left in range(0, width, side):
                yield index, top, left


def _fill(path: Path, array: Any, version: Version) -> None:
    """Write the chunks that are not there as background, so that none can be called lost."""
    folder = path / "0" / "c" if version == "0.5" else path / "0"
    height, width = (min(CHUNK, n) for n in array.shape[-2:])
    for index, top, left in _blocks(array.shape, CHUNK):
        name = "/".join(map(str, (*index, top // height, left // width)))
        if not (folder / name).exists():
            where = (*index, slice(top, top + CHUNK), slice(left, left + CHUNK))
            array[where] = 0


def _nearest(block: Array) -> Array:
    return block[::_STEP, ::_STEP]


def _mean(block: Array) -> Array:
    """Means of 2 by 2 pixels; at an odd edge of those that are there."""
    even = np.pad(block, [(0, n % _STEP) for n in block.shape], mode="edge")
    rows, columns = (n // _STEP for n in even.shape)
    means = even.reshape(rows, _STEP, columns, _STEP).mean(axis=(1, 3), dtype=np.float64)
    if block.dtype.kind in "ui":
        bounds = np.iinfo(block.dtype)
        means = np.clip(np.rint(means), bounds.min, bounds.max)
    averaged: Array = means.astype(block.dtype)
    return averaged


def _write_pyramid(path: Path, finest: Any, axes: str, version: Version, coarsen: Coarsen) -> int:
    """Write all coarser levels, each from the one before; gives the number of levels."""
    level, number = finest, 1
    while max(level.shape[-2:]) > _COARSEST:
        height, width = (math.ceil(n / _STEP) for n in level.shape[-2:])
        shape = (*level.shape[:-2], height, width)
        coarser = _create_level(path / str(number), shape, axes, np.dtype(level.dtype), version)
        for index, top, left in _blocks(shape, CHUNK):
            block = np.empty(
                (min(CHUNK, height - top), min(CHUNK, width - left)), dtype=level.dtype
            )
            for row, column in itertools.product(range(0, CHUNK, _HALF), repeat=2):
                begin = (_STEP * (top + row), _STEP * (left + column))
                if begin[0] < level.shape[-2] and begin[1] < level.shape[-1]:
                    fine = tuple(slice(n, n + CHUNK) for n in begin)
                    part = coarsen(np.asarray(level[(*index, *fine)]))
                    rows, columns = part.shape
                    block[row : row + rows, column : column + columns] = part
            where = (*index, slice(top, top + CHUNK), slice(left, left + CHUNK))
            coarser[where] = block
        level, number = coarser, number + 1
    return number


def _multiscale(
    name: str,
    axes: str,
    levels: int,
    spacing: Spacing,
    interval: float | None,
) -> dict[str, Any]:
    """Describe a pyramid: axes with units where they are known, and the scale of each level."""
    steps = {"T": interval, "Z": spacing.z, "Y": spacing.y, "X": spacing.x}
    listed = []
    for axis in axes:
        described = {"name": axis.lower(), "type": _NAMES[axis]}
        if steps.get(axis) is not None:
            described["unit"] = "second" if axis == "T" else "micrometer"
        listed.append(described)
    datasets = []
    for level in range(levels):
        scale = [
            (steps.get(axis) or 1.0) * (float(_STEP**level) if axis in "YX" else 1.0)
            for axis in axes
        ]
        datasets.append(
            {
                "path": str(level),
                "coordinateTransformations": [{"type": "scale", "scale": scale}],
            }
        )
    return {"name": name, "axes": listed, "datasets": datasets}


def _shown_channels(
    names: Sequence[str], dtype: np.dtype[Any], bits: int | None
) -> list[dict[str, Any]]:
    """Describe channels as the standard's block ``omero`` demands, with their names."""
    if dtype.kind == "f":
        low, high = 0.0, 1.0
    else:
        low = float(np.iinfo(dtype).min)
        high = float(2**bits - 1 if bits else np.iinfo(dtype).max)
    window = {"min": low, "start": low, "end": high, "max": high}
    return [{"label": name, "color": _SHOWN, "active": True, "window": window} for name in names]


def _write_group(path: Path, found: dict[str, Any], version: Version) -> None:
    """Write the metadata of the group, last of all: without them it is no OME-Zarr."""
    if version == "0.5":
        ome = {"version": version, **found}
        whole = {"zarr_format": 3, "node_type": "group", "attributes": {"ome": ome}}
        _write_json(path / "zarr.json", whole)
    else:
        for multiscale in found["multiscales"]:
            multiscale["version"] = version
        _write_json(path / ".zgroup", {"zarr_format": 2})
        _write_json(path / ".zattrs", found)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _validate(path: Path) -> None:
    """Hold what was written against the standard."""
    import yaozarrs

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what the standard only advises: units, above all
            yaozarrs.validate_zarr_store(str(path))
    except (ValueError, OSError, KeyError) as error:
        raise RunError(
            f"the OME-Zarr that was written is not valid ({error})", where=str(path)
        ) from error
