"""MRC and CCP4 maps (MRC2014, Cheng et al. 2015, J. Struct. Biol. 192:146), also gzipped.

The header is 1,024 bytes of fixed fields, and the voxels follow: what it claims is held against
the length of the file before anything is read (the library mrcfile either refuses what many
programs write, or believes all of it).
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np

from cellwright.core.errors import UnreadableError, UnsupportedError
from cellwright.core.image import Array, Image, Source, Spacing
from cellwright.io.libraries import translated
from cellwright.io.planar import Place, Planes, spacing_or_none, stack_axes
from cellwright.io.reader import Reader

__all__ = ["READER"]

_FILE = "MRC file"
_HEADER = 1024  # bytes
_FIELDS = "4i12x3i3f12x3i12x2i"
"""Of the header: nx ny nz, mode, mx my mz, the cell (Å), mapc mapr maps, ispg, nsymbt."""

_MARK = slice(208, 212)
_STAMP = slice(212, 214)  # machine stamp: how numbers are stored
_MODES = {0: "i1", 1: "i2", 2: "f4", 6: "u2", 12: "f2"}
_REFUSED = {
    3: "complex numbers (mode 3)",
    4: "complex numbers (mode 4)",
    16: "colours (mode 16)",
    101: "packed to 4 bits (mode 101)",
}
_IMOD = (slice(152, 156), slice(156, 160))  # IMOD's own fields: its mark, and its flags
_IMOD_MARK = 1146047817
_UM_PER_ANGSTROM = 1e-4
_MOST = 2**20  # elements along an axis; detectors have some 10,000
_VOLUMES = 400  # a space group from here on is that of a stack of volumes
_GZIP = b"\x1f\x8b"
_MOST_UNPACKED = 1032  # bytes that deflate can make of one (zlib's own bound)
_BLOCK = 2**20


@dataclass(frozen=True)
class _Header:
    """What the header says; `size` is (sections, rows, columns) as stored."""

    size: tuple[int, int, int]
    dtype: np.dtype[Any]
    axes: tuple[int, int, int]
    start: int
    spacing: tuple[float | None, float | None, float | None]
    depth: int
    space_group: int
    marked: bool

    @property
    def length(self) -> int:
        """Bytes that the file must have."""
        return self.start + math.prod(self.size) * self.dtype.itemsize


@dataclass(frozen=True)
class _Sections:
    """Reads planes; satisfies `cellwright.io.planar.ReadPlanes`.

    Attributes
    ----------
    header
        Of the file.
    turn
        Which of the stored (sections, rows, columns) are z, y and x.
    grid
        Lengths of the leading axes.
    """

    header: _Header
    turn: tuple[int, int, int]
    grid: tuple[int, ...]

    def __call__(self, path: Path, places: Sequence[Place]) -> Iterator[tuple[int, Array]]:
        """Map the file, or unpack as far as is needed, and copy the planes out."""
        stored = _stored(path, self.header, places, self.turn, self.grid)
        native = _given(self.header.dtype)
        volume = stored.transpose(self.turn)
        for number, place in enumerate(places):
            section = int(np.ravel_multi_index(place, self.grid)) if self.grid else 0
            yield number, np.array(volume[section], dtype=native, order="C", subok=False)


def _recognise(head: bytes, path: Path) -> bool:
    if head.startswith(_GZIP):
        try:
            with path.open("rb") as file, gzip.GzipFile(fileobj=file) as packed:
                head = packed.read(_HEADER)
        except (OSError, EOFError, ValueError, zlib.error):
            return False
        return len(head) == _HEADER and head[_MARK] == b"MAP "
    if len(head) < _HEADER:
        return False
    if head[_MARK] == b"MAP ":
        return True
    # Files of before 2000 have no mark: all of the header must fit the length of the file.
    header = _parse(head[:_HEADER])
    return header is not None and header.length == path.stat().st_size


def _parse(head: bytes) -> _Header | None:
    """Read the header, None if it makes no sense in either order of bytes."""
    orders = {b"\x44\x44": "<", b"\x44\x41": "<", b"\x11\x11": ">"}.get(head[_STAMP], "<>")
    for order in orders:
        try:
            header = _parse_in(head, order)
        except UnsupportedError:
            if head[_MARK] == b"MAP ":
                raise
            header = None
        if header is not None:
            return header
    return None


def _parse_in(head: bytes, order: str) -> _Header | None:
    numbers = struct.unpack_from(order + _FIELDS, head)
    nx, ny, nz, mode, mx, my, mz, *cell = numbers[:10]
    mapc, mapr, maps, space_group, extended = numbers[10:]
    size, axes = (nz, ny, nx), (maps, mapr, mapc)
    marked = head[_MARK] == b"MAP "
    if axes == (0, 0, 0):  # not set by some programs
        axes = (3, 2, 1)
    if not all(0 < n <= _MOST for n in size) or sorted(axes) != [1, 2, 3] or extended < 0:
        return None
    if mode in _REFUSED:
        raise UnsupportedError(
            f"pixels that are {_REFUSED[mode]} are not read",
            remedy="convert them to whole or floating-point numbers",
        )
    if mode not in _MODES:
        return None
    dtype = np.dtype(order + _MODES[mode])
    imod = np.frombuffer(head[_IMOD[0]] + head[_IMOD[1]], order + "i4")
    if mode == 0 and imod[0] == _IMOD_MARK and not imod[1] & 1:
        dtype = np.dtype("u1")  # IMOD before version 4.3 stored bytes from 0 to 255
    z, y, x = (
        spacing_or_none(length / n * _UM_PER_ANGSTROM) if n > 0 else None
        for length, n in zip(reversed(cell), (mz, my, mx), strict=True)
    )
    return _Header(
        size, dtype, axes, _HEADER + extended,
        (z, y, x), mz, space_group, marked,
    )  # fmt: skip


def _open(path: Path) -> list[Image]:
    with translated(path, _FILE), path.open("rb") as file:
        packed = file.read(len(_GZIP)) == _GZIP
        length = file.seek(0, 2)
        file.seek(0)
        head = _unpacked(file).read(_HEADER) if packed else file.read(_HEADER)
        header = _parse(head) if len(head) == _HEADER else None
        if header is None:
            raise UnreadableError(
                "the header of the MRC file is damaged", remedy="copy or export it again"
            )
        if header.length > (length * _MOST_UNPACKED if packed else length):
            sections, rows, columns = header.size
            raise UnreadableError(
                f"it claims {columns} × {rows} × {sections} voxels, more than the file holds",
                remedy="the file is cut short or damaged: copy it again",
            )
        return [_image(path, header)]


def _image(path: Path, header: _Header) -> Image:
    # axes says for each of (sections, rows, columns) which of x, y, z (1, 2, 3) it is.
    turn = cast("tuple[int, int, int]", tuple(header.axes.index(axis) for axis in (3, 2, 1)))
    depth, height, width = (header.size[i] for i in turn)
    sizes, notes = {"Z": depth, "Y": height, "X": width}, []
    z, y, x = header.spacing
    volumes = depth // header.depth if 0 < header.depth <= depth else 1
    if header.space_group >= _VOLUMES and volumes > 1 and depth % header.depth == 0:
        sizes |= {"T": volumes, "Z": header.depth}
        notes.append(f"its {volumes} volumes are taken for time")
    elif header.space_group == 0 and header.depth == 1 and depth > 1:
        sizes |= {"T": depth, "Z": 1}
        notes.append(
            f"the header calls its {depth} sections pictures of their own, and not a volume: "
            "they are taken for time, so that each is looked at by itself"
        )
    if turn != (0, 1, 2):
        stored = ", ".join("xyz"[axis - 1] for axis in reversed(header.axes))
        notes.append(f"its axes are stored in the order {stored}: they were put into x, y, z")
    angstrom = spacing_or_none(1.0, _UM_PER_ANGSTROM)
    if not header.marked and (z, y, x) == (angstrom, angstrom, angstrom):
        z = y = x = None
        notes.append(
            "its header is of the form of before 2000 and gives one ångström per voxel, which "
            "programs write that know no size: no spacing is taken from it"
        )
    axes, shape = stack_axes(sizes)
    native = _given(header.dtype)
    read = _Sections(header, turn, shape[:-2])
    return Image(
        Planes(path, _FILE, shape, native, read),
        axes,
        spacing=Spacing(z=z if "Z" in axes else None, y=y, x=x),
        source=Source(path=str(path)),
        notes=tuple(notes),
    )


def _given(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The type that planes are given in: halves of floats are too short to compute with."""
    return np.dtype(np.float32) if dtype.str[1:] == "f2" else dtype.newbyteorder("=")


