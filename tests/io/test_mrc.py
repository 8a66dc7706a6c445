"""MRC and CCP4 maps: files that mrcfile wrote, and headers that lie."""

from __future__ import annotations

import gzip
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.io.microscope_files import Array, read_all, refused, survives

from cellwright.core.errors import UnreadableError, UnsupportedError
from cellwright.io.mrc import READER

mrcfile = pytest.importorskip("mrcfile")
VOLUME = np.arange(4 * 5 * 6, dtype=np.float32).reshape(4, 5, 6)  # z, y, x


def write(path: Path, data: Array, **fields: Any) -> None:
    """Let mrcfile write `data`; then change fields of the header, by name."""
    with mrcfile.new(path, overwrite=True) as file:
        file.set_data(data)
        file.voxel_size = (2.0, 3.0, 4.0)  # x, y, z, in ångström
        for name, value in fields.items():
            file.header[name] = value


@pytest.mark.parametrize("dtype", ["i1", "i2", "f4", "u2"])
def test_what_mrcfile_writes(tmp_path: Path, dtype: str) -> None:
    path = tmp_path / "a.mrc"
    write(path, VOLUME.astype(dtype), ispg=1)
    [image] = read_all(READER, path)
    assert (image.axes, image.dtype) == ("ZYX", np.dtype(dtype))
    np.testing.assert_array_equal(image.pixels(), VOLUME)
    spacing = (image.spacing.z, image.spacing.y, image.spacing.x)
    assert spacing == pytest.approx((4e-4, 3e-4, 2e-4))


def test_halves_of_floats_are_given_as_floats(tmp_path: Path) -> None:
    path = tmp_path / "half.mrc"
    write(path, VOLUME.astype(np.float16), ispg=1)
    [image] = read_all(READER, path)
    assert image.dtype == np.float32
    np.testing.assert_array_equal(image.pixels(), VOLUME)


@pytest.mark.filterwarnings("ignore:Setting the dtype:DeprecationWarning")  # mrcfile, NumPy 2.5
def test_the_other_order_of_bytes(tmp_path: Path) -> None:
    path = tmp_path / "big.mrc"
    write(path, VOLUME.astype(">f4"), ispg=1)
    assert path.read_bytes()[212:214] == b"\x11\x11"
    [image] = read_all(READER, path)
    np.testing.assert_array_equal(image.pixels(), VOLUME)
    assert image.dtype.isnative


@pytest.mark.parametrize(
    ("mapc", "mapr", "maps"), [(1, 2, 3), (1, 3, 2), (2, 1, 3), (2, 3, 1), (3, 1, 2), (3, 2, 1)]
)
def test_axes_are_put_in_order(tmp_path: Path, mapc: int, mapr: int, maps: int) -> None:
    path = tmp_path / "turned.map"
    write(path, VOLUME, mapc=mapc, mapr=mapr, maps=maps, ispg=1)
    [image] = read_all(READER, path)
    # A voxel at column c, row r, section s is at these coordinates of x, y and z.
    c, r, s = 4, 1, 2
    at = {mapc: c, mapr: r, maps: s}
    assert image.pixels()[at[3], at[2], at[1]] == VOLUME[s, r, c]
    assert image.data[at[3], at[2], at[1]] == VOLUME[s, r, c]
    assert bool(image.notes) == ((mapc, mapr, maps) != (1, 2, 3))


def test_a_stack_of_pictures_is_no_volume(tmp_path: Path) -> None:
    path = tmp_path / "stack.mrcs"
    write(path, VOLUME, ispg=0, mz=1)
    [image] = read_all(READER, path)
    assert image.axes == "TYX"
    assert "taken for time" in image.notes[0]
    write(path, VOLUME, ispg=401, mz=2)
    [image] = read_all(READER, path)
    assert (image.axes, image.shape) == ("TZYX", (2, 2, 5, 6))
    write(path, VOLUME[0])
    [image] = read_all(READER, path)
    assert (image.axes, image.spacing.z) == ("YX", None)


