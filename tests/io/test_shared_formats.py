"""Real files, as microscopes and programs wrote them, against what a right reader finds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from cellwright.core.errors import UnsupportedError
from cellwright.io.open import open_images, read


@dataclass(frozen=True)
class Expected:
    """What the data's own list says of a file."""

    path: str
    axes: str
    shape: tuple[int, ...]
    dtype: str
    um: float | None = None
    z: float | None = None
    interval: float | None = None
    span: tuple[float, float] | None = None


FILES = [
    Expected("ome_tiff/CZT_peaks.ome.tif", "TZYX", (4, 4, 48, 56), "u2", 0.065, 1.0, 10),
    Expected("ome_tiff/TZ_nucleus.ome.tif", "TZYX", (4, 5, 51, 73), "u1", 0.41513, 1.5, 180),
    Expected("ome_tiff/one_nucleus.tiff", "CYX", (4, 189, 156), "f4", 0.077),
    Expected("ome_tiff/tile_0_0.tif", "CYX", (2, 256, 256), "u1"),
    Expected("ome_tiff/multi-channel_int8.ome.tif", "CYX", (3, 167, 439), "i1", span=(-1, 96)),
    Expected(
        "imagej/xyt_calibrated_16bit__golgi_bfa_sum_projection.tif",
        "TYX", (30, 137, 147), "f4", 0.35143, 0.3876, 59.86,
    ),
    Expected(
        "imagej/xyc_8bit__membranes_nuclei_big.tif", "CYX", (2, 299, 340), "u1", 0.5179, 3.0,
        1035.92,
    ),
    Expected("imagej/xyzc_16bit__spots.tif", "CZYX", (2, 17, 88, 89), "u2", 0.09413, 0.4),
    Expected("imagej/xyc_16bit__hela-cells.tif", "CYX", (3, 512, 672), "u2", 0.0515),
    Expected(
        "imagej/xy_16bit_calibrated__nuclei_various_shapes.tif", "YX", (253, 269), "u2", 0.2,
        span=(33028, 36201),
    ),
    Expected("imagej/sample_EmbryoTorax.tif", "CYX", (2, 512, 512), "u1", 0.10378),
    Expected("tiff_odd/12bit.cropped.tif", "YX", (100, 100), "u2"),
    Expected("tiff_odd/Channel1-01-A-01.tif", "YX", (640, 640), "u1"),
    Expected("tiff_odd/leica_stack_Series014_z000_ch00.tif", "YX", (256, 256), "u1"),
    Expected("png16/0_1_N_G.png", "YX", (1040, 1392), "u2"),
    Expected("png16/0_1_N_R.png", "YX", (1040, 1392), "u2"),
]  # fmt: skip


@pytest.mark.parametrize("expected", FILES, ids=lambda expected: expected.path)
def test_real_file(shared_data: Path, expected: Expected) -> None:
    image = read(shared_data / "formats" / expected.path)
    assert (image.axes, image.shape) == (expected.axes, expected.shape)
    assert image.dtype == np.dtype(expected.dtype)
    if expected.um is None:
        assert image.spacing.x is None
    else:
        assert image.spacing.square == pytest.approx(expected.um, rel=1e-3)
    if expected.z is not None:
        assert image.spacing.z == pytest.approx(expected.z)
    if expected.interval is not None:
        assert image.interval == pytest.approx(expected.interval)
    pixels = image.pixels()
    assert pixels.shape == expected.shape
    assert pixels.std() > 0
    if expected.span is not None:
        assert (pixels.min(), pixels.max()) == expected.span


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


def test_a_scattered_ome_tiff_is_refused_by_name(shared_data: Path) -> None:
    with pytest.raises(UnsupportedError, match=r"multifile\.companion\.ome"):
        open_images(shared_data / "formats" / "ome_tiff_multifile" / "multifile-Z1.ome.tiff")


def test_microscope_formats_that_are_not_read_are_named(shared_data: Path) -> None:
    formats = shared_data / "formats"
    for folder, name in (("nd2", "ND2"), ("czi", "CZI"), ("lif", "LIF")):
        files = sorted((formats / folder).glob(f"*.{folder}"))
        assert files
        for file in files:
            with pytest.raises(UnsupportedError, match=name):
                open_images(file)
