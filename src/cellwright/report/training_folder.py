"""The folder of a training as its page sees it: files only, and any of them may be missing."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import pandas as pd

from cellwright.core.errors import CellwrightError, UsageError
from cellwright.io.cells import read_table
from cellwright.report.wording import visible

__all__ = [
    "BEFORE",
    "CANDIDATE",
    "COMPARISON",
    "CONFUSION",
    "CURVE",
    "FOLDS",
    "FORGOTTEN",
    "LOOKS",
    "LOSS",
    "MODEL",
    "PAGE",
    "PLAN",
    "PREVIEW",
    "SCORE",
    "SCORED",
    "SCORES",
    "STEP",
    "SUMMARY",
    "TRAINING",
    "TRUE",
    "Looked",
    "Run",
    "Training",
    "listed",
    "mapping",
    "number",
    "read_training",
]

PAGE = "training.html"
PLAN, PREVIEW, MODEL, CANDIDATE = "plan.json", "preview.png", "model.zip", "candidate.zip"
SCORES, SUMMARY = "scores.csv", "summary.json"
COMPARISON, FORGOTTEN = "comparison.csv", "forgotten.csv"
CONFUSION, BEFORE = "confusion.csv", "before_"
TRAINING, FOLDS = "training", "folds"
CURVE, SCORED, LOOKS, PICTURE, TRUTH = "curve.csv", "looks.csv", "looks", "picture.png", "truth.tif"
"""Names within the folder, as `cellwright.learn` writes them: it needs torch, and a page does not,
so they are written down here once more; a test holds them together."""

STEP, LOSS, SCORE = "step", "loss", "score"
"""Columns of the curve and of the looks."""
TRUE = "true"
"""First column of a confusion matrix."""

_FOUND = ".tif"
_LONGEST_NAME = 60


@dataclass(frozen=True, eq=False)
class Looked:
    """A held-out picture that was looked at while the training went on.

    Attributes
    ----------
    name
        Of the picture.
    picture, truth
        Files of its pixels, and of the labels that were drawn by hand.
    found
        Steps made, ascending, each with the file of what was found then.
    """

    name: str
    picture: Path
    truth: Path
    found: tuple[tuple[int, Path], ...]


@dataclass(frozen=True, eq=False)
class Run:
    """One run of steps: the training itself, or that of a part of a cross-validation.

    Attributes
    ----------
    part
        Which part, counted from 1; 0 is the training itself.
    curve
        ``step``, ``loss`` and its parts; empty where there is none.
    looks
        ``step`` and ``score``; empty where there is none.
    pictures
        That were looked at.
    """

    part: int
    curve: pd.DataFrame
    looks: pd.DataFrame
    pictures: tuple[Looked, ...]

    @property
    def steps(self) -> int:
        """How many steps were made, as far as its files tell."""
        tables = (self.curve, self.looks)
        return max((int(table[STEP].max()) for table in tables if len(table)), default=0)


@dataclass(frozen=True, eq=False)
class Training:
    """All that the page shows.

    Attributes
    ----------
    folder
        Name of the folder.
    plan
        Content of ``plan.json``; empty where there is none.
    runs
        Parts of a cross-validation, then the training itself, of those that have begun.
    scores, comparison, forgotten
        The tables of these names; None where there is none.
    confusion, confusion_before
        Which class was taken for which: by the model, and by the one that it began with; None
        where no classes are told apart.
    summary
        What ``summary.json`` says of all pictures; empty where there is none.
    preview
        File; None where there is none.
    model
        Name of the model file; empty as long as there is none.
    files
        Names of the files and folders that are there.
    broken
        What could not be read, and why.
    """

    folder: str
    plan: Mapping[str, Any]
    runs: tuple[Run, ...]
    scores: pd.DataFrame | None
    summary: Mapping[str, Any]
    comparison: pd.DataFrame | None
    forgotten: pd.DataFrame | None
    confusion: pd.DataFrame | None
    confusion_before: pd.DataFrame | None
    preview: Path | None
    model: str
    files: frozenset[str]
    broken: tuple[str, ...]

    @property
    def settings(self) -> Mapping[str, Any]:
        """How is trained."""
        return mapping(self.plan, "settings")

    @property
    def nature(self) -> Mapping[str, Any]:
        """What the pictures are like."""
        return mapping(self.plan, "nature")

    @property
    def asked(self) -> Mapping[str, Any]:
        """What a person wanted."""
        return mapping(self.plan, "asked")

    @property
    def beginning(self) -> str:
        """Model that it began with; empty if with random weights."""
        return str(self.asked.get("from_") or "")

    @property
    def beginning_name(self) -> str:
        """The same for people: of a path the file and its folder."""
        return visible("/".join(PurePath(self.beginning).parts[-2:]), _LONGEST_NAME)

    @property
    def planned_steps(self) -> int:
        """How many steps are made at the most; 0 if not known."""
        steps = number(self.settings, "steps")
        return int(steps) if math.isfinite(steps) else 0

    def names(self, side: str) -> list[str]:
        """Pictures on a side of the plan: ``training`` or ``validation``."""
        return [str(name) for name in listed(self.plan, side)]

    @property
    def folds(self) -> int:
        """Parts of the cross-validation; 0 if there is none."""
        return len(listed(self.plan, "folds"))

    @property
    def is_ensemble(self) -> bool:
        """Whether the model is the mean of the networks of the parts."""
        return self.asked.get("ensemble") is True

    @property
    def n_held(self) -> int:
        """Pictures that are judged by a network that has not learnt from them."""
        folds = listed(self.plan, "folds")
        parts = [part for part in folds if isinstance(part, list)]
        return sum(map(len, parts)) if folds else len(self.names("validation"))

    @property
    def aside(self) -> list[list[str]]:
        """Of each run with held-out pictures, those that only tell when it is to end."""
        parts = [part for part in listed(self.plan, "looks") if isinstance(part, list)]
        return [[str(name) for name in part] for part in parts]

    @property
    def scored_ended_it(self) -> bool:
        """Whether the pictures that are scored also tell when the training is to end."""
        apart = bool(self.aside) and all(self.aside)
        return not apart and math.isfinite(number(self.settings, "patience"))


def mapping(content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Inner object of a JSON file; empty if there is none."""
    found = content.get(name)
    return found if isinstance(found, dict) else {}