def _unpacked(file: BinaryIO) -> BinaryIO:
    return cast("BinaryIO", gzip.GzipFile(fileobj=file))


def _stored(
    path: Path,
    header: _Header,
    places: Sequence[Place],
    turn: tuple[int, int, int],
    grid: tuple[int, ...],
) -> Array:
    """The volume as stored: mapped, or of a gzipped file unpacked as far as is needed."""
    with path.open("rb") as file:
        if file.read(len(_GZIP)) != _GZIP:
            mapped: Array = np.memmap(path, header.dtype, "r", header.start, header.size)
            return mapped
        file.seek(0)
        packed = _unpacked(file)
        last = header.size[0]
        if turn[0] == 0 and places:  # sections are z: nothing after the last one is needed
            last = 1 + max(int(np.ravel_multi_index(p, grid)) if grid else 0 for p in places)
        section = math.prod(header.size[1:]) * header.dtype.itemsize
        needed = last * section
        left = header.start
        while left:
            skipped = len(packed.read(min(left, _BLOCK)))
            if not skipped:
                break
            left -= skipped
        parts, got = [], 0
        while got < needed and (part := packed.read(min(needed - got, _BLOCK))):
            parts.append(part)
            got += len(part)
    if got < needed:
        raise UnreadableError(
            f"it unpacks to {got} bytes of voxels instead of {needed}",
            remedy="the file is cut short: copy it again",
        )
    flat = np.frombuffer(b"".join(parts), header.dtype)
    return flat.reshape(last, *header.size[1:])


READER = Reader("MRC", (".mrc", ".map", ".rec", ".ccp4", ".st", ".ali"), _recognise, _open)
"""MRC files, CCP4 maps, and either of them gzipped."""
