"""Connected components of a plane that is looked at core by core."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage, sparse
from scipy.sparse import csgraph

from cellwright.core.image import Array
from cellwright.segment.blocks import Grid, Window, labels_on_frame, labels_on_open_sides

__all__ = ["EIGHT", "FOUR", "Components", "components_of", "joined"]

FOUR = ndimage.generate_binary_structure(2, 1)
"""Neighbours by sides."""

EIGHT = ndimage.generate_binary_structure(2, 2)
"""Neighbours by sides and corners."""

Read = Callable[[Window], Array]
"""Gives the (Y, X) bool mask of a window."""


@dataclass(frozen=True, eq=False)
class Components:
    """What is known of the components of a plane.

    Those that reach a side of a core where the plane goes on are *crossing*, and numbered from
    0; all others are *inner*.

    Attributes
    ----------
    inner_areas, inner_on_frame
        Pixels of each inner component, and whether it touches the picture's frame.
    areas, on_frame
        The same of the crossing ones.
    boxes
        (n, 4) top, left, bottom, right of the crossing ones, ends excluded; if wanted.
    places
        (n, 2) row and column of one pixel of each crossing one; if wanted.
    parts
        For each core the labels that its crossing components have in it when it is labelled by
        itself, sorted, and the numbers of these components.
    """

    inner_areas: Array
    inner_on_frame: Array
    areas: Array
    on_frame: Array
    boxes: Array
    places: Array
    parts: tuple[tuple[Array, Array], ...]

    def in_core(self, index: int, count: int) -> Array:
        """From each label of a core (0 to `count`) to its crossing component; -1 for others."""
        numbers = np.full(count + 1, -1, np.int64)
        labels, found = self.parts[index]
        numbers[labels] = found
        return numbers


def components_of(read: Read, grid: Grid, structure: Array, *, located: bool = False) -> Components:
    """Find the components of a mask.

    Parameters
    ----------
    read
        Gives the mask in a window.
    grid
        The cores, read one by one.
    structure
        `FOUR` or `EIGHT`.
    located
        Whether boxes and places are wanted, which take as long as all else.

    Returns
    -------
    Components
        The same as if the plane had been labelled at once.

    Examples
    --------
    >>> mask = np.array([[1, 1, 1, 0, 0, 1]], bool)
    >>> read = lambda window: mask[window.slices]
    >>> found = components_of(read, Grid((1, 6), 2), EIGHT, located=True)
    >>> found.areas.tolist(), found.boxes.tolist(), found.inner_areas.tolist()
    ([3], [[0, 0, 1, 3]], [1])
    """
    seams = _Seams(grid, bool(structure[0, 0]))
    inner_areas, inner_on_frame = [], []
    areas, on_frame, boxes, places, parts = [], [], [], [], []
    for core in grid:
        labels, count = ndimage.label(read(core), structure)
        sizes = np.bincount(labels.ravel(), minlength=count + 1)
        framed = np.zeros(count + 1, bool)
        framed[labels_on_frame(labels, core, grid.shape)] = True
        crossing = labels_on_open_sides(labels, core, grid.shape)
        inner = np.ones(count + 1, bool)
        inner[0] = False
        inner[crossing] = False
        inner_areas.append(sizes[inner])
        inner_on_frame.append(framed[inner])
        areas.append(sizes[crossing])
        on_frame.append(framed[crossing])
        wanted = crossing if located else crossing[:0]
        for box, label in zip(_boxes(labels, count, wanted), wanted, strict=True):
            row = int(box[0])
            column = int(box[1] + np.argmax(labels[row, box[1] : box[3]] == label))
            corner = (core.top, core.left)
            boxes.append(box + np.array(corner * 2))
            places.append((row + corner[0], column + corner[1]))
        first = seams.count
        parts.append((crossing, first + np.arange(crossing.size)))
        numbers = np.full(count + 1, -1, np.int64)
        numbers[crossing] = parts[-1][1]
        seams.add(core, labels, numbers, crossing.size)
    root = joined(seams.count, seams.pairs)
    n = int(root.max(initial=-1)) + 1
    total = np.zeros(n, np.int64)
    np.add.at(total, root, _flat(areas, np.int64))
    frame = np.zeros(n, bool)
    np.logical_or.at(frame, root, _flat(on_frame, bool))
    whole = np.tile(np.array([*grid.shape, 0, 0], np.int64), (n if located else 0, 1))
    place = np.zeros((n if located else 0, 2), np.int64)
    if located:
        box = np.array(boxes, np.int64).reshape(-1, 4)
        np.minimum.at(whole[:, :2], root, box[:, :2])
        np.maximum.at(whole[:, 2:], root, box[:, 2:])
        # Written backwards, so that the first part of each component has the last word.
        place[root[::-1]] = np.array(places, np.int64).reshape(-1, 2)[::-1]
    return Components(
        _flat(inner_areas, np.int64),
        _flat(inner_on_frame, bool),
        total,
        frame,
        whole,
        place,
        tuple((labels, root[numbers]) for labels, numbers in parts),
    )


def joined(count: int, pairs: list[Array]) -> Array:
    """Group things by pairs that belong together.

    Parameters
    ----------
    count
        Number of things.
    pairs
        Arrays (n, 2) of their numbers.

    Returns
    -------
    Array
        From each thing to its group, numbered from 0 in the order of their first things.

    Examples
    --------
    >>> joined(4, [np.array([[1, 3]])]).tolist()
    [0, 1, 2, 1]
    """
    if count == 0:
        return np.empty(0, np.int64)
    edges = np.concatenate([*pairs, np.empty((0, 2), np.int64)])
    graph = sparse.coo_array((np.ones(len(edges), bool), (edges[:, 0], edges[:, 1])), (count,) * 2)
    _, group = csgraph.connected_components(graph, directed=False)
    _, first, back = np.unique(group, return_index=True, return_inverse=True)
    order = np.empty(first.size, np.int64)
    order[np.argsort(first)] = np.arange(first.size)
    return order[back]


class _Seams:
    """Which crossing parts touch, while cores come by row after row."""

    def __init__(self, grid: Grid, corners: bool) -> None:
        self.count = 0
        self.pairs: list[Array] = []
        self._steps = (-1, 0, 1) if corners else (0,)
        # The row above the cores with one column more on either side, and the row to be.
        self._above = np.full(grid.shape[1] + 2, -1, np.int64)
        self._below = self._above.copy()
        self._left = np.empty(0, np.int64)

    def add(self, core: Window, labels: Array, numbers: Array, count: int) -> None:
        if core.left == 0:
            self._above, self._below = self._below, np.full_like(self._above, -1)
            self._left = np.full(core.shape[0], -1, np.int64)
        top, first = numbers[labels[0]], numbers[labels[:, 0]]
        for step in self._steps:
            self._touch(self._above[core.left + 1 + step : core.right + 1 + step], top)
            start, stop = max(step, 0), first.size + min(step, 0)
            self._touch(self._left[start:stop], first[start - step : stop - step])
        self._below[core.left + 1 : core.right + 1] = numbers[labels[-1]]
        self._left = numbers[labels[:, -1]]
        self.count += count

    def _touch(self, one: Array, other: Array) -> None:
        both = (one >= 0) & (other >= 0)
        if both.any():
            self.pairs.append(np.unique(np.stack([one[both], other[both]], axis=1), axis=0))


def _boxes(labels: Array, count: int, wanted: Array) -> Array:
    if wanted.size == 0:
        return np.empty((0, 4), np.int64)
    order = np.zeros(count + 1, np.int32)
    order[wanted] = np.arange(1, wanted.size + 1)
    found = ndimage.find_objects(order[labels], wanted.size)
    return np.array([(y.start, x.start, y.stop, x.stop) for y, x in found], np.int64)


def _flat(parts: list[Array], dtype: type) -> Array:
    return np.concatenate([np.empty(0, dtype), *parts]).astype(dtype)
