"""Annotations of any format as training takes them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile

from cellwright.core.errors import CancelledError, UsageError
from cellwright.core.image import Array
from cellwright.datasets.convert import convert
from cellwright.datasets.example import read_labels
from cellwright.engine.events import CancelToken, Event, PhaseStarted
from cellwright.io.label_image import encode_labels
from cellwright.learn.dataset import dataset_of
from cellwright.simulate.nuclei import simulate_nuclei


def put(folder: Path, name: str, plane: Array) -> None:
    file = folder / f"{name}.tif"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(encode_labels(plane, "YX"))


def dataset(folder: Path, masks: str = "labels") -> Path:
    for seed in range(3):
        pixels, labels = simulate_nuclei((64, 64), n=5, diameter_px=14, seed=seed)
        put(folder / "images", f"p{seed}", pixels)
        put(folder / masks, f"p{seed}", labels)
    return folder


def test_our_own_layout_is_used_where_it_lies(tmp_path: Path) -> None:
    source = dataset(tmp_path / "source")
    found = dataset_of(source, tmp_path / "copy")
    assert [example.name for example in found.examples] == ["p0", "p1", "p2"]
    assert {example.image.parent for example in found.examples} == {source / "images"}
    assert not (tmp_path / "copy").exists()


def test_a_copy_follows_what_was_drawn_since(tmp_path: Path) -> None:
    source = dataset(tmp_path / "source", "masks")  # StarDist's layout
    first = dataset_of(source, tmp_path / "copy")
    assert {example.image.parent for example in first.examples} == {tmp_path / "copy" / "images"}
    before = read_labels(first.examples[0])
    drawn = before.copy()
    drawn[drawn == 1] = 0
    put(source / "masks", "p0", drawn)
    second = dataset_of(source, tmp_path / "copy")
    np.testing.assert_array_equal(read_labels(second.examples[0]) > 0, drawn > 0)


def test_a_zip_of_our_own_layout_is_unpacked(tmp_path: Path) -> None:
    source = shutil.make_archive(str(tmp_path / "zip"), "zip", dataset(tmp_path / "source"))
    found = dataset_of(Path(source), tmp_path / "copy")
    assert [example.name for example in found.examples] == ["p0", "p1", "p2"]


def test_a_folder_that_is_no_copy_is_not_taken_for_one(tmp_path: Path) -> None:
    source = dataset(tmp_path / "source", "masks")
    raw = tmp_path / "data" / "raw.txt"
    raw.parent.mkdir()
    raw.write_text("mine")
    with pytest.raises(UsageError, match="in the place of a folder that is none"):
        dataset_of(source, raw.parent)
    assert raw.read_text() == "mine"
    for copy in (source, source.parent):
        with pytest.raises(UsageError, match="in the place of what is read"):
            dataset_of(source, copy)
    with pytest.raises(UsageError, match="would be put into them"):
        dataset_of(source, source / "data")
    assert len(list((source / "images").iterdir())) == 3


def test_a_copy_that_was_ended_half_way_is_made_again(tmp_path: Path) -> None:
    source = dataset(tmp_path / "source", "masks")
    copy = tmp_path / "out" / "data"
    cancel = CancelToken()

    def listen(event: Event) -> None:
        if isinstance(event, PhaseStarted) and event.phase == "converting":
            cancel.cancel()

    with pytest.raises(CancelledError):
        dataset_of(source, copy, listener=listen, cancel=cancel)
    assert not list(copy.parent.iterdir())
    dataset_of(source, copy)
    for name in ("images", "labels"):  # as far as its removal came
        shutil.rmtree(copy / name)
    assert len(dataset_of(source, copy).examples) == 3


@pytest.mark.parametrize("masks", ["labels", "masks"])
def test_labels_that_cannot_be_read_are_named_or_left_out(tmp_path: Path, masks: str) -> None:
    source = dataset(tmp_path / "source", masks)
    (source / masks / "p1.tif").write_bytes(b"II*\0 and no more")
    with pytest.raises(UsageError, match="p1") as caught:
        dataset_of(source, tmp_path / "copy")
    assert "--leave-out" in caught.value.remedy
    found = dataset_of(source, tmp_path / "copy", leave_out=True)
    assert [example.name for example in found.examples] == ["p0", "p2"]


def test_all_pictures_that_are_no_numbers_are_named_at_once_or_left_out(tmp_path: Path) -> None:
    source = dataset(tmp_path / "source")
    for name in ("p0", "p2"):
        file = source / "images" / f"{name}.tif"
        pixels = tifffile.imread(file).astype(np.float32)
        pixels[3, 3] = np.nan
        tifffile.imwrite(file, pixels)
    labels = read_labels(dataset_of(source, tmp_path / "copy", leave_out=True).examples[0])
    put(source / "labels", "p2", (labels > 0).astype(np.uint32))  # a second error in one picture
    with pytest.raises(UsageError, match=r": 2 pictures cannot .* p0: .* p2: .* p2: ") as told:
        dataset_of(source, tmp_path / "copy")
    assert "--leave-out" in told.value.remedy
    found = dataset_of(source, tmp_path / "copy", leave_out=True)
    assert [example.name for example in found.examples] == ["p1"]


@pytest.mark.parametrize("form", ["coco", "kaggle", "cellpose", "contours"])
def test_groups_are_known_after_any_format(tmp_path: Path, form: str) -> None:
    source = dataset(tmp_path / "source")
    (source / "images.csv").write_text("name,kind,group\np0,k,g\np1,,\np2,k,g\n")
    convert(source, tmp_path / "there", to=form)
    found = dataset_of(tmp_path / "there", tmp_path / "copy")
    assert [one.group for one in found.examples] == ["copy/g", "copy/p1", "copy/g"]
    assert [one.kind for one in found.examples] == ["k", "copy", "k"]
