"""Small files of microscopes, written by hand to the published layouts, and how to try them."""

from __future__ import annotations

import struct
import time
import tracemalloc
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from cellwright.core.errors import InputError
from cellwright.core.image import Image
from cellwright.io.reader import Reader

Array = npt.NDArray[Any]

MUCH = 50_000_000
"""Bytes: more than reading any of these small files may take, whatever they claim."""


def read_all(reader: Reader, path: Path) -> list[Image]:
    """Open a file that its reader must know, and read all pixels of all pictures."""
    with path.open("rb") as file:
        assert reader.recognise(file.read(4096), path)
    images = reader.open(path)
    for image in images:
        assert image.pixels().shape == image.shape
        assert image.pixels().dtype == image.dtype
    return images


def refused(reader: Reader, path: Path, kind: type[InputError] = InputError) -> str:
    """Read a file that must be refused, soon and in little memory; give the message."""
    started = time.perf_counter()
    tracemalloc.start()
    try:
        with pytest.raises(kind) as caught:
            _read(reader, path)
        assert tracemalloc.get_traced_memory()[1] < MUCH
    finally:
        tracemalloc.stop()
    assert time.perf_counter() - started < 10
    assert caught.value.where == str(path)
    assert caught.value.what
    assert caught.value.remedy
    return str(caught.value)


def _read(reader: Reader, path: Path) -> None:
    for image in reader.open(path):
        if np.prod(image.shape, dtype=float) * image.dtype.itemsize < MUCH:
            image.pixels()


