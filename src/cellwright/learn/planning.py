"""Making the plan of a training: who is held out, how is trained, and how long that takes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from cellwright.core.errors import UsageError
from cellwright.core.units import parse_duration
from cellwright.datasets.example import Example
from cellwright.engine.events import Listener, Message, silent
from cellwright.engine.onnx import Network
from cellwright.learn.calibrating import kept_scores
from cellwright.learn.dataset import Dataset
from cellwright.learn.early_stopping import put_aside
from cellwright.learn.holding_out import fresh_to, held_out
from cellwright.learn.judging import judged
from cellwright.learn.options import TrainOptions
from cellwright.learn.pictures import Picture
from cellwright.learn.plan import changed, check_scale, nature_of, scheduled, settings_for
from cellwright.learn.stored_plan import Plan, digest_of, kept_plan, write_plan
from cellwright.learn.training import Precision, Settings, first_steps
from cellwright.models.model import Model

__all__ = [
    "known_already",
    "parts_of",
    "planned",
    "precision_here",
    "seconds_of_step",
    "within_budget",
]

_TIMED = 4
"""Steps that are made to find out how long one takes; the first does not count."""
_FOR_STEPS = 0.8
"""Share of a budget that is for steps; the rest is for looking, scoring and writing."""
_LEAST_STEPS = 10
_LOOKED_AT = 6
"""Pictures at which the model is tried that a training begins with, at the most."""

_NOT_OF_THE_PLAN = {"preview", "accept", "licence"}
"""Options that change nothing of what is trained, but whether and under what it may be used."""


def planned(
    out: Path,
    options: TrainOptions,
    data: Dataset,
    pictures: Mapping[str, Picture],
    start: tuple[Model, Mapping[str, torch.Tensor]] | None,
    *,
    listener: Listener = silent,
) -> Plan:
    """Make the plan, or take that which the folder holds.

    Parameters
    ----------
    out
        Folder of the training, which gets the plan.
    options
        What a person wants.
    data, pictures
        The dataset, and its pictures by name.
    start
        Model whose training goes on, and its weights. Pictures that it has learnt from are never
        held out.
    listener
        Is told of such pictures, and of a model of which it is not known.

    Raises
    ------
    UsageError
        If the folder holds another training, a setting cannot be as it is wanted, or nothing is
        left that could be held out.
    """
    asked = options.model_dump(mode="json", exclude=_NOT_OF_THE_PLAN)
    digest = digest_of(data.examples)
    kept = kept_plan(out, asked, digest)
    if kept is not None and start is not None and kept.settings.start != start[0].digest:
        raise UsageError(
            f"{options.from_} is another model than the one that this training began with",
            where=str(out),
            remedy="choose another --out, or put the first model back to go on",
        )
    fresh: Sequence[Example] = data.examples
    if start is not None:
        fresh = fresh_to(start[0], data.examples, pictures, listener)
        _tell_of_known(len(data.examples) - len(fresh), kept, fresh, options, listener)
    if kept is not None:
        return kept
    groups = {example.group for example in data.examples}
    nature = nature_of(list(pictures.values()), len(groups), data.classes)
    folds = _parts_of_fresh(data.examples, fresh, options.folds) if options.folds else ()
    held = held_out(data.examples, fresh, 0.0 if folds else options.validation)
    if options.learning_curve and not held:
        raise UsageError(
            "no picture can be held out, and a learning curve is made of scores on held-out ones",
            remedy="give more pictures or a larger --validation, or leave out --learning-curve",
        )
    training = [example for example in data.examples if example.name not in held]
    validation = [example for example in data.examples if example.name in held]
    if not training:
        raise UsageError(
            "no picture is left to learn from", remedy="give more pictures, or --validation 0"
        )
    if start is None:
        known = None
        settings = settings_for(nature, options.architecture)
    else:
        model = start[0]
        known = known_already(model, training)
        settings = settings_for(
            nature, options.architecture, model.description, options.update, known
        ).model_copy(update={"start": model.digest})
    settings = changed(settings.model_copy(update={"precision": precision_here()}), options.set)
    check_scale(settings, nature)
    learnt = [pictures[example.name] for example in training]
    seconds = seconds_of_step(learnt, settings, start[1] if start is not None else None)
    if options.budget is not None:
        runs = len(folds) + (not options.ensemble)
        budget = parse_duration(options.budget) / runs
        settings = within_budget(settings, options.set, budget, seconds)
    settings = scheduled(settings, options.set)
    scored = folds or ((held,) if held else ())
    looks = put_aside(fresh, pictures, scored) if settings.patience is not None else ()
    aside = {name for one in looks for name in one} if not folds else set()
    training = [example for example in training if example.name not in aside]
    plan = Plan(
        asked=asked,
        data=digest,
        nature=nature,
        training=tuple(example.name for example in training),
        validation=tuple(example.name for example in validation),
        folds=folds,
        looks=looks,
        settings=settings,
        seconds=round(seconds, 3),
        known=known,
    )
    out.mkdir(parents=True, exist_ok=True)
    write_plan(out, plan)
    return plan


def precision_here() -> Precision:
    """Numbers in which a network is best trained by this processor.

    Returns
    -------
    str
        ``bfloat16`` where the processor multiplies such numbers by itself (AVX-512 BF16 or AMX),
        and a step takes less time; anywhere else they would be slower.
    """
    told = getattr(torch.cpu, "get_capabilities", None)  # newer than torch 2.6
    able = told() if told is not None else {}
    return "bfloat16" if able.get("avx512_bf16") or able.get("amx_bf16") else "float32"


def known_already(model: Model, examples: Sequence[Example]) -> float:
    """AP at IoU 0.5 of a model on some pictures, spread over all of them."""
    places = np.unique(np.linspace(0, len(examples) - 1, _LOOKED_AT).round().astype(int))
    answer = Network(model.weights).run
    found = [judged(model, answer, examples[place], {}) for place in places]
    scores = kept_scores(found, model.description.calibration)
    return round(float(np.mean([score["dsb_ap_50"] for score in scores])), 3)


def _tell_of_known(
    count: int,
    kept: Plan | None,
    fresh: Sequence[Example],
    options: TrainOptions,
    listener: Listener,
) -> None:
    """Say what becomes of pictures that the model which is gone on from has learnt from."""
    if kept is not None:
        held = {*kept.validation, *(name for part in kept.folds for name in part)}
        if unfit := held - {example.name for example in fresh}:
            text = (
                f"{len(unfit)} of the {len(held)} held-out pictures of this training were learnt "
                "from by the model that it began with: their scores are too good; train into "
                "another --out"
            )
            listener(Message("warning", text))
    elif count:
        text = (
            f"{count} pictures were learnt from by the model that the training begins with, or are "
            "of one group with such: they are learnt from again, and none of them is held out"
        )
        listener(Message("warning" if options.folds else "notice", text))


def _parts_of_fresh(
    examples: Sequence[Example], fresh: Sequence[Example], count: int
) -> tuple[tuple[str, ...], ...]:
    """Parts of a cross-validation; what is not fresh lies in none, and is learnt from in all."""
    if len(fresh) < len(examples) and len({example.group for example in fresh}) < 2:
        raise UsageError(
            "the model that the training begins with has learnt from nearly all of these "
            f"pictures: {len(fresh)} of {len(examples)} are left to judge by",
            remedy="add two groups of pictures that it has not learnt from, begin with another "
            "model, or train without --folds",
        )
    return parts_of(fresh, count)


def parts_of(examples: Sequence[Example], count: int) -> tuple[tuple[str, ...], ...]:
    """Part examples for a cross-validation: whole groups, each kind in all parts alike.

    Parameters
    ----------
    examples
        All of them, with their kinds and groups.
    count
        How many parts; as many as there are groups, or more, leave one group out in each.

    Returns
    -------
    tuple of tuple of str
        Names that are held out, of each part.

    Raises
    ------
    UsageError
        If there are not two groups and two parts.
    """
    members: dict[str, list[Example]] = {}
    for example in sorted(examples, key=lambda one: one.name):
        members.setdefault(example.group, []).append(example)
    if len(members) < 2 or count < 2:
        raise UsageError(
            f"{len(members)} groups of pictures cannot be parted into {count}",
            remedy="give two groups and two --folds at the least",
        )
    parts: list[list[Example]] = [[] for _ in range(min(count, len(members)))]
    for group in sorted(members, key=lambda name: (-len(members[name]), name)):
        kind = members[group][0].kind
        # a part without a kind of which another has two groups would judge what nobody taught
        least = min(parts, key=lambda part: (sum(one.kind == kind for one in part), len(part)))
        least.extend(members[group])
    return tuple(tuple(sorted(one.name for one in part)) for part in parts)


def seconds_of_step(
    pictures: Sequence[Picture], settings: Settings, start: Mapping[str, torch.Tensor] | None
) -> float:
    """Seconds that a step of a training takes on this machine."""
    times = []
    began = time.monotonic()
    for _ in first_steps(pictures, settings, _TIMED, start):
        times.append(time.monotonic() - began)
        began = time.monotonic()
    return min(times[1:])


def within_budget(
    settings: Settings, changes: Sequence[str], budget: float, seconds: float
) -> Settings:
    """Give settings as many steps as there is time for; `scheduled` fits the rest to them.

    Parameters
    ----------
    settings
        Of the training.
    changes
        ``NAME=VALUE`` of settings that a person has chosen: steps that are among them stay.
    budget, seconds
        Of the whole training, and of a step.
    """
    if "steps" in {change.partition("=")[0] for change in changes}:
        return settings
    steps = max(_LEAST_STEPS, int(_FOR_STEPS * budget / seconds))
    return settings.model_copy(update={"steps": steps})
