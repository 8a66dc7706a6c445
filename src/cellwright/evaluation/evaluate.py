"""Score a folder of label images against a folder of truth, and write what came out."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from cellwright.core.errors import CellwrightError, InputError, RunError, UsageError
from cellwright.core.labels import Labels
from cellwright.engine.events import (
    CancelToken,
    Listener,
    PhaseFinished,
    PhaseStarted,
    PictureFinished,
    StepFinished,
    silent,
)
from cellwright.engine.files import write_atomic
from cellwright.evaluation.comparison import Difference, compare, comparison_table
from cellwright.evaluation.kinds import kinds_of, read_kinds
from cellwright.evaluation.pairing import (
    PairedFiles,
    find_label_files,
    label_folder,
    pair_files,
)
from cellwright.evaluation.picture import PictureScore, score_columns, score_picture, score_table
from cellwright.evaluation.summary import Summary, summarise
from cellwright.io.cells import write_table
from cellwright.io.label_image import decode_labels

__all__ = ["Evaluation", "evaluate", "evaluate_folders", "write_evaluation"]

_PHASE = "scoring"
_TABLE, _SUMMARY, _COMPARISON = "scores.csv", "summary.json", "comparison.csv"
_LARGEST_TO_LABEL = 2**27
"""Pixels up to which a label image with one number is looked at for separate pieces."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What came out.

    Attributes
    ----------
    table
        One row a picture, scored or not: ``image``, ``kind``, ``status`` (done, warned,
        failed), ``reason``, ``labels`` and ``truth`` (which files), every score and count.
    summary
        Over the pictures that were scored.
    pictures
        Their scores.
    comparison
        With other labels of the same pictures, where such were given.
    """

    table: pd.DataFrame
    summary: Summary
    pictures: tuple[PictureScore, ...]
    comparison: tuple[Difference, ...] = ()

    @property
    def failed(self) -> int:
        """Number of pictures that could not be scored."""
        return int((self.table["status"] == "failed").sum())

    @property
    def warned(self) -> int:
        """Number of pictures that were scored with a warning."""
        return int((self.table["status"] == "warned").sum())


def evaluate(
    labels: str | Path,
    truth: str | Path,
    out: str | Path,
    *,
    kinds: str | Path | None = None,
    against: str | Path | None = None,
    split: str = "",
    listener: Listener = silent,
    cancel: CancelToken | None = None,
) -> Evaluation:
    """Score label images against the truth, and write ``scores.csv`` and ``summary.json``.

    Parameters
    ----------
    labels
        A folder of label images, a run, or one label image.
    truth
        A folder of label images that are right, of the same paths or names, or one.
    out
        Folder for the two files.
    kinds
        A table with the columns ``image`` and ``kind``: a summary for each kind as well.
    against
        Other label images of the same pictures, to be compared with: ``comparison.csv`` tells
        for each of a few scores how they differ, picture by picture.
    split
        The file or rule that says which pictures these are, for the card.
    listener
        Is told what goes on.
    cancel
        Stops between two pictures; nothing is written then.

    Returns
    -------
    Evaluation
        The table, the summary, the scores of each picture.

    Raises
    ------
    UsageError
        For arguments that make no sense; nothing was started.
    RunError
        If there is nothing to score, or the folder cannot be written to.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("found", "right"):
    ...         Path(folder, name).mkdir()
    ...         np.save(Path(folder, name, "a.npy"), np.eye(4, dtype=np.uint16))
    ...     out = Path(folder, "scores")
    ...     evaluation = evaluate(Path(folder, "found"), Path(folder, "right"), out)
    ...     sorted(path.name for path in out.iterdir())
    ['scores.csv', 'summary.json']
    >>> evaluation.summary["semantic_iou"]
    1.0
    """
    labels, truth, out = Path(labels), Path(truth), Path(out)
    _check_out(out, (labels, truth))
    evaluation = evaluate_folders(
        labels,
        truth,
        kinds=read_kinds(Path(kinds)) if kinds is not None else None,
        split=split,
        listener=listener,
        cancel=cancel,
    )
    if against is not None:
        others = evaluate_folders(Path(against), truth, listener=listener, cancel=cancel)
        differences = compare(evaluation.pictures, others.pictures)
        evaluation = replace(evaluation, comparison=tuple(differences))
    write_evaluation(out, evaluation)
    return evaluation


def evaluate_folders(
    labels: Path,
    truth: Path,
    *,
    kinds: Mapping[str, str] | None = None,
    split: str = "",
    listener: Listener = silent,
    cancel: CancelToken | None = None,
) -> Evaluation:
    """Score label images.

    Parameters
    ----------
    labels
        A folder of label images, a run, or one label image.
    truth
        A folder of label images that are right, or one.
    kinds
        From pictures to their kinds, as `cellwright.evaluation.kinds.read_kinds` gives them.
    split
        The file or rule that says which pictures these are, for the card.
    listener
        Is told what goes on.
    cancel
        Stops between two pictures.

    Raises
    ------
    UsageError
        If a folder does not exist, or no picture has a kind although kinds were given.
    RunError
        If there are no label images, or none of them has a truth.
    """
    found, right = find_label_files(labels), find_label_files(truth)
    pairs = pair_files(found, right)
    if len(pairs) == len(found) + len(right):  # each that has a partner is one less
        raise RunError(
            f"none of {len(found)} label images has a truth: {found[0].image!r} and "
            f"{right[0].image!r}, say, have no path or name in common",
            where=str(labels),
            remedy="name the truth like the pictures",
        )
    named = kinds_of([pair.image for pair in pairs], kinds) if kinds is not None else {}
    if kinds is not None and not named:
        raise UsageError(
            f"the table of kinds has none of the pictures, such as {pairs[0].image!r}",
            remedy="write their names into its column image",
        )
    listener(PhaseStarted(_PHASE, len(pairs)))
    pictures: list[PictureScore] = []
    rows: list[dict[str, str]] = []
    for pair in pairs:
        if cancel is not None:
            cancel.check()
        began = time.perf_counter()
        row, score = _scored(pair)
        if score is not None:
            pictures.append(score)
        n_cells = score.n_found if score is not None else 0
        rows.append(row | _names(pair, labels, truth) | {"kind": named.get(pair.image, "")})
        took = {"score": time.perf_counter() - began}
        listener(StepFinished(_PHASE, pair.image, seconds=took))
        listener(PictureFinished(pair.image, row["status"], row["reason"], n_cells))
    listener(PhaseFinished(_PHASE))
    left_out = {row["image"]: row["reason"] for row in rows if row["status"] == "failed"}
    summary = summarise(pictures, named, left_out=left_out, split=split)
    return Evaluation(_table(rows, pictures), summary, tuple(pictures))


def _names(pair: PairedFiles, labels: Path, truth: Path) -> dict[str, str]:
    """Paths of the two files within what was given: no folder of this machine."""
    return {"labels": _inside(pair.labels, labels), "truth": _inside(pair.truth, truth)}


def _inside(path: Path | None, given: Path) -> str:
    if path is None:
        return ""
    folder = label_folder(given)
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.name


def _scored(pair: PairedFiles) -> tuple[dict[str, str], PictureScore | None]:
    """Row and score of one picture; whatever is wrong with it stays in its row."""
    row = {"image": pair.image, "status": "failed", "reason": pair.reason}
    if pair.truth is None or pair.labels is None:
        return row, None
    try:
        right, found = decode_labels(pair.truth), decode_labels(pair.labels)
        _check_shapes(right, found)
        score = score_picture(right, found, image=pair.image)
        warnings = [
            f"{name}: {warning}"
            for name, one, count in (
                ("truth", right, score.n_true),
                ("labels", found, score.n_found),
            )
            if (warning := _mask_warning(one, count))
        ]
    except CellwrightError as error:
        return row | {"reason": error.reason}, None
    status = "warned" if warnings else "done"
    return row | {"status": status, "reason": "; ".join(warnings)}, score


def _check_shapes(right: Labels, found: Labels) -> None:
    if tuple(right.data.shape) != tuple(found.data.shape):
        sizes = [" × ".join(str(length) for length in one.data.shape) for one in (found, right)]
        raise InputError(
            f"the labels have {sizes[0]} pixels, the truth has {sizes[1]}",
            remedy="give labels of the same picture; nothing is ever resized",
        )


def _mask_warning(labels: Labels, count: int) -> str:
    """Words for a mask in which all cells share one number; empty for label images."""
    if count != 1 or np.prod(labels.data.shape) > _LARGEST_TO_LABEL:
        return ""
    from scipy import ndimage

    pixels = labels.pixels()
    pieces = int(ndimage.label(pixels > 0, np.ones((3,) * pixels.ndim))[1])
    if pieces < 2:
        return ""
    return (
        f"{pieces} separate pieces have the one number {int(pixels.max())} and count as one cell: "
        "a mask, where each cell should have its own number"
    )


def _table(rows: list[dict[str, str]], pictures: list[PictureScore]) -> pd.DataFrame:
    names = ["image", "kind", "status", "reason", "labels", "truth"]
    table = pd.DataFrame(rows, columns=names, dtype=object)
    scores = score_table(pictures)
    # A picture that was not scored may have the name of one that was: rows, not names, join.
    scored = table.index[table["status"] != "failed"]
    values = scores[list(score_columns())].set_index(scored).reindex(table.index)
    return pd.concat([table, values], axis=1)


def write_evaluation(out: Path, evaluation: Evaluation) -> None:
    """Write ``scores.csv`` and ``summary.json`` into `out`; equal scores give equal bytes.

    ``comparison.csv`` too, if there is a comparison.

    Raises
    ------
    UsageError
        If a ``scores.csv`` or ``summary.json`` is there that no evaluation wrote.
    RunError
        If the folder cannot be written to.
    """
    _refuse_foreign(out)
    if (out / _SUMMARY).exists():  # of an evaluation before, which may have compared
        (out / _COMPARISON).unlink(missing_ok=True)
    text = io.StringIO()
    write_table(text, evaluation.table)
    write_atomic(out / _TABLE, text.getvalue().encode(), out)
    summary = json.dumps(
        evaluation.summary.to_json(), indent=1, ensure_ascii=False, allow_nan=False
    )
    write_atomic(out / _SUMMARY, (summary + "\n").encode(), out)
    if evaluation.comparison:
        text = io.StringIO()
        write_table(text, comparison_table(evaluation.comparison))
        write_atomic(out / _COMPARISON, text.getvalue().encode(), out)


def _check_out(out: Path, given: tuple[Path, ...]) -> None:
    if any(path.exists() and out.resolve() == path.resolve() for path in given):
        raise UsageError(
            "nothing is written next to what is scored",
            where=str(out),
            remedy="choose another --out",
        )
    _refuse_foreign(out)


def _refuse_foreign(out: Path) -> None:
    there = [name for name in (_TABLE, _SUMMARY) if (out / name).exists()]
    if not there:
        return
    try:
        record = json.loads((out / _SUMMARY).read_bytes())
    except (OSError, ValueError, RecursionError):
        record = None
    if not isinstance(record, dict) or record.get("format") != "cellwright-scores":
        raise UsageError(
            f"the folder holds {' and '.join(there)}, which no evaluation of cellwright wrote",
            where=str(out),
            remedy="choose another --out; nothing was changed",
        )
