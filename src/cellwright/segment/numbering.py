"""Labels in the order and form in which they leave a method; small objects taken out."""

from __future__ import annotations

import numpy as np

from cellwright.core.image import Array

__all__ = ["DEBRIS_SHARE", "areas", "renumber", "without_small"]

DEBRIS_SHARE = 0.1
"""Part of the median object's area below which an object is debris unless told otherwise: a
third of its diameter, smaller than the halves of a dividing nucleus and most micronuclei."""


def areas(labels: Array) -> Array:
    """Number of pixels of each label; position 0 is the background.

    Examples
    --------
    >>> areas(np.array([[0, 2, 2]])).tolist()
    [1, 0, 2]
    """
    return np.bincount(labels.ravel())


def renumber(labels: Array) -> Array:
    """Number the labels from 1 without gaps, in the order of their first pixels by rows.

    Parameters
    ----------
    labels
        (Y, X) integers, 0 is background.

    Returns
    -------
    Array
        (Y, X) uint32.

    Examples
    --------
    >>> renumber(np.array([[0, 7, 0], [3, 7, 3]]))
    array([[0, 1, 0],
           [2, 1, 2]], dtype=uint32)
    """
    flat = labels.ravel()
    places = np.flatnonzero(flat)
    if places.size == 0:
        return np.zeros(labels.shape, np.uint32)
    found = flat[places]
    first = np.full(int(found.max()) + 1, flat.size, np.int64)
    np.minimum.at(first, found, places)
    order = np.argsort(first, kind="stable")
    order = order[: np.count_nonzero(first < flat.size)]
    numbers = np.zeros(first.size, np.uint32)
    numbers[order] = np.arange(1, order.size + 1, dtype=np.uint32)
    return numbers[labels]


def without_small(labels: Array, least: float | None, floor: float = 0) -> tuple[Array, float, int]:
    """Take out objects of less than an area.

    Parameters
    ----------
    labels
        (Y, X) integers, 0 is background.
    least
        Area in pixels, or None for `DEBRIS_SHARE` of the median area.
    floor
        The area is not below this where it is not given.

    Returns
    -------
    labels : Array
        (Y, X), the others keep their numbers.
    least : float
        The area that was asked for.
    removed : int
        How many objects went.

    Examples
    --------
    >>> labels, least, removed = without_small(np.array([[1, 0, 2, 2, 2]]), 2)
    >>> labels.tolist(), removed
    ([[0, 0, 2, 2, 2]], 1)
    """
    size = areas(labels)
    size[0] = 0
    present = size[size > 0]
    if present.size == 0:
        return labels, 0.0 if least is None else float(least), 0
    if least is None:
        least = max(float(np.median(present)) * DEBRIS_SHARE, floor)
    keep = size >= least
    keep[0] = False
    return np.where(keep[labels], labels, 0), float(least), int(present.size - keep.sum())
