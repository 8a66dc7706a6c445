"""The result of a training: how good, better than before or not, and how sure that is."""

from __future__ import annotations

import math
from dataclasses import dataclass

from cellwright.report.table import Badge
from cellwright.report.template import Markup, fill
from cellwright.report.training_folder import CANDIDATE, MODEL, Run, Training, number
from cellwright.report.training_wording import (
    PRIMARY,
    TITLES,
    Against,
    Estimate,
    against,
    estimate,
    interval,
    p_value,
    score,
)
from cellwright.report.wording import counted, visible

__all__ = ["headline", "verdict"]

_TILES = (PRIMARY, "f1_50", "semantic_iou", "pooled_count_error_percent")
_COUNT_ERROR = ("Count error", "All found objects less all drawn ones, of the drawn ones")

FEW, ENOUGH = 10, 30
"""Held-out pictures below which a score is a first impression, and from which on its interval
holds the truth nearly as often as it says; see `cellwright.evaluation.intervals`."""

HOPELESS = 0.1
"""AP at 0.5 below which a model is of no use, whatever it is for."""

_LOSS = -0.05
"""Lower end of an interval above which nobody need care about what was forgotten."""


@dataclass(frozen=True)
class Light:
    """One of the traffic lights: a level, what it is about, and the finding."""

    level: Badge
    subject: str
    finding: str


def headline(training: Training) -> str:
    """Say the result in one line, or how far the training is."""
    ap = estimate(training.summary, PRIMARY)
    if training.model and math.isfinite(ap.value):
        told = f"AP {score(ap.value)} on {counted(ap.n, 'picture')}"
        if training.folds:
            return f"{told}, each as found by a network that had not learnt from it"
        return f"{told} that it has not learnt from"
    if training.model:
        learnt = counted(len(training.names("training")), "picture")
        return f"Trained on {learnt}, scored on none"
    if _going_on(training) is not None:
        return f"In training: {_place(training)}"
    return "Planned, not yet trained"


def verdict(training: Training) -> Markup:
    """Sentences, tiles, lights, and what to keep in mind."""
    lights = [_held_out(training), _better(training)]
    if training.beginning:
        lights.append(_forgotten(training))
    return fill(
        "result.html.j2",
        paragraphs=[" ".join(said) for said in (_learnt(training), _outcome(training)) if said],
        tiles=_tiles(training),
        lights=lights,
        caveats=_caveats(training) if training.summary else [],
        broken=[visible(text) for text in training.broken],
    )


def _going_on(training: Training) -> Run | None:
    """The run that is being made, as far as its files tell."""
    begun = [run for run in training.runs if run.steps]
    return begun[-1] if begun and not training.model else None


def _place(training: Training) -> str:
    run = _going_on(training)
    if run is None:
        return ""
    part = f"part {run.part} of {training.folds}, " if run.part else ""
    if not run.part and training.folds:
        part = "the last run, "
    of = f" of {training.planned_steps:,}" if training.planned_steps else ""
    return f"{part}step {run.steps:,}{of}"


def _learnt(training: Training) -> list[str]:
    """From what was learnt, and for how long."""
    if not training.plan:
        return ["The folder has no plan that could be read: what was trained on is not known."]
    name = _quoted(visible(training.asked.get("name") or training.folder, 60))
    n = len(training.names("training"))
    nature = training.nature
    groups, objects = number(nature, "groups"), number(nature, "objects")
    start = f"began with {_quoted(training.beginning_name) or 'random weights'}"
    begun = [run for run in training.runs if run.steps]
    pictures = counted(n, "picture")
    if training.model:
        made = max((run.steps for run in training.runs if not run.part), default=0)
        steps = counted(made or training.planned_steps, "step")
        said = [f"The model {name} {start} and learnt from {pictures} in {steps}."]
        if training.is_ensemble:
            said = [
                f"The model {name} is the mean of {training.folds} networks. Each {start} and "
                f"learnt from the {pictures} but those of its part."
            ]
    elif begun:
        said = [f"The model {name} {start} and learns from {pictures}: {_place(training)}."]
    else:
        said = [f"The model {name} is to learn from {pictures}."]
    if math.isfinite(objects) and math.isfinite(groups):
        total = counted(number(nature, "pictures"), "picture")
        said.append(
            f"All {total} together have {counted(objects, 'object')} drawn by hand and are of "
            f"{counted(groups, 'group')}, each of pictures that belong together."
        )
    if training.folds:
        said.append(
            f"For the scores the pictures were parted in {training.folds}: each was judged by a "
            "network that had learnt from the other parts only."
        )
    elif training.n_held:
        was = "was" if training.n_held == 1 else "were"
        said.append(
            f"{counted(training.n_held, 'picture')} {was} held out: all scores are of "
            f"{'it' if training.n_held == 1 else 'these'} alone."
        )
    if told := max(map(len, training.aside), default=0):
        said.append(
            f"Neither scored nor learnt from, {counted(told, 'picture')} told when to end."
            if not training.folds
            else f"In each part up to {told} of the others were not learnt from either, and told "
            "when to end."
        )
    return said


