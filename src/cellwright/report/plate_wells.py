"""The wells of plates as numbers: one row a well, and the layout they fit into."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
import pandas as pd

from cellwright.io.pattern import well_name
from cellwright.report.groups import MEASURED, all_pictures, records
from cellwright.report.section import ReportData
from cellwright.report.wording import visible

__all__ = ["AREAS", "LAYOUTS", "figure_name", "layout_of", "placed_pictures", "wells_table"]

LAYOUTS = ((4, 6), (8, 12), (16, 24), (32, 48))
"""Rows and columns of the plates of 24, 96, 384 and 1,536 wells (ANSI SLAS 4-2004)."""

AREAS = ("median_area_um2", "median_area_px")
"""Columns of the size, the first of which that is known is drawn."""

_LETTERS = 26
_LONGEST = 40  # characters of a plate's name in the name of a file
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9]+")
_COLUMNS = (
    "well", "row", "column", "n_pictures", "n_failed", "n_cells", "mean_cells_per_picture", *AREAS,
)  # fmt: skip


def placed_pictures(data: ReportData) -> pd.DataFrame:
    """The pictures that have a well, named in two digits, with its row and column from 1.

    Pictures that were skipped or left out by a person are not among them; ``measured`` tells
    those whose cells count from those that failed.
    """
    pictures = all_pictures(data)
    if "well" not in pictures.columns:
        return pictures.iloc[:0]
    excluded = {str(item.get("image", "")) for item in records(data.run, "excluded")}
    for name in ("well", "plate"):
        values = pictures[name] if name in pictures.columns else [""] * len(pictures)
        pictures[name] = [_text(value) for value in values]
    pictures["well"] = [well_name(well.upper()) for well in pictures["well"]]
    pictures["measured"] = pictures["status"].isin(MEASURED)
    kept = pictures["measured"] | (pictures["status"] == "failed")
    kept &= (pictures["well"] != "") & ~pictures["image"].isin(excluded)
    placed = pictures[kept].reset_index(drop=True)
    placed["row"] = [_row(well) for well in placed["well"]]
    placed["column"] = [int(well[-2:]) for well in placed["well"]]
    return placed


def _text(value: object) -> str:
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # a plate 2 that pandas read as 2.0
    return str(value).strip()


def _row(well: str) -> int:
    letters = well[:-2]
    return (_LETTERS if len(letters) > 1 else 0) + ord(letters[-1]) - ord("A") + 1


def wells_table(placed: pd.DataFrame) -> pd.DataFrame:
    """One row a well of one plate, in the order of rows and columns.

    ``mean_cells_per_picture`` is the mean over pictures (of a movie, its mean over frames);
    the median area is the median over pictures of the median of their cells.
    """
    rows = []
    for (row, column), of_well in placed.groupby(["row", "column"], sort=True):
        measured = of_well[of_well["measured"]]
        rows.append(
            (
                of_well["well"].iloc[0],
                row,
                column,
                len(measured),
                len(of_well) - len(measured),
                measured["n_cells"].sum(),
                measured["cells_per_frame"].mean(),
                measured["area_median_um2"].median(),
                measured["area_median_px"].median(),
            )
        )
    table = pd.DataFrame(rows, columns=list(_COLUMNS))
    return table.astype(
        {"row": "int64", "column": "int64", "n_pictures": "int64", "n_failed": "int64",
         "n_cells": "int64"}
    )  # fmt: skip


def layout_of(table: pd.DataFrame) -> tuple[int, int]:
    """Rows and columns of the smallest plate that has all wells of a table.

    Examples
    --------
    >>> layout_of(pd.DataFrame({"row": [2, 8], "column": [3, 7]}))
    (8, 12)
    """
    row, column = int(table["row"].max()), int(table["column"].max())
    return next(
        (layout for layout in LAYOUTS if row <= layout[0] and column <= layout[1]), LAYOUTS[-1]
    )


def figure_name(plate: str, taken: Iterable[str]) -> str:
    """Name of a plate's figure: letters and digits alone, and no name twice.

    Examples
    --------
    >>> figure_name("P 1/a", []), figure_name("", []), figure_name("P-1", ["plate_P_1"])
    ('plate_P_1_a', 'plate', 'plate_P_1_2')
    """
    plain = _NOT_PLAIN.sub("_", visible(plate)).strip("_")[:_LONGEST]
    name = f"plate_{plain}" if plain else "plate"
    used = {other.casefold() for other in taken}  # file systems may ignore case
    number, free = 1, name
    while free.casefold() in used:
        number += 1
        free = f"{name}_{number}"
    return free
