"""What a network is to say of a patch, computed from its labels."""

from __future__ import annotations

import edt
import numpy as np
from scipy import ndimage

from cellwright.core.image import Array

__all__ = ["boundary", "centre_offsets", "distance", "rays", "sizes"]

BOUNDARY_WIDTH = 3
"""Pixels of the square in which two objects must lie for its middle to be a boundary."""


def boundary(labels: Array, width: int = BOUNDARY_WIDTH) -> Array:
    """Where objects touch or nearly touch: both of their rims, and the gap between them.

    Parameters
    ----------
    labels
        (Y, X) int32.

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


def distance(labels: Array) -> Array:
    """Distance to the object's own edge as a share of its largest; the frame is no edge.

    Examples
    --------
    >>> distance(np.array([[0, 5, 5, 5, 0]], np.int32))
    array([[0. , 0.5, 1. , 0.5, 0. ]], dtype=float32)
    """
    if not labels.any():
        return np.zeros(labels.shape, np.float32)
    far: Array = edt.edt(np.ascontiguousarray(labels), black_border=False, parallel=1)
    far[~np.isfinite(far)] = max(labels.shape)
    widest = np.zeros(int(labels.max()) + 1, np.float32)
    np.maximum.at(widest, labels.ravel(), far.ravel())
    widest[0] = 1
    share: Array = np.where(labels > 0, far / np.maximum(widest, 1e-6)[labels], 0)
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
    """Diameter of a disc as large as the object that a pixel lies in, in pixels; 0 on the ground.

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
        (count, Y / step, X / step) float32, in pixels; 0 on the ground.

    References
    ----------
    U. Schmidt and others, "Cell Detection with Star-Convex Polygons", MICCAI 2018.
    """
    coarse = labels[step // 2 :: step, step // 2 :: step]
    found = np.zeros((count, *coarse.shape), np.float32)
    at = np.nonzero(coarse)
    angles = 2 * np.pi * np.arange(count, dtype=np.float32)[:, None] / count
    down, right = np.sin(angles), np.cos(angles)
    rows, columns = (place * step + step // 2 for place in at)
    reach = np.zeros((count, rows.size), np.float32)
    own = np.broadcast_to(coarse[at], reach.shape).ravel()
    row, column = (down * 0 + rows).ravel(), (right * 0 + columns).ravel()
    down, right = (np.broadcast_to(way, reach.shape).ravel() for way in (down, right))
    framed = np.pad(labels, 1)
    going = np.arange(reach.size)
    length = 0.0
    while going.size:
        length += 1.0
        row, column = row + down, column + right
        same = framed[np.rint(row).astype(np.intp) + 1, np.rint(column).astype(np.intp) + 1] == own
        reach.ravel()[going[~same]] = length - 0.5
        going, own = going[same], own[same]
        row, column, down, right = row[same], column[same], down[same], right[same]
    for index in range(count):
        found[index][at] = reach[index]
    return found
