from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from tests.e2e.conftest import analyze, outputs

from cellwright.core.errors import RunError
from cellwright.pipeline.corrections import count_edited


def edit(path: Path, drop: int) -> None:
    """Delete one label, as a person would in Fiji or napari."""
    labels = tifffile.imread(path)
    labels[labels == drop] = 0
    tifffile.imwrite(path, labels)


def test_labels_edited_in_place_are_taken_up(pictures: Path) -> None:
    out = pictures.parent / "run"
    cells = len(analyze(pictures, out).cells)
    edit(out / "labels" / "nine.tif", drop=4)
    edited = (out / "labels" / "nine.tif").read_bytes()

    run = analyze(pictures, out)

    assert run.images.set_index("image").loc["nine.png", "n_cells"] == 8
    assert run.images.set_index("image").loc["nine.png", "edited"] == 1
    assert 4 not in set(run.cells.loc[run.cells["image"] == "nine.png", "label"])
    assert (out / "corrections" / "nine.tif").read_bytes() == edited
    assert run.record["corrections"] == [{"image": "nine.png", "edited": 1}]
    assert run.summary is not None
    assert run.summary.by_step["segment"]["computed"] == 0
    assert run.summary.by_step["measure"]["computed"] == 1
    assert cells == len(run.cells) + 1


def test_a_correction_gives_the_same_bytes_in_a_new_run(pictures: Path) -> None:
    one, two = pictures.parent / "one", pictures.parent / "two"
    analyze(pictures, one)
    edit(one / "labels" / "nine.tif", drop=4)
    analyze(pictures, one)

    (two / "corrections").mkdir(parents=True)
    (two / "corrections" / "nine.tif").write_bytes((one / "corrections" / "nine.tif").read_bytes())
    analyze(pictures, two)

    assert outputs(one) == outputs(two)


def test_without_the_correction_the_methods_labels_return(pictures: Path) -> None:
    out = pictures.parent / "run"
    analyze(pictures, out)
    before = outputs(out)
    edit(out / "labels" / "nine.tif", drop=4)
    analyze(pictures, out)

    (out / "corrections" / "nine.tif").unlink()
    run = analyze(pictures, out)

    assert run.summary is not None
    assert run.summary.computed == 0
    assert outputs(out) == before


def test_a_second_edit_takes_the_place_of_the_first_which_is_kept(pictures: Path) -> None:
    out = pictures.parent / "run"
    analyze(pictures, out)
    edit(out / "labels" / "nine.tif", drop=4)
    first = (out / "labels" / "nine.tif").read_bytes()
    analyze(pictures, out)
    edit(out / "labels" / "nine.tif", drop=5)

    run = analyze(pictures, out)

    assert run.images.set_index("image").loc["nine.png", "n_cells"] == 7
    kept = out / ".work" / "orphans" / "corrections" / "nine.tif"
    assert kept.read_bytes() == first


def test_two_edits_at_once_are_never_decided_silently(pictures: Path) -> None:
    out = pictures.parent / "run"
    analyze(pictures, out)
    edit(out / "labels" / "nine.tif", drop=4)
    analyze(pictures, out)
    edit(out / "labels" / "nine.tif", drop=5)
    edit(out / "corrections" / "nine.tif", drop=6)
    both = outputs(out)

    with pytest.raises(RunError, match="both edited"):
        analyze(pictures, out)

    assert outputs(out) == both


def test_a_correction_of_another_size_fails_that_picture_only(pictures: Path) -> None:
    out = pictures.parent / "run"
    (out / "corrections").mkdir(parents=True)
    tifffile.imwrite(out / "corrections" / "nine.tif", np.ones((5, 6), np.uint16))

    run = analyze(pictures, out)

    images = run.images.set_index("image")
    assert images.loc["nine.png", "status"] == "failed"
    assert "128 x 128" in str(images.loc["nine.png", "reason"])
    assert images.loc["five.png", "status"] == "done"


def test_a_correction_that_fits_no_picture_is_said(pictures: Path) -> None:
    out = pictures.parent / "run"
    (out / "corrections").mkdir(parents=True)
    tifffile.imwrite(out / "corrections" / "gone.tif", np.ones((5, 6), np.uint16))

    run = analyze(pictures, out)

    assert run.record["decisions"] == ["corrections/gone.tif fits no picture and was not used"]


def test_edits_are_counted_as_drawn_changed_or_deleted() -> None:
    before = np.array([[1, 1, 0, 2, 2, 0, 3, 3, 0, 0]])

    assert count_edited(before, before) == 0
    assert count_edited(before, np.where(before == 1, 9, before)) == 0  # only renumbered
    assert count_edited(before, np.where(before == 2, 0, before)) == 1  # deleted
    assert count_edited(before, np.array([[1, 1, 0, 2, 2, 0, 3, 3, 0, 4]])) == 1  # drawn
    assert count_edited(before, np.array([[1, 1, 0, 2, 0, 0, 3, 3, 0, 0]])) == 1  # changed
    assert count_edited(before, np.array([[1, 1, 0, 2, 5, 0, 3, 3, 0, 0]])) == 2  # split
    assert count_edited(before, np.array([[1, 1, 1, 1, 1, 0, 3, 3, 0, 0]])) == 1  # merged
