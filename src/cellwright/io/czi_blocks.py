"""The blocks of a Zeiss CZI file: where each piece of a plane lies, what it is a piece of.

A file is a row of segments (ZISRAW, Zeiss' "CZI file format", DS_ZISRAW-FileFormat 1.2): one
lists all blocks of pixels with their places along every dimension, one holds the metadata,
some are attached (the times at which planes were taken). The list is read here, and not by
the library czifile, whose version for Python 3.11 shares neither names nor decoders with the
newer ones, and of which none holds the claims of a list against the length of its file.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from cellwright.core.errors import UnreadableError, UnsupportedError

__all__ = ["MAGIC", "Block", "Contents", "PixelType", "read_contents", "read_data_place"]

MAGIC = b"ZISRAWFILE"
_SEGMENT = struct.Struct("<16sqq")  # name, bytes set aside, bytes used
_POSITIONS = struct.Struct("<qqiq")  # of the list, the metadata, (a flag), the attachments
_POSITIONS_AT = 84  # in the file: 32 bytes of segment, 52 of versions and identities
_ENTRY = struct.Struct("<2siqii6si")  # schema, type, place, part, compression, (…), dimensions
_DIMENSION = struct.Struct("<4siifi")  # name, start, size, (start as a float), stored size
_LIST_HEAD = 128  # bytes before the entries of the list
_METADATA_HEAD = 256  # bytes before the XML
_ATTACHMENTS_HEAD = 256  # bytes before the entries of the list of attachments
_ATTACHMENT = 128  # bytes of each of them
_ATTACHMENT_NAME = slice(48, 128)
_BLOCK_HEAD = struct.Struct("<iiq")  # bytes of metadata, of attachment, of pixels
_LEAST_HEAD = 256  # bytes before the metadata of a block, at least
_MOST_DIMENSIONS = 40
_LONGEST = 2**31  # bytes of metadata that are believable: some slides have 100 MB


@dataclass(frozen=True)
class PixelType:
    """How a pixel is stored: its type, its samples (3 and 4 in the order blue, green, red)."""

    dtype: str
    samples: int


PIXEL_TYPES = {
    0: PixelType("<u1", 1),
    1: PixelType("<u2", 1),
    2: PixelType("<f4", 1),
    3: PixelType("<u1", 3),
    4: PixelType("<u2", 3),
    8: PixelType("<f4", 3),
    9: PixelType("<u1", 4),
    12: PixelType("<i4", 1),
    13: PixelType("<f8", 1),
}
_COMPLEX = {10, 11}


@dataclass(frozen=True)
class Block:
    """A rectangle of pixels.

    Attributes
    ----------
    at
        Its place along every dimension but X and Y, by the dimension's letter.
    y, x, height, width
        Its place in the plane, in pixels, which may be below 0, and its size.
    place
        Byte of the file at which its segment begins.
    kind
        How its pixels are stored.
    compression
        Number of the compression, 0 for none.
    """

    at: dict[str, int]
    y: int
    x: int
    height: int
    width: int
    place: int
    kind: PixelType
    compression: int


@dataclass(frozen=True)
class Contents:
    """What a file holds: blocks at full resolution, its metadata, seconds of the time points."""

    blocks: tuple[Block, ...]
    xml: str
    times: npt.NDArray[np.float64]


def _broken(what: str) -> UnreadableError:
    return UnreadableError(what, remedy="copy or export it again")


def _segment(file: BinaryIO, place: int, name: bytes, length: int) -> int:
    """Go to the data of the segment at `place`; give how many bytes the file has from there."""
    if not 0 < place <= length - _SEGMENT.size:
        raise _broken(f"the part {name.decode()} of the CZI file lies beyond its end")
    file.seek(place)
    found, _, _ = _SEGMENT.unpack(file.read(_SEGMENT.size))
    if found.rstrip(b"\0") != name:
        raise _broken(f"the part {name.decode()} of the CZI file is not where it should be")
    return length - place - _SEGMENT.size


def read_contents(file: BinaryIO, length: int) -> Contents:
    """Read the list of blocks, the metadata and the times.

    Raises
    ------
    UnreadableError
        If the file is cut short, was never finished, or claims more than it holds.
    UnsupportedError
        If its pixels are spread over several files, or complex numbers.
    struct.error
        If a part of it is cut short.
    """
    file.seek(_POSITIONS_AT)
    listed, described, _, attached = _POSITIONS.unpack(file.read(_POSITIONS.size))
    if listed == 0:
        raise _broken("the CZI file has no list of its blocks: it was never finished")
    left = _segment(file, listed, b"ZISRAWDIRECTORY", length)
    (count,) = struct.unpack("<i", file.read(4))
    if not 0 < count <= left // _ENTRY.size:
        raise _broken(f"the CZI file claims {count} blocks, more than it can list")
    file.seek(_LIST_HEAD - 4, 1)
    blocks = []
    for _ in range(count):
        block = _entry(file, length)
        if block is not None:
            blocks.append(block)
    xml = ""
    if described:
        left = _segment(file, described, b"ZISRAWMETADATA", length)
        (size,) = struct.unpack("<i", file.read(4))
        if not 0 <= size <= min(left - _METADATA_HEAD, _LONGEST):
            raise _broken(f"the CZI file claims {size} bytes of metadata, more than it holds")
        file.seek(_METADATA_HEAD - 4, 1)
        xml = file.read(size).decode("utf-8", "replace").rstrip("\0")
    return Contents(tuple(blocks), xml, _times(file, attached, length))


def _entry(file: BinaryIO, length: int) -> Block | None:
    """One line of the list; None for a smaller copy (a level of a pyramid)."""
    schema, kind, place, part, compression, _, count = _ENTRY.unpack(file.read(_ENTRY.size))
    if schema != b"DV":
        raise _broken(f"a block of the CZI file is listed as {schema!r}, which is not known")
    if not 0 < count <= _MOST_DIMENSIONS:
        raise _broken(f"a block of the CZI file has {count} dimensions")
    raw = file.read(_DIMENSION.size * count)
    at: dict[str, int] = {}
    plane: dict[str, tuple[int, int, int]] = {}
    for name, start, size, _, stored in _DIMENSION.iter_unpack(raw):
        letter = name.rstrip(b"\0 ").decode("ascii")
        if letter in {"X", "Y"}:
            plane[letter] = (start, size, stored or size)
        elif size > 1:
            raise UnsupportedError(
                f"a block of {size} positions along {letter} is not read",
                remedy="export it as OME-TIFF",
            )
        else:
            at[letter] = start
    if set(plane) != {"X", "Y"}:
        raise _broken("a block of the CZI file has no rows or no columns")
    (y, height, rows), (x, width, columns) = plane["Y"], plane["X"]
    if min(height, width, rows, columns) < 1:
        raise _broken(f"a block of the CZI file has no pixels ({width} × {height})")
    if (rows, columns) != (height, width):
        return None
    if part != 0:
        raise UnsupportedError(
            "the pixels are spread over several CZI files",
            remedy="save them into one with ZEN, or export it as OME-TIFF",
        )
    if kind not in PIXEL_TYPES:
        what = "complex numbers" if kind in _COMPLEX else f"of a kind that is not known ({kind})"
        raise UnsupportedError(f"the pixels are {what}", remedy="export it as OME-TIFF")
    stored = PIXEL_TYPES[kind]
    bytes_ = height * width * stored.samples * np.dtype(stored.dtype).itemsize
    least = _SEGMENT.size + _LEAST_HEAD + (bytes_ if compression == 0 else 0)
    if not 0 < place <= length - least:
        raise _broken(f"a block of {width} × {height} pixels lies beyond the end of the file")
    return Block(at, y, x, height, width, place, stored, compression)


def read_data_place(file: BinaryIO, place: int, length: int) -> tuple[int, int]:
    """Where the pixels of the block at `place` begin, and how many bytes they are.

    Raises
    ------
    UnreadableError
        If they reach beyond the end of the file.
    """
    _segment(file, place, b"ZISRAWSUBBLOCK", length)
    metadata, _, size = _BLOCK_HEAD.unpack(file.read(_BLOCK_HEAD.size))
    *_, count = _ENTRY.unpack(file.read(_ENTRY.size))
    head = max(_LEAST_HEAD, _BLOCK_HEAD.size + _ENTRY.size + _DIMENSION.size * count)
    start = place + _SEGMENT.size + head + metadata
    if min(metadata, size, count) < 0 or start + size > length:
        raise _broken("a block of pixels reaches beyond the end of the file")
    return start, size


def _times(file: BinaryIO, attached: int, length: int) -> npt.NDArray[np.float64]:
    """Seconds at which the time points were taken; empty where the file does not say.

    They are of use, but not needed: a list that is damaged is passed over.
    """
    none: npt.NDArray[np.float64] = np.zeros(0)
    if not 0 < attached <= length - _SEGMENT.size:
        return none
    file.seek(attached + _SEGMENT.size)
    head = file.read(_ATTACHMENTS_HEAD)
    count = int.from_bytes(head[:4], "little")
    if len(head) < _ATTACHMENTS_HEAD or count * _ATTACHMENT > length - file.tell():
        return none
    for entry in [file.read(_ATTACHMENT) for _ in range(count)]:
        name = entry[_ATTACHMENT_NAME].split(b"\0")[0]
        place = int.from_bytes(entry[12:20], "little")
        if name == b"TimeStamps" and place <= length - _SEGMENT.size:
            file.seek(place + _SEGMENT.size + _ATTACHMENTS_HEAD + 4)
            number = int.from_bytes(file.read(4), "little")
            if 0 < number <= (length - file.tell()) // 8:
                return np.frombuffer(file.read(8 * number), "<f8")
    return none
