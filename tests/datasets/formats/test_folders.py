"""Our folders, StarDist's and Kaggle's: round trips, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow
from tests.datasets.formats.round_trip import in_order, label_images, read_back

from cellwright.core.errors import InputError, UsageError
from cellwright.core.image import Array
from cellwright.datasets.annotation import AnnotationFormat, Drawn, Source
from cellwright.datasets.check import check
from cellwright.datasets.convert import convert
from cellwright.datasets.formats.folder import FOLDER, STARDIST
from cellwright.datasets.formats.kaggle import FORMAT as KAGGLE


@pytest.mark.parametrize("kind", [FOLDER, STARDIST, KAGGLE], ids=lambda kind: kind.name)
@given(pair=st.lists(label_images(), min_size=1, max_size=2))
@settings(max_examples=25, deadline=None)
def test_what_was_written_is_read_again(kind: AnnotationFormat, pair: list[Array]) -> None:
    for written, read in zip(pair, read_back(kind, [Drawn(one) for one in pair]), strict=True):
        np.testing.assert_array_equal(in_order(read.labels), in_order(written))
        assert read.remarks == ()
        if kind is not KAGGLE:
            np.testing.assert_array_equal(read.labels, written)


def test_our_folders_keep_classes_and_frames() -> None:
    movie = np.zeros((3, 5, 6), np.uint32)
    movie[:, 1:3, 1:3], movie[1, 4, 4] = 70_000, 2
    classes = {70_000: "=cell, living", 2: "dead"}

    [read] = read_back(FOLDER, [Drawn(movie, "TYX", classes)])

    np.testing.assert_array_equal(read.labels, movie)
    assert (read.axes, read.classes) == ("TYX", classes)


def test_masks_over_each_other_are_told(tmp_path: Path) -> None:
    folder = tmp_path / "stage1_train" / "a"
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    Pillow.new("RGB", (8, 6)).save(folder / "images" / "a.png")
    cell, nucleus = np.zeros((6, 8), np.uint8), np.zeros((6, 8), np.uint8)
    cell[1:5, 1:7], nucleus[2:4, 2:4] = 255, 255
    Pillow.fromarray(cell).save(folder / "masks" / "1.png")
    Pillow.fromarray(nucleus).convert("RGBA").save(folder / "masks" / "2.png")
    Pillow.new("L", (8, 6)).save(folder / "masks" / "3.png")

    [entry] = KAGGLE.entries(Source(tmp_path))
    drawn = entry.read((6, 8))

    assert entry.name == "stage1_train/a"
    assert np.bincount(drawn.labels.ravel()).tolist() == [48 - 24, 20, 4]
    assert drawn.remarks == (
        "4 px in several objects: the smallest of them has each",
        "left out, as they have no pixel in the picture: 1 objects",
    )


def test_a_mask_of_another_size_is_named(tmp_path: Path) -> None:
    for name in ("images", "masks"):
        (tmp_path / "a" / name).mkdir(parents=True)
    Pillow.new("L", (8, 6)).save(tmp_path / "a" / "images" / "a.png")
    Pillow.new("L", (6, 8)).save(tmp_path / "a" / "masks" / "1.png")

    [entry] = KAGGLE.entries(Source(tmp_path))

    with pytest.raises(InputError, match=r"1\.png: the mask is 6 x 8 px, the picture 8 x 6"):
        entry.read((6, 8))


def kaggle_folder(folder: Path, *masks: str) -> Path:
    """A picture of 8 x 6 px, and masks of one nucleus each, a pixel of its own."""
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    Pillow.new("L", (8, 6)).save(folder / "images" / f"{folder.name}.png")
    for column, name in enumerate(masks):
        mask = np.zeros((6, 8), np.uint8)
        mask[1, column] = 255
        ending = "TIFF" if name.lower().endswith("tif") else "PNG"
        Pillow.fromarray(mask).save(folder / "masks" / name, ending)
    return folder


def test_stardists_layout_is_not_taken_for_kaggles(tmp_path: Path) -> None:
    for part in ("test", "train"):
        for name in ("images", "masks"):
            (tmp_path / "s" / part / name).mkdir(parents=True)
            for stem in ("a", "b"):
                tifffile.imwrite(
                    tmp_path / "s" / part / name / f"{stem}.tif", np.eye(4, dtype=np.uint8)
                )

    assert not KAGGLE.recognises(tmp_path / "s")
    with pytest.raises(UsageError, match=r"'stardist' in train/; give s/train$"):
        convert(tmp_path / "s", tmp_path / "out")
    with pytest.raises(UsageError, match="give s/test, --from stardist"):
        KAGGLE.entries(Source(tmp_path / "s"))
    assert convert(tmp_path / "s" / "train", tmp_path / "out").count("done") == 2


def test_labels_are_no_mask_of_one_nucleus(tmp_path: Path) -> None:
    folder = kaggle_folder(tmp_path / "a")
    Pillow.fromarray(np.diag([1, 2, 3, 0, 0, 0]).astype(np.uint8)).save(folder / "masks" / "a.png")

    [entry] = KAGGLE.entries(Source(tmp_path))

    with pytest.raises(InputError, match=r"a\.png: the mask has several numbers beside 0"):
        entry.read((6, 6))


def test_of_two_pictures_in_a_folder_none_is_chosen(tmp_path: Path) -> None:
    kaggle_folder(tmp_path / "s" / "a", "1.png")
    images = kaggle_folder(tmp_path / "s" / "b", "1.png") / "images"
    Pillow.new("L", (8, 6)).save(images / "c.png")
    (images / "b.png").rename(images / "d.png")

    found = convert(tmp_path / "s", tmp_path / "out")

    assert [(row.name, row.status) for row in found.rows] == [("a", "done"), ("b", "failed")]
    assert found.rows[1].reason.startswith("2 pictures in one images/, and nothing tells which")
    assert "c.png, d.png" in found.rows[1].reason


def test_masks_may_be_pictures_of_any_ending(tmp_path: Path) -> None:
    folder = kaggle_folder(tmp_path / "a", "1.PNG", "2.tif", "3.png")
    (folder / "masks" / "._3.png").write_bytes(b"of a Mac")
    (folder / "images" / "._a.png").write_bytes(b"of a Mac")

    [entry] = KAGGLE.entries(Source(tmp_path))

    assert entry.image == folder / "images" / "a.png"
    assert entry.read((6, 8)).labels[1].tolist() == [1, 2, 3, 0, 0, 0, 0, 0]


def test_only_an_empty_folder_of_masks_says_that_there_is_nothing(tmp_path: Path) -> None:
    source = tmp_path / "s"
    kaggle_folder(source / "empty")
    (kaggle_folder(source / "missing") / "masks").rmdir()
    (kaggle_folder(source / "other") / "masks" / "outlines.csv").touch()

    rows = convert(source, tmp_path / "out").rows

    assert [(row.name, row.status, row.n_cells) for row in rows] == [
        ("empty", "done", 0), ("missing", "failed", 0), ("other", "failed", 0),
    ]  # fmt: skip
    assert rows[1].reason.startswith("no masks folder: nobody drew here")
    assert rows[2].reason.startswith("no file in masks/ has the ending of a picture: outlines.csv")


def test_a_broken_mask_is_named_and_not_its_picture(tmp_path: Path) -> None:
    source = tmp_path / "s"
    kaggle_folder(source / "a", "1.png")
    broken = kaggle_folder(source / "b", "1.png", "2.png") / "masks" / "2.png"
    broken.write_bytes(broken.read_bytes()[:50])

    rows = convert(source, tmp_path / "out").rows

    assert rows[1].reason.startswith("masks/2.png: the PNG is ")
    assert [one.fault.what[:12] for one in check(source).findings if one.image == "b"] == [
        "masks/2.png:"
    ]


def test_rows_of_classes_may_name_files(tmp_path: Path) -> None:
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
        for stem in ("a", "b.3"):
            tifffile.imwrite(tmp_path / name / f"{stem}.tif", np.eye(4, dtype=np.uint8))
    rows = "name,label,class\na.png,1,large\nb.3,1,small\nB.tif,1,large\nb.4,1,large\n"
    (tmp_path / "classes.csv").write_text(rows, "utf-8")
    source = Source(tmp_path)

    drawn = {entry.name: entry.read(None).classes for entry in FOLDER.entries(source)}

    assert drawn == {"a": {1: "large"}, "b.3": {1: "small"}}
    assert FOLDER.doubts is not None
    assert FOLDER.doubts(source) == [
        ("classes.csv", "2 rows are of pictures that have no labels here: 'B.tif', 'b.4'")
    ]


def test_what_is_not_looked_at_is_named(tmp_path: Path) -> None:
    for name in ("images", "labels"):
        (tmp_path / name / "day1").mkdir(parents=True)
        for stem in ("a", "day1/b", "day1/c"):
            tifffile.imwrite(tmp_path / name / f"{stem}.tif", np.eye(4, dtype=np.uint8))
    tifffile.imwrite(tmp_path / "images" / "bare.tif", np.eye(4, dtype=np.uint8))
    assert FOLDER.doubts is not None
    assert FOLDER.doubts(Source(tmp_path)) == [
        ("images", "2 files in folders within are not read: day1/b.tif, day1/c.tif"),
        ("labels", "2 files in folders within are not read: day1/b.tif, day1/c.tif"),
        ("images", "1 pictures have no labels: bare.tif"),
    ]


def test_a_table_of_classes_that_is_none_is_named(tmp_path: Path) -> None:
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
        tifffile.imwrite(tmp_path / name / "a.tif", np.ones((4, 4), np.uint8))
    (tmp_path / "classes.csv").write_text("name,label\na,1\n")

    with pytest.raises(InputError, match="columns name, label and class"):
        FOLDER.entries(Source(tmp_path))


def test_an_empty_class_is_none_and_two_classes_of_an_object_are_refused(tmp_path: Path) -> None:
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
        tifffile.imwrite(tmp_path / name / "a.tif", np.array([[1, 2]], np.uint8))
    table = tmp_path / "classes.csv"
    table.write_text("name,label,class\na,1,\na,2, dead\na.tif,2,dead\n")
    (entry,) = FOLDER.entries(Source(tmp_path))
    assert entry.read(None).classes == {2: "dead"}

    for second in ("a", "a.tif"):
        table.write_text(f"name,label,class\na,2,dead\n{second},2,alive\n")
        with pytest.raises(InputError, match="object 2 is both 'dead' and 'alive'"):
            FOLDER.entries(Source(tmp_path))
