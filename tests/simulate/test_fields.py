"""Datasets of simulated fields: their ranges, their truth, and the same bytes again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cellwright.core.errors import UsageError
from cellwright.datasets.example import examples_in, read_labels, read_pixels
from cellwright.simulate.dirt import debris, with_scale_bar
from cellwright.simulate.fields import (
    KINDS,
    Ranges,
    read_ranges,
    simulate_dataset,
    simulated_fields,
)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_dataset_can_be_read_made_again_and_made_longer(kind: str, tmp_path: Path) -> None:
    cells = simulate_dataset(tmp_path / "a", kind, count=3, size=96, seed=5)
    simulate_dataset(tmp_path / "b", kind, count=4, size=96, seed=5)

    examples = examples_in(tmp_path / "a")
    table = pd.read_csv(tmp_path / "a" / "images.csv").set_index("name")
    assert len(examples) == 3
    for example in examples:
        name = Path(example.name).name
        labels = read_labels(example)
        assert read_pixels(example).shape == labels.shape == (96, 96)
        assert table.loc[name, "n_cells"] == len(np.unique(labels[labels > 0]))
        for folder in ("images", "labels"):
            one, other = (tmp_path / side / folder / f"{name}.tif" for side in "ab")
            assert one.read_bytes() == other.read_bytes()
    assert table["n_cells"].sum() == cells
    for name, value in KINDS[kind].items():
        low, high = value if isinstance(value, tuple) else (value, value)
        assert table[name].between(low - 1e-4, high + 1e-4).all(), name
    asked = json.loads((tmp_path / "a" / "parameters.json").read_text())
    assert (asked["kind"], asked["count"], asked["seed"]) == (kind, 3, 5)


def test_two_simulations_are_never_mixed(tmp_path: Path) -> None:
    def names() -> list[str]:
        return sorted(file.name for file in tmp_path.glob("*/*"))

    out = tmp_path / "images"
    simulate_dataset(tmp_path, "nuclei", count=2, size=64)
    (tmp_path / "images.csv").unlink()  # as if it had been ended before
    simulate_dataset(tmp_path, "nuclei", count=3, size=64)  # more of the same
    before = {file: file.read_bytes() for file in tmp_path.rglob("*.*")}
    others: list[tuple[int, int, int, Ranges | None]] = [
        (3, 64, 1, None), (3, 96, 0, None), (2, 64, 0, None), (3, 64, 0, {"blur": 2.0}),
    ]  # fmt: skip
    for count, size, seed, ranges in others:
        with pytest.raises(UsageError, match=r"labels and images\.csv of another simulation"):
            simulate_dataset(tmp_path, "nuclei", count=count, size=size, seed=seed, ranges=ranges)
    assert {file: file.read_bytes() for file in tmp_path.rglob("*.*")} == before

    simulate_dataset(tmp_path, "monolayer", count=1, size=64, force=True)
    assert names() == ["monolayer_0000.tif"] * 2
    (out / "mine.tif").write_bytes(b"mine")
    with pytest.raises(UsageError, match=r"images/mine\.tif was written by no simulation"):
        simulate_dataset(tmp_path, "nuclei", count=1, size=64, force=True)
    assert names() == ["mine.tif", "monolayer_0000.tif", "monolayer_0000.tif"]


def test_a_folder_of_real_pictures_is_never_taken(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "nuclei_0000.tif").write_bytes(b"mine")
    for force in (False, True):
        with pytest.raises(UsageError, match="the folder holds images of something else"):
            simulate_dataset(tmp_path, "nuclei", count=1, size=64, force=force)
    assert [file.name for file in tmp_path.rglob("*.*")] == ["nuclei_0000.tif"]


def test_every_range_is_an_argument_of_its_simulator() -> None:
    for kind in KINDS:
        for end in (0, 1):
            ranges = {n: v[end] for n, v in KINDS[kind].items() if isinstance(v, tuple)}
            [field] = simulated_fields(kind, 1, (128, 128), ranges=ranges)
            assert {n: field.parameters[n] for n in ranges} == ranges


def test_a_file_of_ranges_takes_the_place_of_ours(tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text("diameter_px = [10, 12]\nblur = 0.5\n")
    ranges = read_ranges(tmp_path / "small.toml", "nuclei")
    fields = list(simulated_fields("nuclei", 4, (128, 128), 1, ranges))
    assert all(10 <= field.parameters["diameter_px"] <= 12 for field in fields)
    assert {field.parameters["blur"] for field in fields} == {0.5}


@pytest.mark.parametrize(
    ("text", "said"),
    [("size = 3", "no parameter 'size'"), ("blur = [2, 1]", r"blur is \[2, 1\]"),
     ("blur = true", "blur is True"), ("blur = [1, 2, 3]", "blur is"), ("blur =", "cannot be read"),
     ('blur = "much"', "blur is 'much'")],
)  # fmt: skip
def test_a_file_that_makes_no_sense_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(UsageError, match=said):
        read_ranges(tmp_path / "a.toml", "nuclei")


def test_gaps_are_background_and_dark_borders_are_dark() -> None:
    wide = {"gaps": 0.3, "dark": 0.0, "debris": 0.0, "scale_bar": 0.0, "broken": 0.0,
            "illumination": 0.0, "nuclei": 0.0, "diameter_px": 40.0}  # fmt: skip
    [bright] = simulated_fields("monolayer", 1, (256, 256), 3, wide)
    [dark] = simulated_fields("monolayer", 1, (256, 256), 3, {**wide, "dark": 1.0})
    np.testing.assert_array_equal(bright.labels, dark.labels)
    assert 0.1 < (bright.labels == 0).mean() < 0.5
    border = np.zeros(bright.labels.shape, bool)
    border[:, 1:] = (bright.labels[:, 1:] != bright.labels[:, :-1]) & (
        np.minimum(bright.labels[:, 1:], bright.labels[:, :-1]) > 0
    )
    cell = bright.labels > 0
    assert bright.picture[border].mean() > bright.picture[cell].mean()
    assert dark.picture[border].mean() < dark.picture[cell].mean()
    assert dark.picture[~cell].mean() < dark.picture[cell].mean()


def test_what_is_not_asked_for_changes_nothing() -> None:
    plain = {"gaps": 0.0, "dark": 0.0, "debris": 0.0, "scale_bar": 0.0}
    [one] = simulated_fields("monolayer", 1, (128, 128), 4, plain)
    [other] = simulated_fields("monolayer", 1, (128, 128), 4, {**plain, "scale_bar": 1.0})
    changed = np.argwhere(one.picture != other.picture)
    assert changed.size
    assert changed.min(axis=0).tolist() > [90, 80]  # only the lower right corner


def test_debris_grows_with_its_share() -> None:
    light = [
        float((debris((400, 400), share, 20, np.random.default_rng(1)) > 0).mean())
        for share in (0.0, 0.2, 2.0)
    ]
    assert light[0] == 0 < light[1] < light[2] / 4


def test_a_scale_bar_is_as_bright_as_can_be_and_leaves_the_rest() -> None:
    picture = np.full((200, 300), 7, np.uint16)
    barred = with_scale_bar(picture, "50 um")
    assert set(np.unique(barred)) == {7, 65535}
    rows, columns = np.nonzero(barred > 7)
    assert rows.min() > 150
    assert columns.min() > 200
