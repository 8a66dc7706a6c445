"""Folders of labels and truth in, a table and a summary out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from PIL import Image as PillowImage

from cellwright.core.errors import CancelledError, RunError, UsageError
from cellwright.engine.events import CancelToken, Event, PictureFinished
from cellwright.evaluation.evaluate import evaluate
from cellwright.io.cells import read_table
from cellwright.io.label_image import encode_labels
from cellwright.io.ome_zarr_write import LabelsZarrWriter

Labels = npt.NDArray[np.uint32]


def cells(shift: int = 0) -> Labels:
    """Four squares of 4 × 4 px."""
    grid = np.kron(np.arange(1, 5).reshape(2, 2), np.pad(np.ones((4, 4), int), 2))
    return np.roll(grid, shift, axis=0).astype(np.uint32)


def tif(path: Path, labels: Labels, axes: str = "YX") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_labels(labels, axes))


def png(path: Path, labels: Labels) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    PillowImage.fromarray(labels.astype(np.uint16)).save(path)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Labels, truth, and where the scores go: one picture right, one moved by two rows."""
    found, truth = tmp_path / "found", tmp_path / "truth"
    tif(found / "a.tif", cells())
    tif(found / "day" / "b.tif", cells(2))
    png(truth / "a.png", cells())
    np.save(truth / "b.npy", cells())
    return found, truth, tmp_path / "scores"


def rows(out: Path) -> pd.DataFrame:
    return read_table(out / "scores.csv").set_index("image")


def test_the_two_files(folders: tuple[Path, Path, Path]) -> None:
    found, truth, out = folders
    evaluation = evaluate(found, truth, out)
    table = rows(out)
    assert table["status"].tolist() == ["done", "done"]
    assert table["labels"].tolist() == ["a.tif", "day/b.tif"]
    assert table["dsb_ap_50"].tolist() == [1, 0]  # 8 of 24 pixels
    assert table["semantic_iou"].tolist() == pytest.approx([1, 8 / 24])
    assert table["n_true"].tolist() == table["n_found"].tolist() == [4, 4]
    summary = json.loads((out / "summary.json").read_text())
    assert summary["format"] == "cellwright-scores"
    overall = summary["overall"]
    assert (overall["n_pictures"], overall["n_cells"]) == (2, 8)
    assert overall["scores"]["dsb_ap_50"]["value"] == 0.5
    assert overall["scores"]["pooled_f1_50"]["value"] == 0.5
    assert set(summary["card"]["definitions"]) == set(overall["scores"])
    assert evaluation.failed == 0
    assert evaluation.summary["dsb_ap_50"] == 0.5


def test_equal_scores_give_equal_bytes(folders: tuple[Path, Path, Path], tmp_path: Path) -> None:
    found, truth, out = folders
    evaluate(found, truth, out)
    written = {path.name: path.read_bytes() for path in out.iterdir()}
    moved = tmp_path / "elsewhere"
    found.rename(moved)
    evaluate(moved, truth, out)  # over the scores that are there
    assert {path.name: path.read_bytes() for path in out.iterdir()} == written
    assert set(written) == {"scores.csv", "summary.json"}
    assert not any(str(tmp_path).encode() in content for content in written.values())


def test_what_cannot_be_scored_has_a_row_that_says_why(folders: tuple[Path, Path, Path]) -> None:
    found, truth, out = folders
    tif(found / "small.tif", cells()[1:])
    png(truth / "small.png", cells())
    tif(found / "colour.tif", cells())
    colour = np.random.default_rng(1).integers(0, 255, (16, 16, 3)).astype(np.uint8)
    PillowImage.fromarray(colour).save(truth / "colour.png")
    tif(found / "broken.tif", cells())
    (truth / "broken.png").write_bytes((truth / "a.png").read_bytes()[:60])
    tif(found / "alone.tif", cells())
    png(truth / "missing.png", cells())
    heard: list[Event] = []
    evaluation = evaluate(found, truth, out, listener=heard.append)
    table = rows(out)
    failed = table[table["status"] == "failed"]["reason"].to_dict()
    assert set(failed) == {"alone.tif", "broken.png", "colour.png", "missing.png", "small.png"}
    assert failed["small.png"].startswith("the labels have 15 × 16 pixels, the truth has 16 × 16")
    assert "YXS, not a label image" in failed["colour.png"]
    assert "cut short" in failed["broken.png"]
    assert failed["alone.tif"] == "there is no truth for it"
    assert failed["missing.png"] == "there are no labels of it"
    assert table.loc["small.png", ["n_true", "dsb_ap_50"]].isna().all()
    assert evaluation.failed == 5
    assert evaluation.summary.overall.n_pictures == 2
    assert json.loads((out / "summary.json").read_text())["card"]["left_out"] == failed
    told = {event.image: event.status for event in heard if isinstance(event, PictureFinished)}
    assert told == table["status"].to_dict()


