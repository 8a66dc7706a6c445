"""Odd cells are found, with reasons, by models that have not seen their wells."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cellwright.core.errors import UsageError
from cellwright.core.image import Spacing
from cellwright.measure.table import loaded_features, measure_plane
from cellwright.simulate.monolayer import simulate_monolayer
from cellwright.simulate.odd_cells import ODD, odd_cell
from cellwright.stats.outliers.finding import Cells, find
from cellwright.stats.outliers.scores import WAYS, WayName
from cellwright.stats.outliers.traits import Trait, traits_of

FEATURES = {name: loaded_features()[name] for name in ("shape", "hull", "position")}


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Cells of eight simulated wells, and some that went wrong."""
    random = np.random.default_rng(0)
    parts = []
    for well in range(8):
        labels = simulate_monolayer((320, 320), 32, well)[1]
        usual = measure_plane(labels, {}, Spacing(), FEATURES)
        usual = usual[~usual["touches_border"].astype(bool)]
        parts.append(usual.assign(kind="usual", well=well))
        for kind in ODD:
            made = [odd_cell(labels, int(one), kind, random) for one in usual["label"][:5]]
            drawn = [measure_plane(one.astype(np.uint32), {}, Spacing(), FEATURES)
                     for one in made if one is not None]  # fmt: skip
            parts.append(pd.concat(drawn).assign(kind=kind, well=well))
    return pd.concat(parts, ignore_index=True)


def cells_of(table: pd.DataFrame) -> Cells:
    traits = traits_of(table)
    return Cells(
        table[[one.name for one in traits]].to_numpy(np.float64),
        tuple(traits), (table["kind"] == "usual").to_numpy(),
        table["well"].to_numpy(np.int64), np.ones(len(table), bool),
    )  # fmt: skip


def test_cells_that_went_wrong_are_found_and_told_apart(table: pd.DataFrame) -> None:
    found = find(cells_of(table), 0.05, "surprise", "wells")
    share = {kind: np.mean(found.p[table["kind"] == kind] <= 0.05) for kind in ("usual", *ODD)}
    assert 0.04 < share["usual"] < 0.06
    assert all(share[kind] >= 0.9 for kind in ODD)
    assert found.groups == 8
    doubts = pd.Series(found.doubt)
    for kind, doubt in (("merged", "merged?"), ("cut", "cut?")):
        assert (doubts[(table["kind"] == kind).to_numpy()] == doubt).mean() > 0.5
    usual = (table["kind"] == "usual").to_numpy()
    assert (doubts[usual] != "").mean() < 0.04


def test_reasons_name_what_is_far_out(table: pd.DataFrame) -> None:
    found = find(cells_of(table), 0.05, "surprise", "wells")
    spiky = np.flatnonzero(((table["kind"] == "spiky") & (found.p <= 0.05)).to_numpy())
    assert all("of the reference" in found.reason[place] for place in spiky)
    assert any(
        found.reason[place].startswith(("solidity", "form_factor", "extent", "perimeter"))
        for place in spiky
    )
    like = np.flatnonzero(found.p > 0.05)
    assert {found.reason[place] for place in like} == {""}


@pytest.mark.parametrize("way", list(WAYS))
def test_every_way_keeps_the_rate_and_finds_merged_cells(table: pd.DataFrame, way: str) -> None:
    found = find(cells_of(table), 0.1, way, "wells")  # type: ignore[arg-type]
    usual = (table["kind"] == "usual").to_numpy()
    assert 0.07 < np.mean(found.p[usual] <= 0.1) < 0.13
    assert np.mean(found.p[(table["kind"] == "merged").to_numpy()] <= 0.1) > 0.8


def test_the_same_cells_have_the_same_scores_in_any_order(table: pd.DataFrame) -> None:
    mixed = table.sample(frac=1, random_state=4)
    one, other = (find(cells_of(each), 0.05, "surprise", "wells") for each in (table, mixed))
    assert np.allclose(one.p[mixed.index], other.p, atol=0.02)


def test_cells_that_are_not_whole_or_not_measured_are_not_judged(table: pd.DataFrame) -> None:
    cells = cells_of(table)
    values, judged = cells.values.copy(), cells.judged.copy()
    values[3, 2], judged[7] = np.nan, False
    found = find(replace(cells, values=values, judged=judged), 0.05, "surprise", "wells")
    assert np.isnan(found.p[[3, 7]]).all()
    assert np.isfinite(np.delete(found.p, [3, 7])).all()


def test_other_cells_without_wells_are_judged_too(table: pd.DataFrame) -> None:
    cells = cells_of(table)
    groups = np.where(cells.is_reference, cells.groups, -1)
    found = find(replace(cells, groups=groups), 0.05, "surprise", "wells")
    assert np.isfinite(found.p).all()


def test_too_few_cells_are_refused(table: pd.DataFrame) -> None:
    few = table[table["kind"] == "usual"].head(40)
    with pytest.raises(UsageError, match="40 cells that can be judged, too few"):
        find(cells_of(few), 0.1, "surprise", "wells")


@pytest.mark.parametrize("way", WAYS)
def test_equal_cells_teach_nothing_and_one_feature_that_varies_is_enough(way: WayName) -> None:
    cells = Cells(
        np.ones((90, 3)), (Trait("a"), Trait("b"), Trait("c")), np.ones(90, bool),
        np.repeat(np.arange(9), 10), np.ones(90, bool),
    )  # fmt: skip
    with pytest.raises(UsageError, match="all cells of the reference are equal"):
        find(cells, 0.05, way, "wells")
    values = cells.values.copy()
    values[:, 1] = np.random.default_rng(0).permutation(90)
    found = find(replace(cells, values=values), 0.05, way, "wells")
    assert 0.3 < np.mean(found.p) < 0.7
