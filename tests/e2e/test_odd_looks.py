"""Odd cells of runs by how they look in their pictures: as a new user would look for them."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image as Pillow
from tests.e2e.conftest import dealt

import cellwright
from cellwright.cli.app import run_app
from cellwright.core.errors import UsageError
from cellwright.engine.events import Listener, Message
from cellwright.io.cells import read_table

WELLS = 5
STEPS = 150
IN_PICTURES = "one window of brightness"
needs_torch = pytest.mark.skipif(
    find_spec("torch") is None, reason="the extra [train] is not installed"
)


def plane(random: np.random.Generator, odd: int) -> Any:
    """Discs of much the same size, of which some have a hole that leaves their outline whole."""
    y, x = np.mgrid[:200, :200]
    found = random.normal(20, 2, (200, 200))
    for number, (row, column) in enumerate(
        (r, c) for r in range(20, 200, 40) for c in range(20, 200, 40)
    ):
        radius = random.normal(11, 0.7)
        away = np.hypot(y - row, x - column)
        light = random.normal(140, 8)
        found += np.where(
            away <= radius, light * np.sqrt(np.clip(1.2 - (away / radius) ** 2, 0, 1)), 0
        )
        if number < odd:
            found[np.hypot(y - row - 2, x - column + 1) <= 3.5] -= 0.4 * light
    return np.clip(found, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Control and drug, five wells each; five cells with a hole in each picture of the drug."""
    random = np.random.default_rng(1)
    return dealt(tmp_path_factory.mktemp("looks"), lambda odd: plane(random, 5 * odd), WELLS)


def holes(table: pd.DataFrame) -> pd.Series:
    """Which cells have one: the first row of discs of the drug's pictures."""
    return (table["condition"] == "drug") & (table["label"] <= 5)


@needs_torch
def test_cells_with_a_hole_are_found_that_no_shape_tells(folder: Path, tmp_path: Path) -> None:
    asked: dict[str, Any] = {"reference": "control", "rate": 0.05, "images": folder / "pictures"}
    by_shape = cellwright.outliers(folder / "run", tmp_path / "shape", **asked)
    for name in "ab":
        done = cellwright.outliers(
            folder / "run", tmp_path / name, way="appearance", steps=STEPS, **asked
        )
    table = read_table(tmp_path / "a" / "outliers.csv")
    assert table["label"].max() == 25
    assert table.loc[holes(table), "is_outlier"].mean() >= 0.9
    assert by_shape.table.loc[holes(by_shape.table), "is_outlier"].mean() < 0.3
    assert table.loc[table["condition"] == "control", "is_outlier"].mean() < 0.1
    reasons = table.loc[holes(table) & table["is_outlier"], "reason"]
    assert reasons.str.contains("darkest spot .* higher than").mean() > 0.8
    said = " ".join(one.text for one in done.remarks)
    assert "squares of" in said
    assert "shown and judged in the channel in which they were found" in said
    # again, the same bytes
    for file in sorted((tmp_path / "a").rglob("*.*")):
        other = tmp_path / "b" / file.relative_to(tmp_path / "a")
        assert file.read_bytes() == other.read_bytes(), file.name
    page = (tmp_path / "a" / "odd.html").read_text("utf-8")
    shown = min(int(table["is_outlier"].sum()), 24)
    assert page.count("<figcaption>expected</figcaption>") == shown
    assert "by how they look within their outline" in page
    assert "<figcaption>expected" not in (tmp_path / "shape" / "odd.html").read_text("utf-8")


@needs_torch
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"images": None}, "looks at pictures, and none are given"),
        ({"features": ("area_px",)}, "by how cells look, and by no --features"),
        ({"rate": 0.01}, "cannot be had"),
        ({"steps": 3}, "--steps: Input should be greater"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_learnt(
    folder: Path, tmp_path: Path, options: dict[str, Any], words: str
) -> None:
    asked: dict[str, Any] = {"reference": "control", "way": "appearance"}
    asked |= {"images": folder / "pictures"} | options
    with pytest.raises(UsageError, match=words):
        cellwright.outliers(folder / "run", tmp_path / "o", **asked)
    assert not (tmp_path / "o").exists()


def test_pictures_that_changed_or_are_missing_are_named(folder: Path, tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    shutil.copytree(folder / "pictures", pictures)
    asked: dict[str, Any] = {"reference": "control", "rate": 0.2, "images": pictures}
    random = np.random.default_rng(5)
    Pillow.fromarray(plane(random, 0)).save(pictures / "drug2.png")
    with pytest.raises(UsageError, match="drug2"):
        cellwright.outliers(folder / "run", tmp_path / "o", **asked)
    (pictures / "drug2.png").unlink()
    with pytest.raises(UsageError, match="drug2"):
        cellwright.outliers(folder / "run", tmp_path / "o", **asked)
    assert not (tmp_path / "o").exists()


def test_the_report_shows_odd_cells_in_their_pictures(folder: Path, tmp_path: Path) -> None:
    run, said = tmp_path / "run", list[str]()
    shutil.copytree(folder / "run", run)
    with pytest.raises(UsageError, match="nobody looked for odd cells"):
        cellwright.report(run, reference="control", images=folder / "pictures")
    cellwright.report(run, reference="control", odd=True, images=folder / "pictures")
    assert IN_PICTURES in (run / "report.html").read_text("utf-8")
    cellwright.report(run, images=folder / "pictures", listener=hears(said))
    assert IN_PICTURES in (run / "odd" / "odd.html").read_text("utf-8")
    assert not said
    cellwright.report(run, listener=hears(said))
    assert IN_PICTURES not in (run / "report.html").read_text("utf-8")
    [one] = said
    assert "no longer in their pictures" in one


@needs_torch
def test_the_report_judges_again_by_looks_where_it_has_the_pictures(
    folder: Path, tmp_path: Path
) -> None:
    run, said = tmp_path / "run", list[str]()
    shutil.copytree(folder / "run", run)
    asked: dict[str, Any] = {"reference": "control", "rate": 0.2, "images": folder / "pictures"}
    cellwright.outliers(run, run / "odd", way="appearance", steps=20, **asked)
    before = (run / "odd" / "outliers.csv").read_bytes()
    cellwright.report(run, listener=hears(said))
    [one] = said
    assert "of before" in one
    assert "--images" in one
    assert "<figcaption>expected" not in (run / "report.html").read_text("utf-8")
    cellwright.report(run, images=folder / "pictures")
    assert "<figcaption>expected" in (run / "report.html").read_text("utf-8")
    assert (run / "odd" / "outliers.csv").read_bytes() == before


def hears(said: list[str]) -> Listener:
    return lambda event: said.append(event.text) if isinstance(event, Message) else None


def test_a_table_has_no_pictures(folder: Path, tmp_path: Path) -> None:
    shutil.copy(folder / "run" / "cells.csv", tmp_path / "cells.csv")
    with pytest.raises(UsageError, match="does not tell which pictures"):
        cellwright.outliers(
            tmp_path / "cells.csv", tmp_path / "o", reference="control",
            samples=folder / "samples.csv", images=folder / "pictures",
        )  # fmt: skip


def test_without_the_extra_it_says_what_to_install(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("cellwright.engine.extras.find_spec", lambda name: None)
    asked = ["outliers", str(folder / "run"), "--reference", "control", "--way", "appearance"]
    assert (
        run_app([*asked, "--images", str(folder / "pictures"), "--out", str(tmp_path / "o")]) == 2
    )
    assert "cellwright[train]" in capsys.readouterr().err
