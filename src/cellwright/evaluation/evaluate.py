"""Score a folder of label images against a folder of truth, and write what came out."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from cellwright.core.errors import RunError, UsageError
from cellwright.engine.events import (
    CancelToken,
    Listener,
    PhaseFinished,
    PhaseStarted,
    PictureFinished,
    StepFinished,
    silent,
)
from cellwright.evaluation.comparison import Difference, compare, comparison_table
from cellwright.evaluation.kinds import kinds_of, read_kinds
from cellwright.evaluation.object_scores import ObjectScores, score_objects
from cellwright.evaluation.object_summary import summary_of, tables_of
from cellwright.evaluation.object_table import (
    ObjectTable,
    find_object_table,
    read_object_table,
)
from cellwright.evaluation.objects import PictureObjects, known_objects
from cellwright.evaluation.output import (
    COMPARISON,
    GALLERY,
    SCORES,
    SUMMARY,
    check_out,
    listed,
    write_files,
)
from cellwright.evaluation.pairing import (
    PairedFiles,
    find_label_files,
    label_folder,
    pair_files,
)
from cellwright.evaluation.picture import (
    PictureScore,
    score_columns,
    score_table,
)
from cellwright.evaluation.score_files import score_files
from cellwright.evaluation.summary import Summary, summarise
from cellwright.io.cells import write_table

__all__ = ["Evaluation", "evaluate", "evaluate_folders", "write_evaluation"]

_PHASE = "scoring"


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
    objects
        Scores by class and by confidence; None where neither is known.
    files
        Labels and truth of the pictures that were scored, in their order.
    remarks
        What a person should know of classes and confidences, one sentence each.
    """

    table: pd.DataFrame
    summary: Summary
    pictures: tuple[PictureScore, ...]
    comparison: tuple[Difference, ...] = ()
    objects: ObjectScores | None = None
    files: tuple[PairedFiles, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def failed(self) -> int:
        """Number of pictures that could not be scored."""
        return int((self.table["status"] == "failed").sum())

    @property
    def warned(self) -> int:
        """Number of pictures that were scored with a warning."""
        return int((self.table["status"] == "warned").sum())

    def to_json(self) -> dict[str, Any]:
        """Give the content of ``summary.json``."""
        found = self.summary.to_json()
        if self.objects is not None:
            found |= summary_of(self.objects)
        if self.remarks:
            found["remarks"] = list(self.remarks)
        return found


def evaluate(
    labels: str | Path,
    truth: str | Path,
    out: str | Path,
    *,
    kinds: str | Path | None = None,
    against: str | Path | None = None,
    found_objects: str | Path | None = None,
    truth_objects: str | Path | None = None,
    split: str = "",
    draw: Callable[[Evaluation], bytes] | None = None,
    listener: Listener = silent,
    cancel: CancelToken | None = None,
) -> Evaluation:
    """Score label images against the truth, and write what came out.

    Parameters
    ----------
    labels, truth, out, kinds, against, found_objects, truth_objects, split, listener, cancel
        As of `cellwright.evaluate`, which is the door.
    draw
        Makes ``gallery.html``.

    Raises
    ------
    UsageError, RunError
        As there.

    Examples
    --------
    >>> import tempfile, numpy as np
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
    check_out(out, (labels, truth))
    evaluation = evaluate_folders(
        labels,
        truth,
        kinds=read_kinds(Path(kinds)) if kinds is not None else None,
        found_objects=_object_table(found_objects, labels),
        truth_objects=_object_table(truth_objects, truth),
        split=split,
        listener=listener,
        cancel=cancel,
    )
    if against is not None:
        others = evaluate_folders(Path(against), truth, listener=listener, cancel=cancel)
        differences = compare(evaluation.pictures, others.pictures)
        evaluation = replace(evaluation, comparison=tuple(differences))
    write_evaluation(out, evaluation, draw(evaluation) if draw is not None else None)
    return evaluation


def _object_table(asked: str | Path | None, given: Path) -> ObjectTable | None:
    return find_object_table(given) if asked is None else read_object_table(Path(asked))


def evaluate_folders(
    labels: Path,
    truth: Path,
    *,
    kinds: Mapping[str, str] | None = None,
    found_objects: ObjectTable | None = None,
    truth_objects: ObjectTable | None = None,
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
    found_objects, truth_objects
        Classes and confidences of objects; see `cellwright.evaluation.object_table`.
    split
        The file or rule that says which pictures these are, for the card.
    listener
        Is told what goes on.
    cancel
        Stops between two pictures.

    Raises
    ------
    UsageError
        If a folder does not exist, no picture has a kind although kinds were given, or none has
        a row in a table of objects that was asked for.
    RunError
        If there are no label images, or none of them has a truth.
    """
    given, right = find_label_files(labels), find_label_files(truth)
    pairs = pair_files(given, right)
    if len(pairs) == len(given) + len(right):  # each that has a partner is one less
        raise RunError(
            f"none of {len(given)} label images has a truth: {given[0].image!r} and "
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
    true_rows, found_rows = (
        table.rows_of(names) if table is not None else {}
        for table, names in (
            (truth_objects, [pair.image for pair in pairs]),
            (found_objects, [pair.labels_image for pair in pairs]),
        )
    )
    remarks = _without_rows(truth_objects, true_rows) + _without_rows(found_objects, found_rows)
    listener(PhaseStarted(_PHASE, len(pairs)))
    pictures: list[PictureScore] = []
    objects: list[PictureObjects] = []
    rows: list[dict[str, str]] = []
    for pair in pairs:
        if cancel is not None:
            cancel.check()
        began = time.perf_counter()
        row, score, both = score_files(pair)
        if score is not None:
            pictures.append(score)
        if both is not None and (true_rows or found_rows):
            true = (truth_objects, true_rows.get(pair.image))
            found = (found_objects, found_rows.get(pair.labels_image))
            objects.append(known_objects(both, pair.image, true, found))
        n_cells = score.n_found if score is not None else 0
        rows.append(row | _names(pair, labels, truth) | {"kind": named.get(pair.image, "")})
        took = {"score": time.perf_counter() - began}
        listener(StepFinished(_PHASE, pair.image, seconds=took))
        listener(PictureFinished(pair.image, row["status"], row["reason"], n_cells))
    listener(PhaseFinished(_PHASE))
    left_out = {row["image"]: row["reason"] for row in rows if row["status"] == "failed"}
    summary = summarise(pictures, named, left_out=left_out, split=split)
    by_object = score_objects(objects, found_objects.chances if found_objects else ())
    return Evaluation(
        _table(rows, pictures),
        summary,
        tuple(pictures),
        objects=by_object,
        files=tuple(
            pair for pair, row in zip(pairs, rows, strict=True) if row["status"] != "failed"
        ),
        remarks=(*remarks, *(by_object.remarks if by_object is not None else ())),
    )


def _without_rows(table: ObjectTable | None, rows: Mapping[str, object]) -> tuple[str, ...]:
    """Words for a table that has none of the pictures; an error if somebody asked for it."""
    if table is None or rows:
        return ()
    name = next(iter(table.pictures), "")
    what = f"the table of objects has none of the pictures; it begins with {name!r}"
    if table.asked:
        raise UsageError(what, where=table.where, remedy="write their names into its column image")
    return (f"{Path(table.where).name}: {what}",)


def _names(pair: PairedFiles, labels: Path, truth: Path) -> dict[str, str]:
    """Paths of the two files within what was given: no folder of this machine."""
    return {"labels": _inside(pair.labels, labels), "truth": _inside(pair.truth, truth)}


def _inside(path: Path | None, given: Path) -> str:
    if path is None:
        return ""
    folder = label_folder(given)
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.name


def _table(rows: list[dict[str, str]], pictures: list[PictureScore]) -> pd.DataFrame:
    names = ["image", "kind", "status", "reason", "labels", "truth"]
    table = pd.DataFrame(rows, columns=names, dtype=object)
    scores = score_table(pictures)
    # A picture that was not scored may have the name of one that was: rows, not names, join.
    scored = table.index[table["status"] != "failed"]
    values = scores[list(score_columns())].set_index(scored).reindex(table.index)
    return pd.concat([table, values], axis=1)


def write_evaluation(out: Path, evaluation: Evaluation, gallery: bytes | None = None) -> None:
    """Write ``scores.csv`` and ``summary.json`` into `out`; equal scores give equal bytes.

    The other tables too, of what there is: comparison, classes, confidences; and the gallery.

    Raises
    ------
    UsageError
        If a file of one of these names is there that no evaluation wrote.
    RunError
        If the folder cannot be written to.
    """
    tables = tables_of(evaluation.objects) if evaluation.objects is not None else {}
    if evaluation.comparison:
        tables = {COMPARISON: comparison_table(evaluation.comparison), **tables}
    pages = {GALLERY: gallery} if gallery is not None else {}
    content = evaluation.to_json() | listed((*tables, *pages))
    summary = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    files = {SCORES: _csv(evaluation.table), SUMMARY: (summary + "\n").encode()}
    write_files(out, files | {name: _csv(table) for name, table in tables.items()} | pages)


def _csv(table: pd.DataFrame) -> bytes:
    text = io.StringIO()
    write_table(text, table)
    return text.getvalue().encode()
