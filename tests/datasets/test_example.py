"""Folders of annotated pictures, and what is wrong with some."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

from cellwright.core.errors import InputError, UsageError
from cellwright.core.image import Array
from cellwright.datasets.example import examples_in, read_labels, read_pixels, with_groups

GREY = np.arange(30, dtype=np.uint8).reshape(5, 6)
LABELS = (GREY > 20).astype(np.uint16)


def put(folder: Path, name: str, pixels: Array = GREY, labels: Array | None = LABELS) -> None:
    """Write a picture and its labels."""
    for part, array in (("images", pixels), ("labels", labels)):
        (folder / part).mkdir(parents=True, exist_ok=True)
        if array is not None:
            Pillow.fromarray(array).save(folder / part / f"{name}.png")


def test_examples_come_by_name_with_the_kinds_of_the_table(tmp_path: Path) -> None:
    folder = tmp_path / "nuclei"
    for name in ("b", "a", "c"):
        put(folder, name)
    (folder / "images" / "notes.txt").write_text("not a picture")
    (folder / "images.csv").write_bytes(b"\xef\xbb\xbfname,kind\nb.png,tissue\nc,\n")
    found = examples_in(folder)
    assert [(e.name, e.kind, e.group) for e in found] == [
        ("nuclei/a", "nuclei", "nuclei/a"),
        ("nuclei/b", "tissue", "nuclei/b"),
        ("nuclei/c", "nuclei", "nuclei/c"),
    ]
    np.testing.assert_array_equal(read_pixels(found[0]), GREY)
    labels = read_labels(found[0])
    assert labels.dtype == np.uint32
    np.testing.assert_array_equal(labels, LABELS)


def test_groups_of_the_table_are_kept_apart_from_those_of_other_folders(tmp_path: Path) -> None:
    for name in "abc":
        put(tmp_path / "set", name)
    (tmp_path / "set" / "images.csv").write_text("name,group\na,photograph 1\nb,photograph 1\n")
    groups = [example.group for example in examples_in(tmp_path / "set")]
    assert groups == ["set/photograph 1", "set/photograph 1", "set/c"]


def test_groups_are_given_by_name(tmp_path: Path) -> None:
    put(tmp_path / "set", "a")
    put(tmp_path / "set", "b")
    grouped = with_groups(examples_in(tmp_path / "set"), {"set/a": "set/a", "set/b": "set/a"})
    assert [example.group for example in grouped] == ["set/a", "set/a"]


def test_a_folder_without_pictures(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no pictures in images/"):
        examples_in(tmp_path)


def test_pictures_without_labels_are_named(tmp_path: Path) -> None:
    put(tmp_path, "a")
    for name in "bcde":
        put(tmp_path, name, labels=None)
    with pytest.raises(UsageError, match=r"4 pictures have no labels: b\.png, c\.png, d\.png, …"):
        examples_in(tmp_path)


def test_two_pictures_of_one_stem(tmp_path: Path) -> None:
    put(tmp_path, "a")
    tifffile.imwrite(tmp_path / "images" / "a.tif", GREY)
    with pytest.raises(UsageError, match="called the same but for their ending: a"):
        examples_in(tmp_path)


@pytest.mark.parametrize(
    ("table", "said"),
    [(b"file;kind\na.png;x\n", "no column 'name', only file;kind"), (b"name\n\xff\n", "read")],
)
def test_a_table_that_is_none(tmp_path: Path, table: bytes, said: str) -> None:
    put(tmp_path, "a")
    (tmp_path / "images.csv").write_bytes(table)
    with pytest.raises(InputError, match=said):
        examples_in(tmp_path)


def test_opacity_is_left_out(tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 255, (5, 6, 4), dtype=np.uint8)
    put(tmp_path, "a", pixels)
    [example] = examples_in(tmp_path)
    np.testing.assert_array_equal(read_pixels(example), pixels[..., :3])


def test_a_stack_is_no_colour_picture(tmp_path: Path) -> None:
    put(tmp_path, "a")
    stack = np.zeros((4, 5, 6), np.uint8)
    for part in ("images", "labels"):
        (tmp_path / part / "a.png").unlink()
        tifffile.imwrite(tmp_path / part / "a.tif", stack, imagej=True, metadata={"axes": "ZYX"})
    [example] = examples_in(tmp_path)
    with pytest.raises(InputError, match="not one plane of grey or of three colours, but ZYX"):
        read_pixels(example)
    with pytest.raises(InputError, match="have the axes ZYX"):
        read_labels(example)
