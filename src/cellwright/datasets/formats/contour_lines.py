"""The line between two cells: drawn one pixel wide, and shared out between them again.

A pen draws the edge itself, so the middle of its line is where one region ends and the next begins.
Half of an odd number of pixels is no whole number: the pixel in the middle is given to the region
below, or to that on the right, on each side of each cell. What a cell gains at its upper edge it
loses at its lower one, and areas are right. A rule by label would let the cells with low numbers
grow and others shrink, by half of their outline's length; one for or against the background would
do so to all.
"""

from __future__ import annotations

import numpy as np

from cellwright.core.image import Array

__all__ = ["outlines_of", "shared_out"]

_BLOT = 8
"""Pixels from the edge of a line up to which equal distances are decided by side; further in, a
blot has no middle line, and any of its nearest regions will do."""


def outlines_of(labels: Array) -> Array:
    """Draw the outlines of cells, one pixel wide, so that `shared_out` gives the cells again.

    Where two pixels above each other or side by side differ, the lower or right one is line: cells
    that touch share it. At the picture's frame the line is on the cell's outermost pixels.

    Parameters
    ----------
    labels
        (Y, X), 0 is background.

    Returns
    -------
    Array
        (Y, X) bool.

    Examples
    --------
    >>> labels = np.zeros((5, 6), int)
    >>> labels[1:4, 1:5] = 1
    >>> outlines_of(labels).astype(int)
    array([[0, 0, 0, 0, 0, 0],
           [0, 1, 1, 1, 1, 1],
           [0, 1, 0, 0, 0, 1],
           [0, 1, 0, 0, 0, 1],
           [0, 1, 1, 1, 1, 0]])
    """
    lines = np.zeros(labels.shape, bool)
    lines[1:] |= labels[1:] != labels[:-1]
    lines[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    lines[[0, -1]] |= labels[[0, -1]] > 0
    lines[:, [0, -1]] |= labels[:, [0, -1]] > 0
    return lines


def shared_out(regions: Array, line: Array) -> Array:
    """Give each pixel of the lines to the nearest region: a cell, or the background.

    Of equally near ones it is that of the lowest, then rightmost pixel.

    Parameters
    ----------
    regions
        (Y, X) whole numbers; those on lines are not looked at.
    line
        (Y, X) bool.

    Examples
    --------
    >>> shared_out(np.array([[1, 0, 2, 2, 0, 0, 3]]), np.array([[0, 1, 0, 0, 1, 1, 0]], bool))
    array([[1, 2, 2, 2, 2, 3, 3]])
    """
    from scipy import ndimage

    if line.all():
        return np.zeros_like(regions)
    away, nearest = ndimage.distance_transform_edt(line, return_indices=True)
    shared = regions[*nearest]
    pixels = np.argwhere(line)
    squared = np.rint(away[line] ** 2).astype(int)
    free, known = np.pad(~line, _BLOT), np.pad(regions, _BLOT)
    side = range(-_BLOT, _BLOT + 1)
    for row, column in ((row, column) for row in side for column in side):  # the last one wins
        equal = pixels[squared == row**2 + column**2]
        there = equal + np.array([row, column]) + _BLOT
        good = free[*there.T]
        shared[*equal[good].T] = known[*there[good].T]
    return np.asarray(shared)
