"""The whole of a training: data, plan, network, confidence, scores, model file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from cellwright.core.errors import InputError, UsageError
from cellwright.datasets.convert import AUTO
from cellwright.engine.allocation import keep_freed_memory
from cellwright.engine.events import CancelToken, Listener, Message, silent
from cellwright.engine.files import write_atomic
from cellwright.evaluation.comparison import Difference
from cellwright.learn.beside import PRIMARY, Beside, beside_start
from cellwright.learn.calibrating import Calibrated, calibrated, carried, estimates_of
from cellwright.learn.classifying import scored_objects, temperature_of
from cellwright.learn.dataset import Dataset, dataset_of
from cellwright.learn.describing import PERCENTILES, described, name_from
from cellwright.learn.familiarity import fingerprint_of
from cellwright.learn.folds import joined_description, of_members, of_parts
from cellwright.learn.joining import unseen
from cellwright.learn.judging import Judged, answer_of, scores_of
from cellwright.learn.learning_curve import LearningPoint, learning_curve, would_more_help
from cellwright.learn.options import TrainOptions
from cellwright.learn.outcome import write_learning_curve, write_outcome
from cellwright.learn.own_folder import ALSO, COPY, check_out
from cellwright.learn.packaging import network_of, package, to_weights
from cellwright.learn.pictures import load
from cellwright.learn.planning import planned
from cellwright.learn.preview import preview_of
from cellwright.learn.runs import Runs
from cellwright.learn.stored_plan import Plan, read_plan
from cellwright.models.averaging import averaged
from cellwright.models.description import Description
from cellwright.models.ensemble import check_averaged
from cellwright.models.learnt import Learnt, learnt_file, learnt_of, picture_hash, together
from cellwright.models.licences import licence_named
from cellwright.models.model import Model, model_named
from cellwright.segment.network_model import decoding_of

__all__ = ["CANDIDATE", "MODEL", "PREVIEW", "Trained", "train_model"]

MODEL, CANDIDATE, PREVIEW = "model.zip", "candidate.zip", "preview.png"
"""In a training's folder."""

_HELD_OUT, _OUT_OF_FOLD = "validation", "members_out_of_fold"
"""What the scores of a model file are of: pictures that were held out of the training; or, of a
cross-validation, each picture as found by the one network that had not learnt from it."""

_TEXT = """# {name}

{description}

# Validation

Score it on annotated pictures of your own with `cellwright evaluate LABELS TRUTH --out OUT`, and
look at the outlines in the report before you believe a number.
"""


@dataclass(frozen=True, eq=False)
class Trained:
    """What came out of a training.

    Attributes
    ----------
    folder
        Where it is.
    model
        The model file; None if only a preview was asked for.
    plan
        How was trained, and on what.
    result
        Calibration and scores; None if no picture was held out.
    against
        Differences to the model that it began with, on the same pictures; empty if it began with
        none, or no picture was held out.
    forgotten
        The same on pictures that this model was made for.
    better
        Whether it is better than what it began with, beyond the interval; True if with nothing.
    curve
        How good it would have been with fewer pictures; empty if nobody asked.
    judged
        What was found in the pictures that were held out, however unsure.
    """

    folder: Path
    model: Path | None
    plan: Plan
    result: Calibrated | None = None
    against: tuple[Difference, ...] = ()
    forgotten: tuple[Difference, ...] = ()
    better: bool = True
    curve: tuple[LearningPoint, ...] = ()
    judged: tuple[Judged, ...] = ()


