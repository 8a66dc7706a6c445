"""The pictures of the demo: what they show, how large they are, and whose they are."""

from __future__ import annotations

import csv
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import tifffile

from cellwright.demo_pictures import write_demo_pictures
from cellwright.quality.judge import judge_plane, worst


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo_pictures(tmp_path_factory.mktemp("demo")).parent


def listed(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "samples.csv").open(newline="", encoding="utf-8") as stream:
        return {row["image"]: row for row in csv.DictReader(stream)}


def test_every_picture_has_its_row(demo: Path) -> None:
    rows = listed(demo)
    found = {path.relative_to(demo).as_posix() for path in demo.rglob("*.tif")}
    assert set(rows) == found
    assert len(rows) == 16
    design = {(row["condition"], row["replicate"]) for row in rows.values()}
    assert {("control", str(n)) for n in (1, 2, 3)} < design
    assert {("drug", str(n)) for n in (1, 2, 3)} < design


def test_good_pictures_pass_and_the_spoilt_ones_do_not(demo: Path) -> None:
    for image in listed(demo):
        if image == "spoilt/cut_off.tif":
            continue
        found = judge_plane(tifffile.imread(demo / image), "0", None)
        if image == "spoilt/out_of_focus.tif":
            assert [f.check for f in found if f.verdict != "pass"] == ["focus"]
        else:
            assert worst(found) == "pass", (image, found)


@pytest.mark.filterwarnings("ignore")
def test_the_file_that_is_cut_off_cannot_be_read(demo: Path) -> None:
    with pytest.raises(ValueError, match="failed to read"):
        tifffile.imread(demo / "spoilt" / "cut_off.tif")


def test_the_same_bytes_every_time(demo: Path, tmp_path: Path) -> None:
    write_demo_pictures(tmp_path)
    for path in demo.rglob("*"):
        if path.is_file():
            assert (tmp_path / path.relative_to(demo)).read_bytes() == path.read_bytes()


def test_without_the_spoilt_ones_every_file_can_be_read(tmp_path: Path) -> None:
    path = write_demo_pictures(tmp_path, spoilt=False)
    for image in listed(path.parent):
        assert tifffile.imread(tmp_path / image).ndim == 2


def test_what_comes_with_the_package_is_small_and_says_whose_it_is() -> None:
    folder = files("cellwright.demo_pictures")
    pictures = [file for file in folder.iterdir() if file.name.endswith(".tif")]
    assert len(pictures) == 3
    assert sum(len(file.read_bytes()) for file in pictures) < 5_000_000
    notice = (folder / "NOTICE.txt").read_text(encoding="utf-8")
    for file in pictures:
        assert file.name in notice
    assert notice.count("Redistributions of source code must retain") == 2
    assert "Uwe Schmidt, Martin Weigert" in notice
    assert "Laboratory of Functional and Structural Genomics" in notice


def test_the_truth_belongs_to_its_picture() -> None:
    folder = files("cellwright.demo_pictures")
    with (folder / "nuclei.tif").open("rb") as one, (folder / "nuclei_truth.tif").open("rb") as two:
        picture, truth = tifffile.imread(one), tifffile.imread(two)
    assert picture.shape == truth.shape == (512, 512)
    assert np.unique(truth[truth > 0]).size == 125
    assert picture[truth > 0].mean() > 2 * picture[truth == 0].mean()
