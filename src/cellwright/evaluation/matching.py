"""Which found cell is which true one: pixels in common, and one-to-one matching by IoU."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from cellwright.core.errors import UsageError
from cellwright.core.image import Array, LazyArray

__all__ = ["Matches", "Overlaps", "count_overlaps", "join_overlaps", "match"]

Whole = npt.NDArray[np.int64]

_STRIP_PIXELS = 2**24
"""Pixels that are counted at once: 128 MB of pairs; strips of a label image on disk."""

_LABEL_BITS = 32  # labels are uint32: two of them make one uint64

_BATCH_PAIRS = 512
"""Pairs of rivals that are assigned at once, if no larger group hangs together."""

_FINEST_THRESHOLD = 10_000
"""Largest denominator of a threshold: times the pixels of a picture it stays within 64 bits."""


@dataclass(frozen=True, eq=False)
class Overlaps:
    """All cells of a picture, true and found, and the pixels that any two have in common.

    Attributes
    ----------
    true_labels, found_labels
        (n,) uint32: numbers of the cells, ascending; gaps in the numbers do not matter. In a
        movie those of its frames, one after the other.
    true_areas, found_areas
        (n,) int64, in pixels.
    pair_true, pair_found
        (p,) int64: places in `true_labels` and `found_labels` of the two cells of each pair
        that has a pixel in common.
    shared
        (p,) int64: the pixels that they have in common.
    pixels
        Pixels of the picture.
    """

    true_labels: npt.NDArray[np.uint32]
    found_labels: npt.NDArray[np.uint32]
    true_areas: Whole
    found_areas: Whole
    pair_true: Whole
    pair_found: Whole
    shared: Whole
    pixels: int

    @property
    def n_true(self) -> int:
        """Number of true cells."""
        return int(self.true_labels.size)

    @property
    def n_found(self) -> int:
        """Number of found cells."""
        return int(self.found_labels.size)

    @property
    def union(self) -> Whole:
        """Pixels that either cell of each pair has: (p,) int64."""
        both: Whole = self.true_areas[self.pair_true] + self.found_areas[self.pair_found]
        return both - self.shared

    @property
    def iou(self) -> npt.NDArray[np.float64]:
        """Intersection over union of each pair: (p,), above 0 and at most 1."""
        return np.asarray(self.shared / self.union, dtype=np.float64)

    def reaches(self, threshold: float) -> npt.NDArray[np.bool_]:
        """Whether the IoU of each pair is `threshold` or more: (p,), compared in whole numbers.

        So 11 of 20 pixels reach 0.55, which no rounding of floating-point numbers decides.

        Raises
        ------
        UsageError
            If `threshold` is not above 0 and at most 1.
        """
        exact = _fraction(threshold)
        reached: npt.NDArray[np.bool_] = (
            self.shared * exact.denominator >= self.union * exact.numerator
        )
        return reached


@dataclass(frozen=True, eq=False)
class Matches:
    """Pairs of one true and one found cell: no cell is in two of them.

    Attributes
    ----------
    overlaps
        Where the cells stand.
    threshold
        Smallest IoU of a pair.
    pairs
        (m,) int64, ascending: places in ``overlaps.pair_true``.
    """

    overlaps: Overlaps
    threshold: float
    pairs: Whole

    @property
    def true_index(self) -> Whole:
        """Places of the matched cells in ``overlaps.true_labels``: (m,)."""
        return self.overlaps.pair_true[self.pairs]

    @property
    def found_index(self) -> Whole:
        """Places of their partners in ``overlaps.found_labels``: (m,)."""
        return self.overlaps.pair_found[self.pairs]

    @property
    def iou(self) -> npt.NDArray[np.float64]:
        """IoU of each matched pair: (m,)."""
        return self.overlaps.iou[self.pairs]


def count_overlaps(truth: Array | LazyArray, found: Array | LazyArray) -> Overlaps:
    """Count the pixels that true and found cells have in common.

    Only pairs that touch are held, so that memory grows with the cells and not with their
    square. Rows of equal pairs are counted as a whole, which is what makes it fast.

    Parameters
    ----------
    truth, found
        Whole numbers of the same shape, of any number of dimensions, in memory or on disk; 0
        is background.

    Raises
    ------
    UsageError
        If the shapes differ, or the numbers are no labels.

    Examples
    --------
    >>> truth = np.array([[1, 1, 0, 7]])
    >>> overlaps = count_overlaps(truth, np.array([[5, 0, 0, 2]]))
    >>> overlaps.true_labels.tolist(), overlaps.found_labels.tolist()
    ([1, 7], [2, 5])
    >>> overlaps.iou.tolist()
    [0.5, 1.0]
    """
    if tuple(truth.shape) != tuple(found.shape):
        raise UsageError(
            f"label images of {_size(truth.shape)} and {_size(found.shape)} pixels cannot be "
            "compared",
            remedy="give two of the same picture; nothing is ever resized",
        )
    keys: list[npt.NDArray[np.uint64]] = []
    counts: list[Whole] = []
    for one, other in zip(_strips(truth), _strips(found), strict=True):
        key, count = _count_strip(_whole(one), _whole(other))
        keys.append(key)
        counts.append(count)
    key, count = _summed(
        np.concatenate(keys) if keys else np.zeros(0, np.uint64),
        np.concatenate(counts) if counts else np.zeros(0, np.int64),
    )
    return _tabled(key, count)


def join_overlaps(parts: Sequence[Overlaps]) -> Overlaps:
    """Put the frames of a movie together: cells of different frames are different cells."""
    true_start = np.cumsum([0, *(part.n_true for part in parts)])
    found_start = np.cumsum([0, *(part.n_found for part in parts)])
    return Overlaps(
        np.concatenate([part.true_labels for part in parts]),
        np.concatenate([part.found_labels for part in parts]),
        np.concatenate([part.true_areas for part in parts]),
        np.concatenate([part.found_areas for part in parts]),
        np.concatenate([p.pair_true + start for p, start in zip(parts, true_start, strict=False)]),
        np.concatenate(
            [p.pair_found + start for p, start in zip(parts, found_start, strict=False)]
        ),
        np.concatenate([part.shared for part in parts]),
        sum(part.pixels for part in parts),
    )


def match(overlaps: Overlaps, threshold: float = 0.5) -> Matches:
    """Match true and found cells one to one, where their IoU is `threshold` or more.

    Above 0.5 nothing needs to be decided: two cells that share more than half of their union
    leave no room for a third. At 0.5 and below several partners may reach the threshold; then
    the matching with the most pairs is taken and, of those with as many, one with the largest
    sum of IoU. StarDist's matching does the same, but for counting pairs below the threshold
    into that sum; the number of pairs is always the same.

    The time grows with the cells; only below 0.5, and only among cells that all hang together as
    rivals, with the square of their number (a minute for 67,600 of a closed layer at 0.05).

    Parameters
    ----------
    overlaps
        Of `count_overlaps`.
    threshold
        Above 0, at most 1.

    Raises
    ------
    UsageError
        If `threshold` lies outside.

    Examples
    --------
    One true cell of two pixels, found as two cells of one: either has an IoU of one half, and
    only one can be right.

    >>> overlaps = count_overlaps(np.array([[1, 1, 0]]), np.array([[1, 2, 0]]))
    >>> match(overlaps).pairs.size, match(overlaps, 0.55).pairs.size
    (1, 0)
    """
    pairs = np.flatnonzero(overlaps.reaches(threshold))
    if _fraction(threshold) <= Fraction(1, 2):
        pairs = _one_to_one(overlaps, pairs)
    return Matches(overlaps, threshold, pairs)


def _one_to_one(overlaps: Overlaps, pairs: Whole) -> Whole:
    """Keep the most pairs, with the largest sum of IoU, in which no cell is twice."""
    true, found = overlaps.pair_true[pairs], overlaps.pair_found[pairs]
    rivals = (np.bincount(true, minlength=overlaps.n_true)[true] > 1) | (
        np.bincount(found, minlength=overlaps.n_found)[found] > 1
    )
    chosen = _assigned(true[rivals], found[rivals], overlaps.iou[pairs[rivals]])
    return np.sort(np.concatenate([pairs[~rivals], pairs[rivals][chosen]]))


def _assigned(true: Whole, found: Whole, iou: npt.NDArray[np.float64]) -> Whole:
    """Places of the pairs of a heaviest matching, each true cell with one partner or none."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not true.size:
        return np.zeros(0, np.int64)
    row = np.unique(true, return_inverse=True)[1]
    column = np.unique(found, return_inverse=True)[1] + row.max() + 1
    size = int(column.max()) + 1
    graph = coo_array((np.ones(row.size), (row, column)), shape=(size, size))
    group = connected_components(graph, directed=False)[1][row]
    # Rivals of rivals are decided together, all others apart: the time of one assignment grows
    # with the square of its cells. Whole groups are put together until they are some hundred.
    order = np.argsort(group, kind="stable")
    ends = np.flatnonzero(np.diff(group[order], append=-1)) + 1
    batch = np.searchsorted(ends, np.arange(_BATCH_PAIRS, row.size, _BATCH_PAIRS))
    chosen = [
        part[_heaviest(row[part], column[part], iou[part])]
        for part in np.split(order, np.unique(ends[batch]))
        if part.size
    ]
    return np.concatenate(chosen)