def _outcome(training: Training) -> list[str]:
    """Whether it is better than its beginning, and which file holds it."""
    if not training.model:
        return []
    if not training.summary:
        return ["No picture was held out: nobody knows how good the model is."]
    ap = estimate(training.summary, PRIMARY)
    if not math.isfinite(ap.value):
        return []
    around = interval(ap.low, ap.high)
    sure = f"the 95 % interval is {around}" if around else "one picture has no interval"
    share = f"{100 * ap.value:.0f} %"
    said = [f"In the average picture {share} of the objects, drawn or found, match ({sure})."]
    if ap.value < HOPELESS:
        said.append(
            "That is next to nothing: more steps (--budget) are the first thing to try, then more "
            "pictures."
        )
    main = _primary(against(training.comparison))
    if main is None:
        return said
    begin = _quoted(training.beginning_name) or "the model that it began with"
    same = f"On the same {counted(main.n, 'picture')} {begin} has an AP of {score(main.other)}"
    if main.surely_better:
        said.append(f"{same}: this model is better, by {_by(main)}.")
    elif main.surely_worse:
        said.append(f"{same}: this model is worse, by {_by(main)}.")
    elif main.unchanged:
        said.append(f"{same}, and the same in each of them: nothing has changed.")
    else:
        said.append(f"{same}: the difference may be chance, {_by(main)}.")
    if not main.surely_better:
        said.append(
            f"It was taken all the same, as {MODEL}." if training.model == MODEL
            else f"It is kept as {CANDIDATE}: {begin} stays the one to use until more pictures or "
            "more steps say otherwise."
        )  # fmt: skip
    return said


def _quoted(name: str) -> str:
    return f"“{name}”" if name else ""


def _primary(rows: list[Against]) -> Against | None:
    return next((one for one in rows if one.score == PRIMARY), None)


def _by(one: Against) -> str:
    around = interval(one.low, one.high, signed=True)
    sure = [f"95 % interval {around}" if around else "no interval"]
    if math.isfinite(one.p):
        sure.append(f"p {p_value(one.p)}" if one.p < 0.001 else f"p = {p_value(one.p)}")
    sure.append(f"better in {counted(one.better, 'picture')}, worse in {one.worse:,}")
    return f"{score(one.difference, signed=True)} ({'; '.join(sure)})"


def _tiles(training: Training) -> list[dict[str, str]]:
    if not training.summary:
        return []
    return [_tile(name, estimate(training.summary, name)) for name in _TILES]


def _tile(name: str, found: Estimate) -> dict[str, str]:
    title, help_ = TITLES.get(name, _COUNT_ERROR)
    percent = name == _TILES[-1]
    unit = "%" if percent else ""
    around = interval(found.low, found.high, signed=percent, unit=unit)
    return {
        "title": title,
        "help": help_,
        "value": score(found.value, signed=percent, unit=unit),
        "interval": f"95 % interval {around}" if around else "no interval",
        "n": f"n = {counted(found.n, 'picture')}",
    }


def _held_out(training: Training) -> Light:
    subject = "Pictures it is judged by"
    n = training.n_held
    if not n:
        return Light("fail", subject, "None: nobody will know how good the model is")
    told = counted(n, "picture")
    if n == 1:
        return Light("warn", subject, "1 picture: a single case, which says nothing of others")
    if n < FEW:
        return Light("warn", subject, f"{told}: a first impression, no number to publish")
    if n < ENOUGH:
        return Light("quiet", subject, f"{told}: a rough number, whose interval is rough too")
    return Light("pass", subject, told)


def _better(training: Training) -> Light:
    subject = "Against what it began with"
    if not training.beginning:
        return Light("quiet", subject, "It began with random weights: nothing to compare with")
    if not training.model:
        return Light("quiet", subject, "Compared at the end of the training")
    main = _primary(against(training.comparison))
    if main is None:
        return Light("quiet", subject, "Not known: no picture was held out")
    told = f"AP {score(main.difference, signed=True)}, from {score(main.other)}"
    if main.surely_better:
        return Light("pass", subject, f"Better: {told}")
    if main.surely_worse:
        return Light("fail", subject, f"Worse: {told}")
    if main.unchanged:
        return Light("warn", subject, "Alike in every picture")
    return Light("warn", subject, f"Cannot be told: {told}; the interval holds 0")


def _forgotten(training: Training) -> Light:
    subject = "What was forgotten"
    main = _primary(against(training.forgotten))
    if main is None:
        when = "" if training.model else " yet"
        return Light("quiet", subject, f"Not looked at{when}: give pictures of before with --also")
    told = f"AP {score(main.difference, signed=True)} on {counted(main.n, 'picture')} of before"
    if main.surely_worse:
        return Light("fail", subject, f"Something: {told}")
    if main.low > _LOSS:
        return Light("pass", subject, f"Nothing that matters: {told}")
    return Light("warn", subject, f"Cannot be told: {told}, and the interval is wide")


def _caveats(training: Training) -> list[str]:
    """What makes the numbers less sure than they look."""
    said = []
    n = training.n_held
    if 1 < n < ENOUGH:
        said.append(
            f"Intervals of fewer than {ENOUGH} pictures are too narrow: in simulations those of "
            "95 % held the truth in 81 of 100 cases with 5 pictures, in 82 with 10, in 89 with 20."
        )
    groups, pictures = number(training.nature, "groups"), number(training.nature, "pictures")
    if groups < pictures:
        said.append(
            f"The {counted(pictures, 'picture')} are of {counted(groups, 'group')}. No group "
            "stands on both sides, but held-out pictures of one group are alike, and the intervals "
            "count each by itself: they may be narrower than they should be."
        )
    if training.scored_ended_it:
        said.append(
            "The held-out pictures also had a say in when training ended, so their scores may be "
            "a little too good. For a number to publish, score the model on others."
        )
    if training.folds and training.is_ensemble:
        said.append(
            "The scores are those of the networks that the model is made of, each on pictures that "
            "it had not learnt from. Their mean was never judged: others of them had learnt from "
            "these pictures."
        )
    elif training.folds:
        said.append(
            "The scores are those of networks that learnt from a part of the pictures. The model "
            "itself learnt from all of them, and was never judged."
        )
    if n:
        said.append(
            "All this holds for pictures like these: of the same cells, stain and microscope."
        )
    return said
