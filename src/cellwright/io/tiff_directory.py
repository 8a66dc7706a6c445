"""The directories of a TIFF file, read strictly: nothing in them is believed unchecked.

TIFF 6.0 (Adobe, 1992) and BigTIFF. Only structure is read here: what pages there are, how
their pixels are stored, and whether the file can hold them. The chain of directories may
not run in a circle, a value may not lie beyond the end of the file, and a page may not claim
more pixels than its compressed bytes can become.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from cellwright.core.errors import UnreadableError, UnsupportedError

__all__ = [
    "Directory",
    "Structure",
    "TiffHeader",
    "check_blocks",
    "read_directories",
    "read_directory",
    "read_header",
]

# The tags that are used, by their numbers in TIFF 6.0 and its registered extensions.
SUBFILE, WIDTH, LENGTH, BITS, COMPRESSION, PHOTOMETRIC = 254, 256, 257, 258, 259, 262
FILL_ORDER, DESCRIPTION, STRIP_OFFSETS, ORIENTATION, SAMPLES = 266, 270, 273, 274, 277
ROWS, STRIP_COUNTS, X_RESOLUTION, Y_RESOLUTION, PLANAR = 278, 279, 282, 283, 284
RESOLUTION_UNIT, PREDICTOR, COLOUR_MAP = 296, 317, 320
TILE_WIDTH, TILE_LENGTH, TILE_OFFSETS, TILE_COUNTS = 322, 323, 324, 325
EXTRA_SAMPLES, SAMPLE_FORMAT, JPEG_TABLES, IMAGE_DEPTH = 338, 339, 347, 32997
IMAGEJ_COUNTS, IMAGEJ_METADATA, LSM_INFO, STK_PLANES = 50838, 50839, 34412, 33629
_USED = {
    SUBFILE, WIDTH, LENGTH, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER, DESCRIPTION,
    STRIP_OFFSETS, ORIENTATION, SAMPLES, ROWS, STRIP_COUNTS, X_RESOLUTION, Y_RESOLUTION, PLANAR,
    RESOLUTION_UNIT, PREDICTOR, COLOUR_MAP, TILE_WIDTH, TILE_LENGTH, TILE_OFFSETS, TILE_COUNTS,
    EXTRA_SAMPLES, SAMPLE_FORMAT, JPEG_TABLES, IMAGE_DEPTH, IMAGEJ_COUNTS, IMAGEJ_METADATA,
    LSM_INFO, STK_PLANES,
}  # fmt: skip

# Kinds of values: struct letters by the number of the type.
_TYPES = {
    1: "B", 2: "B", 3: "H", 4: "I", 5: "2I", 6: "b", 7: "B", 8: "h", 9: "i", 10: "2i",
    11: "f", 12: "d", 13: "I", 16: "Q", 17: "q", 18: "Q",
}  # fmt: skip
_MOST_PAGES = 1_000_000  # a movie of ten days with a picture every second
_MOST_TAGS = 4096  # in one directory; real ones have 10 to 60
_LSM_BITS = {8, 12, 16, 32}  # of a sample in LSM files
_MOST_SAMPLES = 256  # per pixel; spectral detectors have 32

# How many bytes one compressed byte can become at most, by the number of the compression.
_RATIO = {
    1: 1,  # none
    5: 2048,  # LZW: a code of 12 bits stands for at most 4096 - 258 bytes
    8: 1032,  # deflate: 258 bytes in 2 bits
    32946: 1032,  # deflate, older number
    32773: 64,  # PackBits: 128 bytes from 2
    7: 64 * 8 * 16,  # JPEG: one bit a block, colours shared by at most 4 × 4 pixels
    34892: 64 * 8 * 16,
    33007: 64 * 8 * 16,
    34925: 16384,  # LZMA: 273 bytes of a repeated match in a fraction of a bit, 7000 in practice
    34933: 1032,  # PNG: deflate
    50000: 2**17,  # zstd: a block of 128 KiB from 4 bytes, with room for frames
}
# Others (JPEG 2000, WebP, LERC, fax, …) have no useful limit: one block may be this large.
_LARGEST_BLOCK = 2**28  # bytes: a WebP picture can be no larger, tiles are far smaller
COMPRESSIONS = {
    1: "none", 2: "CCITT RLE", 3: "CCITT T.4", 4: "CCITT T.6", 5: "LZW", 7: "JPEG", 8: "deflate",
    32773: "PackBits", 32946: "deflate", 33003: "JPEG 2000", 33004: "JPEG 2000",
    33005: "JPEG 2000", 34712: "JPEG 2000", 34887: "LERC", 34925: "LZMA", 34933: "PNG",
    34934: "JPEG XR", 22610: "JPEG XR", 50000: "zstd", 50001: "WebP", 50002: "JPEG XL",
    52546: "JPEG XL",
}  # fmt: skip
"""Compressions that are decoded, by their number."""


@dataclass(frozen=True)
class TiffHeader:
    """Byte order (``<`` or ``>``), whether it is BigTIFF, and where the first directory is."""

    order: str
    big: bool
    first: int
    length: int


@dataclass(frozen=True)
class Structure:
    """How the pixels of a page are stored; pages of one series share it."""

    width: int
    length: int
    samples: int
    bits: int
    sample_format: int
    photometric: int
    compression: int
    predictor: int
    planar: int
    fill_order: int
    tile: tuple[int, int] | None
    rows: int
    extra: tuple[int, ...]
    orientation: int

    @property
    def block(self) -> tuple[int, int]:
        """Rows and columns of one strip or tile."""
        return self.tile or (self.rows, self.width)

    @property
    def grid(self) -> tuple[int, int, int]:
        """Number of planes of samples, and of strips or tiles down and across."""
        rows, columns = self.block
        planes = self.samples if self.planar == 2 else 1
        return planes, math.ceil(self.length / rows), math.ceil(self.width / columns)

    @property
    def block_bytes(self) -> int:
        """Bytes that one whole strip or tile takes when decoded, packed as in the file."""
        rows, columns = self.block
        samples = 1 if self.planar == 2 else self.samples
        return rows * math.ceil(columns * samples * self.bits / 8)


@dataclass(frozen=True, eq=False)
class Directory:
    """One page.

    Attributes
    ----------
    offset
        Where it stands in the file.
    structure
        How its pixels are stored.
    offsets, counts
        Where each strip or tile is, and its compressed bytes.
    tags
        The values of all other tags that are used.
    """

    offset: int
    structure: Structure
    offsets: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]
    tags: Mapping[int, tuple[float, ...] | bytes]

    def text(self, tag: int) -> str:
        """Text of a tag, empty without it."""
        value = self.tags.get(tag, b"")
        raw = value if isinstance(value, bytes) else b""
        raw = raw.rstrip(b"\0")
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            return raw.decode("cp1252", "replace")

    def number(self, tag: int, default: float) -> float:
        """First number of a tag; `default` without it."""
        value = self.tags.get(tag)
        return value[0] if value else default


def _broken(path: Path, what: str) -> UnreadableError:
    return UnreadableError(what, where=str(path), remedy="copy or export the file again")


def read_header(path: Path, file: BinaryIO) -> TiffHeader:
    """Read the first bytes of a TIFF file.

    Raises
    ------
    UnreadableError
        If they are not those of a TIFF file.
    """
    length = file.seek(0, 2)
    file.seek(0)
    head = file.read(16)
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None or len(head) < 8:
        raise _broken(path, "the TIFF is cut short within its first bytes")
    version, first = struct.unpack_from(order + "HI", head, 2)
    if version == 42:
        return TiffHeader(order, False, first, length)
    if version == 43 and len(head) == 16:
        size, zero, first = struct.unpack_from(order + "HHQ", head, 4)
        if (size, zero) == (8, 0):
            return TiffHeader(order, True, first, length)
    raise _broken(path, "the TIFF has a damaged header")


def read_directories(path: Path, file: BinaryIO) -> tuple[TiffHeader, list[Directory]]:
    """Read all pages of a file, in its order.

    Raises
    ------
    UnreadableError
        If the file is cut short or damaged, or claims what it cannot hold.
    UnsupportedError
        If pixels are stored in a way that is not read.
    """
    header = read_header(path, file)
    pages: list[Directory] = []
    seen: set[int] = set()
    place = header.first
    while place:
        if place in seen:
            raise _broken(path, "the pages of the TIFF run in a circle")
        if len(seen) >= _MOST_PAGES:
            raise UnsupportedError(
                f"more than {_MOST_PAGES:,} pages",
                where=str(path),
                remedy="divide the file into shorter ones",
            )
        seen.add(place)
        lenient = bool(pages) and LSM_INFO in pages[0].tags
        page, place = read_directory(path, file, header, place, lenient=lenient)
        pages.append(page)
    if not pages:
        raise _broken(path, "the TIFF has no page")
    return header, pages


def read_directory(
    path: Path, file: BinaryIO, header: TiffHeader, place: int, *, lenient: bool = False
) -> tuple[Directory, int]:
    """Read the page that stands at `place`; give it, and the place of the next (0 after all).

    With `lenient`, and for the first page of an LSM file, the places of its strips are not
    held against the file: in LSM files they are not what they seem (`cellwright.io.lsm`).
    """
    count_format, entry_size, next_format = ("Q", 20, "Q") if header.big else ("H", 12, "I")
    head = struct.calcsize(count_format)
    if place + head > header.length:
        raise _broken(path, "the TIFF is cut short: a page is missing")
    file.seek(place)
    (count,) = struct.unpack(header.order + count_format, file.read(head))
    tail = struct.calcsize(next_format)
    if not 0 < count <= _MOST_TAGS or place + head + count * entry_size > header.length:
        raise _broken(path, "the TIFF is damaged: a page has an impossible list of tags")
    raw = file.read(count * entry_size + tail)
    entries = raw[: count * entry_size]
    following = raw[count * entry_size :]
    tags: dict[int, tuple[float, ...] | bytes] = {}
    for start in range(0, count * entry_size, entry_size):
        (code,) = struct.unpack_from(header.order + "H", entries, start)
        if code in _USED and code not in tags:
            tags[code] = _value(path, file, header, entries[start : start + entry_size])
    lenient = lenient or LSM_INFO in tags
    if lenient:
        _mend_bits(file, header, tags)
    after = struct.unpack(header.order + next_format, following)[0] if len(following) == tail else 0
    if after >= header.length:
        raise _broken(path, "the TIFF is cut short: a page lies beyond its end")
    return _page(path, header, place, tags, lenient=lenient), after


def _mend_bits(
    file: BinaryIO, header: TiffHeader, tags: dict[int, tuple[float, ...] | bytes]
) -> None:
    """Follow the place at which LSM files keep the bits of two samples, which would fit."""
    bits = tags.get(BITS, ())
    if isinstance(bits, tuple) and len(bits) == 2 and not set(bits) <= _LSM_BITS:
        place = int(bits[0]) + int(bits[1]) * 2**16  # little-endian, as all LSM files are
        if 8 <= place <= header.length - 4:
            file.seek(place)
            tags[BITS] = struct.unpack(header.order + "HH", file.read(4))


def _value(
    path: Path, file: BinaryIO, header: TiffHeader, entry: bytes
) -> tuple[float, ...] | bytes:
    """Read the value of one entry, from where it stands or from where it points to."""
    code, kind = struct.unpack_from(header.order + "HH", entry)
    (count,) = struct.unpack_from(header.order + ("Q" if header.big else "I"), entry, 4)
    letters = _TYPES.get(kind)
    if letters is None:
        return ()
    size = count * struct.calcsize("=" + letters)
    inline = entry[12:] if header.big else entry[8:]
    if size <= len(inline):
        raw = inline[:size]
    else:
        (place,) = struct.unpack(header.order + ("Q" if header.big else "I"), inline)
        if place + size > header.length:
            raise _broken(path, f"the TIFF is cut short: tag {code} points beyond its end")
        file.seek(place)
        raw = file.read(size)
        if len(raw) < size:
            raise _broken(path, "the TIFF is cut short")
    if kind in {1, 2, 6, 7}:
        return raw
    numbers = count * len(letters.removeprefix("2")) * (2 if letters[0] == "2" else 1)
    values = struct.unpack(f"{header.order}{numbers}{letters[-1]}", raw)
    if letters[0] == "2":
        return tuple(
            top / bottom if bottom else 0.0
            for top, bottom in zip(values[::2], values[1::2], strict=True)
        )
    return values


def _page(
    path: Path,
    header: TiffHeader,
    place: int,
    tags: dict[int, tuple[float, ...] | bytes],
    *,
    lenient: bool,
) -> Directory:
    """Put the tags of one page together, and hold them against the file."""

    def numbers(tag: int) -> tuple[int, ...]:
        value = tags.get(tag, ())
        return tuple(int(v) for v in value if math.isfinite(v))

    def number(tag: int, default: int) -> int:
        value = numbers(tag)
        return value[0] if value else default

    width, length = number(WIDTH, 0), number(LENGTH, 0)
    samples, depth = number(SAMPLES, 1), number(IMAGE_DEPTH, 1)
    if width < 1 or length < 1:
        raise _broken(path, f"the picture has no pixels ({width} × {length})")
    if not 1 <= samples <= _MOST_SAMPLES or depth != 1:
        raise _unsupported(path, f"{samples} samples a pixel, {depth} planes a page")
    bits = set(numbers(BITS)[:samples] or (1,))
    formats = set(numbers(SAMPLE_FORMAT)[:samples] or (1,))
    if number(PLANAR, 1) not in {1, 2}:
        raise _broken(path, "the TIFF is damaged: its samples are in no known order")
    if len(bits) > 1 or len(formats) > 1:
        raise _unsupported(path, "samples of different kinds in one pixel")
    compression = number(COMPRESSION, 1)
    if compression not in COMPRESSIONS:
        raise _unsupported(path, f"compression number {compression}")
    tile = None
    if TILE_WIDTH in tags or TILE_OFFSETS in tags:
        tile = (number(TILE_LENGTH, 0), number(TILE_WIDTH, 0))
        if min(tile) < 1:
            raise _broken(path, "the TIFF is damaged: its tiles have no size")
    rows = number(ROWS, length)
    structure = Structure(
        width=width,
        length=length,
        samples=samples,
        bits=bits.pop(),
        sample_format=formats.pop(),
        photometric=number(PHOTOMETRIC, 1),
        compression=compression,
        predictor=number(PREDICTOR, 1),
        planar=number(PLANAR, 1) if samples > 1 else 1,
        fill_order=2 if number(FILL_ORDER, 1) == 2 else 1,
        tile=tile,
        rows=min(rows, length) if rows > 0 else length,
        extra=tuple(kind for kind in numbers(EXTRA_SAMPLES)[:samples] if kind <= 2),
        orientation=number(ORIENTATION, 1),
    )
    offsets = np.array(numbers(TILE_OFFSETS) or numbers(STRIP_OFFSETS), dtype=np.float64)
    counts = np.array(numbers(TILE_COUNTS) or numbers(STRIP_COUNTS), dtype=np.float64)
    for tag in (TILE_OFFSETS, STRIP_OFFSETS, TILE_COUNTS, STRIP_COUNTS):
        tags.pop(tag, None)
    blocks = math.prod(structure.grid)
    if compression == 1 and len(counts) == 0 and len(offsets) == blocks:
        counts = np.full(blocks, float(structure.block_bytes))  # as old programs left it out
        counts[-1] = max(0.0, min(counts[-1], header.length - offsets[-1]))
    if lenient:
        _count_blocks(path, structure, offsets, counts)
    else:
        check_blocks(path, header, structure, offsets, counts)
    return Directory(
        place,
        structure,
        offsets[:blocks].astype(np.int64),
        counts[:blocks].astype(np.int64),
        tags,
    )


def _unsupported(path: Path, what: str) -> UnsupportedError:
    return UnsupportedError(
        f"a TIFF with {what} is not read", where=str(path), remedy="export it as OME-TIFF"
    )


def _count_blocks(
    path: Path,
    structure: Structure,
    offsets: npt.NDArray[np.float64],
    counts: npt.NDArray[np.float64],
) -> None:
    blocks = math.prod(structure.grid)
    if len(offsets) < blocks or len(counts) < blocks:
        raise _broken(
            path,
            f"the TIFF claims {structure.width} × {structure.length} pixels, "
            f"but has parts for {len(offsets)} of {blocks}",
        )


def check_blocks(
    path: Path,
    header: TiffHeader,
    structure: Structure,
    offsets: npt.NDArray[np.float64],
    counts: npt.NDArray[np.float64],
) -> None:
    """Refuse strips and tiles that are missing, lie beyond the end, or cannot be so large.

    Raises
    ------
    UnreadableError
        Saying which of these it is.
    """
    _count_blocks(path, structure, offsets, counts)
    blocks = math.prod(structure.grid)
    size = f"{structure.width} × {structure.length}"
    offsets, counts = offsets[:blocks], counts[:blocks]
    if (offsets < 8).any() or (counts < 1).any():
        raise _broken(path, "the TIFF has gaps: parts of its pixels were never written")
    if (offsets + counts).max() > header.length:
        raise _broken(path, "the TIFF is cut short: some of its pixels lie beyond its end")
    whole = structure.block_bytes
    rows, columns = structure.block
    if structure.tile is None and structure.length % rows:
        smallest = structure.length % rows * (whole // rows)  # the last strip may be shorter
    else:
        smallest = whole
    ratio = _RATIO.get(structure.compression)
    if ratio is None:
        if whole > _LARGEST_BLOCK:
            raise _broken(path, f"the TIFF claims {size} pixels in too large parts")
        return
    needed = np.full(blocks, float(whole))
    across = structure.grid[2]
    if structure.tile is None:
        needed[structure.grid[1] - 1 :: structure.grid[1]] = smallest
    elif across:
        # Tiles over the edge may be stored without what lies beyond it.
        inside = min(rows, structure.length) * min(columns, structure.width) / (rows * columns)
        needed *= inside if structure.compression == 7 else 1.0
    if (needed > counts * ratio).any():
        raise _broken(path, f"the TIFF claims {size} pixels, more than the file holds")
