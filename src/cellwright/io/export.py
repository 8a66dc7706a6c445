"""What is exported: cells, pictures and replicates of an experiment, each column explained."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from cellwright.core.columns import Column

__all__ = ["KEYS", "CellColumn", "Export", "ExportFormat", "tidied"]

KEYS = ("condition", "replicate", "compound", "dose", "dose_unit", "role", "total_cells")
"""Columns of `Export.replicates` before the features."""


@dataclass(frozen=True)
class CellColumn:
    """A feature of cells.

    Attributes
    ----------
    declared
        Name, unit and meaning.
    column
        Of the table of cells, in which it is.
    counted
        For a share: which value of the column counts as 1, all others as 0; None for a number.
    """

    declared: Column
    column: str
    counted: str | None = None


@dataclass(frozen=True, eq=False)
class Export:
    """An experiment, ready to be written in any format.

    Attributes
    ----------
    cells
        One row a cell: what tells it from all others, of what it is, what was measured; text
        without gaps (empty where not known), numbers with NaN.
    columns
        Of `cells`, in its order, with unit and meaning.
    features
        Columns of `cells` that may be compared.
    pictures
        One row a picture.
    conditions
        One row a condition: role, dose, how many there are of each level.
    replicates
        One row a condition and replicate: `KEYS`, then the mean of each feature.
    means
        Columns of `replicates` after `KEYS`, with unit and meaning.
    unit
        What tells replicates, such as ``replicate``; empty if nothing does.
    about
        With which program, of which runs, what is to be known of it.
    """

    cells: pd.DataFrame
    columns: Sequence[Column]
    features: Sequence[CellColumn]
    pictures: pd.DataFrame
    conditions: pd.DataFrame
    replicates: pd.DataFrame
    means: Sequence[Column]
    unit: str
    about: Mapping[str, Any]


@dataclass(frozen=True)
class ExportFormat:
    """A format that is written.

    Attributes
    ----------
    name
        As it is asked for.
    what
        What it makes, in words.
    write
        Writes to a path that is not there yet, or into a folder that is there and empty.
    needs
        Modules of the extra ``[export]`` that it needs.
    is_folder
        Whether it makes several files.
    of_cells
        Whether it has one row a cell and nothing beside it.
    """

    name: str
    what: str
    write: Callable[[Export, Path], None]
    needs: tuple[str, ...] = ()
    is_folder: bool = False
    of_cells: bool = True


def tidied(table: pd.DataFrame) -> pd.DataFrame:
    """Give each column one type: text without gaps, truths, or numbers.

    Tables that are put together lack columns of each other, and what a column holds is then a
    mixture.

    Examples
    --------
    >>> mixed = pd.DataFrame({"a": ["x", None], "b": [True, None], "c": [1, None]}, dtype=object)
    >>> {name: str(kind) for name, kind in tidied(mixed).dtypes.items()}
    {'a': 'object', 'b': 'boolean', 'c': 'Int64'}
    """
    return pd.DataFrame(
        {str(name): _tidy(table[name]) for name in table.columns}, index=table.index
    ).reset_index(drop=True)


def _tidy(values: pd.Series) -> pd.Series:
    plain = not isinstance(values.dtype, pd.CategoricalDtype | pd.StringDtype)
    if plain and (pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values)):
        return values
    values = values.astype(object)  # times as well, which few formats have
    kind = pd.api.types.infer_dtype(values, skipna=True)
    if kind == "boolean":
        return values.astype("boolean")
    if kind == "integer":
        return values.astype("Int64")
    if kind in {"floating", "mixed-integer-float"}:
        return pd.to_numeric(values).astype("float64")
    texts = {value: str(value) for value in values.dropna().unique()}
    return values.map(texts).astype(object).fillna("")
