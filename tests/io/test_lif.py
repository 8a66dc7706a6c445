"""Leica LIF: files written by hand to the layout, and damage."""

from __future__ import annotations

import pickle
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.io.microscope_files import lif_element, read_all, refused, survives, write_lif

from cellwright.core.errors import UnreadableError, UnsupportedError
from cellwright.io.lif import READER

pytest.importorskip("liffile")

X, Y, Z, T, EMISSION, ROTATION, TILE = 1, 2, 3, 4, 5, 6, 10
BYTES = np.arange(2 * 3 * 5 * 4, dtype=np.uint8)


def test_equal_names_lose_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "same.lif"
    plane = [(X, 4, 1, 3e-6), (Y, 5, 4, 8e-6)]
    elements = "".join(lif_element("Series", f"M{n}", 20, plane) for n in range(3))
    write_lif(path, elements, {f"M{n}": BYTES[20 * n : 20 * n + 20].tobytes() for n in range(3)})
    images = read_all(READER, path)
    for number, image in enumerate(images):
        np.testing.assert_array_equal(image.pixels().ravel(), BYTES[20 * number :][:20])
    assert len(images) == 3
    # From the first pixel to the last it is a length less by one than there are pixels.
    assert images[0].spacing.x == pytest.approx(1.0)
    assert images[0].spacing.y == pytest.approx(2.0)


def test_folders_are_part_of_the_name_and_tell_the_well(tmp_path: Path) -> None:
    path = tmp_path / "plate.lif"
    inner = lif_element("R1", "M", 20, [(X, 4, 1, 3e-6), (Y, 5, 4, 4e-6)])
    nested = (
        '<Element Name="Plate 1"><Data/><Children><Element Name="B"><Data/><Children>'
        f'<Element Name="3"><Data/><Children>{inner}</Children></Element>'
        "</Children></Element></Children></Element>"
    )
    write_lif(path, nested, {"M": BYTES[:20].tobytes()})
    [image] = read_all(READER, path)
    assert image.source.scene == "Plate 1/B/3/R1"
    assert image.source.well == "B03"


def test_tiles_are_pictures_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "tiles.lif"
    dimensions = [(X, 4, 1, 3e-6), (Y, 5, 4, 4e-6), (TILE, 3, 20, 0.0), (Z, 2, 60, 2e-6)]
    write_lif(path, lif_element("scan", "M", 120, dimensions), {"M": BYTES.tobytes()})
    images = read_all(READER, path)
    stored = BYTES.reshape(2, 3, 5, 4)
    for tile, image in enumerate(images):
        np.testing.assert_array_equal(image.pixels(), stored[:, tile])
    assert [image.source.position for image in images] == ["tile 0", "tile 1", "tile 2"]
    assert images[2].source.scene == "scan/tile 2"
    assert images[0].spacing.z == pytest.approx(2.0)
    assert "not joined" in images[0].notes[0]


def test_wavelengths_of_each_channel_are_channels(tmp_path: Path) -> None:
    path = tmp_path / "waves.lif"
    dimensions = [(X, 4, 1, 3e-6), (Y, 5, 4, 4e-6), (EMISSION, 3, 40, 2e-8)]
    element = lif_element("a", "M", 120, dimensions, [(0, 0), (0, 20)])
    write_lif(path, element, {"M": BYTES.tobytes()})
    [image] = read_all(READER, path)
    stored = BYTES.reshape(3, 2, 5, 4)  # wavelength, channel
    np.testing.assert_array_equal(image.pixels(), stored.swapaxes(0, 1).reshape(6, 5, 4))
    assert image.channels[:3] == ("0 emission 0 nm", "0 emission 10 nm", "0 emission 20 nm")
    assert "3 wavelengths of emission, 0 to 20 nm" in image.notes[0]


@pytest.mark.parametrize("tags", [(1, 2, 3), (3, 2, 1)])
def test_colour_is_red_first_whatever_its_order(tmp_path: Path, tags: tuple[int, ...]) -> None:
    path = tmp_path / "colour.lif"
    channels = [(tag, place) for place, tag in enumerate(tags)]
    # Rows of 4 pixels of 3 bytes, padded to 16 bytes.
    element = lif_element("a", "M", 80, [(X, 4, 3, 3e-6), (Y, 5, 16, 4e-6)], channels)
    write_lif(path, element, {"M": BYTES[:80].tobytes()})
    [image] = read_all(READER, path)
    stored = BYTES[:80].reshape(5, 16)[:, :12].reshape(5, 4, 3)
    np.testing.assert_array_equal(image.pixels(), stored if tags[0] == 1 else stored[..., ::-1])
    assert image.axes == "YXS"


def test_rows_in_depth_and_lines_in_time(tmp_path: Path) -> None:
    path = tmp_path / "xz.lif"
    elements = lif_element("xz", "A", 20, [(X, 4, 1, 3e-6), (Z, 5, 4, 2e-6)])
    elements += lif_element("xt", "B", 20, [(X, 4, 1, 3e-6), (T, 5, 4, 8.0)])
    elements += lif_element("xyz", "C", 60, [(X, 4, 1, 3e-6), (Y, 5, 4, 4e-6), (Z, 3, 20, -4e-6)])
    memory = {"A": BYTES[:20].tobytes(), "B": BYTES[20:40].tobytes(), "C": BYTES[:60].tobytes()}
    write_lif(path, elements, memory)
    xz, xt, xyz = read_all(READER, path)
    assert xz.axes == "YX"
    assert xz.spacing.y == pytest.approx(0.5)
    assert "its rows are z" in xz.notes[0]
    assert (xt.axes, xt.spacing.y) == ("YX", None)
    assert "its rows are time" in xt.notes[0]
    assert (xyz.axes, xyz.notes) == ("ZYX", ())
    assert xyz.spacing.z == pytest.approx(2.0)