def survives(reader: Reader, path: Path, whole: bytes) -> int:
    """Cut a file short and flip its bytes in many ways; give how many of them were refused.

    What is left must be read or refused with an error of ours, never anything else.
    """
    random = np.random.default_rng(11)
    refusals = 0
    for number in range(120):
        damaged = bytearray(whole)
        if number % 3 == 0:
            damaged = damaged[: int(random.integers(len(whole)))]
        elif number % 3 == 1:
            for place in random.integers(len(whole), size=20):
                damaged[place] = int(random.integers(256))
        else:
            place = int(random.integers(len(whole) - 4))
            number_there = (b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\0")[number // 3 % 3]
            damaged[place : place + 4] = number_there
        path.write_bytes(bytes(damaged))
        try:
            _read(reader, path)
        except InputError as error:
            refusals += error.where == str(path) and bool(error.remedy)
    return refusals


# Nikon ND2, version 3


def _lite(name: str, value: Any) -> bytes:
    """One entry of ND2's binary metadata: its type, its name in UTF-16, its value."""
    letters = (name + "\0").encode("utf-16-le")
    kinds = {bool: (1, "<?"), int: (2, "<i"), float: (6, "<d")}
    if isinstance(value, Mapping):
        inner = b"".join(_lite(key, item) for key, item in value.items())
        length = 2 + len(letters) + 12 + len(inner)
        head = bytes([11, len(name) + 1]) + letters + struct.pack("<IQ", len(value), length)
        return head + inner + bytes(8 * len(value))
    if isinstance(value, str):
        return bytes([8, len(name) + 1]) + letters + (value + "\0").encode("utf-16-le")
    kind, form = kinds[type(value)]
    return bytes([kind, len(name) + 1]) + letters + struct.pack(form, value)


def _chunk(name: bytes, data: bytes, room: int = 0) -> bytes:
    padded = name.ljust(max(room, len(name)), b"\0")
    return struct.pack("<IIQ", 0x0ABECEDA, len(padded), len(data)) + padded + data


def time_loop(count: int, period_ms: float) -> dict[str, Any]:
    """A loop over time."""
    return {
        "eType": 1,
        "uLoopPars": {"uiCount": count, "dStart": 0.0, "dPeriod": period_ms, "dDuration": 0.0},
    }


def z_loop(count: int, step: float) -> dict[str, Any]:
    """A loop over depth."""
    return {"eType": 4, "uLoopPars": {"uiCount": count, "dZStep": step}}


def position_loop(*names: str) -> dict[str, Any]:
    """A loop over positions of the stage."""
    points = {
        f"i{n:010}": {"dPosX": 10.0 * n, "dPosY": 0.0, "dPosZ": 0.0, "dPosName": name}
        for n, name in enumerate(names)
    }
    return {"eType": 2, "uLoopPars": {"uiCount": len(names), "Points": points, "bUseZ": False}}


def write_nd2(
    path: Path,
    frames: Array,
    loops: Sequence[Mapping[str, Any]] = (),
    *,
    channels: Sequence[str] = ("one",),
    bits: int | None = None,
    compression: int = 2,
    um: float = 0.5,
    times: Sequence[float] = (),
    padding: int = 0,
    omit: Sequence[int] = (),
) -> None:
    """Write frames of (number, Y, X, component).

    Parameters
    ----------
    loops
        From the outermost to the innermost.
    compression
        0 lossless, 1 lossy, 2 none.
    times
        Milliseconds of each frame.
    padding
        Bytes at the end of each row that mean nothing.
    omit
        Numbers of frames that are left out.
    """
    import zlib

    count, height, width, components = frames.shape
    depth = 8 * frames.dtype.itemsize
    row_bytes = width * components * frames.dtype.itemsize + padding
    attributes = {
        "uiWidth": width, "uiWidthBytes": row_bytes, "uiHeight": height, "uiComp": components,
        "uiBpcInMemory": depth, "uiBpcSignificant": bits or depth, "uiSequenceCount": count,
        "eCompression": compression, "dCompressionParam": 0.0,
    }  # fmt: skip
    planes = {
        f"a{n}": {
            "sDescription": name, "uiCompCount": components // len(channels), "uiSampleIndex": n,
            "uiColor": 255, "pFluorescentProbe": {"m_dummy": 1},
        }
        for n, name in enumerate(channels)
    }  # fmt: skip
    metadata = {
        "bCalibrated": um > 0, "dCalibration": um, "dTimeMSec": 0.0,
        "sPicturePlanes": {
            "uiCount": len(channels), "uiCompCount": components, "sPlaneNew": planes,
        },
    }  # fmt: skip
    experiment: dict[str, Any] = {}
    for loop in reversed(loops):
        inner = {"ppNextLevelEx": {"i0000000000": experiment}} if experiment else {}
        experiment = {**loop, **inner}
    parts = [
        (b"ImageAttributesLV!", _lite("SLxImageAttributes", attributes)),
        (b"ImageMetadataSeqLV|0!", _lite("SLxPictureMetadata", metadata)),
    ]
    if experiment:
        parts.append((b"ImageMetadataLV!", _lite("SLxExperiment", experiment)))
    if times:
        parts.append((b"CustomData|AcqTimesCache!", np.array(times, "<f8").tobytes()))
    for number, frame in enumerate(frames):
        if number in omit:
            continue
        rows = frame.reshape(height, -1).view(np.uint8)
        raw = np.pad(rows, ((0, 0), (0, padding)), constant_values=77).tobytes()
        raw = zlib.compress(raw) if compression == 0 else raw
        parts.append((b"ImageDataSeq|%d!" % number, bytes(8) + raw))
    whole = _chunk(b"ND2 FILE SIGNATURE CHUNK NAME01!", b"Ver3.0".ljust(64, b"\0"))
    listed = b""
    for name, data in parts:
        listed += name + struct.pack("<QQ", len(whole), len(data))
        whole += _chunk(name, data, room=4072)
    end = b"ND2 CHUNK MAP SIGNATURE 0000001!" + struct.pack("<Q", len(whole))
    path.write_bytes(whole + _chunk(b"ND2 FILEMAP SIGNATURE NAME 0001!", listed + end))


# Zeiss CZI


def _segment(name: bytes, data: bytes) -> bytes:
    return struct.pack("<16sqq", name, len(data), len(data)) + data


def _entry(block: Mapping[str, Any], place: int) -> bytes:
    dimensions = dict(block["at"])
    y, x, height, width = block["rectangle"]
    sizes = [("X", x, width, block.get("stored", (height, width))[1])]
    sizes += [("Y", y, height, block.get("stored", (height, width))[0])]
    sizes += [(name, start, 1, 1) for name, start in dimensions.items()]
    return struct.pack(
        "<2siqii6si", b"DV", block["kind"], place, block.get("part", 0),
        block.get("compression", 0), bytes(6), len(sizes),
    ) + b"".join(
        struct.pack("<4siifi", name.encode(), start, size, float(start), stored)
        for name, start, size, stored in sizes
    )  # fmt: skip


def write_czi(
    path: Path,
    blocks: Sequence[Mapping[str, Any]],
    xml: str = "",
    times: Sequence[float] = (),
) -> None:
    """Write blocks, each with `at`, `rectangle` (y, x, height, width), `kind` and `data`."""
    head_length = 32 + 512
    places: list[int] = []
    body = b""
    for block in blocks:
        places.append(head_length + len(body))
        entry = _entry(block, places[-1])
        head = (struct.pack("<iiq", 0, 0, len(block["data"])) + entry).ljust(256, b"\0")
        body += _segment(b"ZISRAWSUBBLOCK", head + block["data"])
    listed = head_length + len(body)
    entries = b"".join(_entry(b, place) for b, place in zip(blocks, places, strict=True))
    body += _segment(b"ZISRAWDIRECTORY", struct.pack("<i", len(blocks)).ljust(128, b"\0") + entries)
    described = head_length + len(body)
    text = xml.encode()
    body += _segment(b"ZISRAWMETADATA", struct.pack("<i", len(text)).ljust(256, b"\0") + text)
    attached = 0
    if times:
        stamps = struct.pack("<ii", 8 + 8 * len(times), len(times)) + np.array(times).tobytes()
        place = head_length + len(body)
        entry = (b"A1".ljust(12, b"\0") + struct.pack("<q", place)).ljust(48, b"\0")
        entry = (entry + b"TimeStamps").ljust(128, b"\0")
        content = (struct.pack("<i", len(stamps)).ljust(16, b"\0") + entry).ljust(256, b"\0")
        body += _segment(b"ZISRAWATTACH", content + stamps)
        attached = head_length + len(body)
        body += _segment(b"ZISRAWATTDIR", struct.pack("<i", 1).ljust(256, b"\0") + entry)
    positions = struct.pack("<ii8s16s16si", 1, 0, bytes(8), bytes(16), bytes(16), 0)
    positions += struct.pack("<qqiq", listed, described, 0, attached)
    path.write_bytes(_segment(b"ZISRAWFILE", positions.ljust(512, b"\0")) + body)


# Leica LIF


def write_lif(path: Path, elements: str, memories: Mapping[str, bytes], version: int = 2) -> None:
    """Write a LIF file: the XML of its elements, and the blocks that they name."""
    xml = (
        f'<LMSDataContainerHeader Version="{version}"><Element Name="file"><Data/><Children>'
        f"{elements}</Children></Element></LMSDataContainerHeader>"
    )
    text = xml.encode("utf-16-le")
    whole = struct.pack("<IIBI", 0x70, len(text) + 5, 0x2A, len(text) // 2) + text
    for name, data in memories.items():
        letters = name.encode("utf-16-le")
        whole += struct.pack("<IIBQBI", 0x70, 0, 0x2A, len(data), 0x2A, len(letters) // 2)
        whole += letters + data
    path.write_bytes(whole)


def lif_element(
    name: str,
    memory: str,
    size: int,
    dimensions: Sequence[tuple[int, int, int, float]],
    channels: Sequence[tuple[int, int]] = ((0, 0),),
    bits: int = 8,
) -> str:
    """XML of one picture; dimensions are (DimID, count, bytes, length), channels (tag, bytes)."""
    described = "".join(
        f'<DimensionDescription DimID="{number}" NumberOfElements="{count}" Origin="0" '
        f'Length="{length}" Unit="{"s" if number == 4 else "m"}" BytesInc="{step}" BitInc="0"/>'
        for number, count, step, length in dimensions
    )
    channel_xml = "".join(
        f'<ChannelDescription DataType="0" ChannelTag="{tag}" Resolution="{bits}" '
        f'NameOfMeasuredQuantity="" Min="0" Max="255" Unit="" LUTName="Gray" IsLUTInverted="0" '
        f'BytesInc="{step}" BitInc="0"/>'
        for tag, step in channels
    )
    return (
        f'<Element Name="{name}"><Data><Image><ImageDescription><Channels>{channel_xml}</Channels>'
        f"<Dimensions>{described}</Dimensions></ImageDescription></Image></Data>"
        f'<Memory Size="{size}" MemoryBlockID="{memory}"/></Element>'
    )


# Olympus OIB: a compound file ([MS-CFB]) of version 3

_SECTOR = 512
_END, _FREE, _NONE = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFF


def _directory_entry(name: str, kind: int, links: Sequence[int], start: int, size: int) -> bytes:
    letters = (name + "\0").encode("utf-16-le")
    return struct.pack(
        "<64sHBBIII16sIQQIQ",
        letters, len(letters), kind, 1, *links, bytes(16), 0, 0, 0, start, size,
    )  # fmt: skip


def write_oib(path: Path, streams: Mapping[str, bytes]) -> None:
    """Write streams of these names into the root of a compound file; none is a short stream."""
    sectors: list[bytes] = []
    fat: list[int] = []

    def add(data: bytes) -> int:
        first = len(sectors)
        count = max(1, -(-len(data) // _SECTOR))
        for number in range(count):
            sectors.append(data[number * _SECTOR : (number + 1) * _SECTOR].ljust(_SECTOR, b"\0"))
            fat.append(_END if number == count - 1 else first + number + 1)
        return first

    placed = {name: (add(data), len(data)) for name, data in streams.items()}
    entries = [_directory_entry("Root Entry", 5, (_NONE, _NONE, 1), _END, 0)]
    for number, (name, (start, size)) in enumerate(placed.items(), 1):
        following = number + 1 if number < len(placed) else _NONE
        entries.append(_directory_entry(name, 2, (_NONE, following, _NONE), start, size))
    while len(entries) % 4:
        entries.append(_directory_entry("", 0, (_NONE, _NONE, _NONE), 0, 0))
    directory = add(b"".join(entries))
    tables = -(-(len(fat) + 8) // 128)
    first_table = len(sectors)
    fat += [0xFFFFFFFD] * tables
    fat += [_FREE] * (tables * 128 - len(fat))
    sectors += [
        struct.pack("<128I", *fat[128 * number : 128 * (number + 1)]) for number in range(tables)
    ]
    difat = [first_table + number for number in range(tables)]
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + struct.pack(
        "<16sHHHHHHIIIIIIIIII",
        bytes(16), 0x3E, 3, 0xFFFE, 9, 6, 0, 0, 0, tables, directory, 0, 0, _END, 0, _END, 0,
    )  # fmt: skip
    header += struct.pack("<109I", *difat, *[_FREE] * (109 - tables))
    path.write_bytes(header + b"".join(sectors))
