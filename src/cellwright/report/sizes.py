"""How large the cells are: their distribution by condition, with the pictures' medians on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from cellwright.report.drawing import (
    DRAWN_AS_PIXELS,
    INK,
    colours,
    drawing_style,
    new_drawing,
    page_svg,
    svg_text,
    tidy_axes,
)
from cellwright.report.groups import (
    condition_name,
    conditions,
    measured_pictures,
    replicate_means,
)
from cellwright.report.section import Content, Figure, ReportData, Section
from cellwright.report.table import Heading, count_cell, number_cell, table, text_cell
from cellwright.report.template import Markup, fill
from cellwright.report.wording import between, counted, quantity, visible

__all__ = ["SECTION", "density"]

DRAWN_CONDITIONS = 24
"""More rows than this do not fit on a screen; all are in the table and the CSV."""
FEWEST_FOR_A_CURVE = 5
"""Below this a smooth curve would claim more than the cells can say."""
_SHOWN_QUANTILE = 0.995  # a few merged clumps would squeeze all others to the left
_GRID = 160
_ROW_INCHES = 0.95
_CURVE_HEIGHT = 0.86  # of a row

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Size:
    """The column that is shown, how to call it, and its unit."""

    column: str
    title: str
    unit: str


_PHYSICAL = Size("equivalent_diameter_um", "Equivalent diameter", "µm")
_PIXELS = Size("equivalent_diameter_px", "Equivalent diameter", "px")
_AREA_PHYSICAL = Size("area_um2", "Area", "µm²")
_AREA_PIXELS = Size("area_px", "Area", "px²")


def render(data: ReportData) -> Content | None:
    """Two figures and a table; None where there are no sizes."""
    cells = _cells_with_design(data)
    size = _choose(cells)
    if size is None:
        return None
    known = cells[cells[size.column].notna()].rename(columns={size.column: "value"})
    names = conditions(known)
    medians = picture_medians(known)
    curves = {name: density(_values(known, name)) for name in names}
    svg = _draw(known, medians, curves, names[:DRAWN_CONDITIONS], size)
    shares = _shares(known, names)
    cumulative = _draw_shares(shares, names[:DRAWN_CONDITIONS], size)
    html = fill(
        "sizes.html.j2",
        distribution=page_svg(svg, "sizes", _description(known, names, size)),
        cumulative=page_svg(
            cumulative,
            "sizes-cumulative",
            f"Share of cells up to each {size.title.lower()}, one curve a condition.",
        ),
        table=_summary(data, known, medians, names, size),
        caption=_caption(data, cells, known, size),
    )
    figures = (
        Figure("sizes", svg, _table_of_figure(medians, curves, size)),
        Figure("sizes_cumulative", cumulative, shares.rename(columns={"value": size.column})),
    )
    return Content(html, figures)


def _cells_with_design(data: ReportData) -> pd.DataFrame:
    """The cells of measured pictures, with their picture's condition and replicate."""
    pictures = measured_pictures(data)
    design = pictures[["image", "condition", "replicate"]].drop_duplicates("image")
    if "image" not in data.cells or not len(data.cells):
        return pd.DataFrame({"image": [], "condition": [], "replicate": []})
    sizes = [s.column for s in (_PHYSICAL, _PIXELS, _AREA_PHYSICAL, _AREA_PIXELS)]
    kept = data.cells[["image", *(name for name in sizes if name in data.cells)]]
    kept = kept.assign(image=kept["image"].astype(str))
    merged = design.merge(kept, on="image", how="inner", sort=False)
    return merged.replace([np.inf, -np.inf], np.nan)


def _choose(cells: pd.DataFrame) -> Size | None:
    """Micrometres as soon as any picture has them, diameters before areas."""
    for size in (_PHYSICAL, _AREA_PHYSICAL, _PIXELS, _AREA_PIXELS):
        if size.column in cells and cells[size.column].notna().any():
            return size
    return None


def _values(cells: pd.DataFrame, condition: str) -> Numbers:
    return cells.loc[cells["condition"] == condition, "value"].to_numpy(np.float64)


def picture_medians(cells: pd.DataFrame) -> pd.DataFrame:
    """Median of the cells of each picture: ``image, condition, replicate, n_cells, median``."""
    grouped = cells.groupby(["image", "condition", "replicate"], sort=False)["value"]
    return grouped.agg(n_cells="count", median="median").reset_index()


