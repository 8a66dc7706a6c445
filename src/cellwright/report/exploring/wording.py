"""What features and conditions are called in figures of all cells."""

from __future__ import annotations

import re
from dataclasses import dataclass

from matplotlib.ticker import MaxNLocator

from cellwright.report.drawing import colours
from cellwright.report.groups import condition_name
from cellwright.report.wording import visible
from cellwright.stats.describing import Described
from cellwright.stats.features import Feature

__all__ = [
    "DRAWN_CONDITIONS",
    "FEWEST_CELLS",
    "NOT_N",
    "UNITLESS",
    "Row",
    "axis_label",
    "condition_names",
    "feature_name",
    "few_ticks",
    "rows_of",
]

NOT_N = "Cells of one picture are not independent: n is the number of replicates, not of cells."

FEWEST_CELLS = 30
"""Below this there is no distribution to look at, and nothing to go together."""
DRAWN_CONDITIONS = 16
"""More rows than this do not fit on a screen; all are in the table and the CSV."""
_UNIT_IN_NAME = re.compile("_(px|um|um2|per_mm2|per_mpx)$")
UNITLESS = ("", "1")
_LONGEST = 40


def feature_name(feature: Feature) -> str:
    """The name of a feature in words: that of its column without what its unit repeats.

    Examples
    --------
    >>> feature_name(Feature("nearest_neighbour_um", "nearest_neighbour_um", "cells", "µm"))
    'nearest neighbour'
    """
    return visible(_UNIT_IN_NAME.sub("", feature.name).replace("_", " "), _LONGEST)


def axis_label(feature: Feature) -> str:
    """Name and unit, as they stand at an axis.

    Examples
    --------
    >>> axis_label(Feature("area_um2", "area_um2", "cells", "µm²"))
    'area (µm²)'
    """
    unit = "" if feature.unit in UNITLESS else f" ({visible(feature.unit)})"
    return feature_name(feature) + unit


def condition_names(described: Described, longest: int = 30) -> dict[str, str]:
    """What each condition is called in a figure, in their order."""
    known = described.conditions
    return {name: visible(condition_name(name, known), longest) for name in known}


def few_ticks(most: int) -> MaxNLocator:
    """Where an axis is labelled: at round numbers, whole ones where they are near enough."""
    return MaxNLocator(most, steps=[1, 2, 4, 5, 10])


@dataclass(frozen=True)
class Row:
    """A condition in a figure: what it is called there, and its colour."""

    condition: str
    title: str
    ink: str


def rows_of(described: Described, longest: int = 30) -> list[Row]:
    """The conditions that are drawn, in their order."""
    names = list(condition_names(described, longest).items())[:DRAWN_CONDITIONS]
    return [
        Row(name, title, ink) for (name, title), ink in zip(names, colours(len(names)), strict=True)
    ]
