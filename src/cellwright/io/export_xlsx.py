"""A workbook for Excel: cells, pictures, design, means of replicates, and what columns mean."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from cellwright.core.errors import UsageError
from cellwright.io.export import Export, ExportFormat

__all__ = ["XLSX"]

# "Excel specifications and limits", Microsoft; one row is the header.
MOST_ROWS, MOST_COLUMNS, LONGEST_TEXT = 1_048_575, 16_384, 32_767

_ROWS_AT_ONCE = 10_000
_WIDEST = 40  # letters
_CREATED = datetime(1980, 1, 1)  # the same in every file, so that bytes are too
_OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}


def write_xlsx(export: Export, path: Path) -> None:
    """Write the workbook; all text as text, so that nothing is run as a formula.

    Raises
    ------
    UsageError
        If there are more cells, pictures or columns than a sheet holds.
    """
    import xlsxwriter

    sheets = {
        "cells": export.cells,
        "pictures": export.pictures,
        "design": export.conditions,
        "replicates": export.replicates,
        "columns": _legend(export),
        "about": _about(export),
    }
    for name, table in sheets.items():
        _check_fits(name, table)
    book = xlsxwriter.Workbook(str(path), _OPTIONS | {"tmpdir": str(path.parent)})
    book.set_properties({"created": _CREATED})
    bold = book.add_format({"bold": True})
    for name, table in sheets.items():
        _write(book.add_worksheet(name), table, bold)
    try:
        book.close()
    except xlsxwriter.exceptions.FileCreateError as error:
        raise OSError(*getattr(error.args[0], "args", error.args)) from error


def _check_fits(name: str, table: pd.DataFrame) -> None:
    rows, columns = table.shape
    if rows > MOST_ROWS:
        raise UsageError(
            f"an Excel sheet holds {MOST_ROWS:,} rows below its header, and there are {rows:,} "
            f"{name}",
            remedy="export --to parquet, csv or h5ad, or fewer runs at a time",
        )
    if columns > MOST_COLUMNS:
        raise UsageError(
            f"an Excel sheet holds {MOST_COLUMNS:,} columns, and {name} have {columns:,}",
            remedy="choose some with --features, or export --to parquet",
        )


def _legend(export: Export) -> pd.DataFrame:
    """Unit and meaning of the columns of cells, and of the means of replicates."""
    rows = [
        {"sheet": sheet, "column": one.name, "unit": one.unit, "meaning": one.meaning}
        for sheet, columns in (("cells", export.columns), ("replicates", export.means))
        for one in columns
    ]
    return pd.DataFrame(rows, columns=["sheet", "column", "unit", "meaning"])


def _about(export: Export) -> pd.DataFrame:
    rows = []
    for name, value in export.about.items():
        several = value if isinstance(value, list | tuple) else [value]
        rows += [{"what": name, "value": str(one)} for one in several]
    return pd.DataFrame(rows, columns=["what", "value"])


def _write(sheet: Any, table: pd.DataFrame, bold: Any) -> None:
    sheet.freeze_panes(1, 0)
    writers = [_writer(sheet, table[name]) for name in table.columns]
    for place, name in enumerate(map(str, table.columns)):
        sheet.write_string(0, place, name[:LONGEST_TEXT], bold)
        sheet.set_column(place, place, min(len(name) + 3, _WIDEST))
    for start in range(0, len(table), _ROWS_AT_ONCE):
        part = table.iloc[start : start + _ROWS_AT_ONCE]
        columns = [part[name].tolist() for name in table.columns]
        for row, values in enumerate(zip(*columns, strict=True), start + 1):
            for place, (write, value) in enumerate(zip(writers, values, strict=True)):
                write(row, place, value)
    if len(table.columns):
        sheet.autofilter(0, 0, len(table), len(table.columns) - 1)


def _writer(sheet: Any, values: pd.Series) -> Callable[[int, int, Any], None]:
    """How values of a column are written; what is not known stays empty."""

    def text(row: int, place: int, value: Any) -> None:
        if value not in ("", None):
            sheet.write_string(row, place, str(value)[:LONGEST_TEXT])

    def truth(row: int, place: int, value: Any) -> None:
        if value is not pd.NA:
            sheet.write_boolean(row, place, bool(value))

    def number(row: int, place: int, value: Any) -> None:
        if value is pd.NA or math.isnan(value):
            return
        if math.isinf(value):  # which no cell of Excel can hold
            sheet.write_string(row, place, str(value))
        else:
            sheet.write_number(row, place, value)

    if pd.api.types.is_bool_dtype(values.dtype):
        return truth
    return number if pd.api.types.is_numeric_dtype(values.dtype) else text


XLSX = ExportFormat("xlsx", "an Excel workbook", write_xlsx, needs=("xlsxwriter",), of_cells=False)
