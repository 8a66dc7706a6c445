"""Plates as they stand on the bench: cells and sizes of each well, in the plate's layout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from cellwright.io.pattern import well_at
from cellwright.report.drawing import (
    GRID,
    INK,
    WIDTH,
    drawing_style,
    page_svg,
    svg_text,
)
from cellwright.report.plate_wells import (
    AREAS,
    figure_name,
    layout_of,
    placed_pictures,
    wells_table,
)
from cellwright.report.section import Content, Figure, ReportData, Section
from cellwright.report.template import Markup, fill
from cellwright.report.wording import counted, quantity, visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["SECTION"]

DRAWN_PLATES = 12
"""More plates make a page that nobody scrolls through; the others are in images.csv."""

COUNT = "mean_cells_per_picture"
_COLOURS = "viridis"
"""Ordered alike in grey and for all kinds of colour vision (Smith and van der Walt, 2015)."""
_SHADES = 64  # more are not told apart, and make the file larger
_LABELLED = 12  # labels along an axis; a plate with more columns has every second or fourth
_HEADROOM = 0.9  # inches for labels and the colour scale
_SIDE = 0.92  # of the square of a well; the rest is the gap to the next
_DRAWN_SHARP = 16  # rows; the squares of larger plates are kept as a picture
_MARK = {4: 9.0, 8: 7.0, 16: 4.0, 32: 2.2}  # size in points of a cross, by rows of the plate


def render(data: ReportData) -> Content | None:
    """One figure a plate; None where no picture has a well."""
    placed = placed_pictures(data)
    if not len(placed):
        return None
    movie = bool((placed["frames"] > 1).any())
    figures: list[Figure] = []
    shown = []
    names = list(dict.fromkeys(placed["plate"]))
    for plate in names[:DRAWN_PLATES]:
        table = wells_table(placed[placed["plate"] == plate])
        name = figure_name(plate, [figure.name for figure in figures])
        svg = _draw(table, name, movie=movie)
        figures.append(Figure(name, svg, table))
        title = visible(plate, 60) or "Plate"
        shown.append(
            {
                "name": name,
                "title": title if len(names) > 1 or plate else "",
                "drawing": page_svg(svg, name, _description(title, table)),
                "caption": _caption(table),
            }
        )
    html = fill("plate.html.j2", plates=shown, about=_about(names, movie=movie))
    return Content(Markup(html), tuple(figures))


def _draw(table: pd.DataFrame, name: str, *, movie: bool) -> str:
    from matplotlib.figure import Figure as Drawing

    rows, columns = layout_of(table)
    area = next((column for column in AREAS if table[column].notna().any()), "")
    titles = {COUNT: "mean cells per frame" if movie else "mean cells per picture"}
    if area:
        titles[area] = f"median area ({'µm²' if area.endswith('um2') else 'px²'})"
    panels = len(titles)
    height = WIDTH / 2 * rows / columns + _HEADROOM
    with drawing_style(name):
        figure = Drawing(figsize=(WIDTH, height), layout="constrained")
        for number, (column, title) in enumerate(titles.items()):
            axes = figure.add_subplot(1, max(panels, 2), number + 1)
            _draw_wells(axes, table, column, title, (rows, columns))
        return svg_text(figure)


def _draw_wells(
    axes: Axes, table: pd.DataFrame, column: str, title: str, layout: tuple[int, int]
) -> None:
    """One heat map: wells with pictures filled, others empty, a cross where pictures failed."""
    from matplotlib import colormaps
    from matplotlib.collections import PolyCollection
    from matplotlib.colors import Normalize

    rows, columns = layout
    known = table[np.isfinite(table[column].to_numpy(np.float64))]
    has = np.zeros(layout, bool)
    has[known["row"] - 1, known["column"] - 1] = True
    missing = np.argwhere(~has) + 1
    many = rows > _DRAWN_SHARP
    line = 0.15 if many else 0.6
    axes.add_collection(
        PolyCollection(_squares(missing[:, 0], missing[:, 1]), facecolor="none", edgecolor=GRID,
                       linewidth=line, rasterized=many)
    )  # fmt: skip
    values = known[column].to_numpy(np.float64)
    wells = PolyCollection(
        _squares(known["row"].to_numpy(), known["column"].to_numpy()),
        array=values,
        cmap=colormaps[_COLOURS].resampled(_SHADES),
        norm=Normalize(0.0, float(values.max()) if values.any() else 1.0),
        linewidth=0,
        rasterized=many,
    )
    axes.add_collection(wells)
    failed = table[table["n_failed"] > 0]
    for colour, mark in (("white", 2.6), (INK, 1.1)):
        axes.plot(failed["column"], failed["row"], "x", color=colour, ms=_MARK[rows],
                  mew=mark * (0.5 if many else 1.0))  # fmt: skip
    axes.set_aspect("equal")
    axes.set_xlim(0.5, columns + 0.5)
    axes.set_ylim(rows + 0.5, 0.5)
    step_x, step_y = -(-columns // _LABELLED), -(-rows // (_LABELLED + 4))
    axes.set_xticks(range(1, columns + 1, step_x), [str(n) for n in range(1, columns + 1, step_x)])
    axes.set_yticks(
        range(1, rows + 1, step_y), [well_at(n, 1)[:-2] for n in range(1, rows + 1, step_y)]
    )
    axes.xaxis.tick_top()
    axes.tick_params(length=0, labelsize=8)
    for side in axes.spines.values():
        side.set_visible(False)
    bar = axes.figure.colorbar(wells, ax=axes, orientation="horizontal", shrink=0.8, aspect=30)
    bar.set_label(title)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=2, labelsize=8)


def _squares(
    rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64]
) -> list[npt.NDArray[np.float64]]:
    """Corners of the square of each well, a little apart."""
    half = _SIDE / 2
    corners = np.array([(-half, -half), (half, -half), (half, half), (-half, half)])
    centres = np.stack([columns, rows], axis=-1).astype(np.float64)
    return list(centres[:, None, :] + corners)


def _description(title: str, table: pd.DataFrame) -> str:
    known = table.dropna(subset=[COUNT])
    text = f"Heat map of {title}: {counted(len(table), 'well')}"
    if not len(known):
        return text + ", none of them measured."
    most = known.iloc[int(known[COUNT].to_numpy().argmax())]
    least = known.iloc[int(known[COUNT].to_numpy().argmin())]
    return (
        f"{text}. Most cells per picture in {most['well']} ({quantity(most[COUNT])}), fewest in "
        f"{least['well']} ({quantity(least[COUNT])})."
    )


def _caption(table: pd.DataFrame) -> str:
    said = [
        f"{counted(len(table), 'well')}, {counted(table['n_pictures'].sum(), 'picture')}, "
        f"{counted(table['n_cells'].sum(), 'cell')}."
    ]
    failed = int(table["n_failed"].sum())
    if failed:
        wells = int((table["n_failed"] > 0).sum())
        said.append(
            f"A cross marks {counted(wells, 'well')} with {counted(failed, 'picture')} that failed."
        )
    return " ".join(said)


def _about(names: list[str], *, movie: bool) -> str:
    of = "frame" if movie else "picture"
    text = (
        f"Each square is a well: left the mean number of cells per {of}, right the median over its "
        "pictures of the median area of their cells. Wells without pictures are empty. Colours "
        "start at zero."
    )
    left = len(names) - DRAWN_PLATES
    if left > 0:
        text += f" {counted(left, 'more plate is', 'more plates are')} not drawn; see images.csv."
    return text


SECTION = Section("plate", "Plates", 55, render)
