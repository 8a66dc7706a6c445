"""From scores to p values that hold on wells that nobody has seen yet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cellwright.core.errors import UsageError

__all__ = ["FEWEST", "Calibration", "calibrated", "check_rate", "smallest_rate"]

Numbers = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

FEWEST = 3
"""Groups of reference cells (wells, replicates) below which no rate can be promised for others."""
_PART = 4
"""A rate is refused at which the calibrating groups hold, together, less than a quarter of what one
group more would add. In simulations (intra-class correlation 0.1 to 0.3) rates from there on
come out within a fifth of what was stated."""
_MANY = 400
"""Groups beyond which each in turn is not left out: what that corrects is less than a rate of
1/400 then."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """Which p belongs to which score.

    Attributes
    ----------
    scores
        (N,) of the calibrating cells, descending.
    p
        (N,) false alarms in a group that is not among them, if all that score as high are taken
        for unlike; ascending.
    groups
        How many groups there are.
    """

    scores: Numbers
    p: Numbers
    groups: int

    def __call__(self, scores: Numbers) -> Numbers:
        """Give the p of scores: 1 where they lie below all others.

        Examples
        --------
        >>> found = calibrated(np.arange(8.0), np.repeat(np.arange(4), 2))
        >>> found(np.array([-1.0])).tolist()
        [1.0]
        """
        # the last calibrating cell that scores no less: cells as unlike, or more
        place = np.searchsorted(-self.scores, -scores, side="right")
        padded = np.concatenate([self.p[:1], self.p])
        found: Numbers = padded[place]
        return np.where(scores < self.scores[-1], 1.0, found)


def smallest_rate(groups: int) -> float:
    """The smallest rate of false alarms that so many groups can promise.

    Examples
    --------
    >>> smallest_rate(24), round(smallest_rate(5), 3)
    (0.01, 0.042)
    """
    return 1 / (_PART * (groups + 1))


def check_rate(rate: float, groups: int, what: str) -> None:
    """Refuse a rate that cannot be had.

    Parameters
    ----------
    rate
        Of false alarms.
    groups
        How many there are of the reference.
    what
        What they are called: wells, replicates, pictures.

    Raises
    ------
    UsageError
        Telling the rate that can be had.
    """
    if groups < FEWEST:
        raise UsageError(
            f"the reference has {groups} {what}: how {what} differ cannot be known from so few, "
            "and no rate of false alarms can be promised",
            remedy=f"give {FEWEST} {what} of the reference at the least, or others with --group",
        )
    least = smallest_rate(groups)
    if rate < least:
        raise UsageError(
            f"with {groups} {what} of the reference a rate of false alarms below "
            f"{100 * least:.1f} % cannot be had, and {100 * rate:g} % was asked for",
            remedy=f"ask for --rate {np.ceil(1000 * least) / 1000:g} or more, or give more {what} "
            "of the reference",
        )


def calibrated(scores: Numbers, groups: Codes) -> Calibration:
    """Find out how often a group that was left out raises an alarm, at each threshold.

    Cells of one well are not independent: the threshold that 5 % of all cells exceed is exceeded
    by more than 5 % in a new well, the more so the fewer wells there are. So each group in turn is
    judged by the threshold of the others, and the mean share of its cells above is the rate that
    the threshold has.

    Parameters
    ----------
    scores
        (N,) of reference cells, each by a model that has not learnt from its group.
    groups
        (N,) number of the group of each, from 0 on, none of them empty.

    Notes
    -----
    All groups count alike, however many cells they have. With exchangeable groups this is cross
    validation of the conformal threshold of R. Dunn, L. Wasserman and A. Ramdas (J. Am. Stat.
    Assoc. 118, 2023, pooled distribution functions); it is right in the mean over experiments, and
    no promise for each well.
    """
    order = np.argsort(-scores, kind="stable")
    ordered, of = scores[order], groups[order]
    count = int(groups.max()) + 1
    share = 1 / np.bincount(groups, minlength=count)[of]
    pooled = np.cumsum(share)
    level = pooled / count
    if count > _MANY:
        # so many groups tell the threshold well enough: one more would be the (count + 1)st
        return Calibration(ordered, (pooled + 1) / (count + 1), count)
    rate = np.zeros(level.size)
    for group in range(count):
        own = np.cumsum(np.where(of == group, share, 0.0))
        others = (pooled - own) / (count - 1)
        # the last place at which no more than `level` of the others lie above
        place = np.searchsorted(others, level, side="right") - 1
        rate += np.where(place >= 0, own[np.maximum(place, 0)], 0.0)
    p = np.minimum(np.maximum.accumulate(rate / count), 1.0)
    return Calibration(ordered, p, count)
