"""JPEG (ITU-T T.81): grey, colour or inks, turned as its EXIF says."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from cellwright.core.errors import UnreadableError, UnsupportedError
from cellwright.core.image import Array, Image, Source, Spacing
from cellwright.io.colour import orient, without_copies
from cellwright.io.deferred import check_claim
from cellwright.io.exif import exif_orientation
from cellwright.io.reader import Reader
from cellwright.io.resolution import believable_spacing

__all__ = ["READER"]

_START, _END, _SCAN, _EXIF, _JFIF = 0xD8, 0xD9, 0xDA, 0xE1, 0xE0
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # start of frame, but for three tables
_ALONE = {0x01, *range(0xD0, 0xD9)}  # markers without a length
# Every block of 8 × 8 samples costs at least one bit in the scan of its mean, of each colour.
_SAMPLES_PER_BYTE = 64 * 8
_SUBSAMPLING = 16  # at most 4 × 4 pixels share a sample of colour
_UM_PER = {1: 25400.0, 2: 10000.0}  # JFIF's units: inch, centimetre


@dataclass(frozen=True)
class _Header:
    width: int
    height: int
    samples: int
    depth: int
    orientation: int
    spacing: Spacing


def _recognise(head: bytes, path: Path) -> bool:  # noqa: ARG001
    return head.startswith(b"\xff\xd8\xff")


def _broken(path: Path, what: str) -> UnreadableError:
    return UnreadableError(what, where=str(path), remedy="copy or export the file again")


def _read_header(path: Path) -> _Header:
    with path.open("rb") as file:
        length = file.seek(0, io.SEEK_END)
        file.seek(2)
        header = _walk(path, file)
    # The pixels of one sample a pixel at least; a colour may be shared by its neighbours.
    check_claim(
        path,
        header.width,
        header.height,
        header.width * header.height,
        length * _SAMPLES_PER_BYTE * (_SUBSAMPLING if header.samples > 1 else 1),
    )
    return header


def _walk(path: Path, file: BinaryIO) -> _Header:
    """Read the segments up to the first scan, where the size must be known."""
    orientation, spacing = 1, Spacing()
    frame: tuple[int, int, int, int] | None = None
    while True:
        byte = file.read(1)
        while byte == b"\xff":  # any number of them may stand before a marker
            byte = file.read(1)
        if not byte or byte[0] == _END:
            raise _broken(path, "the JPEG is cut short")
        if byte[0] in _ALONE:
            continue
        size = file.read(2)
        if len(size) < 2 or (count := int.from_bytes(size, "big") - 2) < 0:
            raise _broken(path, "the JPEG is cut short")
        content = file.read(count)
        if len(content) < count:
            raise _broken(path, "the JPEG is cut short")
        if byte[0] == _SCAN:
            break
        if byte[0] in _FRAMES and count >= 6:
            frame = struct.unpack(">BHHB", content[:6])
        elif byte[0] == _EXIF and content.startswith(b"Exif\0\0"):
            orientation = exif_orientation(content[6:])
        elif byte[0] == _JFIF and content.startswith(b"JFIF\0") and count >= 12:
            unit, x, y = struct.unpack(">BHH", content[7:12])
            spacing = believable_spacing(x, y, _UM_PER[unit]) if unit in _UM_PER else spacing
    if frame is None:
        raise _broken(path, "the JPEG does not say how large it is")
    depth, height, width, samples = frame
    return _Header(width, height, samples, depth, orientation, spacing)


def _decode(path: Path) -> Array:
    from PIL import JpegImagePlugin

    try:
        with JpegImagePlugin.JpegImageFile(io.BytesIO(path.read_bytes())) as picture:
            plain = picture.convert("RGB") if picture.mode == "CMYK" else picture
            return np.asarray(plain)
    except (
        OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, struct.error, MemoryError
    ) as error:  # fmt: skip
        raise _broken(path, f"the JPEG is damaged ({error})") from error


def _open(path: Path) -> list[Image]:
    header = _read_header(path)
    if header.depth != 8 or header.samples not in {1, 3, 4}:
        raise UnsupportedError(
            f"a JPEG of {header.samples} samples with {header.depth} bits",
            where=str(path),
            remedy="store it as PNG or TIFF, which also keep what was measured",
        )
    pixels = _decode(path)
    notes = ["JPEG changes pixel values: do not measure small differences of intensity"]
    if header.samples == 4:
        notes.append("its four inks were mixed to red, green and blue")
    if pixels.ndim == 3:
        pixels, note = without_copies(pixels)
        notes.append(note)
    if header.orientation != 1:
        notes.append("turned as its EXIF orientation asks")
    spacing = header.spacing
    if header.orientation >= 5:
        spacing = Spacing(y=spacing.x, x=spacing.y)
    pixels = orient(pixels, header.orientation)
    return [
        Image(
            pixels,
            "YX" if pixels.ndim == 2 else "YXS",
            spacing=spacing,
            source=Source(path=str(path)),
            notes=tuple(note for note in notes if note),
        )
    ]


READER = Reader("JPEG", (".jpg", ".jpeg", ".jpe", ".jfif"), _recognise, _open)
"""JPEG files."""
