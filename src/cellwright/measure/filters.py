"""Named rules that leave cells out of a table, and count how many.

A rule is written as on the command line: ``area=50:5000``, ``border``, ``debris=0.25``. Some
have a name of their own (the entry point group ``cellwright.filters``); any other name is
that of a numeric column, which must then lie in a range. A cell whose value is not known
(NaN) does not lie in any range.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cellwright.core import registry
from cellwright.core.columns import Column
from cellwright.core.columns import physical as physical_twins
from cellwright.core.errors import UsageError
from cellwright.measure.feature import Feature

__all__ = ["AREA", "BORDER", "DEBRIS", "SOLIDITY", "Filter", "Rule", "apply_rules", "parse_rule"]

GROUP = "cellwright.filters"

Mask = npt.NDArray[np.bool_]
Range = tuple[float | None, float | None]


@dataclass(frozen=True)
class Filter:
    """A kind of rule.

    Found by the entry point group ``cellwright.filters``; the entry point's name is what a
    user writes.

    Attributes
    ----------
    name
        As in ``--filter NAME=VALUE``.
    version
        Raised whenever the same rule would keep other cells.
    meaning
        What it leaves out, a phrase for the report.
    form
        How it is written, for messages: ``area=LOW:HIGH``.
    parse
        Reads the text after the equals sign (empty if there is none); raises ValueError for
        what it does not understand.
    keep
        Says of each row of one plane's table, with what `parse` gave, whether it stays, (N,).
    """

    name: str
    version: int
    meaning: str
    form: str
    parse: Callable[[str], Any]
    keep: Callable[[pd.DataFrame, Any], Mask]


@dataclass(frozen=True)
class Rule:
    """A filter with its value, ready to be applied.

    Attributes
    ----------
    text
        As it was written, without blanks.
    filter
        The kind.
    value
        What the filter's `parse` made of the text.
    """

    text: str
    filter: Filter
    value: Any

    def keep(self, table: pd.DataFrame) -> Mask:
        """Say of each row of one plane's table whether it stays, (N,).

        Raises
        ------
        UsageError
            If the table lacks what the rule is about.
        """
        return np.asarray(self.filter.keep(table, self.value), dtype=bool)


def parse_rule(text: str) -> Rule:
    """Read a rule such as ``area=50:5000``, ``area_um2=20:``, ``border`` or ``debris=0.25``.

    Raises
    ------
    UsageError
        If there is no such rule or column, or its value makes no sense.

    Examples
    --------
    >>> parse_rule("solidity=0.8:").value
    (0.8, None)
    """
    name, equals, value = (part.strip() for part in text.partition("="))
    kind = _find(name, text)
    try:
        if equals and not value:
            raise ValueError("nothing stands after the equals sign")
        parsed = kind.parse(value)
    except ValueError as error:
        raise UsageError(
            f"the rule {text!r} cannot be read: {error}", remedy=f"write it like {kind.form}"
        ) from error
    return Rule(name + equals + value, kind, parsed)


def apply_rules(table: pd.DataFrame, rules: Sequence[Rule]) -> tuple[Mask, dict[str, int]]:
    """Say which cells all rules keep, and how many each rule left out.

    Parameters
    ----------
    table
        Of one plane, as `measure_plane` gives it.
    rules
        Each sees the whole table; a cell that several leave out counts for the first.

    Returns
    -------
    tuple
        Mask of the rows that stay, (N,), and the number left out by the text of each rule.

    Raises
    ------
    UsageError
        If the table lacks what a rule is about: a column in micrometres without a pixel size.

    Examples
    --------
    >>> table = pd.DataFrame({"area_px": [3.0, 80.0, 90.0], "touches_border": [True, True, False]})
    >>> keep, removed = apply_rules(table, [parse_rule("area=50:"), parse_rule("border")])
    >>> keep.tolist(), removed
    ([False, False, True], {'area=50:': 1, 'border': 1})
    """
    keep = np.ones(len(table), bool)
    removed: dict[str, int] = {}
    for rule in rules:
        stays = rule.keep(table)
        removed[rule.text] = removed.get(rule.text, 0) + int(np.count_nonzero(keep & ~stays))
        keep &= stays
    return keep, removed


def _find(name: str, text: str) -> Filter:
    known = registry.entries(GROUP)
    if name in known:
        found = registry.find(GROUP, name)
        if not isinstance(found, Filter):
            raise UsageError(
                f"the entry point {name!r} in {GROUP} is no Filter but a {type(found).__name__}",
                remedy="update or uninstall the package that brings it",
            )
        return found
    column = _numeric_column(name)
    if column is None:
        raise UsageError(
            f"there is no filter or column {name!r}" + (f" (in {text!r})" if name != text else ""),
            remedy=f"choose {', '.join(known)}, or a column such as area_um2 or feret_max_px",
        )
    return _range_filter(name, name, f"cells with {name} outside the range")


def _numeric_column(name: str) -> Column | None:
    features: dict[str, Feature] = registry.load_all("cellwright.features")
    for feature in features.values():  # also those on request
        for column in (*feature.columns, *physical_twins(feature.columns)):
            before, channel, after = column.name.partition("{channel}")
            pattern = re.escape(before) + (".+" if channel else "") + re.escape(after)
            if column.dtype in {"float64", "int64"} and re.fullmatch(pattern, name):
                return column
    return None


def _range_filter(name: str, column: str, meaning: str) -> Filter:
    return Filter(
        name, 1, meaning, f"{name}=LOW:HIGH", _parse_range, partial(_within, column=column)
    )


def _parse_range(text: str) -> Range:
    low, colon, high = text.partition(":")
    if not colon:
        raise ValueError("a range has a colon between its ends, of which one may be left out")
    ends = (_number(low), _number(high))
    if ends == (None, None):
        raise ValueError("the range has no end")
    if ends[0] is not None and ends[1] is not None and ends[0] > ends[1]:
        raise ValueError("the lower end is above the upper one")
    return ends


def _number(text: str) -> float | None:
    if not text.strip():
        return None
    number = float(text)
    if not np.isfinite(number):
        raise ValueError(f"{text} is not a finite number")
    return number


def _parse_nothing(text: str) -> None:
    if text:
        raise ValueError("it takes no value")


def _parse_share(text: str) -> float:
    share = _number(text)
    if share is None or not 0 < share < 1:
        raise ValueError("it takes a number between 0 and 1")
    return share


def _within(table: pd.DataFrame, ends: Range, *, column: str) -> Mask:
    values = _column_of(table, column)
    low, high = ends
    keep: Mask = ~np.isnan(values)
    if low is not None:
        keep &= values >= low
    if high is not None:
        keep &= values <= high
    return keep


def _inside_picture(table: pd.DataFrame, _: None) -> Mask:
    return np.asarray(_column_of(table, "touches_border") == 0)


def _not_debris(table: pd.DataFrame, share: float) -> Mask:
    area = _column_of(table, "area_px")
    return np.asarray(area >= share * (np.median(area) if len(area) else 0.0))


def _column_of(table: pd.DataFrame, name: str) -> npt.NDArray[np.float64]:
    """Values of a column (N,); an error, with what to do, where it is missing or empty."""
    in_micrometres = name.endswith(("_um", "_um2", "_per_mm2"))
    if name not in table:
        if in_micrometres:
            raise UsageError(
                f"a filter is about {name!r}, but the picture has no pixel size",
                remedy="give --pixel-size, or filter by the column in pixels",
            )
        raise UsageError(
            f"a filter is about {name!r}, a column that the table does not have",
            remedy="it has " + ", ".join(map(str, table.columns)),
        )
    values = table[name].to_numpy(dtype=np.float64)
    # A lone cell has no neighbour, so a NaN alone proves nothing: its twin in pixels does.
    twin = name.removesuffix("_um") + "_px"
    if in_micrometres and len(values) and np.isnan(values).all() and not _unknown(table, twin):
        raise UsageError(
            f"a filter is about {name!r}, but the picture's pixels are not square, or their size "
            "is not known",
            remedy="give --pixel-size, or filter by the column in pixels",
        )
    return values


def _unknown(table: pd.DataFrame, name: str) -> bool:
    return name in table and bool(table[name].isna().all())


AREA = _range_filter("area", "area_px", "cells with an area in pixels outside the range")
BORDER = Filter(
    "border", 1, "cells that touch the picture's border", "border", _parse_nothing, _inside_picture
)
SOLIDITY = _range_filter("solidity", "solidity", "cells with a solidity outside the range")
DEBRIS = Filter(
    "debris",
    1,
    "cells smaller than this share of the picture's median area",
    "debris=0.25",
    _parse_share,
    _not_debris,
)
