"""Which measurements go together: a heat map of rank correlations."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from cellwright.report.drawing import INK, colours, drawing_style, new_drawing, svg_text
from cellwright.report.exploring.wording import feature_name
from cellwright.stats.describing import Described

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["correlation_map", "drawn_features"]

MOST_FEATURES = 22
"""Numbers of more would not be legible; the CSV has all."""
_FEW = 10
_COLUMNS = 14
"""So many at the least have room, so that the squares of a few are not stretched."""
_SQUARE, _LARGE_SQUARE, _HEADROOM = 0.32, 0.42, 0.45
"""Inches."""
_SIDE = 0.92  # of a square; the rest is the gap to the next
_FAINTEST, _FAINT = 0.06, 0.12

Numbers = npt.NDArray[np.float64]


def drawn_features(described: Described) -> list[str]:
    """Features of the map: the main ones and the first others, those that are alike together."""
    varying = described.varying
    main = [name for name in described.main if name in varying]
    chosen = list(dict.fromkeys([*main, *varying]))[:MOST_FEATURES]
    kept = [name for name in varying if name in chosen]
    table = described.correlation.loc[kept, kept].to_numpy(np.float64)
    return [kept[place] for place in _alike_together(table)]


def _alike_together(correlation: Numbers) -> list[int]:
    """An order in which neighbours are correlated, by average linkage."""
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    if len(correlation) < 3:
        return list(range(len(correlation)))
    distance = 1 - np.abs(np.nan_to_num(correlation))
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform(distance, checks=False), "average", optimal_ordering=True)
    found: list[int] = leaves_list(tree).tolist()
    return found


def correlation_map(described: Described, names: list[str], file: str) -> str:
    """Colours below the diagonal, the same as numbers above it."""
    table = described.correlation.loc[names, names].to_numpy(np.float64)
    n = len(names)
    square = _LARGE_SQUARE if n <= _FEW else _SQUARE
    with drawing_style(file):
        figure, axes = new_drawing(_HEADROOM + square * n)
        _draw_squares(axes, table)
        for row, column in combinations(range(n), 2):
            axes.text(column, row, number_text(table[row, column]), ha="center", va="center",
                      fontsize=8, in_layout=False)  # fmt: skip
        titles = [feature_name(described.feature(name)) for name in names]
        labels = [f"{title}\u2002{place}" for place, title in enumerate(titles, 1)]
        axes.set_yticks(range(n), labels)
        axes.set_xticks(range(n), [str(place) for place in range(1, n + 1)])
        axes.xaxis.tick_top()
        axes.tick_params(length=0, labelsize=9.5)
        axes.set_xlim(-0.5, max(n, _COLUMNS) - 0.5)
        axes.set_ylim(n - 0.5, -0.5)
        axes.spines[:].set_visible(False)
        return svg_text(figure)


def _draw_squares(axes: Axes, table: Numbers) -> None:
    """Blue where two go up together, orange where one goes down; the stronger the fuller."""
    from matplotlib.collections import PolyCollection
    from matplotlib.colors import to_rgba

    positive, negative = colours(2)
    half = _SIDE / 2
    corners = np.array([(-half, -half), (half, -half), (half, half), (-half, half)])
    squares, inks = [], []
    for row, column in zip(*np.tril_indices(len(table)), strict=True):
        value = table[row, column]
        squares.append(np.array([column, row]) + corners)
        if row == column or not np.isfinite(value):
            inks.append(to_rgba(INK, _FAINT))
        else:
            inks.append(to_rgba(positive if value > 0 else negative, max(abs(value), _FAINTEST)))
    axes.add_collection(PolyCollection(squares, facecolors=inks, linewidth=0))


def number_text(value: float) -> str:
    """A coefficient with two digits, without the zero before the point.

    Examples
    --------
    >>> number_text(0.456), number_text(-0.07), number_text(1.0), number_text(float("nan"))
    ('.46', '−.07', '1.00', '–')
    """
    if not np.isfinite(value):
        return "–"
    text = f"{abs(value):.2f}".removeprefix("0")
    return f"−{text}" if value < 0 and text != ".00" else text
