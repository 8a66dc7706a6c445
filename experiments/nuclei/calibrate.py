"""Fit the confidence of a model and score it: ``calibrate.py MODEL.zip DATA FITTED.json``.

Confidence is fitted to the validation pictures. What is said of its error comes from five parts:
each part is judged by a fit to the four others, and pictures of one photograph are in one part.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from data import training_and_validation

from cellwright.core.image import Array
from cellwright.datasets.example import Example, read_labels, read_pixels
from cellwright.evaluation.matching import count_overlaps, match
from cellwright.evaluation.picture import PictureScore, score_picture
from cellwright.evaluation.summary import summarise
from cellwright.segment.network import NetworkOptions
from cellwright.segment.network_confidence import confidence_of, fitted
from cellwright.segment.network_mapping import InMemory
from cellwright.segment.network_plane import look

PARTS = 5
BINS = 10
SCORES = (
    "semantic_iou", "dsb_ap_50", "dsb_ap_75", "dsb_ap_mean", "f1_50", "pq",
    "median_count_error_abs_percent", "pooled_count_error_percent", "median_area_bias_percent",
)  # fmt: skip
DIGITS = 4


def judged(
    model: Path, examples: list[Example]
) -> tuple[list[PictureScore], list[Array], list[Array]]:
    """Score of each picture, the traits of its objects, and which of these are right."""
    scores, traits, right = [], [], []
    for example in examples:
        seen = look(InMemory(read_pixels(example)), NetworkOptions(model=str(model)))
        truth, labels = read_labels(example), seen.labels
        scores.append(score_picture(truth, labels, image=example.name))
        overlaps = count_overlaps(truth, labels)
        found = np.asarray(overlaps.found_labels)
        hit = np.zeros(found.size, bool)
        hit[match(overlaps).found_index] = True
        traits.append(seen.traits[found])
        right.append(hit)
    return scores, traits, right


def expected_error(confidence: Array, right: Array) -> tuple[float, dict[str, list[float]]]:
    """Expected calibration error in bins of equal width, and the reliability table."""
    place = np.minimum((confidence * BINS).astype(int), BINS - 1)
    count = np.bincount(place, minlength=BINS)
    said = np.bincount(place, confidence, BINS) / np.maximum(count, 1)
    true = np.bincount(place, right, BINS) / np.maximum(count, 1)
    error = float((count * np.abs(said - true)).sum() / count.sum())
    filled = count > 0
    table = {
        "confidence": said[filled].round(DIGITS).tolist(),
        "right": true[filled].round(DIGITS).tolist(),
        "objects": count[filled].tolist(),
    }
    return error, table


def cross_fitted(traits: list[Array], right: list[Array], groups: list[str]) -> Array:
    """Confidence of each object, by a fit to pictures of other groups."""
    order = {name: index % PARTS for index, name in enumerate(sorted(set(groups)))}
    part = np.array([order[group] for group in groups])
    found = []
    for index, these in enumerate(traits):
        others = np.flatnonzero(part != part[index])
        weights = fitted(
            np.concatenate([traits[o] for o in others]), np.concatenate([right[o] for o in others])
        )
        found.append(confidence_of(these, weights))
    return np.concatenate(found)


def main(model: str, data: str, out: str) -> None:
    """Write what was fitted, added to what the file holds."""
    _, examples = training_and_validation(Path(data))
    scores, traits, right = judged(Path(model), examples)
    summary = summarise(scores, {example.name: example.kind for example in examples})
    confidence = cross_fitted(traits, right, [example.group for example in examples])
    error, table = expected_error(confidence, np.concatenate(right))
    calibration: dict[str, Any] = fitted(np.concatenate(traits), np.concatenate(right))
    calibration |= {
        "expected_calibration_error": round(error, DIGITS),
        "reliability": table,
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
    print(json.dumps({"ece": error, **{n: e["value"] for n, e in estimates.items()}}, indent=1))


if __name__ == "__main__":
    main(*sys.argv[1:])
