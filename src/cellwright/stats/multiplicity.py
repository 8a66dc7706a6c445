"""Many features, many chances: adjusted p values over those that were declared."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cellwright.stats.options import Correction

__all__ = ["over_features"]

Numbers = npt.NDArray[np.float64]


def over_features(p: Numbers, correction: Correction) -> Numbers:
    """Adjust p values of several features.

    Parameters
    ----------
    p
        (N,), NaN for features without a test, which do not count.
    correction
        ``holm`` bounds the chance of any false claim (S. Holm, Scand. J. Stat. 6, 1979);
        ``bh`` the share of false ones among the claims (Y. Benjamini and Y. Hochberg, J. R.
        Stat. Soc. B 57, 1995).

    Examples
    --------
    >>> over_features(np.array([0.01, 0.04, np.nan]), "holm").tolist()
    [0.02, 0.04, nan]
    """
    known = np.isfinite(p)
    adjusted = p.astype(np.float64)
    if correction != "none" and known.sum() > 1:
        from statsmodels.stats.multitest import multipletests

        method = {"holm": "holm", "bh": "fdr_bh"}[correction]
        adjusted[known] = multipletests(p[known], method=method)[1]
    return adjusted
