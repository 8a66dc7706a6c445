"""`cellwright evaluate`: what it asks for, prints and gives back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cellwright.cli.evaluate import VERB
from cellwright.cli.verb import Asked


def asked(folder: Path, **others: Any) -> Asked:
    values: dict[str, Any] = {"labels": folder / "found", "truth": folder / "truth"}
    values |= {"out": folder / "scores"}
    values |= dict.fromkeys(("images", "kinds", "against", "found_objects", "truth_objects"))
    values |= {"json_": False, "quiet": False, "verbose": False}
    return Asked(values | others, frozenset())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures: one right, one with one of two cells."""
    cells = np.array([[1, 1, 0, 2, 2]], np.uint16)
    for name, found in (("a", cells), ("b", cells * (cells == 1))):
        for place, labels in (("found", found), ("truth", cells)):
            (tmp_path / place).mkdir(exist_ok=True)
            np.save(tmp_path / place / f"{name}.npy", labels)
    return tmp_path


def test_a_table_for_people(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kinds = folder / "kinds.csv"
    kinds.write_text("image,kind\na.npy,easy\nb.npy,hard\n")
    assert VERB.run(asked(folder, kinds=kinds)) == 0
    printed = capsys.readouterr().out
    lines = [line.split() for line in printed.splitlines()]
    assert lines[1][:4] == ["all", "2", "4", "0.750"]
    assert lines[2][:4] == ["easy", "1", "2", "1.000"]
    assert lines[3][:4] == ["hard", "1", "2", "0.500"]
    assert "3 cells found for 4 true ones: 1 missed, 0 invented, 0 split, 0 merged" in printed
    assert "summary.json" in printed


def test_json_stands_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert VERB.run(asked(folder, json_=True, quiet=True)) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    facts = json.loads(printed.out)
    assert (facts["inputs"], facts["done"], facts["failed"], facts["cells"]) == (2, 2, 0, 4)
    assert facts["steps"]["computed"] == 2
    assert facts["summary"]["overall"]["scores"]["dsb_ap_50"]["value"] == 0.75


def test_a_picture_without_truth_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "truth" / "b.npy").unlink()
    assert VERB.run(asked(folder)) == 1
    printed = capsys.readouterr()
    assert "failed: 'b.npy': there is no truth for it" in printed.err
    assert "not scored, and in no mean: 1 pictures" in printed.out


def test_empty_pictures_are_not_hidden(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for place in ("found", "truth"):
        np.save(folder / place / "c.npy", np.zeros((1, 5), np.uint16))
    assert VERB.run(asked(folder)) == 0
    assert "without any cell, and none was found: 1 pictures" in capsys.readouterr().out


def test_other_labels_of_the_same_pictures_are_compared(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert VERB.run(asked(folder, against=folder / "truth")) == 0
    printed = capsys.readouterr().out
    [line] = [line.split() for line in printed.splitlines() if line.startswith("f1_50")]
    assert line[:5] == ["f1_50", "2", "0.833", "1.000", "-0.167"]
    table = (folder / "scores" / "comparison.csv").read_text().splitlines()
    assert table[0] == "score,n,value,other,difference,ci_low,ci_high,p,better,worse"
    assert table[1].startswith("dsb_ap_50,2,0.75,1.0,-0.25,")

    assert VERB.run(asked(folder, against=folder / "truth", json_=True)) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["comparison"][0]["worse"] == 1
    assert VERB.run(asked(folder)) == 0  # the comparison of before is not left to mislead
    assert not (folder / "scores" / "comparison.csv").exists()


def test_classes_and_confidences_are_shown(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = folder / "truth.csv"
    truth.write_text("image,label,class\na,1,alive\na,2,dead\nb,1,alive\n")
    found = folder / "found.csv"
    found.write_text("image,label,class,confidence\na,1,alive,0.9\na,2,alive,0.8\nb,1,alive,0.7\n")
    tables = {"truth_objects": truth, "found_objects": found}
    assert VERB.run(asked(folder, **tables)) == 0
    printed = capsys.readouterr().out
    # three of four cells, none wrong: 76 of 101 values of recall
    assert "by confidence, all cells as one class: COCO mAP 0.752" in printed
    assert "calibration error of confidences: 0.200" in printed
    assert "classes: right for matched cells 0.667" in printed
    rows = [line.split() for line in printed.splitlines()]
    [alive] = [row for row in rows if row[:1] == ["alive"]]
    assert alive[1:4] == ["2", "3", "0.667"]
    assert "note: 1 true cells have no class" in printed
    assert VERB.run(asked(folder, json_=True, **tables)) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["summary"]["classes"]["names"] == ["alive", "dead"]
    assert facts["summary"]["confidence"]["n"] == 3


def test_the_gallery_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "pictures").mkdir()
    for name in "ab":
        np.save(folder / "pictures" / f"{name}.npy", np.arange(5, dtype=np.uint8)[None])
    assert VERB.run(asked(folder, images=folder / "pictures")) == 0
    assert "gallery.html" in capsys.readouterr().out
    assert (folder / "scores" / "gallery.html").is_file()
