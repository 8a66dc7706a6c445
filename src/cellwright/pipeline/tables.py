"""The tables of a run, written beside and put in place whole."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from cellwright.core.columns import Column
from cellwright.engine.files import atomic_stream, run_errors
from cellwright.engine.run_folder import RunFolder
from cellwright.io.cells import write_cells_csv, write_cells_parquet, write_table
from cellwright.pipeline.outcome import Outcome, cell_tables

__all__ = ["csv_bytes", "write_cells"]


def csv_bytes(table: pd.DataFrame) -> bytes:
    """Give a small table as CSV."""
    stream = io.StringIO()
    write_table(stream, table)
    return stream.getvalue().encode("utf-8")


def write_cells(folder: RunFolder, outcomes: Sequence[Outcome], columns: Sequence[Column]) -> None:
    """Write ``cells.csv`` and ``cells.parquet``, one plane set in memory at a time."""
    with atomic_stream(folder.path / "cells.csv", folder.temporary) as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8", newline="")
        write_cells_csv(text, _tables(folder, outcomes, columns), columns)
        text.flush()
        text.detach()
    unfinished = folder.temporary / "cells.parquet"
    with run_errors(unfinished):
        write_cells_parquet(unfinished, _tables(folder, outcomes, columns), columns)
        _replace(unfinished, folder.path / "cells.parquet")


def _replace(unfinished: Path, path: Path) -> None:
    with unfinished.open("rb+") as stream:
        os.fsync(stream.fileno())
    unfinished.replace(path)


def _tables(
    folder: RunFolder, outcomes: Sequence[Outcome], columns: Sequence[Column]
) -> Iterator[pd.DataFrame]:
    return cell_tables(outcomes, columns, folder.steps)
