"""How well a network in training tells kinds of objects apart, and how sure it may be of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cellwright.core.image import Array
from cellwright.evaluation.object_scores import ObjectScores, score_objects
from cellwright.evaluation.objects import picture_objects
from cellwright.evaluation.temperature import fit_temperature, scaled
from cellwright.learn.judging import Judged

__all__ = ["ACCURACY", "accuracies", "scored_objects", "temperature_of"]

ACCURACY = "class_accuracy"
"""Share of the objects found, of those whose class is known, that are given the right one."""

_LEAST = 20
"""With fewer objects no temperature is fitted."""


def temperature_of(pictures: Sequence[Judged]) -> float | None:
    """Temperature at which the probabilities of the classes are right; None if it is not known.

    Parameters
    ----------
    pictures
        What was found in them; only objects count that are one of the truth's whose class is
        known.
    """
    if not pictures:
        return None
    logits = np.concatenate([one.classes[one.true_classes >= 0] for one in pictures])
    truth = np.concatenate([one.true_classes[one.true_classes >= 0] for one in pictures])
    if len(truth) < _LEAST or not logits.shape[1]:
        return None
    return round(fit_temperature(logits, truth), 4)


def accuracies(pictures: Sequence[Judged]) -> list[float]:
    """`ACCURACY` of each picture; NaN of one in which no class is known."""
    found = []
    for one in pictures:
        known = one.true_classes >= 0
        if not known.any() or not one.classes.shape[1]:
            found.append(float("nan"))
            continue
        right = one.classes[known].argmax(axis=1) == one.true_classes[known]
        found.append(float(right.mean()))
    return found


def scored_objects(
    pictures: Sequence[Judged],
    kept: Sequence[Array],
    confidence: Sequence[Array],
    classes: Sequence[str],
    temperature: float,
) -> ObjectScores | None:
    """Score classes and confidences.

    Parameters
    ----------
    pictures
        What was found in them.
    kept
        Of each picture the objects that the model does not leave out: (n,) bool.
    confidence
        Of each picture's objects.
    classes
        Names of the classes, which the network need not tell.
    temperature
        Of their probabilities.

    Returns
    -------
    ObjectScores or None
        As `cellwright.evaluation.object_scores.score_objects` gives them.
    """
    objects = []
    for one, left, sure in zip(pictures, kept, confidence, strict=True):
        names = np.array([*classes, ""], object)
        numbers = one.numbers[left].tolist()
        told: dict[int, str] = {}
        if classes and one.classes.shape[1]:
            chances = scaled(one.classes[left], temperature)
            told = dict(zip(numbers, names[chances.argmax(axis=1)].tolist(), strict=True))
        objects.append(
            picture_objects(
                one.truth,
                one.without(~left),
                image=one.example.name,
                true_classes={label: names[place] for label, place in one.truth_classes.items()},
                found_classes=told,
                confidence=dict(zip(numbers, sure[left].tolist(), strict=True)),
            )
        )
    return score_objects(objects)
