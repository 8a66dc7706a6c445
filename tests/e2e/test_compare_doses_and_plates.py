"""From a table of cells to trends, an EC50, the quality of plates, and the next experiment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import cellwright
from cellwright.cli.app import run_app
from cellwright.core.errors import UsageError
from cellwright.io.cells import read_table

DOSES = (0, 0.1, 0.3, 1, 3, 10, 30, 100)
FURTHER = ("trends", "dose_response", "plates", "wells", "power")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four days, each with a plate: eight doses and a positive control in four wells each."""
    rng = np.random.default_rng(0)
    rows = []
    for day in range(4):
        of_day = rng.normal(100, 3)
        for number, dose in enumerate((*DOSES, None)):
            name = "vehicle" if dose == 0 else "killed" if dose is None else f"tat_{dose}ng"
            change = 60 if dose is None else 40 * dose / (dose + 5)
            for n in range(4):
                well = "ABCDEFGH"[(number * 4 + n) % 8] + str((number * 4 + n) // 8 + 2)
                mean = of_day + change + rng.normal(0, 2)
                for _ in range(5):
                    size = mean + rng.normal(0, 5)
                    rows.append((name, f"day {day}", f"plate {day}", well, size, rng.normal(5, 1)))
    columns = ["condition", "replicate", "plate", "well", "area_px", "extent"]
    path = tmp_path_factory.mktemp("doses") / "cells.csv"
    pd.DataFrame(rows, columns=columns).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def out(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("answer")
    cellwright.compare(
        table, out, reference="vehicle", positive=("killed",), primary="area_px", detect="10%"
    )
    return out


def by_feature(path: Path) -> dict[str, Any]:
    """The only row of each feature."""
    return {str(row["feature"]): row for row in read_table(path).to_dict("records")}


def test_a_trend_for_each_feature_and_compound(out: Path) -> None:
    rows = by_feature(out / "trends.csv")
    area = rows["area_px"]
    assert (area["compound"], area["n_doses"], area["n_replicates"]) == ("tat", 8, 4)
    assert area["test"] == "slopes within replicates"
    steps = stats.linregress(range(len(DOSES)), [40 * dose / (dose + 5) for dose in DOSES])
    assert area["slope"] == pytest.approx(steps.slope, abs=0.3)
    assert area["p"] < 0.001
    assert rows["extent"]["p"] > 0.05


def test_an_ec50_where_there_is_an_effect(out: Path) -> None:
    rows = by_feature(out / "dose_response.csv")
    area = rows["area_px"]
    assert area["ec50_low"] < 5 < area["ec50_high"]
    assert area["where"] == "within the tested range"
    assert (area["bottom"], area["top"]) == (pytest.approx(100, abs=5), pytest.approx(140, abs=6))
    assert "no EC50: no effect of the dose is shown" in rows["extent"]["note"]


def test_plates_and_wells(out: Path) -> None:
    plates = read_table(out / "plates.csv")
    area = plates[plates["feature"] == "area_px"]
    assert area["plate"].tolist() == [f"plate {day}" for day in range(4)]
    assert set(area["positive_control"]) == {"killed"}
    assert (area["z_prime"] > 0.4).all()
    assert (area["n_wells"] == 36).all()
    wells = read_table(out / "wells.csv")
    assert len(wells) == 2 * 4 * 36
    killed = wells[(wells["condition"] == "killed") & (wells["feature"] == "area_px")]
    assert (killed["robust_z_reference"] > 3).all()


def test_the_next_experiment(out: Path) -> None:
    rows = read_table(out / "power.csv")
    area = rows[(rows["feature"] == "area_px") & (rows["condition"] == "tat_100ng")].iloc[0]
    assert area["planned"]
    assert area["difference"] == pytest.approx(10, abs=0.5)
    assert 3 <= area["n_80"] <= area["n_90"] <= area["n_90_cautious"]
    assert area["smallest_difference"] < 15
    assert "killed" not in set(rows["condition"])


def test_the_record_names_the_tables(out: Path) -> None:
    record = json.loads((out / "comparison.json").read_text("utf-8"))
    assert set(record["tables"]) == {
        "comparisons.csv", "design.csv", "pictures.csv", "replicates.csv",
        *(f"{name}.csv" for name in FURTHER),
    }  # fmt: skip
    assert record["options"]["detect"] == "10%"
    assert all((out / name).is_file() for name in record["tables"])


def test_the_command_line_tells_the_ec50_of_the_primary_feature(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["compare", str(table), "--reference", "vehicle", "--primary", "area_px"]
    assert run_app([*asked, "--out", str(tmp_path / "o")]) == 0
    said = capsys.readouterr().out
    assert said.count("EC50") == 1
    assert "area_px, tat: EC50 " in said
    assert run_app([*asked, "--out", str(tmp_path / "o"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found["further"]) == set(FURTHER) - {"wells"}
    # without --detect it is the difference found, and that is said
    assert "which is no planned one" in found["further"]["power"][0]["note"]


def test_tables_of_an_earlier_answer_do_not_stay(table: Path, tmp_path: Path) -> None:
    cellwright.compare(table, tmp_path / "o", reference="vehicle")
    plain = tmp_path / "plain.csv"
    pd.DataFrame({"condition": ["a", "b"], "area_px": [1.0, 2.0]}).to_csv(plain, index=False)
    done = cellwright.compare(plain, tmp_path / "o", reference="a")
    assert not done.further
    assert not [name for name in FURTHER if (tmp_path / "o" / f"{name}.csv").exists()]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"detect": "some"}, "no difference above 0"),
        ({"detect": "3"}, "in the unit of one feature"),
    ],
)
def test_a_difference_that_is_none_is_refused(
    table: Path, tmp_path: Path, options: dict[str, str], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        cellwright.compare(table, tmp_path / "o", reference="vehicle", **options)
    assert not (tmp_path / "o").exists()


def test_the_page_draws_doses_and_says_where_the_half_effect_lies(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    rows = []
    for day in range(3):
        for dose in (0, 1, 3, 10, 30, 100, 300):
            effect = 0.5 / (1 + (20 / dose) ** 1.4) if dose else 0.0
            condition = f"drug_{dose}nM" if dose else "control"
            values = np.exp(5.5 + effect + random.normal(0, 0.02) + random.normal(0, 0.3, 60))
            rows.append(pd.DataFrame({"condition": condition, "replicate": day, "area_px": values}))
    path = tmp_path / "doses.csv"
    pd.concat(rows).to_csv(path, index=False)
    done = cellwright.compare(path, tmp_path / "o", reference="control", primary="area_px")
    text = (tmp_path / "o" / "answer.html").read_text("utf-8")
    row = done.further["dose_response"].iloc[0]
    assert 8 < row["ec50"] < 60
    assert f"EC50 {row['ec50']:.3g} nM" in text
    assert "area_px by dose of drug; dots are replicates. Trend: " in text
    drawn = pd.read_csv(tmp_path / "o" / "figures" / "doses_1.csv")
    assert len(drawn) == 21
    assert sorted(drawn["dose"].unique()) == [0, 1, 3, 10, 30, 100, 300]