def train_model(
    source: Path,
    out: Path,
    options: TrainOptions,
    *,
    source_format: str = AUTO,
    images: Path | None = None,
    also: Path | None = None,
    listener: Listener = silent,
    cancel: CancelToken | None = None,
) -> Trained:
    """Train a model on annotated pictures, or go on where the folder left off.

    Parameters
    ----------
    source
        Folder, file or zip of annotations, of any format that `convert` reads.
    out
        Folder of the training. It gets the plan, a picture of patches, the network's checkpoints,
        the scores of the held-out pictures, and `MODEL`; `CANDIDATE` if it is not better than
        what it began with. What is there and was not written by a training stays as it is.
    options
        How to train.
    source_format, images
        As of `cellwright.datasets.convert.convert`.
    also
        Annotated pictures that the model that is gone on from was made for: both models are
        scored on them, to see what was forgotten. Those that one of the two has learnt from are
        left out.
    listener
        Is told what goes on.
    cancel
        Stops at the next step; the same call goes on from it.

    Raises
    ------
    UsageError
        If the pictures have errors, the options fit neither them nor the folder, or the folder
        holds what no training wrote.
    InputError
        If something cannot be read.
    RunError
        If the loss is no number any more, or the folder cannot be written.
    CancelledError
        If somebody asked to stop.
    """
    keep_freed_memory()
    options = options.model_copy(update={"licence": licence_named(options.licence)})
    begun = read_plan(out) is not None
    named = Path(options.from_) if options.from_ else None
    start_file = named if named is not None and named.is_file() else None
    check_out(out, begun=begun, inputs=(source, images, also, start_file))
    if options.learning_curve and not begun and (options.folds or not options.validation):
        raise UsageError(
            "--learning-curve scores on held-out pictures, of which there are none with --folds "
            "or --validation 0",
            remedy="leave it out, or hold pictures out with --validation",
        )
    model = model_named(options.from_) if options.from_ else None
    if options.ensemble and not options.folds:
        raise UsageError(
            "--ensemble joins the networks of a cross-validation",
            remedy="say in how many parts with --folds",
        )
    if model is None and (options.update != "all" or also is not None):
        raise UsageError(
            "--update and --also need a model to go on from", remedy="name it with --from"
        )
    start = (model, network_of(model).state_dict()) if model is not None else None
    data = dataset_of(
        source, out / COPY, source_format=source_format, images=images,
        leave_out=options.leave_out, listener=listener, cancel=cancel,
    )  # fmt: skip
    pictures = {one.name: one for one in load(data.examples, PERCENTILES, data.class_of)}
    plan = planned(out, options, data, pictures, start, listener=listener)
    listener(Message("notice", plan.words()))
    write_atomic(
        out / PREVIEW, preview_of([pictures[name] for name in plan.training], plan.settings), out
    )
    if options.preview:
        return Trained(out, None, plan)
    seen = plan.training if plan.folds else (*plan.training, *plan.aside())
    pixels = [pictures[name].levels[0] for name in seen]
    known_pictures = Learnt(frozenset(map(picture_hash, pixels)), complete=True)
    if model is not None:
        known_pictures = together([known_pictures, learnt_of(model)])
    more = None
    if also is not None:
        more = _unseen_by(known_pictures, also, out, listener, cancel)
    description = _described(out, options, plan, data, model)
    if plan.is_ensemble:
        check_averaged(description)
    runs = Runs(
        out, plan, data, pictures=pictures, description=description,
        start=start[1] if start is not None else None, listener=listener, cancel=cancel,
    )  # fmt: skip
    networks, found = runs.all()
    answer = answer_of(*networks)
    known = _known(model, description, plan)
    result = calibrated(found, known, split=plan.split) if found else None
    calibration = _calibration(result, found, plan, known)
    objects = None
    if result is not None:
        objects = scored_objects(
            found, result.kept, result.confidence, data.classes,
            calibration.get("temperature", 1.0),
        )  # fmt: skip
    beside = Beside()
    if model is not None:
        beside = beside_start(
            model, Model(description, b""), calibration,
            found=found, scores=result.scores if result is not None else (), answer=answer,
            runs=runs, data=data, also=more,
        )  # fmt: skip
    write_outcome(
        out, result, objects,
        against=beside.against, forgotten=beside.forgotten, before=beside.objects,
    )  # fmt: skip
    curve: tuple[LearningPoint, ...] = ()
    if options.learning_curve and plan.validation:
        curve = _curve(out, plan, runs, found)
        listener(Message("notice", would_more_help(curve)))
    learnt = [example for example in data.examples if example.name in set(plan.training)]
    scored = _OUT_OF_FOLD if plan.folds else _HELD_OUT
    judged = f" Pictures of its scores: {plan.split}." if result is not None else ""
    description = description.model_copy(
        update={
            "description": description.description + judged,
            "calibration": calibration,
            "scores": {scored: estimates_of(result.summary.overall)} if result else {},
            "fingerprint": fingerprint_of(
                learnt, Model(description, b""), answer, listener, cancel
            ),
        }
    )
    path = _packaged(
        out, networks, description, known_pictures, usable=beside.is_better or options.accept
    )  # fmt: skip
    return Trained(
        out, path, plan, result, beside.against, beside.forgotten,
        better=beside.is_better, curve=curve, judged=tuple(found),
    )  # fmt: skip


