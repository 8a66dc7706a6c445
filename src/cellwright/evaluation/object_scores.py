"""Scores by class and by confidence, of all pictures together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cellwright.evaluation.calibration import Calibration, calibration
from cellwright.evaluation.confusion import ClassScores, Confusion, class_scores
from cellwright.evaluation.matching import match
from cellwright.evaluation.objects import (
    PictureObjects,
    class_names,
    found_names,
    in_order,
    numbered,
    true_names,
)
from cellwright.evaluation.precision_recall import AveragePrecision, average_precision
from cellwright.evaluation.temperature import (
    cross_fitted,
    negative_log_likelihood,
    top_label,
    two_sided,
)

__all__ = ["ObjectScores", "ScaledCalibration", "score_objects"]

Numbers = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Whole = npt.NDArray[np.int64]

_ONLY_TRUTH = "the truth has classes, the labels have none: nothing is scored by class"
_ONLY_FOUND = "the labels have classes, the truth has none: nothing is scored by class"
_NO_PROBABILITY = (
    "confidences are not between 0 and 1: they rank the cells, but nothing is said of calibration"
)


@dataclass(frozen=True, eq=False)
class ScaledCalibration:
    """Calibration as it is, and after temperature scaling.

    Attributes
    ----------
    as_it_is
        Of what was said.
    scaled
        Of what was said at temperatures of other pictures; None with fewer than two pictures.
    temperature
        Of all pictures; NaN with fewer than two.
    nll, nll_scaled
        Mean negative log-likelihood before and after.
    """

    as_it_is: Calibration
    scaled: Calibration | None
    temperature: float
    nll: float
    nll_scaled: float


@dataclass(frozen=True, eq=False)
class ObjectScores:
    """Scores by class and by confidence; what is not known is None.

    Attributes
    ----------
    classes
        Names of the classes, in order; none where truth or labels have none.
    by_class, confusion
        Of them.
    precision_of_classes
        COCO's average precision of each class and over classes.
    precision
        COCO's average precision of all cells as one class.
    confidence
        Whether the confidence is the probability that a cell is right at an IoU of 0.5.
    chances
        Whether the probability of the likeliest class is that of being right.
    n_confident, n_without
        Found cells with a confidence, and without.
    true_without, found_without
        True and found cells without a class.
    remarks
        What a person should know, one sentence each.
    """

    classes: tuple[str, ...]
    by_class: ClassScores | None
    confusion: Confusion | None
    precision_of_classes: AveragePrecision | None
    precision: AveragePrecision | None
    confidence: ScaledCalibration | None
    chances: ScaledCalibration | None
    n_confident: int
    n_without: int
    true_without: int
    found_without: int
    remarks: tuple[str, ...] = ()


def score_objects(
    pictures: Sequence[PictureObjects], chances: Sequence[str] = ()
) -> ObjectScores | None:
    """Score classes and confidences, as far as they are known.

    Parameters
    ----------
    pictures
        Each with a name of its own; their order does not matter.
    chances
        Classes of the columns of their ``chances``.

    Returns
    -------
    ObjectScores or None
        None where neither a class nor a confidence is known.

    Raises
    ------
    UsageError
        If two pictures have the same name.

    Examples
    --------
    >>> from cellwright.evaluation.objects import picture_objects
    >>> labels = np.array([[1, 1, 0, 2]])
    >>> scores = score_objects(
    ...     [picture_objects(labels, labels, image=name, confidence={1: 0.9, 2: 0.8}) for name in "ab"]
    ... )
    >>> scores.precision.overall["coco_map"].value
    1.0
    >>> round(scores.confidence.as_it_is.expected_error.value, 2)
    0.15
    """  # noqa: E501
    ordered = in_order(pictures)
    in_truth, in_found = bool(true_names(ordered)), bool(found_names(ordered))
    sure = [~np.isnan(one.confidence) for one in ordered]
    n_confident = sum(int(flags.sum()) for flags in sure)
    if not (in_truth or in_found or n_confident):
        return None
    classes = class_names(ordered) if in_truth and in_found else ()
    by_class, matrix = class_scores(ordered, classes) if classes else (None, None)
    n_without = sum(flags.size for flags in sure) - n_confident
    true_without = sum(int((one.true_class == "").sum()) for one in ordered) if classes else 0
    found_without = sum(int((one.found_class == "").sum()) for one in ordered) if classes else 0
    probable = n_confident > 0 and all(
        _are_probabilities(one.confidence[flags]) for one, flags in zip(ordered, sure, strict=True)
    )
    remarks = []
    if in_truth != in_found:
        remarks.append(_ONLY_TRUTH if in_truth else _ONLY_FOUND)
    if n_confident and n_without:
        remarks.append(
            f"{n_without:,} of {n_confident + n_without:,} found cells have no confidence: they "
            "come last in the curves of precision, and are left out of the calibration"
        )
    if n_confident and not probable:
        remarks.append(_NO_PROBABILITY)
    if classes:
        remarks += _class_remarks(ordered, true_without, found_without)
    return ObjectScores(
        classes,
        by_class,
        matrix,
        average_precision(ordered, classes) if classes and n_confident else None,
        average_precision(ordered) if n_confident else None,
        _of_confidence(ordered) if probable else None,
        _of_chances(ordered, chances) if classes and chances else None,
        n_confident,
        n_without,
        true_without,
        found_without,
        tuple(remarks),
    )


def _class_remarks(
    pictures: Sequence[PictureObjects], true_without: int, found_without: int
) -> list[str]:
    remarks = []
    true, found = true_names(pictures), found_names(pictures)
    if not true & found:
        remarks.append(
            f"truth and labels have no class in common: {', '.join(sorted(true)[:3])}, say, and "
            f"{', '.join(sorted(found)[:3])}"
        )
    if true_without:
        remarks.append(
            f"{true_without:,} true cells have no class: they and what was found there are left "
            "out of the scores by class"
        )
    if found_without:
        remarks.append(f"{found_without:,} found cells have no class: they are of no right one")
    return remarks


def _of_confidence(pictures: Sequence[PictureObjects]) -> ScaledCalibration | None:
    """Confidence as the probability of matching a true cell at 0.5."""
    confidence, right, picture = [np.empty(0)], [np.empty(0, bool)], [np.empty(0, np.int64)]
    for place, one in enumerate(pictures):
        matched = np.zeros(one.confidence.size, bool)
        matched[match(one.overlaps).found_index] = True
        known = ~np.isnan(one.confidence)
        confidence.append(one.confidence[known])
        right.append(matched[known])
        picture.append(np.full(int(known.sum()), place))
    probabilities = two_sided(np.concatenate(confidence))
    truth = np.concatenate(right).astype(np.int64)
    return _calibrated(probabilities, truth, np.concatenate(picture), len(pictures), top=False)


def _of_chances(
    pictures: Sequence[PictureObjects], names: Sequence[str]
) -> ScaledCalibration | None:
    """Probability of the likeliest class, of cells that match a true one at 0.5."""
    rows, truth, picture = [np.empty((0, len(names)))], [np.empty(0, np.int64)], []
    for place, one in enumerate(pictures):
        matches = match(one.overlaps)
        wanted = numbered(one.true_class[matches.true_index], names, -1)
        said = one.chances[matches.found_index]
        known = (wanted >= 0) & ~np.isnan(said).any(axis=1)
        rows.append(said[known])
        truth.append(wanted[known])
        picture.append(np.full(int(known.sum()), place))
    said = np.concatenate(rows)
    if not len(said) or not _are_probabilities(said) or not (said.sum(axis=1) > 0).all():
        return None
    said = said / said.sum(axis=1, keepdims=True)  # rounded in the table, say
    return _calibrated(
        said, np.concatenate(truth), np.concatenate(picture), len(pictures), top=True
    )


def _calibrated(
    probabilities: Numbers, truth: Whole, picture: Whole, n: int, *, top: bool
) -> ScaledCalibration:
    """Calibration before and after; of the likeliest class, or of the last of two."""

    def judged(of: Numbers) -> Calibration:
        said, right = top_label(of, truth) if top else (of[:, 1], truth == 1)
        return calibration(np.clip(said, 0, 1), right, picture, n)

    after = cross_fitted(probabilities, truth, picture)
    return ScaledCalibration(
        judged(probabilities),
        judged(after.probabilities) if after is not None else None,
        after.temperature if after is not None else float("nan"),
        negative_log_likelihood(probabilities, truth),
        negative_log_likelihood(after.probabilities, truth) if after is not None else float("nan"),
    )


def _are_probabilities(values: Numbers) -> bool:
    return bool(((values >= 0) & (values <= 1)).all())
