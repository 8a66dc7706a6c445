"""Olympus OIB and OIF: no real file was at hand, so that they are written by hand.

The layout is that which the library oiffile reads and its documentation describes; its own
reading of the same files is compared.
"""

from __future__ import annotations

import io
import pickle
import struct
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import tifffile
from tests.io.microscope_files import Array, read_all, refused, survives, write_oib

from cellwright.core.errors import UnreadableError, UnsupportedError
from cellwright.io.foreign import foreign_format
from cellwright.io.oif import READER

oiffile = pytest.importorskip("oiffile")

STACK = (np.arange(3 * 2 * 4 * 5 * 6) % 4096).astype(np.uint16).reshape(3, 2, 4, 5, 6)
"""Time, channel, depth, rows, columns."""


def tiff(plane: Array) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, plane, metadata=None)
    return buffer.getvalue()


def text(sections: Mapping[str, Mapping[str, object]]) -> bytes:
    lines = []
    for name, values in sections.items():
        lines.append(f"[{name}]")
        lines += [
            f'{key}="{value}"' if isinstance(value, str) else f"{key}={value}"
            for key, value in values.items()
        ]
    return b"\xff\xfe" + "\r\n".join([*lines, ""]).encode("utf-16-le")


SETTINGS: dict[str, dict[str, object]] = {
    "ProfileSaveInfo": {"Name": "OIF", "Version": "1.2.6.0"},
    "Axis Parameter Common": {"AxisOrder": "XYCZT", "AxisCount": 5},
    "Axis 0 Parameters Common": {"AxisCode": "X", "MaxSize": 6},
    "Axis 1 Parameters Common": {"AxisCode": "Y", "MaxSize": 5},
    "Axis 2 Parameters Common": {"AxisCode": "C", "MaxSize": 2},
    "Axis 3 Parameters Common": {
        "AxisCode": "Z", "MaxSize": 4, "Interval": 500.0, "UnitName": "nm",
        "StartPosition": 0.0, "EndPosition": 1500.0,
    },
    "Axis 4 Parameters Common": {
        "AxisCode": "T", "MaxSize": 3, "UnitName": "ms", "StartPosition": 0.0,
        "EndPosition": 5000.0,
    },
    "Axis 5 Parameters Common": {"AxisCode": "A", "MaxSize": 0},
    "Axis 6 Parameters Common": {"AxisCode": "L", "MaxSize": 0},
    "Axis 7 Parameters Common": {"AxisCode": "P", "MaxSize": 0},
    "Reference Image Parameter": {
        "WidthConvertValue": 0.207, "WidthUnit": "um", "HeightConvertValue": 0.414,
        "HeightUnit": "um", "ValidBitCounts": 12, "ImageDepth": 2,
    },
    "GUI Channel 1 Parameters": {"DyeName": "DAPI", "CH Name": "CH1"},
    "GUI Channel 2 Parameters": {"DyeName": "Alexa 488", "CH Name": "CH2"},
}  # fmt: skip


def planes() -> dict[str, bytes]:
    return {
        f"s_C{c + 1:03d}Z{z + 1:03d}T{t + 1:03d}.tif": tiff(STACK[t, c, z])
        for t, c, z in np.ndindex(3, 2, 4)
    }


def write(path: Path, files: Mapping[str, bytes], settings: bytes | None = None) -> None:
    """Write an OIB: every file is a stream of a number, which OibInfo.txt gives a name."""
    streams = {f"Stream{n:05d}": content for n, content in enumerate(files.values(), 1)}
    named: dict[str, object] = {
        f"Stream{n:05d}": f"Storage00001/{name}" for n, name in enumerate(files, 1)
    }
    information = {"Stream00000": "a.oif", **named, "MainFileName": "Stream00000", "Version": "2"}
    write_oib(
        path,
        {
            "OibInfo.txt": text({"OibSaveInfo": information}),
            "Stream00000": text(SETTINGS) if settings is None else settings,
            **streams,
        },
    )


def write_beside(path: Path, files: Mapping[str, bytes]) -> None:
    path.write_bytes(text(SETTINGS))
    folder = path.with_name(path.name + ".files")
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)


@pytest.mark.parametrize("inside", [True, False], ids=["oib", "oif"])
def test_all_that_is_in_it(tmp_path: Path, inside: bool) -> None:
    path = tmp_path / ("a.oib" if inside else "a.oif")
    if inside:
        write(path, planes())
    else:
        write_beside(path, planes())
    [image] = read_all(READER, path)
    assert image.axes == "TCZYX"
    np.testing.assert_array_equal(image.pixels(), STACK)
    np.testing.assert_array_equal(image.data[2, 1, 3, 1:4], STACK[2, 1, 3, 1:4])
    assert (image.spacing.z, image.spacing.y, image.spacing.x) == (0.5, 0.414, 0.207)
    assert (image.interval, image.bits) == (2.5, 12)
    assert image.channels == ("DAPI", "Alexa 488")
    with oiffile.OifFile(path) as other:
        order = [other.series[0].axes.index(axis) for axis in "TCZ"]
        expected = other.asarray().transpose(*order, 3, 4)
    np.testing.assert_array_equal(image.pixels(), expected)


