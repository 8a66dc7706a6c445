"""Permutation of replicates between two conditions: a p that no distribution is assumed for."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy import stats

__all__ = ["permutation_p", "smallest_p"]

Numbers = npt.NDArray[np.float64]

MOST_EXACT = 100_000
"""Arrangements up to which all are tried; of more, so many are drawn."""
SEED = 20211107


def smallest_p(n: int, m: int, *, paired: bool) -> float:
    """The smallest p that so many replicates can give, two-sided.

    Examples
    --------
    >>> smallest_p(3, 3, paired=False), smallest_p(4, 4, paired=True)
    (0.1, 0.125)
    """
    arrangements = 2**n if paired else math.comb(n + m, n)
    return min(1.0, 2 / arrangements)


def permutation_p(values: Numbers, reference: Numbers, *, paired: bool) -> float:
    """Twice the share of the arrangements whose means differ as much as found, in this direction.

    Parameters
    ----------
    values, reference
        (N,), (M,) one summary a replicate; paired ones at the same place.
    paired
        Whether conditions are exchanged within each replicate only.

    Notes
    -----
    All arrangements up to `MOST_EXACT`, then as many drawn ones, the found one among them
    (B. Phipson and G. K. Smyth, Stat. Appl. Genet. Mol. Biol. 9, 2010).

    Examples
    --------
    >>> import numpy as np
    >>> permutation_p(np.array([5.0, 6, 7]), np.array([1.0, 2, 3]), paired=False)
    0.1
    """

    def difference(one: Numbers, other: Numbers, axis: int = -1) -> Numbers:
        found: Numbers = np.mean(one, axis=axis) - np.mean(other, axis=axis)
        return found

    found = stats.permutation_test(
        (values, reference),
        difference,
        permutation_type="samples" if paired else "independent",
        vectorized=True,
        n_resamples=MOST_EXACT,
        rng=np.random.default_rng(SEED),
        alternative="two-sided",
    )
    return min(1.0, float(np.asarray(found.pvalue)))
