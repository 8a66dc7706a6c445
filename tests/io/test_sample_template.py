"""Guesses for samples.csv, over whole batches of names."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellwright.core.errors import RunError, UsageError
from cellwright.io.file_set import FileSet, Part
from cellwright.io.inputs import Found
from cellwright.io.name_parts import part_name
from cellwright.io.sample_template import sample_template, write_template
from cellwright.io.samples import KNOWN_COLUMNS, read_samples


def template(*names: str) -> pd.DataFrame:
    return sample_template([Found(name, Path(name)) for name in names]).table


def column(table: pd.DataFrame, name: str) -> list[str]:
    return [str(value) for value in table[name]]


def test_compound_dose_and_replicate() -> None:
    table = template(
        "tatmn_80ng_3.png", "tatmn_80ng_1.png", "tatmn_160ng_1.png", "control_1.png"
    )  # fmt: skip
    assert list(table.columns) == [
        "image", "condition", "replicate", "compound", "dose", "dose_unit", "role",
    ]  # fmt: skip
    assert table.iloc[0].tolist() == [
        "tatmn_80ng_3.png", "tatmn 80 ng", "3", "tatmn", "80", "ng", "",
    ]  # fmt: skip
    assert table.iloc[3].tolist() == [
        "control_1.png", "control", "1", "", "", "", "negative control",
    ]  # fmt: skip


@pytest.mark.parametrize("word", ["control", "untreated", "vehicle", "DMSO", "mock", "ctrl"])
def test_words_for_a_control(word: str) -> None:
    table = template(f"{word}_1.tif", f"{word}_2.tif", "drug_10uM_1.tif", "drug_10uM_2.tif")
    assert column(table, "condition") == ["control"] * 2 + ["drug 10 uM"] * 2
    assert column(table, "role") == ["negative control"] * 2 + [""] * 2


def test_two_kinds_of_control_are_not_one() -> None:
    table = template("DMSO_1.tif", "untreated_1.tif", "drug_1uM_1.tif", "pos_ctrl_1.tif")
    assert column(table, "condition") == ["DMSO", "untreated", "drug 1 uM", "positive control"]
    assert column(table, "role") == [
        "negative control", "negative control", "", "positive control",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "dose", "unit"),
    [
        ("a_10uM_1", "10", "uM"),
        ("a 0.5 mM", "0.5", "mM"),
        ("a_0,5mM", "0.5", "mM"),
        ("a_0p5uM", "0.5", "uM"),
        ("a_0_5uM", "0.5", "uM"),
        ("a-100 ng/ml-2", "100", "ng/ml"),
        ("a_MOI_0.1", "0.1", "MOI"),
        ("a_2Gy", "2", "Gy"),
        ("exp_3_10uM", "10", "uM"),
        ("a_10umbrella", "", ""),
        ("a_20um_objective", "", ""),
    ],
)
def test_doses(name: str, dose: str, unit: str) -> None:
    parts = part_name(name)
    assert (parts.dose, parts.dose_unit) == (dose, unit)


@pytest.mark.parametrize(
    ("name", "time"),
    [
        ("a_24h_1", "24 h"), ("a_48hpi", "48 hpi"), ("day3_a", "3 d"), ("30min", "30 min"),
        ("DIV7_x", "7 DIV"), ("3d_model", ""), ("ahour", ""),
    ],
)  # fmt: skip
def test_times(name: str, time: str) -> None:
    assert part_name(name).time == time


@pytest.mark.parametrize(
    ("name", "date"),
    [
        ("20230221_a", "2023-02-21"), ("a_2023-02-21_b", "2023-02-21"), ("220315_a", "2022-03-15"),
        ("a_20231399", ""), ("050116030001", ""), ("a_123456", ""),
    ],
)  # fmt: skip
def test_dates(name: str, date: str) -> None:
    assert part_name(name).date == date


@pytest.mark.parametrize("token", ["rep2", "r2", "n2", "replicate_2", "rep-02"])
def test_words_for_a_replicate(token: str) -> None:
    table = template(f"wt_{token}.tif", f"ko_{token}.tif")
    assert column(table, "replicate") == ["2", "2"]
    assert column(table, "condition") == ["wt", "ko"]


def test_folders_that_part_the_pictures_are_conditions() -> None:
    table = template("day/wt/01.tif", "day/wt/02.tif", "day/ko/01.tif", "day/ko/02.tif")
    assert column(table, "condition") == ["wt", "wt", "ko", "ko"]
    assert column(table, "replicate") == ["1", "2", "1", "2"]


def test_an_experiment_is_the_replicate_and_its_fields_are_not() -> None:
    table = template(
        *(f"exp{e}/{c}_rep{r}.tif" for e in (1, 2) for c in ("wt", "ko") for r in (1, 2))
    )
    assert column(table, "replicate") == ["1"] * 4 + ["2"] * 4


def test_a_word_in_every_name_is_no_condition() -> None:
    table = template("A549_wt_1.tif", "A549_wt_2.tif", "A549_ko_1.tif")
    assert column(table, "condition") == ["wt", "wt", "ko"]


def test_a_number_that_counts_far_or_alone_is_no_replicate() -> None:
    alone = template(*(f"cells_{n:03d}.tif" for n in range(5)))
    assert column(alone, "condition") == ["cells"] * 5
    assert column(alone, "replicate") == [""] * 5
    far = template(*(f"{c}_{n}.tif" for c in ("wt", "ko") for n in range(20)))
    assert set(column(far, "replicate")) == {""}
    two = template(*(f"{c}_{r}_{f:02d}.tif" for c in ("wt", "ko") for r in (1, 2) for f in (5, 6)))
    assert column(two, "replicate") == ["1", "1", "2", "2"] * 2


def test_dates_that_differ_are_replicates_and_batches() -> None:
    table = template("20230221_wt.tif", "20230228_wt.tif", "20230221_ko.tif")
    assert column(table, "replicate") == ["2023-02-21", "2023-02-28", "2023-02-21"]
    assert column(table, "batch") == column(table, "replicate")


def test_pictures_of_a_plate_have_their_well() -> None:
    found = [
        Found(
            f"P/P_{well}_s{site}.tif",
            Path(f"P_{well}_s{site}_w1.tif"),
            files=FileSet("imagexpress", (Part("x"),), ("w1",), plate="P", well=well),
        )
        for well in ("B02", "B03")
        for site in (1, 2)
    ]
    table = sample_template(found).table
    assert list(table.columns) == ["image", "condition", "replicate", "well", "plate"]
    assert column(table, "well") == column(table, "condition") == ["B02", "B02", "B03", "B03"]
    assert set(column(table, "replicate")) == {""}
    assert set(column(table, "plate")) == {"P"}


def test_what_was_guessed_is_said_with_an_example() -> None:
    said = sample_template([Found("wt_1.tif", Path("x")), Found("ko_1.tif", Path("y"))]).said
    assert "condition: 2 different values, such as 'wt' of wt_1.tif" in said


NAMES = st.lists(
    st.text(st.characters(codec="utf-8", exclude_characters="/\x00"), min_size=1, max_size=30),
    min_size=1, max_size=8, unique=True,
)  # fmt: skip


@given(names=NAMES)
def test_whatever_the_names_the_table_is_one_that_is_read(names: list[str]) -> None:
    table = template(*(f"{name}.tif" for name in names))
    assert set(table.columns) <= set(KNOWN_COLUMNS)
    assert column(table, "image") == [f"{name}.tif" for name in names]
    assert all(column(table, "condition"))


def test_what_is_written_is_read_again_and_a_persons_work_stays(tmp_path: Path) -> None:
    path = tmp_path / "samples.csv"
    table = template("=tat_0p5uM_1.png", "control_1.png")
    write_template(path, table)
    rows = read_samples(path).rows
    assert [row.image for row in rows] == ["=tat_0p5uM_1.png", "control_1.png"]
    assert (rows[0].dose, rows[0].dose_unit, rows[1].condition) == (0.5, "uM", "control")
    path.write_text("mine")
    with pytest.raises(UsageError, match="corrected by hand"):
        write_template(path, table)
    assert path.read_text() == "mine"
    write_template(path, table, force=True)
    assert len(read_samples(path).rows) == 2
    assert [file.name for file in tmp_path.iterdir()] == ["samples.csv"]
    with pytest.raises(RunError, match="cannot be written"):
        write_template(tmp_path / "nowhere" / "samples.csv", table)
