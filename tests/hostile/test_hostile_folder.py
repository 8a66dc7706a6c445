"""One folder with everything that goes wrong, next to pictures that do not."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow
from tests.e2e.conftest import GRID, Command, discs, facts, threads

import cellwright


def png_header(width: int, height: int) -> bytes:
    body = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunk = b"IHDR" + body
    return (
        b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    )


@pytest.fixture
def everything(tmp_path: Path) -> Path:
    folder = tmp_path / "everything"
    folder.mkdir()
    good = discs(GRID)
    Pillow.fromarray(good).save(folder / "good.png")
    tifffile.imwrite(folder / "good.tif", good)
    (folder / "empty.png").write_bytes(b"")
    (folder / "cut.png").write_bytes((folder / "good.png").read_bytes()[:600])
    (folder / "cut.tif").write_bytes((folder / "good.tif").read_bytes()[:5000])
    (folder / "text.tif").write_text("this is no picture\n" * 20)
    (folder / "huge.png").write_bytes(png_header(2**30, 2**30))
    np.save(folder / "five_axes.npy", np.zeros((2, 2, 2, 4, 4), np.uint8))
    np.save(folder / "zero.npy", np.zeros((0, 5), np.uint8))
    np.save(folder / "nan.npy", np.full((8, 8), np.nan))
    np.save(folder / "pickled.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    os.mkfifo(folder / "pipe.tif")
    (folder / "broken_link.png").symlink_to(folder / "nowhere.png")
    (folder / "circle").symlink_to(folder, target_is_directory=True)
    (folder / "notes.txt").write_text("notes")
    return folder


FAILED = {
    "cut.png", "cut.tif", "empty.png", "five_axes.npy", "huge.png", "nan.npy", "pickled.npy",
    "text.tif", "zero.npy",
}  # fmt: skip


def test_bad_inputs_fail_alone_and_all_others_are_complete(
    everything: Path, tmp_path: Path, cellwright: Command
) -> None:
    done = cellwright("analyze", everything, "--out", tmp_path / "run", "--json", code=1)

    summary = facts(done)
    assert summary["failed"] == len(FAILED)
    assert (summary["done"], summary["warned"]) == (0, 2)  # the two good ones are copies
    assert summary["cells"] == 18
    for name in FAILED:
        assert name in done.stderr
    assert "Traceback" not in done.stderr


def test_each_failure_has_a_reason_and_each_stray_file_is_listed(
    everything: Path, tmp_path: Path
) -> None:
    run = cellwright.analyze(everything, tmp_path / "run", make_executor=threads)

    images = run.images.set_index("image")
    assert set(images.index[images["status"] == "failed"]) == FAILED
    assert (images.loc[sorted(FAILED), "reason"].str.len() > 15).all()
    skipped = set(images.index[images["status"] == "skipped"])
    assert {"pipe.tif", "broken_link.png", "circle", "notes.txt"} <= skipped
    assert "unexpected" not in " ".join(images["reason"])
    assert (run.path / "report.html").stat().st_size > 10_000


NAMES = [
    "it's \"quoted\".png", "<b>bold.png", "with blanks .png", "new\nline.png", "tab\there.png",
    "-leading.png", "=SUM(A1).png", "ümläut & co.png", "100%.png", "a;b,c.png", "@at.png",
]  # fmt: skip


def test_strange_names_give_right_results(tmp_path: Path, cellwright: Command) -> None:
    folder = tmp_path / "names"
    folder.mkdir()
    for number, name in enumerate(NAMES, start=1):
        Pillow.fromarray(discs(GRID[: 1 + number % 9])).save(folder / name, format="png")

    cellwright("analyze", folder, "--out", tmp_path / "run")

    run = cellwright_run(tmp_path / "run")
    counts = run.images.set_index("image")["n_cells"].to_dict()
    assert counts == {name: 1 + number % 9 for number, name in enumerate(NAMES, start=1)}
    for name in NAMES:
        assert run.labels(name).count == counts[name]
    raw = (tmp_path / "run" / "cells.csv").read_text(encoding="utf-8")
    assert "\n=SUM" not in raw
    assert "'=SUM(A1).png" in raw
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "<b>bold" not in page


def cellwright_run(path: Path) -> cellwright.Run:
    return cellwright.Run(path)


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (64, 64)])
def test_a_constant_picture_has_no_cells_and_a_warning(
    tmp_path: Path, shape: tuple[int, int]
) -> None:
    np.save(tmp_path / "constant.npy", np.full(shape, 7, np.uint16))

    run = cellwright.analyze(tmp_path / "constant.npy", tmp_path / "run", make_executor=threads)

    assert run.images["n_cells"].tolist() == [0]
    assert run.images["status"].tolist() == ["warned"]
    assert "no cells" in run.images["reason"].iloc[0]
    assert len(run.cells) == 0
    assert "area_px" in run.cells.columns


def test_70_000_objects_are_counted_and_need_32_bits(tmp_path: Path) -> None:
    plane = np.zeros((265 * 6, 265 * 6), np.uint8)
    rows, columns = np.mgrid[2 : plane.shape[0] : 6, 2 : plane.shape[1] : 6]
    for dy in range(3):
        for dx in range(3):
            plane[rows + dy, columns + dx] = 200
    tifffile.imwrite(tmp_path / "many.tif", plane)

    run = cellwright.analyze(
        tmp_path / "many.tif", tmp_path / "run", method="threshold", make_executor=threads
    )

    assert run.images["n_cells"].tolist() == [265 * 265]
    labels = tifffile.imread(run.path / "labels" / "many.tif")
    assert labels.dtype == np.uint32
    assert labels.max() == 265 * 265 == len(run.cells)


def test_nan_and_infinite_pixels_are_left_out_and_reported(tmp_path: Path) -> None:
    plane = discs(GRID).astype(np.float32)
    plane[0, :5] = np.nan
    plane[1, 0] = np.inf
    tifffile.imwrite(tmp_path / "a.tif", plane)

    run = cellwright.analyze(tmp_path / "a.tif", tmp_path / "run", make_executor=threads)

    assert run.images["n_cells"].tolist() == [9]
    assert "6 pixels are NaN or infinite" in run.images["reason"].iloc[0]
    assert np.isfinite(run.cells["intensity_mean_0"]).all()
