"""Kinds and groups of pictures: by which names they are found, and that no format loses them."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from cellwright.datasets.annotation import Entry, formats
from cellwright.datasets.check import check
from cellwright.datasets.convert import convert, opened
from cellwright.datasets.images_table import TABLE, told_in
from cellwright.datasets.writing import table_text

WRITTEN = sorted(name for name, one in formats().items() if one.write is not None)
NAMES = ("a", "b", "well.3", "well.4", "c.ome", "d.png", "e 1", "=f")
WORDS = st.sampled_from(["", "x", "y", "dish, 1", "=1", "a"])
Told = dict[str, tuple[str, str]]


def folder_of(path: Path, told: Told) -> Path:
    """A dataset of pictures with two squares each."""
    labels = np.zeros((40, 40), np.uint8)
    labels[5:18, 5:18], labels[22:36, 20:36] = 1, 2
    for number, name in enumerate(told):
        for part, pixels in (("images", labels * 60 + number), ("labels", labels)):
            (path / part).mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(path / part / f"{name}.tif", pixels, photometric="minisblack")
    rows = [(name, *texts) for name, texts in told.items()]
    (path / TABLE).write_text(table_text(("name", "kind", "group"), rows), "utf-8")
    return path


def read(path: Path) -> list[tuple[str, str]]:
    """Kind and group of each picture, by number: the value of its ground."""
    with opened(path) as (_, entries, _):
        return [(one.kind, one.group) for one in sorted(entries, key=_number)]


def _number(entry: Entry) -> tuple[int, str]:
    assert entry.image is not None
    with Pillow.open(entry.image) as image:
        return int(np.asarray(image).min()), entry.name


def groups(told: list[tuple[str, str]]) -> set[frozenset[int]]:
    """Which of them belong together."""
    names = [group or f"alone {i}" for i, (_, group) in enumerate(told)]
    return {frozenset(i for i, one in enumerate(names) if one == name) for name in names}


@pytest.mark.parametrize("name", [name for name in WRITTEN if name != "ctc"])
@given(told=st.dictionaries(st.sampled_from(NAMES), st.tuples(WORDS, WORDS), min_size=1))
@settings(max_examples=5, deadline=None)
def test_any_format_gives_kinds_and_groups_back(name: str, told: Told) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = folder_of(Path(folder, "source"), told)
        convert(source, Path(folder, "there"), to=name)
        assert read(Path(folder, "there")) == list(told.values())
        convert(Path(folder, "there"), Path(folder, "back"))
        assert read(Path(folder, "back")) == list(told.values())


def test_sequences_keep_groups_and_say_that_kinds_are_lost(tmp_path: Path) -> None:
    told = {"a": ("x", "g"), "b": ("y", ""), "c": ("x", "g")}
    done = convert(folder_of(tmp_path / "source", told), tmp_path / "there", to="ctc")
    assert groups(read(tmp_path / "there")) == {frozenset({0, 2}), frozenset({1})}
    assert [one for one in done.remarks if "no place for kinds" in one]


def test_a_file_of_annotations_has_the_table_beside_it(tmp_path: Path) -> None:
    convert(folder_of(tmp_path / "source", {"a": ("x", "g")}), tmp_path / "there", to="coco")
    assert read(tmp_path / "there" / "annotations.json") == [("x", "g")]


def test_folders_within_have_tables_of_their_own(tmp_path: Path) -> None:
    for part in ("train", "valid"):
        source = folder_of(tmp_path / part, {"a": (part, "g"), "b": ("", "")})
        convert(source, tmp_path / "there" / part, to="coco")
    assert read(tmp_path / "there") == [("train", "g"), ("valid", "g"), ("", ""), ("", "")]


def test_drawings_of_one_picture_stay_together(tmp_path: Path) -> None:
    lines = np.zeros((40, 40), np.uint8)
    lines[[5, 30], 5:31] = lines[5:31, [5, 30]] = 255
    for part, name in (("images", "a"), ("images", "b"), ("contours", "a"), ("contours", "a_2"),
                       ("contours", "b")):  # fmt: skip
        (tmp_path / part).mkdir(exist_ok=True)
        Pillow.fromarray(lines).save(tmp_path / part / f"{name}.png")
    for rows in ("a,g", "a_2,g", "a.png,g"):
        (tmp_path / TABLE).write_text(f"name,group\n{rows}\nb,g\n")
        assert [group for _, group in read(tmp_path)] == ["g"] * 3


def test_only_endings_of_pictures_are_cut_and_a_whole_name_wins(tmp_path: Path) -> None:
    table = tmp_path / TABLE
    rows = "well.3,one\nwell.4,two\nday/a.tif,three\nb,four\nb.png,five\nc.png,six\nc,\n"
    table.write_text("name,group\n" + rows + "d.ome.tif,seven\n")
    told = told_in(table, "group")
    assert [told.get(name) for name in ("well.3", "well.4", "well", "a", "b", "c", "d.ome")] == [
        "one", "two", None, "three", "four", None, "seven",
    ]  # fmt: skip


def test_a_table_that_cannot_be_read_is_told_of(tmp_path: Path) -> None:
    convert(folder_of(tmp_path / "source", {"a": ("x", "g")}), tmp_path / "there", to="coco")
    (tmp_path / "there" / TABLE).write_text("name;group\na;g\n")
    told = "the table has no column 'name', only name;group: no kinds and groups are known"
    assert [one.fault.what for one in check(tmp_path / "there").findings] == [told]
    assert convert(tmp_path / "there", tmp_path / "back").remarks == (f"{TABLE}: {told}",)


def test_annotations_of_others_need_no_table(tmp_path: Path) -> None:
    convert(folder_of(tmp_path / "source", {"a": ("x", "g")}), tmp_path / "there", to="coco")
    (tmp_path / "there" / TABLE).unlink()
    root = json.loads((tmp_path / "there" / "annotations.json").read_text())
    assert len(root["images"]) == 1
    assert read(tmp_path / "there") == [("", "")]
