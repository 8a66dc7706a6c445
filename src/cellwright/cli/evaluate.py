"""`cellwright evaluate`: label images and the truth in, scores with intervals out."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cellwright.cli.face import SOME_FAILED, progress
from cellwright.cli.interrupt import CANCEL
from cellwright.cli.verb import Asked, Output, Verb

if TYPE_CHECKING:
    from cellwright.evaluation.comparison import Difference
    from cellwright.evaluation.confusion import ClassScores
    from cellwright.evaluation.evaluate import Evaluation
    from cellwright.evaluation.intervals import Estimated
    from cellwright.evaluation.object_scores import ObjectScores
    from cellwright.evaluation.summary import Estimate, GroupSummary

__all__ = ["VERB"]

# What is shown at the end; summary.json holds all of it.
_SHOWN = {
    "AP at 0.5": ("dsb_ap_50", 3),
    "mean AP": ("dsb_ap_mean", 3),
    "F1 at 0.5": ("f1_50", 3),
    "PQ": ("pq", 3),
    "IoU": ("semantic_iou", 3),
    "count, %": ("pooled_count_error_percent", 1),
    "area, %": ("median_area_bias_percent", 1),
}
_ERRORS = ("missed", "invented", "split", "merged")
_COCO = {"coco_map": "COCO mAP", "coco_ap_50": "AP50", "coco_ap_75": "AP75"}
_ACCURACIES = {
    "accuracy": "right for matched cells",
    "balanced_accuracy": "balanced",
    "macro_f1": "macro F1",
}
_LONGEST_NAME = 30


def _run(asked: Asked) -> int:
    from cellwright.api import evaluate

    out: Path = asked["out"]
    with progress(asked) as listener:
        evaluation = evaluate(
            asked["labels"],
            asked["truth"],
            out,
            images=asked["images"],
            kinds=asked["kinds"],
            against=asked["against"],
            found_objects=asked["found_objects"],
            truth_objects=asked["truth_objects"],
            listener=listener,
            cancel=CANCEL,
        )
    if asked["json_"]:
        print(json.dumps(_facts(evaluation, out), indent=1, allow_nan=False))
    elif not asked["quiet"]:
        for line in (
            *_lines(evaluation),
            *_by_object(evaluation.objects),
            *(f"note: {remark}" for remark in evaluation.remarks),
            *_compared(evaluation.comparison),
        ):
            print(line)
        print(f"scores: {out / 'scores.csv'}, {out / 'summary.json'}")
        if asked["images"] is not None:
            print(f"gallery: {out / 'gallery.html'}")
    return SOME_FAILED if evaluation.failed else 0


def _facts(evaluation: Evaluation, out: Path) -> dict[str, Any]:
    from cellwright.evaluation.comparison import comparison_table

    inputs, failed, warned = len(evaluation.table), evaluation.failed, evaluation.warned
    overall = evaluation.summary.overall
    return {
        "inputs": inputs,
        "done": inputs - failed - warned,
        "warned": warned,
        "failed": failed,
        "skipped": 0,
        "cells": overall.n_true,
        "computed": inputs - failed,
        "reused": 0,
        "steps": {
            "computed": inputs - failed,
            "reused": 0,
            "by_step": {"score": {"computed": inputs - failed, "reused": 0}},
        },
        "summary": evaluation.to_json(),
        "comparison": json.loads(comparison_table(evaluation.comparison).to_json(orient="records")),
        "out": str(out),
    }


def _lines(evaluation: Evaluation) -> list[str]:
    """A table for people: all pictures, then each kind."""
    summary = evaluation.summary
    groups = {"all": summary.overall, **summary.kinds}
    width = max(len(name) for name in groups)
    lines = ["  ".join([" " * width, "pictures", "  cells", *(f"{t:>20}" for t in _SHOWN)])]
    for name, group in groups.items():
        shown = [_shown(group.scores[score], decimals) for score, decimals in _SHOWN.values()]
        counts = [f"{name:<{width}}", f"{group.n_pictures:>8,}", f"{group.n_true:>7,}"]
        lines.append("  ".join([*counts, *(f"{text:>20}" for text in shown)]))
    lines.append(_errors(summary.overall))
    if summary.overall.n_empty:
        lines.append(
            f"without any cell, and none was found: {summary.overall.n_empty:,} pictures, which "
            "count as right; summary.json has the means without them too"
        )
    if evaluation.failed:
        lines.append(
            f"not scored, and in no mean: {evaluation.failed:,} pictures; the column reason of "
            "scores.csv says why"
        )
    return lines


def _by_object(objects: ObjectScores | None) -> list[str]:
    """Confidences, then classes."""
    lines: list[str] = []
    if objects is None:
        return lines
    if objects.precision is not None:
        overall = objects.precision.overall
        shown = ", ".join(f"{title} {_shown(overall[name], 3)}" for name, title in _COCO.items())
        lines.append(f"by confidence, all cells as one class: {shown}")
    for what, judged in (("confidences", objects.confidence), ("classes", objects.chances)):
        if judged is not None:
            line = (
                f"calibration error of {what}: {_shown(judged.as_it_is.expected_error, 3)} "
                f"({judged.as_it_is.by_chance:.3f} by chance alone)"
            )
            if judged.scaled is not None:
                after = _shown(judged.scaled.expected_error, 3)
                line += f"; after a temperature of {judged.temperature:.2f}: {after}"
            lines.append(line)
    return lines + (_classes(objects, objects.by_class) if objects.by_class is not None else [])


def _classes(objects: ObjectScores, by_class: ClassScores) -> list[str]:
    from cellwright.report.wording import visible

    overall, coco = by_class.overall, objects.precision_of_classes
    line = ", ".join(f"{title} {_shown(overall[name], 3)}" for name, title in _ACCURACIES.items())
    if coco is not None:
        line += f", COCO mAP {_shown(coco.overall['coco_map'], 3)}"
    names = {name: visible(name, _LONGEST_NAME) for name in objects.classes}
    width = max(len("class"), *map(len, names.values()))
    titles = ["precision", "recall", "f1", *(["ap"] if coco is not None else [])]
    head = "  ".join([f"{'class':<{width}}", "   true", "  found", *(f"{t:>20}" for t in titles)])
    lines = [f"classes: {line}", head]
    for name, shown in names.items():
        of = {**by_class.by_class[name], **(coco.by_class[name] if coco is not None else {})}
        counts = [f"{by_class.n_true[name]:>7,}", f"{by_class.n_found[name]:>7,}"]
        values = [f"{_shown(of[title], 3):>20}" for title in titles]
        lines.append("  ".join([f"{shown:<{width}}", *counts, *values]))
    return lines


def _compared(differences: Sequence[Difference]) -> list[str]:
    """How the labels differ from others: only what was asked for."""
    if not differences:
        return []
    lines = [f"{'':<14}      n    these   others  difference           interval       p"]
    for one in differences:
        low, high = one.interval.low, one.interval.high
        interval = "none" if low is None or high is None else f"[{low:+.3f}, {high:+.3f}]"
        lines.append(
            f"{one.score:<14} {one.n:>6,} {one.value:>8.3f} {one.other:>8.3f} "
            f"{one.difference:>+11.3f} {interval:>18} {one.p:>7.2g}"
        )
    return lines


def _shown(estimate: Estimate | Estimated, decimals: int) -> str:
    """Value and its interval."""
    if not math.isfinite(estimate.value):
        return "none"
    text = f"{estimate.value:.{decimals}f}"
    low, high = estimate.interval.low, estimate.interval.high
    if low is None or high is None:
        return text
    return f"{text} [{low:.{decimals}f}, {high:.{decimals}f}]"


def _errors(group: GroupSummary) -> str:
    found = ", ".join(f"{int(group.totals[name]):,} {name}" for name in _ERRORS)
    return f"{group.n_found:,} cells found for {group.n_true:,} true ones: {found}"


VERB = Verb(
    help="Score label images against true ones: scores of each picture, and their means with "
    "intervals over pictures; by class and confidence, where these are known.",
    run=_run,
    inputs={
        "labels": "Label images, a folder of them, or a run's folder.",
        "truth": "Label images of the same names that are right.",
    },
    paths={
        "out": "Folder for scores.csv and summary.json.",
        "images": "The pictures, named like labels or truth: gallery.html shows the worst, median "
        "and best with both outlines.",
        "kinds": "Table with the columns image and kind: scores by kind as well.",
        "against": "Other label images of the same pictures: comparison.csv tells the differences.",
        "found_objects": "Table with the columns image, label, and class or confidence of each "
        "found cell; without, cells.csv of the run or classes.csv beside the labels.",
        "truth_objects": "Table with the columns image, label and class of each true cell; "
        "without, classes.csv beside the truth.",
    },
    required=frozenset({"out"}),
    models=(Output,),
    example="cellwright evaluate run/ my_truth/ --out scores/",
)
