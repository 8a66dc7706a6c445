"""Which label image belongs to which truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cellwright.core.errors import RunError, UsageError
from cellwright.evaluation.kinds import kinds_of, read_kinds
from cellwright.evaluation.pairing import (
    LabelFile,
    find_label_files,
    named_alike,
    pair_files,
)


def files(*names: str) -> list[LabelFile]:
    return [LabelFile(name, Path(name)) for name in names]


def joined(labels: list[LabelFile], truth: list[LabelFile]) -> dict[str, str]:
    """From truth to labels, where both are there."""
    return {
        pair.image: str(pair.labels)
        for pair in pair_files(labels, truth)
        if pair.truth is not None and pair.labels is not None
    }


def test_paths_come_before_names() -> None:
    labels = files("day1/a.tif", "day2/a.tif", "b.ome.tif", "deep/c.tif")
    truth = files("day1/a.png", "day2/a.npy", "b.zarr", "c.tiff")
    assert joined(labels, truth) == {
        "day1/a.png": "day1/a.tif",
        "day2/a.npy": "day2/a.tif",
        "b.zarr": "b.ome.tif",
        "c.tiff": "deep/c.tif",
    }


def test_labels_are_named_as_segment_names_them() -> None:
    """Names that would collide keep their ending, a scene gets two underscores."""
    labels = files("same.bmp.tif", "same.png.tif", "plate.nd2__2.tif")
    truth = files("same.bmp", "same.png", "plate.nd2::2")
    assert joined(labels, truth) == {
        "same.bmp": "same.bmp.tif",
        "same.png": "same.png.tif",
        "plate.nd2::2": "plate.nd2__2.tif",
    }


def test_what_could_be_several_is_never_chosen_from() -> None:
    pairs = pair_files(files("x/a.tif", "y/a.tif", "b.tif"), files("a.png", "b.png"))
    by_name = {pair.image: pair for pair in pairs}
    assert by_name["b.png"].labels == Path("b.tif")
    assert by_name["a.png"].labels is None
    for name in ("a.png", "x/a.tif", "y/a.tif"):
        assert (
            by_name[name].reason == "several could belong together: 'x/a.tif', 'y/a.tif', 'a.png'"
        )


def test_what_has_no_partner_is_named() -> None:
    pairs = pair_files(files("a.tif", "b.tif"), files("b.png", "c.png"))
    assert [(pair.image, pair.reason) for pair in pairs] == [
        ("a.tif", "there is no truth for it"),
        ("b.png", ""),
        ("c.png", "there are no labels of it"),
    ]


def test_two_files_are_a_pair() -> None:
    assert joined(files("found.tif"), files("drawn.png")) == {"drawn.png": "found.tif"}


def save(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.eye(4, dtype=np.uint16))


def test_a_run_says_which_labels_are_of_which_picture(tmp_path: Path) -> None:
    run = tmp_path / "run"
    save(run / "labels" / "a%3F.npy")
    save(run / "labels" / "nucleus" / "a%3F.npy")
    (run / "images.csv").write_text(
        "image,status,reason,n_cells,labels\n"
        "a?.png,done,,4,labels/a%3F.npy\n"
        "b.png,failed,cut short,,\n"
        "notes.txt,skipped,not a picture,,\n"
        "c.png,warned,dark,2,labels/c.tif\n"
        "d.png,done,,2,../../d.tif\n"
    )
    for given in (run, run / "labels"):
        found = {file.image: (file.path, file.reason) for file in find_label_files(given)}
        assert found == {
            "a?.png": (run / "labels" / "a%3F.npy", ""),
            "b.png": (None, "it was not segmented: cut short"),
            "c.png": (None, "the run's labels/c.tif is not there"),
            "d.png": (None, "the run's ../../d.tif is not there"),
        }


def test_a_data_set_has_its_labels_in_a_folder(tmp_path: Path) -> None:
    save(tmp_path / "images" / "a.npy")
    save(tmp_path / "labels" / "a.npy")
    (tmp_path / "images.csv").write_text("name,kind\na.png,tissue\n")
    assert find_label_files(tmp_path) == [LabelFile("a.npy", tmp_path / "labels" / "a.npy")]


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file or folder"):
        find_label_files(tmp_path / "gone")
    with pytest.raises(RunError, match="no label image"):
        find_label_files(tmp_path)


def test_kinds_by_path_name_and_stem() -> None:
    table = {"x/a.png": "one", "y/a.png": "two", "b.png": "three", "empty.png": ""}
    images = ["x/a.png", "z/a.png", "b.tif", "empty.png", "other.png"]
    assert kinds_of(images, table) == {"x/a.png": "one", "b.tif": "three"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"picture,kind\n", "no columns image and kind"),
        (b"", "no columns image and kind"),
        (b"image,kind\na.png,x\na.png,y\n", "line 3: 'a.png' has two kinds"),
        (b"image,kind\n\xff\xfe", "no text in UTF-8"),
    ],
)
def test_tables_of_kinds_that_are_none(tmp_path: Path, text: bytes, message: str) -> None:
    path = tmp_path / "kinds.csv"
    path.write_bytes(text)
    with pytest.raises(UsageError, match=message):
        read_kinds(path)


def test_a_table_of_kinds_from_a_spreadsheet(tmp_path: Path) -> None:
    path = tmp_path / "kinds.csv"
    path.write_bytes('\ufeffkind;image\r\n"a; b";"\'=1.png"\r\n;c.png\r\n'.encode())
    assert read_kinds(path) == {"=1.png": "a; b", "c.png": ""}
    with pytest.raises(UsageError, match="cannot be read"):
        read_kinds(tmp_path / "gone.csv")


def test_names_that_mean_one_picture_find_each_other() -> None:
    names = ["day1/a.tif", "day2/a.tif", "b.ome.tif", "c.tif", "c.png", "d.tif"]
    others = ["day1/a", "day2/a.png", "b", "c", "e"]
    assert named_alike(names, others) == {
        "day1/a.tif": "day1/a",
        "day2/a.tif": "day2/a.png",
        "b.ome.tif": "b",
    }  # of two that could be c neither is
    assert named_alike(["c.tif", "c.png"], ["c.png"])["c.png"] == "c.png"
    assert named_alike(["x/a.tif"], ["y/a", "z/a"]) == {}


def test_the_name_of_the_labels_is_kept() -> None:
    [pair] = pair_files(files("deep/a.tif"), files("a.png"))
    assert (pair.image, pair.labels_image) == ("a.png", "deep/a.tif")
