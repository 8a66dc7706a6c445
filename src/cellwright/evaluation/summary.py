"""The scores of many pictures: means, pooled values and medians, each with its interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from cellwright.core.errors import UsageError
from cellwright.evaluation.card import metric_card
from cellwright.evaluation.intervals import Interval, RatioOfSums, median_interval, ratio_intervals
from cellwright.evaluation.picture import FAMILIES, PictureScore
from cellwright.evaluation.score import Over, Score, summary_name, value_of

__all__ = ["Estimate", "GroupSummary", "Summary", "summarise"]

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """One number of a summary.

    Attributes
    ----------
    value
        NaN where no picture has one.
    interval
        Of 95 %, over pictures.
    n
        Pictures that it is of.
    value_without_empty
        The same without pictures that have no cell and in which none was found.
    """

    value: float
    interval: Interval
    n: int
    value_without_empty: float

    def to_json(self) -> dict[str, Any]:
        """Plain numbers, None for NaN."""
        return {
            "value": _plain(self.value),
            "low": self.interval.low,
            "high": self.interval.high,
            "interval": self.interval.how,
            "n": self.n,
            "value_without_empty": _plain(self.value_without_empty),
        }


@dataclass(frozen=True)
class GroupSummary:
    """All pictures, or those of one kind.

    Attributes
    ----------
    n_pictures, n_true, n_found
        Pictures that were scored, their true cells, and the cells that were found.
    n_without_cells
        Pictures without a true cell.
    n_empty
        Those of them in which nothing was found.
    scores
        From name to estimate, in the order of the reference.
    totals
        Sum of every count over the pictures.
    """

    n_pictures: int
    n_true: int
    n_found: int
    n_without_cells: int
    n_empty: int
    scores: Mapping[str, Estimate]
    totals: Mapping[str, float]

    def __getitem__(self, name: str) -> float:
        """Value of one score."""
        return self.scores[name].value

    def to_json(self) -> dict[str, Any]:
        """As it stands in ``summary.json``."""
        return {
            "n_pictures": self.n_pictures,
            "n_cells": self.n_true,
            "n_found": self.n_found,
            "n_without_cells": self.n_without_cells,
            "n_empty": self.n_empty,
            "scores": {name: estimate.to_json() for name, estimate in self.scores.items()},
            "totals": dict(self.totals),
        }


@dataclass(frozen=True)
class Summary:
    """The scores of all pictures together and by kind, with the card that explains them.

    Attributes
    ----------
    overall
        Of all pictures.
    kinds
        From each kind, in order of its name, to its pictures; empty where none was given.
    card
        The metric card; see `cellwright.evaluation.card`.
    """

    overall: GroupSummary
    kinds: Mapping[str, GroupSummary] = field(default_factory=dict)
    card: Mapping[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> float:
        """Value of one score over all pictures."""
        return self.overall[name]

    def to_json(self) -> dict[str, Any]:
        """As it stands in ``summary.json``."""
        return {
            "format": "cellwright-scores",
            "version": 1,
            "overall": self.overall.to_json(),
            "kinds": {kind: group.to_json() for kind, group in self.kinds.items()},
            "card": dict(self.card),
        }


def summarise(
    pictures: Sequence[PictureScore],
    kinds: Mapping[str, str] | None = None,
    *,
    left_out: Mapping[str, str] | None = None,
    split: str = "",
) -> Summary:
    """Sum up the scores of pictures.

    Parameters
    ----------
    pictures
        Each with a name of its own; their order does not matter.
    kinds
        From the name of a picture to its kind; pictures that are not in it (or have an empty
        kind) count in all pictures only.
    left_out
        From the name of each picture that could not be scored to the reason, for the card.
    split
        The file or rule that says which pictures these are, for the card.

    Raises
    ------
    UsageError
        If two pictures have the same name.

    Examples
    --------
    >>> from cellwright.evaluation.picture import score_picture
    >>> truth = np.array([[1, 1, 0, 2, 2]])
    >>> half = score_picture(truth, np.array([[1, 1, 0, 0, 0]]), image="half.png")
    >>> whole = score_picture(truth, truth, image="whole.png")
    >>> summary = summarise([half, whole])
    >>> summary["dsb_ap_50"], round(summary["pooled_recall_50"], 3)
    (0.75, 0.75)
    """
    ordered = sorted(pictures, key=lambda picture: picture.image)
    names = [picture.image for picture in ordered]
    twice = {name for name, other in pairwise(names) if name == other}
    if twice:
        raise UsageError(f"{len(twice)} names stand for several pictures: {min(twice)!r}")
    groups: dict[str, list[PictureScore]] = {}
    for picture in ordered:
        kind = (kinds or {}).get(picture.image, "")
        if kind:
            groups.setdefault(kind, []).append(picture)
    return Summary(
        _group(ordered),
        {kind: _group(groups[kind]) for kind in sorted(groups)},
        metric_card(FAMILIES, names, left_out or {}, split),
    )


def _group(pictures: Sequence[PictureScore]) -> GroupSummary:
    counts = [count.name for family in FAMILIES for count in family.counts]
    totals = {name: math.fsum(picture[name] for picture in pictures) for name in counts}
    whole = {count.name for family in FAMILIES for count in family.counts if count.whole}
    totals = {name: int(total) if name in whole else total for name, total in totals.items()}
    filled = [picture for picture in pictures if not picture.is_empty]
    return GroupSummary(
        n_pictures=len(pictures),
        n_true=int(totals["n_true"]),
        n_found=int(totals["n_found"]),
        n_without_cells=sum(not picture.n_true for picture in pictures),
        n_empty=len(pictures) - len(filled),
        scores=_estimates(pictures, filled, totals),
        totals=totals,
    )


def _estimates(
    pictures: Sequence[PictureScore], filled: Sequence[PictureScore], totals: Mapping[str, float]
) -> dict[str, Estimate]:
    wanted: list[tuple[Score, Over]] = [
        (score, over) for family in FAMILIES for score in family.scores for over in score.over
    ]
    statistics = {
        place: _pooled(score, pictures) if over == "pooled" else _mean(score, pictures)
        for place, (score, over) in enumerate(wanted)
        if over != "median"
    }
    intervals = _by_size(statistics)
    estimates = {}
    for place, (score, over) in enumerate(wanted):
        known = _known(score, pictures)
        if over == "pooled":
            n, value = len(pictures), value_of(score, totals)
            interval = intervals[place] if math.isfinite(statistics[place].value) else Interval()
            without = value if filled else math.nan
        elif over == "mean":
            n, value, interval = known.size, statistics[place].value, intervals[place]
            without = _average(_known(score, filled))
        else:
            n, value, interval = known.size, _middle(known), median_interval(known)
            without = _middle(_known(score, filled))
        estimates[summary_name(score, over)] = Estimate(value, interval, n, without)
    return estimates


def _by_size(statistics: Mapping[int, RatioOfSums]) -> dict[int, Interval]:
    """Intervals, those of as many pictures from the same resamples."""
    sizes = sorted({len(statistic.numerator) for statistic in statistics.values()})
    found: dict[int, Interval] = {}
    for size in sizes:
        places = [place for place, s in statistics.items() if len(s.numerator) == size]
        found |= zip(places, ratio_intervals([statistics[p] for p in places]), strict=True)
    return found


def _mean(score: Score, pictures: Sequence[PictureScore]) -> RatioOfSums:
    values = _known(score, pictures)[:, None]
    return RatioOfSums(values, np.ones_like(values), score.bounds)


def _pooled(score: Score, pictures: Sequence[PictureScore]) -> RatioOfSums:
    def sums(weights: Mapping[str, float]) -> list[float]:
        return [sum(w * picture[name] for name, w in weights.items()) for picture in pictures]

    above = np.array([sums(ratio.numerator) for ratio in score.ratios], dtype=np.float64)
    below = np.array([sums(ratio.denominator) for ratio in score.ratios], dtype=np.float64)
    shape = (len(score.ratios), len(pictures))
    return RatioOfSums(above.reshape(shape).T, below.reshape(shape).T, score.bounds)


def _known(score: Score, pictures: Sequence[PictureScore]) -> Numbers:
    values = np.array([picture[score.name] for picture in pictures], dtype=np.float64)
    return np.asarray(values[~np.isnan(values)])


def _average(values: Numbers) -> float:
    return float(values.mean()) if values.size else math.nan


def _middle(values: Numbers) -> float:
    return float(np.median(values)) if values.size else math.nan


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None
