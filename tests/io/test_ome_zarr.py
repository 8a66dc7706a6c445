"""OME-Zarr read: pixels, axes, spacing, compressions, zips; found among files."""

from __future__ import annotations

import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.io.zarr_stores import (
    RAMP,
    change_multiscale,
    group,
    plate,
    write_attributes,
)
from zarr.codecs import BloscCodec, GzipCodec, ZstdCodec

from cellwright.core.errors import InputError, UnreadableError, UnsupportedError
from cellwright.core.image import Image, LazyArray, Spacing
from cellwright.engine.keys import plain_files
from cellwright.io.inputs import find_inputs
from cellwright.io.label_image import decode_labels
from cellwright.io.ome_zarr_write import write_image_zarr, write_labels_zarr
from cellwright.io.open import open_images, read, recognise

numcodecs: Any = pytest.importorskip("numcodecs")


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("axes", ["yx", "zyx", "cyx", "tyx", "tcyx", "czyx", "tczyx"])
def test_any_part_of_the_axes(tmp_path: Path, axes: str, version: str) -> None:
    pixels = RAMP[tuple(slice(None) if axis in axes else 0 for axis in "tczyx")]
    path = group(tmp_path / "a b.ome.zarr", pixels, axes, version=version)
    image = read(path)
    assert (image.axes, image.shape) == (axes.upper(), pixels.shape)
    assert isinstance(image.data, LazyArray)
    assert image.source.files == (str(path),)
    np.testing.assert_array_equal(image.pixels(), pixels)
    again = pickle.loads(pickle.dumps(image))
    np.testing.assert_array_equal(again.pixels(), pixels)


