"""Rates of errors and corrected counts, by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cellwright.stats.audit import Judged, error_rates, objects_per_outline
from cellwright.stats.audit_counts import corrected_counts, true_per_outline
from cellwright.stats.dealing import deal, even_shares


def judged(condition: str, replicate: str, **counts: int) -> Judged:
    kinds = ("right", "merged", "split", "false", "wrong_type")
    said = {kind: counts.pop(kind, 0) for kind in kinds}
    return Judged(condition, replicate, said, **counts)


def rows(table: pd.DataFrame, *names: str) -> dict[Any, dict[str, Any]]:
    """Rows by the values of some columns."""
    found: list[dict[str, Any]] = table.to_dict("records")  # type: ignore[assignment]
    return {
        tuple(row[name] for name in names) if len(names) > 1 else row[names[0]]: row
        for row in found
    }


def test_shares_are_even_and_nobody_gives_more_than_there_is() -> None:
    rng = np.random.default_rng(3)
    assert even_shares(10, [1, 50, 50], rng) in ([1, 5, 4], [1, 4, 5])
    assert even_shares(10, [], rng) == []
    assert even_shares(0, [3, 3], rng) == [0, 0]
    assert even_shares(99, [3, 4], rng) == [3, 4]


def test_dealing_is_even_over_conditions_first_and_replicates_then() -> None:
    there = {("a", "1"): 100, ("a", "2"): 100, ("a", "3"): 100, ("b", "1"): 100}
    taken = deal(there, 12, np.random.default_rng(0))
    assert taken == {("a", "1"): 2, ("a", "2"): 2, ("a", "3"): 2, ("b", "1"): 6}
    again = [deal(there, 11, np.random.default_rng(7)) for _ in range(2)]
    assert again[0] == again[1]


def test_rates_and_intervals_of_wilson() -> None:
    # Wilson's interval of 1 in 10 by hand: (0.1 + z²/20 ± z √(0.09/10 + z²/400)) / (1 + z²/10)
    table = rows(error_rates([judged("a", "", right=9, false=1)]), "kind")
    z = stats.norm.ppf(0.975)
    reach = z * math.sqrt(0.1 * 0.9 / 10 + z**2 / 400)
    low, high = ((0.1 + z**2 / 20 + sign * reach) / (1 + z**2 / 10) for sign in (-1, 1))
    assert table["false"]["rate"] == 0.1
    assert table["false"]["low"] == pytest.approx(low)
    assert table["false"]["high"] == pytest.approx(high)
    assert table["false"]["interval"] == "Wilson over cells"
    assert table["right"]["rate"] == 0.9
    assert "wrong_type" not in table


def test_from_three_replicates_on_the_interval_is_over_these_where_it_is_wider() -> None:
    three = [judged("a", str(n), right=50 - k, split=k) for n, k in enumerate((0, 10, 20))]
    row = rows(error_rates(three), "kind")["split"]
    # rates 0, 0.2, 0.4: mean 0.2, standard error 0.2 / √3, t of 2 degrees 4.3027: beyond 0
    assert row["interval"] == "t over replicates"
    assert row["low"] == 0
    assert row["high"] == pytest.approx(0.2 + 4.302653 * 0.2 / math.sqrt(3))
    alike = [judged("a", str(n), right=45, split=5) for n in range(3)]
    assert rows(error_rates(alike), "kind")["split"]["interval"] == "Wilson over cells"
    assert rows(error_rates(three[:2]), "kind")["split"]["interval"] == "Wilson over cells"


def test_missed_is_of_true_cells() -> None:
    # 40 outlines, of which by the single cells 9 in 10 are a cell: 36; 4 more were missed
    one = judged("a", "", right=9, false=1, outlines=40, missed=4, fields=2)
    row = rows(error_rates([one]), "kind")["missed"]
    assert (row["count"], row["n"]) == (4, 40)
    assert row["rate"] == pytest.approx(0.1)


def test_a_kind_that_nobody_judged_has_no_rate() -> None:
    table = rows(error_rates([judged("a", "", right=5)]), "kind")
    assert math.isnan(table["missed"]["rate"])
    assert table["missed"]["interval"] == ""


def test_conditions_that_differ_are_flagged_with_what_so_few_can_tell() -> None:
    # 0 of 10 against 6 of 10: Fisher's exact test, two-sided, by the hypergeometric distribution
    sides = {"a": (0, 0, 0), "b": (2, 2, 2)}
    parts = [
        judged(name, str(n), right=10 // 3 + (n == 0) - k, merged=k)
        for name, counts in sides.items()
        for n, k in enumerate(counts)
    ]
    row = rows(error_rates(parts), "condition", "kind")["a", "merged"]
    chance = stats.hypergeom(20, 6, 10)
    assert row["p_cells"] == pytest.approx(chance.pmf(0) + chance.pmf(6))
    assert row["differs"] == "yes"
    assert row["p_replicates"] == pytest.approx(0.1)  # 2 of 20 arrangements
    assert row["smallest_p"] == pytest.approx(0.1)
    assert "cannot be below 0.1" in row["note"]


def test_no_difference_is_not_called_proof() -> None:
    parts = [judged(name, "", right=18, split=2) for name in "ab"]
    row = rows(error_rates(parts), "condition", "kind")["a", "split"]
    # shares drawn to (4 + 2) / (40 + 4); 2.8016 standard errors of a difference of 20 and 20
    usual = 6 / 44
    assert row["differs"] == "not seen"
    assert row["detectable"] == pytest.approx(
        2.8016 * math.sqrt(usual * (1 - usual) / 10), rel=1e-4
    )
    assert "likely have been missed" in row["note"]


def test_more_than_two_conditions_are_tested_together() -> None:
    parts = [judged(name, "", right=20 - k, split=k) for name, k in (("a", 0), ("b", 0), ("c", 9))]
    row = rows(error_rates(parts), "condition", "kind")["a", "split"]
    assert row["p_cells"] < 0.01
    assert error_rates(parts).equals(error_rates(parts))


def test_one_condition_cannot_differ() -> None:
    row = rows(error_rates([judged("", "", right=9, split=1)]), "kind")["split"]
    assert row["differs"] == "cannot tell"


def test_true_cells_per_outline() -> None:
    one = judged("a", "", right=5, wrong_type=1, merged=1, split=2, false=1, outlines=20, missed=3)
    assert objects_per_outline(one) == pytest.approx((6 + 2 + 1) / 10)
    assert true_per_outline(one) == pytest.approx(0.9 + 0.15)
    assert math.isnan(true_per_outline(judged("a", "", right=5)))


def test_a_difference_that_is_of_errors_alone_goes_away() -> None:
    """100 true cells in both; under the drug half of them were missed, and none is invented."""
    parts = [
        *(judged("control", unit, right=40, outlines=100, fields=4) for unit in "123"),
        *(judged("drug", unit, right=40, outlines=50, missed=50, fields=4) for unit in "123"),
    ]
    counts = {
        "control": {"1": 98.0, "2": 100.0, "3": 102.0},
        "drug": {"1": 50.0, "2": 49.0, "3": 51.0},
    }
    row = rows(corrected_counts(parts, counts, "control"), "condition")["drug"]
    assert row["percent"] == pytest.approx(-50)
    assert row["percent_high"] < -45
    assert row["corrected"] == pytest.approx(100)
    assert row["corrected_percent"] == pytest.approx(0)
    assert row["corrected_percent_low"] < 0 < row["corrected_percent_high"]
    assert row["interval"] == "replicates and audit"
    again = rows(corrected_counts(parts, counts, "control"), "condition")["drug"]
    assert row == again


def test_without_replicates_the_interval_is_of_the_audit_alone() -> None:
    parts = [judged(name, "", right=10, outlines=50, fields=2) for name in "ab"]
    table = rows(corrected_counts(parts, {"a": {"": 10.0}, "b": {"": 20.0}}, "a"), "condition")
    assert table["b"]["percent"] == pytest.approx(100)
    assert math.isnan(table["b"]["percent_low"])
    assert table["b"]["corrected_percent_low"] < 100 < table["b"]["corrected_percent_high"]
    assert table["b"]["interval"] == "audit alone"
    assert math.isnan(table["a"]["percent"])


def test_what_was_not_judged_is_not_corrected() -> None:
    table = corrected_counts([judged("a", "", right=9)], {"a": {"": 10.0}, "b": {"": 5.0}}, "a")
    assert table["corrected"].isna().all()
    assert table["corrected_percent"].isna().all()
    assert "must be judged" in table.to_dict("records")[1]["note"]


def test_a_reference_without_cells_gives_no_effect() -> None:
    parts = [judged(name, "", right=9, outlines=9, fields=1) for name in "ab"]
    table = corrected_counts(parts, {"a": {"": 0.0}, "b": {"": 5.0}}, "a")
    assert math.isnan(table.to_dict("records")[1]["corrected_percent"])
    assert table.to_dict("records")[1]["note"] == "the reference has no cells"


def test_intervals_hold_the_truth() -> None:
    """Of 400 simulated audits: 60 cells of which 10 % are merged and 10 % nothing, 5 % missed."""
    rng = np.random.default_rng(5)
    truth = 0.8 + 2 * 0.1 + 0.05
    held = 0
    for _ in range(400):
        right, merged, false = (int(k) for k in rng.multinomial(60, [0.8, 0.1, 0.1]))
        one = judged(
            "a", "", right=right, merged=merged, false=false,
            outlines=200, missed=int(rng.poisson(0.05 * 200)), fields=10,
        )  # fmt: skip
        row = rows(corrected_counts([one], {"a": {"": 1.0}}), "condition")["a"]
        held += row["factor_low"] <= truth <= row["factor_high"]
    assert 0.92 <= held / 400 <= 0.98


def test_the_interval_of_a_corrected_effect_holds_the_truth() -> None:
    """Of 300 experiments without an effect, whose errors differ: 3 replicates that vary by 10 %."""
    rng = np.random.default_rng(1)
    errors = {"control": (0.03, 0.03, 0.05), "drug": (0.15, 0.05, 0.25)}
    held = fooled = 0
    for _ in range(300):
        parts, counts = [], dict[str, dict[str, float]]()
        for name, (merged, false, missed) in errors.items():
            behind = 1 - merged - false + 2 * merged
            counts[name] = {}
            for unit in "123":
                true = 100 * math.exp(rng.normal(0, 0.1))
                counts[name][unit] = true * (1 - missed) / behind
                drawn = rng.multinomial(10, [1 - merged - false, merged, false])
                said = dict(zip(("right", "merged", "false"), map(int, drawn), strict=True))
                seen = round(80 * (1 - missed) / behind), int(rng.poisson(80 * missed))
                parts.append(Judged(name, unit, said, outlines=seen[0], missed=seen[1], fields=4))
        row = rows(corrected_counts(parts, counts, "control"), "condition")["drug"]
        held += row["corrected_percent_low"] <= 0 <= row["corrected_percent_high"]
        fooled += row["percent_high"] < 0
    assert 0.93 <= held / 300 <= 0.995
    assert fooled / 300 > 0.25
