"""What a score is: declared once, and from that computed, pooled, explained and documented.

A family counts what can be added up over pictures (cells, pixels, sums of IoU) and measures
what cannot. A score is a ratio of sums of counts, so that the same declaration gives its value
in one picture, the mean of these over pictures, and the value of all pictures pooled.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np

from cellwright.core.image import Array
from cellwright.core.labels import Labels
from cellwright.evaluation.matching import Matches, Overlaps, count_overlaps, join_overlaps, match

__all__ = ["Count", "Family", "LabelPair", "Over", "Ratio", "Score", "summary_name", "value_of"]

Over = Literal["mean", "pooled", "median"]
"""How the values of pictures become one number: mean of them, ratio of the sums, or median."""


@dataclass(frozen=True, eq=False)
class LabelPair:
    """The labels of one picture: those that are right, and those that are scored.

    Attributes
    ----------
    truth, found
        Of the same shape. In a movie (axis T) each frame has cells of its own.
    """

    truth: Labels
    found: Labels

    @cached_property
    def parts(self) -> tuple[Overlaps, ...]:
        """Pixels in common in each frame; in the whole where there are no frames."""
        if "T" not in self.truth.axes + self.found.axes:
            return (count_overlaps(self.truth.data, self.found.data),)
        frames = zip(_frames(self.truth), _frames(self.found), strict=True)
        return tuple(count_overlaps(truth, found) for truth, found in frames)

    @cached_property
    def overlaps(self) -> Overlaps:
        """Pixels in common, counted once for all families."""
        return self.parts[0] if len(self.parts) == 1 else join_overlaps(self.parts)

    @cached_property
    def matches(self) -> Matches:
        """One-to-one matching at an IoU of 0.5."""
        return match(self.overlaps)


def _frames(labels: Labels) -> Iterator[Array]:
    """Each position along the first axis, read when its turn comes."""
    for frame in range(labels.data.shape[0]):
        key: tuple[int | slice, ...] = (frame, *(slice(None) for _ in labels.axes[1:]))
        yield np.asarray(labels.data[key])


@dataclass(frozen=True)
class Count:
    """A number of a picture that is added up over pictures.

    Attributes
    ----------
    name
        Column of ``scores.csv``.
    meaning
        One sentence for the reader of the table.
    whole
        Whether it is a whole number.
    """

    name: str
    meaning: str
    whole: bool = True


@dataclass(frozen=True)
class Ratio:
    """A sum of counts over a sum of counts, each with its weight."""

    numerator: Mapping[str, float]
    denominator: Mapping[str, float]


@dataclass(frozen=True)
class Score:
    """A declared score.

    Attributes
    ----------
    name
        Column of ``scores.csv``; in the summary the mean over pictures has this name, others
        have `summary_name`.
    meaning
        Its definition in words, for card and reference.
    over
        How it is summed up.
    ratios
        What it is computed from: the mean of these. Empty if the family measures it itself.
    empty
        Its value where there is no cell and none was found.
    undefined
        Its value where else a denominator is 0; NaN leaves the picture out of the mean.
    unit
        ``1`` or ``%``.
    bounds
        Smallest and largest value that it can have; None where there is no limit.
    best
        The value of a perfect result.
    source
        Where the definition comes from.
    """

    name: str
    meaning: str
    over: tuple[Over, ...] = ("mean",)
    ratios: tuple[Ratio, ...] = ()
    empty: float = math.nan
    undefined: float = math.nan
    unit: str = "1"
    bounds: tuple[float | None, float | None] = (0.0, 1.0)
    best: float = 1.0
    source: str = ""


@dataclass(frozen=True)
class Family:
    """Scores that are computed together; one file each.

    Attributes
    ----------
    name
        As the heading of the reference.
    counts
        What `measure` gives to be added up.
    scores
        What comes of them, and what `measure` gives as it is.
    measure
        From the labels of a picture to each count, and each score that has no ratios.
    """

    name: str
    counts: tuple[Count, ...] = ()
    scores: tuple[Score, ...] = ()
    measure: Callable[[LabelPair], Mapping[str, float]] = field(default=lambda _: {})


def value_of(score: Score, sums: Mapping[str, float]) -> float:
    """Compute a score from counts: of one picture, or of several added up.

    Examples
    --------
    >>> recall = Score("recall", "", ratios=(Ratio({"tp": 1}, {"n_true": 1}),), empty=1.0)
    >>> value_of(recall, {"tp": 3, "n_true": 4, "n_found": 3})
    0.75
    >>> value_of(recall, {"tp": 0, "n_true": 0, "n_found": 0})
    1.0
    """
    if not sums["n_true"] and not sums["n_found"]:
        return score.empty
    total = 0.0
    for ratio in score.ratios:
        below = _weighted(ratio.denominator, sums)
        total += _weighted(ratio.numerator, sums) / below if below else score.undefined
    return total / len(score.ratios)


def _weighted(weights: Mapping[str, float], sums: Mapping[str, float]) -> float:
    return sum(weight * sums[name] for name, weight in weights.items())


def summary_name(score: Score, over: Over) -> str:
    """Name of a score in the summary.

    Examples
    --------
    >>> summary_name(Score("f1_50", ""), "mean"), summary_name(Score("f1_50", ""), "pooled")
    ('f1_50', 'pooled_f1_50')
    """
    return score.name if over == "mean" else f"{over}_{score.name}"
