"""Planes of a Zeiss CZI file: blocks are decoded and laid into the plane at their places."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from cellwright.core.errors import UnreadableError, UnsupportedError
from cellwright.core.image import Array
from cellwright.io.czi_blocks import Block, read_data_place
from cellwright.io.libraries import BoundedFile
from cellwright.io.planar import Place

__all__ = ["BlockPlanes", "compression_name", "is_decodable"]

_NONE, _JPEG, _LZW, _JPEG_XR, _ZSTD_0, _ZSTD_1 = 0, 1, 2, 4, 5, 6
_NAMES = {
    _NONE: "none", _JPEG: "JPEG", _LZW: "LZW", 3: "lossless JPEG", _JPEG_XR: "JPEG XR",
    _ZSTD_0: "Zstandard", _ZSTD_1: "Zstandard with a header", 7: "several chunks",
}  # fmt: skip
_DECODABLE = {_NONE, _JPEG, _LZW, _JPEG_XR, _ZSTD_0, _ZSTD_1}
_DECODED_AS_RGB = {_JPEG, _JPEG_XR}  # their decoders know the order; all else is blue first


def is_decodable(compression: int) -> bool:
    """Whether blocks with this compression are read."""
    return compression in _DECODABLE


def compression_name(compression: int) -> str:
    """Name of a compression, for messages.

    Examples
    --------
    >>> compression_name(4), compression_name(1000)
    ('JPEG XR', "a camera's own (number 1000)")
    """
    return _NAMES.get(compression, f"a camera's own (number {compression})")


@dataclass(frozen=True, eq=False)
class BlockPlanes:
    """Reads planes; satisfies `cellwright.io.planar.ReadPlanes`.

    Attributes
    ----------
    blocks
        From the place of a plane on the leading axes to its blocks, in the order in which
        they are laid down: a later one lies over an earlier one. A plane without any is 0.
    y, x
        The first row and column of the plane, in the file's coordinates.
    shape, dtype
        Of a plane, (Y, X) or (Y, X, 3).
    """

    blocks: Mapping[Place, tuple[Block, ...]]
    y: int
    x: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def __call__(self, path: Path, places: Sequence[Place]) -> Iterator[tuple[int, Array]]:
        """Lay the blocks of each plane down."""
        with BoundedFile(path) as file:
            for number, place in enumerate(places):
                plane: Array = np.zeros(self.shape, dtype=self.dtype)
                for block in self.blocks.get(place, ()):
                    row, column = block.y - self.y, block.x - self.x
                    pixels = _decode(file, block, file.length)
                    plane[row : row + block.height, column : column + block.width] = pixels
                yield number, plane


def _decode(file: BinaryIO, block: Block, length: int) -> Array:
    """Pixels of a block, (Y, X) or (Y, X, 3) as red, green and blue."""
    start, size = read_data_place(file, block.place, length)
    file.seek(start)
    raw = file.read(size)
    dtype, samples = np.dtype(block.kind.dtype), block.kind.samples
    shape = (block.height, block.width, samples)
    count = block.height * block.width * samples
    needed = count * dtype.itemsize
    stored_plain = block.compression == _NONE or size == needed  # some writers claim otherwise
    if stored_plain or block.compression not in _DECODED_AS_RGB:
        flat = raw if stored_plain else _unpack(raw, block.compression, needed, dtype.itemsize)
        if len(flat) < needed:
            raise UnreadableError(
                f"a block has {len(flat)} bytes instead of {needed}",
                remedy="copy or export the file again",
            )
        pixels: Array = np.frombuffer(flat, dtype, count).reshape(shape)
        pixels = pixels[..., :3][..., ::-1]  # blue, green, red (, opacity)
    else:
        pixels = _decode_jpeg(raw, block.compression, shape, dtype)[..., :3]
    return pixels if samples > 1 else pixels[..., 0]


def _unpack(raw: bytes, compression: int, needed: int, itemsize: int) -> bytes:
    """Undo LZW or Zstandard, into no more than `needed` bytes."""
    import imagecodecs

    if compression == _LZW:
        return bytes(imagecodecs.lzw_decode(raw, out=needed))
    if compression == _ZSTD_0:
        return bytes(imagecodecs.zstd_decode(raw, out=needed))
    # A header of 1 or 3 bytes: its length, and a mark that low and high bytes lie apart.
    header = raw[0]
    apart = header == 3 and raw[1] == 1 and bool(raw[2] & 1)
    if header not in {1, 3} or (apart and itemsize != 2):
        raise UnsupportedError(
            f"the header of a block ({raw[:4].hex()}) is not known", remedy="export it as OME-TIFF"
        )
    flat = bytes(imagecodecs.zstd_decode(raw[header:], out=needed))
    if not apart:
        return flat
    halves = np.frombuffer(flat, np.uint8).reshape(2, -1)
    return np.ascontiguousarray(halves.T).tobytes()


def _decode_jpeg(
    raw: bytes, compression: int, shape: tuple[int, int, int], dtype: np.dtype[Any]
) -> Array:
    import imagecodecs

    wanted = np.empty(shape if shape[2] > 1 else shape[:2], dtype.newbyteorder("="))
    decode = imagecodecs.jpeg_decode if compression == _JPEG else imagecodecs.jpegxr_decode
    return np.asarray(decode(raw, out=wanted)).reshape(shape)
