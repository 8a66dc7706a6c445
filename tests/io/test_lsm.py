"""Zeiss LSM: files built by hand after the format's description, against another reader."""

from __future__ import annotations

import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from cellwright.core.errors import InputError, UnreadableError, UnsupportedError
from cellwright.core.image import Array
from cellwright.io.open import open_images, read

MAGIC = 0x0400494C


def _info(
    shape: tuple[int, int, int, int, int],
    *,
    scan: int = 6,
    kind: int = 1,
    interval: float = 0.0,
    positions: int = 0,
    voxel: tuple[float, float, float] = (2e-7, 2.5e-7, 1e-6),
) -> bytearray:
    """CZ_LSMINFO of release 6.0; `shape` is (T, Z, C, Y, X)."""
    frames, depth, channels, height, width = shape
    raw = bytearray(500)
    struct.pack_into("<II6i", raw, 0, MAGIC, 500, width, height, depth, channels, frames, kind)
    struct.pack_into("<3d", raw, 40, *voxel)
    struct.pack_into("<H", raw, 88, scan)
    struct.pack_into("<d", raw, 112, interval)
    struct.pack_into("<2i", raw, 264, positions, 0)
    return raw


def _colours(names: list[str]) -> bytes:
    """The block of colours and names of channels."""
    texts = b"".join(struct.pack("<I", len(n) + 1) + n.encode("cp1252") + b"\0" for n in names)
    names_at = 24 + 4 * len(names)
    head = struct.pack("<6I", names_at + len(texts), len(names), len(names), 24, names_at, 0)
    return head + bytes([255, 0, 0, 0]) * len(names) + texts


def _write(
    path: Path,
    pixels: Array,
    info: bytearray,
    *,
    names: list[str] | None = None,
    times: list[float] | None = None,
    compression: str | None = None,
    predictor: bool = False,
) -> None:
    """Write (pages, C, Y, X) with a thumbnail after each page, as the instrument does."""
    with tifffile.TiffWriter(path, byteorder="<") as file:
        for number, page in enumerate(pixels):
            tags = [(34412, 1, len(info), bytes(info), True)] if number == 0 else []
            options: dict[str, Any] = {
                "metadata": None,
                "photometric": "minisblack",
                "compression": compression,
                "predictor": predictor,
                "rowsperstrip": page.shape[-2],
            }
            if len(page) > 1:
                options["planarconfig"] = "separate"
            file.write(page if len(page) > 1 else page[0], extratags=tags, **options)
            file.write(
                np.full((3, 4), 99, np.uint8), subfiletype=1, metadata=None,
                photometric="minisblack",
            )  # fmt: skip
    if compression:
        _state_unpacked_lengths(path, pixels[0, 0].nbytes)
    raw = bytearray(path.read_bytes())
    place = raw.index(bytes(info))
    for block, field in ((_colours(names) if names else b"", 108), (_stamps(times), 132)):
        if block:
            struct.pack_into("<I", raw, place + field, len(raw))
            raw += block
    path.write_bytes(raw)
    if pixels.shape[1] == 2:
        _keep_bits_apart(path)


def _stamps(times: list[float] | None) -> bytes:
    if not times:
        return b""
    return struct.pack(f"<2i{len(times)}d", 8 + 8 * len(times), len(times), *times)


def _entries(raw: bytearray) -> list[tuple[int, int, int, int]]:
    """Code, type, count and place of every tag of every page."""
    found = []
    place = struct.unpack_from("<I", raw, 4)[0]
    while place:
        count = struct.unpack_from("<H", raw, place)[0]
        for entry in range(place + 2, place + 2 + 12 * count, 12):
            code, kind, number = struct.unpack_from("<HHI", raw, entry)
            found.append((code, kind, number, entry))
        place = struct.unpack_from("<I", raw, place + 2 + 12 * count)[0]
    return found


def _values(raw: bytearray, kind: int, count: int, entry: int) -> int:
    """Where the values of a tag stand."""
    inside = count * {3: 2, 4: 4}[kind] <= 4
    return entry + 8 if inside else int(struct.unpack_from("<I", raw, entry + 8)[0])


def _keep_bits_apart(path: Path) -> None:
    """Put the bits of two samples at a place of their own, as LSM files do."""
    raw = bytearray(path.read_bytes())
    for code, _, count, entry in _entries(raw):
        if code == 258 and count == 2:
            bits = bytes(raw[entry + 8 : entry + 12])
            struct.pack_into("<I", raw, entry + 8, len(raw))
            raw += bits
    path.write_bytes(raw)


