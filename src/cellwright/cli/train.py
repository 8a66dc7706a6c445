"""`cellwright train`: a model of your own cells."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic import Field

from cellwright.cli.face import progress
from cellwright.cli.interrupt import CANCEL
from cellwright.cli.verb import Asked, Output, Verb
from cellwright.core.method import Options
from cellwright.learn.options import TrainOptions

if TYPE_CHECKING:
    from cellwright.evaluation.comparison import Difference
    from cellwright.evaluation.intervals import Interval
    from cellwright.learn.job import Trained
    from cellwright.learn.stored_plan import Plan

__all__ = ["VERB", "Annotations", "difference_facts", "within"]

NOT_BETTER = 1
_SHOWN = ("semantic_iou", "dsb_ap_50", "dsb_ap_mean", "f1_50", "pooled_count_error_percent")


class Annotations(Options):
    """How annotations are read."""

    format: str = Field(
        "auto", description="Of the annotations; docs/reference/annotations.md lists all."
    )


def _run(asked: Asked) -> int:
    from cellwright.api import train

    with progress(asked) as listener:
        done = train(
            asked["source"],
            asked["out"],
            source_format=asked["format"],
            images=asked["images"],
            also=asked["also"],
            listener=listener,
            cancel=CANCEL,
            **asked.of(TrainOptions),
        )
    if asked["json_"]:
        print(json.dumps(_facts(done), indent=1))
    elif not asked["quiet"]:
        for line in _lines(done, accepted=asked["accept"]):
            print(line)
    return 0 if done.better or asked["accept"] else NOT_BETTER


def _facts(done: Trained) -> dict[str, Any]:
    plan = done.plan
    scores = {} if done.result is None else done.result.summary.overall.to_json()
    return {
        "inputs": plan.nature.pictures,
        "cells": plan.nature.objects,
        "training": len(plan.training),
        "validation": len(plan.validation),
        "scored_on": plan.split,
        "steps": plan.settings.steps,
        "model": None if done.model is None else str(done.model),
        "better": done.better,
        "scores": scores,
        "against": [difference_facts(one) for one in done.against],
        "forgotten": [difference_facts(one) for one in done.forgotten],
        "out": str(done.folder),
        "page": _page(done),
    }


def _page(done: Trained) -> str | None:
    from cellwright.report.training_folder import PAGE

    path = done.folder / PAGE
    return str(path) if path.is_file() else None


def difference_facts(one: Difference) -> dict[str, Any]:
    """A difference for JSON."""
    return {
        "score": one.score, "value": one.value, "other": one.other,
        "difference": one.difference, "low": one.interval.low, "high": one.interval.high,
    }  # fmt: skip


def _lines(done: Trained, *, accepted: bool) -> list[str]:
    lines = []
    if done.result is not None:
        lines.append(f"{_judged(done.plan, len(done.result.scores))}:")
        for name in _SHOWN:
            estimate = done.result.summary.overall.scores[name]
            lines.append(f"  {name}: {estimate.value:.3f}{within(estimate.interval)}")
    for title, differences in (
        ("against the model that it began with:", done.against),
        ("on pictures that this one was made for:", done.forgotten),
    ):
        if differences:
            lines.append(title)
            lines += [
                f"  {one.score}: {one.difference:+.3f}{within(one.interval)}, "
                f"{one.other:.3f} before"
                for one in differences
            ]
    page = _page(done)
    shown = [] if page is None else [f"page: {page}"]
    if done.model is None:
        return [f"plan and preview: {done.folder}", *shown]
    if not done.better:
        then = (
            "taken all the same, as --accept says"
            if accepted
            else "give more pictures or a larger --budget, or take it all the same with --accept"
        )
        lines.append(
            "not better than the model that it began with, as far as these pictures can tell: "
            + then
        )
    return [*lines, *shown, f"model: {done.model}"]


def _judged(plan: Plan, n: int) -> str:
    """Say on which pictures the scores are, and what else these did."""
    if plan.is_ensemble:
        said = (
            f"on {n} pictures, each as found by the one of its networks that has not learnt from "
            "it; the mean of all is not judged"
        )
    elif plan.folds:
        said = (
            f"on {n} pictures, each as found by a network of the cross-validation that had not "
            "learnt from it; the model itself has learnt from all, and is not judged"
        )
    else:
        said = f"on {n} pictures that it has not learnt from"
    return f"{said}; {plan.doubt}" if plan.doubt else said


def within(interval: Interval) -> str:
    """An interval behind its number; nothing if it is not known."""
    return "" if interval.low is None else f" [{interval.low:.3f}, {interval.high:.3f}]"


VERB = Verb(
    help="Teach a model your own cells from annotated pictures; the same command goes on with a "
    "training that was ended.",
    run=_run,
    inputs={"source": "Folder, file or zip of annotated pictures."},
    paths={
        "out": "Folder of the training.",
        "images": "Folder of the pictures, where the source does not hold them.",
        "also": "With --from: annotated pictures that this model was made for, to see what is "
        "forgotten.",
    },
    required=frozenset({"out"}),
    models=(TrainOptions, Annotations, Output),
    example="cellwright train annotations/ --from nuclei --budget 10min --out my-cells/",
)
