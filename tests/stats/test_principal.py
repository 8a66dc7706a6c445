"""The map of cells."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cellwright.stats.principal import CellMap, cell_map


def cells(n: int = 400, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    size, shape, light = rng.normal(size=(3, n))
    return pd.DataFrame(
        {
            "area": np.exp(size),
            "length": size + 0.5 * rng.normal(size=n),
            "width": size + 0.5 * rng.normal(size=n),
            "ratio": shape,
            "light": light,
        }
    )


def mapped(table: pd.DataFrame) -> CellMap | None:
    return cell_map(table, [str(name) for name in table], table.corr(method="spearman"))


def test_the_first_direction_is_that_in_which_most_features_agree() -> None:
    table = cells()
    found = mapped(table)
    assert found is not None
    weights = found.loadings.set_index("feature")["first"].abs()
    assert weights[["area", "length", "width"]].min() > 0.5
    assert weights[["ratio", "light"]].max() < 0.2
    assert found.explained[0] == pytest.approx(0.53, abs=0.04)
    order = np.corrcoef(np.log(table["area"]), found.places[:, 0])[0, 1]
    assert abs(order) > 0.9
    np.testing.assert_allclose((found.loadings[["first", "second"]] ** 2).sum(), 1, atol=1e-4)


def test_units_and_skew_do_not_matter() -> None:
    table = cells()
    other = table.assign(area=1e6 * table["area"] ** 3, light=table["light"] / 1e6 - 3)
    one = mapped(table)
    two = mapped(other)
    assert one is not None
    assert two is not None
    np.testing.assert_allclose(one.places, two.places, atol=1e-4)


def test_copies_count_once() -> None:
    table = cells().assign(perimeter=lambda t: 3 * t["area"], negative=lambda t: -t["light"])
    found = mapped(table)
    assert found is not None
    counted = found.loadings.set_index("feature")["counts_for"]
    assert counted["area"] == "perimeter"
    assert counted["light"] == "negative"
    assert "perimeter" not in counted
    assert set(counted[["length", "ratio"]]) == {""}


def test_cells_that_lack_a_feature_are_left_out_and_rare_features_too() -> None:
    table = cells().assign(constant=1.0)
    table.loc[:9, "ratio"] = np.nan
    table["rare"] = np.where(np.arange(400) < 100, table["light"], np.nan)
    found = mapped(table)
    assert found is not None
    assert found.unused == ("constant", "rare")
    assert found.rows.tolist() == list(range(10, 400))
    assert found.places.shape == (390, 2)


def test_too_little_has_no_map() -> None:
    table = cells(400)[["area", "light"]]
    assert mapped(table) is None
    assert mapped(cells(9)) is None
    assert mapped(table[[]]) is None
