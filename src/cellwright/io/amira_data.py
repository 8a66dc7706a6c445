"""The data of an AmiraMesh file: where its sections lie, and how they are unpacked."""

from __future__ import annotations

import math
import mmap
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cellwright.core.errors import UnreadableError
from cellwright.core.image import Array
from cellwright.io.amira_header import Field, Header
from cellwright.io.libraries import BoundedFile
from cellwright.io.planar import Place

__all__ = ["COMPONENTS", "KINDS", "FieldPlanes", "find_sections"]

KINDS = {
    "byte": "u1", "ubyte": "u1", "uint8": "u1", "int8": "i1", "short": "i2", "int16": "i2",
    "ushort": "u2", "uint16": "u2", "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4",
    "float": "f4", "double": "f8",
}  # fmt: skip
"""A byte of Amira has no sign."""

COMPONENTS = re.compile(r"(\w{1,40})\[([0-9]{1,6})\]\Z")
"""Several numbers in one place, as in ``float[3]``."""

_BINARY_MARK = re.compile(rb"\s*@([0-9]{1,9})[ \t]*\r?\n")
_TEXT_MARK = re.compile(rb"^[ \t]*+@([0-9]{1,9})[ \t]*+\r?\n", re.MULTILINE)
_NEAR = 64  # bytes within which the mark of a section is looked for
_LITERAL = 128  # added to the length of a run that is stored as it is


@dataclass(frozen=True)
class FieldPlanes:
    """Reads planes of one field; satisfies `cellwright.io.planar.ReadPlanes`.

    Attributes
    ----------
    stored
        Type of the numbers, with their order of bytes.
    shape
        Of the whole field, (z, y, x).
    encoding
        ``HxZip``, ``HxByteRLE``, ``ASCII``, or empty for numbers as they are.
    start, length
        Where in the file they lie, in bytes.
    """

    stored: np.dtype[Any]
    shape: tuple[int, int, int]
    encoding: str
    start: int
    length: int

    def __call__(self, path: Path, places: Sequence[Place]) -> Iterator[tuple[int, Array]]:
        """Map the file, or unpack as far as is needed, and copy the planes out."""
        if not places:
            return
        sections = [place[0] if place else 0 for place in places]
        volume = self._volume(path, 1 + max(sections))
        for number, section in enumerate(sections):
            native = self.stored.newbyteorder("=")
            yield number, np.array(volume[section], dtype=native, order="C", subok=False)

    def _volume(self, path: Path, depth: int) -> Array:
        """The first `depth` planes as stored; packed ones are unpacked from their start."""
        if not self.encoding:
            mapped: Array = np.memmap(path, self.stored, "r", self.start, self.shape)
            return mapped
        with BoundedFile(path) as file:
            file.seek(self.start)
            packed = file.read(self.length)
        shape = (depth, *self.shape[1:])
        count, whole = math.prod(shape), depth == self.shape[0]
        if self.encoding == "ASCII":
            return _numbers(packed, math.prod(self.shape), self.stored)[:count].reshape(shape)
        needed = count * self.stored.itemsize
        if self.encoding == "HxZip":
            # One byte more than is needed is asked for, so that the checksum is looked at.
            unpacked = zlib.decompressobj().decompress(packed, needed + whole)
        else:
            unpacked = _runs(packed, needed)
        if len(unpacked) < needed or (whole and len(unpacked) > needed):
            raise UnreadableError(
                f"a field of {needed} bytes unpacks to {len(unpacked)}",
                remedy="the file is damaged: copy or export it again",
            )
        return np.frombuffer(unpacked, self.stored, count).reshape(shape)


def _runs(packed: bytes, needed: int) -> bytes:
    """Unpack HxByteRLE: a length and the byte to repeat, or a length above 128 and its bytes.

    A length of zero ends it, as Amira writes.
    """
    out, place, end = bytearray(), 0, len(packed)
    while place < end and len(out) < needed and packed[place]:
        length = packed[place]
        if length < _LITERAL:
            out += packed[place + 1 : place + 2] * length
            place += 2
        else:
            length -= _LITERAL
            out += packed[place + 1 : place + 1 + length]
            place += 1 + length
    return bytes(out)  # the last run may go on into planes that nobody asked for


def _numbers(text: bytes, count: int, dtype: np.dtype[Any]) -> Array:
    """Numbers that are written as text; exactly `count`, each fit for `dtype`."""
    found = np.fromstring(text, dtype=np.float64, sep=" ")
    if found.size != count:
        raise UnreadableError(
            f"{found.size} numbers are written where there should be {count}",
            remedy="the file is cut short or damaged: copy or export it again",
        )
    if dtype.kind != "f":
        limits = np.iinfo(dtype)
        fits = (found >= limits.min) & (found <= limits.max) & (found == np.trunc(found))
        if not fits.all():
            raise UnreadableError(
                f"a number is written that is no {dtype.name}", remedy="export the file again"
            )
    return found.astype(dtype)


def _bytes(header: Header, field: Field) -> int | None:
    """Length of the section of a field in a binary file, None if it cannot be told."""
    if field.encoding:
        return field.length
    several = COMPONENTS.match(field.kind)
    kind, components = (several[1], int(several[2])) if several else (field.kind, 1)
    size = header.sizes.get(field.place)
    if size is None or kind not in KINDS:
        return None
    return math.prod(size) * components * np.dtype(KINDS[kind]).itemsize


def find_sections(file: BoundedFile, header: Header) -> dict[int, tuple[int, int]]:
    """Where each section starts and how many bytes it has; only those that are whole."""
    if not header.order:
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
            return _text_sections(text, header)
    lengths: dict[int, int | None] = {}
    for field in header.fields:
        lengths.setdefault(field.section, _bytes(header, field))
    found: dict[int, tuple[int, int]] = {}
    place = header.end
    while place < file.length:
        file.seek(place)
        mark = _BINARY_MARK.match(file.read(_NEAR))
        if mark is None or int(mark[1]) in found:
            break
        length = lengths.get(int(mark[1]))
        if length is None or place + mark.end() + length > file.length:
            break
        found[int(mark[1])] = (place + mark.end(), length)
        place += mark.end() + length
    return found


def _text_sections(text: mmap.mmap, header: Header) -> dict[int, tuple[int, int]]:
    declared = {field.section for field in header.fields}
    marks: dict[int, tuple[int, int]] = {}
    for mark in _TEXT_MARK.finditer(text, header.end):
        if int(mark[1]) in declared:
            marks.setdefault(int(mark[1]), mark.span())
    ends = [*[start for start, _ in marks.values()][1:], len(text)]
    return {
        section: (start, end - start)
        for (section, (_, start)), end in zip(marks.items(), ends, strict=True)
    }
