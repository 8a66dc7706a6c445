"""Section: which measurements go together, over all cells and by condition."""

from __future__ import annotations

import math
from itertools import combinations

from cellwright.report.exploring.clouds import MANY
from cellwright.report.exploring.heat_map import correlation_map, drawn_features, number_text
from cellwright.report.exploring.pairs import MOST_DOTS, pair_plot, paired
from cellwright.report.exploring.panels import DRAWN_PANELS, most_dots, panel_plot
from cellwright.report.exploring.parts import figure_html
from cellwright.report.exploring.wording import (
    FEWEST_CELLS,
    axis_label,
    feature_name,
)
from cellwright.report.section import Content, Figure, ReportData, Section
from cellwright.report.template import fill
from cellwright.report.wording import counted, joined
from cellwright.stats.describing import Described

__all__ = ["SECTION"]

_FEWEST = 2
_STRONGEST = 5
_BRIGHTNESS = "intensity_mean_corrected_"

_ABOUT = (
    "Rank correlations (Spearman) over all cells, within conditions: cells are ranked among those "
    "of their own condition, so that what a treatment changes makes no correlation. Cells are not "
    "independent, and nothing is tested."
)


def render(data: ReportData) -> Content | None:
    """Heat map, pair plot, scatter plots; None where fewer than two features vary."""
    described = data.described
    if described is None or described.n_cells < FEWEST_CELLS:
        return None
    names = drawn_features(described)
    if len(names) < _FEWEST:
        return None
    svg = correlation_map(described, names, "correlations")
    table = described.correlation.reset_index(names="feature")
    figures = [Figure("correlations", svg, table)]
    first = figure_html(figures[0], _description(described, names), _caption(described, names))
    more = []
    for title, made in (("Pair plot", _pairs(described)), ("Scatter plots", _scatter(described))):
        if made is not None:
            figure, description, caption = made
            figures.append(figure)
            more.append({"title": title, "html": figure_html(figure, description, caption)})
    html = fill("exploring.html.j2", about=_ABOUT, first=first, more=more)
    return Content(html, tuple(figures))


def _description(described: Described, names: list[str]) -> str:
    """The strongest correlations in words, for those who cannot see the figure."""
    pairs = sorted(combinations(names, 2), key=lambda pair: -_strength(described, pair))
    said = [
        f"{feature_name(described.feature(one))} and {feature_name(described.feature(other))} "
        f"{number_text(described.coefficient(one, other))}"
        for one, other in pairs[:_STRONGEST]
    ]
    return f"Heat map of correlations of {len(names)} measurements. Strongest: {'; '.join(said)}."


def _strength(described: Described, pair: tuple[str, str]) -> float:
    value = described.coefficient(*pair)
    return 0.0 if math.isnan(value) else abs(value)


def _caption(described: Described, names: list[str]) -> str:
    said = [
        "Blue: both go up together; orange: one goes down as the other goes up; the fuller the "
        "colour, the closer. The same as numbers above the diagonal. Measurements that are alike "
        "stand together."
    ]
    constant = [name for name in described.numbers if name not in described.varying]
    if constant:
        said.append(f"Too few cells have, or all have the same: {joined(constant, most=4)}.")
    left = len(described.varying) - len(names)
    if left:
        said.append(f"{counted(left, 'more measurement')} in the numbers.")
    return " ".join(said)


def _pairs(described: Described) -> tuple[Figure, str, str] | None:
    names = paired(described)
    if len(names) < _FEWEST:
        return None
    svg = pair_plot(described, names, "pairs")
    table = described.sample[["image", "frame", "label", "condition", *names]]
    by_condition = ""
    if 1 < len(described.conditions) <= MANY:
        by_condition = " of each condition"
    elif len(described.conditions) > MANY:
        by_condition = " of all conditions together, as there are too many for colours"
    caption = (
        f"Dots are an even sample of at most {MOST_DOTS} cells, lines hold the densest half of "
        f"the cells{by_condition}. On the diagonal the distributions, above it the correlation "
        "within conditions."
    )
    shown = joined([feature_name(described.feature(name)) for name in names])
    return Figure("pairs", svg, table), f"Pair plot of {shown}.", caption


def _scatter(described: Described) -> tuple[Figure, str, str] | None:
    """Each condition before all others, in the plane of two features."""
    names = paired(described)
    if len(names) < _FEWEST or len(described.conditions) < _FEWEST:
        return None
    x = names[0]
    bright = [name for name in described.main if name.startswith(_BRIGHTNESS) and name != x]
    y = bright[0] if bright else names[1]
    labels = [axis_label(described.feature(name)) for name in (x, y)]
    cells = described.sample[["image", "frame", "label", "condition", x, y]]
    svg = panel_plot(described, cells, (x, labels[0]), (y, labels[1]), "scatter")
    caption = (
        f"At most {most_dots(described)} cells of each condition, an even sample, before those of "
        "all conditions in grey; lines hold the densest half of the condition's cells."
        f"{left_out_panels(described)}"
    )
    description = f"Scatter plots of {labels[0]} and {labels[1]}, one for each condition."
    return Figure("scatter", svg, cells), description, caption


def left_out_panels(described: Described) -> str:
    """What to say where not every condition has a panel."""
    left = len(described.conditions) - DRAWN_PANELS
    return f" {counted(left, 'more condition')} in the numbers." if left > 0 else ""


SECTION = Section("relations", "Relations", 53, render)