def test_axes_of_length_one_are_none(tmp_path: Path) -> None:
    image = read(group(tmp_path / "x.zarr", RAMP[:1, :1, :, :, :1], "tczyx"))
    assert (image.axes, image.shape) == ("ZYX", (4, 30, 1))
    np.testing.assert_array_equal(image.pixels(), RAMP[0, 0, :, :, :1])


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_an_index_gives_what_numpy_gives(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "x.zarr"
    if not path.exists():
        group(path, RAMP, "tczyx")
    index = tuple(data.draw(st.one_of(st.integers(-n, n - 1), st.slices(n))) for n in RAMP.shape)
    np.testing.assert_array_equal(read(path).data[index], RAMP[index])


def test_an_index_out_of_bounds_is_an_index_error(tmp_path: Path) -> None:
    image = read(group(tmp_path / "x.zarr", RAMP[0, 0, 0], "yx"))
    with pytest.raises(IndexError):
        image.data[30, 0]


@pytest.mark.parametrize(
    "dtype", ["b1", "u1", "<u2", ">u2", "u4", "u8", "i1", ">i4", "i8", "f2", ">f4", "f8"]
)
def test_every_type_comes_in_the_order_of_the_machine(tmp_path: Path, dtype: str) -> None:
    wanted = (RAMP[0, 0, 0] % 2).astype(dtype)
    image = read(group(tmp_path / "x.zarr", wanted, "yx", version="0.4"))
    assert image.dtype.isnative
    assert image.dtype == (np.dtype("u1") if dtype == "b1" else wanted.dtype.newbyteorder("="))
    np.testing.assert_array_equal(image.pixels(), wanted.astype(image.dtype))


@pytest.mark.parametrize(
    "compressor",
    [
        None,
        numcodecs.Blosc("lz4"),
        numcodecs.Blosc("zstd", shuffle=2),
        numcodecs.Zlib(),
        numcodecs.GZip(),
        numcodecs.Zstd(),
        numcodecs.LZ4(),
        numcodecs.BZ2(),
        numcodecs.LZMA(),
    ],
    ids=str,
)
@pytest.mark.parametrize("separator", [".", "/"])
def test_compressions_of_zarr_2(tmp_path: Path, compressor: Any, separator: str) -> None:
    path = group(
        tmp_path / "x.zarr", RAMP, "tczyx", compressors=compressor, order="F",
        chunk_key_encoding={"name": "v2", "separator": separator},
    )  # fmt: skip
    image = read(path)
    assert not image.notes or "scales" in image.notes[0]
    np.testing.assert_array_equal(image.pixels(), RAMP)


@pytest.mark.parametrize(
    "options",
    [
        {"compressors": BloscCodec(cname="zstd")},
        {"compressors": GzipCodec()},
        {"compressors": ZstdCodec(checksum=True)},
        {"compressors": None},
        {"shards": (2, 3, 4, 32, 48), "chunks": (1, 1, 2, 16, 16)},
        {"filters": [zarr.codecs.TransposeCodec(order=(4, 3, 2, 1, 0))]},
        {"compressors": [ZstdCodec(), zarr.codecs.Crc32cCodec()]},
    ],
    ids="-".join,
)
def test_compressions_of_zarr_3(tmp_path: Path, options: dict[str, Any]) -> None:
    path = group(tmp_path / "x.zarr", RAMP, "tczyx", version="0.5", **options)
    image = read(path)
    np.testing.assert_array_equal(image.data[1, 2, 3], RAMP[1, 2, 3])
    np.testing.assert_array_equal(image.pixels(), RAMP)


def test_only_the_chunks_that_are_needed_are_read(tmp_path: Path) -> None:
    path = group(tmp_path / "x.zarr", RAMP[0, 0, 0], "yx", chunks=(16, 16))
    damaged = path / "0" / "1.2"
    damaged.write_bytes(b"rubbish")
    image = read(path)
    np.testing.assert_array_equal(image.data[:16, :], RAMP[0, 0, 0, :16])
    with pytest.raises(UnreadableError, match="damaged"):
        image.pixels()


def test_pixel_size_and_interval_with_their_units(tmp_path: Path) -> None:
    units = {"t": "minute", "z": "nanometer", "y": "millimeter", "x": "micrometer"}
    path = group(
        tmp_path / "x.zarr", RAMP, "tczyx", scale=[0.5, 1, 300, 0.00065, 0.65], units=units
    )
    change_multiscale(path, coordinateTransformations=[{"type": "scale", "scale": [2, 1, 1, 2, 2]}])
    image = read(path)
    assert image.interval == 60
    assert image.spacing.z == pytest.approx(0.3)
    assert (image.spacing.y, image.spacing.x) == pytest.approx((1.3, 1.3))


def test_a_scale_without_a_unit_is_not_believed(tmp_path: Path) -> None:
    path = group(tmp_path / "x.zarr", RAMP[0, 0], "zyx", scale=[2, 0.65, 0.65],
                  units={"z": "furlong"})  # fmt: skip
    image = read(path)
    assert image.spacing == Spacing()
    [note] = image.notes
    assert "0.65 without a unit along x" in note
    assert "furlong" in note


def test_versions_before_0_4(tmp_path: Path) -> None:
    path = group(tmp_path / "x.zarr", RAMP, "tczyx")
    found = {"multiscales": [{"version": "0.1", "datasets": [{"path": "0"}]}]}
    write_attributes(path, found)
    assert read(path).axes == "TCZYX"
    found["multiscales"][0]["axes"] = list("tczyx")
    write_attributes(path, found)
    assert read(path).axes == "TCZYX"
    assert read(path).spacing == Spacing()


def test_channel_names(tmp_path: Path) -> None:
    path = group(tmp_path / "x.zarr", RAMP[0, :, 0], "cyx")
    found = json.loads((path / ".zattrs").read_text())
    for labels, names in (
        (["DAPI", "GFP", "Cy5"], ("DAPI", "GFP", "Cy5")),
        (["a", "b", "a"], ("a", "b", "a (2)")),
        (["a", "b"], ("0", "1", "2")),
        (["a", "", "c"], ("a", "1", "c")),
        (["", None, " "], ("0", "1", "2")),
    ):
        found["omero"] = {"channels": [{"label": label} for label in labels]}
        write_attributes(path, found)
        assert read(path).channels == names


def test_several_images_of_one_group_are_scenes(tmp_path: Path) -> None:
    path = group(tmp_path / "x.zarr", RAMP[0, 0, 0], "yx")
    found = json.loads((path / ".zattrs").read_text())
    second = json.loads(json.dumps(found["multiscales"][0]))
    found["multiscales"][0]["name"], second["name"] = "raw", "deconvolved"
    found["multiscales"].append(second)
    write_attributes(path, found)
    assert [image.source.scene for image in open_images(path)] == ["raw", "deconvolved"]
    assert read(f"{path}::deconvolved").source.scene == "deconvolved"


@pytest.mark.parametrize("inside", ["", "x.ome.zarr/"])
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_is_read_like_a_folder(tmp_path: Path, inside: str, compression: int) -> None:
    folder = group(tmp_path / "x.ome.zarr", RAMP, "tczyx", version="0.5")
    path = tmp_path / "x.ome.zarr.zip"
    with zipfile.ZipFile(path, "w", compression) as archive:
        for file in reversed(list(plain_files(folder))):
            archive.write(file, inside + file.relative_to(folder).as_posix())
    image = read(path)
    assert image.source.files == (str(path),)
    np.testing.assert_array_equal(image.pixels(), RAMP)
    raw = bytearray(path.read_bytes())
    raw[3 * len(raw) // 4 - 4000 : 3 * len(raw) // 4] = bytes(4000)
    path.write_bytes(raw)
    with pytest.raises(InputError):
        open_images(path)[0].pixels()


def test_an_ordinary_zip_is_no_picture(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("notes.txt", "to do")
    with pytest.raises(UnsupportedError, match="zip archive"):
        open_images(tmp_path / "x.zip")


def test_a_zip_that_claims_too_much_is_refused(tmp_path: Path) -> None:
    folder = group(tmp_path / "x.zarr", RAMP[0, 0, 0], "yx", chunks=(30, 41))
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for file in plain_files(folder):
            big = file.name == "0.0"
            archive.writestr(
                file.relative_to(folder).as_posix(), bytes(10**7) if big else file.read_bytes()
            )
    with pytest.raises(UnreadableError):
        read(tmp_path / "x.zip").pixels()


def test_finding(tmp_path: Path) -> None:
    group(tmp_path / "in/one.ome.zarr", RAMP[0, 0, 0], "yx")
    group(tmp_path / "in/deep/no ending", RAMP[0, 0, 0], "yx")
    plate(tmp_path / "in/plate.zarr")
    (tmp_path / "in/empty.zarr").mkdir()
    zarr.create_array(store=str(tmp_path / "in/table"), shape=(3,), dtype="u1")
    np.save(tmp_path / "in/one.ome.zarr/inside.npy", RAMP[0, 0, 0])
    (tmp_path / "in/link").symlink_to("one.ome.zarr")
    inputs = find_inputs([tmp_path / "in"])
    assert [found.image for found in inputs.found] == [
        "deep/no ending", "empty.zarr", "one.ome.zarr", "plate.zarr",
    ]  # fmt: skip
    assert {skipped.image: skipped.reason for skipped in inputs.skipped} == {
        "table": "a Zarr folder without OME metadata",
        "link": "a link to a folder that is searched already",
    }
    [one] = find_inputs([tmp_path / "in/one.ome.zarr"]).found
    assert (one.image, one.path) == ("one.ome.zarr", tmp_path / "in/one.ome.zarr")
    [scene] = find_inputs([f"{tmp_path}/in/plate.zarr::B/03/1"]).found
    assert (scene.image, scene.scene) == ("plate.zarr::B/03/1", "B/03/1")
    globbed = find_inputs([f"{tmp_path}/in/*.zarr"])
    assert [found.image for found in globbed.found] == [
        "empty.zarr", "one.ome.zarr", "plate.zarr",
    ]  # fmt: skip
    assert globbed.skipped == ()
    fields = find_inputs([f"{tmp_path}/in/plate.zarr/B/03/*"]).found
    assert [found.image for found in fields] == ["0", "1"]
    well = find_inputs([tmp_path / "in/plate.zarr/B"]).found
    assert [found.image for found in well] == ["03", "04"]


def test_recognise_knows_folders(tmp_path: Path) -> None:
    reader = recognise(group(tmp_path / "one", RAMP[0, 0, 0], "yx"))
    assert reader is not None
    assert reader.name == "OME-Zarr"
    assert recognise(tmp_path) is None


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    (tmp_path / "empty.zarr").mkdir()
    with pytest.raises(UnreadableError, match="neither zarr"):
        open_images(tmp_path / "empty.zarr")
    zarr.create_array(store=str(tmp_path / "array.zarr"), shape=(3, 4), dtype="u1", zarr_format=2)
    with pytest.raises(UnreadableError, match="axes are not known"):
        open_images(tmp_path / "array.zarr")
    write_attributes(tmp_path / "group.zarr", {})
    group(tmp_path / "group.zarr/a", RAMP[0, 0, 0], "yx")
    with pytest.raises(UnreadableError, match=r"without OME metadata.*give one.*: a"):
        open_images(tmp_path / "group.zarr")
    with pytest.raises(UnsupportedError, match="folder"):
        open_images(tmp_path)


def test_labels_of_an_ome_zarr(tmp_path: Path) -> None:
    path = group(tmp_path / "x.zarr", RAMP[0], "czyx")
    labels = RAMP[0, 0].astype(np.uint32) * 70_000
    write_labels_zarr(path / "labels/nuclei", labels, "ZYX", Spacing(2, 1, 1), version="0.4")
    write_attributes(path / "labels", {"labels": ["nuclei"]})
    for place in (path, path / "labels/nuclei"):
        found = decode_labels(place)
        assert (found.axes, found.spacing) == ("ZYX", Spacing(2, 1, 1))
        assert found.data.dtype == np.uint32
        np.testing.assert_array_equal(found.data[2, 5:9, ::2], labels[2, 5:9, ::2])
        np.testing.assert_array_equal(found.pixels(), labels)
    write_attributes(path / "labels", {"labels": ["nuclei", "cells"]})
    with pytest.raises(UnreadableError, match="labels/nuclei, labels/cells"):
        decode_labels(path)


def test_a_picture_without_labels_may_be_one_itself(tmp_path: Path) -> None:
    plain = group(tmp_path / "x.zarr", RAMP[0, 0, 0].astype(np.int64), "yx")
    np.testing.assert_array_equal(decode_labels(plain).pixels(), RAMP[0, 0, 0])
    whole = group(tmp_path / "f.zarr", RAMP[0, 0, 0].astype(np.float64), "yx")
    np.testing.assert_array_equal(decode_labels(whole).pixels(), RAMP[0, 0, 0])
    channels = group(tmp_path / "c.zarr", RAMP[0, :, 0], "cyx")
    with pytest.raises(UnreadableError, match="axes CYX"):
        decode_labels(channels)
    negative = group(tmp_path / "n.zarr", RAMP[0, 0, 0].astype(np.int32) - 5, "yx")
    with pytest.raises(UnreadableError, match="between 0"):
        decode_labels(negative).pixels()


def test_a_picture_written_is_found_and_read(tmp_path: Path) -> None:
    image = Image(RAMP[0, :, 0], "CYX", Spacing(y=0.5, x=0.25), channels=("a", "b", "c"))
    write_image_zarr(tmp_path / "x.ome.zarr", image)
    [found] = find_inputs([tmp_path]).found
    back = read(found.path)
    assert (back.axes, back.channels, back.spacing) == (image.axes, image.channels, image.spacing)