def test_twelve_bits_in_two_bytes(tmp_path: Path) -> None:
    path = tmp_path / "deep.lif"
    dimensions = [(X, 4, 2, 0.0), (Y, 5, 8, 0.0), (T, 3, 40, 6.0)]
    write_lif(path, lif_element("a", "M", 120, dimensions, bits=12), {"M": BYTES.tobytes()})
    [image] = read_all(READER, path)
    assert (image.axes, image.bits, image.interval) == ("TYX", 12, 3.0)
    assert image.dtype == np.uint16
    assert (image.spacing.x, image.spacing.y) == (None, None)
    np.testing.assert_array_equal(image.pixels().ravel(), BYTES.view("<u2"))


def test_a_picture_in_a_file_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "one.lof"
    element = lif_element("a", "M", 20, [(X, 4, 1, 3e-6), (Y, 5, 4, 8e-6)])
    head, xml = "LMS_Object_File", f"<LMSDataContainerHeader>{element}</LMSDataContainerHeader>"

    def text(content: str) -> bytes:
        raw = content.encode("utf-16-le")
        return struct.pack("<IIBI", 0x70, len(raw) + 5, 0x2A, len(content)) + raw

    block = struct.pack("<BIBIBQ", 0x2A, 2, 0x2A, 0, 0x2A, 20) + BYTES[:20].tobytes()
    path.write_bytes(text(head) + block + text(xml))
    [image] = read_all(READER, path)
    np.testing.assert_array_equal(image.pixels(), BYTES[:20].reshape(5, 4))
    assert image.spacing.y == pytest.approx(2.0)


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.lif"
    plane = [(X, 4, 1, 3e-6), (Y, 5, 4, 4e-6)]
    write_lif(path, lif_element("a", "M", 20, [(X, 400, 1, 0.0), (Y, 500, 400, 0.0)]), {"M": b"x"})
    assert "needs 200000 bytes, and 1 are there" in refused(READER, path, UnreadableError)
    write_lif(path, lif_element("a", "gone", 20, plane), {"M": bytes(20)})
    assert "needs 20 bytes, and 0 are there" in refused(READER, path, UnreadableError)
    write_lif(path, lif_element("a", "M", 20, [(T, 20, 1, 1.0)]), {"M": bytes(20)})
    assert "without x, y and z" in refused(READER, path, UnsupportedError)
    write_lif(path, lif_element("a", "M", 20, plane, [(0, 0)], bits=99), {"M": bytes(20)})
    assert "99 bits" in refused(READER, path, UnsupportedError)
    write_lif(path, '<Element Name="a"><Data/></Element>', {})
    assert "no pictures" in refused(READER, path, UnsupportedError)
    photons = '<Element Name="f"><Data><SingleMoleculeDetection IsImage="true"/></Data></Element>'
    write_lif(path, photons, {})
    assert "FLIM" in refused(READER, path, UnsupportedError)
    write_lif(path, photons + lif_element("a", "M", 20, plane), {"M": bytes(20)})
    [image] = read_all(READER, path)
    assert "1 sets of photon counts (FLIM)" in image.notes[-1]


def test_many_tiles_in_a_small_file(tmp_path: Path) -> None:
    path = tmp_path / "many.lif"
    dimensions = [(X, 4, 0, 0.0), (Y, 5, 0, 0.0), (TILE, 2**30, 0, 0.0)]
    write_lif(path, lif_element("a", "M", 20, dimensions), {"M": bytes(20)})
    assert "positions in one picture" in refused(READER, path, UnsupportedError)


def test_entities_are_never_expanded(tmp_path: Path) -> None:
    path = tmp_path / "entities.lif"
    text = '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'.encode("utf-16-le")
    path.write_bytes(struct.pack("<IIBI", 0x70, len(text) + 5, 0x2A, len(text) // 2) + text)
    assert "entities" in refused(READER, path, UnsupportedError)


def test_a_header_that_claims_gigabytes(tmp_path: Path) -> None:
    path = tmp_path / "huge.lif"
    path.write_bytes(struct.pack("<IIBI", 0x70, 0xFFFFFFFF, 0x2A, 0x7FFFFFFF) + bytes(100))
    refused(READER, path, UnreadableError)


def test_without_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.lif"
    write_lif(path, lif_element("a", "M", 20, [(X, 4, 1, 0.0), (Y, 5, 4, 0.0)]), {"M": bytes(20)})
    monkeypatch.setitem(sys.modules, "liffile", None)
    assert READER.recognise(path.read_bytes()[:4096], path)
    assert 'pip install "cellwright[formats]"' in refused(READER, path, UnsupportedError)


def test_damage_and_travel(tmp_path: Path) -> None:
    path = tmp_path / "damaged.lif"
    dimensions = [(X, 4, 1, 3e-6), (Y, 5, 4, 4e-6), (Z, 6, 20, 2e-6)]
    write_lif(path, lif_element("scan", "M", 120, dimensions), {"M": BYTES.tobytes()})
    [image] = READER.open(path)
    sent = pickle.loads(pickle.dumps(image))
    np.testing.assert_array_equal(sent.data[4, 1], BYTES.reshape(6, 5, 4)[4, 1])
    whole = path.read_bytes()
    assert survives(READER, path, whole) > 40
    path.write_bytes(whole[:-30])
    with pytest.raises(UnreadableError):
        sent.pixels()
