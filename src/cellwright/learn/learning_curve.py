"""Whether more annotated pictures would help: how good the model is with fewer of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cellwright.evaluation.comparison import Difference, compare
from cellwright.evaluation.picture import PictureScore
from cellwright.evaluation.summary import summarise

__all__ = ["LearningPoint", "learning_curve", "would_more_help"]


@dataclass(frozen=True)
class LearningPoint:
    """A model that was trained on some of the pictures.

    Attributes
    ----------
    pictures
        How many.
    value, low, high
        Its score on the held-out pictures, and the 95 % interval over them; None if too few.
    gain
        Difference to the point before, picture by picture; None of the first.
    """

    pictures: int
    value: float
    low: float | None
    high: float | None
    gain: Difference | None


def learning_curve(
    scores: Mapping[int, Sequence[PictureScore]], score: str
) -> tuple[LearningPoint, ...]:
    """Make the curve.

    Parameters
    ----------
    scores
        From a number of training pictures to the scores of the held-out ones, which are the same
        for all.
    score
        Which of them.

    Returns
    -------
    tuple of LearningPoint
        By number of pictures.
    """
    points: list[LearningPoint] = []
    before: Sequence[PictureScore] | None = None
    for number in sorted(scores):
        estimate = summarise(list(scores[number]), {}).overall.scores[score]
        gain = None if before is None else compare(scores[number], before, [score])[0]
        interval = estimate.interval
        points.append(LearningPoint(number, estimate.value, interval.low, interval.high, gain))
        before = scores[number]
    return tuple(points)


def would_more_help(points: Sequence[LearningPoint]) -> str:
    """Say in a sentence whether more pictures would help.

    Parameters
    ----------
    points
        Of `learning_curve`; the last one is of all pictures.
    """
    last = points[-1]
    gain = last.gain
    if gain is None:
        return "too few groups of pictures to see whether more would help"
    few, low, high = points[-2].pictures, gain.interval.low, gain.interval.high
    told = f"from {few} to {last.pictures} pictures the score rose by {gain.difference:+.3f}"
    told = told.replace("rose by +", "rose by ").replace("rose by -", "fell by ")
    if low is None or high is None:
        return f"{told}; too few are held out to say whether that is chance"
    within = f"(95 % interval {low:+.3f} to {high:+.3f})"
    if low > 0:
        return f"{told} {within}: more pictures would help"
    if high < 0.01:
        return f"{told} {within}: more pictures of the same kind would hardly help"
    return f"{told} {within}: whether more pictures would help cannot be said from these"
