"""What a network is to say of a patch, computed from its labels."""

from __future__ import annotations

from dataclasses import dataclass

import edt
import numpy as np
from scipy import ndimage

from cellwright.core.image import Array

__all__ = ["Truth", "boundary", "centre_offsets", "distance", "rays", "sizes", "touching"]

BOUNDARY_WIDTH = 3
"""Side in pixels of the square in which two objects must lie for its middle to be a boundary."""


LEAST_BORDER = 3
"""Pixels of an object's rim that lie at another one if the two touch."""


@dataclass(frozen=True, eq=False)
class Truth:
    """What is known of a patch.

    Attributes
    ----------
    labels
        (Y, X) int32.
    overlap
        (Y, X) bool, where two objects lie over each other.
    inside
        (Y, X) bool, pixels of the picture: only they count for an object's size and middle.
    classes
        (n,) int16 class of each label, below 0 where it is not known.
    """

    labels: Array
    overlap: Array
    inside: Array
    classes: Array


def boundary(labels: Array, width: int = BOUNDARY_WIDTH) -> Array:
    """Where objects touch or nearly touch: both of their rims, and the gap between them.

    Parameters
    ----------
    labels
        (Y, X) int32.
    width
        Of the square around a pixel, odd.

    Returns
    -------
    Array
        (Y, X) bool.

    Examples
    --------
    >>> boundary(np.array([[1, 1, 1, 2, 2, 2]], np.int32))[0].astype(int)
    array([0, 0, 1, 1, 0, 0])
    """
    highest = ndimage.maximum_filter(labels, width, mode="nearest")
    none = np.iinfo(np.int32).max
    lowest = ndimage.minimum_filter(np.where(labels > 0, labels, none), width, mode="nearest")
    found: Array = (highest != lowest) & (lowest != none)
    return found


def touching(labels: Array) -> Array:
    """Pixels of objects that touch or nearly touch another one.

    Parameters
    ----------
    labels
        (Y, X) int32.

    Returns
    -------
    Array
        (Y, X) bool, all pixels of an object alike.

    Examples
    --------
    >>> labels = np.zeros((5, 9), np.int32)
    >>> labels[1:4, 1:3], labels[1:4, 3:5], labels[1:4, 7:] = 1, 2, 3
    >>> touching(labels)[2].astype(int)
    array([0, 1, 1, 1, 1, 0, 0, 0, 0])
    """
    of_border = np.bincount(labels[boundary(labels)], minlength=int(labels.max()) + 1)
    of_border[0] = 0
    found: Array = (of_border >= LEAST_BORDER)[labels]
    return found


def distance(labels: Array) -> Array:
    """Distance to the object's own edge as a share of its largest; the frame is no edge.

    Parameters
    ----------
    labels
        (Y, X) int32.

    Returns
    -------
    Array
        (Y, X) float32, above 0 to 1 in objects, 0 on the ground. The distance is that to the
        middle of the nearest pixel outside of the object.

    Examples
    --------
    >>> distance(np.array([[0, 5, 5, 5, 0]], np.int32))
    array([[0. , 0.5, 1. , 0.5, 0. ]], dtype=float32)
    """
    if not labels.any():
        return np.zeros(labels.shape, np.float32)
    far: Array = edt.edt(np.ascontiguousarray(labels), black_border=False, parallel=1)
    far[~np.isfinite(far)] = max(labels.shape)  # an object that covers everything has no edge
    widest = np.zeros(int(labels.max()) + 1, np.float32)
    np.maximum.at(widest, labels.ravel(), far.ravel())
    widest[0] = 1
    share: Array = np.where(labels > 0, far / widest[labels], 0)
    return share.astype(np.float32)