@pytest.mark.parametrize("axes", [(1, 2, 3), (3, 1, 2)])
def test_gzipped(tmp_path: Path, axes: tuple[int, int, int]) -> None:
    plain, packed = tmp_path / "a.map", tmp_path / "a.map.gz"
    write(plain, VOLUME, ispg=1, mapc=axes[0], mapr=axes[1], maps=axes[2])
    packed.write_bytes(gzip.compress(plain.read_bytes(), mtime=0))
    [expected], [image] = read_all(READER, plain), read_all(READER, packed)
    np.testing.assert_array_equal(image.pixels(), expected.pixels())
    np.testing.assert_array_equal(image.data[1,], expected.pixels()[1])
    packed.write_bytes(gzip.compress(plain.read_bytes()[:-8], mtime=0))
    assert "instead of" in refused(READER, packed, UnreadableError)
    packed.write_bytes(gzip.compress(b"no map" * 1000, mtime=0))
    assert not READER.recognise(packed.read_bytes(), packed)
    packed.write_bytes(b"\x1f\x8b" + bytes(100))
    assert not READER.recognise(packed.read_bytes(), packed)


def test_bytes_of_old_imod_have_no_sign(tmp_path: Path) -> None:
    path = tmp_path / "imod.rec"
    write(path, np.arange(-60, 60, dtype=np.int8).reshape(4, 5, 6), ispg=1)
    whole = bytearray(path.read_bytes())
    whole[152:160] = struct.pack("<ii", 1146047817, 0)
    path.write_bytes(bytes(whole))
    [image] = read_all(READER, path)
    assert image.dtype == np.uint8
    assert image.pixels().flat[0] == 196


def test_files_without_the_mark_are_known_by_their_length(tmp_path: Path) -> None:
    path = tmp_path / "old.mrc"
    write(path, VOLUME)
    whole = bytearray(path.read_bytes())
    whole[208:216] = bytes(8)
    whole[40:52] = struct.pack("<3f", 6, 5, 4)  # one ångström per voxel
    path.write_bytes(bytes(whole))
    [image] = read_all(READER, path)
    np.testing.assert_array_equal(image.pixels(), VOLUME)
    assert image.spacing.x is None
    assert "no spacing is taken" in image.notes[0]
    path.write_bytes(bytes(whole) + b"x")
    assert not READER.recognise(bytes(whole[:1024]), path)


@pytest.mark.parametrize(("mode", "what"), [(3, "complex"), (4, "complex"), (101, "4 bits")])
def test_modes_that_are_refused(tmp_path: Path, mode: int, what: str) -> None:
    path = tmp_path / "odd.mrc"
    write(path, VOLUME, mode=mode)
    assert what in refused(READER, path, UnsupportedError)


@pytest.mark.parametrize(
    "fields",
    [
        {"nx": 2**30}, {"nz": 100_000}, {"nx": -6}, {"ny": 0}, {"mode": 77}, {"mapc": 3},
        {"nsymbt": -4}, {"nsymbt": 10**6},
    ],
)  # fmt: skip
def test_headers_that_lie(tmp_path: Path, fields: dict[str, int]) -> None:
    path = tmp_path / "lie.mrc"
    write(path, VOLUME, **fields)
    refused(READER, path, UnreadableError)
    packed = tmp_path / "lie.mrc.gz"
    packed.write_bytes(gzip.compress(path.read_bytes(), mtime=0))
    refused(READER, packed, UnreadableError)


def test_no_size_is_no_spacing(tmp_path: Path) -> None:
    path = tmp_path / "a.mrc"
    write(path, VOLUME, mx=0, my=0, mz=0, ispg=1)
    assert read_all(READER, path)[0].spacing.x is None


def test_damage_and_travel(tmp_path: Path) -> None:
    path = tmp_path / "a.mrc"
    write(path, VOLUME, ispg=1)
    whole = path.read_bytes()
    [image] = READER.open(path)
    sent = pickle.loads(pickle.dumps(image))
    np.testing.assert_array_equal(sent.data[2, 1:3], VOLUME[2, 1:3])
    packed = tmp_path / "a.mrc.gz"
    assert survives(READER, packed, gzip.compress(whole, mtime=0)) > 40
    assert survives(READER, path, whole) > 30
    path.write_bytes(whole[:1100])
    with pytest.raises(UnreadableError):
        sent.pixels()
