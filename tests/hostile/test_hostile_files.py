"""Files that are empty, cut short, damaged, or made to do harm: a clear message, nothing else."""

from __future__ import annotations

import io
import os
import pickle
import struct
import subprocess
import sys
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from cellwright.core.errors import (
    InputError,
    NotAPictureError,
    UnreadableError,
    UnsupportedError,
)
from cellwright.io.open import open_images

RAMP = (np.arange(24 * 20, dtype=np.uint16) * 17).reshape(24, 20)
BYTES = (RAMP // 34).astype(np.uint8)


def _read_all(path: Path) -> None:
    for image in open_images(path):
        image.pixels()


def _refused(path: Path, kind: type[InputError] = InputError) -> str:
    """Read a file that must be refused, in little memory; give the message."""
    tracemalloc.start()
    try:
        with pytest.raises(kind) as caught:
            _read_all(path)
        assert tracemalloc.get_traced_memory()[1] < 50_000_000
    finally:
        tracemalloc.stop()
    assert caught.value.where == str(path)
    assert caught.value.what
    assert caught.value.remedy
    return str(caught.value)


def _png(width: int, height: int, depth: int = 8, colour: int = 0, body: bytes = b"") -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content
            + struct.pack(">I", zlib.crc32(kind + content))
        )  # fmt: skip

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")
    )  # fmt: skip


def _tiff(entries: dict[int, tuple[str, int]], after: int = 0, body: bytes = bytes(64)) -> bytes:
    """A TIFF of one page whose tags hold one number each; pixels begin at 8."""
    place = 8 + len(body)
    raw = b"II*\0" + struct.pack("<I", place) + body + struct.pack("<H", len(entries))
    for code, (letter, value) in sorted(entries.items()):
        packed = struct.pack("<" + letter, value).ljust(4, b"\0")
        raw += struct.pack("<HHI", code, {"H": 3, "I": 4}[letter], 1) + packed
    return raw + struct.pack("<I", after)


def _page(**changed: int) -> dict[int, tuple[str, int]]:
    values = {
        "width": 8, "length": 8, "bits": 8, "compression": 1, "photometric": 1, "offset": 8,
        "samples": 1, "rows": 8, "count": 64,
    } | changed  # fmt: skip
    codes = [256, 257, 258, 259, 262, 273, 277, 278, 279]
    letters = "IIHHHIHII"
    return {
        code: (letter, value)
        for code, letter, value in zip(codes, letters, values.values(), strict=True)
    }


def test_the_handmade_files_are_sound(tmp_path: Path) -> None:
    (tmp_path / "x.tif").write_bytes(_tiff(_page()))
    (tmp_path / "x.png").write_bytes(_png(4, 3, body=bytes(3 * 5)))
    for name in ("x.tif", "x.png"):
        [image] = open_images(tmp_path / name)
        assert image.pixels().shape == image.shape


@pytest.mark.parametrize("name", ["a.tif", "a.png", "a.jpg", "a.bmp", "a.npy", "=a 'b' <c>\n.tif"])
def test_empty_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"")
    assert "empty" in _refused(tmp_path / name, UnreadableError)


