"""The confidence and the scores of joined models, on annotated pictures that none has learnt from.

What was fitted to one network does not hold for the mean of several, which is less often sure.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cellwright.core.errors import UsageError
from cellwright.datasets.convert import AUTO
from cellwright.datasets.example import Example, read_pixels
from cellwright.engine.events import CancelToken, Listener, Message, silent
from cellwright.engine.onnx import Network
from cellwright.learn.calibrating import Calibrated, calibrated, estimates_of
from cellwright.learn.classifying import temperature_of
from cellwright.learn.dataset import Dataset, dataset_of
from cellwright.learn.judging import Judged, judged_all
from cellwright.models.ensemble import NOT_CALIBRATED, Ensemble
from cellwright.models.learnt import Learnt, picture_hash

__all__ = ["calibrated_on", "unseen"]

_SHOWN = 5
_HELD_OUT = "validation"


def calibrated_on(
    made: Ensemble,
    source: Path,
    *,
    source_format: str = AUTO,
    images: Path | None = None,
    leave_out: bool = False,
    listener: Listener = silent,
    cancel: CancelToken | None = None,
) -> tuple[Ensemble, Calibrated]:
    """Fit the confidence of joined models to annotated pictures, and score them.

    Parameters
    ----------
    made
        The models.
    source, source_format, images
        Annotations, as of `cellwright.learn.job.train_model`.
    leave_out
        Whether pictures that one of the networks has learnt from, with all of their groups, and
        pictures with errors are left out; else they stop everything.
    listener, cancel
        Of the judging.

    Returns
    -------
    Ensemble
        With calibration and scores.
    Calibrated
        What was fitted, and the scores of each picture.

    Raises
    ------
    UsageError
        If the pictures have errors, or a network has learnt from them.
    InputError
        If something cannot be read.
    """
    with tempfile.TemporaryDirectory() as folder:
        data = dataset_of(
            source, Path(folder) / "data", source_format=source_format, images=images,
            leave_out=leave_out, listener=listener, cancel=cancel,
        )  # fmt: skip
        examples = unseen(data.examples, made.learnt, leave_out=leave_out, listener=listener)
        found = _judged(made, data, examples, listener, cancel)
    result = calibrated(found)
    calibration = {**result.calibration, "how": _how(result, made.learnt)}
    if (temperature := temperature_of(found)) is not None:
        calibration["temperature"] = temperature
    scores = {_HELD_OUT: estimates_of(result.summary.overall)}
    changes = {"calibration": calibration, "scores": scores}
    return replace(made, description=made.description.model_copy(update=changes)), result


def unseen(
    examples: Sequence[Example],
    learnt: Sequence[tuple[str, Learnt]],
    *,
    leave_out: bool = False,
    listener: Listener = silent,
) -> tuple[Example, ...]:
    """Pictures that no network has learnt from, as far as is known.

    Parameters
    ----------
    examples
        Annotated pictures.
    learnt
        What each network has learnt from, by its name.
    leave_out
        Whether groups with a picture that was learnt from are left out.
    listener
        Is told of what is left out, and of networks of which it is not known.

    Raises
    ------
    UsageError
        If there are such pictures and `leave_out` is false, or none is left.
    """
    unknown = _unknown(learnt)
    if unknown:
        names = ", ".join(unknown)
        text = f"nobody can tell whether {names} learnt from these pictures: see to it yourself"
        listener(Message("warning", text))
    known = {name: what.pictures for name, what in learnt}
    seen: dict[str, Example] = {}
    for example in examples:
        hashed = picture_hash(read_pixels(example))
        if any(hashed in pictures for pictures in known.values()):
            seen[example.name] = example
    groups = {example.group for example in seen.values()}
    kept = tuple(example for example in examples if example.group not in groups)
    if seen and not (leave_out and kept):
        shown = ", ".join(list(seen)[:_SHOWN]) + (", …" if len(seen) > _SHOWN else "")
        raise UsageError(
            f"{len(seen)} of the {len(examples)} pictures were learnt from: {shown}",
            remedy="leave them and their groups out with --leave-out, or give other pictures"
            if kept
            else "give other pictures",
        )
    if seen:
        left = len(examples) - len(kept)
        listener(Message("notice", f"{left} pictures that were learnt from, or are of one group "
                         f"with such, are left out; {len(kept)} are left"))  # fmt: skip
    return kept


def _unknown(learnt: Sequence[tuple[str, Learnt]]) -> list[str]:
    return list(dict.fromkeys(name for name, what in learnt if not what.complete))


def _judged(
    made: Ensemble,
    data: Dataset,
    examples: Sequence[Example],
    listener: Listener,
    cancel: CancelToken | None,
) -> list[Judged]:
    """What the joined networks find in the pictures."""
    model, network = made.model, Network(made.weights)
    classes = tuple(one.name for one in model.description.classes)
    class_of = data.class_of if data.classes == classes else {}
    return judged_all(model, network.run, examples, class_of, listener=listener, cancel=cancel)


def _how(result: Calibrated, learnt: Sequence[tuple[str, Learnt]]) -> str:
    """How the confidence was fitted, and what is not known of it."""
    n = len(result.scores)
    if not result.calibration:
        return f"{NOT_CALIBRATED}; {n} annotated pictures were too few to fit it anew"
    unknown = _unknown(learnt)
    doubt = f"; nobody can tell whether {', '.join(unknown)} learnt from them" if unknown else ""
    return (
        f"logistic regression on what the mean of the networks finds in {n} pictures{doubt}; error "
        "cross-fitted in parts of them"
    )
