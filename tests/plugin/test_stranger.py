"""Each door is open to another package: proved by one that is installed for the test only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from tests.segment.blob_model import blobs, write_blobs

STRANGER = Path(__file__).parent / "stranger"
ENTRY_POINTS = """
[cellwright.methods]
above = cellwright_stranger:METHOD
[cellwright.readers]
stranger = cellwright_stranger:READER
[cellwright.patterns]
stranger = cellwright_stranger:PATTERN
[cellwright.outlines]
boxes = cellwright_stranger:WRITER
[cellwright.annotations]
boxes = cellwright_stranger:BOXES
[cellwright.decoders]
peaks = cellwright_stranger:DECODER
[cellwright.features]
stranger = cellwright_stranger:FEATURE
[cellwright.checks]
stranger = cellwright_stranger:CHECK
[cellwright.filters]
headless = cellwright_stranger:FILTER
[cellwright.verbs]
greet = cellwright_stranger:VERB
[cellwright.sections]
stranger = cellwright_stranger:SECTION
"""


def install(folder: Path, entry_points: str, name: str = "cellwright_stranger") -> Path:
    """Put what pip would write for the package into a folder."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(entry_points)
    return folder


def run(*arguments: str | Path, path: list[Path]) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, [*path, STRANGER]))}
    return subprocess.run(
        [sys.executable, "-m", "cellwright", *map(str, arguments)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )


def test_every_door_is_open_to_another_package(tmp_path: Path) -> None:
    site = install(tmp_path / "site", ENTRY_POINTS)
    pixels = np.zeros((20, 30), np.uint8)
    pixels[2:6, 3:8] = 200
    pixels[10:14, 20:25] = 100
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    (pictures / "one.strange").write_bytes(b"STRANGER" + bytes([20, 30]) + pixels.tobytes())

    done = run(
        "analyze", pictures, "--out", tmp_path / "run", "--method", "above", "--set", "level=50",
        "--json", path=[site],
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["cells"] == 2
    cells = pd.read_csv(tmp_path / "run" / "cells.csv")
    assert cells["stranger_double_area"].tolist() == [40.0, 40.0]
    assert cells["object"].tolist() == ["blob", "blob"]
    images = pd.read_csv(tmp_path / "run" / "images.csv")
    assert images["status"].tolist() == ["warned"]
    assert "a stranger looked at it" in images["reason"].iloc[0]
    assert "A stranger counted 2 cells." in (tmp_path / "run" / "report.html").read_text()


def test_a_filter_and_a_verb_of_another_package(tmp_path: Path) -> None:
    site = install(tmp_path / "site", ENTRY_POINTS)
    pixels = np.zeros((20, 30), np.uint8)
    pixels[2:6, 3:8] = pixels[10:14, 20:25] = 100
    np.save(tmp_path / "a.npy", pixels)

    greeted = run("greet", "you", path=[site])
    done = run(
        "analyze", tmp_path / "a.npy", "--out", tmp_path / "run", "--method", "above",
        "--filter", "headless", "--json", path=[site],
    )  # fmt: skip

    assert (greeted.returncode, greeted.stdout) == (0, "hello you\n")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["cells"] == 1
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["filters"] == [{"condition": "", "rule": "headless", "removed": 1}]


def test_a_naming_pattern_and_outlines_of_another_package(tmp_path: Path) -> None:
    site = install(tmp_path / "site", ENTRY_POINTS)
    pixels = np.zeros((20, 30), np.uint8)
    pixels[2:6, 3:8] = 100
    (tmp_path / "in").mkdir()
    for stain in ("dapi", "gfp"):
        np.save(tmp_path / "in" / f"B02-{stain}.npy", pixels)

    done = run(
        "analyze", tmp_path / "in", "--out", tmp_path / "run", "--method", "above",
        "--outlines", "boxes", path=[site],
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    images = pd.read_csv(tmp_path / "run" / "images.csv")
    assert images[["image", "well", "channel"]].to_numpy().tolist() == [["B02.npy", "B02", "dapi"]]
    assert (tmp_path / "run" / "outlines" / "B02.txt").read_text() == "0 1 2 3 6 8\n"


def test_annotations_of_another_package(tmp_path: Path) -> None:
    site = install(tmp_path / "site", ENTRY_POINTS)
    (tmp_path / "in").mkdir()
    np.save(tmp_path / "in" / "a.npy", np.zeros((6, 8), np.uint8))
    (tmp_path / "in" / "a.boxes").write_text("1 1 3 4 living cell\n4 0 6 8\n")

    done = run("convert", tmp_path / "in", "--out", tmp_path / "out", "--json", path=[site])

    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["from"], said["cells"]) == ("boxes", 2)
    labels = tifffile.imread(tmp_path / "out" / "labels" / "a.tif")
    assert np.bincount(labels.ravel()).tolist() == [48 - 6 - 16, 6, 16]
    assert (tmp_path / "out" / "classes.csv").read_text() == "name,label,class\na,1,living cell\n"


def test_a_model_that_is_decoded_by_another_package(tmp_path: Path) -> None:
    site = install(tmp_path / "site", ENTRY_POINTS)
    picture, truth = blobs((64, 96), [(20, 20, 1.0), (20, 48, 0.9), (42, 74, 0.8)])
    (tmp_path / "in").mkdir()
    np.save(tmp_path / "in" / "a.npy", picture)
    decoder = {"name": "peaks", "version": 1, "options": {"size": 11}}
    model = write_blobs(tmp_path / "blobs.zip", decoder=decoder)
    asked = ("segment", tmp_path / "in", "--model", model, "--diameter", "18px", "--json")

    done = run(*asked, "--out", tmp_path / "out", path=[site])

    assert done.returncode == 0, done.stderr
    labels = tifffile.imread(tmp_path / "out" / "labels" / "a.tif")
    assert labels.max() == truth.max() == 3
    assert (labels > 0)[truth > 0].mean() > 0.9
    alone = run(*asked, "--out", tmp_path / "other", path=[])
    assert "there is only 'components', 'votes', 'walls'" in alone.stdout + alone.stderr


def test_two_claims_to_one_name_are_an_error(tmp_path: Path) -> None:
    site = install(
        tmp_path / "site", "[cellwright.methods]\nthreshold = cellwright_stranger:METHOD\n"
    )
    (tmp_path / "a.npy").write_bytes(b"")

    done = run("analyze", tmp_path / "a.npy", "--out", tmp_path / "run", path=[site])

    assert done.returncode == 2
    assert "claim 'threshold'" in done.stderr


@pytest.mark.parametrize("target", ["cellwright_missing:METHOD", "cellwright_stranger:NOTHING"])
def test_a_part_that_cannot_be_loaded_says_so(tmp_path: Path, target: str) -> None:
    site = install(tmp_path / "site", f"[cellwright.methods]\nbroken = {target}\n")
    np.save(tmp_path / "a.npy", np.zeros((4, 4), np.uint8))

    done = run(
        "analyze", tmp_path / "a.npy", "--out", tmp_path / "run", "--method", "broken", path=[site]
    )

    assert done.returncode == 2
    assert "cannot be loaded" in done.stderr
    assert "broken" in done.stderr
