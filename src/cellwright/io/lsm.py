"""Zeiss LSM: a TIFF whose tag CZ_LSMINFO says what its pages are.

After "LSM 5 / LSM 7 image file format" (Carl Zeiss, releases 2.0 to 6.0) and what tifffile
has found out beyond it: every other page is a thumbnail; strips packed by LZW state their
unpacked length; and places of strips beyond 4 GiB begin again at 0.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from cellwright.core.errors import UnsupportedError
from cellwright.core.image import Spacing
from cellwright.io import tiff_directory as tags
from cellwright.io.tiff_directory import Directory, TiffHeader, check_blocks
from cellwright.io.tiff_image import Layout, broken
from cellwright.io.tiff_planes import Strips

__all__ = ["LsmInfo", "lsm_layouts", "read_lsm_info"]

_MAGIC = {0x0300494C, 0x0400494C}  # releases up to 1.3, and from 1.5 on
_LEAST = 152  # bytes of the structure in release 2.0
_POSITIONS_AT = 264  # DimensionP and DimensionM, in release 6.0
_PLANES, _DEPTH_ROWS = {0, 3, 6, 7}, {1, 4, 8, 9}  # ScanType: rows are Y, rows are Z
_REDUCED = 1  # bit of NewSubfileType: a thumbnail
_MIXED, _FLOAT = 0, 5  # DataType
_UM_PER_M = 1e6
_LARGEST_VOXEL = 0.1  # metres
_MOST_NAMES = 4096  # bytes of the names of channels
_WRAP = 2**32
_LONGEST_LZW = 2  # a packed strip may be longer than the unpacked one: by half, at worst
_LZW = 5


@dataclass(frozen=True)
class LsmInfo:
    """What the tag says.

    Attributes
    ----------
    tiles, positions, frames, depth, channels
        Number of each, in the order of the pages, the fastest last; channels are samples of
        a page.
    width, height
        Of a page, in pixels.
    spacing, interval
        In micrometres and seconds.
    names
        Of the channels; empty where they do not fit.
    rows_are_depth
        Whether it is a scan in x and z.
    """

    tiles: int
    positions: int
    frames: int
    depth: int
    channels: int
    width: int
    height: int
    spacing: Spacing
    interval: float | None
    names: tuple[str, ...]
    rows_are_depth: bool


def read_lsm_info(path: Path, file: BinaryIO, header: TiffHeader, page: Directory) -> LsmInfo:
    """Read the tag of the first page, and the blocks it points to.

    Raises
    ------
    UnreadableError
        If it is damaged.
    UnsupportedError
        If the pages are no pictures in space, or their channels are of different types.
    """
    raw = page.tags[tags.LSM_INFO]
    if not isinstance(raw, bytes) or len(raw) < _LEAST or header.order != "<":
        raise broken(path, "its LSM description is damaged")
    magic, stated, width, rows, depth, channels, frames, kind = struct.unpack_from("<IIiiiiii", raw)
    if magic not in _MAGIC:
        raise broken(path, "its LSM description is damaged")
    voxel = struct.unpack_from("<3d", raw, 40)
    (scan,) = struct.unpack_from("<H", raw, 88)
    (colours_at,) = struct.unpack_from("<I", raw, 108)
    interval, types_at = struct.unpack_from("<dI", raw, 112)
    (times_at,) = struct.unpack_from("<I", raw, 132)
    positions, tiles = 1, 1
    if min(stated, len(raw)) >= _POSITIONS_AT + 8:
        positions, tiles = (max(1, n) for n in struct.unpack_from("<2i", raw, _POSITIONS_AT))
    if scan not in _PLANES | _DEPTH_ROWS:
        raise _unsupported(path, "a scan of lines or points: its rows are times, not places")
    if min(width, rows, depth, channels, frames) < 1:
        raise broken(path, "its LSM description claims impossible sizes")
    if kind == _MIXED and len(set(_channel_types(file, header, types_at, channels))) > 1:
        raise _unsupported(path, "channels of different types")
    if kind == _FLOAT and page.structure.sample_format != 3:
        raise _unsupported(path, "floating-point numbers that its pages do not declare")
    steps = [v * _UM_PER_M if 0 < v < _LARGEST_VOXEL else None for v in voxel]
    in_depth = scan in _DEPTH_ROWS
    if in_depth:
        steps = [steps[0], steps[2], None]
        rows, depth = depth, 1
    return LsmInfo(
        tiles=tiles,
        positions=positions,
        frames=frames,
        depth=depth,
        channels=channels,
        width=width,
        height=rows,
        spacing=Spacing(z=steps[2], y=steps[1], x=steps[0]),
        interval=_interval(file, header, interval, times_at, frames),
        names=_names(file, header, colours_at, channels),
        rows_are_depth=in_depth,
    )


def _unsupported(path: Path, what: str) -> UnsupportedError:
    return UnsupportedError(
        f"an LSM file with {what} is not read", where=str(path), remedy="export it as OME-TIFF"
    )


def _block(file: BinaryIO, header: TiffHeader, place: int, size: int) -> bytes:
    """Bytes at a place; fewer, or none, where the file ends."""
    if not 8 <= place < header.length:
        return b""
    file.seek(place)
    return file.read(size)


def _channel_types(
    file: BinaryIO, header: TiffHeader, place: int, channels: int
) -> tuple[int, ...]:
    raw = _block(file, header, place, 4 + 4 * min(channels, 256))
    count = min(channels, (len(raw) - 4) // 4)
    return struct.unpack_from(f"<{count}I", raw, 4) if count > 0 else ()


def _interval(
    file: BinaryIO, header: TiffHeader, stated: float, times_at: int, frames: int
) -> float | None:
    """Seconds between frames: by the stamps of the first and last, else as it was asked for."""
    if frames < 2:
        return None
    raw = _block(file, header, times_at, 8 + 8 * frames)
    if len(raw) == 8 + 8 * frames and struct.unpack_from("<i", raw, 4)[0] == frames:
        first, last = struct.unpack_from("<d", raw, 8)[0], struct.unpack_from("<d", raw[-8:])[0]
        measured = (last - first) / (frames - 1)
        if 0 < measured < math.inf:
            return float(measured)
    return float(stated) if 0 < stated < math.inf else None


def _names(file: BinaryIO, header: TiffHeader, place: int, channels: int) -> tuple[str, ...]:
    """Names of channels, from the block that also has their colours."""
    head = _block(file, header, place, 24)
    if len(head) < 24:
        return ()
    size, _, count, _, names_at, _ = struct.unpack("<6I", head)
    if count != channels or not 24 <= names_at < size:
        return ()
    raw = _block(file, header, place + names_at, min(size - names_at, _MOST_NAMES))
    names: list[str] = []
    while len(raw) >= 4 and len(names) < count:
        (length,) = struct.unpack_from("<I", raw)
        if not 0 < length <= len(raw) - 4:
            return ()
        names.append(raw[4 : 4 + length].split(b"\0")[0].decode("cp1252", "replace").strip())
        raw = raw[4 + length :]
    unique = all(names) and len(set(names)) == len(names) == channels
    return tuple(names) if unique else ()


def lsm_layouts(
    path: Path, header: TiffHeader, info: LsmInfo, pages: Sequence[Directory]
) -> list[Layout]:
    """Say what the pages are: one scene for each position and tile.

    Raises
    ------
    UnreadableError
        If the pages are not what the tag says, or lie beyond the end of the file.
    """
    whole = [page for page in pages if not int(page.number(tags.SUBFILE, 0)) & _REDUCED]
    if not whole:
        raise broken(path, "the LSM file has nothing but thumbnails")
    structure = whole[0].structure
    if (structure.width, structure.length, structure.samples) != (
        info.width,
        info.height,
        info.channels,
    ):
        raise broken(
            path,
            f"its LSM description claims {info.channels} × {info.height} × {info.width}, its pages "
            f"have {structure.samples} × {structure.length} × {structure.width}",
        )
    scenes = info.tiles * info.positions
    frames, notes = info.frames, list[str]()
    if len(whole) < scenes * frames * info.depth and scenes == 1:
        frames = len(whole) // info.depth
        notes.append(f"only the first {frames} of {info.frames} frames are in the file")
    if frames < 1 or len(whole) < scenes * frames * info.depth:
        raise broken(
            path,
            f"its LSM description claims {scenes * info.frames * info.depth} planes, the file has "
            f"{len(whole)}",
        )
    if info.rows_are_depth:
        notes.append("a scan in x and z: its rows are depth")
    strips = _strips(path, header, pages, _reading_order(info, pages))
    places = np.array([page.offset for page in whole], dtype=np.int64)
    grid = places[: scenes * frames * info.depth].reshape(scenes, frames, 1, info.depth)
    kept = {page.offset for page in whole}
    return [
        Layout(
            pages=one,
            spacing=info.spacing,
            interval=info.interval,
            channels=info.names,
            notes=tuple(notes),
            index_is_value=True,
            samples_are_channels=info.channels > 1,
            strips={place: strips[place] for place in one.ravel().tolist() if place in kept},
        )
        for one in grid
    ]


def _reading_order(info: LsmInfo, pages: Sequence[Directory]) -> list[Directory]:
    """The pages in the order of their strips in the file: time before position."""
    scenes = info.tiles * info.positions
    per_frame, rest = divmod(len(pages), scenes * info.frames)
    if scenes == 1 or rest or not per_frame:
        return list(pages)
    order = np.arange(len(pages)).reshape(scenes, info.frames, per_frame).swapaxes(0, 1)
    return [pages[int(number)] for number in order.flat]


def _strips(
    path: Path, header: TiffHeader, pages: Sequence[Directory], order: Sequence[Directory]
) -> Strips:
    """Find where the strips truly are, and how long."""
    true: dict[int, tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]] = {}
    before = wrap = 0
    for page in order:
        offsets = page.offsets.copy()
        if header.length > _WRAP:
            for number, offset in enumerate(page.offsets.tolist()):
                wrap += _WRAP if offset < before else 0
                offsets[number] = offset + wrap
                before = offset
        true[page.offset] = offsets, page.counts
    starts = np.unique(np.concatenate([offsets for offsets, _ in true.values()]))
    ends = np.append(starts[1:], header.length)
    for page in pages:
        offsets, counts = true[page.offset]
        if page.structure.compression == _LZW:
            room = ends[np.searchsorted(starts, offsets)] - offsets
            counts = np.minimum(counts * _LONGEST_LZW, room)
            true[page.offset] = offsets, counts
        if not int(page.number(tags.SUBFILE, 0)) & _REDUCED:
            check_blocks(path, header, page.structure, offsets.astype(float), counts.astype(float))
    return true
