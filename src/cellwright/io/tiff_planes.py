"""Planes of a TIFF file, decoded when they are indexed, and no more of them than is asked.

tifffile decodes; it is shown a small clean TIFF made of the checked tags alone, so that
nothing else in a damaged or hostile file reaches it. Missing or short parts are errors here,
never zeros.
"""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from cellwright.core.errors import InputError, UnreadableError, UnsupportedError
from cellwright.core.image import Array
from cellwright.io.colour import cmyk_to_rgb, orient
from cellwright.io.tiff_directory import (
    JPEG_TABLES,
    Directory,
    Structure,
    read_directory,
    read_header,
)

__all__ = ["Rendering", "Strips", "TiffPlanes", "check_decodable", "stored_dtype"]

Strips = Mapping[int, tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]
"""Places and lengths of the strips of pages, by the place of the page."""

_JPEG = {7, 34892, 33007}
_KINDS = {1: "u", 2: "i", 3: "f", 4: "u"}  # SampleFormat: 4 is "not said"
_LAST_COLOUR = 6  # PhotometricInterpretation: YCbCr; those above change no decoding
_FLOATS = {16, 24, 32, 64}
_NAMED = 5  # missing files that a message names


def stored_dtype(structure: Structure) -> np.dtype[Any] | None:
    """Type of the decoded samples, None where there is none (complex numbers, 128 bits, …).

    Packed integers of 2 to 15 bits come as the next larger type, single bits as uint8.
    """
    kind, bits = _KINDS.get(structure.sample_format), structure.bits
    if kind == "f":
        return np.dtype(f"f{max(2, 4 if bits == 24 else bits // 8)}") if bits in _FLOATS else None
    if kind is None or not 1 <= bits <= 64:
        return None
    if kind == "i" and bits not in {8, 16, 32, 64}:
        return None
    size = next(size for size in (1, 2, 4, 8) if 8 * size >= bits)
    return np.dtype(f"{kind}{size}")


@dataclass(frozen=True)
class Rendering:
    """What is made of the samples of a page.

    Attributes
    ----------
    samples
        Which samples are kept; one gives (Y, X), several (Y, X, S).
    invert
        The largest value where white is zero, else None.
    palette
        Colours to look the index up in, (N, 3), as nested tuples; empty for none.
    inks
        Whether four samples are inks to mix.
    orientation
        As the tag says, 1 for none.
    """

    samples: tuple[int, ...] = (0,)
    invert: int | None = None
    palette: tuple[tuple[int, ...], ...] = ()
    inks: bool = False
    orientation: int = 1


