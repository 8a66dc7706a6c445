"""Comparisons: the replicate is n, and what cannot be claimed is not."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy import stats

from cellwright.core.errors import UsageError
from cellwright.stats.comparing import COLUMNS, FROZEN, Comparison, compare_features
from cellwright.stats.design import design_of
from cellwright.stats.effect_size import hedges_g, hedges_g_of_pairs
from cellwright.stats.options import CompareOptions


class Made:
    """An experiment with known replicate means."""

    def __init__(self, **columns: list[str]) -> None:
        self.pictures = pd.DataFrame(columns)
        self.pictures["picture"] = range(len(self.pictures))
        self.pictures["image"] = [f"{number}.tif" for number in range(len(self.pictures))]
        self.pictures["run"] = "run"

    def with_cells(
        self, means: Sequence[float], n: int = 5
    ) -> tuple[pd.DataFrame, npt.NDArray[np.int64]]:
        """Cells of which each picture has `n`, symmetrical about its mean."""
        around = np.linspace(-0.5, 0.5, n)
        self.pictures["n_cells"] = n
        of = np.repeat(np.arange(len(means)), n)
        return pd.DataFrame({"area_px": np.add.outer(means, around).ravel()}), of


def compared(made: Made, means: Sequence[float], **options: Any) -> Comparison:
    cells, of = made.with_cells(means)
    asked = {"reference": "c", "features": ("area_px",), **options}
    design = design_of(made.pictures, asked["reference"], positive=asked.get("positive", ()))
    return compare_features(design, cells, of, CompareOptions(**asked))


def by(column: str, found: Comparison) -> dict[str, dict[str, Any]]:
    """Rows by what stands in a column."""
    rows: list[dict[str, Any]] = json.loads(found.table.to_json(orient="records"))
    for row in rows:
        row |= {name: math.nan for name, value in row.items() if value is None}
    return {str(row[column]): row for row in rows}


def first(found: Comparison) -> dict[str, Any]:
    """The row of a single comparison."""
    return next(iter(by("feature", found).values()))


def three_by_three(*, shared: bool) -> Made:
    names = list("123") + (list("123") if shared else list("456"))
    return Made(condition=list("cccxxx"), replicate=names)


def test_independent_replicates_are_compared_by_welch() -> None:
    row = first(compared(three_by_three(shared=False), [10, 11, 13, 15, 18, 17]))
    known = stats.ttest_ind([15, 18, 17], [10, 11, 13], equal_var=False)
    assert row["test"] == "Welch t"
    assert row["p"] == pytest.approx(known.pvalue)
    interval = known.confidence_interval()
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((interval.low, interval.high))
    assert row["difference"] == pytest.approx(16.6666667 - 11.3333333)
    assert row["percent"] == pytest.approx(100 * 5.3333333 / 11.3333333)
    assert row["percent_low"] < row["percent"] < row["percent_high"]
    assert (row["n_cells"], row["n_replicates"], row["n_replicates_reference"]) == (15, 3, 3)
    assert (row["leave_one_out_low"], row["leave_one_out_high"]) == pytest.approx(
        (16.6666667 - 12, 16.6666667 - 10.5)
    )


def test_shared_replicates_are_paired() -> None:
    row = first(compared(three_by_three(shared=True), [10, 11, 13, 12, 13, 16]))
    assert row["test"] == "paired t"
    assert row["p"] == pytest.approx(stats.ttest_rel([12, 13, 16], [10, 11, 13]).pvalue)


def test_a_lone_replicate_is_left_out_of_pairs_and_said() -> None:
    made = Made(condition=list("ccccxxx"), replicate=list("1234123"))
    row = first(compared(made, [10, 11, 13, 99, 12, 13, 16]))
    assert row["test"] == "paired t"
    assert row["mean_reference"] == pytest.approx(34 / 3)
    assert row["note"] == "1 replicate without a partner left out"
    # n, cells, means and medians are of the pairs that were tested
    assert (row["n_replicates"], row["n_replicates_reference"]) == (3, 3)
    assert (row["n_cells"], row["n_cells_reference"]) == (15, 15)
    assert row["difference_of_medians"] == pytest.approx(row["difference"])


def test_two_whole_pairs_are_not_called_a_part() -> None:
    made = Made(condition=list("ccxx"), replicate=list("1212"))
    note = first(compared(made, [10, 11, 12, 14]))["note"]
    assert note == "no p: 3 replicates are the fewest for one; x has 2 and c has 2"


def test_partly_shared_replicates_are_not_paired() -> None:
    made = Made(condition=list("cccxxx"), replicate=list("123234"))
    row = first(compared(made, [10, 11, 13, 12, 13, 16]))
    assert row["test"] == "Welch t"
    assert "2 of the replicates are in both conditions, not all: not paired" in row["note"]


def test_pictures_of_a_replicate_are_no_replicates() -> None:
    made = Made(condition=["c"] * 6 + ["x"] * 6, replicate=list("112233445566"))
    twice = [value for value in (10, 11, 13, 15, 18, 17) for _ in range(2)]
    row = first(compared(made, twice))
    assert row["n_replicates"] == 3
    assert row["p"] == pytest.approx(
        stats.ttest_ind([15, 18, 17], [10, 11, 13], equal_var=False).pvalue
    )


def test_two_replicates_give_estimates_and_a_reason() -> None:
    made = Made(condition=list("cccxx"), replicate=list("12345"))
    row = first(compared(made, [10, 11, 13, 15, 18]))
    assert row["difference"] == pytest.approx(16.5 - 34 / 3)
    assert math.isnan(row["p"])
    assert math.isnan(row["ci_low"])
    assert row["test"] == ""
    assert row["note"] == "no p: 3 replicates are the fewest for one; x has 2"


def test_without_replicates_it_says_what_cells_would_have_claimed() -> None:
    made = Made(condition=list("cx"), replicate=["", ""])
    found = compared(made, [10, 12])
    row = first(found)
    assert math.isnan(row["p"])
    assert (row["n_replicates"], row["n_cells"]) == (0, 5)
    assert "cells of one experiment are not independent" in row["note"]
    assert "counting each cell as a replicate would have claimed p = 4e-05" in row["note"]
    assert any(one.severity == "error" for one in found.remarks)


def test_equal_replicates_claim_nothing() -> None:
    row = first(compared(three_by_three(shared=False), [1, 1, 1, 2, 2, 2]))
    assert math.isnan(row["p"])
    assert "no p: replicates do not spread" in row["note"]


def test_pairs_that_differ_by_the_same_claim_nothing_though_they_spread() -> None:
    row = first(compared(three_by_three(shared=True), [10, 11, 13, 12, 13, 15]))
    assert row["difference"] == 2
    assert math.isnan(row["p"])
    assert "no p: all replicates differ by the same" in row["note"]


def test_several_conditions_are_one_family_without_positive_controls() -> None:
    made = Made(condition=list("ccccxxxxyyyypppp"), replicate=[str(n) for n in range(16)])
    means = [10, 11, 13, 12, 14, 15, 13, 16, 11, 12, 12, 14, 40, 41, 44, 42]
    rows = by("condition", compared(made, means, positive=("p",)))
    assert all(rows[name]["p_adjusted"] > rows[name]["p"] for name in "xy")
    assert rows["p"]["p_adjusted"] == rows["p"]["p"]
    assert rows["x"]["together_low"] < rows["x"]["ci_low"]
    made = Made(condition=list("ccccxxxx"), replicate=[str(n) for n in range(8)])
    alone = first(compared(made, means[:8]))
    assert alone["p_adjusted"] == pytest.approx(alone["p"])


def test_features_are_corrected_but_the_primary_one() -> None:
    made = three_by_three(shared=False)
    cells, of = made.with_cells([10, 11, 13, 15, 18, 17])
    rng = np.random.default_rng(0)
    for name in ("perimeter_px", "extent", "mine"):
        cells[name] = rng.normal(size=len(cells))
    design = design_of(made.pictures, "c")
    names = ("area_px", "perimeter_px", "mine")

    def p_of(**options: Any) -> dict[str, float]:
        plan = CompareOptions(reference="c", features=names, **options)
        rows = by("feature", compare_features(design, cells, of, plan))
        return {name: row["p_adjusted"] for name, row in rows.items()}

    plain = p_of(correction="none")
    assert p_of()["area_px"] == pytest.approx(3 * plain["area_px"])
    assert p_of(primary="area_px")["area_px"] == pytest.approx(plain["area_px"])
    assert list(p_of(primary="extent")) == ["extent", *names]


def test_what_is_compared_by_itself() -> None:
    made = three_by_three(shared=False)
    cells, of = made.with_cells([10, 11, 13, 15, 18, 17])
    cells["area_um2"] = cells["area_px"] / 4
    cells["label"] = cells["centroid_y_px"] = cells["orientation_rad"] = cells["mine"] = 1.0
    cells["class"] = np.where(np.arange(len(cells)) % 2, "dead", "alive")
    cells["p_dead"] = 0.5
    cells["positive_GFP"] = np.arange(len(cells)) % 3 == 0
    found = compare_features(
        design_of(made.pictures, "c"), cells, of, CompareOptions(reference="c")
    )
    assert [one.name for one in found.features] == [
        "n_cells", "area_um2", "share_alive", "share_dead", "share_positive_GFP",
    ]  # fmt: skip
    assert "compared only where you name them with --features: mine" in found.remarks[-1].text
    assert by("feature", found)["share_dead"]["mean"] == pytest.approx(8 / 15)  # rows 15, 17, …, 29


@pytest.mark.parametrize(
    ("feature", "words"),
    [
        ("label", "label is no number that means the same"),
        ("orientation_rad", "is an angle, and is never tested"),
        ("areas", "nothing called 'areas'"),
        ("area", r"nothing called 'area' .* there are area_px"),
        ("text", "'text' holds no numbers"),
    ],
)
def test_what_cannot_be_compared_is_refused(feature: str, words: str) -> None:
    made = three_by_three(shared=False)
    cells, of = made.with_cells([10, 11, 13, 15, 18, 17])
    cells["label"] = cells["orientation_rad"] = 1.0
    cells["text"] = "a"
    plan = CompareOptions(reference="c", features=(feature,))
    with pytest.raises(UsageError, match=words):
        compare_features(design_of(made.pictures, "c"), cells, of, plan)


def test_pixels_of_several_sizes_are_no_measure() -> None:
    made = three_by_three(shared=False)
    cells, of = made.with_cells([10, 11, 13, 15, 18, 17])
    cells["extent"] = 0.5
    made.pictures["pixel_size_um"] = [0.5, 0.5, 0.5, 0.5, 0.5, 0.65]
    found = compare_features(
        design_of(made.pictures, "c"), cells, of, CompareOptions(reference="c")
    )
    assert "area_px" not in set(found.table["feature"])
    assert "pixels are of several sizes (0.5, 0.65 µm)" in found.remarks[-1].text


def test_infinite_and_missing_values_do_not_count() -> None:
    made = three_by_three(shared=False)
    cells, of = made.with_cells([10, 11, 13, 15, 18, 17])
    cells.loc[[0, 4], "area_px"] = [np.inf, np.nan]  # symmetrical, so the mean stays
    plan = CompareOptions(reference="c", features=("area_px",))
    row = first(compare_features(design_of(made.pictures, "c"), cells, of, plan))
    assert row["n_cells_reference"] == 13
    assert row["mean_reference"] == pytest.approx(34 / 3)


def test_permutation_says_what_it_cannot_reach() -> None:
    made = three_by_three(shared=False)
    row = first(compared(made, [10, 11, 13, 95, 98, 97], test="permutation"))
    assert row["p"] == pytest.approx(0.1)
    assert row["test"] == "permutation"
    assert "p cannot be below 0.1" in row["note"]


def test_pairs_that_are_not_there_cannot_be_asked_for() -> None:
    with pytest.raises(UsageError, match="only 0 replicates are in both"):
        compared(three_by_three(shared=False), [10, 11, 13, 95, 98, 97], test="paired")


def test_pairs_that_a_feature_lacks_cost_no_other_feature_its_test() -> None:
    made = three_by_three(shared=True)
    cells, of = made.with_cells([10, 11, 13, 12, 13, 16])
    cells["half"] = cells["area_px"].where(of % 3 != 0)
    cells["none"] = cells["area_px"].where(of != 0).where((of != 4) & (of != 5))
    names = ("area_px", "half", "none")
    plan = CompareOptions(reference="c", features=names, test="paired")
    rows = by("feature", compare_features(design_of(made.pictures, "c"), cells, of, plan))
    assert rows["area_px"]["p"] > 0
    assert (rows["half"]["n_replicates"], rows["half"]["difference"]) == (2, 2.5)
    assert "no p: 3 replicates are the fewest" in rows["half"]["note"]
    assert "no p: no replicate has it in both conditions" in rows["none"]["note"]
    assert all(math.isnan(rows[name]["p"]) for name in names[1:])


def test_permutation_exchanges_within_replicates_that_all_conditions_share() -> None:
    made = Made(condition=list("ccccccxxxxxx"), replicate=list("123456123456"))
    means = [10, 20, 30, 40, 50, 60, 11, 21, 31, 41, 51, 61.5]
    row = first(compared(made, means, test="permutation"))
    assert (row["p"], row["test"]) == (pytest.approx(2 / 2**6), "paired permutation")
    assert first(compared(made, means, test="welch"))["p"] > 0.9


@pytest.mark.parametrize("scale", [1e200, 1e-200])
def test_numbers_that_cannot_be_squared_are_refused(scale: float) -> None:
    made = three_by_three(shared=False)
    cells, of = made.with_cells([10, 11, 13, 15, 18, 17])
    plan = CompareOptions(reference="c")
    with pytest.raises(UsageError, match="no spread can be computed"):
        compare_features(design_of(made.pictures, "c"), cells * scale, of, plan)


def test_a_longer_movie_has_no_more_cells() -> None:
    made = three_by_three(shared=False)
    cells, of = made.with_cells([10, 11, 13, 15, 18, 17])
    made.pictures["n_cells"] = [12, 14, 13, 24, 28, 26]
    made.pictures["frames"] = [1, 1, 1, 2, 2, 2]
    plan = CompareOptions(reference="c", features=("n_cells",))
    row = first(compare_features(design_of(made.pictures, "c"), cells, of, plan))
    assert (row["mean"], row["difference"]) == (13, 0)


def test_columns_without_numbers_are_said() -> None:
    made = three_by_three(shared=False)
    cells, of = made.with_cells([10, 11, 13, 15, 18, 17])
    cells["extent"], cells["solidity"] = "n. d.", np.nan
    design = design_of(made.pictures, "c")
    found = compare_features(design, cells, of, CompareOptions(reference="c"))
    assert "words among them: extent, solidity" in " ".join(one.text for one in found.remarks)
    with pytest.raises(UsageError, match="'extent' holds no numbers, or words among them"):
        compare_features(design, cells, of, CompareOptions(reference="c", features=("extent",)))


def test_pictures_of_several_sizes_are_said() -> None:
    made = three_by_three(shared=False)
    cells, of = made.with_cells([10, 11, 13, 15, 18, 17])
    made.pictures["region_area_px"] = [100, 100, 100, 100, 100, 400]
    found = compare_features(
        design_of(made.pictures, "c"), cells, of, CompareOptions(reference="c")
    )
    assert "n_cells counts more where more is seen" in found.remarks[-1].text


def test_the_columns_that_others_build_on() -> None:
    found = compared(three_by_three(shared=False), [10, 11, 13, 15, 18, 17])
    assert tuple(found.table.columns) == COLUMNS
    assert COLUMNS[: len(FROZEN)] == FROZEN
    assert found.replicates["value"].tolist() == pytest.approx([10, 11, 13, 15, 18, 17])


@pytest.mark.parametrize("correlation", [0.1, 0.5])
def test_null_experiments_are_seldom_claimed_and_cells_as_n_often(correlation: float) -> None:
    rng = np.random.default_rng(1)
    made = three_by_three(shared=False)
    of = np.repeat(np.arange(6), 60)
    made.pictures["n_cells"] = 60
    design = design_of(made.pictures, "c")
    plan = CompareOptions(reference="c", features=("area_px",))
    spread = math.sqrt(correlation / (1 - correlation))
    claims, cells_claim = 0, 0
    for _ in range(1000):
        values = rng.normal(size=of.size) + (spread * rng.normal(size=6))[of]
        cells = pd.DataFrame({"area_px": values})
        claims += first(compare_features(design, cells, of, plan))["p"] < 0.05
        sides = values[of > 2], values[of <= 2]
        cells_claim += bool(stats.ttest_ind(*sides).pvalue < 0.05)
    assert 0.018 <= claims / 1000 <= 0.055  # 3.6 %, give or take what 1,000 tell
    assert cells_claim / 1000 > 0.4


def test_a_share_is_a_share_whatever_summary_is_asked_for() -> None:
    made = three_by_three(shared=False)
    cells, of = made.with_cells([0] * 6, n=10)
    alive = np.tile(np.arange(10), 6) < np.repeat([2, 3, 4, 6, 7, 8], 10)
    cells["positive_gfp"] = alive
    design = design_of(made.pictures, "c")
    for summary in ("mean", "median"):
        plan = CompareOptions(
            reference="c", features=("share_positive_gfp", "area_px"), summary=summary
        )
        row = by("feature", compare_features(design, cells, of, plan))["share_positive_gfp"]
        assert (row["mean_reference"], row["mean"]) == pytest.approx((0.3, 0.7))
        assert row["p"] == pytest.approx(stats.ttest_ind([2, 3, 4], [6, 7, 8]).pvalue)
        assert math.isnan(row["difference_of_medians"])


def test_how_often_cells_lie_above_is_of_replicates_that_are_compared() -> None:
    made = Made(condition=[*"ccccdddd"], replicate=[*"12342345"])
    row = first(compared(made, [0, 1, 2, 3, 2, 3, 4.5, 9], test="paired"))
    assert (row["n_replicates"], row["n_cells"]) == (3, 15)
    around = np.linspace(-0.5, 0.5, 5)
    ours, theirs = (np.add.outer(one, around).ravel() for one in ([2, 3, 4.5], [1, 2, 3]))
    above = stats.mannwhitneyu(ours, theirs).statistic
    assert row["cliffs_delta"] == pytest.approx(2 * above / 225 - 1)


def test_only_t_tests_have_degrees_of_freedom() -> None:
    made = Made(condition=[*"cccc", *"dddd"], replicate=[*"12345678"])
    asked = {name: first(compared(made, [1, 2, 3, 5, 4, 6, 7, 8], test=name))
             for name in ("welch", "permutation")}  # fmt: skip
    assert asked["welch"]["df"] > 5
    assert math.isnan(asked["permutation"]["df"])


def test_a_condition_without_replicates_has_a_row_that_says_so() -> None:
    made = Made(condition=[*"ccc", *"ddd", *"eee"], replicate=[*"123456", "", "", ""])
    rows = by("condition", compared(made, range(9)))
    assert rows["e"]["note"] == "no p: e has no replicate"
    assert math.isnan(rows["e"]["difference"])
    assert rows["d"]["p"] < 0.05
    made = Made(condition=[*"ccc", *"ddd"], replicate=["", "", "", *"123"])
    assert first(compared(made, range(6)))["note"] == "no p: c has no replicate"


def test_an_interval_of_logarithms_is_not_put_around_a_change_that_it_does_not_hold() -> None:
    made = Made(condition=[*"ccccc", *"ddddd"], replicate=[*"12345", *"12345"])
    row = first(compared(made, [10, 12, 11, 9, 2000, 20, 24, 22, 18.9, 2200]))
    assert row["percent"] == pytest.approx(11.9, abs=1)
    assert math.isnan(row["percent_low"])
    assert math.isnan(row["percent_high"])


def test_the_standardised_difference_of_pairs_knows_that_they_go_together() -> None:
    random = np.random.default_rng(0)
    held = {"pairs": 0, "apart": 0}
    for _ in range(400):
        common = random.normal(0, 3, 5)
        one, other = (common + random.normal(0, 1, 5) for _ in range(2))
        one += math.sqrt(10)  # of a spread of the square root of 10: a difference of one
        for name, found in (
            ("pairs", hedges_g_of_pairs(one, other)),
            ("apart", hedges_g(one, other)),
        ):
            held[name] += found.low <= 1 <= found.high
            assert found.low < found.g < found.high
    assert 0.92 < held["pairs"] / 400 < 0.98
    assert held["apart"] > held["pairs"]
