"""A simulated experiment holds what was planted, in files that other programs open."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import tifffile
from pydantic import ValidationError

from cellwright.core.errors import UsageError
from cellwright.core.image import Array
from cellwright.simulate.experiment import (
    Condition,
    SimulateOptions,
    encode_picture,
    parse_condition,
    simulate_experiment,
    simulated_pictures,
)

SMALL = SimulateOptions(size=128, pictures=2, replicates=2, diameter=14.0)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def whole_areas(labels: Array) -> Array:
    rim = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    return np.delete(np.bincount(labels.ravel()), np.append(rim, 0))


def test_the_folder_holds_pictures_truth_and_samples(tmp_path: Path) -> None:
    path = simulate_experiment(tmp_path / "new" / "folder", SMALL)
    listed = rows(path)
    assert path.name == "samples.csv"
    assert len(listed) == 8
    assert {(row["condition"], row["replicate"]) for row in listed} == {
        ("control", "1"), ("control", "2"), ("drug", "1"), ("drug", "2"),
    }  # fmt: skip
    for row in listed:
        with tifffile.TiffFile(path.parent / row["image"]) as file:
            picture = file.asarray()
            assert file.imagej_metadata is not None
            assert file.imagej_metadata["unit"] == "um"
            across, per = file.pages.first.tags["XResolution"].value
            assert across / per == pytest.approx(2.0)
        truth = tifffile.imread(path.parent / row["truth"])
        assert picture.shape == truth.shape == (128, 128)
        assert truth.max() == int(row["n_cells_truth"])


def test_two_experiments_are_never_mixed(tmp_path: Path) -> None:
    few = SimulateOptions(size=64, cells=2, pictures=1, replicates=1, conditions=("one drug",))
    other = few.model_copy(update={"conditions": ("other",)})
    with pytest.raises(UsageError, match="do not fit"):  # before anything was drawn
        simulate_experiment(tmp_path, few.model_copy(update={"cells": 1000}))
    simulate_experiment(tmp_path, few)
    simulate_experiment(tmp_path, few)
    with pytest.raises(UsageError, match=r"pictures and truth and .* of another simulation"):
        simulate_experiment(tmp_path, other)
    simulate_experiment(tmp_path, other, force=True)
    assert [file.name for file in tmp_path.glob("*/*")] == ["other_1_1.tif"] * 2


def test_the_same_options_write_the_same_bytes(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    simulate_experiment(one, SMALL)
    simulate_experiment(two, SMALL)
    files = sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file())
    assert len(files) == 18
    for file in files:
        assert (one / file).read_bytes() == (two / file).read_bytes()


def test_more_pictures_and_conditions_leave_the_first_ones_as_they_are() -> None:
    more = SMALL.model_copy(update={"pictures": 3, "conditions": (*SMALL.conditions, "third")})
    long = {one.name: one.picture for one in simulated_pictures(more)}
    for one in simulated_pictures(SMALL):
        np.testing.assert_array_equal(one.picture, long[one.name])


def test_what_is_planted_can_be_found_again_in_the_truth() -> None:
    options = SimulateOptions(
        conditions=("control", "drug=1.10:0.75"), replicates=6, pictures=2, diameter=22, seed=1
    )
    areas: dict[str, list[float]] = {"control": [], "drug": []}
    counts: dict[str, list[int]] = {"control": [], "drug": []}
    for one in simulated_pictures(options):
        areas[one.condition].append(float(whole_areas(one.labels).mean()))
        counts[one.condition].append(int(one.labels.max()))
    assert np.mean(areas["drug"]) / np.mean(areas["control"]) == pytest.approx(1.10, abs=0.02)
    assert np.mean(counts["drug"]) / np.mean(counts["control"]) == pytest.approx(0.75, abs=0.08)


def test_in_a_sheet_larger_cells_are_fewer() -> None:
    options = SimulateOptions(
        kind="monolayer", conditions=("control", "large=2:1"), replicates=1, pictures=1, size=256,
        diameter=24,
    )  # fmt: skip
    control, large = (int(one.labels.max()) for one in simulated_pictures(options))
    assert large / control == pytest.approx(0.5, abs=0.1)


def test_conditions_are_read() -> None:
    assert parse_condition("control") == Condition("control", 1.0, 1.0)
    assert parse_condition("high dose=1.2:0.5") == Condition("high dose", 1.2, 0.5)
    for text in ("", "=1:2", "a=1", "a=x:1", "a=0:1", "a=nan:1", "../a", "-a", "a/b", "a,b"):
        with pytest.raises(UsageError):
            parse_condition(text)


@pytest.mark.parametrize(
    "wrong",
    [
        {"conditions": ("a", "A=2:1")},
        {"conditions": ()},
        {"replicates": 0},
        {"size": 4},
        {"kind": "plants"},
        {"colour": "red"},
    ],
)
def test_options_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SimulateOptions.model_validate(wrong)


def test_more_cells_than_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="do not fit"):
        simulate_experiment(tmp_path, SimulateOptions(size=64, cells=50))


def test_a_picture_without_pixel_size_claims_none() -> None:
    import io

    with tifffile.TiffFile(io.BytesIO(encode_picture(np.zeros((4, 4), np.uint8)))) as file:
        assert "unit" not in (file.imagej_metadata or {})
