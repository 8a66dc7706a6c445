"""Which pictures show how good labels are: the worst, those in the middle, and the best."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from cellwright.core.errors import UsageError
from cellwright.evaluation.picture import PictureScore

__all__ = ["EACH", "SCORE", "Chosen", "choose_pictures"]

SCORE = "dsb_ap_mean"
"""By which pictures are ranked: one that few of them share, unlike F1 at 0.5."""

EACH = 4
"""Pictures of each of the three sorts."""


@dataclass(frozen=True)
class Chosen:
    """Names of pictures; no picture is in two of them.

    Attributes
    ----------
    worst
        The worst first.
    median
        Around the median, the worse first.
    best
        The best first.
    ranked
        How many pictures were ranked.
    """

    worst: tuple[str, ...]
    median: tuple[str, ...]
    best: tuple[str, ...]
    ranked: int


def choose_pictures(
    pictures: Sequence[PictureScore], score: str = SCORE, each: int = EACH
) -> Chosen:
    """Choose pictures by a rule that is the same for everybody.

    Pictures without a cell in which none was found show nothing and are left out, as are those
    that have no such score. Of equal ones the name decides. Where there are fewer than three
    times `each`, the worst come first, then the best.

    Parameters
    ----------
    pictures
        Their scores.
    score
        Name of a score that is better if larger.
    each
        Pictures of each sort.

    Raises
    ------
    UsageError
        If there is no such score.

    Examples
    --------
    >>> pictures = [PictureScore(str(i), {"n_true": 1, "n_found": 1, "pq": i / 9}) for i in range(9)]
    >>> choose_pictures(pictures, "pq", each=2)
    Chosen(worst=('0', '1'), median=('3', '4'), best=('8', '7'), ranked=9)
    """  # noqa: E501
    if any(score not in picture.values for picture in pictures):
        raise UsageError(f"pictures have no score {score!r}")
    known = [p for p in pictures if not p.is_empty and not math.isnan(p[score])]
    names = [p.image for p in sorted(known, key=lambda p: (p[score], p.image))]
    n = len(names)
    worst = min(each, math.ceil(n / 3))
    best = min(each, math.ceil((n - worst) / 2))
    median = min(each, n - worst - best)
    # The middle of all pictures, moved only as far as the other two need.
    start = min(max((n - median) // 2, worst), n - best - median)
    return Chosen(
        tuple(names[:worst]),
        tuple(names[start : start + median]),
        tuple(names[::-1][:best]),
        n,
    )
