"""The method ``network`` in a run: what is kept of each object, and what is computed again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile
from tests.e2e.conftest import Command, cellwright, outputs, threads
from tests.segment.blob_model import blobs, lattice, write_blobs

import cellwright as program
from cellwright.core.errors import UnreadableError, UsageError
from cellwright.core.image import Image
from cellwright.core.labels import Labels
from cellwright.evaluation.picture import score_picture
from cellwright.io.cells import read_table
from cellwright.io.label_image import decode_labels
from cellwright.models.model import model_named
from cellwright.pipeline.labelling import _uncovered_labels
from cellwright.pipeline.packing import packed, unpacked
from cellwright.pipeline.run import Run
from cellwright.segment.network import METHOD, NetworkOptions
from cellwright.simulate.nuclei import simulate_nuclei

__all__ = ["cellwright"]  # the fixture that runs commands


@pytest.fixture(scope="session")
def blob_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_blobs(tmp_path_factory.mktemp("models") / "blobs.zip")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    tifffile.imwrite(folder / "crowded.tif", lattice((150, 170), seed=1))
    scattered, _ = blobs((100, 110), [(20, 20, 0.95), (20, 60, 0.5), (60, 60, 0.6), (92, 90, 0.9)])
    tifffile.imwrite(folder / "scattered.tif", scattered)
    tifffile.imwrite(folder / "without.tif", np.full((40, 50), 9, np.uint8))
    return folder


def analyze(pictures: Path, out: Path, model: Path, **options: Any) -> Run:
    return program.analyze(pictures, out, model=str(model), make_executor=threads, **options)


def known(picture: Path, model: Path, diameter: float | None = None) -> pd.DataFrame:
    """What the method itself says, by label."""
    image = Image(tifffile.imread(picture), "YX")
    table = METHOD.segment(image, NetworkOptions(model=str(model), diameter=diameter))
    found = table.main_labels.table
    assert found is not None
    return found.set_index("label")


def computed(run: Run) -> dict[str, int]:
    assert run.summary is not None
    wanted = ("planes", "segment", "measure")
    return {name: run.summary.by_step[name]["computed"] for name in wanted}


def test_without_options_the_model_in_the_package_finds_nuclei(tmp_path: Path) -> None:
    picture, truth = simulate_nuclei((300, 320), n=40, seed=3)
    tifffile.imwrite(tmp_path / "field.tif", picture)
    run = program.analyze(tmp_path / "field.tif", tmp_path / "run", make_executor=threads)
    assert run.record["method"]["name"] == "network"
    assert run.record["method"]["options"]["model"] == "nuclei"
    found = decode_labels(run.path / "labels" / "field.tif").pixels()
    assert score_picture(truth, found)["f1_50"] >= 0.9
    assert run.cells["confidence"].median() > 0.8


def test_cells_have_the_confidence_of_their_own_labels(
    pictures: Path, blob_model: Path, tmp_path: Path
) -> None:
    run = analyze(pictures, tmp_path / "run", blob_model)
    for name in ("crowded", "scattered"):
        cells = run.cells[run.cells["image"] == f"{name}.tif"].set_index("label")
        labels = decode_labels(run.path / "labels" / f"{name}.tif").pixels()
        wanted = known(pictures / f"{name}.tif", blob_model)
        assert cells.index.tolist() == np.unique(labels)[1:].tolist() == wanted.index.tolist()
        np.testing.assert_allclose(cells["confidence"], wanted["confidence"], atol=1e-6)
        assert cells["overlapping"].tolist() == wanted["overlapping"].tolist()
        assert cells["area_px"].tolist() == np.bincount(labels.ravel())[1:].tolist()
    assert run.cells["overlapping"].nunique() == 2
    assert run.images.set_index("image").loc["without.tif", "n_cells"] == 0
    as_text = read_table(run.path / "cells.csv")
    assert as_text["overlapping"].tolist() == run.cells["overlapping"].tolist()


def test_cells_that_a_filter_leaves_keep_their_confidence(
    pictures: Path, blob_model: Path, tmp_path: Path
) -> None:
    run = analyze(pictures, tmp_path / "run", blob_model, filter=["centroid_y_px=50:"])
    wanted = known(pictures / "crowded.tif", blob_model)
    cells = run.cells[run.cells["image"] == "crowded.tif"].set_index("label")
    assert 0 < len(cells) < len(wanted)
    np.testing.assert_allclose(cells["confidence"], wanted.loc[cells.index, "confidence"], 1e-6)
    assert cells["overlapping"].tolist() == wanted.loc[cells.index, "overlapping"].tolist()


def test_labels_that_a_person_drew_have_no_confidence(
    pictures: Path, blob_model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    analyze(pictures, out, blob_model)
    path = out / "labels" / "scattered.tif"
    labels = tifffile.imread(path)
    labels[labels == 1] = 0
    labels[70:80, 10:20] = 77
    tifffile.imwrite(path, labels)
    run = analyze(pictures, out, blob_model)
    cells = run.cells.set_index("image")
    assert cells.loc[["scattered.tif"], "label"].tolist()[-1] == 77
    for column in ("confidence", "overlapping"):
        assert cells.loc[["scattered.tif"], column].isna().all()
        assert cells.loc[["crowded.tif"], column].notna().all()


def test_another_model_file_finds_cells_again_but_reads_no_picture(
    pictures: Path, tmp_path: Path
) -> None:
    model = write_blobs(tmp_path / "blobs.zip")
    out = tmp_path / "run"
    first = analyze(pictures, out, model)
    sure = first.cells["confidence"].mean()
    again = analyze(pictures, out, model)
    assert computed(first) == {"planes": 3, "segment": 3, "measure": 3}
    assert computed(again) == {"planes": 0, "segment": 0, "measure": 0}
    write_blobs(model, logit=6.0)
    other = analyze(pictures, out, model)
    assert computed(other)["planes"] == 0
    assert computed(other)["segment"] == 3
    assert other.cells["confidence"].mean() < sure - 0.01


def test_the_record_names_the_model(pictures: Path, blob_model: Path, tmp_path: Path) -> None:
    one = analyze(pictures, tmp_path / "one", blob_model, diameter="17px")
    record = json.loads((one.path / "run.json").read_text(encoding="utf-8"))
    assert record["method"]["name"] == "network"
    assert record["method"]["model"]["name"] == "blobs"
    assert record["method"]["model"]["sha256"] == model_named(blob_model).digest


def test_one_worker_and_two_and_the_recipe_give_the_same_bytes(
    pictures: Path, blob_model: Path, tmp_path: Path, cellwright: Command
) -> None:
    one, two, three = (tmp_path / name for name in ("one", "two", "three"))
    cellwright("analyze", pictures, "--model", blob_model, "--out", one, "--workers", 1)
    cellwright("analyze", pictures, "--model", blob_model, "--out", two, "--workers", 2)
    assert outputs(one) == outputs(two)
    cellwright("analyze", pictures, "--recipe", one / "recipe.toml", "--out", three)
    assert outputs(three) == outputs(one)


def test_a_model_is_only_for_methods_with_one(
    pictures: Path, blob_model: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="threshold has none"):
        analyze(pictures, tmp_path / "run", blob_model, method="threshold")
    assert not (tmp_path / "run" / "run.json").exists()


def test_a_model_that_is_not_there_ends_the_command_with_the_list(
    pictures: Path, blob_model: Path, tmp_path: Path, cellwright: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    own = tmp_path / "own"
    own.mkdir()
    shutil.copy(blob_model, own / "mine.zip")
    monkeypatch.setenv("CELLWRIGHT_MODELS", str(own))
    done = cellwright("analyze", pictures, "--model", "nothing", "--out", tmp_path / "o", code=2)
    assert "there is no model 'nothing'" in done.stderr
    assert "mine" in done.stderr
    (own / "broken.zip").write_bytes(b"PK\x03\x04 and no more")
    done = cellwright("analyze", pictures, "--model", "broken", "--out", tmp_path / "o", code=2)
    assert "broken.zip" in done.stderr


def test_a_large_picture_has_the_same_cells(
    pictures: Path, blob_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = analyze(pictures / "crowded.tif", tmp_path / "small", blob_model)
    for module in ("large_plane", "plan", "gallery"):
        monkeypatch.setattr(f"cellwright.pipeline.{module}.LARGE_PIXELS", 1000)
    large = analyze(pictures / "crowded.tif", tmp_path / "large", blob_model)
    columns = ["label", "area_px", "confidence", "overlapping"]
    pd.testing.assert_frame_equal(large.cells[columns], small.cells[columns])
    place = large.images["labels"].iloc[0]
    assert place.endswith(".zarr")
    np.testing.assert_array_equal(
        decode_labels(large.path / place).pixels(),
        decode_labels(small.path / "labels" / "crowded.tif").pixels(),
    )


def test_objects_below_burned_in_bars_go_with_their_rows() -> None:
    pixels = np.zeros((6, 8), np.uint32)
    pixels[0, 5] = 1
    pixels[1:3, 1:3] = 2
    pixels[4:6, 4:8] = 3
    table = pd.DataFrame({"frame": 0, "label": [1, 2, 3], "confidence": [0.1, 0.2, 0.3]})
    hidden = np.zeros(pixels.shape, bool)
    hidden[0] = True
    hidden[1, 1:3] = True
    left = _uncovered_labels(Labels(pixels, "YX", table=table), hidden)
    assert left.table is not None
    assert left.table["label"].tolist() == [1, 2]
    assert left.table["confidence"].tolist() == [0.2, 0.3]
    assert [left.pixels()[2, 1], left.pixels()[5, 7]] == [1, 2]


def test_a_table_is_packed_and_comes_back(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {"label": [1, 2], "sure": [0.5, 0.25], "flag": [True, False], "kind": ["a", "b"]}
    )
    path = tmp_path / "table.npz"
    path.write_bytes(packed(table))
    assert {name: values.tolist() for name, values in unpacked(path).items()} == {
        "label": [1, 2], "sure": [0.5, 0.25], "flag": [1, 0], "kind": ["a", "b"],
    }  # fmt: skip
    path.write_bytes(packed(table.iloc[:0]))
    assert [len(values) for values in unpacked(path).values()] == [0, 0, 0, 0]


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "array", "text"])
def test_a_damaged_table_is_refused(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "table.npz"
    whole = packed(pd.DataFrame({"label": np.arange(50), "sure": np.linspace(0, 1, 50)}))
    middle = len(whole) // 3
    if damage == "array":
        with path.open("wb") as file:
            np.save(file, np.zeros(3))
    else:
        path.write_bytes(
            {
                "empty": b"",
                "cut": whole[:middle],
                "flipped": whole[:middle] + bytes(40) + whole[middle + 40 :],
                "text": b"no table",
            }[damage]
        )
    with pytest.raises(UnreadableError, match="cannot be read"):
        unpacked(path)
