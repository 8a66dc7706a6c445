"""Precision over recall as the threshold of confidence falls, and COCO's average precision.

As pycocotools computes it: found objects of one class, of all pictures together, are gone through
from the surest on, each taking the free true object of the class with which it has the largest
IoU, if that reaches the threshold. Precision is made to fall with recall, read at 101 values of
recall, and averaged over them, over ten thresholds, and over classes. In one thing it differs: no
picture has too many objects to be counted (pycocotools leaves out all but the 100 surest).

References
----------
T.-Y. Lin and others, "Microsoft COCO: common objects in context", ECCV 2014,
doi:10.1007/978-3-319-10602-1_48; the program: https://github.com/cocodataset/cocoapi.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from cellwright.core.errors import UsageError
from cellwright.evaluation.instances import PERCENTS
from cellwright.evaluation.intervals import Estimated, weighted_estimates
from cellwright.evaluation.objects import PictureObjects, in_order

__all__ = [
    "AREAS",
    "IOUS",
    "RECALLS",
    "RESAMPLES",
    "AveragePrecision",
    "PrecisionRecall",
    "Ranked",
    "average_precision",
    "precision_recall",
    "rank",
    "weighted_precisions",
]

Numbers = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Whole = npt.NDArray[np.int64]

IOUS = tuple(percent / 100 for percent in PERCENTS)
"""Thresholds of IoU: 0.50, 0.55, … 0.95."""

RECALLS: Numbers = np.linspace(0, 1, 101)
"""Values of recall at which precision is read: the same binary numbers as in pycocotools."""

AREAS: Mapping[str, tuple[float, float]] = {
    "all": (0, np.inf),
    "small": (0, 32**2),
    "medium": (32**2, 96**2),
    "large": (96**2, np.inf),
}
"""Smallest and largest area in px² of the objects that count, both included; of photographs."""

RESAMPLES = 1000
"""Bootstrap samples: fewer than of other scores, as each goes through all objects."""


@dataclass(frozen=True, eq=False)
class Ranked:
    """Found objects of one class, the surest first.

    Attributes
    ----------
    picture
        (m,) place of the picture of each.
    confidence
        (m,), falling.
    right, counted
        (thresholds, m): whether each has a true object, and whether it counts at all: not where
        it belongs to a true object that is to be ignored, or has another size than is asked for.
    n_true
        (pictures,) true objects that count.
    """

    picture: Whole
    confidence: Numbers
    right: Flags
    counted: Flags
    n_true: Whole

    @cached_property
    def levels(self) -> tuple[tuple[Whole, Flags | None], ...]:
        """At each threshold: places of those that are right; which ones count, None if all do."""
        return tuple(
            (np.flatnonzero(right), None if counted.all() else counted)
            for right, counted in zip(self.right, self.counted, strict=True)
        )


@dataclass(frozen=True, eq=False)
class PrecisionRecall:
    """Curves of one class.

    Attributes
    ----------
    precision
        (thresholds, 101) at each of `RECALLS`; 0 where the recall is never reached, NaN where
        the class has no true object.
    confidence
        The same shape: least confidence of the objects that reach it; NaN where none do.
    recall
        (thresholds,) of all found objects.
    """

    precision: Numbers
    confidence: Numbers
    recall: Numbers

    @property
    def average(self) -> float:
        """COCO's AP: the mean over thresholds and values of recall."""
        return float(self.precision.mean())


@dataclass(frozen=True, eq=False)
class AveragePrecision:
    """COCO's average precision with intervals over pictures.

    Attributes
    ----------
    overall
        ``coco_map``, ``coco_ap_50``, ``coco_ap_75``: means over classes that have true objects.
    by_class
        From each class to its ``ap``, ``ap_50``, ``ap_75``.
    curves
        From each class to its curves.
    """

    overall: Mapping[str, Estimated]
    by_class: Mapping[str, Mapping[str, Estimated]]
    curves: Mapping[str, PrecisionRecall]


