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
    from cellwright.evaluation.evaluate import Evaluation
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


def _run(asked: Asked) -> int:
    from cellwright.evaluation.evaluate import evaluate

    out: Path = asked["out"]
    with progress(asked) as listener:
        evaluation = evaluate(
            asked["labels"],
            asked["truth"],
            out,
            kinds=asked["kinds"],
            against=asked["against"],
            listener=listener,
            cancel=CANCEL,
        )
    if asked["json_"]:
        print(json.dumps(_facts(evaluation, out), indent=1, allow_nan=False))
    elif not asked["quiet"]:
        for line in (*_lines(evaluation), *_compared(evaluation.comparison)):
            print(line)
        print(f"scores: {out / 'scores.csv'}, {out / 'summary.json'}")
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
        "summary": evaluation.summary.to_json(),
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


def _shown(estimate: Estimate, decimals: int) -> str:
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
    "intervals over pictures.",
    run=_run,
    inputs={
        "labels": "Label images, a folder of them, or a run's folder.",
        "truth": "Label images of the same names that are right.",
    },
    paths={
        "out": "Folder for scores.csv and summary.json.",
        "kinds": "Table with the columns image and kind: scores by kind as well.",
        "against": "Other label images of the same pictures: comparison.csv tells the differences.",
    },
    required=frozenset({"out"}),
    models=(Output,),
    example="cellwright evaluate run/ my_truth/ --out scores/",
)
