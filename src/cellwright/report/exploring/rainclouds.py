"""One feature in full: violin, box, swarm and histogram of each condition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.colors import to_rgba

from cellwright.report.drawing import (
    dots,
    drawing_style,
    evenly,
    new_panels,
    spread,
    svg_text,
    tidy_axes,
)
from cellwright.report.exploring.boxes import draw_boxes, draw_replicates
from cellwright.report.exploring.wording import (
    DRAWN_CONDITIONS,
    Row,
    axis_label,
    few_ticks,
    rows_of,
)
from cellwright.report.section import Figure
from cellwright.stats.describing import Described

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["MOST_TICKS", "most_dots", "raincloud"]

_MOST_DOTS, _MOST_IN_ALL = 200, 1200
"""Cells of a condition in a swarm, and of all conditions."""
MOST_TICKS = 60
"""Pictures of a condition up to which the median of each is marked."""
_FEW = 8
_ROW_INCHES, _NARROW_ROW_INCHES, _HEADROOM = 0.85, 0.6, 0.75
_VIOLIN, _BAR, _BAR_BASE = 0.44, 0.8, 0.4
"""Height of the highest curve and of the highest bar, and where bars stand, in rows."""
_BOX, _BOX_WIDTH = 0.1, 0.13
_SWARM, _SWARM_DEPTH, _THINNEST = 0.2, 0.27, 0.12
"""Where the swarm begins below a row, how deep it is, and how thin where cells are few."""

Numbers = npt.NDArray[np.float64]


def raincloud(described: Described, feature: str, file: str) -> Figure:
    """Draw it: left the violin with box and swarm, right the histogram."""
    rows = rows_of(described)
    swarms = [_swarm(described, feature, row.condition, most_dots(described)) for row in rows]
    curves, histograms = _of(described.curves, feature), _of(described.histograms, feature)
    height = _ROW_INCHES if len(rows) <= _FEW else _NARROW_ROW_INCHES
    with drawing_style(file):
        figure, panels = new_panels(
            _HEADROOM + height * len(rows), 1, 2, sharey=True, width_ratios=(3, 2)
        )
        left, right = panels[0]
        _violins(left, curves, rows)
        _swarms(left, swarms, curves, rows)
        _ticks(left, _of(described.centres, feature), rows)
        draw_boxes(left, described, feature, rows, shift=_BOX, width=_BOX_WIDTH)
        draw_replicates(left, described, feature, rows, shift=_BOX, size=7)
        _bars(right, histograms, rows)
        for axes, ticks in ((left, 7), (right, 5)):
            axes.set_xlabel(axis_label(described.feature(feature)))
            axes.xaxis.set_major_locator(few_ticks(ticks))
            tidy_axes(axes, grid="x")
            if len(histograms):
                low, high = float(histograms["low"].min()), float(histograms["high"].max())
                axes.set_xlim(low - 0.02 * (high - low), high + 0.02 * (high - low))
        left.set_yticks(range(len(rows)), [row.title for row in rows])
        left.set_ylim(len(rows) - 0.42, -0.56)
        return Figure(file, svg_text(figure), _numbers(described, feature, rows, swarms))


def _of(table: pd.DataFrame, feature: str) -> pd.DataFrame:
    return table[table["feature"] == feature]


def _here(table: pd.DataFrame, row: Row) -> pd.DataFrame:
    return table[table["condition"] == row.condition]


def most_dots(described: Described) -> int:
    """Cells of a condition in a swarm: an even sample of more."""
    drawn = min(len(described.conditions), DRAWN_CONDITIONS)
    return min(_MOST_DOTS, _MOST_IN_ALL // drawn)


def _swarm(described: Described, feature: str, condition: str, most: int) -> Numbers:
    """An even sample over the sorted values, so that the ends are there."""
    own = described.sample.loc[described.sample["condition"] == condition, feature]
    ordered: Numbers = np.sort(own.to_numpy(np.float64))
    known = ordered[np.isfinite(ordered)]
    return known[evenly(known.size, most)]


def _violins(axes: Axes, curves: pd.DataFrame, rows: Sequence[Row]) -> None:
    highest = float(curves["density"].max()) if len(curves) else 1.0
    for n, row in enumerate(rows):
        curve = _here(curves, row)
        if len(curve):
            x = curve["value"].to_numpy(np.float64)
            top = n - _VIOLIN * curve["density"].to_numpy(np.float64) / highest
            axes.fill([x[0], *x, x[-1]], [n, *top, n], facecolor=to_rgba(row.ink, 0.3),
                      edgecolor=row.ink, linewidth=1)  # fmt: skip


def _swarms(
    axes: Axes, swarms: Sequence[Numbers], curves: pd.DataFrame, rows: Sequence[Row]
) -> None:
    """Dots below each row, spread as far as cells are dense there."""
    for n, (values, row) in enumerate(zip(swarms, rows, strict=True)):
        curve = _here(curves, row)
        width = np.ones(values.size)
        if len(curve):
            dense = np.interp(values, curve["value"], curve["density"])
            width = np.maximum(dense / curve["density"].max(), _THINNEST)
        depth = _SWARM + _SWARM_DEPTH * width * (spread(values.size) + 1) / 2
        dots(axes, values, n + depth, row.ink, size=2.6, alpha=0.8)


def _ticks(axes: Axes, centres: pd.DataFrame, rows: Sequence[Row]) -> None:
    """Median of the cells of each picture, where these are few."""
    pictures = centres[centres["image"] != ""]
    for n, row in enumerate(rows):
        values = _here(pictures, row)["median"].to_numpy(np.float64)
        if 1 < values.size <= MOST_TICKS:
            axes.plot(
                values, np.full(values.size, n - 0.04), "|", ms=6, mew=0.9, color=row.ink, alpha=0.8
            )


def _bars(axes: Axes, histograms: pd.DataFrame, rows: Sequence[Row]) -> None:
    """Share of the cells of each condition in each bin."""
    if not len(histograms):
        return
    shares = histograms["n_cells"] / histograms.groupby("condition")["n_cells"].transform("sum")
    highest = float(shares.max())
    for n, row in enumerate(rows):
        own = _here(histograms, row)
        if len(own):
            base = n + _BAR_BASE
            heights = _BAR * shares[own.index].to_numpy(np.float64) / highest
            axes.stairs(base - heights, [*own["low"], own["high"].iloc[-1]], baseline=base,
                        fill=True, color=row.ink, alpha=0.75, lw=0)  # fmt: skip


def _numbers(
    described: Described, feature: str, rows: Sequence[Row], swarms: Sequence[Numbers]
) -> pd.DataFrame:
    """Everything drawn, in long form."""
    centres = _of(described.centres, feature).rename(columns={"median": "x"})
    parts = [
        _of(described.table, feature).melt(
            id_vars=["condition"], value_vars=["q05", "q25", "median", "q75", "q95"],
            var_name="shown", value_name="x",
        ),
        centres.assign(
            shown=np.where(centres["image"] == "", "median of a replicate", "median of a picture")
        ),
        _of(described.curves, feature).rename(columns={"value": "x"}).assign(shown="violin"),
        _of(described.histograms, feature)
        .rename(columns={"low": "x", "high": "x_end"})
        .assign(shown="bin of the histogram"),
        *(
            pd.DataFrame({"shown": "cell", "condition": row.condition, "x": values})
            for row, values in zip(rows, swarms, strict=True)
        ),
    ]  # fmt: skip
    columns = ["shown", "condition", "replicate", "image", "x", "x_end", "n_cells", "density"]
    filled = [part.reindex(columns=columns) for part in parts if len(part)]
    table = pd.concat(filled, ignore_index=True).astype({"n_cells": "Int64"})
    return table.rename(columns={"x": feature, "x_end": "end_of_bin"})
