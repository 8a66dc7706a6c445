"""OME-Zarr written: what comes back, what the standard's validator says, equal bytes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaozarrs
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cellwright.core.errors import UnreadableError, UsageError
from cellwright.core.image import Array, Image, Spacing
from cellwright.engine.keys import plain_files
from cellwright.io.label_image import decode_labels
from cellwright.io.ome_zarr import READER
from cellwright.io.ome_zarr_write import (
    LabelsZarrWriter,
    Version,
    write_image_zarr,
    write_labels_zarr,
)
from cellwright.io.open import read

VERSIONS: list[Version] = ["0.4", "0.5"]
MICROMETRES = Spacing(z=2.0, y=0.65, x=0.325)


def _labels(*shape: int) -> Array:
    return (np.arange(np.prod(shape), dtype=np.uint32).reshape(shape) * 40_503) % 100_003


def _metadata(path: Path, version: str) -> dict[str, Any]:
    if version == "0.4":
        found: dict[str, Any] = json.loads((path / ".zattrs").read_text())
        return found
    whole: dict[str, Any] = json.loads((path / "zarr.json").read_text())
    ome: dict[str, Any] = whole["attributes"]["ome"]
    return ome


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("axes", "shape"),
    [("YX", (5, 7)), ("TYX", (2, 1100, 30)), ("ZYX", (3, 20, 2050)), ("TZYX", (2, 2, 9, 8))],
)
def test_labels_come_back(
    tmp_path: Path, axes: str, shape: tuple[int, ...], version: Version
) -> None:
    labels = _labels(*shape)
    path = tmp_path / "cells.zarr"
    write_labels_zarr(path, labels, axes, MICROMETRES, 300.0, name="nucleus", version=version)
    yaozarrs.validate_zarr_store(str(path))
    back = decode_labels(path)
    assert back.axes == axes
    spacing = MICROMETRES if "Z" in axes else Spacing(y=0.65, x=0.325)
    assert back.spacing == spacing
    assert back.data.dtype == np.uint32
    np.testing.assert_array_equal(back.pixels(), labels)
    assert read(path).interval == (300.0 if "T" in axes else None)
    found = _metadata(path, version)
    assert found["image-label"]["version"] == version
    assert found["multiscales"][0]["name"] == "nucleus"


@pytest.mark.parametrize("version", VERSIONS)
def test_the_pyramid_of_labels_takes_every_second_pixel(tmp_path: Path, version: Version) -> None:
    labels = _labels(2101, 4099)
    path = tmp_path / "cells.zarr"
    write_labels_zarr(path, labels, spacing=Spacing(y=0.5, x=0.25), version=version)
    levels = _metadata(path, version)["multiscales"][0]["datasets"]
    assert [level["path"] for level in levels] == ["0", "1", "2", "3"]  # 4099, 2050, 1025, 513
    for number, level in enumerate(levels):
        stored = np.asarray(zarr.open_array(str(path / level["path"]), mode="r")[...])
        np.testing.assert_array_equal(stored, labels[:: 2**number, :: 2**number])
        [transformation] = level["coordinateTransformations"]
        assert transformation["scale"] == [0.5 * 2**number, 0.25 * 2**number]


def test_blocks_in_any_order_and_size(tmp_path: Path) -> None:
    labels = _labels(2, 1500, 1300)
    rng = np.random.default_rng(3)
    blocks = [(t, y, x) for t in range(2) for y in range(0, 1500, 700) for x in range(0, 1300, 900)]
    rng.shuffle(blocks)
    with LabelsZarrWriter(tmp_path / "x.zarr", labels.shape, "TYX") as writer:
        for t, y, x in blocks:
            writer.write(y, x, labels[t, y : y + 700, x : x + 900], (t,))
        writer.finish()
    np.testing.assert_array_equal(decode_labels(tmp_path / "x.zarr").pixels(), labels)


def test_what_is_not_written_is_background_and_not_missing(tmp_path: Path) -> None:
    with LabelsZarrWriter(tmp_path / "x.zarr", (2100, 1200)) as writer:
        writer.write(1030, 5, np.full((3, 4), 9, np.uint32))
        writer.finish()
    image = read(tmp_path / "x.zarr")
    assert not any("chunks" in note for note in image.notes)
    labels = image.pixels()
    assert (labels[1030:1033, 5:9] == 9).all()
    assert int((labels > 0).sum()) == 12
    with LabelsZarrWriter(tmp_path / "empty.zarr", (9, 9)) as writer:
        writer.finish()
    assert decode_labels(tmp_path / "empty.zarr").count == 0


def test_without_an_end_it_is_no_ome_zarr(tmp_path: Path) -> None:
    with LabelsZarrWriter(tmp_path / "x.zarr", (20, 20)) as writer:
        writer.write(0, 0, np.ones((20, 20), np.uint32))
    with pytest.raises(UnreadableError, match="no OME-Zarr"):
        read(tmp_path / "x.zarr")


@pytest.mark.parametrize(
    ("top", "left", "shape", "index"),
    [(-1, 0, (2, 2), (0,)), (9, 0, (2, 2), (0,)), (0, 9, (2, 2), (0,)), (0, 0, (11, 2), (0,)),
     (0, 0, (2, 2), ()), (0, 0, (2, 2), (3,)), (0, 0, (2, 2), (-1,)), (0, 0, (2,), (0,))],
)  # fmt: skip
def test_a_block_outside_is_refused(
    tmp_path: Path, top: int, left: int, shape: tuple[int, ...], index: tuple[int, ...]
) -> None:
    with (
        LabelsZarrWriter(tmp_path / "x.zarr", (3, 10, 10), "TYX") as writer,
        pytest.raises((UsageError, IndexError)),
    ):
        writer.write(top, left, np.ones(shape, np.uint32), index)


def test_what_makes_no_sense_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="axes"):
        LabelsZarrWriter(tmp_path / "x", (3, 10, 10), "CYX")
    with pytest.raises(UsageError, match=r"0\.3"):
        LabelsZarrWriter(tmp_path / "x", (10, 10), version="0.3")  # type: ignore[arg-type]
    (tmp_path / "there").mkdir()
    with pytest.raises(FileExistsError):
        write_labels_zarr(tmp_path / "there", _labels(4, 4))
    colours = Image(np.zeros((2, 4, 5, 3), np.uint8), "CYXS")
    with pytest.raises(UsageError, match="colours"):
        write_image_zarr(tmp_path / "x", colours)
    with pytest.raises(UsageError, match="complex"):
        write_image_zarr(tmp_path / "x", Image(np.zeros((4, 5), complex), "YX"))


@pytest.mark.parametrize("version", VERSIONS)
def test_the_source_of_labels_is_named(tmp_path: Path, version: Version) -> None:
    image = Image(np.ones((30, 40), np.uint8), "YX")
    write_image_zarr(tmp_path / "p.zarr", image, version)
    labels = tmp_path / "p.zarr" / "labels" / "cells"
    with LabelsZarrWriter(labels, (30, 40), version=version, source="../../") as writer:
        writer.finish()
    assert _metadata(labels, version)["image-label"]["source"] == {"image": "../../"}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "u4", "f4", "f8"])
def test_a_picture_comes_back(tmp_path: Path, version: Version, dtype: str) -> None:
    pixels = np.random.default_rng(1).integers(0, 250, (2, 3, 2, 31, 37)).astype(dtype)
    image = Image(
        pixels, "TCZYX", MICROMETRES, interval=60.0, channels=("DAPI", "GFP", "Cy 5"), bits=8
    )
    path = tmp_path / "p.ome.zarr"
    write_image_zarr(path, image, version)
    yaozarrs.validate_zarr_store(str(path))
    back = read(path)
    assert (back.axes, back.spacing, back.interval) == (image.axes, MICROMETRES, 60.0)
    assert back.channels == image.channels
    assert back.dtype == image.dtype
    np.testing.assert_array_equal(back.pixels(), pixels)
    assert _metadata(path, version)["multiscales"][0]["name"] == "p"


def test_what_is_not_known_is_not_made_up(tmp_path: Path) -> None:
    write_image_zarr(tmp_path / "p.zarr", Image(np.ones((3, 4, 5), np.uint8), "TYX"))
    back = read(tmp_path / "p.zarr")
    assert (back.spacing, back.interval, back.channels) == (Spacing(), None, ("0",))
    axes = _metadata(tmp_path / "p.zarr", "0.5")["multiscales"][0]["axes"]
    assert all("unit" not in axis for axis in axes)


def test_colours_become_channels(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (2, 20, 30, 3), dtype=np.uint8)
    write_image_zarr(tmp_path / "p.zarr", Image(pixels, "TYXS"))
    back = read(tmp_path / "p.zarr")
    assert (back.axes, back.channels) == ("TCYX", ("Red", "Green", "Blue"))
    np.testing.assert_array_equal(back.pixels(), np.moveaxis(pixels, -1, 1))


def test_the_pyramid_of_a_picture_is_of_means(tmp_path: Path) -> None:
    pixels = np.zeros((2049, 1031), np.uint16)
    pixels[:2, :2] = [[1, 2], [3, 5]]  # mean 2.75, rounded to 3
    pixels[2048, 0:2] = [10, 20]  # an odd last row stands for itself
    pixels[1024:1026, 1028:1030] = 40
    write_image_zarr(tmp_path / "p.zarr", Image(pixels, "YX"))
    coarse = np.asarray(zarr.open_array(str(tmp_path / "p.zarr/1"), mode="r")[...])
    assert coarse.shape == (1025, 516)
    assert (coarse[0, 0], coarse[1024, 0], coarse[512, 514]) == (3, 15, 40)
    assert int(coarse.astype(np.int64).sum()) == 58


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(1, 3), st.integers(1, 40), st.integers(1, 40), st.sampled_from(VERSIONS),
    st.floats(1e-6, 1e6),
)  # fmt: skip
def test_every_size_and_spacing_comes_back(
    tmp_path_factory: pytest.TempPathFactory,
    frames: int,
    height: int,
    width: int,
    version: Version,
    size: float,
) -> None:
    path = tmp_path_factory.mktemp("z") / "p.zarr"
    labels = _labels(frames, height, width)
    write_labels_zarr(path, labels, "TYX", Spacing(y=size, x=size), version=version)
    [image] = READER.open(path)
    assert image.spacing.square == pytest.approx(size, rel=1e-12)
    np.testing.assert_array_equal(image.pixels().reshape(labels.shape), labels)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_same_labels_give_the_same_bytes(tmp_path: Path, version: Version) -> None:
    labels = _labels(1500, 1400)

    def contents(path: Path) -> dict[str, bytes]:
        return {f.relative_to(path).as_posix(): f.read_bytes() for f in plain_files(path)}

    write_labels_zarr(tmp_path / "a.zarr", labels, version=version)
    with LabelsZarrWriter(tmp_path / "b.zarr", labels.shape, version=version) as writer:
        for top in (1000, 0):  # in another order, and in pieces that cross chunks
            writer.write(top, 0, labels[top : top + (500 if top else 1000)])
        writer.finish()
    first, second = contents(tmp_path / "a.zarr"), contents(tmp_path / "b.zarr")
    assert first == second
    assert len(first) > 5


MEMORY = """
import resource, sys
import numpy as np, yaozarrs, zarr
from pathlib import Path
from cellwright.io.ome_zarr_write import LabelsZarrWriter
n = 8192
block = np.arange(1024 * 1024, dtype=np.uint32).reshape(1024, 1024) // 500
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with LabelsZarrWriter(Path(sys.argv[1]), (n, n)) as writer:
    for top in range(0, n, 1024):
        for left in range(0, n, 1024):
            writer.write(top, left, block)
    writer.finish()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_memory_does_not_grow_with_the_picture(tmp_path: Path) -> None:
    """The picture has 256 MiB; what is needed to write it stays far below."""
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, str(tmp_path / "x.zarr")],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert int(done.stdout) < 120_000  # KiB