def test_one_plane_and_wavelengths(tmp_path: Path) -> None:
    path = tmp_path / "one.oib"
    write(path, {"s_C001.tif": tiff(STACK[0, 0, 0])})
    [image] = read_all(READER, path)
    assert (image.axes, image.interval, image.spacing.z) == ("YX", None, None)
    write(path, {f"s_C001L{n:03d}.tif": tiff(STACK[0, 0, n - 1]) for n in (1, 2, 3)})
    [image] = read_all(READER, path)
    assert image.axes == "CYX"
    assert image.channels[2] == "DAPI wavelength 2"
    assert "3 wavelengths are taken for channels" in image.notes[0]
    write(path, {f"s_C001P{n:03d}.tif": tiff(STACK[0, 0, n - 1]) for n in (1, 2)})
    images = read_all(READER, path)
    assert [image.source.position for image in images] == ["position 1", "position 2"]


def test_missing_and_odd_planes(tmp_path: Path) -> None:
    path = tmp_path / "a.oib"
    files = planes()
    del files["s_C002Z003T002.tif"]
    write(path, files)
    assert "s_C002T002Z003.tif is missing" in refused(READER, path, UnreadableError)
    write(path, {"preview.bmp": b"BM"})
    assert "no planes" in refused(READER, path, UnreadableError)
    write(path, {"s_C001J001.tif": tiff(STACK[0, 0, 0])})
    assert "axis J" in refused(READER, path, UnsupportedError)
    write(path, {"s_C001.tif": tiff(STACK[0, 0, 0]), "s_C002.tif": tiff(STACK[0, 0, 0, :2])})
    assert "instead of" in refused(READER, path, UnreadableError)
    write(path, {"s_C001.tif": tiff(STACK[0, 0, 0])}, b"\xff\xfe[\0broken")
    assert read_all(READER, path)[0].spacing.x is None  # settings that say nothing
    write(path, {"s_C001.tif": tiff(STACK[0, 0, 0])}, b"no settings")
    refused(READER, path, UnreadableError)


def test_settings_without_their_folder(tmp_path: Path) -> None:
    path = tmp_path / "a.oif"
    path.write_bytes(text(SETTINGS))
    assert READER.recognise(path.read_bytes()[:4096], path)
    assert "a.oif.files" in refused(READER, path, UnreadableError)


def test_other_compound_files_and_texts_are_not_its_own(tmp_path: Path) -> None:
    path = tmp_path / "letter.doc"
    write_oib(path, {"WordDocument": bytes(5000)})
    assert not READER.recognise(path.read_bytes()[:4096], path)
    assert foreign_format(path.read_bytes()[:4096]) == "an office document (or a Zeiss ZVI file)"
    assert not READER.recognise("\ufeff[other]".encode("utf-16-le"), tmp_path / "a.txt")


def test_sectors_that_run_in_a_circle(tmp_path: Path) -> None:
    path = tmp_path / "circle.oib"
    write(path, {"s_C001.tif": tiff(STACK[0, 0, 0]) + bytes(5000)})
    whole = bytearray(path.read_bytes())
    table = 512 + 512 * struct.unpack_from("<I", whole, 76)[0]
    # The first stream is OibInfo.txt, from sector 0 on: let its chain come back to the start.
    struct.pack_into("<I", whole, table, 0)
    path.write_bytes(bytes(whole))
    assert "circle" in refused(READER, path, UnreadableError)
    (directory,) = struct.unpack_from("<I", whole, 48)
    struct.pack_into("<I", whole, table + 4 * directory, directory)
    path.write_bytes(bytes(whole))
    refused(READER, path, UnreadableError)


def test_a_plane_that_claims_more_than_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "claims.oib"
    raw = bytearray(tiff(STACK[0, 0, 0]))
    with tifffile.TiffFile(io.BytesIO(bytes(raw))) as file:
        tags = file.pages.first.tags
        for code in (256, 257):
            place = tags[code].valueoffset
            raw[place : place + 2] = b"\xff\xff"
    write(path, {"s_C001.tif": bytes(raw)})
    refused(READER, path, UnreadableError)


def test_without_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.oib"
    write(path, {"s_C001.tif": tiff(STACK[0, 0, 0])})
    monkeypatch.setitem(sys.modules, "oiffile", None)
    assert READER.recognise(path.read_bytes()[:4096], path)
    assert 'pip install "cellwright[formats]"' in refused(READER, path, UnsupportedError)


def test_damage_and_travel(tmp_path: Path) -> None:
    path = tmp_path / "damaged.oib"
    write(path, {f"s_C001Z{z:03d}.tif": tiff(STACK[0, 0, z - 1]) for z in (1, 2, 3)})
    [image] = READER.open(path)
    sent = pickle.loads(pickle.dumps(image))
    np.testing.assert_array_equal(sent.data[1], STACK[0, 0, 1])
    assert survives(READER, path, path.read_bytes()) > 40
