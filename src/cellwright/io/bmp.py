"""BMP, the bitmap of Windows, from 1 to 32 bits a pixel."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np

from cellwright.core.errors import UnreadableError
from cellwright.core.image import Array, Image, Source, Spacing
from cellwright.io.colour import split_alpha, use_palette, without_copies
from cellwright.io.deferred import check_claim
from cellwright.io.reader import Reader
from cellwright.io.resolution import believable_spacing

__all__ = ["READER"]

_CORE_HEADER = 12  # bytes: OS/2's, with 16-bit sizes
_HEADERS = {_CORE_HEADER, 16, 40, 52, 56, 64, 108, 124}  # all that there have been
_BITS = {1, 4, 8, 16, 24, 32}
_RUN_LENGTH = {1, 2}  # compressions RLE8 and RLE4
_RUN_RATIO = 255 / 2  # two bytes stand for at most 255 pixels
_UM_PER_METRE = 1e6


def _recognise(head: bytes, path: Path) -> bool:  # noqa: ARG001
    return (
        head.startswith(b"BM")
        and len(head) >= 18
        and int.from_bytes(head[14:18], "little") in _HEADERS
    )


def _broken(path: Path, what: str) -> UnreadableError:
    return UnreadableError(what, where=str(path), remedy="copy or export the file again")


def _check_header(path: Path) -> Spacing:
    """Hold the header against the length of the file, and give its pixel size."""
    with path.open("rb") as file:
        length = file.seek(0, io.SEEK_END)
        file.seek(0)
        head = file.read(14 + 40)
    size = int.from_bytes(head[14:18], "little")
    spacing = Spacing()
    compression = 0
    if len(head) < 14 + min(size, 40):
        raise _broken(path, "the BMP is cut short")
    if size == _CORE_HEADER:
        width, height, _, bits = struct.unpack_from("<HHHH", head, 18)
    else:
        width, height, _, bits = struct.unpack_from("<iiHH", head, 18)
        if size >= 40:
            compression, _, x, y = struct.unpack_from("<IIii", head, 30)
            spacing = believable_spacing(x, y, _UM_PER_METRE)
    if bits not in _BITS:
        raise _broken(path, f"the BMP claims {bits} bits a pixel")
    height = abs(height)  # negative: the rows run from top to bottom
    row = (width * bits + 31) // 32 * 4
    room = length * 8 * _RUN_RATIO if compression in _RUN_LENGTH else length
    check_claim(path, width, height, row * height, room)
    return spacing


def _decode(path: Path) -> tuple[Array, str]:
    from PIL import BmpImagePlugin

    try:
        with BmpImagePlugin.BmpImageFile(io.BytesIO(path.read_bytes())) as picture:
            if picture.mode == "P":
                colours = picture.getpalette("RGB") or []
                palette = np.array(colours, dtype=np.uint8).reshape(-1, 3)
                return use_palette(np.asarray(picture), palette)
            pixels = np.asarray(picture)
    except (
        OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, struct.error, MemoryError
    ) as error:  # fmt: skip
        raise _broken(path, f"the BMP is damaged ({error})") from error
    if pixels.dtype == np.bool_:
        return pixels.astype(np.uint8), ""
    if pixels.ndim == 3 and pixels.shape[2] == 4:
        return split_alpha(pixels)
    return pixels, ""


def _open(path: Path) -> list[Image]:
    spacing = _check_header(path)
    pixels, note = _decode(path)
    notes = [note]
    if pixels.ndim == 3:
        pixels, note = without_copies(pixels)
        notes.append(note)
    return [
        Image(
            pixels,
            "YX" if pixels.ndim == 2 else "YXS",
            spacing=spacing,
            source=Source(path=str(path)),
            notes=tuple(note for note in notes if note),
        )
    ]


READER = Reader("BMP", (".bmp", ".dib"), _recognise, _open)
"""BMP files."""