def _state_unpacked_lengths(path: Path, size: int) -> None:
    """Give the strips of packed pages their unpacked lengths, as LSM files have them."""
    raw = bytearray(path.read_bytes())
    packed = False
    for code, kind, count, entry in _entries(raw):
        if code == 259:
            packed = struct.unpack_from("<H", raw, entry + 8)[0] != 1
        if code == 279 and packed:
            letter = {3: "H", 4: "I"}[kind]
            where = _values(raw, kind, count, entry)
            struct.pack_into(f"<{count}{letter}", raw, where, *[size] * count)
    path.write_bytes(raw)


def _pixels(pages: int, channels: int, dtype: str = "u1") -> Array:
    rng = np.random.default_rng(5)
    return rng.integers(0, 200, (pages, channels, 11, 13)).astype(dtype)


@pytest.mark.parametrize("compression", [None, "lzw"])
@pytest.mark.parametrize("predictor", [False, True])
@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_time_depth_and_channels(
    tmp_path: Path, compression: str | None, predictor: bool, dtype: str
) -> None:
    if predictor and compression is None:
        predictor = False
    pixels = _pixels(6, 2, dtype)
    path = tmp_path / "a b.lsm"
    info = _info((3, 2, 2, 11, 13), interval=7.0)
    _write(path, pixels, info, names=["Ch2-T1", "Ch3-T2"], times=[5.0, 15.5, 26.0],
           compression=compression, predictor=predictor)  # fmt: skip
    image = read(path)
    assert (image.axes, image.shape) == ("TCZYX", (3, 2, 2, 11, 13))
    assert image.channels == ("Ch2-T1", "Ch3-T2")
    assert image.interval == pytest.approx(10.5)
    assert (image.spacing.x, image.spacing.y, image.spacing.z) == pytest.approx((0.2, 0.25, 1.0))
    wanted = pixels.reshape(3, 2, 2, 11, 13).swapaxes(1, 2)
    np.testing.assert_array_equal(image.pixels(), wanted)
    np.testing.assert_array_equal(image.data[1, 1, 0, 2:5, ::-2], wanted[1, 1, 0, 2:5, ::-2])
    again = pickle.loads(pickle.dumps(image))
    np.testing.assert_array_equal(again.frame(2).pixels(), wanted[2])
    with tifffile.TiffFile(path) as peer:  # another program finds the same
        assert peer.is_lsm
        series = peer.series[0]
        assert series.axes == "TZCYX"
        np.testing.assert_array_equal(series.asarray(), wanted.swapaxes(1, 2))
        metadata = peer.lsm_metadata
        assert metadata is not None
        assert metadata["ChannelColors"]["ColorNames"] == list(image.channels)
        assert metadata["VoxelSizeX"] * 1e6 == pytest.approx(image.spacing.x)


def test_one_channel_one_plane(tmp_path: Path) -> None:
    pixels = _pixels(1, 1)
    _write(tmp_path / "x.lsm", pixels, _info((1, 1, 1, 11, 13), scan=0, voxel=(2e-7, 2e-7, 0)))
    image = read(tmp_path / "x.lsm")
    assert image.axes == "YX"
    assert image.spacing.square == pytest.approx(0.2)
    assert image.spacing.z is None
    assert image.interval is None
    np.testing.assert_array_equal(image.pixels(), pixels[0, 0])


def test_the_asked_interval_counts_where_there_are_no_stamps(tmp_path: Path) -> None:
    _write(tmp_path / "x.lsm", _pixels(3, 1), _info((3, 1, 1, 11, 13), scan=3, interval=4.5))
    image = read(tmp_path / "x.lsm")
    assert (image.axes, image.interval) == ("TYX", 4.5)


def test_positions_are_scenes(tmp_path: Path) -> None:
    pixels = _pixels(4, 1)
    _write(tmp_path / "x.lsm", pixels, _info((1, 2, 1, 11, 13), scan=0, positions=2))
    images = open_images(tmp_path / "x.lsm")
    assert [image.source.scene for image in images] == ["0", "1"]
    for number, image in enumerate(images):
        assert image.axes == "ZYX"
        np.testing.assert_array_equal(image.pixels(), pixels[2 * number : 2 * number + 2, 0])


