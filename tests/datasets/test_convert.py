"""From format to format: what is written, what is refused, what fails alone."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile

from cellwright.core.errors import CancelledError, RunError, UsageError
from cellwright.datasets.convert import convert
from cellwright.datasets.example import examples_in, read_labels
from cellwright.engine.events import CancelToken


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two pictures with three and no objects, a kind for one of them."""
    folder = tmp_path / "source"
    for name, labels in (("a", np.eye(6, dtype=np.uint16) * 3), ("b", np.zeros((6, 6), np.uint8))):
        for kind, pixels in (("images", np.zeros((6, 6), np.uint8)), ("labels", labels)):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(folder / kind / f"{name}.tif", pixels, photometric="minisblack")
    (folder / "images.csv").write_text("name,kind\na,tissue\n")
    return folder


def test_a_dataset_goes_to_another_format_and_back(source: Path, tmp_path: Path) -> None:
    there = convert(source, tmp_path / "there", to="kaggle")
    back = convert(tmp_path / "there", tmp_path / "back")

    assert (there.source_format, there.to) == ("folder", "kaggle")
    assert (back.source_format, back.to) == ("kaggle", "folder")
    assert [(row.name, row.status, row.n_cells, row.kind) for row in there.rows] == [
        ("a", "done", 1, "tissue"), ("b", "done", 0, ""),
    ]  # fmt: skip
    for example in examples_in(tmp_path / "back"):
        before = tifffile.imread(source / "labels" / f"{Path(example.name).name}.tif")
        np.testing.assert_array_equal(read_labels(example) > 0, before > 0)
    lines = (tmp_path / "there" / "images.csv").read_text().splitlines()
    assert lines[:2] == ["image,name,status,reason,n_cells,kind,group", "a.tif,a,done,,1,tissue,"]


def test_a_zip_with_a_folder_around_all_is_read(source: Path, tmp_path: Path) -> None:
    path = shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path, "source")
    assert [row.name for row in convert(path, tmp_path / "out").rows] == ["a", "b"]


def test_one_picture_that_fails_does_not_stop_the_others(source: Path, tmp_path: Path) -> None:
    (source / "images" / "a.tif").write_bytes(b"II*\x00")
    done = convert(source, tmp_path / "out")
    assert [row.status for row in done.rows] == ["failed", "done"]
    assert [path.name for path in (tmp_path / "out" / "labels").iterdir()] == ["b.tif"]


def test_an_object_that_cannot_be_read_is_named_with_its_file(source: Path, tmp_path: Path) -> None:
    there = tmp_path / "there (1)"
    convert(source, there, to="coco")
    root = json.loads((there / "annotations.json").read_text())
    root["annotations"][0]["segmentation"]["counts"] = [5]
    (there / "annotations.json").write_text(json.dumps(root))
    row, other = convert(there, tmp_path / "out").rows
    assert (row.status, other.status) == ("failed", "done")
    assert row.reason.startswith(
        "there (1)/annotations.json (a.tif) (annotation 1): it cannot be read (its counts"
    )
    assert row.reason.endswith("; correct this file, or export it again")


def test_a_name_that_no_file_may_have_fails_alone(source: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    convert(source, there, to="coco")
    root = json.loads((there / "annotations.json").read_text())
    root["images"][0]["file_name"] = "a" * 5000 + "\0"
    (there / "annotations.json").write_text(json.dumps(root))
    assert [row.status for row in convert(there, tmp_path / "out").rows] == ["failed", "done"]


def test_damaged_annotations_fail_and_are_named_with_or_without_a_picture(tmp_path: Path) -> None:
    drawn = {"a.tif": [[[1, 1], [3, 1], [3, 3]]]}
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((6, 6), np.uint8))
    tifffile.imwrite(tmp_path / "b.tif", np.zeros((6, 6), np.uint8))
    (tmp_path / "a.json").write_text(json.dumps(drawn))
    for name in ("b", "c"):
        (tmp_path / f"{name}.json").write_text("{")
    rows = convert(tmp_path, tmp_path.parent / f"{tmp_path.name}-out").rows
    assert [(row.image, row.status) for row in rows] == [
        ("a.tif", "done"), ("b.tif", "failed"), ("c", "failed"),
    ]  # fmt: skip
    for row in rows[1:]:
        assert re.search(rf"/{row.name}\.json: the file is no JSON .*; export it again", row.reason)


def test_labels_without_a_picture_need_its_folder(source: Path, tmp_path: Path) -> None:
    (source / "images").rename(tmp_path / "elsewhere")
    (source / "images").mkdir()
    with pytest.raises(RunError, match=r"none of 2 pictures .* give the folder .* with --images"):
        convert(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    done = convert(source, tmp_path / "out", images=tmp_path / "elsewhere")
    assert [row.status for row in done.rows] == ["done", "done"]


def test_nothing_is_left_of_a_conversion_that_was_stopped(source: Path, tmp_path: Path) -> None:
    token = CancelToken()
    token.cancel()
    before = sorted(tmp_path.iterdir())
    with pytest.raises(CancelledError):
        convert(source, tmp_path / "out", cancel=token)
    assert sorted(tmp_path.iterdir()) == before


def test_what_makes_no_sense_is_refused_before_anything_is_written(
    source: Path, tmp_path: Path
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("keep")
    (tmp_path / "empty").mkdir()
    for given, out, options, said in (
        (source, tmp_path / "full", {}, "not empty"),
        (source, source / "out", {}, "nothing is written into what is converted"),
        (source, tmp_path / "out", {"to": "nothing"}, "there is no annotation 'nothing'"),
        (source, tmp_path / "out", {"source_format": "nothing"}, "there is no annotation"),
        (source, tmp_path / "out", {"images": tmp_path / "no"}, "folder of pictures"),
        (tmp_path / "no", tmp_path / "out", {}, "no such file"),
        (tmp_path / "empty", tmp_path / "out", {}, "no format of annotations is recognised"),
    ):
        with pytest.raises(UsageError, match=said):
            convert(given, out, **options)
    assert (tmp_path / "full" / "mine.txt").read_text() == "keep"
    assert not (tmp_path / "out").exists()


def test_an_empty_folder_may_be_there_already(source: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    convert(source, tmp_path / "out")
    assert (tmp_path / "out" / "images.csv").is_file()
    assert len(list(tmp_path.iterdir())) == 2


def test_a_stack_fails_alone_where_the_format_holds_planes(source: Path, tmp_path: Path) -> None:
    for kind in ("images", "labels"):
        tifffile.imwrite(source / kind / "movie.tif", np.ones((3, 6, 6), np.uint8),
                         photometric="minisblack")  # fmt: skip
    done = convert(source, tmp_path / "out", to="coco")
    assert [(row.name, row.status) for row in done.rows] == [
        ("a", "done"), ("b", "done"), ("movie", "failed"),
    ]  # fmt: skip
    assert "holds no labels with the axes TYX" in done.rows[2].reason
