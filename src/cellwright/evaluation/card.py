"""The metric card: what a published number is, so that nobody takes it for another one.

"AP" alone means three different things in this field. Every summary carries a card that says
which it is: definition, thresholds, pooling, empty pictures, intervals, and what was left out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cellwright.evaluation.instances import PERCENTS
from cellwright.evaluation.intervals import CONFIDENCE, FEWEST_TO_RESAMPLE, RESAMPLES, SEED
from cellwright.evaluation.score import Family, summary_name

__all__ = ["metric_card"]

_MATCHING = (
    "A found cell is right at a threshold if it is matched one to one with a true cell whose "
    "intersection over union with it is that threshold or more, compared in whole numbers of "
    "pixels. Above 0.5 the matching is unique; at 0.5 the one with the most pairs is taken. "
    "StarDist and Cellpose count the threshold itself as reached too; Kaggle's text asks for more "
    "than the threshold."
)
_POOLING = {
    "mean": "Mean of the values of the pictures, each picture weighing the same.",
    "pooled": "Counts are added up over all pictures, then the score is computed once: pictures "
    "with many cells weigh more.",
    "median": "Median of the values of the pictures.",
    "dsb_ap": "dsb_ap is TP / (TP + FP + FN) at a threshold, as in the Data Science Bowl 2018, "
    "StarDist and Cellpose; it is not the area under a precision-recall curve (COCO).",
}
_EMPTY = (
    "A picture without a true cell in which nothing was found has 1, since that is the right "
    "answer (StarDist's matching gives 0 there, Cellpose's no number, Kaggle's text is silent); "
    "`empty` counts them, and `value_without_empty` is the mean without them. A picture "
    "without a true cell in which something was found has 0. Nothing found where there are cells "
    "has a precision of 0. What has no value (the mean IoU of no match, percent of no cell) is "
    "left out of the mean; `n` says how many pictures it is of."
)


def metric_card(
    families: Sequence[Family],
    images: Iterable[str],
    left_out: Mapping[str, str],
    split: str = "",
) -> dict[str, Any]:
    """Write the card of a summary.

    Parameters
    ----------
    families
        Whose scores are in it.
    images
        Names of the pictures that were scored.
    left_out
        From the name of each picture that was not, to the reason.
    split
        The file or rule that says which pictures these are, in words.

    Returns
    -------
    dict
        Ready for JSON; nothing in it depends on time or place.

    Examples
    --------
    >>> card = metric_card((), ["a.png"], {"b.png": "there is no truth"})
    >>> card["pictures"]["scored"], card["left_out"]
    (1, {'b.png': 'there is no truth'})
    """
    names = sorted(images)
    return {
        "format": "cellwright-metric-card",
        "version": 1,
        "definitions": {
            summary_name(score, over): {
                "meaning": score.meaning,
                "over": over,
                "unit": score.unit,
                "best": score.best,
                "source": score.source,
            }
            for family in families
            for score in family.scores
            for over in score.over
        },
        "thresholds": [percent / 100 for percent in PERCENTS],
        "matching": _MATCHING,
        "pooling": _POOLING,
        "empty_pictures": _EMPTY,
        "intervals": {
            "confidence": CONFIDENCE,
            "over": "pictures",
            "means_and_pooled": f"bootstrap over pictures (BCa) from {FEWEST_TO_RESAMPLE} pictures "
            "on, Student's t of the linearised ratio below, cut at the bounds of the score",
            "medians": "order statistics; none below six pictures",
            "resamples": RESAMPLES,
            "seed": SEED,
            "remark": "Pictures are taken as independent: tiles of one photograph are not, and "
            "make intervals too narrow. A width of 0 means that all pictures have one value, not "
            "that the score is certain.",
        },
        "pictures": {
            "split": split or "the pictures given; no split was named",
            "scored": len(names),
            "names_sha256": hashlib.sha256("\n".join(names).encode()).hexdigest(),
        },
        "left_out": dict(sorted(left_out.items())),
    }
