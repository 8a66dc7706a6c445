"""Classes and confidences from folders to files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from cellwright.core.errors import UsageError
from cellwright.core.labels import Labels
from cellwright.evaluation.evaluate import evaluate
from cellwright.evaluation.object_scores import score_objects
from cellwright.evaluation.object_summary import DEFINITIONS, TABLES, summary_of, tables_of
from cellwright.evaluation.objects import picture_objects
from cellwright.evaluation.summary import Summary
from cellwright.io.cells import read_table
from cellwright.io.label_image import encode_labels

Pixels = npt.NDArray[np.uint32]
ALL = {"scores.csv", "summary.json", *TABLES}

# Four cells of 4 × 4 px.
CELLS: Pixels = np.kron(
    np.arange(1, 5).reshape(2, 2), np.pad(np.ones((4, 4), int), 2)
).astype(np.uint32)  # fmt: skip


def tif(path: Path, labels: Pixels, axes: str = "YX") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_labels(labels, axes))


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path, Path]:
    """A run with confidences and classes, a dataset with classes, and where scores go.

    Of two pictures the first is all right; in the second cell 1 is taken for dead, 4 was missed.
    """
    run, truth = tmp_path / "run", tmp_path / "truth"
    for name in "ab":
        tif(truth / "labels" / f"{name}.tif", CELLS)
        tif(run / "labels" / f"{name}.tif", CELLS if name == "a" else CELLS * (CELLS < 4))
    classes = {1: "alive", 2: "alive", 3: "dead", 4: "dead"}
    rows = [f"{name},{label},{word}" for name in "ab" for label, word in classes.items()]
    (truth / "classes.csv").write_text("\n".join(["name,label,class", *rows]) + "\n")
    (run / "images.csv").write_text(
        "image,status,reason,n_cells,labels\na.png,done,,4,labels/a.tif\nb.png,done,,3,labels/b.tif\n"
    )
    (run / "cells.csv").write_text(
        "image,frame,object,label,area_px,class,confidence,p_alive,p_dead\n"
        "a.png,0,cell,1,16,alive,0.9,0.8,0.2\n"
        "a.png,0,cell,2,16,alive,0.9,0.9,0.1\n"
        "a.png,0,cell,3,16,dead,0.8,0.4,0.6\n"
        "a.png,0,cell,4,16,dead,0.7,0.3,0.7\n"
        "b.png,0,cell,1,16,dead,0.95,0.4,0.6\n"
        "b.png,0,cell,2,16,alive,0.6,0.7,0.3\n"
        "b.png,0,cell,3,16,dead,0.5,0.1,0.9\n"
    )
    return run, truth, tmp_path / "scores"


def written(out: Path) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads((out / "summary.json").read_text())
    return summary


def test_a_run_and_a_dataset_are_scored_by_class_and_confidence(
    folders: tuple[Path, Path, Path],
) -> None:
    run, truth, out = folders
    evaluation = evaluate(run, truth, out)
    assert {path.name for path in out.iterdir()} == ALL
    assert evaluation.remarks == ()
    classes = pd.read_csv(out / "classes.csv", index_col="class")
    assert classes[["n_true", "n_found"]].to_numpy().tolist() == [[4, 3], [4, 4]]
    assert classes["precision"].tolist() == [1, 3 / 4]
    assert classes["recall"].tolist() == [3 / 4, 3 / 4]
    assert classes["f1"].tolist() == pytest.approx([6 / 7, 6 / 8])
    # alive: 3 of 4, all surer than anything wrong: precision 1 at 76 of 101 values of recall
    assert classes["ap"]["alive"] == pytest.approx(76 / 101)
    # dead: the surest of four is wrong, then three right: precision 3/4 up to a recall of 3/4
    assert classes["ap"]["dead"] == pytest.approx(76 * 0.75 / 101)
    assert classes["ap_50"].tolist() == pytest.approx(classes["ap"].tolist())
    assert (classes["precision_low"] <= classes["precision"]).all()
    assert (classes["precision_high"] >= classes["precision"]).all()
    matrix = read_table(out / "confusion.csv")
    assert list(matrix.columns) == ["true", "alive", "dead", "(no class)", "(missed)"]
    assert matrix.iloc[:, 1:].to_numpy().tolist() == [[3, 1, 0, 0], [0, 3, 0, 1], [0, 0, 0, 0]]
    found = written(out)
    assert found["files"] == list(TABLES)
    assert found["classes"]["names"] == ["alive", "dead"]
    assert found["classes"]["scores"]["accuracy"]["value"] == pytest.approx(6 / 7)
    expected = 76 * 1.75 / 2 / 101
    assert found["classes"]["scores"]["coco_map"]["value"] == pytest.approx(expected)
    assert found["confidence"]["scores"]["coco_map"]["value"] == pytest.approx(88 / 101)
    assert found["confidence"]["n"] == 7
    assert found["classes"]["calibration"]["n"] == 7
    assert evaluation.objects is not None
    assert evaluation.objects.chances is not None


def test_curves_and_reliability(folders: tuple[Path, Path, Path]) -> None:
    run, truth, out = folders
    evaluate(run, truth, out)
    curves = pd.read_csv(out / "precision_recall.csv", keep_default_na=False)
    assert curves.columns.tolist() == ["class", "iou", "recall", "precision", "confidence"]
    assert curves.groupby("class").size().to_dict() == {"": 1010, "alive": 1010, "dead": 1010}
    dead = curves[(curves["class"] == "dead") & (curves["iou"] == 0.5)].set_index("recall")
    assert dead["precision"][[0, 0.75, 0.76, 1]].tolist() == [0.75, 0.75, 0, 0]
    assert dead["confidence"][[0, 0.25, 0.5, 0.75]].tolist() == ["0.8", "0.8", "0.7", "0.5"]
    assert dead["confidence"][1] == ""
    bins = read_table(out / "reliability.csv")
    assert set(bins["of"]) == {"confidence", "class"}
    said = bins[(bins["of"] == "confidence") & (bins["scaled"] == "no")]
    assert said["n"].tolist() == [1, 1, 1, 1, 3]
    assert said["low"].tolist() == [0.5, 0.6, 0.7, 0.8, 0.9]
    assert said["right"].tolist() == [1] * 5  # found where there is a cell, of whatever class
    assert bins[(bins["of"] == "class") & (bins["scaled"] == "no")]["n"].sum() == 7
    assert bins[bins["scaled"] == "yes"]["n"].sum() == 14


def test_every_number_is_defined_and_has_its_interval(folders: tuple[Path, Path, Path]) -> None:
    run, truth, out = folders
    evaluate(run, truth, out)
    for block in ("classes", "confidence"):
        part = written(out)[block]
        blocks = [part["scores"], part["calibration"]["scores"]]
        blocks += [one["scores"] for one in part.get("by_class", {}).values()]
        for scores in blocks:
            for name, estimate in scores.items():
                assert part["definitions"][name] == DEFINITIONS[name]
                assert set(estimate) == {"value", "low", "high", "interval"}


def test_equal_scores_give_equal_bytes(folders: tuple[Path, Path, Path], tmp_path: Path) -> None:
    run, truth, out = folders
    evaluate(run, truth, out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    moved = tmp_path / "moved"
    run.rename(moved)
    evaluate(moved, truth, out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert not any(str(tmp_path).encode() in content for content in before.values())


def test_without_tables_nothing_changes(folders: tuple[Path, Path, Path]) -> None:
    run, truth, out = folders
    evaluate(run, truth, out)
    (run / "cells.csv").unlink()
    (truth / "classes.csv").unlink()
    evaluation = evaluate(run, truth, out)
    assert evaluation.objects is None
    assert {path.name for path in out.iterdir()} == {"scores.csv", "summary.json"}  # none is left
    assert list(written(out)) == list(
        Summary(evaluation.summary.overall).to_json()
    )  # format, version, overall, kinds, card


def test_only_confidences(folders: tuple[Path, Path, Path]) -> None:
    run, truth, out = folders
    (truth / "classes.csv").unlink()
    evaluation = evaluate(run, truth, out)
    assert evaluation.remarks == (
        "the labels have classes, the truth has none: nothing is scored by class",
    )
    assert written(out)["remarks"] == list(evaluation.remarks)
    assert "classes" not in written(out)
    assert {path.name for path in out.iterdir()} == ALL - {"classes.csv", "confusion.csv"}


def test_only_classes(folders: tuple[Path, Path, Path], tmp_path: Path) -> None:
    run, truth, out = folders
    mine = tmp_path / "mine.csv"
    mine.write_text("image,label,class\na,1,alive\na,2,alive\na,3,dead\na,4,dead\nb,1,dead\n")
    evaluation = evaluate(run, truth, out, found_objects=mine)
    assert {path.name for path in out.iterdir()} == ALL - {
        "precision_recall.csv",
        "reliability.csv",
    }
    assert pd.read_csv(out / "classes.csv")["ap"].isna().all()
    assert evaluation.remarks == ("2 found cells have no class: they are of no right one",)


def test_tables_that_were_asked_for(folders: tuple[Path, Path, Path], tmp_path: Path) -> None:
    run, truth, out = folders
    table = tmp_path / "truth.csv"
    table.write_text("image,label,class\na.tif,1,alive\na.tif,2,dead\n")
    evaluation = evaluate(run, truth, out, truth_objects=table)
    assert evaluation.remarks == (
        "6 true cells have no class: they and what was found there are left out of the scores by "
        "class",
    )
    assert pd.read_csv(out / "classes.csv")["n_true"].tolist() == [1, 1]
    table.write_text("image,label,class\nx.tif,1,alive\n")
    with pytest.raises(UsageError, match=r"none of the pictures; it begins with 'x\.tif'"):
        evaluate(run, truth, out, truth_objects=table)
    with pytest.raises(UsageError, match="cannot be read"):
        evaluate(run, truth, out, found_objects=tmp_path / "none.csv")


def test_a_table_that_lies_there_and_fits_nothing_is_told(
    folders: tuple[Path, Path, Path],
) -> None:
    run, truth, out = folders
    (truth / "classes.csv").write_text("name,label,class\nx,1,alive\n")
    (run / "cells.csv").unlink()
    evaluation = evaluate(run, truth, out)
    assert evaluation.objects is None
    assert evaluation.remarks == (
        "classes.csv: the table of objects has none of the pictures; it begins with 'x'",
    )


def test_files_of_others_are_not_overwritten(folders: tuple[Path, Path, Path]) -> None:
    run, truth, out = folders
    out.mkdir()
    (out / "classes.csv").write_text("mine")
    with pytest.raises(UsageError, match=r"holds classes\.csv, which no evaluation"):
        evaluate(run, truth, out)
    assert [path.name for path in out.iterdir()] == ["classes.csv"]
    (truth / "classes.csv").unlink()
    (run / "cells.csv").unlink()
    evaluate(run, truth, out)  # nothing of that name to be written
    evaluate(run, truth, out)
    assert (out / "classes.csv").read_text() == "mine"


def test_a_summary_names_no_file_elsewhere(folders: tuple[Path, Path, Path]) -> None:
    run, truth, out = folders
    (run / "cells.csv").unlink()
    evaluate(run, truth, out)
    mine = out.parent / "mine.txt"
    mine.write_text("mine")
    for files in (["../mine.txt"], "../mine.txt", {"a": 1}, None):
        (out / "summary.json").write_text(
            json.dumps({"format": "cellwright-scores", "files": files})
        )
        evaluate(run, truth, out)
        assert mine.exists()


def test_a_movie_is_looked_up_frame_by_frame(folders: tuple[Path, Path, Path]) -> None:
    run, truth, out = folders
    both = np.stack([CELLS, CELLS])
    for folder in (run, truth):
        tif(folder / "labels" / "a.tif", both, "TYX")
    with (run / "cells.csv").open("a") as file:
        file.writelines(f"a.png,1,cell,{n},16,dead,0.99,0.1,0.9\n" for n in (1, 2, 3, 4))
    evaluation = evaluate(run, truth, out)
    assert evaluation.objects is not None
    assert evaluation.objects.n_confident == 11
    # the truth has no frames in its table: each label is of its class in all of them
    assert pd.read_csv(out / "classes.csv")["n_true"].tolist() == [6, 6]
    assert pd.read_csv(out / "classes.csv")["n_found"].tolist() == [3, 8]


def test_confidences_that_are_no_probabilities_only_rank() -> None:
    one = picture_objects(CELLS, CELLS, confidence={1: 12.0, 2: -3.0, 3: 0.5})
    scores = score_objects([one])
    assert scores is not None
    assert scores.confidence is None
    assert list(tables_of(scores)) == ["precision_recall.csv"]
    assert "calibration" not in summary_of(scores)["confidence"]
    assert "are not between 0 and 1" in scores.remarks[1]
    assert scores.remarks[0].startswith("1 of 4 found cells have no confidence")


def test_classes_that_have_no_name_in_common_are_told() -> None:
    one = picture_objects(
        CELLS, CELLS,
        true_classes=dict.fromkeys(range(1, 5), "Alive"),
        found_classes=dict.fromkeys(range(1, 5), "alive"),
    )  # fmt: skip
    scores = score_objects([one])
    assert scores is not None
    assert scores.remarks == ("truth and labels have no class in common: Alive, say, and alive",)


def test_nothing_known_is_nothing_scored() -> None:
    assert score_objects([picture_objects(CELLS, CELLS)]) is None
    assert score_objects([]) is None


def test_a_volume() -> None:
    volume = Labels(np.stack([CELLS, CELLS]), "ZYX")
    one = picture_objects(volume, volume, confidence={1: 0.5, 2: 0.5, 3: 0.5, 4: 0.5})
    assert one.overlaps.n_true == 4
    scores = score_objects([one])
    assert scores is not None
    assert scores.precision is not None
    assert scores.precision.overall["coco_map"].value == 1
