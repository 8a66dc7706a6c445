"""Odd cells of runs and tables: as a new user would look for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.e2e.conftest import dealt

import cellwright
from cellwright.cli.app import run_app
from cellwright.core.errors import UsageError
from cellwright.io.cells import read_table

WELLS = 6


def plane(random: np.random.Generator, odd: int) -> Any:
    """Discs of much the same size, some of which are two that touch."""
    y, x = np.mgrid[:200, :200]
    found = random.normal(20, 2, (200, 200))
    centres = [(r, c) for r in range(20, 200, 40) for c in range(20, 200, 40)]
    for number, (row, column) in enumerate(centres):
        radius = random.normal(8, 0.5)
        found[(y - row) ** 2 + (x - column) ** 2 <= radius**2] += 150
        if number < odd:
            found[(y - row) ** 2 + (x - column - 13) ** 2 <= radius**2] = 170
    return np.clip(found, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Control and drug, three days, two wells a day; three doubled cells a picture of the drug."""
    random = np.random.default_rng(1)
    return dealt(tmp_path_factory.mktemp("odd"), lambda odd: plane(random, 3 * odd), WELLS) / "run"


def test_odd_cells_are_found_with_reasons(run: Path, tmp_path: Path) -> None:
    done = cellwright.outliers(run, tmp_path / "o", reference="control", rate=0.05)
    table = read_table(tmp_path / "o" / "outliers.csv")
    assert list(table.columns[:8]) == [
        "image", "frame", "object", "label", "score", "p", "is_outlier", "reason",
    ]  # fmt: skip
    assert len(table) == len(read_table(run / "cells.csv"))
    share = table.groupby("condition")["is_outlier"].mean()
    assert share["control"] < 0.08
    assert share["drug"] > share["control"]
    assert (done.groups, done.what) == (WELLS, "wells")
    odd = table[table["is_outlier"]]
    assert odd["reason"].str.contains("of the reference").mean() > 0.8
    assert not table.loc[~table["is_outlier"], "reason"].str.contains("of the reference").any()
    shares = read_table(tmp_path / "o" / "outlier_shares.csv")
    assert shares["feature"].tolist() == ["share_outlier"]
    assert shares["test"].tolist() == ["paired t"]
    assert shares["n_replicates"].tolist() == [3]
    record = json.loads((tmp_path / "o" / "outliers.json").read_text("utf-8"))
    assert (record["rate"], record["groups"], record["left_out"]) == (0.05, WELLS, "wells")


def test_the_same_cells_have_the_same_bytes(run: Path, tmp_path: Path) -> None:
    for name in "ab":
        cellwright.outliers(run, tmp_path / name, reference="control")
    files = [file.relative_to(tmp_path / "a") for file in sorted((tmp_path / "a").rglob("*.*"))]
    assert {"odd.html", "outliers.csv", "odd_map.svg"} < {file.name for file in files}
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_the_page_shows_pictures_crops_and_the_share(run: Path, tmp_path: Path) -> None:
    done = cellwright.outliers(run, tmp_path / "o", reference="control", rate=0.05)
    text = (tmp_path / "o" / "odd.html").read_text("utf-8")
    odd = int(done.table["is_outlier"].sum())
    assert f"<h1>{odd} of " in text
    assert text.count('class="card"') == 4  # two conditions, two pictures each
    assert text.count('<img src="data:image/png;base64,') == 4
    assert text.count('<img class="cell" src="data:image/png;base64,') == min(odd, 24)
    assert text.count("most odd cells</p>") == text.count("in the middle</p>") == 2
    numbers = read_table(tmp_path / "o" / "figures" / "odd_shares.csv")
    assert numbers["n_outliers"].sum() == odd
    assert len(numbers) == 6


def test_a_rate_that_cannot_be_had_is_refused_and_the_usual_one_gives_way(
    run: Path, tmp_path: Path
) -> None:
    asked: dict[str, Any] = {"reference": "control", "group": "replicate"}
    with pytest.raises(UsageError, match=r"with 3 replicates .* below 6\.2 % cannot be had"):
        cellwright.outliers(run, tmp_path / "o", rate=0.05, **asked)
    assert not (tmp_path / "o").exists()
    done = cellwright.outliers(run, tmp_path / "o", **asked)
    assert done.rate == 1 / 16
    assert "the smallest that 3 replicates" in " ".join(one.text for one in done.remarks)


