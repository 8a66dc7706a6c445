"""Thresholds from the histogram of a plane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from cellwright.core.image import Array
from cellwright.segment.streamed import Chunks, extremes

__all__ = [
    "ALGORITHMS",
    "FROM_COUNTS",
    "Algorithm",
    "Histogram",
    "Tally",
    "cut_of",
    "histogram_of",
    "otsu",
    "otsu_of",
    "separability",
    "threshold_of",
]

Algorithm = Literal["otsu", "li", "triangle", "yen", "isodata", "minimum", "mean"]
ALGORITHMS: tuple[str, ...] = get_args(Algorithm)

FROM_COUNTS = ("otsu", "triangle", "yen", "isodata", "minimum")
"""Those that need no more of the values than their histogram."""

BINS = 256
"""Of every histogram, from the lowest to the highest value: those of an 8-bit picture."""


@dataclass(frozen=True, eq=False)
class Histogram:
    """How many values lie in each of `BINS` bins of the same width.

    Attributes
    ----------
    least, most
        The lowest and the highest value.
    counts, centres
        float64 number of values in each bin, and its middle.
    """

    least: float
    most: float
    counts: Array
    centres: Array


class Tally:
    """Counts values into bins, array by array.

    Parameters
    ----------
    least, most
        The lowest and the highest of all values.
    """

    def __init__(self, least: float, most: float) -> None:
        self._least, self._most = least, most
        # Wide enough that the edges of the bins differ from each other.
        narrow = BINS * float(np.spacing(np.float32(max(abs(least), abs(most)))))
        self._range = (least, max(most, least + narrow))
        self._counts = np.zeros(BINS, np.int64)
        self._edges = np.zeros(BINS + 1)

    def add(self, values: Array) -> None:
        """Count the values of an array."""
        counts, self._edges = np.histogram(values, bins=BINS, range=self._range)
        self._counts += counts

    def histogram(self) -> Histogram:
        """Give what was counted."""
        centres = (self._edges[1:] + self._edges[:-1]) / 2
        return Histogram(self._least, self._most, self._counts.astype(np.float64), centres)


def histogram_of(chunks: Chunks) -> Histogram:
    """Count values that come array by array; the same as of all at once.

    Examples
    --------
    >>> histogram_of(lambda: [np.array([0.0, 1.0]), np.array([1.0])]).counts[[0, -1]].tolist()
    [1.0, 2.0]
    """
    tally = Tally(*extremes(chunks))
    for chunk in chunks():
        tally.add(chunk)
    return tally.histogram()


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
    return otsu_of(histogram_of(lambda: (values,)))


def otsu_of(histogram: Histogram) -> tuple[float, float]:
    """Otsu's threshold and separability of counted values; see `otsu`."""
    if histogram.least == histogram.most:
        return histogram.least, 0.0
    counts, centres = histogram.counts, histogram.centres
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
    if algorithm == "mean":
        return float(np.mean(values, dtype=np.float64))
    if algorithm == "li":
        from skimage import filters

        return float(filters.threshold_li(values))  # type: ignore[no-untyped-call]
    return cut_of(histogram_of(lambda: (values,)), algorithm)


def cut_of(histogram: Histogram, algorithm: str) -> float:
    """Threshold of counted values by one of `FROM_COUNTS`; see `threshold_of`."""
    if algorithm == "otsu":
        return otsu_of(histogram)[0]
    if algorithm == "triangle":
        return _triangle(histogram)
    from skimage import filters

    both = (histogram.counts, histogram.centres)
    if algorithm == "yen":
        return float(filters.threshold_yen(hist=both))  # type: ignore[no-untyped-call]
    if algorithm == "isodata":
        return float(filters.threshold_isodata(hist=both))  # type: ignore[no-untyped-call]
    try:
        return float(filters.threshold_minimum(hist=both))  # type: ignore[no-untyped-call]
    except RuntimeError:
        return otsu_of(histogram)[0]


def _triangle(histogram: Histogram) -> float:
    """Where the histogram lies farthest below the line from its peak to the end of its long tail.

    G. W. Zack, W. E. Rogers, S. A. Latt, "Automatic measurement of sister chromatid exchange
    frequency", Journal of Histochemistry and Cytochemistry 25 (1977) 741-753.
    """
    counts, centres = histogram.counts, histogram.centres
    filled = np.flatnonzero(counts)
    peak = int(np.argmax(counts))
    if filled[-1] - peak > peak - filled[0]:  # the long tail is on the right
        mirrored = _below_line(counts[::-1], BINS - 1 - peak, BINS - 1 - int(filled[-1]))
        return float(centres[BINS - 1 - mirrored])
    return float(centres[_below_line(counts, peak, int(filled[0]))])


def _below_line(counts: Array, peak: int, end: int) -> int:
    height, width = counts[peak], peak - end
    long = np.hypot(height, width)
    steps = np.arange(width)
    return end + int(np.argmax(height / long * steps - width / long * counts[end + steps]))