@dataclass(frozen=True, eq=False)
class TiffPlanes:
    """Pixels of a series of pages, satisfying `cellwright.core.image.LazyArray`.

    Attributes
    ----------
    path
        The file; it is opened at each access, so that this can be sent to workers.
    pages
        Place of the page in the file for each position on the leading axes.
    samples
        Sample of the page for each such position, where channels are samples; else None.
    shape, dtype
        Of all pixels, leading axes first.
    structure
        How each of the pages is stored.
    rendering
        What is made of its samples.
    stride
        0; or, where one page stands for many that follow it without a gap (ImageJ, above
        4 GB), the bytes of one: then `pages` counts them.
    first
        Place of that one page.
    files, paths
        Where the pages lie in several files: which of `paths` for each position on the
        leading axes. The place of a page in a file that is not there is -1.
    strips
        Where places and lengths of strips are not what the pages say (LSM): what they truly
        are, by the place of the page.
    """

    path: Path
    pages: npt.NDArray[np.int64]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    structure: Structure
    rendering: Rendering = Rendering()
    samples: npt.NDArray[np.int64] | None = None
    stride: int = 0
    first: int = 0
    files: npt.NDArray[np.int64] | None = None
    paths: tuple[Path, ...] = ()
    strips: Strips = field(default_factory=dict)

    def __getitem__(self, index: tuple[int | slice, ...], /) -> Array:
        """Read the planes, and of them the rows and columns, that `index` asks for.

        Raises
        ------
        UnreadableError
            If the file is gone, was changed, or is damaged.
        """
        index = index if isinstance(index, tuple) else (index,)
        index = (*index, *[slice(None)] * (len(self.shape) - len(index)))
        leading = self.pages.ndim
        numbers = np.arange(self.pages.size).reshape(self.pages.shape)[index[:leading]]
        inner = index[leading:]
        size = self.shape[leading:]
        whole = self.rendering.orientation != 1  # a turned page is read as a whole
        reach = [(0, n) if whole else _reach(key, n) for key, n in zip(inner, size, strict=True)]
        part = tuple(
            _within(key, start, n) for key, (start, _), n in zip(inner, reach, size, strict=True)
        )
        window = (reach[0], reach[1])
        if len(part) == 3:  # samples are never cut out before they are rendered
            part = (*part[:2], inner[2])
        wanted = [int(number) for number in np.asarray(numbers).ravel()]
        planes: list[Array] = []
        try:
            for path, group in groupby(wanted, self._holder):
                with path.open("rb") as file:
                    planes += [self._plane(path, file, number, window)[part] for number in group]
        except OSError as error:
            if isinstance(error, InputError):
                raise
            raise self._broken(f"the file cannot be read ({error.strerror})") from error
        except MemoryError as error:
            raise self._broken("there is not enough memory for the picture") from error
        if not planes:
            empty = np.empty(self.shape[leading:], self.dtype)[inner]
            return np.empty(np.shape(numbers) + empty.shape, self.dtype)
        if np.ndim(numbers) == 0:
            return np.ascontiguousarray(planes[0])
        return np.stack(planes).reshape(np.shape(numbers) + np.shape(planes[0]))

    def _holder(self, number: int) -> Path:
        """Which file a plane lies in."""
        if self.files is None:
            return self.path
        path = self.paths[int(self.files.flat[number])]
        if self.pages.flat[number] < 0:
            gone = sorted({self.paths[int(f)].name for f in self.files[self.pages < 0]})
            named = ", ".join(gone[:_NAMED]) + (", …" if len(gone) > _NAMED else "")
            raise UnreadableError(
                f"a plane lies in {path.name}, which is not there (missing: {named})",
                where=str(self.path),
                remedy="copy all files of the picture into one folder",
            )
        return path

    def _broken(self, what: str) -> UnreadableError:
        return UnreadableError(what, where=str(self.path), remedy="copy or export the file again")

    def _plane(
        self,
        path: Path,
        file: BinaryIO,
        number: int,
        window: tuple[tuple[int, int], tuple[int, int]],
    ) -> Array:
        """Read one plane, as it is rendered, within the window."""
        header = read_header(path, file)
        place = int(self.pages.flat[number])
        page, _ = read_directory(
            path,
            file,
            header,
            self.first if self.stride else place,
            lenient=bool(self.strips),
        )
        if self.strips:
            offsets, counts = self.strips[place]
            page = replace(page, offsets=offsets, counts=counts)
        if page.structure != self.structure:
            raise self._broken("the file was changed while it was read")
        if self.stride:
            page = replace(page, offsets=page.offsets + place * self.stride)
        if self.rendering.orientation != 1:
            window = (0, self.structure.length), (0, self.structure.width)
        stored = _decode(path, file, header.order, page, window)
        rendering = self.rendering
        if self.samples is not None:
            stored = stored[..., self.samples.flat[number]]
        elif len(rendering.samples) == 1:
            stored = stored[..., rendering.samples[0]]
        else:
            stored = stored[..., list(rendering.samples)]
        if rendering.palette:
            palette = np.array(rendering.palette, dtype=self.dtype)
            if stored.size and int(stored.max()) >= len(palette):
                raise self._broken("an index lies beyond the palette")
            stored = palette[stored]
        if rendering.invert is not None:
            stored = (rendering.invert - stored.astype(np.int64)).astype(stored.dtype)
        if rendering.inks:
            stored = cmyk_to_rgb(stored)
        if rendering.orientation != 1:
            stored = orient(stored, rendering.orientation)
        return stored.astype(self.dtype, copy=False)


