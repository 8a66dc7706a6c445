"""OME-Zarr read: every kind of store, what it says of itself, and what is refused."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from zarr.codecs import BloscCodec, GzipCodec, ZstdCodec

from cellwright.core.errors import InputError, UnreadableError, UnsupportedError, UsageError
from cellwright.core.image import Array, Image, LazyArray, Spacing
from cellwright.engine.keys import plain_files
from cellwright.io.inputs import find_inputs
from cellwright.io.label_image import decode_labels
from cellwright.io.ome_zarr_write import write_image_zarr, write_labels_zarr
from cellwright.io.open import open_images, read, recognise

numcodecs: Any = pytest.importorskip("numcodecs")
RAMP = np.arange(2 * 3 * 4 * 30 * 41, dtype=np.uint16).reshape(2, 3, 4, 30, 41)


def _group(
    folder: Path,
    pixels: Array,
    axes: str,
    *,
    version: str = "0.4",
    scale: list[float] | None = None,
    units: dict[str, str] | None = None,
    more: dict[str, Any] | None = None,
    **options: Any,
) -> Path:
    """Write an image group with the library alone, and metadata by hand."""
    folder.mkdir(parents=True, exist_ok=True)
    options.setdefault("chunks", tuple(min(n, 16) for n in pixels.shape))
    array = zarr.create_array(
        store=str(folder / "0"), shape=pixels.shape, dtype=pixels.dtype,
        zarr_format=3 if version == "0.5" else 2, **options,
    )  # fmt: skip
    array[...] = pixels
    described = []
    for axis in axes:
        kind = {"t": "time", "c": "channel"}.get(axis, "space")
        unit = {"unit": units[axis]} if units and axis in units else {}
        described.append({"name": axis, "type": kind, **unit})
    transformation = {"type": "scale", "scale": scale or [1.0] * len(axes)}
    multiscale = {
        "axes": described,
        "datasets": [{"path": "0", "coordinateTransformations": [transformation]}],
        **(more or {}),
    }
    _attributes(folder, {"multiscales": [multiscale]}, version)
    return folder


def _attributes(folder: Path, found: dict[str, Any], version: str = "0.4") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if version == "0.5":
        whole = {"zarr_format": 3, "node_type": "group", "attributes": {"ome": found}}
        (folder / "zarr.json").write_text(json.dumps(whole))
    else:
        (folder / ".zgroup").write_text('{"zarr_format": 2}')
        (folder / ".zattrs").write_text(json.dumps(found))


def _change(folder: Path, **changes: Any) -> None:
    """Change the first multiscale of a 0.4 group."""
    found = json.loads((folder / ".zattrs").read_text())
    found["multiscales"][0].update(changes)
    (folder / ".zattrs").write_text(json.dumps(found))


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("axes", ["yx", "zyx", "cyx", "tyx", "tcyx", "czyx", "tczyx"])
def test_any_part_of_the_axes(tmp_path: Path, axes: str, version: str) -> None:
    pixels = RAMP[tuple(slice(None) if axis in axes else 0 for axis in "tczyx")]
    path = _group(tmp_path / "a b.ome.zarr", pixels, axes, version=version)
    image = read(path)
    assert (image.axes, image.shape) == (axes.upper(), pixels.shape)
    assert isinstance(image.data, LazyArray)
    assert image.source.files == (str(path),)
    np.testing.assert_array_equal(image.pixels(), pixels)
    again = pickle.loads(pickle.dumps(image))
    np.testing.assert_array_equal(again.pixels(), pixels)


def test_axes_of_length_one_are_none(tmp_path: Path) -> None:
    image = read(_group(tmp_path / "x.zarr", RAMP[:1, :1, :, :, :1], "tczyx"))
    assert (image.axes, image.shape) == ("ZYX", (4, 30, 1))
    np.testing.assert_array_equal(image.pixels(), RAMP[0, 0, :, :, :1])


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_an_index_gives_what_numpy_gives(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "x.zarr"
    if not path.exists():
        _group(path, RAMP, "tczyx")
    index = tuple(data.draw(st.one_of(st.integers(-n, n - 1), st.slices(n))) for n in RAMP.shape)
    np.testing.assert_array_equal(read(path).data[index], RAMP[index])


def test_an_index_out_of_bounds_is_an_index_error(tmp_path: Path) -> None:
    image = read(_group(tmp_path / "x.zarr", RAMP[0, 0, 0], "yx"))
    with pytest.raises(IndexError):
        image.data[30, 0]


@pytest.mark.parametrize(
    "dtype", ["b1", "u1", "<u2", ">u2", "u4", "u8", "i1", ">i4", "i8", "f2", ">f4", "f8"]
)
def test_every_type_comes_in_the_order_of_the_machine(tmp_path: Path, dtype: str) -> None:
    wanted = (RAMP[0, 0, 0] % 2).astype(dtype)
    image = read(_group(tmp_path / "x.zarr", wanted, "yx", version="0.4"))
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
    path = _group(
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
    path = _group(tmp_path / "x.zarr", RAMP, "tczyx", version="0.5", **options)
    image = read(path)
    np.testing.assert_array_equal(image.data[1, 2, 3], RAMP[1, 2, 3])
    np.testing.assert_array_equal(image.pixels(), RAMP)


def test_only_the_chunks_that_are_needed_are_read(tmp_path: Path) -> None:
    path = _group(tmp_path / "x.zarr", RAMP[0, 0, 0], "yx", chunks=(16, 16))
    damaged = path / "0" / "1.2"
    damaged.write_bytes(b"rubbish")
    image = read(path)
    np.testing.assert_array_equal(image.data[:16, :], RAMP[0, 0, 0, :16])
    with pytest.raises(UnreadableError, match="damaged"):
        image.pixels()


def test_pixel_size_and_interval_with_their_units(tmp_path: Path) -> None:
    units = {"t": "minute", "z": "nanometer", "y": "millimeter", "x": "micrometer"}
    path = _group(
        tmp_path / "x.zarr", RAMP, "tczyx", scale=[0.5, 1, 300, 0.00065, 0.65], units=units
    )
    _change(path, coordinateTransformations=[{"type": "scale", "scale": [2, 1, 1, 2, 2]}])
    image = read(path)
    assert image.interval == 60
    assert image.spacing.z == pytest.approx(0.3)
    assert (image.spacing.y, image.spacing.x) == pytest.approx((1.3, 1.3))


def test_a_scale_without_a_unit_is_not_believed(tmp_path: Path) -> None:
    path = _group(tmp_path / "x.zarr", RAMP[0, 0], "zyx", scale=[2, 0.65, 0.65],
                  units={"z": "furlong"})  # fmt: skip
    image = read(path)
    assert image.spacing == Spacing()
    [note] = image.notes
    assert "0.65 without a unit along x" in note
    assert "furlong" in note


def test_versions_before_0_4(tmp_path: Path) -> None:
    path = _group(tmp_path / "x.zarr", RAMP, "tczyx")
    found = {"multiscales": [{"version": "0.1", "datasets": [{"path": "0"}]}]}
    _attributes(path, found)
    assert read(path).axes == "TCZYX"
    found["multiscales"][0]["axes"] = list("tczyx")
    _attributes(path, found)
    assert read(path).axes == "TCZYX"
    assert read(path).spacing == Spacing()


def test_channel_names(tmp_path: Path) -> None:
    path = _group(tmp_path / "x.zarr", RAMP[0, :, 0], "cyx")
    found = json.loads((path / ".zattrs").read_text())
    for labels, names in (
        (["DAPI", "GFP", "Cy5"], ("DAPI", "GFP", "Cy5")),
        (["a", "b", "a"], ("a", "b", "a (2)")),
        (["a", "b"], ("0", "1", "2")),
        (["a", "", "c"], ("a", "1", "c")),
        (["", None, " "], ("0", "1", "2")),
    ):
        found["omero"] = {"channels": [{"label": label} for label in labels]}
        _attributes(path, found)
        assert read(path).channels == names


def test_several_images_of_one_group_are_scenes(tmp_path: Path) -> None:
    path = _group(tmp_path / "x.zarr", RAMP[0, 0, 0], "yx")
    found = json.loads((path / ".zattrs").read_text())
    second = json.loads(json.dumps(found["multiscales"][0]))
    found["multiscales"][0]["name"], second["name"] = "raw", "deconvolved"
    found["multiscales"].append(second)
    _attributes(path, found)
    assert [image.source.scene for image in open_images(path)] == ["raw", "deconvolved"]
    assert read(f"{path}::deconvolved").source.scene == "deconvolved"


def _plate(folder: Path, *, wells: int = 2, version: str = "0.4") -> Path:
    """A plate with wells B/03, B/04, … and two fields in each, of other pixels each."""
    columns = [f"{number:02d}" for number in range(3, 3 + wells)]
    plate = {
        "name": "screen 1",
        "rows": [{"name": "B"}],
        "columns": [{"name": column} for column in columns],
        "wells": [
            {"path": f"B/{column}", "rowIndex": 0, "columnIndex": number}
            for number, column in enumerate(columns)
        ],
    }
    _attributes(folder, {"plate": plate}, version)
    _attributes(folder / "B", {}, version)
    for number, column in enumerate(columns):
        fields = [{"path": "0"}, {"path": "1"}]
        _attributes(folder / "B" / column, {"well": {"images": fields}}, version)
        for field in range(2):
            pixels = RAMP[0, 0] + np.uint16(100 * number + field)
            _group(folder / "B" / column / str(field), pixels, "zyx", version=version,
                   scale=[2, 0.5, 0.5], units=dict.fromkeys("zyx", "micrometer"))  # fmt: skip
    return folder


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_a_plate_gives_every_field_of_every_well(tmp_path: Path, version: str) -> None:
    path = _plate(tmp_path / "p.zarr", version=version)
    images = open_images(path)
    assert [image.source.scene for image in images] == ["B/03/0", "B/03/1", "B/04/0", "B/04/1"]
    assert [image.source.well for image in images] == ["B03", "B03", "B04", "B04"]
    assert [image.source.position for image in images] == ["0", "1", "0", "1"]
    assert {image.source.plate for image in images} == {"screen 1"}
    assert images[3].source.files == (str(path / "B/04/1"),)
    assert images[3].spacing == Spacing(z=2, y=0.5, x=0.5)
    np.testing.assert_array_equal(images[3].pixels(), RAMP[0, 0] + np.uint16(101))
    field = read(f"{path}::B/04/1")
    assert field.source.well == "B04"
    np.testing.assert_array_equal(field.pixels(), images[3].pixels())
    with pytest.raises(UsageError, match="B/03/0"):
        read(f"{path}::B/05/0")


def test_a_well_or_field_of_a_plate_knows_its_place(tmp_path: Path) -> None:
    path = _plate(tmp_path / "p.zarr")
    field = read(path / "B/04/1")
    assert (field.source.plate, field.source.well, field.source.position) == (
        "screen 1", "B04", "1",
    )  # fmt: skip
    fields = open_images(path / "B/03")
    assert [image.source.position for image in fields] == ["0", "1"]
    assert {image.source.well for image in fields} == {"B03"}


def test_a_well_without_a_list_has_its_folders(tmp_path: Path) -> None:
    path = _plate(tmp_path / "p.zarr")
    (path / "B/03/.zattrs").unlink()
    _group(path / "B/03/10", RAMP[0, 0], "zyx")
    assert [image.source.scene for image in open_images(path)][:3] == [
        "B/03/0", "B/03/1", "B/03/10",
    ]  # fmt: skip
    assert len(open_images(path / "B/03")) == 3


def test_missing_fields_are_told_and_damaged_ones_fail_alone(tmp_path: Path) -> None:
    path = _plate(tmp_path / "p.zarr", wells=3)
    shutil.rmtree(path / "B/03/1")
    shutil.rmtree(path / "B/05")
    (path / "B/04/0/0/.zarray").write_text("{")
    images = open_images(path)
    assert [image.source.scene for image in images] == ["B/03/0", "B/04/0", "B/04/1"]
    assert all("B/03/1, B/05" in image.notes[-1] for image in images)
    assert images[0].pixels().shape == (4, 30, 41)
    with pytest.raises(UnreadableError, match="B/04/0"):
        images[1].pixels()
    shutil.rmtree(path / "B")
    with pytest.raises(UnreadableError, match="none of their fields"):
        open_images(path)


def test_a_plate_that_changed_is_opened_anew(tmp_path: Path) -> None:
    path = _plate(tmp_path / "p.zarr")
    assert len(open_images(path)) == 4
    found = json.loads((path / ".zattrs").read_text())
    del found["plate"]["wells"][1]
    _attributes(path, found)
    assert len(open_images(path)) == 2


def _series(folder: Path) -> Path:
    _attributes(folder, {"bioformats2raw.layout": 3})
    for number in range(3):
        _group(folder / str(number), RAMP[0, 0, 0] + np.uint16(number), "yx")
    return folder


def test_series_in_the_order_that_is_said(tmp_path: Path) -> None:
    path = _series(tmp_path / "x.zarr")
    firsts = [int(image.pixels()[0, 0]) for image in open_images(path)]
    assert firsts == [0, 1, 2]
    _attributes(path / "OME", {"series": ["2", "0"]})
    images = open_images(path)
    assert [int(image.pixels()[0, 0]) for image in images] == [2, 0]
    assert [image.source.scene for image in images] == ["0", "1"]
    assert images[0].source.files == (str(path / "2"),)


def test_series_are_completed_by_their_xml(tmp_path: Path) -> None:
    path = _series(tmp_path / "x.zarr")
    (path / "OME").mkdir()
    pixels = (
        '<Pixels PhysicalSizeX="{0}" PhysicalSizeY="{0}" SizeX="41" SizeY="30">'
        '<Channel Name="DAPI"/></Pixels>'
    )
    (path / "OME/METADATA.ome.xml").write_text(
        "<OME>"
        + "".join(
            f'<Image Name="{name}">{pixels.format(size)}</Image>'
            for name, size in (("left", 0.1), ("right", 0.2))
        )
        + "</OME>"
    )
    images = open_images(path)  # the XML says that there are two
    assert [image.source.scene for image in images] == ["left", "right"]
    assert [image.spacing.x for image in images] == [0.1, 0.2]
    assert images[0].channels == ("DAPI",)


@pytest.mark.parametrize("inside", ["", "x.ome.zarr/"])
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_is_read_like_a_folder(tmp_path: Path, inside: str, compression: int) -> None:
    folder = _group(tmp_path / "x.ome.zarr", RAMP, "tczyx", version="0.5")
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
    folder = _group(tmp_path / "x.zarr", RAMP[0, 0, 0], "yx", chunks=(30, 41))
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for file in plain_files(folder):
            big = file.name == "0.0"
            archive.writestr(
                file.relative_to(folder).as_posix(), bytes(10**7) if big else file.read_bytes()
            )
    with pytest.raises(UnreadableError):
        read(tmp_path / "x.zip").pixels()


def test_finding(tmp_path: Path) -> None:
    _group(tmp_path / "in/one.ome.zarr", RAMP[0, 0, 0], "yx")
    _group(tmp_path / "in/deep/no ending", RAMP[0, 0, 0], "yx")
    _plate(tmp_path / "in/plate.zarr")
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
    reader = recognise(_group(tmp_path / "one", RAMP[0, 0, 0], "yx"))
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
    _attributes(tmp_path / "group.zarr", {})
    _group(tmp_path / "group.zarr/a", RAMP[0, 0, 0], "yx")
    with pytest.raises(UnreadableError, match=r"without OME metadata.*give one.*: a"):
        open_images(tmp_path / "group.zarr")
    with pytest.raises(UnsupportedError, match="folder"):
        open_images(tmp_path)


def _with(axes: list[str]) -> list[dict[str, str]]:
    return [{"name": axis} for axis in axes]


LIES: list[tuple[dict[str, Any], str]] = [
    ({"datasets": [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": s}]}]}, w)
    for s, w in [([0, 1], "no length"), ([-1, 1], "no length"), ([1], "1 scales for 2 axes"),
                 ([1, 1, 1], "3 scales"), (["a", 1], "no length"), ([True, 1], "no length"),
                 ([1e400, 1], "no length"), ("big", "transformation"),
                 ([1e-300, 1], "")]
] + [
    ({"axes": _with(["x", "y"])}, "xy"),
    ({"axes": _with(["y"])}, "axes"),
    ({"axes": _with(["z", "y", "x"])}, "3 axes"),
    ({"axes": _with(["y", "y"])}, "yy"),
    ({"axes": _with(["p", "x"])}, "'p'"),
    ({"axes": [{"name": "y", "type": "time"}, {"name": "x"}]}, "time"),
    ({"axes": 7}, "axes"),
    ({"axes": None}, "axes"),
    ({"datasets": []}, "no level"),
    ({"datasets": 5}, "levels"),
    ({"datasets": [{"path": "../0"}]}, "leads out"),
    ({"datasets": [{"path": "/etc"}]}, "leads out"),
    ({"datasets": [{"path": "a//b"}]}, "leads out"),
    ({"datasets": [{"path": ""}]}, "path"),
    ({"datasets": [{"path": None}]}, "path"),
    ({"datasets": [{"path": "7"}]}, "no array '7'"),
    ({"coordinateTransformations": [{"type": "scale", "scale": [1e308, 1]}, {"type": "scale",
      "scale": [1e308, 1]}]}, "no length"),
    ({"coordinateTransformations": [{"type": "affine"}]}, "affine"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "what"), [lie for lie in LIES if lie[1]])
def test_metadata_that_lie_are_refused(tmp_path: Path, change: dict[str, Any], what: str) -> None:
    path = _group(tmp_path / "x.zarr", RAMP[0, 0, 0], "yx")
    _change(path, **change)
    with pytest.raises(InputError, match=what):
        open_images(path)


def _array(path: Path, **changes: Any) -> None:
    file = path / "0" / ".zarray"
    found = json.loads(file.read_text())
    found.update(changes)
    file.write_text(json.dumps(found))


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"shape": [30]}, "1 dimensions"),
        ({"shape": [2**50, 41]}, "impossible"),
        ({"shape": [2**30, 2**30]}, "claims"),
        ({"shape": [0, 41]}, "impossible"),
        ({"shape": [-3, 41]}, "impossible"),
        ({"shape": "big"}, "shape"),
        ({"shape": [1.5, 3]}, "shape"),
        ({"chunks": [2**20, 2**20]}, "chunks of"),
        ({"chunks": [16]}, "1 dimensions"),
        ({"chunks": [0, 16]}, "impossible"),
        ({"dtype": "|O"}, "type"),
        ({"dtype": "<U8"}, "type"),
        ({"dtype": "<c8"}, "type"),
        ({"dtype": [["a", "<u2"]]}, "type"),
        ({"dtype": "u3"}, "type"),
        ({"compressor": {"id": "pickle"}}, "compression"),
        ({"compressor": "zlib"}, "compression"),
        ({"filters": [{"id": "vlen-utf8"}]}, "filters"),
        ({"filters": [{"id": "pickle"}]}, "filters"),
        ({"order": "Q"}, "order"),
        ({"zarr_format": 3}, "version"),
    ],
)
def test_arrays_that_cannot_be_are_refused(
    tmp_path: Path, changes: dict[str, Any], what: str
) -> None:
    path = _group(tmp_path / "x.zarr", RAMP[0, 0, 0], "yx")
    _array(path, **changes)
    with pytest.raises(InputError, match=what):
        open_images(path)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"data_type": "string"}, "type"),
        ({"data_type": "complex64"}, "type"),
        ({"codecs": [{"name": "vlen-utf8"}]}, "vlen-utf8"),
        ({"codecs": []}, "how its chunks"),
        ({"codecs": 5}, "how its chunks"),
        ({"chunk_grid": {"name": "rectilinear"}}, "rectilinear"),
        ({"chunk_grid": 5}, "grid"),
        ({"node_type": "group"}, "group"),
        ({"storage_transformers": [{"name": "x"}]}, "transformers"),
    ],
)
def test_arrays_of_zarr_3_that_cannot_be_are_refused(
    tmp_path: Path, changes: dict[str, Any], what: str
) -> None:
    path = _group(tmp_path / "x.zarr", RAMP[0, 0, 0], "yx", version="0.5")
    file = path / "0" / "zarr.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    with pytest.raises(InputError, match=what):
        open_images(path)


def test_a_chunk_that_becomes_more_than_its_array_says_is_refused(tmp_path: Path) -> None:
    for number, codec in enumerate(
        [
            numcodecs.Zlib(),
            numcodecs.GZip(),
            numcodecs.BZ2(),
            numcodecs.LZMA(),
            numcodecs.Zstd(),
            numcodecs.LZ4(),
            numcodecs.Blosc(),
        ]
    ):
        path = _group(tmp_path / f"{number}.zarr", RAMP[0, 0, 0], "yx", compressors=codec)
        (path / "0" / "0.0").write_bytes(codec.encode(np.zeros(10**7, np.uint8)))
        with pytest.raises(UnreadableError, match="damaged"):
            read(path).data[0, 0]
        (path / "0" / "0.0").write_bytes(codec.encode(np.zeros(7, np.uint8)))
        with pytest.raises(UnreadableError, match="damaged"):
            read(path).data[0, 0]


def test_chunks_that_are_not_there(tmp_path: Path) -> None:
    path = _group(tmp_path / "x.zarr", RAMP[0, 0, 0] + 1, "yx", fill_value=7)
    (path / "0" / "1.1").unlink()
    image = read(path)
    assert "1 of the 6 chunks" in image.notes[0]
    pixels = image.pixels()
    assert (pixels[16:, 16:32] == 7).all()
    np.testing.assert_array_equal(pixels[:16], RAMP[0, 0, 0, :16] + 1)
    for chunk in (path / "0").glob("[0-9]*"):
        chunk.unlink()
    with pytest.raises(UnreadableError, match="none of its chunks is there"):
        open_images(path)


def test_links_that_lead_out_are_not_followed(tmp_path: Path) -> None:
    path = _group(tmp_path / "in/x.zarr", RAMP[0, 0, 0], "yx")
    secret = tmp_path / "secret"
    (path / "0" / "0.0").rename(secret)
    (path / "0" / "0.0").symlink_to(secret)
    assert secret not in plain_files(path)
    assert path / "0" / "0.0" not in plain_files(path)
    image = read(path)
    with pytest.raises(UnreadableError, match="leads out"):
        image.pixels()
    shutil.move(path / "0", tmp_path / "elsewhere")
    (path / "0").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnreadableError, match="leads out"):
        open_images(path)


def test_a_pipe_in_the_folder_is_never_waited_for(tmp_path: Path) -> None:
    path = _group(tmp_path / "x.zarr", RAMP[0, 0, 0], "yx")
    (path / "0" / "0.0").unlink()
    os.mkfifo(path / "0" / "0.0")
    assert read(path).pixels().shape == (30, 41)
    (path / ".zattrs").unlink()
    os.mkfifo(path / ".zattrs")
    with pytest.raises(UnreadableError):
        open_images(path)


@pytest.mark.parametrize("text", ["{", "[]", "7", '{"multiscales": 5}', '{"plate": 5}',
                                  '{"plate": {"wells": [5]}}', '{"plate": {"wells": []}}',
                                  '{"multiscales": []}', '{"multiscales": [[]]}',
                                  "[" * 100_000, '{"well": 5}', "\xff"])  # fmt: skip
def test_damaged_metadata_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.zarr").mkdir()
    (tmp_path / "x.zarr/.zattrs").write_bytes(text.encode("latin-1"))
    (tmp_path / "x.zarr/.zgroup").write_text('{"zarr_format": 2}')
    assert len(find_inputs([tmp_path]).found) == 1
    with pytest.raises(UnreadableError):
        open_images(tmp_path / "x.zarr")


def test_labels_of_an_ome_zarr(tmp_path: Path) -> None:
    path = _group(tmp_path / "x.zarr", RAMP[0], "czyx")
    labels = RAMP[0, 0].astype(np.uint32) * 70_000
    write_labels_zarr(path / "labels/nuclei", labels, "ZYX", Spacing(2, 1, 1), version="0.4")
    _attributes(path / "labels", {"labels": ["nuclei"]})
    for place in (path, path / "labels/nuclei"):
        found = decode_labels(place)
        assert (found.axes, found.spacing) == ("ZYX", Spacing(2, 1, 1))
        assert found.data.dtype == np.uint32
        np.testing.assert_array_equal(found.data[2, 5:9, ::2], labels[2, 5:9, ::2])
        np.testing.assert_array_equal(found.pixels(), labels)
    _attributes(path / "labels", {"labels": ["nuclei", "cells"]})
    with pytest.raises(UnreadableError, match="labels/nuclei, labels/cells"):
        decode_labels(path)


def test_a_picture_without_labels_may_be_one_itself(tmp_path: Path) -> None:
    plain = _group(tmp_path / "x.zarr", RAMP[0, 0, 0].astype(np.int64), "yx")
    np.testing.assert_array_equal(decode_labels(plain).pixels(), RAMP[0, 0, 0])
    whole = _group(tmp_path / "f.zarr", RAMP[0, 0, 0].astype(np.float64), "yx")
    np.testing.assert_array_equal(decode_labels(whole).pixels(), RAMP[0, 0, 0])
    channels = _group(tmp_path / "c.zarr", RAMP[0, :, 0], "cyx")
    with pytest.raises(UnreadableError, match="axes CYX"):
        decode_labels(channels)
    negative = _group(tmp_path / "n.zarr", RAMP[0, 0, 0].astype(np.int32) - 5, "yx")
    with pytest.raises(UnreadableError, match="between 0"):
        decode_labels(negative).pixels()


def test_a_picture_written_is_found_and_read(tmp_path: Path) -> None:
    image = Image(RAMP[0, :, 0], "CYX", Spacing(y=0.5, x=0.25), channels=("a", "b", "c"))
    write_image_zarr(tmp_path / "x.ome.zarr", image)
    [found] = find_inputs([tmp_path]).found
    back = read(found.path)
    assert (back.axes, back.channels, back.spacing) == (image.axes, image.channels, image.spacing)


_RUBBISH: list[Any] = [
    None, True, -1, 0, 1.5, 2**63, 1e308, "", "x", "../..", "0", [], [1], [[1]], {}, {"name": "y"},
    {"id": "zlib"}, "NaN", [None, "y"], {"configuration": 5}, "\ud800", ["0"] * 9,
]  # fmt: skip


def _mutated(found: Any, rng: np.random.Generator) -> Any:
    """Change, drop or repeat something, somewhere in a document."""
    if isinstance(found, dict) and found and rng.random() < 0.85:
        key = sorted(found)[int(rng.integers(len(found)))]
        if rng.random() < 0.1:
            return {k: v for k, v in found.items() if k != key}
        return {**found, key: _mutated(found[key], rng)}
    if isinstance(found, list) and found and rng.random() < 0.85:
        place = int(rng.integers(len(found)))
        if rng.random() < 0.1:
            return found[:place] + found[place + 1 :]
        return [*found[:place], _mutated(found[place], rng), *found[place + 1 :]]
    return _RUBBISH[int(rng.integers(len(_RUBBISH)))]


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_damaged_stores_fail_and_never_otherwise(tmp_path: Path, version: str) -> None:
    path = _plate(tmp_path / "p.zarr", wells=1, version=version)
    sharded: dict[str, Any] = {"shards": (32, 48), "chunks": (16, 16)}
    if version == "0.4":
        sharded = {}
    _group(path / "B/03/0", RAMP[0, 0, 0], "yx", version=version, overwrite=True, **sharded)
    field = path / "B/03/0"
    names = [".zattrs", "0/.zarray"] if version == "0.4" else ["zarr.json", "0/zarr.json"]
    documents = [field / name for name in names]
    documents += [path / "B/03" / names[0], path / names[0]]
    chunks = [file for file in plain_files(field) if file not in documents]
    rng = np.random.default_rng(7)
    outcomes = set()
    for _ in range(120):
        document = documents[int(rng.integers(len(documents)))]
        if rng.random() < 0.2:
            document = chunks[int(rng.integers(len(chunks)))]
        whole = document.read_bytes()
        if document in chunks:
            raw = bytearray(whole)
            for place in rng.integers(0, len(raw), 6):
                raw[place] = int(rng.integers(256))
            document.write_bytes(raw[: int(rng.integers(1, len(raw) + 1))])
        else:
            changed = _mutated(json.loads(whole), rng)
            document.write_text(json.dumps(changed))
        for place in (field, path):
            try:
                for image in open_images(place):
                    if np.prod(image.shape) < 10**7:
                        image.pixels()
                outcomes.add("read")
            except InputError:
                outcomes.add("refused")
        document.write_bytes(whole)
    assert outcomes == {"read", "refused"}
