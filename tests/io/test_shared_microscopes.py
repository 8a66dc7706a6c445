"""Real files of microscopes against what is known of them.

Axes, sizes, spacing, channels and bits are those of the data's own list and of the files'
metadata. The hashes are of pixels that another reader gave (the libraries nd2, pylibCZIrw,
liffile and mrcfile, put into the order of the axes), never of what is tested.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import tifffile

from cellwright.core.image import Image
from cellwright.io import czi, hdf5, lif, mrc, nd2
from cellwright.io.reader import Reader

READERS: dict[str, Reader] = {
    "nd2": nd2.READER, "czi": czi.READER, "lif": lif.READER, "mrc": mrc.READER,
    "h5": hdf5.READER,
}  # fmt: skip
LIBRARIES = {"nd2": "nd2", "lif": "liffile", "h5": "h5py"}


@dataclass(frozen=True)
class Known:
    """One picture: its file and scene, and what is known of it; `um` is (z, y, x)."""

    path: str
    scene: int
    axes: str
    shape: tuple[int, ...]
    dtype: str
    um: tuple[float | None, float | None, float | None]
    pixels: str
    channels: tuple[str, ...] = ()
    interval: float | None = None
    bits: int | None = None
    name: str = ""
    note: str = ""


def _emission(start: int, step: int, count: int) -> tuple[str, ...]:
    return tuple(f"emission {start + step * i} nm" for i in range(count))


MULTI, SPACE = (None, 0.3233903, 0.3233903), 0.10481443
SWEEP, XZ = "lif/LeicaLASX_wavelength-sweep_example.lif", "lif/testdata_2channel_xz.lif"
DYES, DEPTH = ("FITC", "TRITC"), "its rows are z"
KNOWN = [
    Known(
        "nd2/cluster.nd2", 0, "TCZYX", (3, 2, 10, 31, 38), "u2", (0.5, 0.1678090, 0.1678090),
        "689919135433077f", ("5-FAM/pH 9.0", "FM 4-64/2% CHAPS"), 10.6475, 12,
    ),
    Known(
        "nd2/dims_z5t3c2y32x32.nd2", 0, "TCZYX", (3, 2, 5, 32, 32), "u2",
        (1.0, 0.6524529, 0.6524529), "958aa47ad2285dc9", ("Widefield Green", "Widefield Red"),
        3.6742, 16, note="asked for every 0.001 s",
    ),
    Known(
        "nd2/example-cerevisiae.nd2", 0, "CYX", (2, 256, 256), "u2", (None, 0.1083333, 0.1083333),
        "8208295391322a84", ("DIC", "FITC BP"), bits=16,
    ),
    Known(
        "nd2/example-multichannel.nd2", 0, "CYX", (4, 256, 256), "u2", MULTI, "c9d2dd8faab7ec79",
        ("Mono", "DAPI", "FITC BP", "TRITC BP"), bits=16,
    ),
    Known(
        "nd2/example-timelapse.nd2", 0, "TYX", (53, 64, 64), "u2", (None, 0.325, 0.325),
        "fea77ac9d41cfe99", ("GFP 488 nm",), 0.50016, 16,
    ),
    Known(
        "nd2/example-zstack.nd2", 0, "ZYX", (11, 128, 128), "u2", (6.0, *MULTI[1:]),
        "a8206ec28914c6af", ("FITC BP",), bits=16,
    ),
    Known(
        "czi/s_1_t_1_c_1_z_1.czi", 0, "YX", (325, 475), "u2", (None, 1.0833333, 1.0833333),
        "8415833c8132d530", ("Bright",), bits=16,
    ),
    Known(
        "czi/RGB-multichannel.czi", 0, "CYXS", (7, 81, 147, 3), "u1", (None, 2.95849, 2.95849),
        "409a9a69cea01159",
        ("Bright", "Pol_0", "Pol_15", "Pol_30", "Pol_45", "Pol_60", "Pol_75"), bits=8,
    ),
    Known(
        "czi/tiles_z.czi", 0, "CZYX", (2, 2, 512, 510), "u1", (4.0, 0.83026582, 0.83026582),
        "2642ce2548d10701", ("Ch1", "T PMT"), bits=8, note="4 tiles are put together",
    ),
    Known(
        "czi/xyz__multiple_images.czi", 0, "ZYX", (2, 251, 251), "u2", (0.3, 0.1956444, 0.1956444),
        "645455e8014fd8c5", ("ChA",), bits=16, name="0",
    ),
    Known(
        "czi/xyz__multiple_images.czi", 1, "ZYX", (2, 251, 251), "u2", (0.3, 0.1956444, 0.1956444),
        "bd1e2ca07e6b6258", ("ChA",), bits=16, name="1",
    ),
    Known(
        XZ, 0, "TCYX", (20, 2, 128, 128), "u1", (None, 0.1402787, 0.1402798), "197a3746a9d83ec1",
        DYES, 0.53, 8, "xzt", DEPTH,
    ),
    Known(
        XZ, 1, "CZYX", (2, 23, 128, 128), "u1", (0.2290615, 0.1402787, 0.1402798),
        "cbb64c8f88edf42d", DYES, None, 8, "xzy", "its sections lie along y",
    ),
    Known(
        XZ, 2, "CYX", (2, 512, 512), "u1", (None, 0.1026975, 0.1026972), "baf5f421935ed2f8", DYES,
        None, 8, "xz", DEPTH,
    ),
    Known(
        SWEEP, 0, "CYX", (20, 64, 64), "u1", (None, SPACE, SPACE), "ec18a971d62f74b4",
        _emission(550, 10, 20), None, 8, "x_y_lambdaEmi", "20 wavelengths of emission",
    ),
    Known(
        SWEEP, 1, "CYX", (15, 64, 64), "u1", (None, SPACE, SPACE), "8be647ab892e4023",
        tuple(f"excitation {490 + 5 * i} nm" for i in range(15)), None, 8, "x_y_lambdaExc",
        "15 wavelengths of excitation",
    ),
    Known(
        SWEEP, 2, "TCZYX", (2, 10, 11, 64, 64), "u1", (0.5002027, SPACE, SPACE),
        "00334c63da078d77", _emission(550, 5, 10), 80.91, 8, "x_y_z_t_lambdaEmi",
        "10 wavelengths of emission",
    ),
    Known(
        "mrc/EMD-3001.map", 0, "ZYX", (73, 25, 43), "f4", (0.45875e-4, 0.3925e-4, 0.44825e-4),
        "338791f7378c61e3", note="stored in the order z, x, y",
    ),
    Known("mrc/EMD-3197.map", 0, "ZYX", (20, 20, 20), "f4", (11.4e-4,) * 3, "0afd5034165f979b"),
    Known("mrc/emd_3197.map.gz", 0, "ZYX", (20, 20, 20), "f4", (11.4e-4,) * 3, "0afd5034165f979b"),
    Known(
        "mrc/blob.mrc", 0, "ZYX", (33, 32, 31), "f4", (None,) * 3, "cc1bfa0d3891a163",
        note="one ångström per voxel",
    ),
    Known(
        "mrc/blob.labels.mrc", 0, "ZYX", (33, 32, 31), "i1", (None,) * 3, "fbd95eac8889b483",
        note="one ångström per voxel",
    ),
]  # fmt: skip


def _open(folder: Path, path: str) -> list[Image]:
    kind = path.partition("/")[0]
    if kind in LIBRARIES:
        pytest.importorskip(LIBRARIES[kind])
    file = folder / "formats" / path
    with file.open("rb") as opened:
        head = opened.read(4096)
    assert [name for name, reader in READERS.items() if reader.recognise(head, file)] == [kind]
    return READERS[kind].open(file)


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: f"{known.path}::{known.scene}")
def test_what_is_known(shared_data: Path, known: Known) -> None:
    image = _open(shared_data, known.path)[known.scene]
    assert (image.axes, image.shape) == (known.axes, known.shape)
    assert image.dtype == np.dtype(known.dtype)
    for found, expected in zip(
        (image.spacing.z, image.spacing.y, image.spacing.x), known.um, strict=True
    ):
        assert found == (None if expected is None else pytest.approx(expected, rel=1e-5))
    interval = known.interval
    assert image.interval == (None if interval is None else pytest.approx(interval, rel=1e-4))
    assert image.channels == (known.channels or tuple(str(i) for i in range(image.size("C"))))
    assert image.bits == known.bits
    assert image.source.scene == known.name
    assert known.note in " ".join(image.notes)
    assert bool(known.note) == bool(image.notes)
    little = image.pixels().astype(image.dtype.newbyteorder("<"))
    assert hashlib.sha256(little.tobytes()).hexdigest()[:16] == known.pixels


def test_every_file_is_in_the_list(shared_data: Path) -> None:
    listed = {known.path for known in KNOWN}
    scenes: dict[str, int] = {}
    for known in KNOWN:
        scenes[known.path] = scenes.get(known.path, 0) + 1
    for kind in ("nd2", "czi", "lif", "mrc"):
        for file in sorted((shared_data / "formats" / kind).iterdir()):
            if file.suffix in {".yml", ".tif"}:
                continue
            path = f"{kind}/{file.name}"
            assert path in listed
            assert len(_open(shared_data, path)) == scenes[path]


def test_planes_that_another_reader_wrote(shared_data: Path) -> None:
    folder = shared_data / "formats" / "lif"
    scan = _open(shared_data, XZ)[0]
    for channel, frame in ((0, 0), (1, 8)):
        expected = tifffile.imread(folder / f"expected_xz_c{channel}_t{frame}.tif")
        np.testing.assert_array_equal(scan.data[frame, channel], expected)
    # Row 32 over all wavelengths; the expected picture begins with two empty columns.
    sweep = _open(shared_data, SWEEP)[0]
    expected = tifffile.imread(folder / "expected_xem_y32.tif")
    assert not expected[:, :2].any()
    np.testing.assert_array_equal(sweep.data[:, 32], expected[:, 2:])


def test_datasets_of_a_segmentation_program(shared_data: Path) -> None:
    pytest.importorskip("h5py")
    images = READERS["h5"].open(shared_data / "plantseg3d" / "sample_ovule.h5")
    assert [image.source.scene for image in images] == ["label", "raw"]
    for image, dtype in zip(images, ("u2", "u1"), strict=True):
        assert (image.axes, image.shape) == ("ZYX", (32, 128, 128))
        assert image.dtype == np.dtype(dtype)
        assert image.spacing.z == pytest.approx(0.235)
        assert image.spacing.square == pytest.approx(0.15)
        assert image.pixels().std() > 0