def _reach(key: int | slice, size: int) -> tuple[int, int]:
    if isinstance(key, slice):
        chosen = range(*key.indices(size))
        return (min(chosen), max(chosen) + 1) if chosen else (0, 0)
    place = key + size if key < 0 else key
    if not 0 <= place < size:
        raise IndexError(f"index {key} is out of bounds for a length of {size}")
    return place, place + 1


def _within(key: int | slice, start: int, size: int) -> int | slice:
    """Move an index of the whole axis to a window of it that begins at `start`."""
    if not isinstance(key, slice):
        return (key + size if key < 0 else key) - start
    chosen = range(*key.indices(size))
    if not chosen:
        return slice(0, 0)
    end = chosen[-1] - start + (1 if chosen.step > 0 else -1)
    return slice(chosen[0] - start, None if end < 0 else end, chosen.step)


def _decode(
    path: Path,
    file: BinaryIO,
    order: str,
    page: Directory,
    window: tuple[tuple[int, int], tuple[int, int]],
) -> Array:
    """Decode the strips or tiles that the window touches: (rows, columns, samples)."""
    structure = page.structure
    (top, bottom), (left, right) = window
    kind = stored_dtype(structure)
    assert kind is not None  # looked at when the file was opened
    pixels = np.empty((bottom - top, right - left, structure.samples), kind)
    if not pixels.size:
        return pixels
    height, width = structure.block
    planes, _, across = structure.grid
    down = structure.grid[1]
    for plane in range(planes):
        place = slice(None) if planes == 1 else slice(plane, plane + 1)
        for row in range(top // height, (bottom - 1) // height + 1):
            for column in range(left // width, (right - 1) // width + 1):
                number = (plane * down + row) * across + column
                file.seek(int(page.offsets[number]))
                raw = file.read(int(page.counts[number]))
                if len(raw) < page.counts[number]:
                    raise UnreadableError(
                        "the TIFF is cut short: some of its pixels lie beyond its end",
                        where=str(path),
                        remedy="copy or export the file again",
                    )
                block = _block(path, order, page, number, raw)
                y, x = row * height, column * width
                inner = block[
                    max(top - y, 0) : min(bottom, structure.length) - y,
                    max(left - x, 0) : min(right, structure.width) - x,
                ]
                y, x = max(y, top) - top, max(x, left) - left
                pixels[y : y + inner.shape[0], x : x + inner.shape[1], place] = inner
    return pixels


# What the codecs of tifffile and imagecodecs raise at bytes that they cannot decode.
_DECODING = (
    ValueError, TypeError, KeyError, IndexError, RuntimeError, OverflowError, AttributeError,
    ZeroDivisionError, struct.error, MemoryError, AssertionError, ImportError,
)  # fmt: skip


def _block(path: Path, order: str, page: Directory, number: int, raw: bytes) -> Array:
    """Decode one strip or tile: (rows, columns, samples), exactly as large as it must be."""
    structure = page.structure
    is_jpeg = structure.compression in _JPEG
    tables = page.tags.get(JPEG_TABLES)
    try:
        decode = _decoder(order, structure, raw[6:10] == b"JFIF" if is_jpeg else False)
        options = {"jpegtables": tables if isinstance(tables, bytes) else None} if is_jpeg else {}
        decoded, _, _ = decode(raw, number, **options)
        block: Array = np.asarray(decoded)[0]
    except _DECODING as error:
        raise UnreadableError(
            f"the TIFF is damaged: a part of its pixels cannot be decoded ({error})",
            where=str(path),
            remedy="copy or export the file again",
        ) from error
    rows, columns = structure.block
    row, column = divmod(number, structure.grid[2])
    row %= structure.grid[1]
    needed = (
        min(rows, structure.length - row * rows),
        min(columns, structure.width - column * columns),
    )
    samples = 1 if structure.planar == 2 else structure.samples
    if block.shape[0] < needed[0] or block.shape[1] < needed[1] or block.shape[2] != samples:
        raise UnreadableError(
            f"the TIFF is damaged: a part of its pixels is {block.shape}, not {needed}",
            where=str(path),
            remedy="copy or export the file again",
        )
    return block[: needed[0], : needed[1]]


@lru_cache(maxsize=64)
def _decoder(order: str, structure: Structure, is_jfif: bool) -> Callable[..., Any]:
    """Make tifffile's decoder for pages of this structure, from nothing but the structure."""
    import tifffile

    clean = io.BytesIO(_clean_tiff(order, structure, is_jfif))
    page: Any = tifffile.TiffFile(clean).pages.first
    decode: Callable[..., Any] = page.decode
    return decode


def _clean_tiff(order: str, structure: Structure, is_jfif: bool) -> bytes:
    """Write a TIFF of one page without pixels, with only the tags that decoding needs."""
    blocks = math.prod(structure.grid)
    samples = structure.samples
    entries: list[tuple[int, str, tuple[int, ...]]] = [
        (256, "I", (structure.width,)),
        (257, "I", (structure.length,)),
        (258, "H", (structure.bits,) * samples),
        (259, "H", (structure.compression,)),
        (262, "H", (structure.photometric if structure.photometric <= _LAST_COLOUR else 1,)),
        (266, "H", (structure.fill_order,)),
        (277, "H", (samples,)),
        (284, "H", (structure.planar,)),
        (317, "H", (structure.predictor,)),
        (339, "H", (1 if structure.sample_format == 4 else structure.sample_format,) * samples),
    ]
    if structure.extra:
        entries.append((338, "H", structure.extra))
    # Offsets point at the mark of a JFIF file, which decides how its colours are decoded.
    offsets, counts = (8,) * blocks, (11,) * blocks
    if structure.tile:
        entries += [(322, "I", structure.tile[1:]), (323, "I", structure.tile[:1])]
        entries += [(324, "I", offsets), (325, "I", counts)]
    else:
        entries += [(278, "I", (structure.rows,)), (273, "I", offsets), (279, "I", counts)]
    entries.sort()
    mark = b"\xff\xd8\xff\xe0\0\x10" + (b"JFIF" if is_jfif else bytes(4)) + bytes(2)
    place = 8 + len(mark)
    values_at = place + 2 + 12 * len(entries) + 4
    values = b""
    directory = struct.pack(order + "H", len(entries))
    for code, letter, numbers in entries:
        raw = struct.pack(f"{order}{len(numbers)}{letter}", *numbers)
        if len(raw) > 4:
            where = struct.pack(order + "I", values_at + len(values))
            values += raw + bytes(len(raw) % 2)
        else:
            where = raw.ljust(4, b"\0")
        kind = {"H": 3, "I": 4}[letter]
        directory += struct.pack(order + "HHI", code, kind, len(numbers)) + where
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, place)
    return head + mark + directory + bytes(4) + values


def check_decodable(path: Path, structure: Structure) -> np.dtype[Any]:
    """Type of the samples; refuse kinds of pixels that are no intensities.

    Raises
    ------
    UnsupportedError
        For complex numbers and other types that nothing here measures.
    """
    kind = stored_dtype(structure)
    if kind is None:
        raise UnsupportedError(
            f"pixels of {structure.bits} bits in sample format {structure.sample_format}",
            where=str(path),
            remedy="export whole or floating-point numbers of at most 64 bits",
        )
    return kind
