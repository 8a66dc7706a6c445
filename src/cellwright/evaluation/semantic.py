"""Cells against background, pixel by pixel: IoU, Dice, accuracy."""

from __future__ import annotations

from collections.abc import Mapping

from cellwright.evaluation.score import Count, Family, LabelPair, Ratio, Score

__all__ = ["FAMILY"]


def _measure(pair: LabelPair) -> Mapping[str, float]:
    overlaps = pair.overlaps
    return {
        "pixels": overlaps.pixels,
        "true_pixels": int(overlaps.true_areas.sum()),
        "found_pixels": int(overlaps.found_areas.sum()),
        "shared_pixels": int(overlaps.shared.sum()),
    }


FAMILY = Family(
    "Pixels",
    (
        Count("pixels", "Pixels of the picture"),
        Count("true_pixels", "Pixels of true cells"),
        Count("found_pixels", "Pixels of found cells"),
        Count("shared_pixels", "Pixels of both"),
    ),
    (
        Score(
            "semantic_iou",
            "Intersection over union (Jaccard index) of all cells together against background",
            ("mean", "pooled"),
            (
                Ratio(
                    {"shared_pixels": 1},
                    {"true_pixels": 1, "found_pixels": 1, "shared_pixels": -1},
                ),
            ),
            empty=1.0,
        ),
        Score(
            "dice",
            "Twice the pixels in common over the pixels of true and of found cells",
            ("mean", "pooled"),
            (Ratio({"shared_pixels": 2}, {"true_pixels": 1, "found_pixels": 1}),),
            empty=1.0,
        ),
        Score(
            "pixel_accuracy",
            "Share of the pixels that are cell in both or background in both",
            ("mean", "pooled"),
            (
                Ratio(
                    {"pixels": 1, "true_pixels": -1, "found_pixels": -1, "shared_pixels": 2},
                    {"pixels": 1},
                ),
            ),
            empty=1.0,
        ),
    ),
    _measure,
)
"""Scores of the foreground."""
