"""The table of cells on disk: CSV for people, Parquet for programs, written piece by piece."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import numpy as np
import pandas as pd

from cellwright.core.columns import Column
from cellwright.core.errors import UnreadableError
from cellwright.io.csv_text import escape, unescape

__all__ = [
    "read_table",
    "sample_cells",
    "typed",
    "write_cells_csv",
    "write_cells_parquet",
    "write_table",
]

# Columns that are text even where every value looks like a number.
_TEXT = (
    "image", "object", "condition", "replicate", "well", "plate", "status", "reason", "labels",
    "channel", "notes", "sha256", "quality",
)  # fmt: skip
# Rows gathered before a piece is written: bounds memory, and a Parquet row group of this
# size compresses well.
ROWS_PER_GROUP = 100_000


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
        dtype = object if column.dtype == "str" else column.dtype
        data[column.name] = np.asarray(data[column.name]).astype(dtype)
    return pd.DataFrame(data, columns=[c.name for c in columns])


def write_cells_csv(
    stream: TextIO, tables: Iterable[pd.DataFrame], columns: Sequence[Column]
) -> None:
    """Write the tables below one header; text that a spreadsheet would execute is escaped."""
    names = [column.name for column in columns]
    text = [column.name for column in columns if column.dtype == "str"]
    pd.DataFrame(columns=[escape(n) for n in names]).to_csv(
        stream, index=False, lineterminator="\n"
    )
    for table in tables:
        safe = table.copy(deep=False)
        for name in text:
            safe[name] = _escaped(table[name])
        safe.to_csv(stream, index=False, header=False, lineterminator="\n")


def _escaped(values: pd.Series) -> pd.Series:
    """Escape each different text once: a column of 100,000 cells has few of them."""
    return values.map({value: escape(value) for value in values.unique()})


def write_cells_parquet(
    path: Path, tables: Iterable[pd.DataFrame], columns: Sequence[Column]
) -> None:
    """Write the tables as one Parquet file, the units of the columns in its metadata."""
    from fastparquet import write

    metadata = {f"unit:{column.name}": column.unit for column in columns}
    metadata |= {"format": "cellwright-cells", "version": "1"}
    started = False
    for group in _groups(tables, columns):
        write(
            str(path),
            group,
            compression="ZSTD",
            append=started,
            object_encoding="utf8",
            write_index=False,
            custom_metadata=None if started else metadata,
            has_nulls=False,
        )
        started = True


def _groups(tables: Iterable[pd.DataFrame], columns: Sequence[Column]) -> Iterable[pd.DataFrame]:
    gathered: list[pd.DataFrame] = []
    rows = 0
    any_yet = False
    for table in tables:
        gathered.append(table)
        rows += len(table)
        if rows >= ROWS_PER_GROUP:
            yield pd.concat(gathered, ignore_index=True)
            gathered, rows, any_yet = [], 0, True
    if rows or not any_yet:
        empty = typed(pd.DataFrame(), columns)
        yield pd.concat(gathered, ignore_index=True) if rows else empty


def write_table(stream: TextIO, table: pd.DataFrame) -> None:
    """Write any small table of ours as CSV, its text escaped."""
    safe = table.copy(deep=False)
    for name in table.columns:
        if table[name].dtype == object or isinstance(table[name].dtype, pd.StringDtype):
            safe[name] = table[name].map(
                lambda value: escape(value) if isinstance(value, str) else value
            )
    safe.columns = pd.Index([escape(str(name)) for name in table.columns])
    safe.to_csv(stream, index=False, lineterminator="\n")


def read_table(path: Path) -> pd.DataFrame:
    """Read a table that `write_table` or `write_cells_csv` wrote, the escapes removed.

    Raises
    ------
    UnreadableError
        If it is no CSV or Parquet file, or empty.
    """
    try:
        if path.suffix == ".parquet":
            with path.open("rb") as stream:
                table: pd.DataFrame = _parquet(stream).to_pandas()
                return table
        table = pd.read_csv(path, keep_default_na=False, dtype=dict.fromkeys(_TEXT, str))
    except (OSError, ValueError, pd.errors.ParserError) as error:
        raise UnreadableError(f"this table cannot be read: {error}", where=str(path)) from error
    table.columns = pd.Index([unescape(str(name)) for name in table.columns])
    for name in table.columns:
        if name in _TEXT or not _is_number(table[name]):
            table[name] = table[name].map(
                lambda value: unescape(value) if isinstance(value, str) else value
            )
        else:
            table[name] = pd.to_numeric(table[name].replace("", np.nan))
    return table


def _is_number(values: pd.Series) -> bool:
    """Whether all values that are not blank are numbers, and there is one."""
    if pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        return True
    filled = values[values != ""]
    return bool(len(filled) and pd.to_numeric(filled, errors="coerce").notna().all())


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


def _parquet(stream: BinaryIO) -> Any:
    from fastparquet import ParquetFile

    return ParquetFile(stream)
