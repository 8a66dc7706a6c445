"""A trained model beside the one that it began with: what was gained, and what was forgotten."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cellwright.engine.onnx import Network
from cellwright.evaluation.comparison import Difference, compare, difference_of
from cellwright.evaluation.object_scores import ObjectScores
from cellwright.learn.calibrating import as_calibrated, kept_scores
from cellwright.learn.classifying import ACCURACY, accuracies, scored_objects
from cellwright.learn.dataset import Dataset
from cellwright.learn.judging import Judged
from cellwright.learn.runs import Runs
from cellwright.models.model import Model
from cellwright.segment.network_maps import Answer

__all__ = ["PRIMARY", "Beside", "beside_start", "is_better"]

PRIMARY = "dsb_ap_50"
"""The score by which a model must beat the one that it began with."""


@dataclass(frozen=True, eq=False)
class Beside:
    """A model beside the one that it began with.

    Attributes
    ----------
    against
        Differences on the same held-out pictures; empty if it began with none, or no picture was
        held out.
    forgotten
        The same on pictures that the first model was made for.
    objects
        What the first model found in the held-out pictures, if it tells the same classes.
    """

    against: tuple[Difference, ...] = ()
    forgotten: tuple[Difference, ...] = ()
    objects: ObjectScores | None = None

    @property
    def is_better(self) -> bool:
        """Whether it is, beyond the interval; True if there is nothing to compare it with."""
        return not self.against or is_better(self.against)


def beside_start(
    start: Model,
    model: Model,
    calibration: Mapping[str, Any],
    *,
    found: Sequence[Judged],
    answer: Answer,
    runs: Runs,
    data: Dataset,
    also: Dataset | None,
) -> Beside:
    """Look at the same pictures with both.

    Parameters
    ----------
    start
        Model that the training began with.
    model, calibration
        What came out of it.
    found
        What it found in held-out pictures.
    answer
        Asks its network.
    runs
        Judge pictures.
    data
        What was trained on.
    also
        Annotated pictures that `start` was made for.
    """
    before, known = Network(start.weights).run, dict(start.description.calibration)
    same = _names(start) == _names(model)
    against: tuple[Difference, ...] = ()
    forgotten: tuple[Difference, ...] = ()
    objects = None
    if found:
        old = runs.judged(start, before, [one.example.name for one in found])
        against = _differences(calibration, found, known, old, same_classes=same)
        if same:
            was = as_calibrated(old, known)
            objects = scored_objects(
                old, was.kept, was.confidence, data.classes, known.get("temperature", 1.0)
            )
    if also is not None:
        new = runs.judged_examples(model, answer, also)
        old = runs.judged_examples(start, before, also)
        forgotten = _differences(calibration, new, known, old, same_classes=same)
    return Beside(against, forgotten, objects)


def _names(model: Model) -> list[str]:
    return [one.name for one in model.description.classes]


def is_better(against: Sequence[Difference]) -> bool:
    """Whether a model is better than the one that it began with.

    It is if `PRIMARY` or the classes are better beyond the interval, and neither is worse.

    Parameters
    ----------
    against
        Differences to that model.
    """
    looked = [one.interval for one in against if one.score in {PRIMARY, ACCURACY}]
    better = any(one.low is not None and one.low > 0 for one in looked)
    worse = any(one.high is not None and one.high < 0 for one in looked)
    return better and not worse


def _differences(
    calibration: Mapping[str, Any],
    found: Sequence[Judged],
    old_calibration: Mapping[str, Any],
    old: Sequence[Judged],
    *,
    same_classes: bool,
) -> tuple[Difference, ...]:
    """Differences between two models on the same pictures, in the same order."""
    differences = compare(kept_scores(found, calibration), kept_scores(old, old_calibration))
    told = accuracies(found)
    if not all(map(math.isnan, told)):
        # a model that tells no classes, or others, is right about none of them
        before = accuracies(old) if same_classes else [0.0] * len(old)
        pairs = [
            (now, 0.0 if math.isnan(then) else then) for now, then in zip(told, before, strict=True)
        ]
        differences.append(difference_of(ACCURACY, pairs))
    return tuple(differences)
