"""Descriptive statistics by condition, by hand and against numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from cellwright.stats import describing
from cellwright.stats.describing import MOST_SAMPLED, Described, describe, main_features
from cellwright.stats.features import Feature

AREA = Feature("area_um2", "area_um2", "cells", "µm²")


def pictures_of(*rows: tuple[str, str, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["image", "condition", "replicate"])


def described(
    cells: pd.DataFrame,
    pictures: pd.DataFrame,
    of: list[int] | npt.NDArray[np.int64],
    features: list[Feature] | None = None,
) -> Described:
    cells = cells.assign(frame=0, label=np.arange(1, len(cells) + 1))
    return describe(
        features or [AREA], lambda name: cells[name], pictures, np.asarray(of, np.int64)
    )


def row(found: Described, condition: str, feature: str = "area_um2") -> dict[str, Any]:
    table = found.table
    own = table[(table["feature"] == feature) & (table["condition"] == condition)]
    records: list[Any] = own.to_dict("records")
    assert len(records) == 1
    return dict(records[0])


def test_numbers_of_a_condition_by_hand() -> None:
    # pictures and their cells are not in the order of the conditions
    pictures = pictures_of(
        ("1", "drug", "a"), ("2", "control", "a"), ("3", "drug", "b"), ("4", "drug", "b")
    )
    cells = pd.DataFrame({"area_um2": [4.0, 1.0, 8.0, 2.0, np.nan, 6.0, np.inf, 100.0]})
    found = described(cells, pictures, [0, 1, 2, 0, 2, 3, 3, -1])
    assert found.conditions == ("drug", "control")
    assert found.n_cells == 7
    drug = row(found, "drug")
    assert {key: drug[key] for key in ("n_replicates", "n_pictures", "n_cells", "missing")} == {
        "n_replicates": 2, "n_pictures": 3, "n_cells": 4, "missing": 2,
    }  # fmt: skip
    assert drug["mean"] == 5.0
    assert drug["sd"] == pytest.approx(np.sqrt(20 / 3))
    assert [drug[key] for key in ("minimum", "q25", "median", "q75", "maximum")] == [
        2.0, 3.5, 5.0, 6.5, 8.0,
    ]  # fmt: skip
    control = row(found, "control")
    assert control["n_cells"] == control["n_replicates"] == 1
    assert control["median"] == 1.0
    assert np.isnan(control["sd"])


def test_numbers_are_of_all_cells_and_the_sample_is_even() -> None:
    rng = np.random.default_rng(0)
    values = rng.lognormal(size=60_000)
    of = rng.integers(0, 30, 60_000)
    pictures = pictures_of(*((str(n), "ab"[n % 2], str(n % 3)) for n in range(30)))
    found = described(pd.DataFrame({"area_um2": values}), pictures, of)
    for n, name in enumerate("ab"):
        own = values[of % 2 == n]
        assert row(found, name)["n_cells"] == own.size
        assert row(found, name)["mean"] == pytest.approx(own.mean())
        assert row(found, name)["q95"] == pytest.approx(np.quantile(own, 0.95))
        sample = found.sample[found.sample["condition"] == name]
        assert len(sample) == MOST_SAMPLED / 2
        expected = np.bincount(of)[n::2] / own.size * len(sample)
        counts = sample["image"].value_counts().sort_index(key=lambda i: i.astype(int))
        np.testing.assert_allclose(counts, expected, atol=2)
    labels = found.sample["label"].to_numpy() - 1
    np.testing.assert_array_equal(found.sample["area_um2"], values[labels])
    np.testing.assert_array_equal(found.sample["image"].astype(int), of[labels])


def test_a_rare_condition_keeps_all_its_cells_in_the_sample() -> None:
    of = np.repeat([0, 1], [50_000, 30])
    pictures = pictures_of(("1", "many", ""), ("2", "rare", ""))
    found = described(pd.DataFrame({"area_um2": np.arange(50_030.0)}), pictures, of)
    assert (found.sample["condition"] == "rare").sum() == 30


def test_centres_are_of_replicates_and_of_pictures() -> None:
    pictures = pictures_of(("1", "a", "x"), ("2", "a", "x"), ("3", "a", "y"), ("4", "b", ""))
    cells = pd.DataFrame({"area_um2": [1.0, 2.0, 9.0, 5.0, 7.0, 3.0]})
    found = described(cells, pictures, [0, 0, 1, 2, 2, 3]).centres
    replicates = found[found["image"] == ""]
    assert replicates[["replicate", "n_cells", "median"]].to_numpy().tolist() == [
        ["x", 3, 2.0], ["y", 2, 6.0],
    ]  # fmt: skip
    own = found[found["image"] != ""].set_index("image")["median"]
    assert own.to_dict() == {"1": 1.5, "2": 9.0, "3": 6.0, "4": 3.0}


def test_replicates_of_the_same_name_in_two_conditions_are_different() -> None:
    pictures = pictures_of(("1", "a", "1"), ("2", "b", "1"))
    found = described(pd.DataFrame({"area_um2": [1.0, 2.0]}), pictures, [0, 1])
    assert row(found, "a")["n_replicates"] == row(found, "b")["n_replicates"] == 1
    assert len(found.centres[found.centres["image"] == ""]) == 2


def test_a_condition_without_cells_stays_in_the_table() -> None:
    pictures = pictures_of(("1", "a", "1"), ("2", "none", "1"))
    found = described(pd.DataFrame({"area_um2": np.arange(20.0)}), pictures, [0] * 20)
    none = row(found, "none")
    assert none["n_cells"] == none["n_pictures"] == none["n_replicates"] == 0
    assert np.isnan(none["mean"])
    assert np.isnan(none["median"])


def test_histograms_count_all_but_the_ends_in_the_same_bins() -> None:
    values = np.concatenate([np.random.default_rng(2).normal(size=9_998), [1e6, -1e6]])
    pictures = pictures_of(("1", "a", ""), ("2", "b", ""))
    found = described(pd.DataFrame({"area_um2": values}), pictures, np.arange(10_000) % 2)
    bins = found.histograms
    one, other = (bins[bins["condition"] == name] for name in "ab")
    assert one["low"].tolist() == other["low"].tolist()
    assert one["high"].max() < 5
    assert bins["n_cells"].sum() == pytest.approx(9_950, abs=2)
    own = values[::2]
    last = one.iloc[20]
    assert last["n_cells"] == ((own >= last["low"]) & (own < last["high"])).sum()


def test_whole_numbers_have_a_bin_each() -> None:
    values = np.repeat([0.0, 1.0, 3.0], [20, 50, 30])
    found = described(pd.DataFrame({"area_um2": values}), pictures_of(("1", "", "")), [0] * 100)
    bins = found.histograms
    assert ((bins["low"] + bins["high"]) / 2).tolist() == [0, 1, 2, 3]
    assert bins["n_cells"].tolist() == [20, 50, 0, 30]
    assert found.curves["density"].tolist() == [0.2, 0.5, 0.0, 0.3]


def test_curves_hold_all_cells() -> None:
    values = np.random.default_rng(5).gamma(4.0, size=3000)
    found = described(pd.DataFrame({"area_um2": values}), pictures_of(("1", "", "")), [0] * 3000)
    curve = found.curves
    step = curve["value"].iloc[1] - curve["value"].iloc[0]
    assert curve["density"].sum() * step == pytest.approx(1, abs=0.02)


def test_one_giant_does_not_flatten_the_curve() -> None:
    values = np.append(np.random.default_rng(5).gamma(4.0, size=3000), 1e9)
    found = described(pd.DataFrame({"area_um2": values}), pictures_of(("1", "", "")), [0] * 3001)
    curve = found.curves
    step = curve["value"].iloc[1] - curve["value"].iloc[0]
    assert curve["density"].sum() * step == pytest.approx(1, abs=0.02)
    highest = curve["value"].iloc[int(curve["density"].argmax())]
    assert highest == pytest.approx(3, abs=0.5)  # where a gamma distribution of shape 4 is


@pytest.mark.parametrize("value", [5.0, 5.5, 0.0, -2.5])
def test_a_constant_has_a_bin_and_no_curve(value: float) -> None:
    cells = pd.DataFrame({"area_um2": np.full(50, value)})
    found = described(cells, pictures_of(("1", "", "")), [0] * 50)
    assert found.histograms["n_cells"].tolist() == [50]
    assert found.histograms["low"].iloc[0] < value < found.histograms["high"].iloc[0]
    assert row(found, "")["sd"] == 0
    assert np.isnan(found.correlation.to_numpy()).all()


def test_shares_have_a_mean_and_no_quantiles() -> None:
    share = Feature("share_round", "class", "cells", "1", counted="round")
    cells = pd.DataFrame({"class": ["round", "flat", "", "round"], "area_um2": 1.0})
    found = described(cells, pictures_of(("1", "", "")), [0] * 4, [share, AREA])
    own = row(found, "", "share_round")
    assert own["mean"] == pytest.approx(2 / 3)
    assert (own["n_cells"], own["missing"]) == (3, 1)
    assert np.isnan(own["median"])
    assert found.main == ("area_um2",)
    assert list(found.correlation) == ["area_um2"]


def test_numbers_too_large_to_be_measured_are_missing() -> None:
    cells = pd.DataFrame({"area_um2": [1.0, 2.0, 1e300, -1e300]})
    own = row(described(cells, pictures_of(("1", "", "")), [0] * 4), "")
    assert (own["n_cells"], own["missing"], own["maximum"]) == (2, 2, 2.0)


def test_no_cells_are_described_as_none() -> None:
    found = described(pd.DataFrame({"area_um2": [1.0]}), pictures_of(("1", "a", "")), [-1])
    assert found.n_cells == 0
    assert row(found, "a")["n_cells"] == 0
    assert len(found.sample) == 0


def test_columns_are_read_one_at_a_time() -> None:
    asked = []
    cells = pd.DataFrame({"area_um2": [1.0, 2.0], "solidity": 0.5, "frame": 0, "label": [1, 2]})

    def column(name: str) -> pd.Series:
        asked.append(name)
        return cells[name]

    solidity = Feature("solidity", "solidity", "cells")
    describe([AREA, solidity], column, pictures_of(("1", "", "")), np.zeros(2, np.int64))
    assert sorted(asked) == ["area_um2", "frame", "label", "solidity"]


def test_main_features_are_one_of_each_kind() -> None:
    names = [
        "perimeter_um", "area_um2", "aspect_ratio", "eccentricity", "form_factor", "solidity",
        "intensity_mean_corrected_DAPI", "intensity_mean_corrected_GFP", "nearest_neighbour_um",
    ]  # fmt: skip
    features = [Feature(name, name, "cells") for name in names]
    assert main_features(features) == (
        "area_um2", "aspect_ratio", "form_factor", "intensity_mean_corrected_DAPI",
        "nearest_neighbour_um", "solidity",
    )  # fmt: skip
    assert len(main_features(features[:2])) == 2
    assert len(main_features(features)) == describing.MAIN
