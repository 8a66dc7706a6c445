"""Faults of datasets: each is named with its picture and what to do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from cellwright.core.image import Array
from cellwright.datasets.annotation import Drawn
from cellwright.datasets.check import Checked, check
from cellwright.datasets.convert import convert
from cellwright.datasets.faults import Fault, faults_of
from cellwright.simulate.nuclei import simulate_nuclei

SIDE = 160


def nuclei(seed: int = 1) -> tuple[Array, Array]:
    return simulate_nuclei((SIDE, SIDE), 14, diameter_px=24, seed=seed)


def dataset(folder: Path, **pairs: tuple[Array | None, Array | None]) -> Path:
    """A folder of pictures and labels; None leaves a file out."""
    for name, pair in pairs.items():
        for kind, pixels in zip(("images", "labels"), pair, strict=True):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            if pixels is not None:
                tifffile.imwrite(folder / kind / f"{name}.tif", pixels, photometric="minisblack")
    return folder


def found(pixels: Array, labels: Array, **classes: str) -> dict[str, Fault]:
    named = {int(number[1:]): word for number, word in classes.items()}
    return {fault.check: fault for fault in faults_of(pixels, Drawn(labels, classes=named))}


def test_a_good_drawing_has_no_faults() -> None:
    for seed in range(6):
        assert found(*nuclei(seed)) == {}


def test_a_mask_is_told_from_labels() -> None:
    pixels, labels = nuclei()
    fault = found(pixels, (labels > 0).astype(np.uint32) * 255)["mask"]
    assert fault.verdict == "error"
    assert "the one number 255" in fault.what
    one = np.where(labels == 1, 1, 0).astype(np.uint32)
    assert "mask" not in found(pixels, one)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_finite_numbers_are_told_with_all_else(value: float) -> None:
    pixels, labels = nuclei()
    holed = pixels.astype(np.float32)
    holed[3, 4:6] = value
    faults = found(holed, (labels > 0).astype(np.uint32))
    assert {name: fault.verdict for name, fault in faults.items()} == {
        "finite": "error", "mask": "error",
    }  # fmt: skip
    assert faults["finite"].what.startswith(f"2 of {SIDE * SIDE:,} values")
    assert faults["finite"].what.endswith("the first at row 3, column 4")
    assert set(found(holed[:-9], labels)) == {"finite", "size"}


def test_numbers_may_be_as_large_as_they_can_be(tmp_path: Path) -> None:
    pixels, labels = nuclei()
    high = labels.astype(np.uint32)
    high[labels == 3] = 2**32 - 1
    assert found(pixels, high) == {}
    rows, _ = np.nonzero(labels == 3)
    high[int(np.median(rows))][high[int(np.median(rows))] == 2**32 - 1] = 0
    assert "such as 4294967295" in found(pixels, high)["split"].what
    folder = dataset(tmp_path / "in", a=(pixels, high))
    convert(folder, tmp_path / "out", to="kaggle")
    assert len(list((tmp_path / "out").rglob("masks/*.png"))) == len(np.unique(labels)) - 1


def test_split_cells_and_specks_are_counted() -> None:
    pixels, labels = nuclei()
    rows, _ = np.nonzero(labels == 3)
    labels[int(np.median(rows))][labels[int(np.median(rows))] == 3] = 0
    row, column = np.argwhere(labels == 0)[0]
    labels[row, column] = 99
    faults = found(pixels, labels)
    assert "cells are in several pieces, such as 3" in faults["split"].what
    assert faults["split"].what.startswith("1 of")
    assert faults["specks"].what.endswith("such as 99")


def test_labels_that_were_blended_are_told() -> None:
    pixels, labels = nuclei()
    step = (labels * 16).astype(float)
    blended = np.round((step + np.roll(step, 1, 0) + np.roll(step, 1, 1)) / 3).astype(np.uint32)
    assert found(pixels, blended)["blended"].verdict == "error"


@pytest.mark.parametrize(
    ("top", "left", "said"),
    [(0, 0, "22 columns at the right"), (0, 22, "22 columns at the left"),
     (0, 11, "22 columns at both sides")],
)  # fmt: skip
def test_labels_that_are_too_wide_are_to_be_cut_where_the_picture_ends(
    top: int, left: int, said: str
) -> None:
    pixels, labels = nuclei()
    wide = np.zeros((SIDE, SIDE + 22), np.uint32)
    wide[top : top + SIDE, left : left + SIDE] = labels
    assert f"{said} are too many" in found(pixels, wide)["size"].remedy


def test_labels_of_an_enlarged_picture_are_not_to_be_cut() -> None:
    pixels, labels = nuclei()
    large = labels.repeat(2, 0).repeat(2, 1)
    assert "enlarged picture" in found(pixels, large)["size"].remedy


def test_labels_of_other_sizes() -> None:
    pixels, labels = nuclei()
    assert "transposed" in found(pixels[:100], labels[:100].T)["size"].remedy
    assert "full size" in found(pixels, labels[:100])["size"].remedy


def test_labels_that_were_moved_or_mirrored() -> None:
    pixels, labels = nuclei()
    assert "moved by -12 rows" in found(pixels, np.roll(labels, 12, 0))["place"].what
    assert "mirrored left to right" in found(pixels, labels[:, ::-1])["place"].what


def test_nothing_drawn_and_nothing_to_see() -> None:
    pixels, labels = nuclei()
    assert found(pixels, np.zeros_like(labels))["empty"].verdict == "warning"
    assert found(np.full_like(pixels, 3), labels)["constant"].verdict == "error"


def test_classes_of_what_is_not_there_and_objects_without() -> None:
    pixels, labels = nuclei()
    last = int(labels.max())
    faults = list(faults_of(pixels, Drawn(labels, classes={1: "a", last + 5: "b"})))
    assert [(fault.check, fault.verdict) for fault in faults] == [
        ("class", "error"), ("class", "warning"),
    ]  # fmt: skip
    assert f"such as {last + 5}" in faults[0].what
    assert faults[1].what == f"{last - 1} of {last} objects have no class, such as 2"


def test_a_dataset_with_every_fault_is_checked_to_the_end(tmp_path: Path) -> None:
    pixels, labels = nuclei()
    folder = dataset(
        tmp_path / "set", good=(pixels, labels), again=(pixels, labels),
        other=(pixels, np.roll(labels, 1, 0)), alone=(None, labels), broken=(None, labels),
        small=(nuclei(2)[0], nuclei(2)[1][:80]), stack=(np.stack([pixels] * 3), labels),
    )  # fmt: skip
    (folder / "images" / "broken.tif").write_bytes(b"II*\x00 no picture")

    done = check(folder, out=tmp_path / "out")

    kinds = {(one.image, one.fault.check, one.fault.verdict) for one in done.findings}
    assert {
        ("alone", "reading", "error"), ("broken", "reading", "error"), ("small", "size", "error"),
        ("stack", "reading", "error"), ("again, good, other", "twice", "warning"),
    } <= kinds  # fmt: skip
    assert (done.pictures, done.errors) == (7, 4)
    assert {done.groups[name] for name in ("good", "again", "other")} == {"again"}
    table = (tmp_path / "out" / "check.csv").read_text().splitlines()
    assert len(table) == 1 + len(done.findings)
    assert "other,again" in (tmp_path / "out" / "groups.csv").read_text()


def test_rows_of_classes_that_are_of_no_picture_are_told(tmp_path: Path) -> None:
    folder = dataset(tmp_path / "set", p0=nuclei(1), p1=nuclei(2))
    (folder / "classes.csv").write_text("name,label,class\np0.tif,1,a\npO,1,b\n", "utf-8")

    first, *others = check(folder).findings

    assert (first.image, first.fault.check, first.fault.verdict) == (
        "classes.csv", "reading", "warning",
    )  # fmt: skip
    assert "'pO'" in first.fault.what
    assert [(one.image, one.fault.check) for one in others] == [("p0", "class")]
    done = convert(folder, tmp_path / "out")
    assert [remark for remark in done.remarks if "'pO'" in remark]


def test_tiles_of_one_photograph_are_to_be_kept_together(tmp_path: Path) -> None:
    pixels, labels = simulate_nuclei((200, 400), 60, diameter_px=24, seed=5)
    folder = dataset(
        tmp_path / "set",
        a=(pixels[:, :200], labels[:, :200]),
        b=(pixels[:, 200:], labels[:, 200:]),
        c=simulate_nuclei((200, 200), 30, diameter_px=24, seed=8),
    )

    done: Checked = check(folder)

    [tiles] = [one for one in done.findings if one.fault.check == "tiles"]
    assert tiles.image == "a, b"
    assert done.groups == {"a": "a", "b": "a", "c": "c"}
