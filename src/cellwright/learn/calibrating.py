"""Confidence of a trained model, fitted to pictures that it has not learnt from, and its scores.

What is said of the error of the confidence, and of the model without the objects that it leaves
out as too unsure, comes from several parts of the pictures: each part is judged by a fit to the
others, and pictures of one group are in one part. Of pictures of a single group nothing can be said
so, and no confidence is fitted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cellwright.core.image import Array
from cellwright.evaluation.calibration import reliability
from cellwright.evaluation.picture import PictureScore
from cellwright.evaluation.summary import GroupSummary, Summary, summarise
from cellwright.learn.judging import Judged, scores_of
from cellwright.segment.network_confidence import confidence_of, fitted, least_confidence

__all__ = [
    "ERROR", "LEAST", "Calibrated", "as_calibrated", "calibrated", "carried", "estimates_of",
    "kept_scores",
]  # fmt: skip

LEAST = 0.2
"""Objects that are right with less probability are left out. On the validation pictures of the
model `nuclei` AP changes little from 0.2 to 0.5, and counts are nearest to the truth at 0.2."""

PARTS = 5

ERROR = "expected_calibration_error"
"""In a calibration: it is there where the confidence was fitted."""

LEAST_OBJECTS = 50
"""With fewer objects, or fewer than `LEAST_WRONG` right or wrong ones, nothing can be fitted."""
LEAST_WRONG = 5

SCORES = (
    "semantic_iou", "dsb_ap_50", "dsb_ap_75", "dsb_ap_mean", "f1_50", "pq",
    "median_count_error_abs_percent", "pooled_count_error_percent", "median_area_bias_percent",
)  # fmt: skip
"""Those that a model file holds."""

_DIGITS = 4

_CARRIED = ("intercept", "weights", "least")
_HOW_CARRIED = (
    "that of the model it began with; too few objects were held out to fit it anew, and its error "
    "is not known"
)


@dataclass(frozen=True, eq=False)
class Calibrated:
    """What was fitted, and how good the model then is.

    Attributes
    ----------
    calibration
        For the field of this name of a model's description; where nothing could be fitted, that
        which is `carried` over, or an empty one.
    scores
        Of each picture.
    summary
        Of all of them.
    confidence, kept
        Of each picture's objects: how sure, by a fit to other pictures where there is one; and
        whether the model keeps them.
    """

    calibration: Mapping[str, Any]
    scores: tuple[PictureScore, ...]
    summary: Summary
    confidence: tuple[Array, ...]
    kept: tuple[Array, ...]


def calibrated(
    pictures: Sequence[Judged], known: Mapping[str, Any] | None = None, *, split: str = ""
) -> Calibrated:
    """Fit the confidence to pictures, and score them.

    Parameters
    ----------
    pictures
        Everything that was found in them.
    known
        Calibration of the model that the training began with, which is `carried` over where there
        is too little to fit one.
    split
        Which pictures these are, in words, for the metric card.
    """
    groups = [picture.example.group for picture in pictures]
    right = np.concatenate([picture.right for picture in pictures])
    wrong = int(np.count_nonzero(~right))
    enough = right.size >= LEAST_OBJECTS and min(wrong, right.size - wrong) >= LEAST_WRONG
    parts = min(PARTS, len(set(groups)))
    if not enough or parts == 1:
        return as_calibrated(pictures, carried(known or {}), split=split)
    confidence = _cross_fitted(pictures, groups, parts)
    every = np.concatenate(confidence)
    kept = every >= LEAST
    found = reliability(every[kept], right[kept])
    calibration = _fit_to(pictures) | {
        "least": LEAST,
        ERROR: round(found.expected_error, _DIGITS),
        "reliability": {
            "confidence": found.said.round(_DIGITS).tolist(),
            "right": found.right.round(_DIGITS).tolist(),
            "objects": found.count.tolist(),
        },
        "pictures": len(pictures),
        "how": f"logistic regression on the validation pictures; error cross-fitted in {parts} "
        "parts",
    }
    return _kept(pictures, calibration, confidence, split)


def carried(known: Mapping[str, Any]) -> dict[str, Any]:
    """What of a model's calibration a model that was made of it takes over unseen.

    How sure it is goes by the same rule; how far that is from the truth nobody has looked at.

    Examples
    --------
    >>> carried({"least": 0.2, "expected_calibration_error": 0.01, "pictures": 67})
    {'least': 0.2, 'how': 'that of the model it began with; ...'}
    >>> carried({})
    {}
    """
    kept = {name: known[name] for name in _CARRIED if name in known}
    return kept | {"how": _HOW_CARRIED} if kept else {}


def _kept(
    pictures: Sequence[Judged],
    calibration: Mapping[str, Any],
    confidence: Sequence[Array],
    split: str,
) -> Calibrated:
    """Score pictures without what is too unsure."""
    least = least_confidence(calibration)
    kinds = {picture.example.name: picture.example.kind for picture in pictures}
    kept = tuple(sure >= least for sure in confidence)
    scores = scores_of(pictures, [~left for left in kept])
    summary = summarise(scores, kinds, split=split)
    return Calibrated(calibration, tuple(scores), summary, tuple(confidence), kept)


def as_calibrated(
    pictures: Sequence[Judged], calibration: Mapping[str, Any], *, split: str = ""
) -> Calibrated:
    """Score pictures without what a model of this calibration leaves out by itself."""
    confidence = [confidence_of(one.traits, calibration) for one in pictures]
    return _kept(pictures, calibration, confidence, split)


def kept_scores(
    pictures: Sequence[Judged], calibration: Mapping[str, Any]
) -> tuple[PictureScore, ...]:
    """Scores of pictures without what a model of this calibration leaves out by itself."""
    return as_calibrated(pictures, calibration).scores


def estimates_of(summary: GroupSummary) -> dict[str, dict[str, float | None]]:
    """The scores that a model file holds, each with its interval and number of pictures."""
    return {
        name: {
            "value": round(estimate.value, _DIGITS),
            "low": _rounded(estimate.interval.low),
            "high": _rounded(estimate.interval.high),
            "n": estimate.n,
        }
        for name in SCORES
        if np.isfinite((estimate := summary.scores[name]).value)
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)


def _cross_fitted(pictures: Sequence[Judged], groups: Sequence[str], parts: int) -> list[Array]:
    """Confidence of each picture's objects, by a fit to pictures of other groups."""
    order = {name: index % parts for index, name in enumerate(sorted(set(groups)))}
    part = np.array([order[group] for group in groups])
    found = []
    for index, picture in enumerate(pictures):
        others = [pictures[int(other)] for other in np.flatnonzero(part != part[index])]
        found.append(confidence_of(picture.traits, _fit_to(others)))
    return found


def _fit_to(pictures: Sequence[Judged]) -> dict[str, Any]:
    """Intercept and weights for the objects of pictures."""
    return fitted(
        np.concatenate([picture.traits for picture in pictures]),
        np.concatenate([picture.right for picture in pictures]),
    )
