"""Gates on markers: how they are written, found in controls, and what share is above."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellwright.core.errors import UsageError
from cellwright.measure.gating import (
    CELL_COLUMNS,
    IMAGE_COLUMNS,
    Gate,
    GateRequest,
    gate_of_controls,
    parse_gate,
    parse_gates,
    positive,
    share_positive,
)


@pytest.mark.parametrize(
    ("text", "request_", "column"),
    [
        ("GFP=850", GateRequest("GFP", "", 850.0), "intensity_mean_GFP"),
        ("GFP = -1.5e3", GateRequest("GFP", "", -1500.0), "intensity_mean_GFP"),
        ("GFP=control", GateRequest("GFP", "", None, 0.99), "intensity_mean_GFP"),
        ("GFP=control:0.995", GateRequest("GFP", "", None, 0.995), "intensity_mean_GFP"),
        ("GFP@nucleus=control", GateRequest("GFP", "nucleus"), "intensity_mean_nucleus_GFP"),
        ("GFP@ring=3", GateRequest("GFP", "ring", 3.0), "intensity_mean_ring_GFP"),
        ("GFP@cell=3", GateRequest("GFP", "", 3.0), "intensity_mean_GFP"),
        ("a=b=3", GateRequest("a=b", "", 3.0), "intensity_mean_a=b"),
        ("Alexa 488=3", GateRequest("Alexa 488", "", 3.0), "intensity_mean_Alexa 488"),
    ],
)
def test_gates_as_they_are_typed(text: str, request_: GateRequest, column: str) -> None:
    found = parse_gate(text)
    assert found == request_
    assert found.column == column


@pytest.mark.parametrize(
    "text",
    [
        "", "GFP", "GFP=", "=850", "@nucleus=850", "GFP@soma=850", "GFP=bright", "GFP=nan",
        "GFP=inf", "GFP=control:", "GFP=control:1", "GFP=control:0", "GFP=control:99%",
        "GFP=controls",
    ],
)  # fmt: skip
def test_what_is_no_gate_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_gate(text)


def test_one_gate_a_channel() -> None:
    with pytest.raises(UsageError, match="GFP"):
        parse_gates(["GFP=3", "RFP=3", "GFP@nucleus=4"])


def test_the_gate_of_controls_lets_one_in_a_hundred_through() -> None:
    values = np.append(np.arange(1000.0), [np.nan, np.nan])
    images = np.array(["a.tif"] * 500 + ["b.tif"] * 500 + ["c.tif"] * 2)
    gate = gate_of_controls(values, images=images)
    assert gate.threshold == pytest.approx(989.01)
    assert (gate.n_cells, gate.n_images, gate.n_unknown) == (1000, 2, 2)
    assert np.count_nonzero(positive(values, gate)) == 10
    assert gate.note == (
        "above 989.01, the 0.99 quantile of 1000 cells in 2 pictures of the negative control; "
        "2 without a measurement left out"
    )


def test_too_few_control_cells_are_refused() -> None:
    values = np.append(np.arange(19.0), [np.nan] * 30)
    with pytest.raises(UsageError, match="19 measured cells"):
        gate_of_controls(values)
    assert gate_of_controls(np.arange(20.0)).n_cells == 20


@pytest.mark.parametrize("quantile", [0.0, 1.0, -0.5, float("nan")])
def test_a_quantile_that_is_none_is_refused(quantile: float) -> None:
    with pytest.raises(UsageError, match="quantile"):
        gate_of_controls(np.arange(100.0), quantile)


def test_cells_without_a_measurement_are_unknown_not_negative() -> None:
    values = np.array([100.0, 900.0, np.nan, 850.0])
    flags = positive(values, Gate(850.0))
    share = share_positive(flags, np.isfinite(values))
    assert flags.tolist() == [False, True, False, False]
    assert (share.count, share.n, share.unknown) == (1, 3, 1)
    assert share.share == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("count", "n", "low", "high"),
    [  # Newcombe (1998), Statistics in Medicine 17:857, Table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_intervals_as_published(count: int, n: int, low: float, high: float) -> None:
    share = share_positive(np.arange(n) < count, np.ones(n, bool))
    assert (round(share.low, 4), round(share.high, 4)) == (low, high)


def test_no_cell_has_no_share() -> None:
    for known in (np.zeros(0, bool), np.zeros(3, bool)):
        share = share_positive(np.zeros(known.size, bool), known)
        assert (share.count, share.n, share.unknown) == (0, 0, known.size)
        assert np.isnan([share.share, share.low, share.high]).all()


def test_flags_of_other_cells_are_refused() -> None:
    with pytest.raises(UsageError):
        share_positive(np.zeros(3, bool), np.zeros(4, bool))


@given(st.integers(1, 400), st.data())
def test_the_interval_holds_the_share_and_is_symmetric(n: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, n))
    known = np.ones(n, bool)
    share = share_positive(np.arange(n) < count, known)
    assert 0 <= share.low <= share.share <= share.high <= 1
    mirrored = share_positive(np.arange(n) < n - count, known)
    assert mirrored.low == pytest.approx(1 - share.high)


def test_columns() -> None:
    names = [column.for_channel("GFP").name for column in (*CELL_COLUMNS, *IMAGE_COLUMNS)]
    assert names == [
        "positive_GFP",
        "positive_count_GFP",
        "positive_n_GFP",
        "positive_share_GFP",
        "positive_low_GFP",
        "positive_high_GFP",
    ]
    assert parse_gate("GFP@ring=3").positive_column == "positive_GFP"
