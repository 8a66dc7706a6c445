"""Cells found and not found: AP as the Data Science Bowl 2018 has it, F1, PQ, AJI."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cellwright.evaluation.matching import Overlaps
from cellwright.evaluation.score import Count, Family, LabelPair, Ratio, Score

__all__ = ["FAMILY", "PERCENTS", "aggregated_jaccard"]

PERCENTS = tuple(range(50, 100, 5))
"""Thresholds of IoU in percent, 50 to 95 by 5 (Data Science Bowl 2018; COCO)."""

_NAMED = (50, 75, 90)
"""Thresholds for which precision, recall and F1 are given by themselves."""

_KAGGLE = "Data Science Bowl 2018, evaluation; Caicedo et al. 2019, doi:10.1038/s41592-019-0612-7"
_KIRILLOV = "Kirillov et al. 2019, doi:10.1109/CVPR.2019.00963"
_MASKA = "Maška et al. 2014, doi:10.1093/bioinformatics/btu080"
_KUMAR = "Kumar et al. 2017, doi:10.1109/TMI.2017.2677499"

_COUNTS = (
    Count("n_true", "True cells"),
    Count("n_found", "Found cells"),
    *(Count(f"tp_{p}", f"Found cells that match a true one with an IoU of {p / 100} or more")
      for p in PERCENTS),
    *(Count(f"fp_{p}", f"Found cells without a true one at {p / 100}") for p in PERCENTS),
    *(Count(f"fn_{p}", f"True cells without a found one at {p / 100}") for p in PERCENTS),
    Count("iou_sum_50", "Sum of the IoU of the pairs that match at 0.5", whole=False),
    Count("seg_sum", "Sum over the true cells of the IoU with the found cell that has more than "
          "half of it", whole=False),
    Count("aji_shared", "Pixels in common of each true cell and the found cell that fits it best"),
    Count("aji_union", "Pixels of either of them, and of all found cells that fit none"),
)  # fmt: skip


def _ap(percent: int) -> Ratio:
    tp = f"tp_{percent}"
    return Ratio({tp: 1}, {tp: 1, f"fp_{percent}": 1, f"fn_{percent}": 1})


def _named(percent: int) -> tuple[Score, ...]:
    tp, at = f"tp_{percent}", f"at an IoU of {percent / 100}"
    return (
        Score(
            f"f1_{percent}",
            f"2 TP / (2 TP + FP + FN) {at}",
            ("mean", "pooled"),
            (Ratio({tp: 2}, {tp: 2, f"fp_{percent}": 1, f"fn_{percent}": 1}),),
            empty=1.0,
        ),
        Score(
            f"precision_{percent}",
            f"TP / (TP + FP) {at}; 0 where nothing was found but a cell is there",
            ("mean", "pooled"),
            (Ratio({tp: 1}, {tp: 1, f"fp_{percent}": 1}),),
            empty=1.0,
            undefined=0.0,
        ),
        Score(
            f"recall_{percent}",
            f"TP / (TP + FN) {at}; 0 where no cell is there but one was found",
            ("mean", "pooled"),
            (Ratio({tp: 1}, {tp: 1, f"fn_{percent}": 1}),),
            empty=1.0,
            undefined=0.0,
        ),
    )


_SCORES = (
    Score(
        "dsb_ap_mean",
        "Mean of TP / (TP + FP + FN) over the IoU thresholds 0.50, 0.55, … 0.95",
        ("mean", "pooled"),
        tuple(_ap(percent) for percent in PERCENTS),
        empty=1.0,
        source=_KAGGLE,
    ),
    *(
        Score(
            f"dsb_ap_{percent}",
            f"TP / (TP + FP + FN) at an IoU of {percent / 100}; no area under a curve",
            ("mean", "pooled"),
            (_ap(percent),),
            empty=1.0,
            source=_KAGGLE,
        )
        for percent in PERCENTS
    ),
    *(score for percent in _NAMED for score in _named(percent)),
    Score(
        "pq",
        "Panoptic quality: sum of the IoU of matched pairs / (TP + FP/2 + FN/2) at 0.5",
        ("mean", "pooled"),
        (Ratio({"iou_sum_50": 1}, {"tp_50": 1, "fp_50": 0.5, "fn_50": 0.5}),),
        empty=1.0,
        source=_KIRILLOV,
    ),
    Score(
        "sq",
        "Segmentation quality: mean IoU of the pairs that match at 0.5; left out where none does",
        ("mean", "pooled"),
        (Ratio({"iou_sum_50": 1}, {"tp_50": 1}),),
        empty=1.0,
        source=_KIRILLOV,
    ),
    Score(
        "rq",
        "Recognition quality: TP / (TP + FP/2 + FN/2) at 0.5, which is F1",
        ("mean", "pooled"),
        (Ratio({"tp_50": 1}, {"tp_50": 1, "fp_50": 0.5, "fn_50": 0.5}),),
        empty=1.0,
        source=_KIRILLOV,
    ),
    Score(
        "seg",
        "Mean over the true cells of the IoU with the found cell that has more than half of its "
        "pixels, 0 where none has: SEG of the Cell Tracking Challenge",
        ("mean", "pooled"),
        (Ratio({"seg_sum": 1}, {"n_true": 1}),),
        empty=1.0,
        source=_MASKA,
    ),
    Score(
        "aji",
        "Aggregated Jaccard index: each true cell with the found cell of the largest IoU, pixels "
        "in common over pixels of either, found cells that no true one took counted below",
        ("mean", "pooled"),
        (Ratio({"aji_shared": 1}, {"aji_union": 1}),),
        empty=1.0,
        source=_KUMAR,
    ),
)


def _measure(pair: LabelPair) -> Mapping[str, float]:
    overlaps, matches = pair.overlaps, pair.matches
    values: dict[str, float] = {"n_true": overlaps.n_true, "n_found": overlaps.n_found}
    # Above 0.5 a pair has no rival, so those of a higher threshold are among those of 0.5.
    tp = [int(overlaps.reaches(percent / 100)[matches.pairs].sum()) for percent in PERCENTS]
    for name, counts in (
        ("tp", tp),
        ("fp", [overlaps.n_found - n for n in tp]),
        ("fn", [overlaps.n_true - n for n in tp]),
    ):
        values |= {f"{name}_{p}": n for p, n in zip(PERCENTS, counts, strict=True)}
    values["iou_sum_50"] = float(matches.iou.sum())
    most = overlaps.shared * 2 > overlaps.true_areas[overlaps.pair_true]
    values["seg_sum"] = float(overlaps.iou[most].sum())  # no two found cells have most of one
    values["aji_shared"], values["aji_union"] = aggregated_jaccard(overlaps)
    return values


def aggregated_jaccard(overlaps: Overlaps) -> tuple[int, int]:
    """Give numerator and denominator of the aggregated Jaccard index (Kumar et al. 2017).

    Each true cell takes the found cell with which it has the largest IoU, of equal ones that of
    the lowest number; one found cell may be taken several times, as in the paper.

    Returns
    -------
    tuple of int
        Pixels in common, and pixels of the unions with all found cells that nobody took.
    """
    iou, union = overlaps.iou, overlaps.union
    order = np.lexsort((overlaps.pair_found, -iou, overlaps.pair_true))
    true = overlaps.pair_true[order]
    best = order[np.concatenate([[True], true[1:] != true[:-1]])[: true.size]]
    free = np.ones(overlaps.n_found, dtype=bool)
    free[overlaps.pair_found[best]] = False
    alone = np.ones(overlaps.n_true, dtype=bool)
    alone[overlaps.pair_true[best]] = False
    below = union[best].sum() + overlaps.found_areas[free].sum() + overlaps.true_areas[alone].sum()
    return int(overlaps.shared[best].sum()), int(below)


FAMILY = Family("Cells", _COUNTS, _SCORES, _measure)
"""Scores of whole cells."""