def centre_offsets(labels: Array, within: Array) -> Array:
    """Way from each pixel of an object to its centre of mass.

    Parameters
    ----------
    labels
        (Y, X) int32.
    within
        (Y, X) bool, the pixels of which the centre is taken.

    Returns
    -------
    Array
        (2, Y, X) float32, rows and columns, in pixels; 0 on the ground.

    Examples
    --------
    >>> centre_offsets(np.array([[0, 1, 1, 1]], np.int32), np.ones((1, 4), bool))[1]
    array([[ 0.,  1.,  0., -1.]], dtype=float32)
    """
    counted = np.where(within, labels, 0).ravel()
    count = int(labels.max()) + 1
    area = np.maximum(np.bincount(counted, minlength=count), 1)
    rows, columns = np.indices(labels.shape, dtype=np.float32)
    found = np.zeros((2, *labels.shape), np.float32)
    for axis, place in enumerate((rows, columns)):
        centre = (np.bincount(counted, place.ravel(), count) / area).astype(np.float32)
        found[axis] = np.where(labels > 0, centre[labels] - place, 0)
    return found


def sizes(labels: Array, within: Array) -> Array:
    """Diameter of a disc as large as the object that a pixel lies in.

    Parameters
    ----------
    labels
        (Y, X) int32.
    within
        (Y, X) bool, the pixels of which the area is taken.

    Returns
    -------
    Array
        (Y, X) float32, in pixels; 0 on the ground, and in objects that lie nowhere `within`.

    Examples
    --------
    >>> round(float(sizes(np.ones((2, 2), np.int32), np.ones((2, 2), bool))[0, 0]), 3)
    2.257
    """
    area = np.bincount(np.where(within, labels, 0).ravel(), minlength=int(labels.max()) + 1)
    diameter = 2 * np.sqrt(area / np.pi)
    diameter[0] = 0
    found: Array = diameter.astype(np.float32)[labels]
    return found


def rays(labels: Array, count: int, step: int) -> Array:
    """Distance from each place of a coarse grid to the edge of its object, in `count` directions.

    Parameters
    ----------
    labels
        (Y, X) int32.
    count
        Number of directions, evenly spread from the first column axis on.
    step
        Pixels between two places.

    Returns
    -------
    Array
        (count, Y / step, X / step) float32, in pixels; 0 on the ground. Places lie in the middle
        of their squares, at ``step // 2``.

    Examples
    --------
    >>> rays(np.array([[0, 1, 1, 1, 1]], np.int32), 2, 1)[:, 0]
    array([[0. , 3.5, 2.5, 1.5, 0.5],
           [0. , 0.5, 1.5, 2.5, 3.5]], dtype=float32)

    References
    ----------
    U. Schmidt and others, "Cell Detection with Star-Convex Polygons", MICCAI 2018.
    """
    coarse = labels[step // 2 :: step, step // 2 :: step]
    at = np.nonzero(coarse)
    starts = np.stack(at) * step + step // 2
    angles = 2 * np.pi * np.arange(count, dtype=np.float32) / count
    ways = np.stack([np.sin(angles), np.cos(angles)])
    found = np.zeros((count, *coarse.shape), np.float32)
    found[:, at[0], at[1]] = _reach(labels, starts, ways)
    return found


def _reach(labels: Array, starts: Array, ways: Array) -> Array:
    """Walk from places in directions, a pixel at a time, until the object ends.

    Parameters
    ----------
    labels
        (Y, X) int32.
    starts
        (2, n) rows and columns.
    ways
        (2, count) rows and columns that one step leads on.

    Returns
    -------
    Array
        (count, n) float32: the edge lies in the middle of the last step.
    """
    shape = (ways.shape[1], starts.shape[1])
    reach = np.zeros(shape[0] * shape[1], np.float32)
    row, column = (np.tile(place.astype(np.float64), shape[0]) for place in starts)
    down, right = (np.repeat(way, shape[1]) for way in ways)
    own = np.tile(labels[starts[0], starts[1]], shape[0])
    framed = np.pad(labels, 1)  # nobody walks out of the picture
    going = np.arange(reach.size)
    length = 0.0
    while going.size:
        length += 1.0
        row, column = row + down, column + right
        same = framed[np.rint(row).astype(np.intp) + 1, np.rint(column).astype(np.intp) + 1] == own
        reach[going[~same]] = length - 0.5
        going, own = going[same], own[same]
        row, column, down, right = row[same], column[same], down[same], right[same]
    return reach.reshape(shape)
