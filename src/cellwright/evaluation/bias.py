"""Whether counts and areas are too large or too small."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from cellwright.evaluation.score import Count, Family, LabelPair, Ratio, Score

__all__ = ["FAMILY"]

_PERCENT = 100.0


def _measure(pair: LabelPair) -> Mapping[str, float]:
    overlaps, matches = pair.overlaps, pair.matches
    error = overlaps.n_found - overlaps.n_true
    true = overlaps.true_areas[matches.true_index]
    found = overlaps.found_areas[matches.found_index]
    relative = abs(error) / overlaps.n_true if overlaps.n_true else math.nan
    larger = float(np.median(found / true)) - 1 if true.size else math.nan
    return {
        "count_error": error,
        "count_error_abs_percent": _PERCENT * relative,
        "area_bias_percent": _PERCENT * larger,
        "matched_true_pixels": int(true.sum()),
        "matched_found_pixels": int(found.sum()),
    }


FAMILY = Family(
    "Bias",
    (
        Count("count_error", "Found cells less true cells"),
        Count("matched_true_pixels", "Pixels of the true cells that match at an IoU of 0.5"),
        Count("matched_found_pixels", "Pixels of the found cells that match at an IoU of 0.5"),
    ),
    (
        Score(
            "count_error_abs_percent",
            "Size of the count error in percent of the true cells; left out where there are none",
            ("median", "mean"),
            unit="%",
            bounds=(0.0, None),
            best=0.0,
        ),
        Score(
            "count_error_percent",
            "Count error in percent of the true cells; below 0 if too few were found",
            ("pooled", "median"),
            (Ratio({"n_found": _PERCENT, "n_true": -_PERCENT}, {"n_true": 1}),),
            unit="%",
            bounds=(-_PERCENT, None),
            best=0.0,
        ),
        Score(
            "area_bias_percent",
            "Median, over the cells that match at an IoU of 0.5, of found area over true area, "
            "less 1, in percent",
            ("median",),
            unit="%",
            bounds=(-_PERCENT, None),
            best=0.0,
        ),
        Score(
            "matched_area_bias_percent",
            "Found area less true area of all cells that match at an IoU of 0.5, in percent of "
            "the true area",
            ("pooled",),
            (
                Ratio(
                    {"matched_found_pixels": _PERCENT, "matched_true_pixels": -_PERCENT},
                    {"matched_true_pixels": 1},
                ),
            ),
            unit="%",
            bounds=(-_PERCENT, None),
            best=0.0,
        ),
    ),
    _measure,
)
"""Bias of counts and of areas."""
