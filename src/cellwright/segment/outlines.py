"""Outlines moved to the borders that are seen near them.

A network that sees a large cell in few pixels knows where it is, and only roughly where it ends.
Where cells have bright or dark borders, the picture itself tells: from what is surely inside of
it each cell floods the strip along its outline, and cells meet on the border's ridge.
"""

from __future__ import annotations

import edt
import numpy as np
from scipy import ndimage
from skimage.segmentation import watershed

from cellwright.core.image import Array
from cellwright.segment.borders import BorderPolarity, border_strength

__all__ = ["HALO", "diameters_of", "on_borders"]

REACH = 0.1
"""How far an outline may move, in diameters of its cell."""

LINE = 1 / 80
"""Scale of the filter that finds borders, in diameters of a typical cell."""

WAVE = 1 / 50
"""Radius of the disc within which the commonest label is taken, in diameters of a typical cell."""

HALO = 2.0
"""Diameters of a typical cell around a window that are looked at too: borders are compared with
their surroundings, half a diameter far, and floods begin a tenth of a diameter away."""

_LEAST_LINE = 0.7
_ROUNDS = 4


def on_borders(
    labels: Array, plane: Array, polarity: BorderPolarity, diameters: Array | None = None
) -> Array:
    """Move the outlines of cells to borders near them.

    Parameters
    ----------
    labels
        (Y, X) whole numbers, 0 is ground.
    plane
        (Y, X) float32 picture in which borders are seen.
    polarity
        Whether these are brighter or darker than the cells.
    diameters
        (count + 1,) of circles as large as each cell, in pixels; position 0 stands for a
        typical cell. Without, those of the labels: say them where the labels are a part of more.

    Returns
    -------
    Array
        (Y, X) of the same type. Every cell keeps what lies deeper in it than `REACH`.

    Notes
    -----
    The landscape is that of `border_strength`; the lines of its watershed are jagged, and are
    smoothed by taking the commonest label around each of their pixels.

    Examples
    --------
    >>> plane = np.zeros((40, 80), np.float32)
    >>> plane[:, 42] = 1
    >>> labels = np.repeat([[1, 2]], [40, 40], axis=1).repeat(40, axis=0)
    >>> moved = on_borders(labels, plane, "bright")
    >>> np.bincount(moved[20])[1:]
    array([42, 38])
    """
    if not labels.any():
        return labels
    if diameters is None:
        diameters = diameters_of(np.bincount(labels.ravel()))
    typical = float(diameters[0])
    seeds = _inner(labels, diameters)
    landscape = border_strength(plane, max(_LEAST_LINE, LINE * typical), polarity)
    found = watershed(landscape, seeds)  # type: ignore[no-untyped-call]
    _smooth(found, seeds == 0, max(1, round(WAVE * typical)))
    found[found == diameters.size] = 0
    moved: Array = found.astype(labels.dtype)
    return moved


def diameters_of(areas: Array) -> Array:
    """Of circles as large as each label; their median in position 0, which is the ground's.

    Examples
    --------
    >>> diameters_of(np.array([1000, 50, 0, 200])).round(1)
    array([12.,  8.,  0., 16.])
    """
    diameters = 2 * np.sqrt(areas / np.pi)
    there = diameters[1:][areas[1:] > 0]
    diameters[0] = np.median(there) if there.size else 0
    return np.asarray(diameters)


def _inner(labels: Array, diameters: Array) -> Array:
    """(Y, X) int32 of what is surely inside of each cell; the ground is the number after theirs."""
    # from here to the edge of the pixel's own label, whatever is beyond it
    depth = edt.edt(
        np.ascontiguousarray(labels, np.uint32) + np.uint32(1), black_border=False, parallel=1
    )
    deepest = np.asarray(ndimage.maximum(depth, labels, np.arange(diameters.size)))
    least = np.minimum(REACH * diameters, deepest / 2)  # thin cells keep their middle
    least[0] = REACH * diameters[0]
    inner = depth >= least.astype(np.float32)[labels]
    numbered = np.where(labels > 0, labels, diameters.size)
    return np.where(inner, numbered, 0).astype(np.int32)


def _smooth(labels: Array, free: Array, radius: int) -> None:
    """Give free pixels at outlines the label that is commonest in a disc, some times over."""
    steps = np.arange(-radius, radius + 1)
    down, right = np.meshgrid(steps, steps, indexing="ij")
    disc = down**2 + right**2 <= (radius + 0.5) ** 2 - radius
    for _ in range(_ROUNDS):
        framed = np.pad(labels, radius, mode="edge")
        rows, columns = np.nonzero(free & _outlines(labels))
        around = framed[
            rows[:, None] + down[disc] + radius, columns[:, None] + right[disc] + radius
        ]
        labels[rows, columns] = _commonest(around)


def _outlines(labels: Array) -> Array:
    """(Y, X) bool of pixels with another label beside them, above or below, and those around."""
    differ = np.zeros(labels.shape, bool)
    for one, other in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
        apart = labels[one] != labels[other]
        differ[one] |= apart
        differ[other] |= apart
    wide: Array = ndimage.binary_dilation(differ)
    return wide


def _commonest(values: Array) -> Array:
    """Commonest number of each row, the lowest of several: (n, several) to (n,)."""
    values.sort(axis=1)
    places = np.arange(values.shape[1])
    begins = np.ones(values.shape, bool)
    begins[:, 1:] = values[:, 1:] != values[:, :-1]
    since = places - np.maximum.accumulate(np.where(begins, places, 0), axis=1)
    best: Array = values[np.arange(len(values)), since.argmax(axis=1)]
    return best