def test_a_scan_in_depth_says_so(tmp_path: Path) -> None:
    _write(tmp_path / "x.lsm", _pixels(1, 1), _info((1, 11, 1, 1, 13), scan=1))
    image = read(tmp_path / "x.lsm")
    assert image.axes == "YX"
    assert image.spacing.y == pytest.approx(1.0)
    assert any("depth" in note for note in image.notes)


def test_an_unfinished_series_gives_its_whole_frames(tmp_path: Path) -> None:
    pixels = _pixels(5, 1)
    _write(tmp_path / "x.lsm", pixels, _info((4, 2, 1, 11, 13)))
    image = read(tmp_path / "x.lsm")
    assert image.shape == (2, 2, 11, 13)
    assert any("first 2 of 4" in note for note in image.notes)


def test_places_beyond_4_gib_begin_again_at_zero(tmp_path: Path) -> None:
    pixels = _pixels(3, 2)
    path = tmp_path / "x.lsm"
    _write(path, pixels, _info((1, 3, 2, 11, 13), scan=0))
    raw = bytearray(path.read_bytes())
    places = [
        (_values(raw, kind, count, entry), kind, count)
        for code, kind, count, entry in _entries(raw)
        if code == 273
    ]
    far = 2**32 - 2 * 11 * 13 - 12 + 100  # so that the third page lies beyond
    where, strips = far, []
    for page in pixels:
        strips += [(where + number * 143, plane) for number, plane in enumerate(page)]
        where += 2 * 143
        strips.append((where, np.full((3, 4), 99, np.uint8)))
        where += 12
    with path.open("r+b") as stream:
        todo = iter(strips)
        for place, kind, count in places:
            assert kind == 4
            offsets = []
            for _ in range(count):
                offset, plane = next(todo)
                stream.seek(offset)
                stream.write(plane.tobytes())
                offsets.append(offset % 2**32)
            stream.seek(place)
            stream.write(struct.pack(f"<{count}I", *offsets))
    assert path.stat().st_size > 2**32
    image = read(path)
    np.testing.assert_array_equal(image.pixels(), pixels.swapaxes(0, 1))
    path.unlink()  # it is sparse, but not everywhere


@pytest.mark.parametrize(
    ("change", "error", "what"),
    [
        ({"scan": 2}, UnsupportedError, "lines or points"),
        ({"scan": 77}, UnsupportedError, "lines or points"),
        ({"kind": 5}, UnsupportedError, "floating-point"),
        ({"shape": (1, 1, 3, 11, 13)}, UnreadableError, "claims"),
        ({"shape": (1, 2**30, 2, 11, 13)}, UnreadableError, "claims"),
        ({"shape": (1, 0, 2, 11, 13)}, UnreadableError, "impossible"),
        ({"shape": (1, -1, 2, 11, 13)}, UnreadableError, "impossible"),
    ],
)
def test_what_is_not_read_is_refused(
    tmp_path: Path, change: dict[str, Any], error: type[InputError], what: str
) -> None:
    shape = change.pop("shape", (1, 1, 2, 11, 13))
    _write(tmp_path / "x.lsm", _pixels(1, 2), _info(shape, **change))
    with pytest.raises(error, match=what):
        open_images(tmp_path / "x.lsm")


def test_channels_of_different_types_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.lsm"
    info = _info((1, 1, 2, 11, 13), kind=0)
    _write(path, _pixels(1, 2), info)
    raw = bytearray(path.read_bytes())
    struct.pack_into("<I", raw, raw.index(bytes(info)) + 120, len(raw))
    path.write_bytes(raw + struct.pack("<3I", 2, 1, 2))
    with pytest.raises(UnsupportedError, match="different types"):
        open_images(path)
    path.write_bytes(raw + struct.pack("<3I", 2, 1, 1))
    assert read(path).size("C") == 2


def test_a_damaged_lsm_fails_and_never_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "x.lsm"
    _write(path, _pixels(4, 2), _info((2, 2, 2, 11, 13)), names=["a", "b"], times=[0, 1],
           compression="lzw")  # fmt: skip
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for number in range(150):
        raw = bytearray(whole)
        if number % 2:
            raw = raw[: int(rng.integers(8, len(raw)))]
        else:
            for place in rng.integers(0, len(raw), 12):
                raw[place] = int(rng.integers(0, 256))
        path.write_bytes(raw)
        try:
            for image in open_images(path):
                image.pixels()
        except InputError as error:
            refused += bool(error.what and error.where)
    assert refused > 75  # every second one is cut short
