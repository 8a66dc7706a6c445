"""Box plots: the main features side by side, each condition a box."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.colors import to_rgba

from cellwright.report.drawing import INK, drawing_style, new_panels, svg_text, tidy_axes
from cellwright.report.exploring.wording import Row, axis_label, few_ticks, rows_of
from cellwright.stats.describing import Described

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["FEWEST_FOR_A_BOX", "box_plots", "draw_boxes", "draw_replicates"]

FEWEST_FOR_A_BOX = 10
"""Cells of a condition; fewer are drawn themselves."""
_COLUMNS = 3
_FEW = 8
_ROW_INCHES, _NARROW_ROW_INCHES, _HEADROOM = 0.34, 0.22, 0.72
_LONGEST = 24


def box_plots(described: Described, file: str) -> str:
    """One panel a feature, one row a condition."""
    rows = rows_of(described, _LONGEST)
    columns = min(_COLUMNS, len(described.main))
    lines = -(-len(described.main) // columns)
    row_inches = _ROW_INCHES if len(rows) <= _FEW else _NARROW_ROW_INCHES
    with drawing_style(file):
        height = lines * (_HEADROOM + row_inches * len(rows))
        figure, panels = new_panels(height, lines, columns, sharey=True)
        for axes, feature in zip(panels.flat, described.main, strict=False):
            draw_boxes(axes, described, feature, rows, shift=0, width=0.5)
            draw_replicates(axes, described, feature, rows, shift=0, size=5)
            axes.set_xlabel(axis_label(described.feature(feature)))
            axes.xaxis.set_major_locator(few_ticks(5))
            axes.margins(x=0.06)
            tidy_axes(axes, grid="x")
        for axes in panels.flat[len(described.main) :]:
            axes.set_visible(False)
        panels[0, 0].set_yticks(range(len(rows)), [row.title for row in rows])
        panels[0, 0].set_ylim(len(rows) - 0.4, -0.6)
        return svg_text(figure)


def draw_boxes(
    axes: Axes,
    described: Described,
    feature: str,
    rows: Sequence[Row],
    *,
    shift: float,
    width: float,
) -> None:
    """Boxes of the middle half of the cells, whiskers over nine tenths; a few cells as dots."""
    table = described.table[described.table["feature"] == feature].set_index("condition")
    found: Any = table.to_dict("index")
    boxed = [n for n, row in enumerate(rows) if found[row.condition]["n_cells"] >= FEWEST_FOR_A_BOX]
    boxes = [_box(found[rows[n].condition]) for n in boxed]
    drawn = axes.bxp(
        boxes, positions=[n + shift for n in boxed], widths=width, orientation="horizontal",
        showfliers=False, showcaps=False, manage_ticks=False, patch_artist=True,
        medianprops={"color": INK, "linewidth": 1.8},
    )  # fmt: skip
    for place, n in enumerate(boxed):
        box: Any = drawn["boxes"][place]
        box.set(facecolor=to_rgba(rows[n].ink, 0.3), edgecolor=rows[n].ink, linewidth=1)
        for whisker in drawn["whiskers"][2 * place : 2 * place + 2]:
            whisker.set(color=rows[n].ink, linewidth=1.2)
    for n, row in enumerate(rows):
        if n not in boxed:
            sample = described.sample
            values = sample.loc[sample["condition"] == row.condition, feature].to_numpy(np.float64)
            axes.plot(values, np.full(values.size, n + shift), "o", ms=4, mfc=row.ink, mec="none",
                      alpha=0.6)  # fmt: skip


def _box(found: dict[str, Any]) -> dict[str, Any]:
    return {
        "med": found["median"], "q1": found["q25"], "q3": found["q75"], "whislo": found["q05"],
        "whishi": found["q95"],
    }  # fmt: skip


def draw_replicates(
    axes: Axes,
    described: Described,
    feature: str,
    rows: Sequence[Row],
    *,
    shift: float,
    size: float,
) -> None:
    """Median of the cells of each replicate, as a diamond."""
    centres = described.centres
    own = centres[(centres["feature"] == feature) & (centres["image"] == "")]
    for n, row in enumerate(rows):
        values = own.loc[own["condition"] == row.condition, "median"].to_numpy(np.float64)
        axes.plot(values, np.full(values.size, n + shift), "D", ms=size, mfc=row.ink, mec="white",
                  mew=1, zorder=4)  # fmt: skip
