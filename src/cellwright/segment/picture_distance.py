"""How far a picture's traits are from those of training pictures, and how much doubt they show."""

from __future__ import annotations

import numpy as np

from cellwright.core.image import Array
from cellwright.segment.picture_traits import DOUBT, LOOK, STANDING_OUT

__all__ = [
    "COMPARED",
    "DOUBTFUL",
    "OF_PART",
    "PARTS",
    "difference",
    "doubt_of",
    "joined",
    "known_of_both",
    "nearest",
    "signs",
    "signs_of_doubt",
    "some_known",
    "spread_out",
    "standardised",
]

PARTS = ("look", "standing_out", "doubt")
"""What is compared: see `picture_traits.LOOK`, `STANDING_OUT` and `DOUBT`."""

COMPARED = (*LOOK, *STANDING_OUT)
"""Traits in which a picture is compared with each training picture."""

OF_PART = {
    "look": np.array([name in LOOK for name in COMPARED]),
    "standing_out": np.array([name in STANDING_OUT for name in COMPARED]),
}
"""Which of them belong to a part."""

DOUBTFUL = {name: 1.0 if name in {"unsure", "convergence"} else -1.0 for name in DOUBT}
"""Sign of each trait of doubt: whether more of it or less is doubtful."""

_STEP = 1 / 16
_FARTHEST = 7.5
"""Deviations from the middle at which a trait is cut off, stored as whole numbers of steps."""
_MISSING = -128
_LEAST_SPREAD = 0.02
"""No trait is taken to vary less: else a picture with a trace of colour is far from grey ones."""
_MOST_DOUBT = 3.0


def signs() -> Array:
    """Values of `DOUBTFUL`."""
    return np.array(list(DOUBTFUL.values()))


def some_known(values: Array) -> Array:
    """Of a column without any number make zeros, so that it has percentiles."""
    filled: Array = np.where(np.isnan(values).all(axis=0), 0.0, values)
    return filled


def standardised(values: Array, ranges: Array) -> Array:
    """Express traits as deviations from the middle of the training pictures.

    Parameters
    ----------
    values
        (n, len(`COMPARED`)); not a number where a trait is unknown.
    ranges
        (3, len(`COMPARED`)): 10th, 50th and 90th percentile of the training pictures.

    Returns
    -------
    Array
        int8, sixteenths of a deviation.

    Examples
    --------
    >>> ranges = np.array([[-1.28], [0.0], [1.28]])
    >>> standardised(np.array([[0.5], [-99.0], [np.nan]]), ranges).ravel()
    array([   8, -120, -128], dtype=int8)
    """
    # of a Gaussian 80 % lie within 2.56 deviations
    spread = np.maximum((ranges[2] - ranges[0]) / 2.56, _LEAST_SPREAD)
    steps = np.clip((values - ranges[1]) / spread, -_FARTHEST, _FARTHEST) / _STEP
    found: Array = np.where(np.isnan(steps), _MISSING, np.rint(np.nan_to_num(steps)))
    return found.astype(np.int8)


def known_of_both(vector: Array, others: Array) -> Array:
    """Where neither of two standardised vectors lacks a trait."""
    known: Array = np.logical_and(vector != _MISSING, others != _MISSING)
    return known


def difference(vector: Array, others: Array) -> Array:
    """Of standardised vectors, in deviations."""
    away: Array = (vector.astype(np.float64) - others) * _STEP
    return away


def nearest(vector: Array, others: Array, mask: Array) -> tuple[float, Array]:
    """Root mean square difference to the nearest of the others, in the traits of a mask; that one.

    Not a number if fewer than half of these traits are known of any.
    """
    known = known_of_both(vector, others) & mask
    count = known.sum(axis=1)
    away = np.where(known, difference(vector, others), 0.0)
    with_enough = count * 2 >= np.count_nonzero(mask)
    squares = np.where(with_enough, (away**2).sum(axis=1) / np.maximum(count, 1), np.inf)
    best = int(np.argmin(squares))
    return (float(np.sqrt(squares[best])) if with_enough.any() else np.nan), others[best]


def signs_of_doubt(values: Array, doubts: Array) -> Array:
    """0 at the median of the training pictures, 1 where only one in forty is as doubtful."""
    spread = np.maximum(doubts[1] - doubts[0], _LEAST_SPREAD)
    found: Array = np.clip((values - doubts[0]) / spread, -0.5, _MOST_DOUBT)
    return found


def doubt_of(values: Array, doubts: Array) -> Array:
    """Mean sign of doubt, 0 or more; not a number where the network sees nothing."""
    found_signs = signs_of_doubt(values, doubts)
    known = ~np.isnan(found_signs)
    nothing = np.logical_not(known.any(axis=1))
    mean = np.where(known, found_signs, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    found: Array = np.where(nothing, np.nan, np.maximum(mean, 0))
    return found


def joined(parts: Array) -> Array:
    """Root mean square of those parts that there are; 0 without any."""
    known = ~np.isnan(parts)
    squares = np.where(known, parts, 0.0) ** 2
    found: Array = np.sqrt(squares.sum(axis=1) / np.maximum(known.sum(axis=1), 1))
    return found


def spread_out(vectors: Array, most: int) -> Array:
    """Indices of `most` vectors that lie far from each other, in order.

    Each is the farthest from all that were chosen before it.
    """
    if len(vectors) <= most:
        return np.arange(len(vectors))
    chosen = [0]
    distance = np.full(len(vectors), np.inf)
    while len(chosen) < most:
        away = difference(vectors[chosen[-1]], vectors)
        distance = np.minimum(distance, (away**2).sum(axis=1))
        chosen.append(int(np.argmax(distance)))
    return np.sort(np.array(chosen))
