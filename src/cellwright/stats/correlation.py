"""How features go together in cells of one condition: rank correlations, pooled within groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

__all__ = ["FEWEST_PAIRS", "centred_ranks", "pooled_correlation"]

Numbers = npt.NDArray[np.float64]
Ranks = npt.NDArray[np.float32]
Group = tuple[int, int]

FEWEST_PAIRS = 10
"""Cells with both features below which no correlation is given."""
_AT_ONCE = 50_000
_DIGITS = 6
"""More depend on how a processor adds up, and nobody reads them."""


def centred_ranks(values: Numbers, groups: Sequence[Group]) -> Ranks:
    """Rank of each value within its group, as a share: from -0.5, the smallest, to 0.5.

    Parameters
    ----------
    values
        (N,) numbers, of which those that are not finite have no rank.
    groups
        First row, and row after the last, of each group.

    Returns
    -------
    ndarray
        (N,) float32, NaN where there is no rank; equal values share the mean of their ranks.

    Examples
    --------
    >>> centred_ranks(np.array([3.0, 1.0, 2.0, 10.0, np.nan, 30.0]), [(0, 3), (3, 6)]).round(2)
    array([ 0.33, -0.33,  0.  , -0.25,   nan,  0.25], dtype=float32)
    """
    found = np.full(len(values), np.nan, np.float32)
    for start, stop in groups:
        known = start + np.flatnonzero(np.isfinite(values[start:stop]))
        found[known] = (rankdata(values[known]) - 0.5) / max(known.size, 1) - 0.5
    return found


def pooled_correlation(ranks: Sequence[Ranks], groups: Sequence[Group]) -> Numbers:
    """Spearman's correlation of each two features over all cells, within groups.

    Sums of squares and products about the mean of each group are added up over the groups, as in
    an analysis of covariance. So what differs between groups makes no correlation. Of one group
    without gaps it is Spearman's coefficient; of several about the mean of the coefficients,
    weighted by cells.

    Parameters
    ----------
    ranks
        (N,) each, from `centred_ranks`.
    groups
        First row, and row after the last, of each group.

    Returns
    -------
    ndarray
        (F, F), rounded to six digits; NaN for features that do not vary, and below
        `FEWEST_PAIRS` cells that have both.

    Examples
    --------
    >>> one = centred_ranks(np.arange(20.0), [(0, 20)])
    >>> pooled_correlation([one, -one], [(0, 20)]).tolist()
    [[1.0, -1.0], [-1.0, 1.0]]
    """
    size = len(ranks), len(ranks)
    products, squares, pairs = np.zeros(size), np.zeros(size), np.zeros(size)
    for start, stop in groups:
        n, sums, own_squares, own_products = (np.zeros(size) for _ in range(4))
        for part in _parts(ranks, start, stop):
            known = np.isfinite(part).astype(np.float64)
            filled = np.nan_to_num(part)
            own_products += filled @ filled.T
            # row i, column j: of feature i, over the cells that have feature j
            n += known @ known.T
            sums += filled @ known.T
            own_squares += filled**2 @ known.T
        cells = np.maximum(n, 1)
        products += own_products - sums * sums.T / cells
        squares += own_squares - sums**2 / cells
        pairs += n
    least = 1e-9 * pairs  # less is rounding: the feature does not vary
    varies = (squares > least) & (least < squares.T) & (pairs >= FEWEST_PAIRS)
    scale = np.sqrt(np.where(varies, squares * squares.T, 1.0))
    found: Numbers = np.where(varies, np.clip(products / scale, -1, 1), np.nan)
    return np.round(found, _DIGITS) + 0.0  # no -0


def _parts(ranks: Sequence[Ranks], start: int, stop: int) -> Iterator[Numbers]:
    """A group piece by piece, (F, n) float64: all of it at once would fill the memory."""
    for first in range(start, stop, _AT_ONCE):
        last = min(first + _AT_ONCE, stop)
        yield np.stack([one[first:last] for one in ranks]).astype(np.float64)
