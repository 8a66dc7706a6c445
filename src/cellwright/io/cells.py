"""The table of cells on disk: CSV for people, Parquet for programs, written piece by piece."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Literal, TextIO

import numpy as np
import pandas as pd

from cellwright.core.columns import Column
from cellwright.core.errors import UnreadableError
from cellwright.io.csv_text import delimiter_of, escape, unescape

__all__ = [
    "ReadColumns",
    "cell_groups",
    "column_names",
    "open_columns",
    "read_table",
    "sample_cells",
    "typed",
    "write_table",
]

NULLABLE = ("Int64", "boolean")
"""Types of whole numbers and truths of which some are not known: they never become floats."""

ReadColumns = Callable[[Sequence[str]], pd.DataFrame]
"""Gives columns of a table by their names."""

# Columns that are text even where every value looks like a number.
_TEXT = (
    "image", "object", "condition", "replicate", "well", "plate", "field", "status", "reason",
    "labels",
    "channel", "notes", "sha256", "quality",
)  # fmt: skip


def typed(table: pd.DataFrame, columns: Sequence[Column]) -> pd.DataFrame:
    """Give a table exactly the declared columns, in their order, with their types.

    A declared column that the table lacks is empty: NaN for numbers, "" for text.
    """
    data: dict[str, Any] = {}
    for column in columns:
        if column.name in table.columns:
            data[column.name] = table[column.name].to_numpy()
        elif column.dtype == "str":
            data[column.name] = np.full(len(table), "", dtype=object)
        else:
            data[column.name] = np.full(len(table), np.nan)
        if column.dtype in NULLABLE:
            kind = pd.Int64Dtype() if column.dtype == "Int64" else pd.BooleanDtype()
            data[column.name] = pd.Series(data[column.name]).astype(kind)
        else:
            dtype = object if column.dtype == "str" else column.dtype
            data[column.name] = np.asarray(data[column.name]).astype(dtype)
    return pd.DataFrame(data, columns=[c.name for c in columns])


class CellsWriter:
    """Writes the table of cells piece by piece, as CSV and as Parquet.

    Parameters
    ----------
    stream
        Where the CSV text goes.
    parquet
        Path of the Parquet file; written anew.
    columns
        The declared columns: each table that is written has just these.
    """

    def __init__(self, stream: TextIO, parquet: Path, columns: Sequence[Column]) -> None:
        self._stream = stream
        self._parquet = parquet
        self._columns = columns
        self._started = False

    def write(self, table: pd.DataFrame) -> None:
        """Write some rows; text that a spreadsheet would execute is escaped in the CSV only."""
        safe = table.copy(deep=False)
        for column in self._columns:
            if column.dtype == "str":
                safe[column.name] = _escaped(table[column.name])
        header = False if self._started else [escape(column.name) for column in self._columns]
        safe.to_csv(
            self._stream, index=False, header=header, lineterminator="\n", quoting=_quoting(safe)
        )
        self._write_parquet(table)
        self._started = True

    def _write_parquet(self, table: pd.DataFrame) -> None:
        from fastparquet import write

        metadata = {f"unit:{column.name}": column.unit for column in self._columns}
        metadata |= {"format": "cellwright-cells", "version": "1"}
        write(
            str(self._parquet),
            table,
            compression="ZSTD",
            append=self._started,
            object_encoding="utf8",
            write_index=False,
            custom_metadata=None if self._started else metadata,
            has_nulls=[column.name for column in self._columns if column.dtype in NULLABLE],
        )


def _quoting(table: pd.DataFrame) -> Literal[0, 2]:
    """Quote all text where some of it holds a carriage return, which Python leaves bare."""
    text = table.select_dtypes(exclude=["number", "bool"])
    bare = any("\r" in str(value) for name in text for value in text[name].unique())
    return csv.QUOTE_NONNUMERIC if bare else csv.QUOTE_MINIMAL


def _escaped(values: pd.Series) -> pd.Series:
    """Escape each different text once: a column of 100,000 cells has few of them."""
    return values.map({value: escape(value) for value in values.unique()})


def write_table(stream: TextIO, table: pd.DataFrame) -> None:
    """Write any small table of ours as CSV, its text escaped."""
    safe = table.copy(deep=False)
    for name in table.columns:
        if table[name].dtype == object or isinstance(table[name].dtype, pd.StringDtype):
            safe[name] = table[name].map(
                lambda value: escape(value) if isinstance(value, str) else value
            )
    safe.columns = pd.Index([escape(str(name)) for name in table.columns])
    safe.to_csv(stream, index=False, lineterminator="\n", quoting=_quoting(safe))


def read_table(path: Path) -> pd.DataFrame:
    """Read a table of ours, or a person's own, the escapes of formulas removed.

    CSV may be divided by commas, semicolons or tabs; but for commas, numbers may have a decimal
    comma. Columns of numbers may have words for what is not known, such as ``NA`` or ``NaN``.

    Raises
    ------
    UnreadableError
        If it is no CSV or Parquet file, or empty, a column is there twice, or rows have more cells
        than the header.
    """
    is_parquet = path.suffix.lower() == ".parquet"
    try:
        if is_parquet:
            with path.open("rb") as stream:
                table: pd.DataFrame = _parquet(stream).to_pandas()
                return table
        delimiter, above = _delimiter(path)
        table = _csv(path, delimiter, above)
    except (OSError, ValueError, csv.Error, pd.errors.ParserWarning) as error:
        raise UnreadableError(
            f"this table cannot be read: {_plain(error)}",
            where=str(path),
            remedy="" if is_parquet else "save it as CSV UTF-8, with a name above each column",
        ) from error
    table.columns = pd.Index([unescape(str(name)) for name in table.columns])
    for name in table.columns:
        table[name] = _typed(table[name], name in _TEXT, comma=delimiter != ",")
    return table


def _plain(error: Exception) -> str:
    """What is wrong, in a line."""
    if isinstance(error, pd.errors.ParserWarning):
        return "rows have more cells than the header has names"
    return str(error).strip()


def _delimiter(path: Path) -> tuple[str, int]:
    """What divides the cells, and lines above the header; refuses names that are there twice."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        filled = ((number, line) for number, line in enumerate(stream) if line.strip())
        above, header = next(filled, (0, ""))
        delimiter, is_stated = delimiter_of(header)
        if is_stated:
            above, header = next(filled, (0, ""))
    names = next(csv.reader([header], delimiter=delimiter), [])
    if twice := [name for name in names if name.strip() and names.count(name) > 1]:
        raise ValueError(f"the column {twice[0]!r} is there twice")
    return delimiter, above


