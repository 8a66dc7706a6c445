"""Which object of one label image lies in which object of another: nuclei in cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cellwright.core.errors import UsageError
from cellwright.core.image import Array
from cellwright.measure.regions import Floats, Integers

__all__ = ["Relation", "relate"]


@dataclass(frozen=True, eq=False)
class Relation:
    """Children and the parents that they lie in.

    Attributes
    ----------
    children
        (N,) labels of the children, ascending.
    parent
        (N,) label of the parent that holds most of each child's pixels, of equals the smaller
        label; 0 for a child that overlaps none.
    overlap
        (N,) share of the child's pixels in that parent, 0 to 1.
    parents
        (M,) labels of all parents, ascending, also of those without a child.
    count
        (M,) number of children of each parent.
    """

    children: Integers
    parent: Integers
    overlap: Floats
    parents: Integers
    count: Integers

    @property
    def outside(self) -> int:
        """Number of children without a parent."""
        return int(np.count_nonzero(self.parent == 0))


def relate(children: Array, parents: Array) -> Relation:
    """Find the parent of each child.

    Parameters
    ----------
    children, parents
        (Y, X), or any one shape that both have: integers, 0 is background. Numbers may have
        gaps and reach 2³² - 1.

    Returns
    -------
    Relation
        Children that lie across a border belong to the parent with more of them, and their
        overlap, below 1, shows it.

    Raises
    ------
    UsageError
        If the shapes differ, or one of them does not hold labels.

    Examples
    --------
    >>> nuclei = np.array([[3, 3, 3, 0, 9]])
    >>> cells = np.array([[1, 2, 2, 2, 0]])
    >>> found = relate(nuclei, cells)
    >>> found.children.tolist(), found.parent.tolist(), found.overlap.round(2).tolist()
    ([3, 9], [2, 0], [0.67, 0.0])
    >>> found.parents.tolist(), found.count.tolist()
    ([1, 2], [0, 1])
    """
    if children.shape != parents.shape:
        raise UsageError(
            f"the children's labels have the shape {children.shape}, the parents' {parents.shape}",
            remedy="give label images of the same picture",
        )
    child, parent, length = _stretches(_flat(children), _flat(parents))
    labels, every = np.unique(parent, return_inverse=True)
    present = labels[labels > 0].astype(np.int64)

    held = child > 0
    child, parent, length, every = child[held], parent[held], length[held], every[held]
    own, index = np.unique(child, return_inverse=True)
    area = np.bincount(index, length, minlength=own.size)
    # Both numbers fit into one: 70,000 by 70,000 is far from 2⁶³.
    pair, place = np.unique(index * max(labels.size, 1) + every, return_inverse=True)
    shared = np.bincount(place, length, minlength=pair.size)
    which, within = pair // max(labels.size, 1), labels[pair % max(labels.size, 1)]

    inside = within > 0
    which, within, shared = which[inside], within[inside], shared[inside]
    order = np.lexsort((within, -shared, which))
    which, within, shared = which[order], within[order], shared[order]
    first = np.ones(which.size, bool)
    first[1:] = which[1:] != which[:-1]
    parent_of = np.zeros(own.size, np.int64)
    overlap = np.zeros(own.size)
    parent_of[which[first]] = within[first]
    overlap[which[first]] = shared[first] / area[which[first]]
    has = parent_of[parent_of > 0]
    count = np.bincount(np.searchsorted(present, has), minlength=present.size)
    return Relation(own.astype(np.int64), parent_of, overlap, present, count.astype(np.int64))


def _flat(labels: Array) -> Array:
    if not np.issubdtype(labels.dtype, np.integer):
        raise UsageError(f"labels to be related are whole numbers, not {labels.dtype}")
    if labels.size and (int(labels.min()) < 0 or int(labels.max()) >= 2**32):
        raise UsageError("labels to be related lie between 0 and 4,294,967,295")
    return labels.ravel()


def _stretches(one: Array, other: Array) -> tuple[Array, Array, Array]:
    """Stretches of equal pairs in the order of pixels: both labels, and the length."""
    begins = np.ones(one.size, bool)
    begins[1:] = (one[1:] != one[:-1]) | (other[1:] != other[:-1])
    begin = np.flatnonzero(begins)
    length = np.diff(begin, append=one.size)
    kept = (one[begin] != 0) | (other[begin] != 0)
    return one[begin][kept], other[begin][kept], length[kept]