def _heaviest(true: Whole, found: Whole, iou: npt.NDArray[np.float64]) -> Whole:
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    rows, row = np.unique(true, return_inverse=True)
    columns, column = np.unique(found, return_inverse=True)
    n = rows.size
    # To have no partner is a partner of one's own, of weight 1; a pair has 2 and, of all pairs
    # together, less than 1 more, so that the number of pairs comes before their IoU.
    weights = np.concatenate([2 + iou / (n + 1), np.ones(n)])
    place = (
        np.concatenate([row, np.arange(n)]),
        np.concatenate([column, columns.size + np.arange(n)]),
    )
    graph = csr_array((weights, place), shape=(n, columns.size + n))
    partner = min_weight_full_bipartite_matching(graph, maximize=True)[1]
    return np.flatnonzero(partner[row] == column)


def _fraction(threshold: float) -> Fraction:
    """Give the threshold as it was written: 0.55 is 11/20, not the binary number beside it."""
    if not 0 < threshold <= 1:
        raise UsageError(
            f"an IoU of {threshold} cannot be a threshold", remedy="give one above 0, at most 1"
        )
    return Fraction(str(float(threshold))).limit_denominator(_FINEST_THRESHOLD)


def _strips(labels: Array | LazyArray) -> Iterator[Array]:
    """Cut along the first axis into pieces of a bounded size."""
    shape = tuple(labels.shape)
    each = max(1, int(np.prod(shape[1:], dtype=np.int64)))
    rows = max(1, _STRIP_PIXELS // each)
    rest = tuple(slice(None) for _ in shape[1:])
    for start in range(0, shape[0], rows):
        yield np.asarray(labels[(slice(start, start + rows), *rest)])


def _whole(labels: Array) -> Array:
    """Labels as they came, if they are labels."""
    if labels.dtype.kind not in "ui":
        raise UsageError(f"labels are whole numbers, not {labels.dtype}")
    if (
        (labels.dtype.kind == "i" or labels.dtype.itemsize > 4)
        and labels.size
        and (labels.min() < 0 or int(labels.max()) >= 2**_LABEL_BITS)
    ):
        raise UsageError("labels lie between 0 and 4,294,967,295")
    return labels


def _count_strip(truth: Array, found: Array) -> tuple[npt.NDArray[np.uint64], Whole]:
    """Pairs of labels and their pixels; cells come in runs of pixels, and runs are counted."""
    pair = truth.ravel().astype(np.uint64)
    pair <<= np.uint64(_LABEL_BITS)
    pair |= found.ravel().astype(np.uint64, copy=False)
    starts = np.concatenate([[0], np.flatnonzero(pair[1:] != pair[:-1]) + 1])[: pair.size]
    return _summed(pair[starts], np.diff(starts, append=pair.size))


def _summed(keys: npt.NDArray[np.uint64], counts: Whole) -> tuple[npt.NDArray[np.uint64], Whole]:
    """Sum the counts of equal keys; the keys are ascending then."""
    order = np.argsort(keys, kind="stable")
    keys, counts = keys[order], counts[order]
    first = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]])[: keys.size])
    if not first.size:
        return keys, counts
    return keys[first], np.add.reduceat(counts, first)


def _tabled(keys: npt.NDArray[np.uint64], counts: Whole) -> Overlaps:
    true = (keys >> np.uint64(_LABEL_BITS)).astype(np.uint32)
    found = (keys & np.uint64(2**_LABEL_BITS - 1)).astype(np.uint32)
    true_labels, true_areas = _areas(true, counts)
    found_labels, found_areas = _areas(found, counts)
    both = (true > 0) & (found > 0)
    return Overlaps(
        true_labels,
        found_labels,
        true_areas,
        found_areas,
        np.searchsorted(true_labels, true[both]),
        np.searchsorted(found_labels, found[both]),
        counts[both],
        int(counts.sum()),
    )


def _areas(labels: npt.NDArray[np.uint32], counts: Whole) -> tuple[npt.NDArray[np.uint32], Whole]:
    """Labels above 0, ascending, and their pixels."""
    inside = labels > 0
    numbers, areas = _summed(labels[inside].astype(np.uint64), counts[inside])
    return numbers.astype(np.uint32), areas


def _size(shape: Sequence[int]) -> str:
    return " × ".join(str(length) for length in shape)
