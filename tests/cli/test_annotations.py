"""`cellwright convert` and `cellwright check`: what they print and give back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from cellwright.cli import check, convert
from cellwright.cli.verb import Asked
from cellwright.simulate.fields import simulate_dataset


def asked(**values: Any) -> Asked:
    plain: dict[str, Any] = {"from_": "auto", "to": "folder", "images": None, "out": None}
    plain |= {"json_": False, "quiet": False, "verbose": False}
    return Asked(plain | values, frozenset())


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Three fields of nuclei, of one of which the labels are a mask."""
    ranges = {"debris": 0.0, "clumping": 0.0, "cover": 0.15, "diameter_px": 16.0}
    simulate_dataset(tmp_path / "data", "nuclei", count=3, size=128, ranges=ranges)
    path = tmp_path / "data" / "labels" / "nuclei_0001.tif"
    tifffile.imwrite(path, (tifffile.imread(path) > 0).astype(np.uint8), photometric="minisblack")
    return tmp_path / "data"


def test_convert_says_what_it_did(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert convert.VERB.run(asked(source=dataset, out=out, to="kaggle")) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("3 pictures with ")
    assert lines[0].endswith("objects: folder to kaggle")
    assert lines[-1] == f"dataset: {out}"


def test_convert_counts_what_failed(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (dataset / "images" / "nuclei_0002.tif").unlink()
    out = tmp_path / "out"
    assert convert.VERB.run(asked(source=dataset, out=out, json_=True)) == 1
    said = json.loads(capsys.readouterr().out)
    assert (said["inputs"], said["done"], said["failed"]) == (3, 2, 1)


def test_check_names_errors_first_and_writes_all(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "checked"
    assert check.VERB.run(asked(source=dataset, out=out)) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("error: nuclei_0001: all ")
    assert lines[-1].startswith("3 pictures with ")
    assert ": 1 errors, " in lines[-1]
    assert (out / "check.csv").read_text().startswith("image,check,verdict,what,remedy\n")
    assert len((out / "groups.csv").read_text().splitlines()) == 4


def test_check_gives_findings_as_json(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check.VERB.run(asked(source=dataset, json_=True)) == 1
    said = json.loads(capsys.readouterr().out)
    [error] = [one for one in said["findings"] if one["verdict"] == "error"]
    assert (error["image"], error["check"]) == ("nuclei_0001", "mask")
    assert said["errors"] == 1
