"""PNG: 1 to 16 bits, grey, colour or palette (W3C PNG, third edition, 2023)."""

from __future__ import annotations

import io
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from cellwright.core.errors import UnreadableError
from cellwright.core.image import Array, Image, LazyArray, Source, Spacing
from cellwright.io.colour import orient, split_alpha, use_palette, without_copies
from cellwright.io.deferred import Deferred, check_claim
from cellwright.io.exif import exif_orientation
from cellwright.io.reader import Reader
from cellwright.io.resolution import believable_spacing

__all__ = ["READER", "palette_index"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _RGB, _PALETTE, _GREY_ALPHA, _RGBA = 0, 2, 3, 4, 6
_SAMPLES = {_GREY: 1, _RGB: 3, _PALETTE: 1, _GREY_ALPHA: 2, _RGBA: 4}
_DEPTHS = {
    _GREY: (1, 2, 4, 8, 16),
    _RGB: (8, 16),
    _PALETTE: (1, 2, 4, 8),
    _GREY_ALPHA: (8, 16),
    _RGBA: (8, 16),
}
# Deflate codes at most 258 bytes in 2 bits, so 1032 to 1 (RFC 1951; zlib's technical notes).
_DEFLATE_RATIO = 1032
_SUMMED = {b"IHDR", b"PLTE", b"IDAT"}  # chunks whose checksum must be right
_UM_PER_METRE = 1e6
_LONGEST_EXTRA = 2**20  # bytes of a side chunk that are read: more is never an orientation


@dataclass(frozen=True)
class _Header:
    """What stands in the chunks before and around the pixels."""

    width: int
    height: int
    depth: int
    colour: int
    orientation: int = 1
    palette: bytes = b""
    has_key: bool = False
    spacing: Spacing = Spacing()
    bits: int | None = None
    animated: bool = False


def _recognise(head: bytes, path: Path) -> bool:  # noqa: ARG001
    return head.startswith(_SIGNATURE)


def _broken(path: Path, what: str) -> UnreadableError:
    return UnreadableError(what, where=str(path), remedy="copy or export the file again")


def _read_header(path: Path) -> _Header:
    """Walk along the chunks: all must be there, and room for the pixels that are claimed."""
    with path.open("rb") as file:
        length = file.seek(0, io.SEEK_END)
        file.seek(len(_SIGNATURE))
        return _walk(path, file, length)


def _walk(path: Path, file: BinaryIO, length: int) -> _Header:
    found: dict[bytes, bytes] = {}
    compressed = 0
    place = len(_SIGNATURE)
    kind = b""
    while kind != b"IEND":
        start = file.read(8)
        if len(start) < 8:
            raise _broken(path, "the PNG is cut short")
        size, kind = struct.unpack(">I4s", start)
        place += 12 + size  # with the name and the checksum
        if place > length:
            raise _broken(path, "the PNG is cut short")
        if not found and (kind != b"IHDR" or size != 13):
            raise _broken(path, "the PNG does not begin with its header")
        if kind == b"IDAT":
            compressed += size
        elif (
            kind not in found
            and size <= _LONGEST_EXTRA
            and (kind in {b"IHDR", b"PLTE", b"tRNS", b"pHYs", b"sBIT", b"eXIf", b"acTL"})
        ):
            found[kind] = file.read(size)
        file.seek(place)
    width, height, depth, colour, _, _, _ = struct.unpack(">IIBBBBB", found[b"IHDR"])
    if depth not in _DEPTHS.get(colour, ()):
        raise _broken(path, f"the PNG claims {depth} bits of colour type {colour}")
    rows = height * math.ceil(width * _SAMPLES[colour] * depth / 8)
    # In Adam7 each pass rounds its rows up to bytes, which only ever makes them longer.
    check_claim(path, width, height, rows, compressed * _DEFLATE_RATIO)
    return _Header(
        width=width,
        height=height,
        depth=depth,
        colour=colour,
        orientation=exif_orientation(found.get(b"eXIf", b"")),
        palette=found.get(b"PLTE", b""),
        has_key=b"tRNS" in found,
        spacing=_spacing(found.get(b"pHYs", b"")),
        bits=_bits(depth, colour, found.get(b"sBIT", b"")),
        animated=b"acTL" in found,
    )


def _spacing(chunk: bytes) -> Spacing:
    if len(chunk) != 9:
        return Spacing()
    x, y, unit = struct.unpack(">IIB", chunk)
    return believable_spacing(x, y, _UM_PER_METRE) if unit == 1 else Spacing()


def _bits(depth: int, colour: int, chunk: bytes) -> int | None:
    if chunk and colour != _PALETTE and 0 < max(chunk) < depth:
        return max(chunk)
    return depth if depth < 8 else None


def _checked_bytes(path: Path) -> bytes:
    """Read the file; the checksums of pixels and palette must be right, decoders only warn."""
    raw = path.read_bytes()
    view = memoryview(raw)
    place = len(_SIGNATURE)
    while place + 12 <= len(raw):
        size, kind = struct.unpack_from(">I4s", raw, place)
        end = place + 8 + size
        stated = int.from_bytes(raw[end : end + 4], "big")
        if kind in _SUMMED and zlib.crc32(view[place + 4 : end]) != stated:
            raise _broken(path, "the PNG is damaged: a checksum is wrong")
        place = end + 4
    return raw


def _samples(path: Path) -> Array:
    """Decode the samples as stored: (Y, X) or (Y, X, S), 8 or 16 bits."""
    import imagecodecs

    raw = _checked_bytes(path)
    try:
        return np.asarray(imagecodecs.png_decode(raw))
    except (RuntimeError, ValueError, MemoryError) as error:
        raise _broken(path, f"the PNG is damaged ({error})") from error


def _index(path: Path) -> Array:
    """Decode the indices into the palette, (Y, X) uint8."""
    from PIL import PngImagePlugin

    raw = _checked_bytes(path)
    try:
        with PngImagePlugin.PngImageFile(io.BytesIO(raw)) as picture:
            return np.asarray(picture)
    except (OSError, SyntaxError, ValueError, TypeError, struct.error, MemoryError) as error:
        raise _broken(path, f"the PNG is damaged ({error})") from error


def _grey(path: Path) -> Array:
    """Decode a grey picture, in the file's own values, turned as it asks."""
    header = _read_header(path)
    samples = _samples(path)
    if samples.ndim == 3:  # a transparent grey came back as opacity
        samples = samples[..., 0]
    if header.depth < 8:  # the decoder has stretched them to 0..255
        samples = samples // np.uint8(255 // (2**header.depth - 1))
    return orient(samples, header.orientation)


def palette_index(path: Path) -> Array | None:
    """Indices of a PNG with a palette, (Y, X) uint8; None for any other file.

    Label images are often stored so, to show each object in a colour.
    """
    with path.open("rb") as file:
        if not _recognise(file.read(len(_SIGNATURE)), path):
            return None
    header = _read_header(path)
    return orient(_index(path), header.orientation) if header.colour == _PALETTE else None


def _open(path: Path) -> list[Image]:
    header = _read_header(path)
    turned = header.orientation >= 5
    notes = []
    data: Array | LazyArray
    if header.colour == _GREY:
        shape = (header.height, header.width)
        kind = np.dtype(np.uint16 if header.depth == 16 else np.uint8)
        data = Deferred(path, shape[::-1] if turned else shape, kind, _grey)
    else:
        if header.colour == _PALETTE:
            palette = np.frombuffer(header.palette[: len(header.palette) // 3 * 3], np.uint8)
            try:
                pixels, note = use_palette(_index(path), palette.reshape(-1, 3))
            except IndexError as error:
                raise _broken(path, f"the PNG's palette is too short ({error})") from error
            notes.append(note)
        else:
            pixels = _samples(path)
            if header.colour in {_GREY_ALPHA, _RGBA} or header.has_key:
                pixels, note = split_alpha(pixels)
                notes.append(note)
        if pixels.ndim == 3:
            pixels, note = without_copies(pixels)
            notes.append(note)
        data = orient(pixels, header.orientation)
    if header.animated:
        notes.append("an animation: only its first picture is read")
    if header.orientation != 1:
        notes.append("turned as its EXIF orientation asks")
    spacing = header.spacing
    return [
        Image(
            data,
            "YX" if len(data.shape) == 2 else "YXS",
            spacing=Spacing(y=spacing.x, x=spacing.y) if turned else spacing,
            bits=header.bits,
            source=Source(path=str(path)),
            notes=tuple(note for note in notes if note),
        )
    ]


READER = Reader("PNG", (".png", ".apng"), _recognise, _open)
"""PNG files."""
