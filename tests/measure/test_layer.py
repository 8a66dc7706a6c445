"""Gaps that are drawn, and axes whose order is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cellwright.core.image import Array, Spacing
from cellwright.measure.counting import count_plane
from cellwright.measure.layer import LAYER_COLUMNS, alignment, find_gaps, layer_facts
from cellwright.measure.table import measure_plane
from cellwright.simulate.monolayer import simulate_monolayer


def sheet(side: int = 20, count: int = 6, line: int = 0) -> Array:
    """Squares side by side, with lines between them."""
    numbers = np.arange(1, count**2 + 1, dtype=np.uint32).reshape(count, count)
    cell = np.ones((side, side), np.uint32)
    cell[side - line :], cell[:, side - line :] = 0, 0
    return np.kron(numbers, cell)


@pytest.mark.parametrize("line", [0, 1, 3])
def test_lines_between_cells_are_no_gaps(line: int) -> None:
    gaps = find_gaps(sheet(line=line))
    assert (gaps.count, gaps.area_px, gaps.share) == (0, 0, 0.0)


def test_gaps_are_counted_and_measured() -> None:
    labels = sheet()
    labels[20:40, 20:40] = 0  # a cell that is missing: 400 px
    labels[70:77, 90:97] = 0  # the smallest: 49 px
    labels[100:106, 100:106] = 0  # too small
    gaps = find_gaps(labels)
    assert (gaps.count, gaps.area_px) == (2, 449)
    assert gaps.share == pytest.approx(449 / (449 + np.count_nonzero(labels)))


def test_what_the_frame_cuts_is_no_gap() -> None:
    labels = sheet()
    labels[40:60, 100:] = 0
    labels[110:, :20] = 0
    assert find_gaps(labels).count == 0


def test_few_cells_are_no_layer() -> None:
    labels = np.zeros((60, 60), np.uint32)
    labels[10:40, 10:40] = 1
    labels[20:30, 20:30] = 0
    gaps = find_gaps(labels)
    assert (gaps.count, gaps.area_px) == (1, 100)
    assert np.isnan(gaps.share)
    facts = layer_facts(gaps, table_of(np.zeros(3)))
    assert list(facts) == [column.name for column in LAYER_COLUMNS]
    assert all(np.isnan(value) for value in facts.values())


@settings(deadline=None, max_examples=50)
@given(
    hnp.arrays(np.uint32, (6, 8), elements=st.sampled_from([0, 0, 0, 1, 2])),
    st.integers(3, 60),
)
def test_blocks_and_turning_change_nothing(small: Array, block: int) -> None:
    labels = np.kron(small, np.ones((7, 7), np.uint32))
    whole = find_gaps(labels)
    for other in (find_gaps(labels, block), find_gaps(np.rot90(labels).copy())):
        assert (other.count, other.area_px) == (whole.count, whole.area_px)
        np.testing.assert_equal(other.share, whole.share)


def table_of(angles: Array, elongation: float = 3.0, y: Array | None = None) -> pd.DataFrame:
    """A table of ellipses, 20 px apart in rows of ten unless said otherwise."""
    index = np.arange(len(angles))
    return pd.DataFrame({
        "orientation_rad": angles, "major_axis_px": 10.0 * elongation, "minor_axis_px": 10.0,
        "centroid_y_px": 20.0 * (index // 10) if y is None else y,
        "centroid_x_px": 20.0 * (index % 10) + 0.01 * index, "counted": True,
    })  # fmt: skip


def test_parallel_cells() -> None:
    found = alignment(table_of(np.where(np.arange(40) % 2, 0.01, np.pi - 0.01)))
    assert found["nematic_order"] == pytest.approx(1.0, abs=1e-3)
    assert min(found["alignment_rad"], np.pi - found["alignment_rad"]) < 1e-6  # across 0
    assert found["alignment"] == pytest.approx(1.0, abs=1e-3)
    assert found["alignment_local"] == pytest.approx(1.0, abs=1e-3)


def test_random_cells_have_none_however_few() -> None:
    random = np.random.default_rng(3)
    few = [alignment(table_of(random.uniform(0, np.pi, 20))) for _ in range(400)]
    many = [alignment(table_of(random.uniform(0, np.pi, 200))) for _ in range(100)]
    for found in (few, many):
        for name in ("alignment", "alignment_local"):
            assert np.mean([one[name] for one in found]) == pytest.approx(0.0, abs=0.01)
    # The order parameter is above 0 by chance: √(π / 4n).
    order = np.mean([one["nematic_order"] for one in few])
    assert order == pytest.approx(np.sqrt(np.pi / 80), rel=0.06)


def test_two_regions_at_right_angles_are_aligned_locally_only() -> None:
    y = np.concatenate([20.0 * (np.arange(100) // 10), 5000 + 20.0 * (np.arange(100) // 10)])
    found = alignment(table_of(np.repeat([0.2, 0.2 + np.pi / 2], 100), y=y))
    assert found["nematic_order"] == pytest.approx(0.0, abs=1e-9)
    assert found["alignment"] == pytest.approx(-1 / 199)  # each has 99 like it, 100 across
    assert found["alignment_local"] == pytest.approx(1.0)


def test_round_cells_have_no_direction() -> None:
    random = np.random.default_rng(1)
    table = table_of(random.uniform(0, np.pi, 60))
    long = np.arange(60) < 30
    table.loc[long, "orientation_rad"] = 1.0
    table.loc[~long, "major_axis_px"] = 10.0
    assert alignment(table)["nematic_order"] == pytest.approx(1.0)
    table["major_axis_px"] = 10.0
    assert np.isnan(alignment(table)["alignment"])


def test_only_whole_cells_and_enough_of_them() -> None:
    table = table_of(np.zeros(30))
    table.loc[20:, "counted"] = False
    table.loc[20:, "orientation_rad"] = 1.5
    assert alignment(table)["nematic_order"] == 1.0
    table.loc[19, "counted"] = False
    assert np.isnan(alignment(table)["nematic_order"])


@pytest.mark.parametrize("elongation", [1.0, 2.0])
def test_a_simulated_sheet(elongation: float) -> None:
    _, labels = simulate_monolayer(
        (500, 500), 40, 2, elongation=elongation, direction=0.6, gaps=0.04
    )
    table = measure_plane(labels, {}, Spacing())
    table = table.assign(**count_plane(table, labels).columns)
    facts = layer_facts(find_gaps(labels), table)
    assert facts["gap_share"] == pytest.approx(0.04, abs=0.025)
    if elongation > 1:
        # Y is counted downwards, so 0.6 towards Y leans to the right going down.
        assert facts["alignment_rad"] == pytest.approx(np.pi - 0.6, abs=0.1)
        assert facts["alignment"] > 0.4
    else:
        assert facts["alignment"] < 0.05
