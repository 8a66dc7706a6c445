"""Labels scored against the truth, with a page of the worst, median and best pictures."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from cellwright.engine.events import CancelToken, Listener, silent
from cellwright.evaluation import evaluate as scoring
from cellwright.evaluation.evaluate import Evaluation
from cellwright.pipeline.score_gallery import find_pictures, score_gallery

__all__ = ["evaluate"]


def evaluate(
    labels: str | Path,
    truth: str | Path,
    out: str | Path,
    *,
    images: str | Path | None = None,
    kinds: str | Path | None = None,
    against: str | Path | None = None,
    found_objects: str | Path | None = None,
    truth_objects: str | Path | None = None,
    split: str = "",
    listener: Listener = silent,
    cancel: CancelToken | None = None,
) -> Evaluation:
    """Score label images against the truth, and write ``scores.csv`` and ``summary.json``.

    Where tables say of which class objects are, or how sure the found ones, ``classes.csv``,
    ``confusion.csv``, ``precision_recall.csv`` and ``reliability.csv`` are written too.

    Parameters
    ----------
    labels
        A folder of label images, a run, or one label image.
    truth
        A folder of label images that are right, of the same paths or names, or one.
    out
        Folder for what is written.
    images
        The pictures themselves, of the same paths or names: ``gallery.html`` shows the worst,
        those in the middle and the best, with true and found outlines.
    kinds
        A table with the columns ``image`` and ``kind``: a summary for each kind as well.
    against
        Other label images of the same pictures, to be compared with: ``comparison.csv`` tells
        for each of a few scores how they differ, picture by picture.
    found_objects, truth_objects
        Tables with a row an object: ``image``, ``label``, ``class``, ``confidence``. By default
        ``cells.csv`` of a run or ``classes.csv`` of a dataset, if either is there.
    split
        The file or rule that says which pictures these are, for the card.
    listener
        Is told what goes on.
    cancel
        Stops between two pictures; nothing is written then.

    Returns
    -------
    Evaluation
        The table, the summary, the scores of each picture, of each class, of confidences.

    Raises
    ------
    UsageError
        For arguments that make no sense; nothing was started.
    RunError
        If there is nothing to score, or the folder cannot be written to.
    """
    draw = None
    if images is not None:
        draw = partial(score_gallery, pictures=find_pictures(Path(images)), labels=Path(labels))
    return scoring.evaluate(
        labels,
        truth,
        out,
        kinds=kinds,
        against=against,
        found_objects=found_objects,
        truth_objects=truth_objects,
        split=split,
        draw=draw,
        listener=listener,
        cancel=cancel,
    )