def test_a_mask_where_cells_are_meant_is_told(folders: tuple[Path, Path, Path]) -> None:
    found, truth, out = folders
    mask = 255 * (cells() > 0)
    PillowImage.fromarray(mask.astype(np.uint8)).save(truth / "a.png")
    evaluation = evaluate(found, truth, out)
    assert evaluation.warned == 1
    reason = rows(out)["reason"].to_dict()["a.png"]
    assert reason.startswith("truth: 4 separate pieces have the one number 255")


def test_one_cell_is_no_mask(folders: tuple[Path, Path, Path]) -> None:
    found, truth, out = folders
    png(truth / "a.png", np.where(cells() == 1, 255, 0).astype(np.uint32))
    assert evaluate(found, truth, out).warned == 0


def test_colours_of_a_palette_are_numbers(folders: tuple[Path, Path, Path]) -> None:
    found, truth, out = folders
    picture = PillowImage.fromarray(cells().astype(np.uint8), mode="L").convert("P")
    picture.putdata(cells().ravel().tolist())
    picture.save(truth / "a.png")
    assert evaluate(found, truth, out).table["dsb_ap_50"].iloc[0] == 1


def test_a_movie_is_matched_frame_by_frame(folders: tuple[Path, Path, Path]) -> None:
    found, truth, out = folders
    tif(found / "movie.tif", np.stack([cells(), cells(2)]), "TYX")
    tif(truth / "movie.tif", np.stack([cells(), cells()]), "TYX")
    evaluate(found, truth, out)
    row = rows(out).loc["movie.tif"]
    assert (row["n_true"], row["n_found"], row["tp_50"]) == (8, 8, 4)


def test_large_labels_are_an_ome_zarr(folders: tuple[Path, Path, Path]) -> None:
    found, truth, out = folders
    (found / "a.tif").unlink()
    with LabelsZarrWriter(found / "a.zarr", (16, 16), "YX") as writer:
        writer.write(0, 0, cells())
        writer.finish()
    evaluate(found, truth, out)
    assert rows(out).loc["a.png", "labels"] == "a.zarr"
    assert rows(out).loc["a.png", "dsb_ap_95"] == 1


def test_scores_by_kind(folders: tuple[Path, Path, Path], tmp_path: Path) -> None:
    found, truth, out = folders
    kinds = tmp_path / "kinds.csv"
    kinds.write_text("name,kind\na.png,easy\nb.png,hard\n")
    summary = evaluate(found, truth, out, kinds=kinds).summary
    assert {kind: group["f1_50"] for kind, group in summary.kinds.items()} == {"easy": 1, "hard": 0}
    assert rows(out)["kind"].tolist() == ["easy", "hard"]
    kinds.write_text("name,kind\nx.png,easy\n")
    with pytest.raises(UsageError, match="none of the pictures, such as"):
        evaluate(found, truth, out, kinds=kinds)


def test_folders_that_have_nothing_in_common(tmp_path: Path) -> None:
    for name in ("found/a.tif", "found/b.tif", "truth/c.tif"):
        tif(tmp_path / name, cells())
    with pytest.raises(
        RunError, match=r"none of 2 label images has a truth: 'a\.tif' and 'c\.tif'"
    ):
        evaluate(tmp_path / "found", tmp_path / "truth", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_nothing_of_others_is_overwritten(folders: tuple[Path, Path, Path]) -> None:
    found, truth, out = folders
    out.mkdir()
    (out / "scores.csv").write_text("mine")
    with pytest.raises(UsageError, match=r"holds scores\.csv, which no evaluation"):
        evaluate(found, truth, out)
    assert (out / "scores.csv").read_text() == "mine"
    with pytest.raises(UsageError, match="next to what is scored"):
        evaluate(found, truth, truth)


def test_a_wish_to_stop_leaves_nothing(folders: tuple[Path, Path, Path]) -> None:
    found, truth, out = folders
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(CancelledError):
        evaluate(found, truth, out, cancel=cancel)
    assert not out.exists()


def test_names_that_a_spreadsheet_would_run(folders: tuple[Path, Path, Path]) -> None:
    found, truth, out = folders
    tif(found / "=1+1.tif", cells())
    png(truth / "=1+1.png", cells())
    evaluate(found, truth, out)
    assert "'=1+1.png," in (out / "scores.csv").read_text()
    assert "=1+1.png" in rows(out).index


def test_real_truth_against_itself(shared_data: Path, tmp_path: Path) -> None:
    labels = shared_data / "dsb2018" / "labels"
    found = tmp_path / "found"
    found.mkdir()
    for name in ("dsb_0001.png", "dsb_0015.png"):
        (found / name).write_bytes((labels / name).read_bytes())
    summary = evaluate(found, found.parent / "found", tmp_path / "out").summary
    assert summary["dsb_ap_mean"] == summary["aji"] == 1
    listed = pd.read_csv(shared_data / "dsb2018" / "images.csv").set_index("name")["cells"]
    assert summary.overall.n_true == listed[["dsb_0001.png", "dsb_0015.png"]].sum()
