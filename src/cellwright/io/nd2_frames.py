"""The frames of a Nikon ND2 file: where they lie, and how one is read.

A file is a row of chunks, each with a magic number, the lengths of its name and its data, the
name and the data; a map of all chunks stands at the end. A frame is one chunk, with all
channels of a pixel beside each other. The library nd2 reads the metadata; the frames are read
here, because it gives zeros for those that are missing or cut short.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from cellwright.core.errors import UnreadableError
from cellwright.core.image import Array
from cellwright.io.planar import Place

__all__ = ["Frames", "chunk_map", "chunk_start", "frame_numbers"]

_MAGIC = 0x0ABECEDA
_HEADER = struct.Struct("<IIQ")  # magic, length of the name, length of the data
_ENTRY = struct.Struct("<QQ")  # in the map: place of the chunk, length of its data
_END = b"ND2 CHUNK MAP SIGNATURE 0000001!"
_TAIL = struct.Struct(f"<{len(_END)}sQ")  # the last bytes of the file: where the map is
_TIME = 8  # bytes before the pixels of a frame: when it was taken


def chunk_map(file: BinaryIO, length: int) -> dict[bytes, tuple[int, int]]:
    """Read the map: from the name of each chunk to its place and the length of its data.

    Raises
    ------
    UnreadableError
        If it is not where it should be: the file was cut short, or never finished.
    struct.error, ValueError
        If it is damaged.
    """
    file.seek(max(0, length - _TAIL.size))
    signature, place = _TAIL.unpack(file.read(_TAIL.size))
    if signature != _END:
        raise UnreadableError(
            "the map at the end of the ND2 file is missing: it was cut short or never finished",
            remedy="copy or export it again",
        )
    start, size = chunk_start(file, place, length)
    file.seek(start)
    data = file.read(size)
    chunks: dict[bytes, tuple[int, int]] = {}
    position = 0
    while (end := data.index(b"!", position) + 1) and data[position:end] != _END:
        chunks[data[position:end]] = _ENTRY.unpack_from(data, end)
        position = end + _ENTRY.size
    return chunks


def chunk_start(file: BinaryIO, place: int, length: int) -> tuple[int, int]:
    """Where the data of the chunk at `place` begin, and how many bytes they are.

    Raises
    ------
    UnreadableError
        If there is no chunk, or it reaches beyond the end of the file.
    """
    if place + _HEADER.size <= length:
        file.seek(place)
        magic, name, size = _HEADER.unpack(file.read(_HEADER.size))
        start = place + _HEADER.size + name
        if magic == _MAGIC and start + size <= length:
            return start, size
    raise UnreadableError(
        f"a chunk of the ND2 file should be at byte {place}, and is not there",
        remedy="copy or export it again",
    )


@dataclass(frozen=True, eq=False)
class Frames:
    """Reads planes out of frames; satisfies `cellwright.io.planar.ReadPlanes`.

    Attributes
    ----------
    chunks
        Place of the chunk of each frame, over the axes T and Z where the picture has them.
    channel_axis
        Which of the leading axes is C; None without.
    height, width, row_bytes
        Size of a frame, and bytes from one row to the next, which may hold some of no use.
    channels, samples
        How the components of a pixel are divided: 1 sample a channel, or 3 of a colour.
    dtype
        Of a component.
    packed
        Whether frames are compressed (deflate).
    """

    chunks: npt.NDArray[np.int64]
    channel_axis: int | None
    height: int
    width: int
    row_bytes: int
    channels: int
    samples: int
    dtype: np.dtype[Any]
    packed: bool

    def __call__(self, path: Path, places: Sequence[Place]) -> Iterator[tuple[int, Array]]:
        """Read each frame once, and give all that is wanted of it."""
        wanted: dict[int, list[tuple[int, int]]] = {}
        for number, place in enumerate(places):
            where = list(place)
            channel = where.pop(self.channel_axis) if self.channel_axis is not None else 0
            wanted.setdefault(int(self.chunks[tuple(where)]), []).append((number, channel))
        with path.open("rb") as file:
            length = file.seek(0, 2)
            for chunk, numbers in wanted.items():
                frame = self._frame(file, chunk, length)
                for number, channel in numbers:
                    plane = frame[:, :, channel]
                    yield number, np.ascontiguousarray(plane if self.samples > 1 else plane[..., 0])

    def _frame(self, file: BinaryIO, chunk: int, length: int) -> Array:
        """One frame as (Y, X, channel, sample)."""
        start, size = chunk_start(file, chunk, length)
        file.seek(start + _TIME)
        needed = self.height * self.row_bytes
        raw = file.read(max(0, size - _TIME) if self.packed else min(needed, size - _TIME))
        if self.packed:  # no more is unpacked than the frame may hold
            raw = zlib.decompressobj().decompress(raw, needed)
        if len(raw) < needed:
            raise UnreadableError(
                f"a frame has {len(raw)} bytes instead of {needed}",
                remedy="copy or export the file again",
            )
        rows = np.frombuffer(raw, np.uint8).reshape(self.height, self.row_bytes)
        used = self.width * self.channels * self.samples * self.dtype.itemsize
        pixels = np.ascontiguousarray(rows[:, :used]).view(self.dtype)
        return pixels.reshape(self.height, self.width, self.channels, self.samples)


def frame_numbers(chunks: Mapping[bytes, tuple[int, int]]) -> dict[int, int]:
    """From the number of each frame to the place of its chunk."""
    start = b"ImageDataSeq|"
    return {
        int(name[len(start) : -1]): place
        for name, (place, _) in chunks.items()
        if name.startswith(start) and name[len(start) : -1].isdigit()
    }
