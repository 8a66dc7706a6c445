"""Which conditions are doses of one compound, and what is said of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cellwright.stats.design import Design, design_of
from cellwright.stats.dose_series import response_table, series_of, trend_table
from cellwright.stats.features import Feature
from cellwright.stats.options import CompareOptions

FEATURES = (Feature("area", "area", "cells", "µm²"), Feature("shine", "shine", "cells"))
PLAN = CompareOptions(reference="c", primary="area")


def design(names: list[str], *, replicates: int = 3, **columns: Any) -> Design:
    table = pd.DataFrame(
        {
            "condition": np.repeat(names, replicates),
            "replicate": [f"{name}/{n}" for name in names for n in range(replicates)],
            **{name: np.repeat(values, replicates) for name, values in columns.items()},
        }
    )
    table["image"] = [f"{number}.tif" for number in range(len(table))]
    table["n_cells"] = 1
    return design_of(table, "c")


def measured(of: Design, slopes: dict[str, float]) -> pd.DataFrame:
    """Replicates that rise from one condition to the next."""
    rows = [
        (feature, one.name, unit, slope * place + spread)
        for feature, slope in slopes.items()
        for place, one in enumerate(of.conditions)
        for unit, spread in zip(of.units(one.name), (-1.0, 0.2, 0.8), strict=False)
    ]
    return pd.DataFrame(rows, columns=["feature", "condition", "replicate", "value"])


def test_doses_of_each_compound_begin_with_the_reference() -> None:
    names = ["c", "b_2uM", "a_10ng", "a_1ng", "b_500nM", "lone_1ng", "other"]
    found = series_of(design(names))
    assert {one.compound: one.conditions for one in found} == {
        "a": ("c", "a_1ng", "a_10ng"), "b": ("c", "b_500nM", "b_2uM"),
    }  # fmt: skip
    assert {one.compound: one.doses for one in found} == {"a": (0, 1, 10), "b": (0, 0.5, 2)}


def test_positive_controls_are_no_dose_of_the_series() -> None:
    of = design(["c", "a_1ng", "a_2ng", "a_9ng"], role=["", "", "", "positive control"])
    assert series_of(of)[0].doses == (0, 1, 2)


def test_trends_are_adjusted_over_compounds_then_features() -> None:
    of = design(["c", "a_1ng", "a_2ng", "b_1ng", "b_2ng"])
    table = trend_table(of, measured(of, {"area": 0.3, "shine": 0.2}), FEATURES, PLAN)
    assert len(table) == 4
    assert (table["p_adjusted"] >= table["p"]).all()
    primary = table[table["primary"]].sort_values("p")
    assert primary["p_adjusted"].iloc[0] == pytest.approx(2 * primary["p"].iloc[0])
    assert table["doses"].iloc[0] == "0, 1, 2"


def test_the_same_dose_twice_has_no_order() -> None:
    of = design(["c", "early", "late", "more"], compound=["", "a", "a", "a"],
                dose=["", "1", "1", "2"], dose_unit=["ng"] * 4)  # fmt: skip
    values = measured(of, {"area": 1, "shine": 1})
    for table in (
        trend_table(of, values, FEATURES, PLAN),
        response_table(of, values, FEATURES, PLAN),
    ):
        assert "early and late have the same dose (1 ng)" in table["note"].iloc[0]
        assert table["p"].isna().all()


def test_few_doses_have_a_trend_and_no_ec50() -> None:
    of = design(["c", "a_1ng", "a_2ng"])
    values = measured(of, {"area": 3, "shine": 0})
    row = trend_table(of, values, FEATURES, PLAN).iloc[0]
    assert row["slope"] == pytest.approx(3)
    assert row["p"] < 0.01
    row = response_table(of, values, FEATURES, PLAN).iloc[0]
    assert (
        row["note"] == "no EC50: 4 doses beside the reference are the fewest for one; there are 2"
    )
    assert math.isnan(row["ec50"])


def test_without_replicates_there_is_a_sentence() -> None:
    table = pd.DataFrame({"condition": ["c", "a_1ng", "a_2ng"], "image": list("123"), "n_cells": 1})
    of = design_of(table, "c")
    empty = pd.DataFrame(columns=["feature", "condition", "replicate", "value"])
    for found in (
        trend_table(of, empty, FEATURES, PLAN),
        response_table(of, empty, FEATURES, PLAN),
    ):
        assert "no replicate is known" in found["note"].iloc[0]


def test_without_doses_there_is_nothing_to_say() -> None:
    of = design(["c", "x", "y"])
    assert not len(trend_table(of, measured(of, {"area": 1}), FEATURES, PLAN))
