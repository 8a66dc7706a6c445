"""Fit the confidence of a model and score it: ``calibrate.py MODEL.zip DATA FITTED.json``.

Confidence is fitted to the validation pictures. What is said of its error, and of the model without
the objects that it leaves out as too unsure, comes from five parts: each part is judged by a fit to
the four others, and pictures of one photograph are in one part.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from data import training_and_validation

from cellwright.core.image import Array
from cellwright.datasets.example import Example, read_labels, read_pixels
from cellwright.evaluation.calibration import reliability
from cellwright.evaluation.matching import count_overlaps, match
from cellwright.evaluation.picture import score_picture
from cellwright.evaluation.summary import summarise
from cellwright.segment.network import NetworkOptions
from cellwright.segment.network_confidence import confidence_of, fitted
from cellwright.segment.network_mapping import InMemory
from cellwright.segment.network_plane import look

LEAST = 0.2
"""Objects that are right with less probability are left out. On the validation pictures AP changes
little from 0.2 to 0.5, and counts are nearest to the truth at 0.2."""
PARTS = 5
SCORES = (
    "semantic_iou", "dsb_ap_50", "dsb_ap_75", "dsb_ap_mean", "f1_50", "pq",
    "median_count_error_abs_percent", "pooled_count_error_percent", "median_area_bias_percent",
)  # fmt: skip
DIGITS = 4


@dataclass(frozen=True, eq=False)
class Judged:
    """What was found in a picture.

    Attributes
    ----------
    labels
        (Y, X) uint32.
    numbers, traits, right
        Of each object its label, its traits, and whether it is right.
    """

    labels: Array
    numbers: Array
    traits: Array
    right: Array

    def without(self, unsure: Array) -> Array:
        """Labels without some of the objects: (n,) bool."""
        return np.where(np.isin(self.labels, self.numbers[unsure]), 0, self.labels)


def judged(model: Path, example: Example) -> Judged:
    """Find everything in a picture, however unsure, and compare it with the truth."""
    seen = look(InMemory(read_pixels(example)), NetworkOptions(model=str(model)))
    overlaps = count_overlaps(read_labels(example), seen.labels)
    found = np.asarray(overlaps.found_labels)
    right = np.zeros(found.size, bool)
    right[match(overlaps).found_index] = True
    return Judged(seen.labels, found, seen.traits[found], right)


def cross_fitted(pictures: list[Judged], groups: list[str]) -> list[Array]:
    """Confidence of each picture's objects, by a fit to pictures of other groups."""
    order = {name: index % PARTS for index, name in enumerate(sorted(set(groups)))}
    part = np.array([order[group] for group in groups])
    found = []
    for index, picture in enumerate(pictures):
        others = [pictures[other] for other in np.flatnonzero(part != part[index])]
        found.append(confidence_of(picture.traits, fit_to(others)))
    return found


def fit_to(pictures: list[Judged]) -> dict[str, Any]:
    """Intercept and weights for the objects of pictures."""
    return fitted(
        np.concatenate([picture.traits for picture in pictures]),
        np.concatenate([picture.right for picture in pictures]),
    )


def main(model: str, data: str, out: str) -> None:
    """Write what was fitted, added to what the file holds."""
    _, examples = training_and_validation(Path(data))
    pictures = [judged(Path(model), example) for example in examples]
    confidence = cross_fitted(pictures, [example.group for example in examples])
    scores = [
        score_picture(read_labels(example), picture.without(sure < LEAST), image=example.name)
        for example, picture, sure in zip(examples, pictures, confidence, strict=True)
    ]
    summary = summarise(scores, {example.name: example.kind for example in examples})
    every = np.concatenate(confidence)
    kept = every >= LEAST
    found = reliability(every[kept], np.concatenate([picture.right for picture in pictures])[kept])
    calibration = fit_to(pictures) | {
        "least": LEAST,
        "expected_calibration_error": round(found.expected_error, DIGITS),
        "reliability": {
            "confidence": found.said.round(DIGITS).tolist(),
            "right": found.right.round(DIGITS).tolist(),
            "objects": found.count.tolist(),
        },
        "pictures": len(examples),
        "how": "logistic regression on the validation pictures; error cross-fitted in five parts",
    }
    estimates = {}
    for name in SCORES:
        estimate = summary.overall.scores[name]
        estimates[name] = {
            "value": round(estimate.value, DIGITS),
            "low": round(estimate.interval.low, DIGITS),
            "high": round(estimate.interval.high, DIGITS),
            "n": estimate.n,
        }
    path = Path(out)
    known = json.loads(path.read_text("utf-8")) if path.exists() else {}
    known |= {"calibration": calibration, "scores": {"validation": estimates}}
    path.write_text(json.dumps(known, indent=1) + "\n", "utf-8")
    print(
        json.dumps(
            {"ece": found.expected_error, **{n: e["value"] for n, e in estimates.items()}}, indent=1
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
