"""Figures: the share of odd cells by condition, and all cells on one map."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cellwright.report.drawing import (
    INK,
    MUTED,
    dots,
    drawing_style,
    evenly,
    new_drawing,
    page_svg,
    svg_text,
    tidy_axes,
)
from cellwright.report.odd_cells.data import OddPage
from cellwright.report.section import Figure
from cellwright.report.template import Markup, fill
from cellwright.report.wording import visible

__all__ = ["cell_map", "shares"]

_BLUE = "#0072B2"
_ROW_INCHES, _MOST_CONDITIONS, _LONGEST = 0.5, 24, 30
_MOST_CELLS = 6000
"""Usual cells on the map: an even sample of more."""


def shares(page: OddPage) -> tuple[Markup, Figure] | None:
    """Replicates as dots, the stated rate as a line; None where nothing was judged."""
    judged = page.table[page.table["p"].notna()]
    names = [one.name for one in page.shares.design.conditions][:_MOST_CONDITIONS]
    by = ["condition", "replicate"]
    table = judged.groupby(by, sort=False)["is_outlier"].agg(["sum", "size"]).reset_index()
    if not len(table):
        return None
    table["share"] = 100 * table["sum"] / table["size"]
    with drawing_style("odd_shares"):
        figure, axes = new_drawing(0.9 + _ROW_INCHES * len(names))
        axes.axvline(100 * page.rate, color=INK, lw=1, ls="--")
        for row, name in enumerate(names):
            own = table.loc[table["condition"] == name, "share"]
            axes.plot(own, np.full(len(own), row), "D", ms=7, mfc=_BLUE, mec="white", mew=1)
            if len(own):
                axes.plot([own.mean(), own.mean()], [row - 0.3, row + 0.3], color=INK, lw=1.8)
        axes.set_yticks(range(len(names)), [visible(name, _LONGEST) for name in names])
        axes.set_ylim(len(names) - 0.45, -0.55)
        axes.set_xlim(0, max(1.15 * float(table["share"].max()), 120 * page.rate))
        axes.set_xlabel("odd cells, %")
        tidy_axes(axes, grid="x")
        svg = svg_text(figure)
    caption = (
        "Share of odd cells: each mark is a replicate, the line their mean, the broken line the "
        "rate of false alarms that was asked for."
    )
    means = table.groupby("condition", sort=False)["share"].mean()
    said = "; ".join(f"{visible(name, 30)} {share:.1f} %" for name, share in means.items())
    drawing = page_svg(svg, "odd_shares", f"Share of odd cells by condition. {said}.")
    html = fill("answer_figure.html.j2", drawing=drawing, caption=caption, name="odd_shares")
    kept = table.rename(columns={"sum": "n_outliers", "size": "n_judged", "share": "percent"})
    return html, Figure("odd_shares", svg, kept)


def cell_map(page: OddPage) -> tuple[Markup, Figure] | None:
    """All cells in the plane in which reference cells vary most, odd ones in blue."""
    known = np.isfinite(page.places).all(axis=1)
    if not known.any():
        return None
    odd = page.table["is_outlier"].to_numpy(bool)
    usual = np.flatnonzero(known & ~odd)
    usual = usual[evenly(usual.size, _MOST_CELLS)]
    unlike = np.flatnonzero(known & odd)[:_MOST_CELLS]
    with drawing_style("odd_map"):
        figure, axes = new_drawing(5.4)
        for rows, ink, size, label in (
            (usual, MUTED, 2.4, "usual"), (unlike, _BLUE, 4.0, "odd"),
        ):  # fmt: skip
            dots(axes, page.places[rows, 0], page.places[rows, 1], ink, size=size, alpha=0.55,
                 label=label)  # fmt: skip
        axes.set_xlabel("first direction in which usual cells vary")
        axes.set_ylabel("second")
        tidy_axes(axes, grid="both")
        figure.legend(loc="outside upper left", ncols=2, frameon=False, markerscale=2)
        svg = svg_text(figure)
    rows = np.sort(np.concatenate([usual, unlike]))
    table = pd.DataFrame(page.places[rows], columns=["first", "second"])
    table = page.table.iloc[rows][["image", "frame", "label", "condition", "is_outlier"]].assign(
        first=table["first"].to_numpy(), second=table["second"].to_numpy()
    )
    by = "how they look (normal scores of all aspects" if page.by_looks else (
        "shape (normal scores of all features"
    )  # fmt: skip
    caption = (
        f"Cells by {by}, principal directions of the reference). "
        "What is odd only in other directions lies among the usual ones here."
    )
    drawing = page_svg(svg, "odd_map", f"Map of {len(rows):,} cells, {unlike.size:,} of them odd.")
    html = fill("answer_figure.html.j2", drawing=drawing, caption=caption, name="odd_map")
    return html, Figure("odd_map", svg, table.reset_index(drop=True))
