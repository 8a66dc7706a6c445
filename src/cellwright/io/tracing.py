"""Outlines of all labels of a plane, along the edges of the pixels, exact to the pixel.

The outline of a label runs on the cracks between pixels (Rosenfeld & Kak 1982, Digital Picture
Processing, "crack following"), so its corners are whole numbers and filling it gives back the
pixels and no others. Nothing is followed pixel by pixel: the corners of all labels are found
in one pass over the plane; along a row, and along a column, each second stretch between two
neighbouring corners of a label is an edge, which links the corners to rings; and the order
within all rings comes from pointer doubling (Wyllie 1979, The complexity of parallel
computations). Rings are valid polygons (OGC 06-103r4, simple features): none visits a point twice,
pieces that touch at a corner are polygons of their own, and so are holes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cellwright.core.errors import UsageError
from cellwright.core.image import Array

__all__ = ["Outline", "Outlines", "trace_outlines"]

Integers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

BAND_PIXELS = 2**22
"""Pixels looked at together when corners are sought: large enough to be quick, small beside
any picture that would fill the memory."""


@dataclass(frozen=True, eq=False)
class Outline:
    """Outline of one label.

    Attributes
    ----------
    label
        Its number.
    polygons
        One for each piece whose pixels hang together by their edges; each a tuple of rings:
        the outer one, then its holes. A ring is (V, 2) int64 of x and y, from the upper left
        corner of the picture's first pixel, without repeating the first point; outer rings
        run clockwise on the screen, holes the other way.
    """

    label: int
    polygons: tuple[tuple[Integers, ...], ...]

    @property
    def rings(self) -> tuple[Integers, ...]:
        """All rings of all pieces."""
        return tuple(ring for polygon in self.polygons for ring in polygon)


@dataclass(frozen=True, eq=False)
class Outlines:
    """Outlines of all labels of a plane, in few arrays; iterate for one `Outline` a label.

    Attributes
    ----------
    points
        (V, 2) int64 of x and y, ring after ring.
    ring_start
        (R + 1,) where each ring begins in `points`.
    ring_label
        (R,) ascending.
    is_hole
        (R,) bool; the holes of a piece follow its outer ring.
    """

    points: Integers
    ring_start: Integers
    ring_label: Integers
    is_hole: Mask

    def __iter__(self) -> Iterator[Outline]:
        first = np.ones(len(self.ring_label), bool)
        first[1:] = self.ring_label[1:] != self.ring_label[:-1]
        begins = np.flatnonzero(first).tolist()
        ends = [*begins[1:], len(self.ring_label)]
        start, hole = self.ring_start.tolist(), self.is_hole.tolist()
        names = self.ring_label.tolist()
        for begin, end in zip(begins, ends, strict=False):
            pieces: list[list[Integers]] = []
            for ring in range(begin, end):
                line = self.points[start[ring] : start[ring + 1]]
                if hole[ring]:
                    pieces[-1].append(line)
                else:
                    pieces.append([line])
            yield Outline(names[begin], tuple(tuple(piece) for piece in pieces))


@dataclass(frozen=True, eq=False)
class _Corners:
    """Corners of all labels, by label, row and column, each array (C,).

    Where two corners of a label share a point, the one whose horizontal edge ends there comes
    first: so in every row the first, third, … corner begins an edge, and the next one ends it.

    `rank` numbers the labels that are there from 0. `leaves_down` says whether the corner's
    vertical edge lies below it, and `opens` whether the ring, run through with the label on
    its right hand, leaves the corner by the horizontal edge (else it arrives by it).
    """

    label: Integers
    rank: Integers
    y: Integers
    x: Integers
    leaves_down: Mask
    opens: Mask


@dataclass(frozen=True, eq=False)
class _Rings:
    """Rings of all labels, by label and first corner: R rings of E horizontal edges.

    `opening` (E,) is the corner that opens each edge, ring after ring; `start` (R + 1,) where
    each ring begins in it; `label` and `hole` are (R,); `of_corner` (C,) is the ring of each
    corner that opens an edge.
    """

    opening: Integers
    start: Integers
    label: Integers
    hole: Mask
    of_corner: Integers


def trace_outlines(labels: Array) -> Outlines:
    """Trace the outlines of all labels of a plane.

    Parameters
    ----------
    labels
        (Y, X) of whole numbers; 0 is background.

    Returns
    -------
    Outlines
        In ascending order of labels.

    Raises
    ------
    UsageError
        If `labels` is not a plane of whole numbers.

    Examples
    --------
    >>> [outline] = trace_outlines(np.array([[0, 7, 7], [0, 7, 0]]))
    >>> outline.label, outline.rings[0].tolist()
    (7, [[1, 0], [3, 0], [3, 1], [2, 1], [2, 2], [1, 2]])
    """
    if labels.ndim != 2 or not np.issubdtype(labels.dtype, np.integer):
        raise UsageError(
            f"outlines are drawn around a plane of whole numbers, not {labels.dtype} with the "
            f"shape {labels.shape}"
        )
    corners = _find_corners(labels)
    if not len(corners.label):
        empty = np.zeros(0, np.int64)
        return Outlines(np.zeros((0, 2), np.int64), np.zeros(1, np.int64), empty, empty > 0)
    beside, above = _mates(corners)
    nodes = np.flatnonzero(corners.opens)  # each stands for the horizontal edge it opens
    number = np.zeros(len(corners.label), np.int64)
    number[nodes] = np.arange(len(nodes))

    closing = beside[nodes]
    following = number[above[closing]]
    ring = _smallest_of_ring(following)
    partner = _pinches(corners, ring, number, beside)
    if partner is not None:
        # A ring that touches itself at a point is cut there into two that touch.
        following = number[partner[above[partner[closing]]]]
        ring = _smallest_of_ring(following)
    order, ring_start, of_ring = _in_order(following, ring)

    opening, closing = nodes[order], closing[order]
    points = np.empty((len(nodes), 2, 2), np.int64)
    points[:, 0, 0], points[:, 1, 0] = corners.x[opening], corners.x[closing]
    points[:, :, 1] = corners.y[opening][:, None]
    signed = (points[:, 0, 0] - points[:, 1, 0]) * points[:, 0, 1]
    rings = _Rings(
        opening,
        ring_start,
        corners.label[opening[ring_start[:-1]]],
        np.add.reduceat(signed, ring_start[:-1]) < 0,
        of_ring[number],
    )
    return _arranged(points, rings, _parents(corners, above, rings))


def _find_corners(labels: Array) -> _Corners:
    """Look at the four pixels around each point of the grid.

    A pixel that differs from both its neighbours there has a convex corner; one that differs
    from three others of one label is where that label has a concave one. Two pixels of a label
    that only touch at the point have a corner each.
    """
    height, width = labels.shape
    band = max(1, BAND_PIXELS // max(width, 1))
    found: list[tuple[Array, Array, Integers]] = []
    for top in range(0, height + 1, band):
        last = min(top + band, height + 1)  # points of the rows top to last - 1
        block = np.zeros((last - top + 1, width + 2), labels.dtype)
        rows = slice(max(top - 1, 0), min(last, height))
        block[rows.start - top + 1 : rows.stop - top + 1, 1:-1] = labels[rows]
        left_same = block[:-1] == block[1:]
        mixed = (block[:-1, :-1] != block[:-1, 1:]) | (block[1:, :-1] != block[1:, 1:])
        mixed |= ~(left_same[:, :-1] & left_same[:, 1:])
        at = np.flatnonzero(mixed)
        y, x = np.divmod(at, width + 1)
        four = np.stack([block[y + a, x + b] for a in (0, 1) for b in (0, 1)])
        found.append((four, y + top, x))
    four = np.concatenate([part[0] for part in found], axis=1)
    y = np.concatenate([part[1] for part in found])
    x = np.concatenate([part[2] for part in found])

    parts = []
    for pixel in range(4):
        low, right = divmod(pixel, 2)  # where the pixel lies, seen from the point
        own, side, over, across = (four[pixel ^ k] for k in (0, 1, 2, 3))
        convex = np.flatnonzero((own != side) & (own != over) & (own != 0))
        concave = np.flatnonzero((side == over) & (side == across) & (side != own) & (side != 0))
        for at, values, inward in ((convex, own, True), (concave, side, False)):
            parts.append(
                (
                    values[at].astype(np.int64),
                    at,
                    np.full(len(at), right == 1),
                    np.full(len(at), low == 1),
                    # Clockwise: an upper edge is run through to the right, a lower to the left.
                    np.full(len(at), (low == right) == inward),
                )
            )
    label, at, leaves_right, leaves_down, opens = (
        np.concatenate([part[k] for part in parts]) for k in range(5)
    )
    _, rank = np.unique(label, return_inverse=True)
    points = (height + 1) * (width + 1)
    order = np.argsort((rank * points + y[at] * (width + 1) + x[at]) * 2 + leaves_right)
    at = at[order]
    return _Corners(label[order], rank[order], y[at], x[at], leaves_down[order], opens[order])


def _mates(corners: _Corners) -> tuple[Integers, Integers]:
    """For each corner, the one at the other end of its horizontal and of its vertical edge."""
    count = len(corners.label)
    beside = np.arange(count) ^ 1
    height = int(corners.y.max()) + 1
    width = int(corners.x.max()) + 1
    column = (corners.rank * width + corners.x) * height + corners.y
    order = np.argsort(column * 2 + corners.leaves_down)
    above = np.empty(count, np.int64)
    above[order[0::2]], above[order[1::2]] = order[1::2], order[0::2]
    return beside, above


def _smallest_of_ring(following: Integers) -> Integers:
    """Name each ring of a permutation by its smallest member, by pointer doubling."""
    smallest, jump = np.arange(len(following)), following
    while True:
        smallest = np.minimum(smallest, smallest[jump])
        if np.array_equal(smallest, smallest[following]):
            return smallest
        jump = jump[jump]


def _in_order(following: Integers, ring: Integers) -> tuple[Integers, Integers, Integers]:
    """Members ring by ring in order, where rings begin, and the number of each one's ring."""
    count = len(following)
    start = np.flatnonzero(ring == np.arange(count))
    rank = np.zeros(count, np.int64)
    rank[start] = np.arange(len(start))
    of_ring = rank[ring]
    length = np.bincount(of_ring, minlength=len(start))
    left = np.ones(count, np.int64)  # steps to the ring's first member
    left[start] = 0
    jump = following.copy()
    jump[start] = start
    while not np.array_equal(jump, ring):
        left += left[jump]
        jump = jump[jump]
    ring_start = np.concatenate([[0], np.cumsum(length)])
    place = ring_start[of_ring] + (length[of_ring] - left) % length[of_ring]
    order = np.empty(count, np.int64)
    order[place] = np.arange(count)
    return order, ring_start, of_ring


