"""Which neighbouring nuclei share one cell.

A cell with two nuclei is told from two cells by what would part these: a neck in the outline,
or a line between the nuclei that is darker or brighter than what is around them. That there is
none proves little where cells touch on all sides, so there every nucleus keeps its own cell: to
part a cell in two is the smaller harm than to join a sheet.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cellwright.core.image import Array
from cellwright.measure.hull import measure_hull
from cellwright.measure.regions import Regions

__all__ = ["Surroundings", "share"]

OPEN = 0.9
"""Share of the outline on the ground from which on a cell stands alone, and its outline tells."""

CROWDED = 0.5
"""Below this share the outline is mostly made of neighbours, and tells nothing."""

REACH_ALONE, REACH_CROWDED = 1.25, 0.25
"""Widest gap between two nuclei of a cell in diameters of a nucleus: in a cell that stands alone
and in one that touches others. Nuclei of a binucleate cell mostly lie side by side."""

CONVEX = 0.9
"""Least share of the convex hull that a cell with two nuclei fills. Two cells that touch have a
notch on each side; two equal discs that touch fill 0.88."""

EVEN = 0.7
"""Least ratio of the light around one nucleus to that around the other: it is one cytoplasm."""

LINE = 0.85
"""Light between two nuclei, as a share of the darkest place beside it (or the brightest place as
a share of it), below which a line is seen there."""

NEAR_PASS = 0.35
"""Places belong to the pass between two nuclei where the way between them is longer than the
shortest by no more than this many diameters of a nucleus."""

BESIDE = 0.25
"""Width of the band around a nucleus whose light is compared, in its diameters."""

SMALL = 0.2
"""Part of the median nucleus's area below which a nucleus is a micronucleus or a fragment: a
third to a half of the diameter. Not where the frame of the picture cuts it."""

FRAGMENT_REACH = 0.5
"""Widest gap between a fragment and the nucleus of its cell, in diameters of a nucleus."""

ROUNDS = 8
"""At most this many rounds of joining pairs: nobody looks for cells with over 256 nuclei."""

_Pairs = tuple[Array, Array, Array, Array]


@dataclass(frozen=True, eq=False)
class Surroundings:
    """What is known of the nuclei's neighbourhood; all planes are (Y, X).

    Attributes
    ----------
    nuclei
        Labels from 1 without gaps.
    light
        Height of the cells' stain above the ground, smoothed.
    inside
        Distance to the ground within the stain.
    away
        Distance to the nearest nucleus.
    diameter
        Of a typical nucleus in pixels.
    """

    nuclei: Array
    light: Array
    inside: Array
    away: Array
    diameter: float


def share(parts: Array, around: Surroundings, neck: float) -> Array:
    """Say for each part which part it becomes one cell with.

    Parameters
    ----------
    parts
        (Y, X) integers from 1: each nucleus has grown to the part with its number. Numbers
        beyond those of the nuclei are parts without one, and stay as they are.
    around
        The nuclei and what is around them.
    neck
        Two parts are one cell only where the stain between them is at least this share of the
        smaller one's width.

    Returns
    -------
    Array
        (N + 1,) the smallest number among the parts of the same cell, from each number on; 0
        for 0.
    """
    count = int(parts.max(initial=0))
    nuclei = int(around.nuclei.max(initial=0))
    target = np.arange(count + 1)
    if nuclei < 2:
        return target
    sizes = np.bincount(around.nuclei.ravel(), minlength=count + 1)
    sizes[0] = 0
    small = (sizes > 0) & (sizes < SMALL * np.median(sizes[sizes > 0]))
    for edge in (0, -1):
        small[around.nuclei[edge]] = small[around.nuclei[:, edge]] = False
    pairs = _borders(np.where(parts <= nuclei, parts, 0))
    for _ in range(ROUNDS):
        step = _one_round(target[parts], pairs, around, neck, small)
        if step is None:
            break
        target = step[target]
        one, other = target[pairs[0]], target[pairs[1]]
        apart = one != other
        pairs = (one[apart], other[apart], pairs[2][apart], pairs[3][apart])
        small = small & (target == np.arange(count + 1))
    return target


def _borders(labels: Array) -> _Pairs:
    """Each two touching pixels of different labels: the labels, and the pixels' flat positions."""
    rows, columns = labels.shape
    place = np.arange(labels.size).reshape(labels.shape)
    found: list[_Pairs] = []
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        here = (slice(0, rows - down), slice(max(-right, 0), columns - max(right, 0)))
        there = (slice(down, rows), slice(max(right, 0), columns + min(right, 0)))
        one, other = labels[here], labels[there]
        touch = (one != other) & (one > 0) & (other > 0)
        found.append((one[touch], other[touch], place[here][touch], place[there][touch]))
    one, other, at, beside = (np.concatenate(column) for column in zip(*found, strict=True))
    return one, other, at, beside


