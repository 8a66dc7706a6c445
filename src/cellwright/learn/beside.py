"""A trained model beside the one that it began with: what was gained, and what was forgotten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cellwright.engine.onnx import Network
from cellwright.evaluation.comparison import Difference, compare, difference_of
from cellwright.evaluation.object_scores import ObjectScores
from cellwright.evaluation.picture import PictureScore
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
    scores: Sequence[PictureScore],
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
    found, scores
        What it found in held-out pictures, and the scores of these, each without what is too
        unsure by a confidence that was fitted to others: the calibration has seen them all.
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
        was = as_calibrated(old, known)
        against = _differences(found, scores, old, was.scores, same_classes=same)
        if same:
            objects = scored_objects(
                old, was.kept, was.confidence, data.classes, known.get("temperature", 1.0)
            )
    if also is not None:
        new = runs.judged_examples(model, answer, also)
        old = runs.judged_examples(start, before, also)
        forgotten = _differences(
            new, kept_scores(new, calibration), old, kept_scores(old, known), same_classes=same
        )
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
    found: Sequence[Judged],
    scores: Sequence[PictureScore],
    old: Sequence[Judged],
    old_scores: Sequence[PictureScore],
    *,
    same_classes: bool,
) -> tuple[Difference, ...]:
    """Differences between two models on the same pictures, in the same order."""
    differences = compare(scores, old_scores)
    # a model that tells no classes, or others, is right about none of them
    before = accuracies(old) if same_classes else [0.0] * len(old)
    # where one of the two found nothing of a known class, nobody can say which is more often right
    classes = difference_of(ACCURACY, list(zip(accuracies(found), before, strict=True)))
    if classes.n:
        differences.append(classes)
    return tuple(differences)
