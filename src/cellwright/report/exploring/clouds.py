"""Cells of several conditions as dots in one plane, so that each condition is seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from cellwright.report.drawing import MUTED, colours, dots, evenly, spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["MANY", "Cloud", "cloud_of", "draw_half", "draw_mixed", "draw_one", "ends_of"]

MANY = 6
"""Conditions beyond which colours would repeat: each then has a panel of its own."""
_FEWEST_FOR_A_LINE = 50
_BINS = 48
_HALF = 0.5
_SHOWN = (0.0025, 0.9975)
_ROOM = 0.05

Numbers = npt.NDArray[np.float64]
Ends = tuple[float, float]
Cloud = Mapping[str, Numbers]
"""Places, (N, 2), of the cells of each condition."""


def cloud_of(cells: pd.DataFrame, x: str, y: str, conditions: Sequence[str]) -> Cloud:
    """Cells that have both numbers, by condition; all in one where no conditions are named."""
    both = cells[[x, y]].to_numpy(np.float64)
    known = np.isfinite(both).all(axis=1)
    if not conditions:
        return {"": both[known]}
    of = cells["condition"].to_numpy()
    return {name: both[known & (of == name)] for name in conditions}


def ends_of(values: npt.ArrayLike) -> Ends:
    """Ends of an axis between which nearly all values lie.

    Examples
    --------
    >>> ends_of([1.0, 2.0, np.nan]), ends_of([3.0, 3.0]), ends_of([])
    ((0.95, 2.05), (2.85, 3.15), (0.0, 1.0))
    """
    known = np.asarray(values, np.float64)
    known = known[np.isfinite(known)]
    if not known.size:
        return 0.0, 1.0
    low, high = np.quantile(known, _SHOWN if known.size > 1 / (1 - _SHOWN[1]) else (0, 1))
    room = _ROOM * (high - low) or _ROOM * abs(low) or 0.5
    return round(float(low - room), 12), round(float(high + room), 12)


def draw_mixed(axes: Axes, cloud: Cloud, most: int, *, size: float, alpha: float = 0.65) -> None:
    """Dots of all conditions in turns, none on top of the others.

    Parameters
    ----------
    axes
        Where they are drawn.
    cloud
        Cells.
    most
        Dots of a condition.
    size, alpha
        Of a dot: width in points, opacity.
    """
    parts = [places[evenly(len(places), most)] for places in cloud.values()]
    places = np.concatenate(parts)
    inks = np.repeat(colours(len(parts)), [len(part) for part in parts])
    turn = np.argsort(spread(len(places)), kind="stable")
    x, y = places[turn].T
    axes.scatter(x, y, s=size**2, c=list(inks[turn]), alpha=alpha, linewidths=0,
                 rasterized=True)  # fmt: skip


def draw_one(axes: Axes, cloud: Cloud, condition: str, ink: str, most: int, *, size: float) -> None:
    """Dots of one condition before as many of all conditions in grey."""
    everything = np.concatenate(list(cloud.values()))
    own = cloud[condition]
    for cells, colour, alpha in ((everything, MUTED, 0.3), (own, ink, 0.6)):
        x, y = cells[evenly(len(cells), most)].T
        dots(axes, x, y, colour, size=size, alpha=alpha)


def draw_half(axes: Axes, places: Numbers, ends: tuple[Ends, Ends], ink: str) -> None:
    """A line round the densest half of the cells; none where they are few."""
    from scipy.ndimage import gaussian_filter

    if len(places) < _FEWEST_FOR_A_LINE:
        return
    counts, x, y = np.histogram2d(places[:, 0], places[:, 1], bins=_BINS, range=ends)
    within = np.clip(places, *np.transpose(ends))
    # Scott's rule for two dimensions (Scott, Multivariate Density Estimation, 1992)
    width = within.std(axis=0) * len(places) ** (-1 / 6) / (x[1] - x[0], y[1] - y[0])
    smooth = gaussian_filter(counts, np.maximum(width, 1), mode="constant")
    level = _level(smooth, _HALF * float(smooth.sum()))
    if 0 < level < smooth.max():
        axes.contour(_middles(x), _middles(y), smooth.T, levels=[level], colors=[ink],
                     linewidths=1.8)  # fmt: skip


def _level(density: Numbers, wanted: float) -> float:
    """The density above which lies as much as is wanted."""
    ordered = np.sort(density, axis=None)[::-1]
    return float(ordered[np.searchsorted(np.cumsum(ordered), wanted)]) if wanted > 0 else 0.0


def _middles(edges: Numbers) -> Numbers:
    return (edges[:-1] + edges[1:]) / 2
