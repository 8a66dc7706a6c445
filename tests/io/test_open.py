"""Pictures of every kind that is read: values, axes, pixel size and what is said about them."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

from cellwright.core.errors import InputError, NotAPictureError, UnsupportedError, UsageError
from cellwright.core.image import Array, LazyArray
from cellwright.io.open import known_extensions, open_images, read, recognise

RAMP = (np.arange(12 * 20, dtype=np.uint16) * 17).reshape(12, 20)
BYTES = (RAMP // 17).astype(np.uint8)
COLOUR = np.stack([BYTES, BYTES.T.reshape(12, 20), 255 - BYTES], axis=-1)


def test_the_content_decides_and_not_the_name(tmp_path: Path) -> None:
    path = tmp_path / "a picture.dat"
    path.write_bytes(imagecodecs.png_encode(RAMP))
    reader = recognise(path)
    assert reader is not None
    assert reader.name == "PNG"
    np.testing.assert_array_equal(read(path).pixels(), RAMP)


def test_known_extensions_are_those_of_the_readers() -> None:
    assert {".png", ".tif", ".tiff", ".jpg", ".jpeg", ".bmp", ".npy"} <= known_extensions()


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "u8", "i1", "i2", "i4", "f2", "f4", "f8"])
@pytest.mark.parametrize("compression", [None, "zlib", "lzw", "zstd", "packbits"])
def test_tiff_gives_every_type_back(tmp_path: Path, dtype: str, compression: str | None) -> None:
    if compression == "lzw" and dtype == "f2":
        compression = "lzma"
    wanted = (RAMP % 120).astype(dtype)
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, wanted, compression=compression)
    image = read(path)
    assert image.axes == "YX"
    assert image.dtype == wanted.dtype
    np.testing.assert_array_equal(image.pixels(), wanted)


def test_tiff_keeps_what_is_not_a_number(tmp_path: Path) -> None:
    wanted = RAMP.astype(np.float32)
    wanted[2, 3], wanted[4, 5] = np.nan, np.inf
    tifffile.imwrite(tmp_path / "x.tif", wanted, predictor=3, compression="zlib")
    np.testing.assert_array_equal(read(tmp_path / "x.tif").pixels(), wanted)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("bigtiff", [False, True])
def test_tiff_of_either_byte_order_and_size(tmp_path: Path, byteorder: Any, bigtiff: bool) -> None:
    tifffile.imwrite(tmp_path / "x.tif", RAMP, byteorder=byteorder, bigtiff=bigtiff)
    np.testing.assert_array_equal(read(tmp_path / "x.tif").pixels(), RAMP)


def test_tiff_of_one_bit_is_zero_and_one(tmp_path: Path) -> None:
    mask = RAMP % 3 == 0
    tifffile.imwrite(tmp_path / "x.tif", mask)
    image = read(tmp_path / "x.tif")
    assert image.dtype == np.uint8
    assert image.bits == 1
    np.testing.assert_array_equal(image.pixels(), mask.astype(np.uint8))


def test_tiff_with_white_as_zero_is_turned_round(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "x.tif", BYTES, photometric="miniswhite")
    image = read(tmp_path / "x.tif")
    np.testing.assert_array_equal(image.pixels(), 255 - BYTES)
    assert any("white" in note for note in image.notes)


def test_tiff_in_tiles_reads_any_part(tmp_path: Path) -> None:
    wanted = (np.arange(100 * 130, dtype=np.uint32) % 65521).astype(np.uint16).reshape(100, 130)
    tifffile.imwrite(tmp_path / "x.tif", wanted, tile=(32, 48), compression="zlib", predictor=True)
    data = read(tmp_path / "x.tif").data
    for part in (
        (slice(None), slice(None)),
        (slice(30, 70), slice(45, 50)),
        (slice(99, 100), slice(129, 130)),
        (slice(None, None, 7), slice(None, None, -3)),
        (slice(5, 5), slice(None)),
        (7, slice(2, 9)),
        (-1, -1),
    ):
        np.testing.assert_array_equal(data[part], wanted[part])


def test_tiff_colours(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "rgb.tif", COLOUR, photometric="rgb")
    planar = np.ascontiguousarray(np.moveaxis(COLOUR, -1, 0))
    tifffile.imwrite(
        tmp_path / "planar.tif", planar, photometric="rgb", planarconfig="separate", tile=(16, 16)
    )
    alpha = np.dstack([COLOUR, BYTES])
    tifffile.imwrite(tmp_path / "rgba.tif", alpha, photometric="rgb", extrasamples=["unassalpha"])
    for name in ("rgb", "planar", "rgba"):
        image = read(tmp_path / f"{name}.tif")
        assert image.axes == "YXS"
        np.testing.assert_array_equal(image.pixels(), COLOUR)
    assert any("opacity" in note for note in read(tmp_path / "rgba.tif").notes)


def test_tiff_of_inks_is_mixed(tmp_path: Path) -> None:
    inks = np.zeros((4, 5, 4), dtype=np.uint8)
    inks[0, 0] = 255, 0, 0, 0  # cyan
    inks[1, 1] = 0, 0, 0, 255  # black
    tifffile.imwrite(tmp_path / "x.tif", inks, photometric="separated")
    pixels = read(tmp_path / "x.tif").pixels()
    assert pixels[0, 0].tolist() == [0, 255, 255]
    assert pixels[1, 1].tolist() == [0, 0, 0]
    assert pixels[3, 4].tolist() == [255, 255, 255]


def _palette(red: Array, green: Array, blue: Array) -> Array:
    return np.stack([red, green, blue]).astype(np.uint16) * 257


def test_tiff_palette_that_tints_keeps_the_index(tmp_path: Path) -> None:
    steps, none = np.arange(256), np.zeros(256)
    tifffile.imwrite(
        tmp_path / "x.tif", BYTES, photometric="palette", colormap=_palette(none, steps, none)
    )
    image = read(tmp_path / "x.tif")
    assert image.axes == "YX"
    np.testing.assert_array_equal(image.pixels(), BYTES)
    assert any("tints" in note for note in image.notes)


def test_tiff_palette_of_true_colours_is_used(tmp_path: Path) -> None:
    steps = np.arange(256)
    colours = _palette(steps[::-1], steps, (steps * 7) % 256)
    tifffile.imwrite(tmp_path / "x.tif", BYTES, photometric="palette", colormap=colours)
    image = read(tmp_path / "x.tif")
    assert image.axes == "YXS"
    np.testing.assert_array_equal(image.pixels(), (colours // 257).T.astype(np.uint8)[BYTES])


@pytest.mark.parametrize(
    ("orientation", "turn"),
    [
        (2, np.fliplr),
        (3, lambda a: np.rot90(a, 2)),
        (4, np.flipud),
        (5, np.transpose),
        (6, lambda a: np.rot90(a, -1)),
        (7, lambda a: np.rot90(np.transpose(a), 2)),
        (8, np.rot90),
    ],
)
def test_orientation_is_applied(
    tmp_path: Path, orientation: int, turn: Callable[[Array], Array]
) -> None:
    exif = Pillow.Exif()
    exif[274] = orientation
    tifffile.imwrite(
        tmp_path / "x.tif", BYTES, extratags=[(274, "H", 1, orientation, True)], metadata=None
    )
    Pillow.fromarray(BYTES).save(tmp_path / "x.png", exif=exif)
    for name in ("x.tif", "x.png"):
        image = read(tmp_path / name)
        assert image.shape == turn(BYTES).shape
        np.testing.assert_array_equal(image.pixels(), turn(BYTES))
    Pillow.fromarray(BYTES).save(tmp_path / "x.jpg", exif=exif, quality=100)
    difference = read(tmp_path / "x.jpg").pixels().astype(int) - turn(BYTES)
    assert np.abs(difference).max() <= 3


def test_imagej_hyperstack_with_all_it_says(tmp_path: Path) -> None:
    stack = np.arange(3 * 4 * 2 * 6 * 5, dtype=np.uint16).reshape(3, 4, 2, 6, 5)  # TZCYX
    tifffile.imwrite(
        tmp_path / "x.tif",
        stack,
        imagej=True,
        resolution=(4.0, 2.0),
        metadata={
            "axes": "TZCYX",
            "unit": "um",
            "spacing": 1.5,
            "finterval": 30.0,
            "Labels": ["DAPI", "GFP"] * 12,
        },
    )
    image = read(tmp_path / "x.tif")
    assert image.axes == "TCZYX"
    assert image.channels == ("DAPI", "GFP")
    assert image.interval == 30.0
    assert (image.spacing.z, image.spacing.y, image.spacing.x) == (1.5, 0.5, 0.25)
    np.testing.assert_array_equal(image.pixels(), stack.transpose(0, 2, 1, 3, 4))
    np.testing.assert_array_equal(image.frame(2).channel("GFP").pixels(), stack[2, :, 1])


def test_ome_tiff_with_all_it_says(tmp_path: Path) -> None:
    stack = np.arange(2 * 3 * 4 * 6 * 5, dtype=np.uint16).reshape(2, 3, 4, 6, 5)  # TCZYX
    tifffile.imwrite(
        tmp_path / "x.ome.tif",
        stack,
        ome=True,
        photometric="minisblack",
        metadata={
            "axes": "TCZYX",
            "PhysicalSizeX": 325,
            "PhysicalSizeXUnit": "nm",
            "PhysicalSizeY": 0.65,
            "PhysicalSizeZ": 0.002,
            "PhysicalSizeZUnit": "mm",
            "TimeIncrement": 2,
            "TimeIncrementUnit": "min",
            "SignificantBits": 12,
            "Channel": {"Name": ["red", "green", "blue"]},
        },
    )
    image = read(tmp_path / "x.ome.tif")
    assert (image.axes, image.shape) == ("TCZYX", stack.shape)
    assert image.channels == ("red", "green", "blue")
    assert (image.spacing.z, image.spacing.y, image.spacing.x) == pytest.approx((2, 0.65, 0.325))
    assert (image.interval, image.bits) == (120.0, 12)
    np.testing.assert_array_equal(image.pixels(), stack)


def test_ome_tiff_scenes_have_their_names(tmp_path: Path) -> None:
    path = tmp_path / "two.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as writer:
        writer.write(BYTES, metadata={"axes": "YX", "Name": "left"}, photometric="minisblack")
        writer.write(
            RAMP[:5, :6], metadata={"axes": "YX", "Name": "right"}, photometric="minisblack"
        )
    left, right = open_images(path)
    assert (left.source.scene, right.source.scene) == ("left", "right")
    np.testing.assert_array_equal(right.pixels(), RAMP[:5, :6])
    np.testing.assert_array_equal(read(f"{path}::right").pixels(), RAMP[:5, :6])
    np.testing.assert_array_equal(read(f"{path}::0").pixels(), BYTES)
    with pytest.raises(UsageError, match="left, right"):
        read(path)


def test_pages_without_names_are_frames_and_it_is_said(tmp_path: Path) -> None:
    pages = np.stack([RAMP, RAMP + 1, RAMP + 2])
    tifffile.imwrite(tmp_path / "x.tif", pages, photometric="minisblack", metadata=None)
    np.save(tmp_path / "x.npy", pages)
    for name in ("x.tif", "x.npy"):
        image = read(tmp_path / name)
        assert image.axes == "TYX"
        assert len(image.notes) == 1
        np.testing.assert_array_equal(image.frame(1).pixels(), RAMP + 1)


def test_one_frame_reads_only_its_own_plane(tmp_path: Path) -> None:
    pages = np.stack([RAMP, RAMP + 1, RAMP + 2])
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, pages, photometric="minisblack", metadata=None)
    with tifffile.TiffFile(path) as file:
        offset = file.pages[2].dataoffsets[0]
    image = read(path)
    with path.open("r+b") as raw:
        raw.seek(offset)
        raw.write(b"\xff" * RAMP.nbytes)
    np.testing.assert_array_equal(image.frame(0).pixels(), RAMP)
    assert image.frame(2).pixels().min() == 2**16 - 1


def test_lazy_pixels_can_be_sent_to_a_worker(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "x.tif", RAMP)
    np.save(tmp_path / "x.npy", RAMP)
    (tmp_path / "x.png").write_bytes(imagecodecs.png_encode(RAMP))
    for name in ("x.tif", "x.npy", "x.png"):
        image = read(tmp_path / name)
        assert isinstance(image.data, LazyArray)
        assert not isinstance(image.data, np.ndarray)
        sent = pickle.loads(pickle.dumps(image.data))
        np.testing.assert_array_equal(sent[3:7, 2], RAMP[3:7, 2])


@pytest.mark.parametrize("unit", [1, 2, 3])
@pytest.mark.parametrize("resolution", [72.0, 96.0, 300.0, 1.0])
def test_resolutions_for_print_are_no_pixel_size(
    tmp_path: Path, unit: int, resolution: float
) -> None:
    if unit == 3 and resolution > 1:
        resolution /= 2.54
    tifffile.imwrite(
        tmp_path / "x.tif", RAMP, resolution=(resolution, resolution), resolutionunit=unit
    )
    assert read(tmp_path / "x.tif").spacing.x is None


def test_a_resolution_of_a_microscope_is_a_pixel_size(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "x.tif", RAMP, resolution=(20000, 10000), resolutionunit=3)
    spacing = read(tmp_path / "x.tif").spacing
    assert (spacing.x, spacing.y) == pytest.approx((0.5, 1.0))


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "1", "P"])
def test_png_and_bmp_of_a_grey_picture_are_grey(tmp_path: Path, mode: str) -> None:
    grey = Pillow.fromarray(BYTES).convert(mode)
    expected = np.asarray(grey.convert("L"))
    if mode == "1":
        expected = expected // 255
    for name in ("x.png", "x.bmp"):
        if name == "x.bmp" and mode == "LA":
            continue  # BMP has no grey with opacity
        grey.save(tmp_path / name)
        image = read(tmp_path / name)
        assert image.axes == "YX"
        np.testing.assert_array_equal(image.pixels(), expected)


@pytest.mark.parametrize("name", ["x.png", "x.bmp"])
def test_colour_stays_colour(tmp_path: Path, name: str) -> None:
    Pillow.fromarray(COLOUR).save(tmp_path / name)
    image = read(tmp_path / name)
    assert image.axes == "YXS"
    np.testing.assert_array_equal(image.pixels(), COLOUR)


def test_png_colour_of_16_bits(tmp_path: Path) -> None:
    colour = COLOUR.astype(np.uint16) * 250
    (tmp_path / "x.png").write_bytes(imagecodecs.png_encode(colour))
    np.testing.assert_array_equal(read(tmp_path / "x.png").pixels(), colour)


@pytest.mark.parametrize("bits", [2, 4])
def test_png_of_few_bits_keeps_the_stored_values(tmp_path: Path, bits: int) -> None:
    values = BYTES % 2**bits
    Pillow.fromarray(values * np.uint8(255 // (2**bits - 1))).save(tmp_path / "x.png", bits=bits)
    image = read(tmp_path / "x.png")
    if image.bits is not None:  # Pillow may have stored it with 8 bits
        np.testing.assert_array_equal(image.pixels(), values)


def test_png_palettes(tmp_path: Path) -> None:
    picture = Pillow.fromarray(BYTES % 4).convert("L")
    picture.putpalette([0, 0, 0, 80, 0, 0, 160, 0, 0, 255, 0, 0])
    picture.save(tmp_path / "red.png")
    np.testing.assert_array_equal(read(tmp_path / "red.png").pixels(), BYTES % 4)
    picture.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9])
    picture.save(tmp_path / "true.png")
    image = read(tmp_path / "true.png")
    assert image.axes == "YXS"
    assert image.pixels()[0, 1].tolist() == [0, 255, 0]


def test_jpeg_grey_colour_and_inks(tmp_path: Path) -> None:
    smooth = np.broadcast_to(np.arange(64, dtype=np.uint8) * 3, (32, 64))
    colour = np.dstack([smooth, 255 - smooth, np.full_like(smooth, 90)])
    Pillow.fromarray(smooth).save(tmp_path / "grey.jpg", quality=100)
    Pillow.fromarray(colour).save(tmp_path / "rgb.jpg", quality=100, subsampling=0)
    Pillow.fromarray(colour).convert("CMYK").save(tmp_path / "cmyk.jpg", quality=100)
    grey = read(tmp_path / "grey.jpg")
    assert grey.axes == "YX"
    assert np.abs(grey.pixels().astype(int) - smooth).max() <= 2
    for name in ("rgb.jpg", "cmyk.jpg"):
        image = read(tmp_path / name)
        assert image.axes == "YXS"
        assert np.abs(image.pixels().astype(int) - colour).max() <= 12
    assert any("JPEG" in note for note in grey.notes)


def test_numpy_arrays(tmp_path: Path) -> None:
    np.save(tmp_path / "grey.npy", RAMP)
    np.save(tmp_path / "swapped.npy", RAMP.astype(">u2"))
    np.save(tmp_path / "columns.npy", np.asfortranarray(RAMP))
    for name in ("grey", "swapped", "columns"):
        image = read(tmp_path / f"{name}.npy")
        assert image.dtype == np.uint16
        np.testing.assert_array_equal(image.pixels(), RAMP)
    np.save(tmp_path / "colour.npy", COLOUR)
    assert read(tmp_path / "colour.npy").axes == "YXS"
    np.save(tmp_path / "mask.npy", RAMP > 100)
    np.testing.assert_array_equal(read(tmp_path / "mask.npy").pixels(), RAMP > 100)


@pytest.mark.parametrize("name", ["x.npy", "x.tif"])
def test_five_axes_without_names_are_refused(tmp_path: Path, name: str) -> None:
    data = np.zeros((2, 3, 4, 5, 6), dtype=np.uint8)
    if name == "x.npy":
        np.save(tmp_path / name, data)
    else:
        tifffile.imwrite(tmp_path / name, data, photometric="minisblack")
    with pytest.raises(UnsupportedError, match="axes"):
        read(tmp_path / name)


def test_complex_numbers_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", RAMP.astype(complex))
    tifffile.imwrite(tmp_path / "x.tif", RAMP.astype(complex))
    for name in ("x.npy", "x.tif"):
        with pytest.raises(UnsupportedError):
            read(tmp_path / name)


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"GIF89a" + bytes(50), "GIF"),
        (b"SIMPLE  =" + bytes(50), "FITS"),
        (b"\x1f\x8b" + bytes(50), "gzip"),
        (b"%PDF-1.7" + bytes(50), "PDF"),
    ],
)
def test_formats_that_are_not_read_are_named(tmp_path: Path, head: bytes, name: str) -> None:
    (tmp_path / "x.bin").write_bytes(head)
    with pytest.raises(UnsupportedError, match=name):
        open_images(tmp_path / "x.bin")


@pytest.mark.parametrize(
    "head",
    [
        b"\xda\xce\xbe\x0a" + bytes(50),
        b"ZISRAWFILE" + bytes(50),
        b"\x70\x00\x00\x00" + bytes(4) + b"\x2a" + bytes(50),
        b"\x89HDF\r\n\x1a\n" + bytes(50),
        bytes(208) + b"MAP " + bytes(1000),
    ],
)
def test_a_head_without_its_file_is_damaged(tmp_path: Path, head: bytes) -> None:
    (tmp_path / "x.bin").write_bytes(head)
    with pytest.raises(InputError):
        open_images(tmp_path / "x.bin")


def test_text_named_tif_is_called_text(tmp_path: Path) -> None:
    (tmp_path / "notes.tif").write_text("Dear diary,\n")
    with pytest.raises(NotAPictureError, match=r"named \.tif.*text") as caught:
        open_images(tmp_path / "notes.tif")
    assert caught.value.where == str(tmp_path / "notes.tif")
