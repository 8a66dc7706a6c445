"""Folders as trainings leave them, made by hand: no network, no torch."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image as Picture

from cellwright.evaluation.comparison import compare, comparison_table
from cellwright.evaluation.picture import PictureScore, score_picture, score_table
from cellwright.evaluation.summary import summarise
from cellwright.io.cells import write_table
from cellwright.io.label_image import encode_labels

HELD_OUT = ("a", "b", "c", "d")
STEPS = (20, 40, 60)


def plan(**changes: Any) -> dict[str, Any]:
    """Content of a plan with four held-out pictures; `changes` replace parts of it."""
    content: dict[str, Any] = {
        "cellwright": "0.1.0",
        "asked": {
            "architecture": "instance", "from_": None, "update": "all", "budget": None,
            "validation": 0.2, "folds": 0, "set": ["steps=60"], "object": None, "name": "yeast",
            "licence": "MIT", "leave_out": False,
        },
        "data": "00" * 32,
        "nature": {
            "pictures": 12, "groups": 6, "objects": 1234, "diameter": 18.5,
            "diameters": [12.0, 31.0], "sides": [96, 512], "covered": 0.25, "touching": 0.5,
            "colour": 0.0, "bright": 1.0, "classes": {},
        },
        "training": [f"t{number}" for number in range(8)],
        "validation": list(HELD_OUT),
        "folds": [],
        "settings": {
            "architecture": {"name": "instance", "widths": [24, 48], "more_touching": 3.0},
            "sampling": {"side": 192, "count": 4, "wildest": [4.0, 200.0]},
            "steps": 60, "learning_rate": 0.0015, "averaging": 0.9666666666666667,
            "patience": 5, "rates": {}, "start": None,
        },
        "seconds": 0.5,
    }  # fmt: skip
    return content | changes


def started_from(model: str) -> dict[str, Any]:
    """Plan of a training that went on from a model."""
    content = plan()
    content["asked"]["from_"] = model
    return content


def labels(seed: int, shape: tuple[int, int] = (48, 64)) -> npt.NDArray[np.uint32]:
    """Nine squares."""
    found = np.zeros(shape, np.uint32)
    for number in range(9):
        row, column = divmod(number, 3)
        top, left = 2 + row * 15 + seed % 3, 2 + column * 20
        found[top : top + 11, left : left + 12] = number + 1
    return found


def found_after(truth: npt.NDArray[np.uint32], known: int) -> npt.NDArray[np.uint32]:
    """Only the first of the true objects."""
    return np.where(truth <= known, truth, 0).astype(np.uint32)


def write_plan(folder: Path, content: dict[str, Any] | None = None) -> None:
    """Write ``plan.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "plan.json").write_text(json.dumps(content or plan(), indent=1), "utf-8")


def write_run(
    folder: Path, names: Sequence[str] = HELD_OUT[:2], steps: Sequence[int] = STEPS
) -> None:
    """Write curve, looks and pictures of one run: two, four, six objects are found of nine."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [f"{step},{3 / step:.5f},{1 / step:.5f},{2 / step:.5f}\n" for step in steps]
    (folder / "curve.csv").write_text("step,loss,foreground,offsets\n" + "".join(rows))
    told = "".join(f"{step},{step / 100:.5f}\n" for step in steps)
    (folder / "looks.csv").write_text("step,score\n" + told)
    for place, name in enumerate(names):
        inside = folder / "looks" / name
        inside.mkdir(parents=True)
        truth = labels(place)
        pixels = np.where(truth > 0, 180, 20).astype(np.uint8)
        Picture.fromarray(pixels).save(inside / "picture.png")
        (inside / "truth.tif").write_bytes(encode_labels(truth, "YX"))
        for number, step in enumerate(steps, 1):
            content = encode_labels(found_after(truth, 2 * number), "YX")
            (inside / f"{step:06}.tif").write_bytes(content)


def scores(known: Sequence[int], names: Sequence[str] = HELD_OUT) -> list[PictureScore]:
    """Scores of pictures in which so many of nine objects were found."""
    return [
        score_picture(labels(place), found_after(labels(place), count), image=name)
        for place, (name, count) in enumerate(zip(names, known, strict=True))
    ]


def write_scores(folder: Path, found: list[PictureScore]) -> None:
    """Write ``scores.csv`` and ``summary.json``."""
    _write(folder / "scores.csv", score_table(found))
    content = summarise(found).to_json()
    (folder / "summary.json").write_text(json.dumps(content, allow_nan=False), "utf-8")


def write_comparison(path: Path, one: list[PictureScore], other: list[PictureScore]) -> None:
    """Write ``comparison.csv`` or ``forgotten.csv``."""
    _write(path, comparison_table(compare(one, other)))


def write_preview(folder: Path) -> None:
    """Write ``preview.png``."""
    Picture.fromarray(np.full((20, 30, 3), 90, np.uint8)).save(folder / "preview.png")


def write_training(folder: Path) -> None:
    """Write all of a training that is done and began with random weights."""
    write_plan(folder)
    write_run(folder / "training")
    write_scores(folder, scores((9, 8, 7, 3)))
    write_preview(folder)
    (folder / "model.zip").write_bytes(b"PK")


def write_training_from(folder: Path, known: Sequence[int], before: Sequence[int]) -> None:
    """Write all of a training that went on from a model; numbers are objects found of nine."""
    write_training(folder)
    write_plan(folder, started_from("nuclei"))
    write_scores(folder, scores(known))
    write_comparison(folder / "comparison.csv", scores(known), scores(before))
    write_comparison(folder / "forgotten.csv", scores(before), scores(before))


def _write(path: Path, table: pd.DataFrame) -> None:
    text = io.StringIO()
    write_table(text, table)
    path.write_text(text.getvalue(), "utf-8")
