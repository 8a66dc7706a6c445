"""Thresholds from the histogram of a plane."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from cellwright.core.image import Array

__all__ = ["ALGORITHMS", "Algorithm", "otsu", "separability", "threshold_of"]

Algorithm = Literal["otsu", "li", "triangle", "yen", "isodata", "minimum", "mean"]
ALGORITHMS: tuple[str, ...] = get_args(Algorithm)

BINS = 256
"""Of every histogram, from the lowest to the highest value: those of an 8-bit picture."""


def _histogram(values: Array) -> tuple[Array, Array]:
    least, most = float(values.min()), float(values.max())
    # Wide enough that the edges of the bins differ from each other.
    most = max(most, least + BINS * float(np.spacing(np.float32(max(abs(least), abs(most))))))
    counts, edges = np.histogram(values, bins=BINS, range=(least, most))
    return counts.astype(np.float64), (edges[1:] + edges[:-1]) / 2


def _between_classes(counts: Array, centres: Array) -> Array:
    """Variance between the two classes, for a cut above each of the bins."""
    total = counts.sum()
    below = np.cumsum(counts) / total
    moment = np.cumsum(counts * centres) / total
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = (moment[-1] * below - moment) ** 2 / (below * (1 - below))
    return np.where((below > 0) & (below < 1), variance, 0.0)


def otsu(values: Array) -> tuple[float, float]:
    """Otsu's threshold and how well it parts the two classes.

    Parameters
    ----------
    values
        Any shape.

    Returns
    -------
    threshold : float
        Values above it are the upper class; the value itself where they are all the same.
        Where cuts in an empty stretch of the histogram are all equally good, the middle.
    separability : float
        Share of the variance that lies between the classes: 0 for one value, 0.64 for noise
        alone (a normal distribution), 1 for two values.

    References
    ----------
    N. Otsu, "A threshold selection method from gray-level histograms", IEEE Transactions on
    Systems, Man, and Cybernetics 9 (1979) 62-66; the separability is his eta.

    Examples
    --------
    >>> threshold, eta = otsu(np.array([0.0, 0.0, 0.0, 1.0]))
    >>> round(threshold, 2), eta
    (0.5, 1.0)
    """
    if values.min() == values.max():
        return float(values.flat[0]), 0.0
    counts, centres = _histogram(values)
    variance = _between_classes(counts, centres)
    best = variance.max()
    if best <= 0:  # values that differ by less than a bin
        return float(centres[0]), 0.0
    cuts = np.flatnonzero(variance >= best * (1 - 1e-12))
    total = np.average((centres - np.average(centres, weights=counts)) ** 2, weights=counts)
    cut = (cuts[0] + cuts[-1]) / 2
    width = centres[1] - centres[0]
    return float(centres[0] + (cut + 0.5) * width), float(min(best / total, 1.0))


def separability(values: Array) -> float:
    """Otsu's eta of the values: how well they fall into two classes, 0 to 1."""
    return otsu(values)[1]


def threshold_of(values: Array, algorithm: str) -> float:
    """Threshold of the values by a named algorithm.

    Parameters
    ----------
    values
        Any shape, not all the same.
    algorithm
        One of `ALGORITHMS`.

    Returns
    -------
    float
        Values above it are foreground. Where ``minimum`` finds no two peaks, Otsu's.

    Examples
    --------
    >>> threshold_of(np.array([0.0, 0.0, 0.0, 1.0]), "mean")
    0.25
    """
    if algorithm == "otsu":
        return otsu(values)[0]
    if algorithm == "mean":
        return float(np.mean(values, dtype=np.float64))
    from skimage import filters

    counts, centres = _histogram(values)
    if algorithm == "li":
        return float(filters.threshold_li(values))  # type: ignore[no-untyped-call]
    if algorithm == "triangle":
        return float(filters.threshold_triangle(values, nbins=BINS))  # type: ignore[no-untyped-call]
    if algorithm == "yen":
        return float(filters.threshold_yen(hist=(counts, centres)))  # type: ignore[no-untyped-call]
    if algorithm == "isodata":
        return float(filters.threshold_isodata(hist=(counts, centres)))  # type: ignore[no-untyped-call]
    try:
        return float(filters.threshold_minimum(hist=(counts, centres)))  # type: ignore[no-untyped-call]
    except RuntimeError:
        return otsu(values)[0]
