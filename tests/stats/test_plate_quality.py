"""Numbers of plates, by hand; and what a plate does not tell."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cellwright.stats.design import design_of
from cellwright.stats.features import Feature
from cellwright.stats.plate_quality import (
    edge_effect,
    largest_median,
    robust_z,
    robust_z_prime,
    ssmd,
    z_prime,
)
from cellwright.stats.plates import Layout, layout_of, plate_rows, well_rows

AREA = Feature("area", "area", "cells", "px²")


def test_controls_by_hand() -> None:
    positive, reference = np.array([90.0, 100, 110, 100]), np.array([10.0, 12, 8, 10])
    # standard deviations sqrt(200 / 3) and sqrt(8 / 3), means 100 and 10
    spreads = math.sqrt(200 / 3), math.sqrt(8 / 3)
    assert z_prime(positive, reference) == pytest.approx(1 - 3 * sum(spreads) / 90)
    assert ssmd(positive, reference) == pytest.approx(90 / math.hypot(*spreads))
    mads = (
        stats.median_abs_deviation(positive, scale="normal"),
        stats.median_abs_deviation(reference, scale="normal"),
    )
    assert robust_z_prime(positive, reference) == pytest.approx(1 - 3 * sum(mads) / 90)
    assert ssmd(reference, positive) == -ssmd(positive, reference)
    assert z_prime(reference, positive) == z_prime(positive, reference)


def test_one_stray_well_moves_only_what_is_not_robust() -> None:
    reference = np.array([10.0, 12, 8, 10, 11, 9, 10])
    positive = reference + 90
    stray = np.append(positive, 5.0)
    assert robust_z_prime(stray, reference) == pytest.approx(
        robust_z_prime(positive, reference), abs=0.03
    )
    assert z_prime(stray, reference) < 0 < z_prime(positive, reference)


@pytest.mark.parametrize("of", [z_prime, robust_z_prime, ssmd])
def test_one_well_has_no_spread(of: Any) -> None:
    assert math.isnan(of(np.array([5.0]), np.array([1.0, 2.0])))
    assert math.isnan(of(np.array([1.0, 1.0]), np.array([1.0, 1.0])))


def test_robust_z_is_none_where_half_of_the_wells_are_equal() -> None:
    assert np.isnan(robust_z(np.array([3.0]), np.array([1.0, 1, 1, 2]))).all()
    assert robust_z(np.array([3.0]), np.array([1.0, 2, np.nan, 3]))[0] == pytest.approx(
        0.6745, 1e-4
    )


class TestEdge:
    def test_p_is_that_of_all_arrangements(self) -> None:
        values = np.array([3.0, 4, 6, 1, 2, 2.5, 5, 0.5])
        edge = np.arange(8) < 4
        found = edge_effect(values, np.zeros(8, np.int64), edge)
        known = stats.permutation_test(
            (values[edge], values[~edge]), lambda x, y: np.mean(x) - np.mean(y)
        )
        assert found.difference == pytest.approx(known.statistic)
        assert found.p == pytest.approx(known.pvalue, abs=0.04)
        assert (found.n_edge, found.n_inner) == (4, 4)

    def test_conditions_that_lie_at_the_edge_are_no_effect_of_it(self) -> None:
        # the drug is mostly at the edge, and far larger
        conditions = np.repeat([0, 1], 10)
        edge = np.array(([True] * 2 + [False] * 8) + ([True] * 8 + [False] * 2))
        values = 100.0 * conditions + np.tile([-1.0, 1.0], 10)
        found = edge_effect(values, conditions, edge)
        assert found.difference == pytest.approx(0)
        assert found.p > 0.9

    def test_claims_without_an_effect_stay_within_the_level(self) -> None:
        rng = np.random.default_rng(0)
        conditions, edge = np.arange(36) % 3, np.arange(36) % 5 < 2
        p = [edge_effect(rng.normal(conditions, 1), conditions, edge).p for _ in range(400)]
        assert 0.02 < np.mean(np.array(p) < 0.05) < 0.08

    def test_without_both_of_one_condition_there_is_none(self) -> None:
        found = edge_effect(np.array([1.0, 2, 3, np.nan]), np.array([0, 0, 1, 1]),
                            np.array([True, True, False, True]))  # fmt: skip
        assert math.isnan(found.difference)
        assert (found.n_edge, found.n_inner) == (0, 0)


def test_a_row_that_differs_is_named_and_rounding_is_not() -> None:
    assert largest_median(np.array([0.0, 0.1, -3.0, -2.0]), np.array([1, 1, 2, 2])) == (2, -2.5)
    assert largest_median(np.array([1e-15, 1.0, -1.0, 0.0]), np.array([1, 2, 2, 3]))[0] == -1
    assert largest_median(np.zeros(0), np.zeros(0, np.int64))[0] == -1


def laid_out(**columns: Any) -> tuple[Layout | None, pd.DataFrame]:
    table = pd.DataFrame(columns)
    table["image"] = [f"{number}.tif" for number in range(len(table))]
    table["picture"] = range(len(table))
    table["n_cells"] = 1
    return layout_of(
        design_of(table, "c", positive=["p"] if "p" in set(table["condition"]) else [])
    ), table


def rows_of(layout: Layout, values: list[float]) -> list[dict[str, Any]]:
    wells = well_rows(layout, AREA, np.array(values), np.arange(len(values)))
    return [dict(row) for row in plate_rows(layout, AREA, wells, ["p"])]


def test_a_plate_from_its_wells() -> None:
    names = [f"{row}{column}" for row, column in product("ABCD", (1, 2, 3))]
    conditions = ["c"] * 6 + ["p"] * 3 + ["x"] * 3
    values = [10.0, 11, 9, 10, 12, 8, 90, 100, 110, 1, 2, 3]
    layout, _ = laid_out(condition=conditions, well=names, plate="one", replicate="1")
    assert layout is not None
    (row,) = rows_of(layout, values)
    reference, positive = np.array(values[:6]), np.array(values[6:9])
    assert row["z_prime"] == pytest.approx(z_prime(positive, reference))
    assert row["ssmd"] == pytest.approx(ssmd(positive, reference))
    assert (row["wells_of_plate"], row["n_wells"], row["positive_control"]) == (24, 12, "p")
    assert not row["note"]
    wells = well_rows(layout, AREA, np.array(values), np.arange(12))
    assert wells["at_edge"].tolist() == [name[0] in "AD" or name[1] == "1" for name in names]
    spread = stats.median_abs_deviation(reference, scale="normal")
    assert wells["robust_z_reference"].to_numpy() == pytest.approx(
        (np.array(values) - np.median(reference)) / spread
    )


def test_pictures_of_a_well_are_one_well_and_plates_are_apart() -> None:
    layout, _ = laid_out(
        condition=["c", "c", "c", "p"], well=["a1", "A01", "A1", "B1"],
        plate=["1", "1", "2", "1"], replicate=["1", "1", "2", "1"],
    )  # fmt: skip
    assert layout is not None
    wells = well_rows(layout, AREA, np.array([1.0, 3, 9, 7]), np.arange(4))
    assert wells[["plate", "well", "value", "n"]].to_numpy().tolist() == [
        ["1", "A01", 2.0, 2], ["1", "B01", 7.0, 1], ["2", "A01", 9.0, 1],
    ]  # fmt: skip
    one, two = rows_of(layout, [1, 3, 9, 7])
    assert one["note"] == "no Z': 2 wells of each control are the fewest; p has 1, c 1"
    assert two["note"].startswith("no Z': no positive control is on this plate")


def test_wells_that_cannot_be_one_are_left_out_and_said() -> None:
    layout, _ = laid_out(
        condition=["c", "x", "c", "c", "c"], well=["A1", "A1", "A2", "A2", "B1"],
        replicate=["1", "1", "1", "2", "1"],
    )  # fmt: skip
    assert layout is not None
    assert layout.wells["well"].tolist() == ["B01"]
    assert "2 wells have pictures of several conditions or replicates" in layout.remarks[0].text
    assert laid_out(condition=["c", "x"], well=["left", ""])[0] is None
    assert laid_out(condition=["c", "x"])[0] is None
