"""Whether a confidence is a probability: of cells with 0.9, nine in ten are to be right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cellwright.core.errors import UsageError

__all__ = ["BINS", "Reliability", "reliability"]

Numbers = npt.NDArray[np.float64]

BINS = 10
"""Of equal width, from 0 to 1: what is usual, so that errors can be compared."""


@dataclass(frozen=True, eq=False)
class Reliability:
    """What was said beside what was so, bin by bin; bins without a cell are left out.

    Attributes
    ----------
    said, right, count
        (k,) mean confidence, share that is right, and number of cells.
    """

    said: Numbers
    right: Numbers
    count: npt.NDArray[np.int64]

    @property
    def expected_error(self) -> float:
        """Expected calibration error: mean distance of said and right, cell by cell."""
        distance = np.abs(self.said - self.right)
        return float((self.count * distance).sum() / max(int(self.count.sum()), 1))

    @property
    def largest_error(self) -> float:
        """Largest distance of said and right in any bin."""
        return float(np.abs(self.said - self.right).max(initial=0.0))


def reliability(confidence: Numbers, right: npt.NDArray[np.bool_]) -> Reliability:
    """Put cells into bins by their confidence.

    Parameters
    ----------
    confidence
        (n,) from 0 to 1.
    right
        (n,) whether each is.

    Raises
    ------
    UsageError
        If the lengths differ, or a confidence is no probability.

    Examples
    --------
    >>> found = reliability(np.array([0.9, 0.9, 0.9, 0.9, 0.2]), np.array([1, 1, 1, 0, 0]) > 0)
    >>> found.right.tolist(), found.count.tolist()
    ([0.0, 0.75], [1, 4])
    >>> round(found.expected_error, 3)
    0.16

    References
    ----------
    M. P. Naeini, G. Cooper and M. Hauskrecht, AAAI 2015; C. Guo, G. Pleiss, Y. Sun and K. Q.
    Weinberger, ICML 2017.
    """
    if confidence.shape != right.shape:
        raise UsageError(f"{confidence.size} confidences cannot be told of {right.size} cells")
    if confidence.size and not ((confidence >= 0) & (confidence <= 1)).all():
        raise UsageError("a confidence is not between 0 and 1")
    place = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    count = np.bincount(place, minlength=BINS)
    filled = np.flatnonzero(count)
    said = np.bincount(place, confidence, BINS)[filled] / count[filled]
    true = np.bincount(place, right, BINS)[filled] / count[filled]
    return Reliability(said, true, count[filled])