def density(values: Numbers) -> tuple[Numbers, Numbers]:
    """Smooth distribution of `values`: a Gaussian kernel over a fine histogram.

    The width of the kernel is Silverman's rule of thumb, 0.9 min(sd, IQR / 1.34) n^(-1/5)
    (Silverman, Density Estimation for Statistics and Data Analysis, 1986, eq. 3.31).

    Parameters
    ----------
    values
        Finite numbers, any order.

    Returns
    -------
    tuple
        Positions and density; the density has an integral of 1. Both are empty below five
        values, or where all are the same.

    Examples
    --------
    >>> x, y = density(np.array([1.0, 2.0, 2.0, 2.5, 3.0, 4.0]))
    >>> round(float(np.sum(y) * (x[1] - x[0])), 6)
    1.0
    """
    none: Numbers = np.empty(0)
    if len(values) < FEWEST_FOR_A_CURVE:
        return none, none
    quartiles = np.percentile(values, [25, 75])
    widths = [float(np.std(values, ddof=1)), float(quartiles[1] - quartiles[0]) / 1.34]
    least = 1e-9 * float(np.abs(values).max())  # less is rounding: the values are the same
    width = 0.9 * min(w for w in [*widths, np.inf] if w > least) * len(values) ** -0.2
    if not np.isfinite(width):
        return none, none
    reach = 4 * width
    low, high = float(values.min()) - reach, float(values.max()) + reach
    # At least eight bins in a kernel's width, or the histogram's steps would show.
    n = int(np.clip((high - low) / width * 8, _GRID, 4096))
    counts, edges = np.histogram(values, bins=n, range=(low, high))
    step = edges[1] - edges[0]
    half = int(np.ceil(reach / step))
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) * step / width) ** 2)
    smooth = np.convolve(
        counts, kernel / kernel.sum(), mode="same" if n >= 2 * half + 1 else "full"
    )
    smooth = smooth[(len(smooth) - n) // 2 :][:n]
    return (edges[:-1] + edges[1:]) / 2, smooth / (smooth.sum() * step)


def _upper(cells: pd.DataFrame) -> float:
    values = cells["value"].to_numpy(np.float64)
    return float(np.quantile(values, _SHOWN_QUANTILE)) if len(values) > 200 else float(values.max())


def _draw(
    cells: pd.DataFrame,
    medians: pd.DataFrame,
    curves: dict[str, tuple[Numbers, Numbers]],
    names: tuple[str, ...],
    size: Size,
) -> str:
    of_replicates = replicate_means(medians, "median")
    highest = max((float(y.max()) for _, y in curves.values() if len(y)), default=1.0)
    many = len(medians) > DRAWN_AS_PIXELS
    with drawing_style("sizes"):
        figure, axes = new_drawing(0.75 + _ROW_INCHES * len(names))
        for row, (name, colour) in enumerate(zip(names, colours(len(names)), strict=True)):
            x, y = curves[name]
            if len(x):
                top = row - _CURVE_HEIGHT * y / highest
                axes.fill_between(x, row, top, color=colour, alpha=0.22, lw=0)
                axes.plot(x, top, color=colour, lw=1.5)
            here = np.sort(medians.loc[medians["condition"] == name, "median"])
            below = row + 0.055
            axes.plot(here, np.full(len(here), below), "|", ms=9, mew=1.4, color=colour,
                      alpha=0.65, rasterized=many)  # fmt: skip
            middle = float(np.median(_values(cells, name)))
            axes.plot([middle, middle], [row, row - 0.32], color=INK, lw=1.8)
            means = of_replicates.loc[of_replicates["condition"] == name, "mean"].to_numpy()
            axes.plot(means, np.full(len(means), below), "D", ms=8, mfc=colour, mec="white",
                      mew=1.2, zorder=4)  # fmt: skip
        known = conditions(cells)
        axes.set_yticks(range(len(names)),
                        [visible(condition_name(name, known), 30) for name in names])  # fmt: skip
        axes.set_ylim(len(names) - 0.72, -1.0)
        axes.set_xlim(0, 1.03 * _upper(cells))
        axes.set_xlabel(f"{size.title.lower()} ({size.unit})")
        tidy_axes(axes, grid="x")
        return svg_text(figure)


def _shares(cells: pd.DataFrame, names: tuple[str, ...]) -> pd.DataFrame:
    """The cumulative distribution of each condition, at every half percent."""
    steps = np.linspace(0, 1, 201)
    tables = [
        pd.DataFrame(
            {
                "condition": name,
                "share_of_cells": steps,
                "value": np.quantile(_values(cells, name), steps),
            }
        )
        for name in names
    ]
    return pd.concat(tables, ignore_index=True)


def _draw_shares(shares: pd.DataFrame, names: tuple[str, ...], size: Size) -> str:
    upper = float(shares.loc[shares["share_of_cells"] <= _SHOWN_QUANTILE, "value"].max())
    with drawing_style("sizes-cumulative"):
        figure, axes = new_drawing(3.6)
        for name, colour in zip(names, colours(len(names)), strict=True):
            curve = shares[shares["condition"] == name]
            axes.plot(curve["value"], 100 * curve["share_of_cells"], color=colour, lw=2,
                      alpha=1.0 if len(names) <= 6 else 0.45,
                      label=visible(condition_name(name, names), 30))  # fmt: skip
        if 1 < len(names) <= 6:
            axes.legend(frameon=False, loc="lower right", handlelength=1.6)
        axes.set_xlim(0, 1.03 * upper if upper > 0 else 1.0)
        axes.set_ylim(0, 101)
        axes.set_xlabel(f"{size.title.lower()} ({size.unit})")
        axes.set_ylabel("cells up to this size (%)")
        tidy_axes(axes, grid="both")
        return svg_text(figure)


def _description(cells: pd.DataFrame, names: tuple[str, ...], size: Size) -> str:
    said = [
        f"{visible(condition_name(name, names), 30)}: median "
        f"{quantity(np.median(_values(cells, name)))} {size.unit} of "
        f"{counted(len(_values(cells, name)), 'cell')}"
        for name in names[:12]
    ]
    return f"Distribution of the {size.title.lower()} by condition. " + "; ".join(said) + "."


def _caption(data: ReportData, cells: pd.DataFrame, known: pd.DataFrame, size: Size) -> str:
    replicated = bool((known["replicate"] != "").any())
    diamonds = ", each diamond the mean of a replicate's pictures" if replicated else ""
    said = [
        f"{size.title} in {size.unit}. Each curve is the distribution of the cells of a "
        f"condition, its line their median; each tick is the median of a picture{diamonds}.",
        "Cells of one picture are not independent: n is the number of replicates, not of cells.",
    ]
    if len(data.cells) < data.n_cells:
        said.append(
            f"Drawn from an even sample of {len(data.cells):,} of {counted(data.n_cells, 'cell')}."
        )
    upper = _upper(known)
    beyond = int((known["value"] > upper).sum())
    if beyond:
        said.append(
            f"The axis ends near {quantity(upper)} {size.unit}: {counted(beyond, 'cell')} beyond "
            "are not drawn, but count in every number."
        )
    without = len(cells) - len(known)
    if without:
        verb = "is" if without == 1 else "are"
        said.append(f"{counted(without, 'cell')} without a size in {size.unit} {verb} left out.")
    left_out = known["condition"].nunique() - DRAWN_CONDITIONS
    if left_out > 0:
        said.append(f"{counted(left_out, 'more condition')} in the table below.")
    return " ".join(said)


def _table_of_figure(
    medians: pd.DataFrame, curves: dict[str, tuple[Numbers, Numbers]], size: Size
) -> pd.DataFrame:
    """Everything drawn, in long form: the curves, the pictures' medians, replicate means."""
    parts = [
        pd.DataFrame({"shown": "curve", "condition": name, size.column: x, "density": y})
        for name, (x, y) in curves.items()
        if len(x)
    ]
    pictures = medians.rename(columns={"median": size.column}).assign(shown="picture median")
    replicates = replicate_means(medians, "median").rename(columns={"mean": size.column})
    parts += [pictures, replicates.assign(shown="replicate mean of picture medians")]
    columns = ["shown", "condition", "replicate", "image", "n_cells", size.column, "density"]
    return pd.concat([part for part in parts if len(part)], ignore_index=True).reindex(
        columns=columns
    )


def _summary(
    data: ReportData, cells: pd.DataFrame, medians: pd.DataFrame, names: tuple[str, ...], size: Size
) -> Markup:
    headings = (
        Heading("Condition"),
        Heading("Replicates (n)", "number"),
        Heading("Pictures", "number"),
        Heading("Cells shown" if len(data.cells) < data.n_cells else "Cells", "number"),
        Heading(f"Median, {size.unit}", "number"),
        Heading(f"Middle half of cells, {size.unit}", "number"),
        Heading(f"Picture medians, {size.unit}", "number"),
    )
    rows = []
    for name in names:
        values = _values(cells, name)
        low, middle, high = np.percentile(values, [25, 50, 75])
        here = medians[medians["condition"] == name]
        rows.append(
            (
                text_cell(condition_name(name, names), longest=40),
                count_cell(here.loc[here["replicate"] != "", "replicate"].nunique() or None),
                count_cell(len(here)),
                count_cell(len(values)),
                number_cell(middle),
                text_cell(between(low, high)),
                text_cell(between(here["median"].min(), here["median"].max())),
            )
        )
    return table("sizes-table", f"{size.title} by condition", headings, rows)


SECTION = Section("sizes", "Sizes", 50, render)