def test_the_command_line(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["outliers", str(run), "--reference", "control", "--out", str(tmp_path / "o")]
    assert run_app(asked) == 0
    said = capsys.readouterr().out
    assert "rate of false alarms 5 %, by 6 wells of the reference, each left out in turn" in said
    assert "share, drug: " in said
    assert run_app([*asked, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["left_out"] == "wells"
    assert found["outliers"] > 0
    assert run_app([*asked, "--rate", "0.01"]) == 2
    assert "cannot be had" in capsys.readouterr().err


def table_of(path: Path, **columns: Any) -> Path:
    pd.DataFrame(columns).to_csv(path, index=False)
    return path


def test_a_table_without_wells_says_what_the_rate_rests_on(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    path = table_of(
        tmp_path / "t.csv", condition=np.repeat(["c", "x"], 200),
        area=random.lognormal(5, 0.2, 400), extent=random.uniform(0.6, 0.8, 400),
    )  # fmt: skip
    done = cellwright.outliers(
        path, tmp_path / "o", reference="c", rename=("area=area_px",), rate=0.05
    )
    assert done.what == "cells"
    assert "data:image/png" not in (tmp_path / "o" / "odd.html").read_text("utf-8").split("<svg")[0]
    assert "holds only if cells are independent" in " ".join(one.text for one in done.remarks)
    share = done.table.groupby("condition")["is_outlier"].mean()
    assert 0.03 < share["c"] < 0.07


def test_cells_that_the_frame_cuts_are_not_judged(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    path = table_of(
        tmp_path / "t.csv", image=np.repeat(list("abcdefgh"), 50),
        condition=np.repeat(["c", "x"], 200), area_px=random.lognormal(5, 0.2, 400),
        extent=np.where(np.arange(400) % 50 == 1, np.nan, random.uniform(0.6, 0.8, 400)),
        touches_border=np.arange(400) % 50 == 0,
    )  # fmt: skip
    table = cellwright.outliers(path, tmp_path / "o", reference="c", rate=0.05).table
    cut, unknown = table[table.index % 50 == 0], table[table.index % 50 == 1]
    assert set(cut["reason"]) == {"not judged: the frame of the picture cuts it"}
    assert set(unknown["reason"]) == {"not judged: extent not known"}
    assert not pd.concat([cut, unknown])["is_outlier"].any()
    assert cut["p"].isna().all()


def test_gaps_and_words_of_other_programs(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    path = table_of(
        tmp_path / "t.csv", image=np.repeat(list("abcdefgh"), 50),
        condition=np.repeat(["c", "x"], 200), area_px=random.lognormal(5, 0.2, 400),
        extent=random.uniform(0.6, 0.8, 400), confidence=["high", "low"] * 200,
        touches_border=["TRUE", "FALSE", "", "FALSE"] * 100,
    )  # fmt: skip
    table = cellwright.outliers(path, tmp_path / "o", reference="c", rate=0.1).table
    assert table["p"].isna().to_numpy().nonzero()[0].tolist() == list(range(0, 400, 4))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"reference": "z"}, "no condition 'z'"),
        ({"features": ("area",)}, "no column 'area' of numbers"),
        ({"group": "well"}, "no column 'well' that could tell"),
        ({"rate": 0.7}, "--rate: Input should be less than or equal to 0.5"),
        ({"way": "magic"}, "--way: Input should be"),
    ],
)
def test_what_makes_no_sense_is_refused(
    tmp_path: Path, options: dict[str, Any], words: str
) -> None:
    path = table_of(
        tmp_path / "t.csv", condition=np.repeat(["c", "x"], 60), area_px=np.arange(120.0) + 1,
        extent=np.linspace(0.5, 0.9, 120),
    )  # fmt: skip
    with pytest.raises(UsageError, match=words):
        cellwright.outliers(path, tmp_path / "o", **{"reference": "c", **options})
