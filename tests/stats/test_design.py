"""How a design is understood, and what is said of it before any test."""

from __future__ import annotations

import json
import re
from typing import Any

import pandas as pd
import pytest

from cellwright.core.errors import UsageError
from cellwright.stats.design import design_of


def pictures(**columns: Any) -> pd.DataFrame:
    count = max(len(values) for values in columns.values())
    table = pd.DataFrame(columns)
    table["image"] = [f"{number}.tif" for number in range(count)]
    table["n_cells"] = 10
    return table


def said(table: pd.DataFrame, reference: str = "c", **options: Any) -> str:
    return " | ".join(one.text for one in design_of(table, reference, **options).remarks)


def test_doses_are_read_from_names_and_sorted() -> None:
    names = ["tat_320ng", "none", "tat_40ng", "tat_80ng", "peroxide"]
    design = design_of(pictures(condition=names), "none")
    assert [one.name for one in design.conditions] == [
        "none", "tat_40ng", "tat_80ng", "tat_320ng", "peroxide",
    ]  # fmt: skip
    assert [one.dose for one in design.conditions] == [0, 40, 80, 320, None]
    assert {one.dose_unit for one in design.conditions[1:4]} == {"ng"}
    assert {one.compound for one in design.conditions[1:4]} == {"tat"}


def test_columns_go_before_names_and_units_become_one() -> None:
    table = pictures(
        condition=["c", "low", "high"], compound=["", "x", "x"], dose=["", "500", "2"],
        dose_unit=["", "nM", "uM"],
    )  # fmt: skip
    low, high = design_of(table, "c").others
    assert (low.name, low.dose, low.dose_unit) == ("low", 500, "nM")
    assert (high.name, high.dose) == ("high", 2000)


def test_two_doses_of_a_condition_are_refused() -> None:
    table = pictures(condition=["c", "x", "x"], dose=["", "1", "2"])
    with pytest.raises(UsageError, match=r"'x' have several doses: 1, 2"):
        design_of(table, "c")


def test_the_donor_is_n_where_there_are_donors() -> None:
    table = pictures(condition=["c", "c", "x"], replicate=["1", "2", "1"], donor=["A", "A", "A"])
    design = design_of(table, "c")
    assert (design.unit, design.units("c")) == ("donor", ("A",))
    assert design_of(table, "c", unit="replicate").units("c") == ("1", "2")


def test_replicates_that_were_read_as_numbers_are_text() -> None:
    table = pictures(condition=["c", "c", "x"], replicate=[1.0, 2.0, float("nan")])
    design = design_of(table, "c")
    assert design.units("c") == ("1", "2")
    assert design.units("x") == ()


def test_replicates_of_other_programs_are_the_same() -> None:
    table = pictures(condition=list("ccxx"), replicate=["1", "2.0", "1.0", "2"])
    assert design_of(table, "c").units("c") == design_of(table, "c").units("x") == ("1", "2")
    days = [pd.Timestamp("2024-05-01"), pd.NaT, pd.Timestamp("2024-05-01"), pd.NaT]
    design = design_of(pictures(condition=list("ccxx"), replicate=days), "c")
    assert len(design.units("c")) == 1


@pytest.mark.parametrize("names", [("1", "01"), ("Day 1", "day_01"), ("caf\u00e9", "cafe\u0301")])
def test_names_that_may_be_one_are_said(names: tuple[str, str]) -> None:
    table = pictures(condition=list("ccxx"), replicate=[*names, *names])
    assert f"replicates {names[0]!r} and {names[1]!r} are taken as different" in said(table)
    table = pictures(condition=["c", *names], replicate=list("123"))
    assert f"conditions {names[0]!r} and {names[1]!r} are taken as different" in said(table)


def test_names_of_their_own_are_not_said() -> None:
    names = ["0.1 nM", "0.01 nM", "1 nM", "10 nM", "x-", "y+", "A1", "A11"]
    table = pictures(condition=["c", *names], replicate=["1"] * 9)
    assert "taken as different" not in said(table)


