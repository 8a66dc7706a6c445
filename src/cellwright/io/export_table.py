"""Cells of several runs in one table, as CSV and as Parquet."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from cellwright.io.cells import write_table
from cellwright.io.export import Export, ExportFormat

__all__ = ["CSV", "PARQUET"]


def write_csv(export: Export, path: Path) -> None:
    """Write one row a cell; text that a spreadsheet would execute is escaped."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        write_table(stream, export.cells)


def write_parquet(export: Export, path: Path) -> None:
    """Write one row a cell, with the unit of each column in the metadata."""
    from fastparquet import write

    cells = export.cells
    metadata = {f"unit:{column.name}": column.unit for column in export.columns}
    write(
        str(path),
        cells,
        compression="ZSTD",
        object_encoding={name: "utf8" for name in cells if cells[name].dtype == object},
        write_index=False,
        custom_metadata=metadata | {"format": "cellwright-cells", "version": "1"},
        has_nulls=[
            name for name in cells if pd.api.types.is_extension_array_dtype(cells[name].dtype)
        ],
    )


CSV = ExportFormat("csv", "a CSV table", write_csv)
PARQUET = ExportFormat("parquet", "a Parquet table", write_parquet)
