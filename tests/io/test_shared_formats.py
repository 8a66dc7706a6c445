"""Real files, as microscopes and programs wrote them, against what a right reader finds.

The table is made from the data's own list, the files' own metadata, and what other programs
decode (tifffile, zarr and Pillow, which each test asks again), never from our reader.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image as Pillow

from cellwright.core.image import Array
from cellwright.io.inputs import find_inputs
from cellwright.io.label_image import decode_labels
from cellwright.io.open import open_images, read


@dataclass(frozen=True)
class Expected:
    """What is right: the last is the start of the SHA-256 of the pixels, little-endian."""

    path: str
    axes: str
    shape: tuple[int, ...]
    dtype: str
    um: float | None
    z: float | None
    interval: float | None
    channels: tuple[str, ...]
    sha256: str
    scene: str = ""
    array: str = "0"


_3 = ("0", "1", "2")
FILES = [
    Expected("ome_tiff/CZT_peaks.ome.tif", "TZYX", (4, 4, 48, 56), "u2", 0.065, 1.0, 10, ("0",),
             "e636fc2dd7bfcc49"),
    Expected("ome_tiff/TZ_nucleus.ome.tif", "TZYX", (4, 5, 51, 73), "u1", 0.41513292348643577, 1.5,
             180, ("0",), "5d1ad63613ca8fb9"),
    Expected("ome_tiff/one_nucleus.tiff", "CYX", (4, 189, 156), "f4", 0.077, 0.21, None,
             ("0", "ch 1", "ch 2", "ch 3"), "ea92b0bc07854052"),
    Expected("ome_tiff/tile_0_0.tif", "CYX", (2, 256, 256), "u1", None, None, None,
             ("C:0", "C:1"), "49aef17be9367438"),
    Expected("ome_tiff/multi-channel_int8.ome.tif", "CYX", (3, 167, 439), "i1", None, None, None,
             _3, "c0b65048cde48dcb"),
    *(
        Expected(f"ome_tiff_multifile/multifile{name}", "ZYX", (5, 24, 18), "u1", None, None, None,
                 ("0",), "ca5ee6e31dc9720b")
        for name in (".companion.ome", *(f"-Z{z}.ome.tiff" for z in range(1, 6)))
    ),
    Expected("imagej/xyt_calibrated_16bit__golgi_bfa_sum_projection.tif", "TYX", (30, 137, 147),
             "f4", 0.35143529689605319, 0.3876, 59.86, ("0",), "06b904f37cb08079"),
    Expected("imagej/xyc_8bit__membranes_nuclei_big.tif", "CYX", (2, 299, 340), "u1",
             0.5179017933903302, 3.0, 1035.9199639, ("0", "1"), "7f2627358c623ac1"),
    Expected("imagej/xyzc_16bit__spots.tif", "CZYX", (2, 17, 88, 89), "u2", 0.0941344539349755,
             0.4, None, ("0", "1"), "539259279003e2bd"),
    Expected("imagej/xyc_16bit__hela-cells.tif", "CYX", (3, 512, 672), "u2", 0.0514931361709210,
             0.0514931359576, None, ("Red", "Green", "Blue"), "1598830981788f4a"),
    Expected("imagej/xyz_8bit__mitotic_plate_calibrated.tif", "ZYX", (6, 263, 263), "u1",
             0.0851964301673403, 3.0, 1, ("0",), "6392a5f53fc8b493"),
    Expected("imagej/xyz_8bit__mitotic_plate_badZcalibrated.tif", "ZYX", (6, 263, 263), "u1",
             0.0851964301673403, None, 1, ("0",), "6392a5f53fc8b493"),
    Expected("imagej/xy_16bit_calibrated__nuclei_various_shapes.tif", "YX", (253, 269), "u2", 0.2,
             None, None, ("0",), "a0c3027ea3e8e3a6"),
    Expected("imagej/sample_EmbryoTorax.tif", "CYX", (2, 512, 512), "u1", 0.103783230871609, None,
             None, ("0", "1"), "73b4fecc64f4c9cd"),
    Expected("tiff_odd/12bit.cropped.tif", "YX", (100, 100), "u2", None, None, None, ("0",),
             "a27d4bccecf4f805"),
    Expected("tiff_odd/12in16bit.tif", "YX", (100, 100), "u2", None, None, None, ("0",),
             "a27d4bccecf4f805"),
    Expected("tiff_odd/Channel1-01-A-01.tif", "YX", (640, 640), "u1", None, None, None, ("0",),
             "8518dd5601d5a67c"),
    *(
        Expected(f"tiff_odd/leica_stack_Series014_z00{z}_ch00.tif", "YX", (256, 256), "u1", None,
                 None, None, ("0",), sha256)
        for z, sha256 in enumerate(("239d0259a0499b2c", "11d4374e53410fa2", "143f15f51516d47f"))
    ),
    Expected("png16/0_1_N_G.png", "YX", (1040, 1392), "u2", None, None, None, ("0",),
             "429462289f3158ac"),
    Expected("png16/0_1_N_R.png", "YX", (1040, 1392), "u2", None, None, None, ("0",),
             "c59969b291952bc3"),
    Expected("ome_zarr/v04_tubhiswt4D_sub.zarr", "TZYX", (3, 2, 512, 512), "u1", 1.0, 1.0, 1.0,
             ("channel_0",), "c639065959d756cf"),
    Expected("ome_zarr/v04_plate_ones_mip.zarr", "CYX", (2, 1080, 1280), "u2", 0.1625, 1.0, None,
             ("some-label-1", "some-label-2"), "8e298f2f1c8c385e", "B/03/0", "B/03/0/0"),
    Expected("ome_zarr/v05_5d_dataset.ome.zarr", "TCZYX", (4, 3, 16, 64, 64), "u1", None, None,
             None, ("lynEGFP", "NLStdTomato", "lynEGFP (2)"), "3cb51a08d240bee3"),
    Expected("ome_zarr/v05_bf2raw_dataset.ome.zarr", "YX", (64, 64), "u1", 1.0, None, None,
             ("0",), "7f272edd7e8cbd96", "image 0", "0/0"),
    Expected("ome_zarr/v05_bf2raw_dataset.ome.zarr", "YX", (64, 64), "u1", 1.0, None, None,
             ("0",), "3ae04b41569e6b05", "image 1", "1/0"),
]  # fmt: skip


def _peer(path: Path, expected: Expected) -> Array:
    """The pixels as another program decodes them, in the order of our axes."""
    if path.is_dir():
        stored = np.asarray(zarr.open_group(str(path), mode="r")[expected.array])
        return stored.reshape(expected.shape)
    if path.suffix == ".png":
        return np.asarray(Pillow.open(path))
    if path.parent.name == "ome_tiff_multifile":
        return np.stack([tifffile.imread(file) for file in sorted(path.parent.glob("*.tiff"))])
    with tifffile.TiffFile(path) as file:
        series = file.series[0]
        axes = series.axes.replace("S", "C")  # samples that are channels
        pixels: Array = series.asarray()
    return pixels.transpose([axes.index(axis) for axis in expected.axes])


def _sha256(pixels: Array) -> str:
    ordered = np.ascontiguousarray(pixels.astype(pixels.dtype.newbyteorder("<")))
    return hashlib.sha256(ordered.tobytes()).hexdigest()[:16]


@pytest.mark.parametrize("expected", FILES, ids=lambda expected: expected.path + expected.scene)
def test_real_file(shared_data: Path, expected: Expected) -> None:
    path = shared_data / "formats" / expected.path
    image = read(f"{path}::{expected.scene}" if expected.scene else path)
    assert (image.axes, image.shape) == (expected.axes, expected.shape)
    assert image.dtype == np.dtype(expected.dtype)
    assert image.channels == expected.channels
    assert image.spacing.square == (expected.um and pytest.approx(expected.um, rel=1e-9))
    assert image.spacing.z == (expected.z and pytest.approx(expected.z, rel=1e-9))
    assert image.interval == (expected.interval and pytest.approx(expected.interval, rel=1e-9))
    pixels = image.pixels()
    assert (pixels.shape, pixels.dtype) == (expected.shape, image.dtype)
    assert _sha256(pixels) == expected.sha256
    assert _sha256(_peer(path, expected)) == expected.sha256


def test_every_file_of_these_kinds_is_in_the_table(shared_data: Path) -> None:
    formats = shared_data / "formats"
    kinds = ["ome_tiff", "ome_tiff_multifile", "imagej", "tiff_odd", "png16", "ome_zarr"]
    there = {f"{kind}/{file.name}" for kind in kinds for file in (formats / kind).iterdir()}
    assert there == {expected.path for expected in FILES}


def test_packed_and_plain_12_bits_are_the_same_picture(shared_data: Path) -> None:
    odd = shared_data / "formats" / "tiff_odd"
    packed, plain = read(odd / "12bit.cropped.tif"), read(odd / "12in16bit.tif")
    assert packed.bits == 12
    np.testing.assert_array_equal(packed.pixels(), plain.pixels())


def test_one_stack_with_and_without_spacing_has_the_same_pixels(shared_data: Path) -> None:
    folder = shared_data / "formats" / "imagej"
    good = read(folder / "xyz_8bit__mitotic_plate_calibrated.tif")
    bad = read(folder / "xyz_8bit__mitotic_plate_badZcalibrated.tif")
    assert (good.spacing.z, bad.spacing.z) == (3.0, None)
    np.testing.assert_array_equal(good.pixels(), bad.pixels())


def test_what_the_metadata_do_not_say_is_told(shared_data: Path) -> None:
    image = read(shared_data / "formats/ome_zarr/v05_5d_dataset.ome.zarr")
    assert any("without a unit" in note for note in image.notes)


def test_a_plate_of_one_field(shared_data: Path) -> None:
    path = shared_data / "formats/ome_zarr/v04_plate_ones_mip.zarr"
    [image] = open_images(path)
    assert (image.source.well, image.source.position) == ("B03", "0")
    assert image.source.files == (str(path / "B/03/0"),)
    assert (image.pixels() == 1).all()


def test_labels_in_an_ome_zarr(shared_data: Path) -> None:
    folder = shared_data / "formats/ome_zarr"
    for path, axes, shape in (
        ("v04_tubhiswt4D_sub.zarr", "TZYX", (3, 2, 512, 512)),
        ("v04_tubhiswt4D_sub.zarr/labels/embryo", "TZYX", (3, 2, 512, 512)),
        ("v04_plate_ones_mip.zarr/B/03/0", "YX", (1080, 1280)),
    ):
        labels = decode_labels(folder / path)
        assert (labels.axes, labels.data.shape) == (axes, shape)
        place = folder / path
        if "labels" not in path:
            [place] = [p for p in (place / "labels").iterdir() if p.is_dir()]
        peer = np.asarray(zarr.open_array(str(place / "0"), mode="r")[...])
        np.testing.assert_array_equal(labels.pixels(), peer.reshape(shape))


def test_files_and_folders_that_are_one_picture_are_one_input(shared_data: Path) -> None:
    formats = shared_data / "formats"
    [found] = find_inputs([formats / "ome_tiff_multifile"]).found
    assert found.image == "multifile.companion.ome"
    zarrs = find_inputs([formats / "ome_zarr"])
    assert len(zarrs.found) == 4
    assert zarrs.skipped == ()
