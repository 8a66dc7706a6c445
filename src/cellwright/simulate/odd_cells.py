"""Cells that went wrong: two merged, one cut, one with spikes; for tests of what finds them."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.draw import polygon

from cellwright.core.errors import UsageError

__all__ = ["ODD", "Odd", "odd_cell"]

Mask = npt.NDArray[np.bool_]
Odd = Literal["merged", "cut", "spiky"]
ODD: tuple[Odd, ...] = ("merged", "cut", "spiky")

_GAP = 4
"""Pixels that may lie between two cells that are merged: lines that people leave between labels."""
_OFF_CENTRE = 0.2
"""How far from the middle a cell is cut, at the most, in radii."""
_SPIKES, _LENGTH, _WIDTH = (4, 8), (1.5, 2.0), 0.12
"""How many, how far from the middle they reach and how wide they are at their foot, in radii."""


def odd_cell(
    labels: npt.NDArray[np.integer], label: int, kind: Odd, random: np.random.Generator
) -> Mask | None:
    """Make a cell of a label image go wrong.

    Parameters
    ----------
    labels
        (Y, X) integers.
    label
        Which cell.
    kind
        ``merged`` with a neighbour and what lies between, ``cut`` by a straight line near its
        middle (one of the parts is left), ``spiky``: four to seven thin spikes.
    random
        Of which neighbour, where and how.

    Returns
    -------
    (y, x) bool or None
        The odd cell with a rim of background; None if there is no neighbour to merge with.

    Raises
    ------
    UsageError
        If there is no such cell.

    Examples
    --------
    >>> labels = np.zeros((40, 40), np.int32)
    >>> labels[10:30, 10:30] = 1
    >>> half = odd_cell(labels, 1, "cut", np.random.default_rng(0))
    >>> bool(100 < half.sum() < 300)
    True
    """
    where = ndimage.find_objects(labels, label)
    if not 0 < label <= len(where) or where[label - 1] is None:
        raise UsageError(f"there is no cell {label} in the label image")
    rows, columns = where[label - 1]
    own = np.asarray(labels[rows, columns] == label)
    if kind == "cut":
        return np.pad(_cut(own, random), 1)
    if kind == "spiky":
        return _with_spikes(own, random)
    window = np.s_[_wider(rows, labels.shape[0]), _wider(columns, labels.shape[1])]
    return _merged(labels, window, label, random)


def _wider(part: slice, size: int) -> slice:
    return slice(max(part.start - _GAP - 1, 0), min(part.stop + _GAP + 1, size))


def _cut(own: Mask, random: np.random.Generator) -> Mask:
    y, x = np.nonzero(own)
    angle = random.uniform(0, np.pi)
    across = (y - y.mean()) * np.sin(angle) + (x - x.mean()) * np.cos(angle)
    kept = across > random.uniform(-_OFF_CENTRE, _OFF_CENTRE) * np.sqrt(y.size / np.pi)
    part = np.zeros_like(own)
    part[y[kept], x[kept]] = True
    return part


def _with_spikes(own: Mask, random: np.random.Generator) -> Mask:
    radius = float(np.sqrt(own.sum() / np.pi))
    grown = np.pad(own, int(_LENGTH[1] * radius) + 2)
    y, x = (float(one.mean()) for one in np.nonzero(grown))
    foot = max(1.0, _WIDTH * radius)
    for _ in range(random.integers(*_SPIKES)):
        angle, reach = random.uniform(0, 2 * np.pi), radius * random.uniform(*_LENGTH)
        up, right = np.sin(angle), np.cos(angle)
        corners = np.array(
            [
                (y + foot * right, x - foot * up),
                (y - foot * right, x + foot * up),
                (y + reach * up, x + reach * right),
            ]
        )
        inside = polygon(corners[:, 0], corners[:, 1], grown.shape)  # type: ignore[no-untyped-call]
        grown[inside] = True
    return np.asarray(grown, bool)


def _merged(
    labels: npt.NDArray[np.integer],
    window: tuple[slice, slice],
    label: int,
    random: np.random.Generator,
) -> Mask | None:
    near = labels[window]
    ring = ndimage.binary_dilation(near == label, iterations=_GAP)
    others = np.unique(near[ring & (near != label) & (near > 0)])
    if not others.size:
        return None
    both = np.isin(labels, [label, int(random.choice(others))])
    rows, columns = ndimage.find_objects(both.astype(np.uint8))[0]
    pair = np.pad(both[rows, columns], _GAP + 1)
    closed: Mask = ndimage.binary_closing(pair, iterations=_GAP) | pair
    return closed
