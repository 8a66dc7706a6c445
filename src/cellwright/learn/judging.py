"""What a network in training finds in annotated pictures, and how good that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from cellwright.core.image import Array
from cellwright.datasets.example import Example, read_labels, read_pixels, read_region
from cellwright.engine.events import (
    CancelToken,
    Listener,
    PhaseFinished,
    PhaseStarted,
    StepFinished,
    silent,
)
from cellwright.evaluation.matching import count_overlaps, match
from cellwright.evaluation.picture import PictureScore, score_picture
from cellwright.models.model import Model
from cellwright.segment.network import NetworkOptions
from cellwright.segment.network_mapping import InMemory
from cellwright.segment.network_maps import Answer
from cellwright.segment.network_plane import look

__all__ = ["Judged", "answer_of", "judged", "judged_all", "scores_of", "within"]

_PHASE = "judging"


def answer_of(*networks: nn.Module) -> Answer:
    """Ask a network as the method ``network`` does, without a model file; the mean of several."""

    def answer(batch: Array) -> Array:
        with torch.inference_mode():
            pixels = torch.from_numpy(batch).contiguous(memory_format=torch.channels_last)
            maps = [network(pixels).contiguous().numpy() for network in networks]
        found: Array = maps[0] if len(maps) == 1 else np.mean(maps, axis=0)
        return found

    return answer


@dataclass(frozen=True, eq=False)
class Judged:
    """What was found in an annotated picture, however unsure.

    Attributes
    ----------
    example
        Which.
    labels, truth
        (Y, X) uint32.
    numbers, traits, right
        Of each object its label, its traits, and whether it is right: it shares half of its
        union with an object of the truth.
    classes
        (n, classes) logits of each object, and
    true_classes
        (n,) the class of the object of the truth that it is; -1 if it is none.
    truth_classes
        From label of the truth to its class, where it is known.
    """

    example: Example
    labels: Array
    truth: Array
    numbers: Array
    traits: Array
    right: Array
    classes: Array
    true_classes: Array
    truth_classes: Mapping[int, int]

    def without(self, unsure: Array) -> Array:
        """Labels without some of the objects: (n,) bool."""
        return np.where(np.isin(self.labels, self.numbers[unsure]), 0, self.labels)


def judged(
    model: Model,
    answer: Answer,
    example: Example,
    class_of: Mapping[int, int],
) -> Judged:
    """Find everything in a picture, and compare it with the truth.

    Parameters
    ----------
    model, answer
        The network: what it is, and how it is asked.
    example
        The picture.
    class_of
        Class of each label of the truth, for those that have one.
    """
    seen = look(InMemory(read_pixels(example)), NetworkOptions(), model=model, answer=answer)
    labels, truth, region = seen.labels, read_labels(example), read_region(example)
    if region is not None:
        labels, truth = within(labels, region), np.where(region, truth, 0)
    overlaps = count_overlaps(truth, labels)
    found = np.asarray(overlaps.found_labels)
    matches = match(overlaps)
    right = np.zeros(found.size, bool)
    right[matches.found_index] = True
    classes = np.full(found.size, -1)
    true_labels = np.asarray(overlaps.true_labels)[matches.true_index]
    classes[matches.found_index] = [class_of.get(int(label), -1) for label in true_labels]
    return Judged(
        example=example,
        labels=labels,
        truth=truth,
        numbers=found,
        traits=seen.traits[found],
        right=right,
        classes=seen.classes[found],
        true_classes=classes,
        truth_classes=class_of,
    )


def judged_all(
    model: Model,
    answer: Answer,
    examples: Sequence[Example],
    class_of: Mapping[str, Mapping[int, int]],
    *,
    listener: Listener = silent,
    cancel: CancelToken | None = None,
) -> list[Judged]:
    """Judge pictures one after the other.

    Parameters
    ----------
    model, answer
        The network: what it is, and how it is asked.
    examples
        The pictures.
    class_of
        From the name of a picture to the classes of its labels; it may lack some.
    listener
        Hears of each picture.
    cancel
        Stops before the next one.

    Raises
    ------
    CancelledError
        If somebody asked to stop.
    """
    listener(PhaseStarted(_PHASE, len(examples)))
    found = []
    for example in examples:
        if cancel is not None:
            cancel.check()
        found.append(judged(model, answer, example, class_of.get(example.name, {})))
        listener(StepFinished(_PHASE, example.name))
    listener(PhaseFinished(_PHASE))
    return found


def within(labels: Array, region: Array) -> Array:
    """What of objects lies in a region, of those of which at least half does.

    Outside of it nobody has drawn what is there: what is found there is neither right nor wrong.

    Parameters
    ----------
    labels
        (Y, X) whole numbers.
    region
        (Y, X) bool.

    Examples
    --------
    >>> within(np.array([[1, 1, 1, 2, 2, 2]]), np.array([[True, True, True, True, False, False]]))
    array([[1, 1, 1, 0, 0, 0]])
    """
    flat = labels.ravel()
    inside = np.bincount(flat, region.ravel())
    kept = inside * 2 >= np.bincount(flat)
    found: Array = np.where(kept[labels] & region, labels, 0)
    return found


def scores_of(
    pictures: Sequence[Judged], least: Sequence[Array] | None = None
) -> list[PictureScore]:
    """Score pictures against their truth.

    Parameters
    ----------
    pictures
        What was found.
    least
        Of each picture the objects that are left out: (n,) bool.
    """
    none = [np.zeros(picture.numbers.size, bool) for picture in pictures]
    return [
        score_picture(picture.truth, picture.without(unsure), image=picture.example.name)
        for picture, unsure in zip(pictures, least or none, strict=True)
    ]