def _csv(path: Path, delimiter: str, above: int) -> pd.DataFrame:
    with warnings.catch_warnings():
        # pandas would take the first column for names of rows, or leave the last one out
        warnings.simplefilter("error", pd.errors.ParserWarning)
        warnings.simplefilter("ignore", pd.errors.DtypeWarning)  # a word among numbers
        return pd.read_csv(
            path, sep=delimiter, skiprows=above, index_col=False, keep_default_na=False,
            dtype=dict.fromkeys(_TEXT, str),
        )  # fmt: skip


_UNKNOWN = ("", "NA", "N/A", "#N/A", "NaN", "nan", "NAN", "-nan", "NULL", "null", "None")
"""How R, Excel, ImageJ, MATLAB, data bases and Python write a number that is not known."""
_TRUTHS = {"True": True, "TRUE": True, "true": True, "False": False, "FALSE": False, "false": False}


def _typed(values: pd.Series, is_text: bool, *, comma: bool) -> pd.Series:
    """Give a column its type: numbers, truths, else text."""
    if pd.api.types.is_numeric_dtype(values):
        return values
    if not is_text:
        told = values[~values.isin(_UNKNOWN) & values.notna()]
        if len(told) and told.isin(tuple(_TRUTHS)).all():
            return values.map(_TRUTHS).astype("boolean")
        if len(told):
            plain = told.astype(str).str.replace(",", ".", regex=False) if comma else told
            numbers = pd.to_numeric(plain, errors="coerce")
            if numbers.notna().all():
                return numbers.reindex(values.index)
    return values.map(lambda value: unescape(value) if isinstance(value, str) else value)


def sample_cells(path: Path, most: int) -> tuple[pd.DataFrame, int]:
    """Read an even sample of at most `most` rows of a Parquet file of cells.

    Returns
    -------
    tuple
        Every n-th row (every row where there are few), and how many rows there are.
    """
    with path.open("rb") as stream:
        file = _parquet(stream)
        total = int(file.count())
        stride = max(1, -(-total // most))
        parts = []
        seen = 0
        for group in file.iter_row_groups():
            parts.append(group.iloc[-seen % stride :: stride])
            seen += len(group)
        filled = [part for part in parts if len(part)]
        rows = pd.concat(filled, ignore_index=True) if filled else file.to_pandas()
    return rows, total


def cell_groups(path: Path) -> Iterator[pd.DataFrame]:
    """Read a Parquet file of cells piece by piece."""
    with path.open("rb") as stream:
        yield from _parquet(stream).iter_row_groups()


def column_names(path: Path) -> list[str]:
    """Names of the columns of a Parquet file of cells."""
    with path.open("rb") as stream:
        return [str(name) for name in _parquet(stream).columns]


@contextmanager
def open_columns(path: Path) -> Iterator[ReadColumns]:
    """Open a Parquet file of cells to read some columns at a time, and no others."""
    with path.open("rb") as stream:
        file = _parquet(stream)

        def read(names: Sequence[str]) -> pd.DataFrame:
            table: pd.DataFrame = file.to_pandas(columns=list(names))
            return table

        yield read


def _parquet(stream: BinaryIO) -> Any:
    from fastparquet import ParquetFile

    return ParquetFile(stream)