@pytest.mark.parametrize("name", ["a.tif", "a.png", "a.jpg", "a.bmp", "a.npy"])
def test_text_with_the_name_of_a_picture(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("well,count\nA1,17\n")
    assert "text" in _refused(tmp_path / name, NotAPictureError)


def test_missing_folder_and_pipe(tmp_path: Path) -> None:
    assert "no such file" in _refused(tmp_path / "gone.tif", UnreadableError)
    assert "folder" in _refused(tmp_path, UnsupportedError)
    os.mkfifo(tmp_path / "pipe.tif")
    assert "pipe" in _refused(tmp_path / "pipe.tif", UnsupportedError)
    (tmp_path / "link.tif").symlink_to("nowhere")
    assert "nowhere" in _refused(tmp_path / "link.tif", UnreadableError)


def _samples(folder: Path) -> list[Path]:
    """Sound little pictures of every format, written by the usual libraries."""
    noise = np.random.default_rng(3).integers(0, 256, (24, 20, 3), dtype=np.uint8)
    stack = np.stack([RAMP] * 4).reshape(2, 2, 24, 20)
    tifffile.imwrite(folder / "plain.tif", RAMP)
    tifffile.imwrite(folder / "lzw.tif", RAMP, compression="lzw", predictor=True)
    tifffile.imwrite(folder / "tiles.tif", BYTES, tile=(16, 16), compression="zlib")
    tifffile.imwrite(folder / "jpeg.tif", noise, photometric="rgb", compression="jpeg")
    tifffile.imwrite(folder / "big.tif", RAMP, bigtiff=True, compression="zstd")
    tifffile.imwrite(folder / "imagej.tif", stack, imagej=True, metadata={"axes": "TCYX"})
    tifffile.imwrite(
        folder / "ome.tif", stack, ome=True, photometric="minisblack", metadata={"axes": "TCYX"}
    )
    for mode in ("1", "L", "P", "RGB", "RGBA"):
        Pillow.fromarray(noise).convert(mode).save(folder / f"{mode}.png")
    Pillow.fromarray(RAMP).save(folder / "16.png")
    for mode in ("1", "L", "P", "RGB"):
        Pillow.fromarray(noise).convert(mode).save(folder / f"{mode}.bmp")
    for mode in ("L", "RGB", "CMYK"):
        Pillow.fromarray(noise).convert(mode).save(folder / f"{mode}.jpg")
    np.save(folder / "a.npy", RAMP)
    np.save(folder / "b.npy", np.asfortranarray(stack))
    return sorted(folder.iterdir())


def test_files_that_are_cut_short(tmp_path: Path) -> None:
    (tmp_path / "sound").mkdir()
    for path in _samples(tmp_path / "sound"):
        whole = path.read_bytes()
        if path.name == "b.npy":
            continue  # four axes are refused before
        _read_all(path)
        for part in (0.1, 0.3, 0.5, 0.7, 0.9, 0.97):
            cut = tmp_path / path.name
            cut.write_bytes(whole[: int(len(whole) * part)])
            _refused(cut)


def test_zero_sized_pictures(tmp_path: Path) -> None:
    files: dict[str, bytes] = {
        "a.png": _png(0, 5),
        "b.png": _png(5, 0),
        "a.tif": _tiff(_page(width=0)),
        "b.tif": _tiff(_page(length=0)),
    }
    raw = io.BytesIO()
    np.save(raw, np.zeros((0, 5)))
    files["a.npy"] = raw.getvalue()
    picture = io.BytesIO()
    Pillow.fromarray(BYTES).save(picture, "BMP")
    bitmap = bytearray(picture.getvalue())
    bitmap[18:22] = bytes(4)
    files["a.bmp"] = bytes(bitmap)
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        assert "no pixels" in _refused(tmp_path / name, UnreadableError)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.png", _png(2**31 - 1, 2**31 - 1)),
        ("b.png", _png(1_000_000, 1_000_000, 16, 6)),
        ("plain.tif", _tiff(_page(width=2**31, length=2**31, rows=2**31))),
        ("deflate.tif", _tiff(_page(width=2**20, length=2**20, rows=2**20, compression=8))),
        ("jpeg2000.tif", _tiff(_page(width=2**20, length=2**20, rows=2**20, compression=34712))),
        ("lzw.tif", _tiff(_page(width=2**32 - 1, length=2**32 - 1, rows=1, compression=5))),
        ("strips.tif", _tiff(_page(width=2**30, length=2**32 - 1, rows=1))),
        ("samples.tif", _tiff(_page(samples=65535))),
        (
            "a.npy",
            b"\x93NUMPY\x01\x00\x76\x00"
            + b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000, 1000000), }".ljust(117)
            + b"\n",
        ),
        (
            "a.bmp",
            b"BM" + struct.pack("<IHHI", 70, 0, 0, 54)
            + struct.pack("<IiiHHIIiiII", 40, 2**31 - 1, 2**31 - 1, 1, 24, 0, 0, 0, 0, 0, 0)
            + bytes(16),
        ),
    ],
)  # fmt: skip
def test_headers_that_claim_terabytes(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    _refused(tmp_path / name)


def test_a_chain_of_pages_that_runs_in_a_circle(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(_tiff(_page(), after=8 + 64))
    assert "circle" in _refused(tmp_path / "a.tif", UnreadableError)


def test_pages_strips_and_values_beyond_the_end(tmp_path: Path) -> None:
    entries = _page()
    entries[270] = ("I", 10**6)
    text = bytearray(_tiff(entries))
    start = text.index(struct.pack("<HHI", 270, 4, 1))
    text[start : start + 8] = struct.pack("<HHI", 270, 2, 10**6)  # a text far away
    for content in (_tiff(_page(), after=10**6), _tiff(_page(offset=10**6)), bytes(text)):
        (tmp_path / "a.tif").write_bytes(content)
        assert "cut short" in _refused(tmp_path / "a.tif", UnreadableError)


def test_parts_that_were_never_written_are_no_zeros(tmp_path: Path) -> None:
    for content in (_tiff(_page(offset=0)), _tiff(_page(count=0))):
        (tmp_path / "a.tif").write_bytes(content)
        assert "gaps" in _refused(tmp_path / "a.tif", UnreadableError)


def test_a_short_strip_is_no_zeros(tmp_path: Path) -> None:
    packed = zlib.compress(bytes(range(40)))  # of 64 pixels
    content = _tiff(_page(compression=8, count=len(packed)), body=packed.ljust(64, b"\0"))
    (tmp_path / "a.tif").write_bytes(content)
    assert "damaged" in _refused(tmp_path / "a.tif", UnreadableError)


class _Harm:
    """Creates a file when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (open, (self.path, "w"))


def test_a_pickled_numpy_file_is_never_executed(tmp_path: Path) -> None:
    harm = np.empty((1,), dtype=object)
    harm[0] = _Harm(str(tmp_path / "harm"))
    np.save(tmp_path / "a.npy", harm, allow_pickle=True)
    (tmp_path / "b.npy").write_bytes(pickle.dumps(_Harm(str(tmp_path / "harm"))))
    assert "pickled" in _refused(tmp_path / "a.npy", UnsupportedError)
    _refused(tmp_path / "b.npy")
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize("text", ["<!DOCTYPE x>", "<!doctype x>", '<!ENTITY a "b">'])
def test_xml_with_a_document_type_is_refused(tmp_path: Path, text: str) -> None:
    xml = f"{text}<OME><Image><Pixels SizeX='20' SizeY='24'/></Image></OME>"
    tifffile.imwrite(tmp_path / "a.tif", RAMP, description=xml, metadata=None)
    assert "document type" in _refused(tmp_path / "a.tif", UnsupportedError)


@pytest.mark.parametrize(
    "pixels",
    [
        "SizeX='2000000' SizeY='24'",
        "SizeX='20' SizeY='24' SizeT='99999999999'",
        "SizeX='20' SizeY='24' SizeC='-1'",
        "SizeX='x' SizeY='24'",
        "SizeX='20' SizeY='24' DimensionOrder='XYAAA'",
        "SizeX='20' SizeY='24'><TiffData IFD='7'/></Pixels><Pixels",
        "SizeX='20' SizeY='24'><TiffData FirstT='7'/></Pixels><Pixels",
        "SizeX='20'",
    ],
)
def test_ome_xml_that_does_not_fit_is_refused(tmp_path: Path, pixels: str) -> None:
    xml = f"<OME><Image><Pixels {pixels}/></Image></OME>"
    tifffile.imwrite(tmp_path / "a.tif", RAMP, description=xml, metadata=None)
    _refused(tmp_path / "a.tif", UnreadableError)


def test_a_file_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "secret.tif"
    tifffile.imwrite(path, RAMP)
    path.chmod(0)
    if os.getuid() != 0:
        assert "permission" in _refused(path, UnreadableError)
        return
    # Root may read everything: a child process becomes a user who may not.
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_mode & 0o077 == 0:  # those that pytest has made are for their owner
            folder.chmod(0o755)
    code = (
        "import os, sys\n"
        "from cellwright.io.inputs import find_inputs\n"
        "from cellwright.io.open import open_images, readers\n"
        "readers()\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "print(len(find_inputs([sys.argv[1]]).found))\n"
        "try:\n    open_images(sys.argv[1])\n"
        "except ValueError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    found, message = done.stdout.splitlines()
    assert found == "1"
    assert "secret.tif" in message
    assert "permission" in message


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The bytes of the sound pictures, by name."""
    return {path.name: path.read_bytes() for path in _samples(tmp_path_factory.mktemp("seeds"))}


@settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    which=st.integers(0, 10**6),
    flips=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=5),
    near_start=st.booleans(),
    cut=st.none() | st.integers(0, 10**6),
)
@example(which=0, flips=[(0, 0)], near_start=True, cut=None)
def test_any_damage_is_a_picture_or_a_clear_refusal(
    tmp_path: Path,
    seeds: dict[str, bytes],
    which: int,
    flips: list[tuple[int, int]],
    near_start: bool,
    cut: int | None,
) -> None:
    name = sorted(seeds)[which % len(seeds)]
    content = bytearray(seeds[name])
    for place, value in flips:
        content[place % min(len(content), 200 if near_start else len(content))] = value
    if cut is not None:
        del content[cut % len(content) :]
    path = tmp_path / name
    path.write_bytes(content)
    refusal: InputError | None = None
    try:
        for image in open_images(path):
            assert image.pixels().shape == image.shape
    except InputError as error:
        refusal = error
    if refusal is not None:
        assert refusal.where == str(path)
        assert refusal.reason
