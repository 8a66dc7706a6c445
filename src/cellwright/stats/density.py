"""Smooth distributions: a Gaussian kernel over a fine histogram."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["density"]

FEWEST_FOR_A_CURVE = 5
"""Below this a smooth curve would claim more than the cells can say."""
_GRID = 160

Numbers = npt.NDArray[np.float64]


def density(values: Numbers) -> tuple[Numbers, Numbers]:
    """Smooth distribution of `values`: a Gaussian kernel over a fine histogram.

    The width of the kernel is Silverman's rule of thumb, 0.9 min(sd, IQR / 1.34) n^(-1/5)
    (Silverman, Density Estimation for Statistics and Data Analysis, 1986, eq. 3.31).

    Parameters
    ----------
    values
        Finite numbers, any order.

    Returns
    -------
    tuple
        Positions and density; the density has an integral of 1. Both are empty below five
        values, or where all are the same.

    Examples
    --------
    >>> x, y = density(np.array([1.0, 2.0, 2.0, 2.5, 3.0, 4.0]))
    >>> round(float(np.sum(y) * (x[1] - x[0])), 6)
    1.0
    """
    none: Numbers = np.empty(0)
    if len(values) < FEWEST_FOR_A_CURVE:
        return none, none
    quartiles = np.percentile(values, [25, 75])
    widths = [float(np.std(values, ddof=1)), float(quartiles[1] - quartiles[0]) / 1.34]
    least = 1e-9 * float(np.abs(values).max())  # less is rounding: the values are the same
    width = 0.9 * min(w for w in [*widths, np.inf] if w > least) * len(values) ** -0.2
    if not np.isfinite(width):
        return none, none
    reach = 4 * width
    low, high = float(values.min()) - reach, float(values.max()) + reach
    # At least eight bins in a kernel's width, or the histogram's steps would show.
    n = int(np.clip((high - low) / width * 8, _GRID, 4096))
    counts, edges = np.histogram(values, bins=n, range=(low, high))
    step = edges[1] - edges[0]
    half = int(np.ceil(reach / step))
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) * step / width) ** 2)
    smooth = np.convolve(
        counts, kernel / kernel.sum(), mode="same" if n >= 2 * half + 1 else "full"
    )
    smooth = smooth[(len(smooth) - n) // 2 :][:n]
    return (edges[:-1] + edges[1:]) / 2, smooth / (smooth.sum() * step)
