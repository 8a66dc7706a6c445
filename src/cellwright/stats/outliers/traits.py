"""By what a cell is judged: its shape, or what a person names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from cellwright.core.columns import Column, physical
from cellwright.core.errors import UsageError
from cellwright.measure.table import installed_features

__all__ = ["Trait", "traits_of"]

_FAMILIES = ("shape", "hull")
"""Families of measurements that say what shape a cell has."""
_FEWEST = 2


@dataclass(frozen=True)
class Trait:
    """A feature by which cells are judged.

    Attributes
    ----------
    name
        Of the column.
    unit
        For a reader.
    is_bounded
        Whether there is a largest value, so that a logarithm makes no sense.
    """

    name: str
    unit: str = ""
    is_bounded: bool = False


def traits_of(cells: pd.DataFrame, wanted: Sequence[str] = ()) -> list[Trait]:
    """Choose the columns by which cells are judged.

    Parameters
    ----------
    cells
        The table.
    wanted
        Names; by default all declared measures of shape that are there, in micrometres where
        they are known of every cell.

    Raises
    ------
    UsageError
        If one is not there or holds no numbers, or there are none.
    """
    declared = {one.name: one for one in _declared()}
    if not wanted:
        names = [name for name in _usual(cells) if _has_numbers(cells[name])]
        if len(names) < _FEWEST:
            raise UsageError(
                "the table has no measures of shape that cells could be judged by",
                remedy="name columns with --features, or map them with --rename area=area_px",
            )
        return [_trait(declared[name]) for name in names]
    for name in wanted:
        if name not in cells or not _has_numbers(cells[name]):
            raise UsageError(
                f"there is no column {name!r} of numbers that cells could be judged by",
                remedy=f"the columns are {', '.join(map(str, cells.columns[:20]))}",
            )
    return [_trait(declared[name]) if name in declared else Trait(name) for name in wanted]


def _declared() -> Iterable[Column]:
    """Measures of shape, and their twins in micrometres."""
    families = installed_features()
    for name in _FAMILIES:
        for column in families[name].columns:
            if column.comparable and not column.circular:
                yield column
                yield from physical([column])


def _usual(cells: pd.DataFrame) -> Iterable[str]:
    families = installed_features()
    for name in _FAMILIES:
        for column in families[name].columns:
            if not column.comparable or column.circular:
                continue
            twin = next((one.name for one in physical([column])), None)
            if twin in cells and cells[twin].notna().all():
                yield str(twin)
            elif column.name in cells:
                yield column.name


def _has_numbers(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column.dtype) and bool(column.notna().any())


def _trait(column: Column) -> Trait:
    return Trait(column.name, column.unit, column.bounds[1] is not None)
