"""A finished run, to be read: its tables, its labels, its report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from cellwright.core.errors import UnreadableError, UsageError
from cellwright.core.labels import Labels
from cellwright.io.cells import read_table
from cellwright.io.label_image import decode_labels

__all__ = ["Run", "Summary"]


@dataclass(frozen=True)
class Summary:
    """Counts of one start: inputs by status, cells, and steps computed and used again."""

    inputs: int
    done: int
    warned: int
    failed: int
    skipped: int
    cells: int
    computed: int
    reused: int
    by_step: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """The folder of a run, and what was computed in it.

    Attributes
    ----------
    path
        The folder.
    summary
        Counts of the start that made this object; None for a run that was only opened.

    Examples
    --------
    >>> Run(Path("nowhere")).cells
    Traceback (most recent call last):
    ...
    cellwright.core.errors.UsageError: nowhere: there is no cells.csv; ...
    """

    path: Path
    summary: Summary | None = None

    def _file(self, name: str) -> Path:
        path = self.path / name
        if not path.is_file():
            raise UsageError(
                f"there is no {name}",
                where=str(self.path),
                remedy="make the run with `cellwright analyze IN --out RUN`",
            )
        return path

    @cached_property
    def cells(self) -> pd.DataFrame:
        """One row a cell."""
        parquet = self.path / "cells.parquet"
        return read_table(parquet if parquet.is_file() else self._file("cells.csv"))

    @cached_property
    def images(self) -> pd.DataFrame:
        """One row an input."""
        return read_table(self._file("images.csv"))

    @cached_property
    def record(self) -> dict[str, Any]:
        """The content of ``run.json``."""
        path = self._file("run.json")
        try:
            record = json.loads(path.read_bytes())
        except ValueError as error:
            raise UnreadableError("this is no record of a run", where=str(path)) from error
        if not isinstance(record, dict) or record.get("format") != "cellwright-run":
            raise UnreadableError("this is no record of a run", where=str(path))
        return record

    @property
    def report(self) -> Path:
        """The report, to be opened in a browser."""
        return self._file("report.html")

    def labels(self, image: str) -> Labels:
        """Label image of a picture, by its identity in ``images.csv``."""
        rows = self.images.loc[self.images["image"] == image, "labels"]
        if rows.empty or not rows.iloc[0]:
            raise UsageError(f"there are no labels of {image!r}", where=str(self.path))
        return decode_labels(self.path / str(rows.iloc[0]))
