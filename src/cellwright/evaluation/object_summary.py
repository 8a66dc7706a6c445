"""Scores by class and by confidence as they are written: tables, summary, and what each means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from cellwright.evaluation.calibration import BINS, Calibration
from cellwright.evaluation.confusion import ClassScores, Confusion, confusion_table
from cellwright.evaluation.intervals import Estimated
from cellwright.evaluation.object_scores import ObjectScores, ScaledCalibration
from cellwright.evaluation.precision_recall import IOUS, RECALLS, AveragePrecision

__all__ = ["DEFINITIONS", "OF_CLASS", "TABLES", "summary_of", "tables_of"]

DEFINITIONS: Mapping[str, str] = {
    "coco_map": "Area under the curve of precision over recall as confidence falls, read at 101 "
    "values of recall, mean over IoU 0.50, 0.55, … 0.95 and over the classes that have true cells; "
    "Lin et al. 2014, doi:10.1007/978-3-319-10602-1_48, without its limit of 100 cells a picture",
    "coco_ap_50": "The same at an IoU of 0.5",
    "coco_ap_75": "The same at an IoU of 0.75",
    "ap": "`coco_map` of one class",
    "ap_50": "The same at an IoU of 0.5",
    "ap_75": "The same at an IoU of 0.75",
    "precision": "Of the found cells of the class, those that match a true one of the class at an "
    "IoU of 0.5; 0 where none was found but some are there",
    "recall": "Of the true cells of the class, those that match a found one of the class at 0.5",
    "f1": "Harmonic mean of the two",
    "accuracy": "Of the cells that match at an IoU of 0.5, those with the right class",
    "balanced_accuracy": "Mean over true classes of that share; Brodersen et al. 2010, "
    "doi:10.1109/ICPR.2010.764",
    "micro_precision": "Of all found cells, those that match a true one of their class at 0.5",
    "micro_recall": "Of all true cells, those that match a found one of their class at 0.5",
    "micro_f1": "Harmonic mean of the two",
    "macro_precision": "Mean of precision over the classes that have true cells",
    "macro_recall": "Mean of recall over the classes that have true cells",
    "macro_f1": "Mean of F1 over the classes that have true cells",
    "ece": "Expected calibration error: mean distance, cell by cell, of what was said and what was "
    f"so in {BINS} bins of equal width. Of confidence: that a cell matches a true one at an IoU of "
    "0.5. Of classes: that the likeliest class is the true one, of cells that match; Naeini et al. "
    "2015, AAAI",
    "ece_by_chance": "What `ece` would be on average, of as many cells, if every probability were "
    "true",
    "ece_scaled": "`ece` after temperature scaling, each picture by a temperature that was "
    "fitted to others; Guo et al. 2017, ICML",
    "temperature": "Fitted to all pictures: above 1 the confidences are too sure, below 1 too "
    "modest",
    "nll": "Mean negative logarithm of the probability of what was so",
    "nll_scaled": "`nll` after temperature scaling",
}
"""What each number means, for ``summary.json`` and the reference."""

TABLES = ("classes.csv", "confusion.csv", "precision_recall.csv", "reliability.csv")
"""Files that may be written; those that there is something for."""

OF_CLASS = ("precision", "recall", "f1", "ap", "ap_50", "ap_75")
"""Scores of a class in ``classes.csv``, each with ``_low`` and ``_high``."""

_RELIABILITY = ("of", "scaled", "low", "high", "n", "said", "right", "right_low", "right_high")


def summary_of(scores: ObjectScores) -> dict[str, Any]:
    """``classes``, ``confidence`` and ``remarks`` of ``summary.json``, as far as known.

    Examples
    --------
    >>> from cellwright.evaluation.object_scores import score_objects
    >>> from cellwright.evaluation.objects import picture_objects
    >>> labels = np.array([[1, 1, 0, 2]])
    >>> scores = score_objects([picture_objects(labels, labels, confidence={1: 0.9, 2: 0.8})])
    >>> list(summary_of(scores)), list(tables_of(scores))
    (['confidence'], ['precision_recall.csv', 'reliability.csv'])
    """
    found: dict[str, Any] = {}
    if scores.by_class is not None and scores.confusion is not None:
        found["classes"] = _described(_classes(scores, scores.by_class, scores.confusion))
    if scores.precision is not None:
        found["confidence"] = _described(_confidence(scores, scores.precision))
    if scores.remarks:
        found["remarks"] = list(scores.remarks)
    return found


def _classes(scores: ObjectScores, by_class: ClassScores, matrix: Confusion) -> dict[str, Any]:
    coco = scores.precision_of_classes
    overall = {**by_class.overall, **(coco.overall if coco is not None else {})}
    return {
        "names": list(scores.classes),
        "without_class": {"true": scores.true_without, "found": scores.found_without},
        "scores": _json(overall),
        "by_class": {
            name: {
                "n_true": by_class.n_true[name],
                "n_found": by_class.n_found[name],
                "scores": _json(_of_class(scores, by_class, name)),
            }
            for name in scores.classes
        },
        "confusion": {
            "rows": list(matrix.rows),
            "columns": list(matrix.columns),
            "counts": matrix.matrix.tolist(),
        },
        **_calibration(scores.chances),
    }


def _confidence(scores: ObjectScores, precision: AveragePrecision) -> dict[str, Any]:
    return {
        "n": scores.n_confident,
        "without_confidence": scores.n_without,
        "scores": _json(precision.overall),
        **_calibration(scores.confidence),
    }


def _calibration(of: ScaledCalibration | None) -> dict[str, Any]:
    if of is None:
        return {}
    errors = {"ece": of.as_it_is.expected_error}
    if of.scaled is not None:
        errors["ece_scaled"] = of.scaled.expected_error
    return {
        "calibration": {
            "n": int(of.as_it_is.bins.count.sum()),
            "scores": _json(errors),
            "ece_by_chance": _plain(of.as_it_is.by_chance),
            "temperature": _plain(of.temperature),
            "nll": _plain(of.nll),
            "nll_scaled": _plain(of.nll_scaled),
        }
    }


def _of_class(scores: ObjectScores, by_class: ClassScores, name: str) -> dict[str, Estimated]:
    coco = scores.precision_of_classes
    return {**by_class.by_class[name], **(coco.by_class[name] if coco is not None else {})}


def _described(block: Mapping[str, Any]) -> dict[str, Any]:
    """A block with the definitions of the numbers in it."""
    used = _names_in(block)
    return {**block, "definitions": {n: text for n, text in DEFINITIONS.items() if n in used}}


def _names_in(block: Mapping[str, Any]) -> set[str]:
    inner = [_names_in(value) for value in block.values() if isinstance(value, Mapping)]
    return set(block).union(*inner)


def _json(scores: Mapping[str, Estimated]) -> dict[str, Any]:
    return {name: one.to_json() for name, one in scores.items()}


def _plain(value: float) -> float | None:
    return value if np.isfinite(value) else None


def tables_of(scores: ObjectScores) -> dict[str, pd.DataFrame]:
    """Tables by the names of their files: those of `TABLES` that there is something for."""
    tables: dict[str, pd.DataFrame] = {}
    if scores.by_class is not None and scores.confusion is not None:
        tables["classes.csv"] = _class_table(scores, scores.by_class)
        tables["confusion.csv"] = confusion_table(scores.confusion)
    if scores.precision is not None:
        tables["precision_recall.csv"] = _curve_table(scores, scores.precision)
    if scores.confidence is not None or scores.chances is not None:
        tables["reliability.csv"] = _reliability_table(scores)
    return tables


def _class_table(scores: ObjectScores, by_class: ClassScores) -> pd.DataFrame:
    rows = []
    for name in scores.classes:
        known = _of_class(scores, by_class, name)
        row: dict[str, Any] = {
            "class": name, "n_true": by_class.n_true[name], "n_found": by_class.n_found[name],
        }  # fmt: skip
        for score in OF_CLASS:
            one = known.get(score, Estimated(float("nan")))
            low, high = one.interval.low, one.interval.high
            row |= {score: one.value, f"{score}_low": low, f"{score}_high": high}
        rows.append(row)
    return pd.DataFrame(rows)


def _curve_table(scores: ObjectScores, precision: AveragePrecision) -> pd.DataFrame:
    """All cells as one class first, whose name is blank; then each class."""
    coco = scores.precision_of_classes
    curves = {**precision.curves, **(coco.curves if coco is not None else {})}
    parts = [
        pd.DataFrame(
            {
                "class": name,
                "iou": np.repeat(IOUS, RECALLS.size),
                "recall": np.tile(RECALLS.round(2), len(IOUS)),
                "precision": curve.precision.ravel(),
                "confidence": curve.confidence.ravel(),
            }
        )
        for name, curve in curves.items()
    ]
    return pd.concat(parts, ignore_index=True)


def _reliability_table(scores: ObjectScores) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for of, both in (("confidence", scores.confidence), ("class", scores.chances)):
        if both is not None:
            rows += _bins(of, "no", both.as_it_is)
            rows += _bins(of, "yes", both.scaled) if both.scaled is not None else []
    return pd.DataFrame(rows, columns=list(_RELIABILITY))


def _bins(of: str, scaled: str, one: Calibration) -> list[dict[str, Any]]:
    return [
        {
            "of": of,
            "scaled": scaled,
            "low": place / BINS,
            "high": (place + 1) / BINS,
            "n": int(one.bins.count[k]),
            "said": float(one.bins.said[k]),
            "right": float(one.bins.right[k]),
            "right_low": one.right[k].interval.low,
            "right_high": one.right[k].interval.high,
        }
        for k, place in enumerate(one.bins.place.tolist())
    ]