def _pinches(
    corners: _Corners, ring: Integers, number: Integers, beside: Integers
) -> Integers | None:
    """Pair the two corners of a label at each point where one ring passes twice; or None.

    Elsewhere a corner is its own partner.
    """
    stride = int(corners.x.max()) + 1
    point = corners.y * stride + corners.x
    order = np.lexsort((corners.label, point))
    first, second = order[:-1], order[1:]
    same = (point[first] == point[second]) & (corners.label[first] == corners.label[second])
    first, second = first[same], second[same]
    # A corner that closes an edge is on the ring of the corner that opens it.
    opener = np.where(corners.opens, np.arange(len(point)), beside)
    touching = ring[number[opener[first]]] == ring[number[opener[second]]]
    if not touching.any():
        return None
    partner = np.arange(len(point))
    partner[first[touching]], partner[second[touching]] = second[touching], first[touching]
    return partner


def _parents(corners: _Corners, above: Integers, rings: _Rings) -> Integers:
    """The outer ring that each ring belongs to, (R,); an outer ring belongs to itself.

    The pixel above the highest edge of a hole is of its piece, and so is the left end of that
    pixel's run. The ring there is the outer one, or a hole that begins higher up, whose outer
    ring is known in the same way.
    """
    label, hole, opening = rings.label, rings.hole, rings.opening
    count = len(label)
    parent = np.arange(count)
    holes = np.flatnonzero(hole)
    if not len(holes):
        return parent
    # Rings of a label stand together; where it has a single outer ring, there is no choice.
    outer = np.flatnonzero(~hole)
    first = np.searchsorted(label[outer], label[holes])
    last = np.searchsorted(label[outer], label[holes], side="right")
    parent[holes] = outer[first]
    open_question = holes[last - first > 1]
    if not len(open_question):
        return parent

    asked = np.unique(label[open_question])
    node = opening[np.isin(corners.label[opening], asked)]
    arrived = above[node]  # where the vertical edge begins that arrives at the node
    upwards = corners.y[arrived] > corners.y[node]  # the label lies to the right of it
    node, arrived = node[upwards], arrived[upwards]
    rows = corners.y[arrived] - corners.y[node]
    before = np.cumsum(rows) - rows
    row = np.repeat(corners.y[node] - before, rows) + np.arange(int(rows.sum()))
    stride = int(corners.x.max()) + 2
    area = stride * (int(corners.y.max()) + 2)
    rank = np.searchsorted(asked, corners.label[node])
    key = np.repeat(rank * area + corners.x[node], rows) + row * stride
    owner = np.repeat(rings.of_corner[node], rows)
    order = np.argsort(key)
    key, owner = key[order], owner[order]

    first_edge = opening[rings.start[open_question]]  # the highest, which runs to the left
    wanted = np.searchsorted(asked, label[open_question]) * area
    wanted += (corners.y[first_edge] - 1) * stride + corners.x[first_edge ^ 1]
    parent[open_question] = owner[np.searchsorted(key, wanted, side="right") - 1]
    while True:
        grand = parent[parent]
        if np.array_equal(grand, parent):
            return parent
        parent = grand


def _arranged(points: Integers, rings: _Rings, parent: Integers) -> Outlines:
    """Put the rings in order: by label, piece, and the outer one before its holes."""
    order = np.lexsort((np.arange(len(parent)), rings.hole, parent, rings.label))
    length = np.diff(rings.start)
    moved = np.concatenate([[0], np.cumsum(length[order])])
    take = np.repeat(rings.start[:-1][order] - moved[:-1], length[order]) + np.arange(len(points))
    return Outlines(points[take].reshape(-1, 2), 2 * moved, rings.label[order], rings.hole[order])
