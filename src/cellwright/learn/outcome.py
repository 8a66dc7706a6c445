"""What a training leaves for people and programs, beside the model: scores and comparisons."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from cellwright.engine.files import write_atomic
from cellwright.evaluation.comparison import Difference, comparison_table
from cellwright.evaluation.object_scores import ObjectScores
from cellwright.evaluation.object_summary import summary_of, tables_of
from cellwright.evaluation.picture import score_table
from cellwright.io.cells import write_table
from cellwright.learn.calibrating import Calibrated
from cellwright.learn.learning_curve import LearningPoint

__all__ = [
    "BEFORE", "COMPARISON", "FORGOTTEN", "LEARNING", "SCORES", "SUMMARY", "write_learning_curve",
    "write_outcome", "write_table_at",
]  # fmt: skip

SCORES, SUMMARY = "scores.csv", "summary.json"
COMPARISON, FORGOTTEN = "comparison.csv", "forgotten.csv"
LEARNING = "learning_curve.csv"
"""In a training's folder: scores of each held-out picture, and over all; differences to the model
that it began with on them, and on pictures that this one was made for."""

BEFORE = "before_"
"""Beginning of the names of tables of classes that are of the model that it began with."""
_OF_CLASSES = ("classes.csv", "confusion.csv")


def write_outcome(
    out: Path,
    result: Calibrated | None,
    objects: ObjectScores | None,
    *,
    against: Sequence[Difference],
    forgotten: Sequence[Difference],
    before: ObjectScores | None = None,
) -> None:
    """Write what there is of these, and of the tables of classes and confidences.

    Parameters
    ----------
    out
        The training's folder.
    result, objects
        Scores of the held-out pictures, and of the objects in them.
    against, forgotten
        Differences to the model that it began with: on these pictures, and on its own.
    before
        Scores of the objects that the model which it began with finds in the held-out pictures,
        if it tells the same classes.

    Raises
    ------
    RunError
        If the folder cannot be written to.
    """
    if result is not None:
        write_table_at(out / SCORES, score_table(result.scores))
        content = result.summary.to_json()
        if objects is not None:
            content |= summary_of(objects)
            for name, table in tables_of(objects).items():
                write_table_at(out / name, table)
        text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
        write_atomic(out / SUMMARY, (text + "\n").encode(), out)
    if before is not None:
        for name, table in tables_of(before).items():
            if name in _OF_CLASSES:
                write_table_at(out / f"{BEFORE}{name}", table)
    for name, differences in ((COMPARISON, against), (FORGOTTEN, forgotten)):
        if differences:
            write_table_at(out / name, comparison_table(differences))


def write_learning_curve(out: Path, points: Sequence[LearningPoint]) -> None:
    """Write how good the model would have been with fewer pictures."""
    rows = [
        {
            "pictures": point.pictures,
            "score": point.value,
            "low": point.low,
            "high": point.high,
            "gain": None if point.gain is None else point.gain.difference,
            "gain_low": None if point.gain is None else point.gain.interval.low,
            "gain_high": None if point.gain is None else point.gain.interval.high,
        }
        for point in points
    ]
    write_table_at(out / LEARNING, pd.DataFrame(rows))


def write_table_at(path: Path, table: pd.DataFrame) -> None:
    """Write a table as CSV, whole or not at all."""
    text = io.StringIO()
    write_table(text, table)
    write_atomic(path, text.getvalue().encode(), path.parent)