def _one_round(
    labels: Array, pairs: _Pairs, around: Surroundings, neck: float, small: Array
) -> Array | None:
    """Join each part with the one whose nucleus is nearest, if both agree; None if none does."""
    one, other, at, beside = pairs
    count = small.size
    if not one.size:
        return None
    low, high = np.minimum(one, other).astype(np.int64), np.maximum(one, other)
    keys, pair = np.unique(low * count + high, return_inverse=True)
    low, high = keys // count, keys % count
    way = (around.away.ravel()[at] + around.away.ravel()[beside]).astype(np.float64)
    gap = np.full(keys.size, np.inf)
    np.minimum.at(gap, pair, way)

    d = around.diameter
    near = way <= gap[pair] + NEAR_PASS * d
    light = (around.light.ravel()[at] + around.light.ravel()[beside]) / 2.0
    passing = np.bincount(pair, light * near) / np.bincount(pair, near)
    width = np.zeros(keys.size)
    np.maximum.at(width, pair, np.minimum(around.inside.ravel()[at], around.inside.ravel()[beside]))
    widest = np.zeros(count)
    np.maximum.at(widest, labels.ravel(), around.inside.ravel())
    widest[0] = np.inf

    within, beyond, whole = _light_beside(labels, around, count)
    dark = np.minimum(within, beyond)
    bright = np.maximum(np.maximum(within, beyond), whole)
    no_line = (passing >= LINE * np.minimum(dark[low], dark[high])) & (
        LINE * passing <= np.maximum(bright[low], bright[high])
    )
    even = np.minimum(beyond[low], beyond[high]) >= EVEN * np.maximum(beyond[low], beyond[high])
    no_neck = width >= neck * np.minimum(widest[low], widest[high])

    fragment = (small[low] | small[high]) & (gap <= FRAGMENT_REACH * d)
    likely = (gap <= REACH_ALONE * d) & no_line & even & no_neck
    chosen = _mutual(low, high, gap, likely | fragment, count)
    if not chosen.any():
        return None
    low, high, gap, fragment = low[chosen], high[chosen], gap[chosen], fragment[chosen]
    step = np.arange(count)
    step[high] = low
    ground, convex = _outline(step[labels], count)
    one_cell = convex[low] >= CONVEX
    one_cell &= (ground[low] >= OPEN) | ((ground[low] >= CROWDED) & (gap <= REACH_CROWDED * d))
    kept = one_cell | fragment
    if not kept.any():
        return None
    step = np.arange(count)
    step[high[kept]] = low[kept]
    return step


def _mutual(low: Array, high: Array, gap: Array, likely: Array, count: int) -> Array:
    """Pairs of which each is the other's nearest among the likely; of equals the first."""
    place = np.flatnonzero(likely)
    order = place[np.lexsort((high[place], low[place], gap[place]))]
    nearest = np.full(count, low.size)
    rank = np.full(low.size + 1, low.size)
    rank[order] = np.arange(order.size)
    np.minimum.at(nearest, low[order], rank[order])
    np.minimum.at(nearest, high[order], rank[order])
    mutual = np.zeros(low.size, bool)
    mutual[order] = (nearest[low[order]] == rank[order]) & (nearest[high[order]] == rank[order])
    return mutual


def _light_beside(labels: Array, around: Surroundings, count: int) -> tuple[Array, Array, Array]:
    """Mean light of each part on its nuclei, in the band around them (else on them), and in all."""
    flat, light = labels.ravel(), around.light.ravel()
    on = (around.nuclei > 0).ravel()
    band = ~on & (around.away.ravel() <= BESIDE * around.diameter)
    means = []
    for chosen in (on, band, flat > 0):
        n = np.bincount(flat[chosen], minlength=count)
        total = np.bincount(flat[chosen], light[chosen], minlength=count)
        means.append(np.divide(total, n, out=np.full(count, np.nan), where=n > 0))
    within, beyond, whole = means
    return within, np.where(np.isnan(beyond), within, beyond), whole


def _outline(labels: Array, count: int) -> tuple[Array, Array]:
    """Share of each part's outline on the ground, and of its convex hull that it fills."""
    to_ground, to_other = np.zeros(count), np.zeros(count)
    for axis in (0, 1):
        moved = np.moveaxis(labels, axis, 0)
        for one, other in ((moved[:-1], moved[1:]), (moved[1:], moved[:-1])):
            edge = (one > 0) & (one != other)
            facing = other[edge] == 0
            to_ground += np.bincount(one[edge][facing], minlength=count)
            to_other += np.bincount(one[edge][~facing], minlength=count)
    sides = to_ground + to_other
    ground = np.divide(to_ground, sides, out=np.zeros(count), where=sides > 0)
    regions = Regions(labels, {})
    convex = np.zeros(count)
    convex[regions.labels] = measure_hull(regions)["solidity"]
    return ground, convex
