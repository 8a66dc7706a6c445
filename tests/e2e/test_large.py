"""Large pictures through the whole pipeline: here what is large begins at 100,000 pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile
from tests.e2e.conftest import analyze, discs, outputs

import cellwright
from cellwright.io.label_image import decode_labels
from cellwright.io.ome_zarr_write import write_image_zarr, write_labels_zarr
from cellwright.segment.blocks import Scratch
from cellwright.segment.network import NetworkMethod

LARGE = 100_000


@pytest.fixture
def small_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("large_plane", "plan", "gallery"):
        monkeypatch.setattr(f"cellwright.pipeline.{module}.LARGE_PIXELS", LARGE)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """Two channels of 480 x 420 pixels in tiles, cells of several sizes and brightnesses."""
    rng = np.random.default_rng(2)
    centres = [(r, c) for r in range(20, 470, 45) for c in range(20, 410, 40)]
    plane = discs([], size=480)[:, :420].astype(np.uint16)
    y, x = np.mgrid[:480, :420]
    for row, column in centres:
        radius, light = rng.uniform(6, 13), rng.uniform(60, 200)
        plane[(y - row) ** 2 + (x - column) ** 2 <= radius**2] += np.uint16(light)
    stack = np.stack([plane, plane[::-1] * 3])
    path = tmp_path / "in" / "scan.ome.tif"
    path.parent.mkdir()
    tifffile.imwrite(
        path, stack, ome=True, tile=(128, 128), photometric="minisblack",
        metadata={"axes": "CYX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5,
                  "Channel": {"Name": ["DAPI", "GFP"]}},
    )  # fmt: skip
    return path


def test_a_large_picture_gives_the_numbers_of_a_small_one(
    picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options: dict[str, Any] = {"filter": ("area=150:",)}
    whole = analyze(picture, tmp_path / "whole", **options)
    for module in ("large_plane", "plan", "gallery"):
        monkeypatch.setattr(f"cellwright.pipeline.{module}.LARGE_PIXELS", LARGE)

    large = analyze(picture, tmp_path / "large", **options)

    assert large.images["labels"].item() == "labels/scan.ome.zarr"
    expected = whole.labels("scan.ome.tif").pixels()
    assert expected.max() > 60
    assert np.array_equal(large.labels("scan.ome.tif").pixels(), expected)
    pd.testing.assert_frame_equal(large.cells, whole.cells)
    same = ["n_cells", "coverage", "separation", "density_per_mm2", "area_median_um2", "status"]
    assert large.images[same].equals(whole.images[same])
    assert large.record["filters"] == whole.record["filters"]
    assert "the middle" in large.report.read_text()


@pytest.mark.usefixtures("small_is_large")
def test_a_large_run_is_reused_and_the_same_bytes_elsewhere(picture: Path, tmp_path: Path) -> None:
    analyze(picture, tmp_path / "one")
    again = analyze(picture, tmp_path / "one")
    analyze(picture, tmp_path / "two")

    assert again.summary is not None
    assert again.summary.computed == 0
    assert outputs(tmp_path / "one") == outputs(tmp_path / "two")
    assert not list((tmp_path / "one" / ".work").rglob("*.partial"))


@pytest.mark.usefixtures("small_is_large")
def test_edited_labels_of_a_large_picture_are_taken_up(picture: Path, tmp_path: Path) -> None:
    run = analyze(picture, tmp_path / "run")
    n_cells = run.images["n_cells"].item()
    path = run.path / "labels" / "scan.ome.zarr"
    labels = decode_labels(path).pixels().copy()
    labels[labels == 1] = 0
    write_labels_zarr(tmp_path / "edited.zarr", labels)
    for file in sorted(path.rglob("*"), reverse=True):
        file.unlink() if file.is_file() else file.rmdir()
    path.rmdir()
    (tmp_path / "edited.zarr").rename(path)

    again = analyze(picture, tmp_path / "run")

    assert (run.path / "corrections" / "scan.ome.zarr").is_dir()
    assert again.images["edited"].item() == 1
    assert again.images["n_cells"].item() == n_cells - 1
    assert np.array_equal(again.labels("scan.ome.tif").pixels(), labels)


@pytest.mark.usefixtures("small_is_large")
def test_an_ome_zarr_is_worked_on_block_by_block_as_a_tiff_is(
    picture: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "zarr"
    folder.mkdir()
    write_image_zarr(folder / "scan.ome.zarr", cellwright.read(picture))

    one = analyze(picture, tmp_path / "one")
    other = analyze(folder, tmp_path / "other")

    columns = [name for name in one.cells if name != "image"]
    assert other.images["image"].item() == "scan.ome.zarr"
    assert other.cells[columns].equals(one.cells[columns])


@pytest.mark.usefixtures("small_is_large")
def test_labels_of_a_long_movie_are_one_ome_zarr(tmp_path: Path) -> None:
    movie = np.stack([discs([(30, 30 + 5 * t), (90, 80)]) for t in range(8)])
    tifffile.imwrite(tmp_path / "movie.tif", movie, imagej=True, metadata={"axes": "TYX"})

    run = analyze(tmp_path / "movie.tif", tmp_path / "run")

    labels = run.labels("movie.tif")
    assert run.images["labels"].item() == "labels/movie.zarr"
    assert (labels.axes, labels.data.shape) == ("TYX", (8, 128, 128))
    assert labels.count == 16


@pytest.mark.usefixtures("small_is_large")
def test_what_cannot_be_done_block_by_block_is_said(picture: Path, tmp_path: Path) -> None:
    related = analyze(picture, tmp_path / "a", nuclei="DAPI", cells="GFP")
    light = analyze(
        picture, tmp_path / "b", channel="GFP", flat_field="reference",
        flat_reference=picture,
    )  # fmt: skip

    assert related.images["status"].item() == "failed"
    assert "block by block" in str(related.images["reason"].item())
    assert "block by block" in str(light.images["reason"].item())


@pytest.mark.usefixtures("small_is_large")
def test_what_a_large_picture_is_edited_in_is_counted_after_the_rules(
    picture: Path, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"filter": ("area=400:",)}
    run = analyze(picture, tmp_path / "run", **options)
    removed = run.record["filters"]
    path = run.path / "labels" / "scan.ome.zarr"
    labels = decode_labels(path).pixels().copy()
    labels[tuple(np.argwhere(labels)[0])] = 0
    write_labels_zarr(tmp_path / "edited.zarr", labels)
    for file in sorted(path.rglob("*"), reverse=True):
        file.unlink() if file.is_file() else file.rmdir()
    path.rmdir()
    (tmp_path / "edited.zarr").rename(path)

    again = analyze(picture, tmp_path / "run", **options)

    assert again.images["edited"].item() == 1
    assert again.record["filters"] == removed


@pytest.mark.usefixtures("small_is_large")
def test_a_large_file_that_changes_on_the_way_is_a_failure(
    picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cellwright.pipeline import large_unit

    measure = large_unit._measure_step

    def change_then_measure(*arguments: Any) -> Any:
        picture.write_bytes(picture.read_bytes() + b"more")
        return measure(*arguments)

    monkeypatch.setattr(large_unit, "_measure_step", change_then_measure)

    run = analyze(picture, tmp_path / "run")

    assert "changed while the run went on" in str(run.images["reason"].item())


@pytest.mark.usefixtures("small_is_large")
def test_pixels_that_are_not_finite_take_the_lowest_of_their_own_channel(tmp_path: Path) -> None:
    plane = np.tile(discs([(40, 40), (90, 90)], size=160), (3, 3)).astype(np.float32)
    plane[:20, :20] = np.nan
    stack = np.stack([plane, plane - 100_000])
    tifffile.imwrite(tmp_path / "a.tif", stack, imagej=True, metadata={"axes": "CYX"})

    run = analyze(tmp_path / "a.tif", tmp_path / "run", channel="0")

    assert run.images["n_cells"].item() == 18


@pytest.mark.usefixtures("small_is_large")
def test_a_large_colour_picture_is_judged_as_one(tmp_path: Path) -> None:
    plane = np.tile(discs([(40, 40), (90, 90)], size=160), (3, 3))
    tifffile.imwrite(tmp_path / "a.tif", np.stack([plane, plane // 2, plane // 3], axis=-1))

    run = analyze(tmp_path / "a.tif", tmp_path / "run")

    assert run.images["n_cells"].item() == 18
    assert run.images["channel"].item() == "colour"
    assert not np.isnan(run.images["focus"].item())


def test_a_picture_of_two_megapixels_fits_into_two_gigabytes(tmp_path: Path) -> None:
    tile = discs([(32, 32), (32, 96), (96, 32), (96, 96)])
    tifffile.imwrite(tmp_path / "a.tif", np.tile(tile, (12, 12)))

    run = analyze(tmp_path / "a.tif", tmp_path / "run", method="network", memory="2GB")

    assert abs(run.images["n_cells"].item() - 576) <= 2


def test_a_models_maps_may_lie_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.tile(discs([(32, 32), (45, 80)]), (2, 3)))
    in_memory = analyze(tmp_path / "a.tif", tmp_path / "in_memory", method="network")
    made: list[tuple[int, ...]] = []
    plane = Scratch.plane

    def noted(self: Scratch, shape: tuple[int, ...], dtype: Any) -> Any:
        made.append(shape)
        return plane(self, shape, dtype)

    monkeypatch.setattr(Scratch, "plane", noted)
    monkeypatch.setattr(NetworkMethod, "overhead", 1_000_000)

    on_disk = analyze(tmp_path / "a.tif", tmp_path / "on_disk", method="network")

    assert made
    assert outputs(tmp_path / "on_disk") == outputs(tmp_path / "in_memory")
    assert on_disk.images["n_cells"].item() == in_memory.images["n_cells"].item() == 12
    assert not list((tmp_path / "on_disk").glob(".work/tmp/*"))
