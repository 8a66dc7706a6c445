"""Filters: reading rules, applying them, counting what they leave out."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellwright.core.errors import UsageError
from cellwright.core.image import Spacing
from cellwright.measure.filters import DEBRIS, Rule, apply_rules, parse_rule
from cellwright.measure.table import measure_plane

TABLE = pd.DataFrame(
    {
        "label": [1, 2, 3, 4],
        "area_px": [4.0, 100.0, 120.0, 900.0],
        "solidity": [1.0, 0.5, 0.95, 0.97],
        "touches_border": [False, False, True, False],
        "intensity_mean_DAPI": [5.0, np.nan, 7.0, 9.0],
    }
)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("area=50:500", [2, 3]),
        ("area=:500", [1, 2, 3]),
        ("area=100:", [2, 3, 4]),
        (" area = 50 : 500 ", [2, 3]),
        ("area_px=1e2:1.2e2", [2, 3]),
        ("solidity=0.9:", [1, 3, 4]),
        ("border", [1, 2, 4]),
        ("intensity_mean_DAPI=6:", [3, 4]),
        ("intensity_mean_DAPI=:100", [1, 3, 4]),
    ],
)
def test_rules_keep_what_they_say(text: str, kept: list[int]) -> None:
    keep, _ = apply_rules(TABLE, [parse_rule(text)])
    assert TABLE["label"][keep].tolist() == kept


def test_debris_is_small_beside_the_median() -> None:
    rule = Rule("debris=0.25", DEBRIS, DEBRIS.parse("0.25"))
    keep, removed = apply_rules(TABLE, [rule])  # the median is 110, a quarter of it 27.5
    assert keep.tolist() == [False, True, True, True]
    assert removed == {"debris=0.25": 1}
    assert apply_rules(TABLE.iloc[:0], [rule])[0].tolist() == []


def test_a_cell_counts_for_the_first_rule_that_leaves_it_out() -> None:
    rules = [parse_rule(text) for text in ("area=50:", "solidity=0.96:", "border")]
    keep, removed = apply_rules(TABLE, rules)
    assert keep.tolist() == [False, False, False, True]
    assert removed == {"area=50:": 1, "solidity=0.96:": 2, "border": 0}
    assert apply_rules(TABLE, rules[::-1])[1] == {"border": 1, "solidity=0.96:": 1, "area=50:": 1}


@given(st.permutations(["area=50:", "solidity=0.96:", "border", "area=:500"]))
def test_the_order_changes_the_counts_but_not_the_cells(order: list[str]) -> None:
    keep, removed = apply_rules(TABLE, [parse_rule(text) for text in order])
    assert keep.tolist() == [False, False, False, False]
    assert sum(removed.values()) == 4


def test_no_rules_keep_all() -> None:
    keep, removed = apply_rules(TABLE, [])
    assert keep.all()
    assert removed == {}


def test_a_rule_travels_to_another_process() -> None:
    for text in ("area=50:", "border", "feret_max_um=3:"):
        rule, arrived = parse_rule(text), pickle.loads(pickle.dumps(parse_rule(text)))
        assert (arrived.text, arrived.value) == (rule.text, rule.value)
    area = pickle.loads(pickle.dumps(parse_rule("area=50:")))
    assert area.keep(TABLE).tolist() == [False, True, True, True]


@pytest.mark.parametrize(
    "text", ["size=3:5", "image=3:", "touches_border=0:1", "", "=5", "intensity_mean_=1:"]
)
def test_unknown_rules_are_refused_with_a_list(text: str) -> None:
    with pytest.raises(UsageError, match="choose area, border, debris, solidity"):
        parse_rule(text)


@pytest.mark.parametrize(
    "text",
    ["area", "area=", "area=5", "area=:", "area=9:3", "area=x:", "area=nan:", "area=1:2:3",
     "border=3", "border=", "area_um2=5", "solidity=inf:"],
)  # fmt: skip
def test_values_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"cannot be read.*write it like"):
        parse_rule(text)


@pytest.mark.parametrize("share", ["", "0", "1", "-0.5", "2", "x", "nan"])
def test_a_share_lies_between_0_and_1(share: str) -> None:
    with pytest.raises(ValueError, match=r"between 0 and 1|could not convert|finite"):
        DEBRIS.parse(share)


def test_micrometres_need_a_pixel_size() -> None:
    labels = np.pad(np.ones((4, 4), np.uint32), 3)
    rule = parse_rule("area_um2=20:")
    with pytest.raises(UsageError, match="no pixel size; give --pixel-size"):
        apply_rules(measure_plane(labels, {}, Spacing()), [rule])
    keep, _ = apply_rules(measure_plane(labels, {}, Spacing(y=2.0, x=2.0)), [rule])
    assert keep.tolist() == [True]
    lengths = parse_rule("feret_max_um=1:")
    with pytest.raises(UsageError, match="not square"):
        apply_rules(measure_plane(labels, {}, Spacing(y=2.0, x=1.0)), [lengths])


def test_a_lone_cell_without_neighbour_is_no_error() -> None:
    table = measure_plane(np.pad(np.ones((4, 4), np.uint32), 3), {}, Spacing(y=2.0, x=2.0))
    keep, removed = apply_rules(table, [parse_rule("nearest_neighbour_um=:50")])
    assert keep.tolist() == [False]
    assert removed == {"nearest_neighbour_um=:50": 1}


def test_an_empty_table_has_nothing_to_leave_out() -> None:
    table = measure_plane(np.zeros((5, 5), np.uint32), {}, Spacing(y=1.0, x=1.0))
    rules = [parse_rule(text) for text in ("area=5:", "border", "feret_max_um=1:")]
    keep, removed = apply_rules(table, rules)
    assert len(keep) == 0
    assert set(removed.values()) == {0}


def test_a_column_of_a_channel_that_is_not_there() -> None:
    with pytest.raises(UsageError, match="'intensity_mean_GFP', a column that the table"):
        apply_rules(TABLE, [parse_rule("intensity_mean_GFP=3:")])