def rank(pictures: Sequence[PictureObjects], name: str | None = None, area: str = "all") -> Ranked:
    """Match the objects of a class, and sort those that were found by confidence.

    Parameters
    ----------
    pictures
        Equally sure objects keep their order: by picture, then by label.
    name
        A class; objects without a class are then ignored if true, and left out if found. None
        takes all objects for one class.
    area
        One of `AREAS`.

    Returns
    -------
    Ranked
        Objects without a confidence stand at the end.

    Raises
    ------
    UsageError
        If `area` is none of them.
    """
    if area not in AREAS:
        raise UsageError(
            f"there is no range of areas {area!r}", remedy=f"choose {', '.join(AREAS)}"
        )
    parts = [_matched(picture, name, AREAS[area]) for picture in pictures]
    confidence = np.concatenate([np.empty(0), *(part[0] for part in parts)])
    none = np.zeros((len(IOUS), 0), dtype=bool)
    right = np.concatenate([none, *(part[1] for part in parts)], axis=1)
    counted = np.concatenate([none, *(part[2] for part in parts)], axis=1)
    picture = np.repeat(np.arange(len(parts)), [part[0].size for part in parts])
    order = np.argsort(-np.nan_to_num(confidence, nan=-np.inf), kind="stable")
    return Ranked(
        picture[order],
        confidence[order],
        right[:, order],
        counted[:, order],
        np.array([part[3] for part in parts], dtype=np.int64),
    )


def _matched(
    picture: PictureObjects, name: str | None, areas: tuple[float, float]
) -> tuple[Numbers, Flags, Flags, int]:
    """Confidence, right and counted of the found objects of a class; how many true ones count."""
    overlaps = picture.overlaps
    meant = np.ones(overlaps.n_true, bool) if name is None else picture.true_class == name
    found = np.ones(overlaps.n_found, bool) if name is None else picture.found_class == name
    low, high = areas
    asked = meant & (overlaps.true_areas >= low) & (overlaps.true_areas <= high)
    ignored = ~asked & (meant | (picture.true_class == "")) if name is not None else ~asked

    pairs = np.flatnonzero(found[overlaps.pair_found] & (asked | ignored)[overlaps.pair_true])
    true, mine = overlaps.pair_true[pairs], overlaps.pair_found[pairs]
    # Above 0.5 no cell has two partners. At 0.5 itself one cell may be just two halves: the
    # surer half takes it, and one over two true cells takes one that counts.
    sure = np.nan_to_num(picture.confidence[mine], nan=-np.inf)
    pairs = pairs[np.lexsort((mine, -sure, ~asked[true]))]
    pairs = pairs[_first(overlaps.pair_true[pairs])]
    pairs = pairs[_first(overlaps.pair_found[pairs])]
    true, mine = overlaps.pair_true[pairs], overlaps.pair_found[pairs]

    right = np.zeros((len(IOUS), overlaps.n_found), dtype=bool)
    inside = (overlaps.found_areas >= low) & (overlaps.found_areas <= high)
    counted = np.broadcast_to(inside, right.shape).copy()
    for level, iou in enumerate(IOUS):
        reached = overlaps.reaches(iou)[pairs]
        right[level, mine[reached]] = asked[true[reached]]
        counted[level, mine[reached]] = asked[true[reached]]
    return picture.confidence[found], right[:, found], counted[:, found], int(asked.sum())


def _first(values: Whole) -> Whole:
    """Places of the first of each of equal values, in their order."""
    return np.sort(np.unique(values, return_index=True)[1])


def precision_recall(ranked: Ranked) -> PrecisionRecall:
    """Curves of one class.

    Examples
    --------
    The surest of three is right, the next is not, the last is: half of the cells are found with
    a precision of 1, all of them with two thirds.

    >>> yes = np.array([[True, False, True]] * 10)
    >>> ranked = Ranked(np.zeros(3, int), np.array([0.9, 0.8, 0.7]), yes, yes | True, np.array([2]))
    >>> curves = precision_recall(ranked)
    >>> curves.precision[0, [0, 50, 51, 100]].round(3).tolist()
    [1.0, 1.0, 0.667, 0.667]
    >>> round(curves.average, 4)
    0.835
    """
    weights = np.ones(ranked.n_true.size)
    shape = (len(IOUS), RECALLS.size)
    precision, confidence = np.zeros(shape), np.full(shape, np.nan)
    recall = np.full(len(IOUS), np.nan)
    total = int(ranked.n_true.sum())
    for level, (read, place) in enumerate(_curves(ranked, weights)):
        precision[level] = read
        hits = np.flatnonzero(ranked.right[level])
        reached = place < hits.size
        confidence[level, reached] = ranked.confidence[hits[place[reached]]]
        if total:
            recall[level] = hits.size / total
    return PrecisionRecall(precision, confidence, recall)