def _unseen_by(
    learnt: Learnt, also: Path, out: Path, listener: Listener, cancel: CancelToken | None
) -> Dataset:
    """Pictures that the first model was made for, without those that one of the two learns from."""
    data = dataset_of(also, out / ALSO, leave_out=True, listener=listener, cancel=cancel)
    # of a first model that does not tell, the plan has said so
    known = [("", replace(learnt, complete=True))]
    try:
        examples = unseen(data.examples, known, leave_out=True, listener=listener)
    except UsageError as error:
        raise UsageError(
            f"nothing in --also can tell what is forgotten: {error.what}",
            where=str(also),
            remedy="give pictures like them that neither model learns from, or leave out --also",
        ) from error
    return replace(data, examples=examples)


def _known(model: Model | None, description: Description, plan: Plan) -> Mapping[str, Any]:
    """Calibration of the model that a training begins with, as far as it holds for what comes out.

    What was fitted to that one network does not hold for a mean; and a temperature is of its
    classes.
    """
    if model is None or plan.is_ensemble:
        return {}
    start = model.description
    same = [one.name for one in start.classes] == [one.name for one in description.classes]
    return {k: v for k, v in start.calibration.items() if k != "temperature" or same}


def _calibration(
    result: Calibrated | None, found: Sequence[Judged], plan: Plan, known: Mapping[str, Any]
) -> dict[str, Any]:
    """What the model file says of how sure it is, and of how that was found out."""
    calibration = dict(result.calibration) if result is not None else carried(known)
    if plan.folds:
        calibration = of_members(calibration) if plan.is_ensemble else of_parts(calibration)
    temperature = temperature_of(found)
    if temperature is None:
        temperature = known.get("temperature")
    return calibration if temperature is None else {**calibration, "temperature": temperature}


def _packaged(
    out: Path,
    networks: Sequence[nn.Module],
    description: Description,
    learnt: Learnt,
    *,
    usable: bool,
) -> Path:
    """Write the model file; there is one of the two names only."""
    path, other = (out / name for name in ((MODEL, CANDIDATE) if usable else (CANDIDATE, MODEL)))
    other.unlink(missing_ok=True)
    made = [to_weights(network, description.multiple) for network in networks]
    weights, norms = made[0][0], None if len(made) > 1 else made[0][1]
    if len(made) > 1:
        weights = averaged([one for one, _ in made])
        description = joined_description(description, [one for one, _ in made])
    text = _TEXT.format(name=description.name, description=description.description)
    package(path, description, weights, norms, text, learnt=learnt_file(learnt))
    return path


def _curve(out: Path, plan: Plan, runs: Runs, found: Sequence[Judged]) -> tuple[LearningPoint, ...]:
    """Train on fewer pictures, and write how good that was; all before anything is left out."""
    fewer = {number: scores_of(one) for number, one in runs.with_fewer().items()}
    points = learning_curve(fewer | {len(plan.training): scores_of(found)}, PRIMARY)
    write_learning_curve(out, points)
    return points


def _described(
    out: Path, options: TrainOptions, plan: Plan, data: Dataset, model: Model | None
) -> Description:
    start = model.description if model is not None else None
    description = described(
        plan.settings,
        plan.nature,
        name=options.name or name_from(out.resolve().name),
        kind=options.object or (start.object if start is not None else "cell"),
        licence=options.licence,
        learnt=len(plan.training),
        classes=data.classes,
        start=start,
    )
    try:
        decoding_of(description)
    except InputError as error:
        raise UsageError(
            error.what.removeprefix("its "), remedy="change the setting that begins with decoding"
        ) from error
    return description