def listed(content: Mapping[str, Any], name: str) -> list[Any]:
    """Inner list of a JSON file; empty if there is none."""
    found = content.get(name)
    return found if isinstance(found, list) else []


def number(content: Mapping[str, Any], name: str) -> float:
    """Number in a JSON file; NaN if there is none.

    Examples
    --------
    >>> number({"steps": 5}, "steps"), number({"steps": "many"}, "steps")
    (5.0, nan)
    """
    found = content.get(name)
    known = isinstance(found, int | float) and not isinstance(found, bool)
    return float(found) if known else math.nan  # type: ignore[arg-type]


def read_training(folder: Path) -> Training:
    """Read what is there of a training.

    Parameters
    ----------
    folder
        Of the training.

    Raises
    ------
    UsageError
        If there is no such folder.
    """
    if not folder.is_dir():
        raise UsageError("there is no such folder", where=str(folder))
    reader = _Reader(folder)
    runs = [reader.run(path, part) for part, path in _run_folders(folder) if path.is_dir()]
    return Training(
        folder=folder.resolve().name,
        plan=reader.json(PLAN),
        runs=tuple(runs),
        scores=reader.table(SCORES, "image"),
        summary=mapping(reader.json(SUMMARY), "overall"),
        comparison=reader.table(COMPARISON, "score"),
        forgotten=reader.table(FORGOTTEN, "score"),
        confusion=reader.table(CONFUSION, TRUE),
        confusion_before=reader.table(f"{BEFORE}{CONFUSION}", TRUE),
        preview=folder / PREVIEW if (folder / PREVIEW).is_file() else None,
        model=next((name for name in (MODEL, CANDIDATE) if (folder / name).is_file()), ""),
        files=frozenset(path.name for path in folder.iterdir()),
        broken=tuple(reader.broken),
    )


def _run_folders(folder: Path) -> list[tuple[int, Path]]:
    parts = folder / FOLDS
    numbered = [path for path in parts.iterdir() if path.name.isdecimal()] if parts.is_dir() else []
    found = [(int(path.name) + 1, path) for path in numbered]
    return [*sorted(found, key=lambda one: one[0]), (0, folder / TRAINING)]


class _Reader:
    """Reads files, and keeps what was wrong with them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.broken: list[str] = []

    def json(self, name: str) -> Mapping[str, Any]:
        path = self._folder / name
        if not path.exists():
            return {}
        try:
            content = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError, RecursionError):
            content = None
        if not isinstance(content, dict):
            self.broken.append(f"{name}: it is no JSON object")
            return {}
        return content

    def table(self, name: str, needed: str) -> pd.DataFrame | None:
        path = self._folder / name
        if not path.exists():
            return None
        try:
            table = read_table(path)
        except CellwrightError as error:
            self.broken.append(f"{name}: {error.reason}")
            return None
        if needed not in table.columns:
            self.broken.append(f"{name}: it has no column {needed}")
            return None
        return table

    def run(self, folder: Path, part: int) -> Run:
        inside = folder.relative_to(self._folder).as_posix()
        return Run(
            part,
            curve=self._by_step(f"{inside}/{CURVE}", LOSS),
            looks=self._by_step(f"{inside}/{SCORED}", SCORE),
            pictures=tuple(_looked(folder / LOOKS)),
        )

    def _by_step(self, name: str, needed: str) -> pd.DataFrame:
        """Rows in which all is a number: the last may be half written."""
        table = self.table(name, needed)
        if table is None:
            return pd.DataFrame(columns=[STEP, needed], dtype="float64")
        if STEP not in table.columns:
            self.broken.append(f"{name}: it has no column {STEP}")
            return pd.DataFrame(columns=[STEP, needed], dtype="float64")
        numbers = pd.DataFrame(
            {str(name): pd.to_numeric(table[name], errors="coerce") for name in table.columns}
        ).astype("float64")
        known = numbers.loc[np.isfinite(numbers.to_numpy()).all(axis=1)]
        ordered: pd.DataFrame = known.sort_values(STEP, kind="stable").reset_index(drop=True)
        return ordered


def _looked(folder: Path) -> list[Looked]:
    if not folder.is_dir():
        return []
    found = []
    for inside in sorted(folder.iterdir(), key=lambda path: path.name):
        picture, truth = inside / PICTURE, inside / TRUTH
        if not (picture.is_file() and truth.is_file()):
            continue
        steps = [
            (int(path.stem), path)
            for path in inside.iterdir()
            if path.suffix == _FOUND and path.stem.isdecimal()
        ]
        if steps:
            steps.sort(key=lambda one: one[0])
            found.append(Looked(inside.name, picture, truth, tuple(steps)))
    return found
