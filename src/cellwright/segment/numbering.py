"""Labels in the order and form in which they leave a method; small objects taken out."""

from __future__ import annotations

import numpy as np

from cellwright.core.image import Array

__all__ = [
    "DEBRIS_SHARE",
    "areas",
    "first_places",
    "least_area",
    "numbers_by_place",
    "renumber",
    "without_small",
]

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
    first = first_places(labels)
    return numbers_by_place(first, first < flat.size)[labels]


def first_places(labels: Array) -> Array:
    """Place of the first pixel of each label, counted by rows; the number of pixels for none.

    Examples
    --------
    >>> first_places(np.array([[0, 2], [2, 1]])).tolist()
    [4, 3, 1]
    """
    flat = labels.ravel()
    places = np.flatnonzero(flat)
    found = flat[places]
    first = np.full(int(found.max(initial=0)) + 1, flat.size, np.int64)
    np.minimum.at(first, found, places)
    return first


def numbers_by_place(first: Array, kept: Array) -> Array:
    """Give new numbers, uint32 from 1 by the objects' first places; 0 for what is not kept.

    Examples
    --------
    >>> numbers_by_place(np.array([4, 3, 1]), np.array([False, True, True])).tolist()
    [0, 2, 1]
    """
    order = np.flatnonzero(kept)
    order = order[np.argsort(first[order], kind="stable")]
    numbers = np.zeros(first.size, np.uint32)
    numbers[order] = np.arange(1, order.size + 1, dtype=np.uint32)
    return numbers


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
    least = least_area(present, least, floor)
    if present.size == 0:
        return labels, least, 0
    keep = (size >= least) & (size > 0)
    return np.where(keep[labels], labels, 0), least, int(present.size - keep.sum())


def least_area(present: Array, least: float | None, floor: float = 0) -> float:
    """Area below which an object is debris, of the areas that there are; see `without_small`.

    Examples
    --------
    >>> least_area(np.array([90, 100, 110]), None), least_area(np.array([90]), None, 14.0)
    (10.0, 14.0)
    """
    if least is not None:
        return float(least)
    return max(float(np.median(present)) * DEBRIS_SHARE, floor) if present.size else 0.0