def test_wells_as_replicates_are_those_of_their_plate_and_doubted() -> None:
    table = pictures(
        condition=list("cccxxx"), plate=list("111222"), well=["A1", "A2", "A3"] * 2
    )  # fmt: skip
    design = design_of(table, "c", unit="well")
    assert design.units("c") == ("1/A1", "1/A2", "1/A3")
    assert design.units("x") == ("2/A1", "2/A2", "2/A3")
    assert "wells are taken as replicates" in " ".join(one.text for one in design.remarks)


@pytest.mark.parametrize("dose", ["-1", "inf", "much", "1,000"])
def test_a_dose_that_is_none_names_its_condition(dose: str) -> None:
    table = pictures(condition=["c", "x"], compound=["", "tat"], dose=["", dose])
    with pytest.raises(UsageError, match=f"condition 'x' is '{dose}', no number from 0 on"):
        design_of(table, "c")


def test_a_dose_may_be_written_in_two_ways() -> None:
    table = pictures(condition=["c", "x", "x"], compound=["", "t", "t"], dose=["", "10", "10.0"])
    assert design_of(table, "c").others[0].dose == 10


def test_levels_are_counted() -> None:
    table = pictures(
        condition=["c"] * 4 + ["x"] * 2, replicate=list("112211"), plate=["p1"] * 6,
        well=["A1", "A1", "A2", "A3", "B1", "B1"],
    )  # fmt: skip
    table["run"] = "r"
    found = json.loads(design_of(table, "c").table().to_json(orient="records"))
    levels = ["n_replicates", "n_plates", "n_wells", "n_images", "n_cells"]
    assert [[row[level] for level in levels] for row in found] == [
        [2, 1, 3, 4, 40],
        [1, 1, 1, 2, 20],
    ]


def test_roles_are_known_beforehand() -> None:
    table = pictures(
        condition=["c", "p", "q", "b", "x"],
        role=["control", "Positive control", "", "blank", "test"],
    )
    design = design_of(table, "c", positive=["q"])
    assert [(one.name, one.role) for one in design.conditions] == [
        ("c", "reference"), ("p", "positive control"), ("q", "positive control"), ("x", "test"),
    ]  # fmt: skip
    assert "left out by their role: b" in said(table)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"condition": ["c", "x"]}, "No replicate is known, so there is no p"),
        ({"condition": ["c", "x", ""], "replicate": ["1", "1", "1"]}, "1 of 3 pictures have no"),
        ({"condition": ["c", "x"], "replicate": ["1", ""]}, "1 pictures have no replicate"),
        ({"condition": ["c", "x"], "replicate": ["1", "1"]}, r"no p can be had: c \(1\), x \(1\)"),
        (
            {"condition": ["c", "c", "x"], "replicate": ["1", "2", "1"]},
            "numbers of replicates differ: c 2, x 1",
        ),
        (
            {"condition": ["c", "x"], "plate": ["1", "2"]},
            "no plate has both c and x: what differs may come of the plate",
        ),
        (
            {"condition": list("cccxxx"), "replicate": list("123123"), "plate": ["p"] * 6,
             "well": ["A1", "A2", "A3", "B1", "B2", "B3"]},
            "wells of one plate, filled on one day from one culture, are technical",
        ),
    ],
)  # fmt: skip
def test_what_is_missing_or_entangled_is_said(columns: dict[str, list[str]], words: str) -> None:
    assert re.search(words, said(pictures(**columns)))


def test_a_whole_design_is_said_nothing_of() -> None:
    table = pictures(condition=list("cccxxx"), replicate=list("123123"), batch=list("abcabc"))
    assert not said(table)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"reference": "d"}, r"no condition 'd' to compare with; the conditions are c, x"),
        ({"reference": "c", "unit": "day"}, "no column 'day'"),
        ({"reference": "c", "positive": ["z"]}, "no condition z to be a positive control"),
        ({"reference": "c", "positive": ["c"]}, "both the reference and a positive control"),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        design_of(pictures(condition=["c", "x"]), **options)


def test_one_condition_is_not_two() -> None:
    with pytest.raises(UsageError, match="only condition"):
        design_of(pictures(condition=["c", "c"]), "c")
    with pytest.raises(UsageError, match="no picture has a condition"):
        design_of(pictures(condition=["", ""]), "c")