def _curves(ranked: Ranked, weights: Numbers) -> Iterator[tuple[Numbers, Whole]]:
    """At each threshold: precision at each of `RECALLS`, and which right object reaches it.

    Between two right objects precision only falls, so that it is looked at where they stand. One
    row of weights at a time: its arrays stay in the processor's cache.
    """
    total = float(weights @ ranked.n_true)
    weight = weights[ranked.picture]
    every = np.cumsum(weight)
    for hits, counted in ranked.levels:
        if not total:
            yield np.full(RECALLS.size, np.nan), np.full(RECALLS.size, hits.size)
            continue
        above = np.cumsum(weight[hits])
        below = (every if counted is None else np.cumsum(weight * counted))[hits]
        precision = above / np.maximum(below, 1)  # the first ones may have a weight of 0
        place = np.searchsorted(above / total, RECALLS, side="left")
        read = np.zeros(RECALLS.size)
        n = int(np.searchsorted(place, hits.size))  # values of recall that are reached
        if n:
            # of equal neighbours reduceat gives the one value there, and the last has the rest
            largest = np.maximum.reduceat(precision, place[:n])
            read[:n] = np.maximum.accumulate(largest[::-1])[::-1]
        yield read, place


def weighted_precisions(ranked: Ranked, weights: Numbers) -> Numbers:
    """Average precision at each threshold, where pictures have weights.

    A picture of weight 2 counts as two equal ones would, one of weight 0 as if it were not there.

    Parameters
    ----------
    ranked
        Of one class.
    weights
        (b, pictures) whole numbers from 0.

    Returns
    -------
    NDArray
        (b, thresholds); NaN where no true object is left.
    """
    return np.array(
        [[read.mean() for read, _ in _curves(ranked, row)] for row in weights], dtype=np.float64
    ).reshape(len(weights), len(IOUS))


def average_precision(
    pictures: Sequence[PictureObjects], classes: Sequence[str] = (), area: str = "all"
) -> AveragePrecision:
    """COCO's average precision, of each class and over classes.

    Parameters
    ----------
    pictures
        Each with a name of its own.
    classes
        Names of the classes; none takes all objects for one class, named "".
    area
        One of `AREAS`.

    Raises
    ------
    UsageError
        If two pictures have the same name, or `area` is none of `AREAS`.

    Examples
    --------
    >>> from cellwright.evaluation.objects import picture_objects
    >>> truth = np.array([[1, 1, 0, 2, 2, 0, 0]])
    >>> found = np.array([[1, 1, 0, 0, 0, 0, 2]])
    >>> one = picture_objects(truth, found, image="a", confidence={1: 0.9, 2: 0.8})
    >>> two = picture_objects(truth, found, image="b", confidence={1: 0.3, 2: 0.95})
    >>> scores = average_precision([one, two])
    >>> round(scores.overall["coco_map"].value, 4)
    0.2525
    """
    ordered = in_order(pictures)
    names = tuple(classes) or ("",)
    ranked = [rank(ordered, name or None, area) for name in names]
    chosen = {"ap": slice(None), "ap_50": slice(0, 1), "ap_75": slice(5, 6)}

    def statistic(weights: Numbers) -> Numbers:
        at = np.stack([weighted_precisions(one, weights) for one in ranked], axis=1)
        of_class = np.stack([at[:, :, part].mean(axis=2) for part in chosen.values()], axis=2)
        known = ~np.isnan(of_class)
        n = known.sum(axis=1)
        total = np.where(known, of_class, 0).sum(axis=1)
        over = np.where(n > 0, total / np.maximum(n, 1), np.nan)
        return np.concatenate([over, of_class.reshape(len(weights), -1)], axis=1)

    estimates = weighted_estimates(statistic, len(ordered), resamples=RESAMPLES)
    k = len(chosen)
    over = dict(zip(("coco_map", "coco_ap_50", "coco_ap_75"), estimates[:k], strict=True))
    by_class = {
        name: dict(zip(chosen, estimates[k * (1 + place) :], strict=False))
        for place, name in enumerate(names)
    }
    curves = {name: precision_recall(one) for name, one in zip(names, ranked, strict=True)}
    return AveragePrecision(over, by_class, curves)
