"""NumPy files: plain arrays, never pickled ones (numpy.lib.format, versions 1 to 3)."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from cellwright.core.errors import UnreadableError, UnsupportedError
from cellwright.core.image import Array, Image, Source
from cellwright.io.reader import Reader

__all__ = ["READER", "StoredArray"]

_MAGIC = b"\x93NUMPY"
_LONGEST_HEADER = 2**16  # bytes: version 1 allows no more, and plain arrays need 128
_KIND = re.compile(r"""['"]descr['"]\s*:\s*['"]([^'"]*)['"]""")
_FORTRAN = re.compile(r"""['"]fortran_order['"]\s*:\s*(True|False)""")
_SHAPE = re.compile(r"""['"]shape['"]\s*:\s*\(([\d\sL,]{0,400})\)""")
_SIZE = re.compile(r"\s*\d{1,18}L?\s*")
_NUMBERS = re.compile(r"[|<>=]?(?:b1|[iu][1248]|f[248])")
_COLOURS = {3, 4}  # samples of a colour picture: red, green, blue, and perhaps opacity


@dataclass(frozen=True)
class StoredArray:
    """An array in a NumPy file, of which only what is indexed gets read.

    Satisfies `cellwright.core.image.LazyArray`.
    """

    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    offset: int
    fortran: bool

    def __getitem__(self, index: tuple[int | slice, ...], /) -> Array:
        """Map the file, and copy the part asked for out of it."""
        try:
            stored: Array = np.memmap(
                self.path,
                self.dtype,
                "r",
                offset=self.offset,
                shape=self.shape,
                order="F" if self.fortran else "C",
            )
        except (OSError, ValueError) as error:
            raise _broken(self.path, f"the array cannot be read any more ({error})") from error
        native = self.dtype.newbyteorder("=")
        return np.array(stored[index], dtype=native, order="C", copy=True, subok=False)


def _recognise(head: bytes, path: Path) -> bool:  # noqa: ARG001
    return head.startswith(_MAGIC)


def _broken(path: Path, what: str) -> UnreadableError:
    return UnreadableError(what, where=str(path), remedy="save the array again")


def _read_header(path: Path, file: BinaryIO) -> tuple[str, bool, tuple[int, ...]]:
    """Give type, order and shape; the header is Python's text of a dict, but never evaluated."""
    head = file.read(len(_MAGIC) + 2)
    size = {1: 2, 2: 4, 3: 4}.get(head[-2] if len(head) == len(_MAGIC) + 2 else 0)
    if size is None:
        raise _broken(path, "the header of the NumPy file is damaged")
    length = int.from_bytes(file.read(size), "little")
    raw = file.read(length) if length <= _LONGEST_HEADER else b""
    text = raw.decode("latin-1")
    kind, fortran, shape = _KIND.search(text), _FORTRAN.search(text), _SHAPE.search(text)
    if fortran is None or shape is None or len(raw) < length:
        raise _broken(path, "the header of the NumPy file is damaged")
    parts = [part for part in shape[1].split(",") if part.strip()]
    if not all(_SIZE.fullmatch(part) for part in parts):
        raise _broken(path, "the header of the NumPy file is damaged")
    sizes = tuple(int(part.strip().rstrip("L")) for part in parts)  # L: Python 2 wrote it
    return kind[1] if kind else "", fortran[1] == "True", sizes


def _open(path: Path) -> list[Image]:
    with path.open("rb") as file:
        name, fortran, shape = _read_header(path, file)
        offset = file.tell()
        length = file.seek(0, 2)
    if name.lstrip("|<>=") == "O":
        raise UnsupportedError(
            "a NumPy file with pickled objects, which could run code, is never loaded",
            where=str(path),
            remedy="save a plain array of numbers",
        )
    if not _NUMBERS.fullmatch(name):
        raise UnsupportedError(
            f"pixels of type {name or 'several fields'} are not intensities",
            where=str(path),
            remedy="save whole or floating-point numbers of at most 64 bits",
        )
    kind = np.dtype(name)
    if any(size < 1 for size in shape):
        raise _broken(path, f"the array has no pixels (shape {shape})")
    if offset + math.prod(shape) * kind.itemsize > length:
        raise _broken(path, f"the header claims an array of {shape}, more than the file holds")
    return [_name_axes(path, StoredArray(path, shape, kind, offset, fortran))]


def _name_axes(path: Path, data: StoredArray) -> Image:
    """An array has no names for its axes: only what a person would take it for is read."""
    source = Source(path=str(path))
    pixels: Array | StoredArray = data
    if data.dtype.kind == "b" or not data.dtype.isnative:
        pixels = data[(slice(None),) * len(data.shape)]
        pixels = pixels.astype(np.uint8) if pixels.dtype.kind == "b" else pixels
    if len(data.shape) == 2:
        return Image(pixels, "YX", source=source)
    if len(data.shape) == 3:
        if data.shape[2] in _COLOURS and data.dtype in (np.uint8, np.uint16):
            colour = np.ascontiguousarray(data[:, :, :3])
            note = "" if data.shape[2] == 3 else "its fourth sample was taken for opacity"
            return Image(colour, "YXS", source=source, notes=(note,) if note else ())
        note = (
            f"the file does not name its axes: the first, of {data.shape[0]}, is taken for time, "
            "so that each plane is looked at by itself"
        )
        return Image(pixels, "TYX", source=source, notes=(note,))
    raise UnsupportedError(
        f"an array of {len(data.shape)} axes without names",
        where=str(path),
        remedy="save it as OME-TIFF, with its axes named",
    )


READER = Reader("NumPy", (".npy",), _recognise, _open)
"""NumPy files."""
