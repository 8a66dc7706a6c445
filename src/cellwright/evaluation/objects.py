"""The objects of one picture and what is known of each: its partner, its class, how sure it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from cellwright.core.errors import UsageError
from cellwright.core.image import Array
from cellwright.core.labels import Labels
from cellwright.evaluation.matching import Overlaps
from cellwright.evaluation.object_table import Known, ObjectTable
from cellwright.evaluation.picture import label_pair
from cellwright.evaluation.score import LabelPair

__all__ = [
    "PictureObjects",
    "class_names",
    "found_names",
    "in_order",
    "known_objects",
    "numbered",
    "picture_objects",
    "true_names",
]

LEAST_IOU = 0.5
"""What no score of classes or confidences looks below."""


@dataclass(frozen=True, eq=False)
class PictureObjects:
    """True and found objects of one picture.

    Attributes
    ----------
    image
        Name of the picture.
    overlaps
        Of its objects; only pairs with an IoU of 0.5 or more.
    true_class, found_class
        (n_true,) and (n_found,) names of classes; "" of an object that has none.
    confidence
        (n_found,) float64; NaN of an object that has none.
    chances
        (n_found, k) float64: probability of each of k classes; NaN where it is not told.
    """

    image: str
    overlaps: Overlaps
    true_class: npt.NDArray[np.object_]
    found_class: npt.NDArray[np.object_]
    confidence: npt.NDArray[np.float64]
    chances: npt.NDArray[np.float64]


def picture_objects(
    truth: Array | Labels,
    found: Array | Labels,
    *,
    image: str = "",
    true_classes: Mapping[int, str] | None = None,
    found_classes: Mapping[int, str] | None = None,
    confidence: Mapping[int, float] | None = None,
) -> PictureObjects:
    """Put together the objects of one picture.

    Parameters
    ----------
    truth, found
        Label images of the same shape, as `cellwright.evaluation.picture.score_picture` takes
        them.
    image
        Name of the picture.
    true_classes, found_classes
        From label to class; a label that is not in it has none.
    confidence
        From label of a found object to its confidence: any number, larger is surer. A
        calibration needs probabilities.

    Raises
    ------
    UsageError
        If the shapes differ, or the numbers are no labels.

    Examples
    --------
    >>> objects = picture_objects(
    ...     np.array([[1, 1, 0, 2]]), np.array([[5, 5, 0, 0]]),
    ...     true_classes={1: "alive", 2: "dead"}, found_classes={5: "alive"},
    ...     confidence={5: 0.8},
    ... )
    >>> objects.true_class.tolist(), objects.found_class.tolist(), objects.confidence.tolist()
    (['alive', 'dead'], ['alive'], [0.8])
    """
    pair = label_pair(truth, found, image=image)
    true = _told(pair.overlaps.true_labels, true_classes, None)
    said = _told(pair.overlaps.found_labels, found_classes, confidence)
    return _objects(pair, image, true, said)


def _told(
    labels: npt.NDArray[np.uint32],
    classes: Mapping[int, str] | None,
    confidence: Mapping[int, float] | None,
) -> Known:
    known = Known.nothing(labels.size)
    for place, label in enumerate(labels.tolist()):
        known.classes[place] = (classes or {}).get(label, "")
        known.confidence[place] = (confidence or {}).get(label, np.nan)
    return known


def known_objects(
    pair: LabelPair,
    image: str,
    true: tuple[ObjectTable | None, pd.DataFrame | None],
    found: tuple[ObjectTable | None, pd.DataFrame | None],
) -> PictureObjects:
    """Put together the objects of one picture with what tables say of them.

    Parameters
    ----------
    pair
        Its labels.
    image
        Its name.
    true, found
        Table and the picture's rows in it; None where there is none.

    Raises
    ------
    UsageError
        If an object has two rows.
    """
    overlaps = pair.overlaps
    said = []
    for labels, counts, (table, rows) in (
        (overlaps.true_labels, [part.n_true for part in pair.parts], true),
        (overlaps.found_labels, [part.n_found for part in pair.parts], found),
    ):
        frames = np.repeat(np.arange(len(counts), dtype=np.int64), counts)
        known = Known.nothing(labels.size)
        said.append(known if table is None else table.known(rows, labels, frames))
    return _objects(pair, image, *said)


def _objects(pair: LabelPair, image: str, true: Known, found: Known) -> PictureObjects:
    overlaps = pair.overlaps
    near = overlaps.reaches(LEAST_IOU)
    kept = replace(
        overlaps,
        pair_true=overlaps.pair_true[near],
        pair_found=overlaps.pair_found[near],
        shared=overlaps.shared[near],
    )
    return PictureObjects(image, kept, true.classes, found.classes, found.confidence, found.chances)


def in_order(pictures: Sequence[PictureObjects]) -> list[PictureObjects]:
    """Sort pictures by name, on which the resamples of a bootstrap depend.

    Raises
    ------
    UsageError
        If a name stands for several.
    """
    ordered = sorted(pictures, key=lambda picture: picture.image)
    if len({picture.image for picture in ordered}) < len(ordered):
        raise UsageError("several pictures have one name", remedy="name them apart")
    return ordered


def class_names(pictures: Sequence[PictureObjects]) -> tuple[str, ...]:
    """Name every class that a true or found object has, in order."""
    return tuple(sorted(true_names(pictures) | found_names(pictures)))


def true_names(pictures: Sequence[PictureObjects]) -> set[str]:
    """Name the classes of true objects."""
    return {str(name) for one in pictures for name in np.unique(one.true_class)} - {""}


def found_names(pictures: Sequence[PictureObjects]) -> set[str]:
    """Name the classes of found objects."""
    return {str(name) for one in pictures for name in np.unique(one.found_class)} - {""}


def numbered(
    classes: npt.NDArray[np.object_], names: Sequence[str], other: int
) -> npt.NDArray[np.int64]:
    """Give each class its place in `names`; `other` where it is none of them.

    Examples
    --------
    >>> numbered(np.array(["b", "", "a"], object), ["a", "b"], -1).tolist()
    [1, -1, 0]
    """
    number = {name: place for place, name in enumerate(names)}
    different, which = np.unique(classes, return_inverse=True)
    places = np.array([number.get(name, other) for name in different], dtype=np.int64)
    return np.asarray(places[which], dtype=np.int64)
