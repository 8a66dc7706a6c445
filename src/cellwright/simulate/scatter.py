"""Where cells lie: points at random that keep apart, or huddle."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.spatial import KDTree

__all__ = ["scatter"]

Points = npt.NDArray[np.float64]

_ROUNDS = 80
"""Enough for fields of which half is covered; fuller ones keep some overlap."""


def scatter(
    shape: tuple[int, int],
    reach: npt.NDArray[np.float64],
    random: np.random.Generator,
    clumping: float = 0.0,
    margin: float = 0.0,
) -> Points:
    """Scatter points that push each other apart until their discs do not overlap.

    Parameters
    ----------
    shape
        (Y, X) of the field.
    reach
        (n,) radius of the disc that each point keeps to itself (px).
    random
        Where chance comes from.
    clumping
        Share of the points, 0 to 1, that are put down right beside one of the others.
    margin
        Least distance (px) of a point from the border.

    Returns
    -------
    Points
        (n, 2) of y and x.

    Examples
    --------
    >>> points = scatter((100, 100), np.full(20, 5.0), np.random.default_rng(1))
    >>> bool(KDTree(points).query(points, k=2)[0][:, 1].min() > 9.9)
    True
    """
    n = len(reach)
    size = np.asarray(shape, np.float64) - 1
    low, high = np.minimum(margin, size / 2), np.maximum(size - margin, size / 2)
    points = low + random.random((n, 2)) * (high - low)
    joins = round(clumping * n)
    if 0 < joins < n:
        hosts = random.integers(0, n - joins, joins)
        angle = random.random(joins) * 2 * np.pi
        aside = np.stack([np.sin(angle), np.cos(angle)], axis=1)
        gap = reach[hosts] + reach[n - joins :]
        points[n - joins :] = points[hosts] + aside * gap[:, None]
    points = np.clip(points, low, high)
    for _ in range(_ROUNDS):
        pairs = KDTree(points).query_pairs(2 * float(reach.max(initial=0.0)), output_type="ndarray")
        pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
        apart = points[pairs[:, 0]] - points[pairs[:, 1]]
        distance = np.hypot(apart[:, 0], apart[:, 1])
        lacking = reach[pairs].sum(axis=1) - distance
        close = lacking > 0
        if not close.any():
            break
        # Each of a pair moves half the way; two points on one spot part along x.
        way = apart[close] / np.maximum(distance[close], 1e-9)[:, None]
        way[distance[close] < 1e-9] = (0.0, 1.0)
        way *= 0.505 * lacking[close][:, None]
        for side, sign in ((0, 1.0), (1, -1.0)):
            index = pairs[close, side]
            for axis in (0, 1):
                points[:, axis] += sign * np.bincount(index, way[:, axis], minlength=n)
        points = np.clip(points, low, high)
    return np.asarray(points, np.float64)
