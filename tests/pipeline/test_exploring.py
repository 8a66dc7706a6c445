"""The cells of a run, described column by column out of its Parquet file."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cellwright.core.columns import IDENTITY, Column
from cellwright.io.cells import CellsWriter, open_columns
from cellwright.pipeline.exploring import described_cells
from cellwright.stats.describing import Described

COLUMNS = (
    *IDENTITY,
    Column("area_px", "px²", "Area", power=2),
    Column("solidity", "1", "Solidity"),
)


def cells_of(image: str, kind: str, areas: list[float]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "image": image, "frame": 0, "object": kind, "label": np.arange(1, len(areas) + 1),
            "condition": "as it was", "replicate": "1", "area_px": areas, "solidity": np.nan,
        }
    )  # fmt: skip


@pytest.fixture
def table(tmp_path: Path) -> Path:
    writer = CellsWriter(io.StringIO(), tmp_path / "cells.parquet", COLUMNS)
    writer.write(cells_of("a.tif", "cell", [1.0, 2.0, 3.0]))
    writer.write(
        pd.concat([cells_of("a.tif", "nucleus", [0.5, 0.6]), cells_of("b.tif", "cell", [5.0, 6.0])])
    )
    writer.write(cells_of(" excluded.tif", "cell", [100.0]))
    return tmp_path / "cells.parquet"


def describe(table: Path, pictures: pd.DataFrame) -> Described | None:
    with open_columns(table) as read:
        some = read([column.name for column in COLUMNS])
        return described_cells(read, some, pictures, {"cell"})


def pictures_of(**columns: list[str]) -> pd.DataFrame:
    return pd.DataFrame({"image": ["a.tif", "b.tif"], "n_cells": [3, 2]} | columns)


def test_all_counted_cells_of_measured_pictures_are_described(table: Path) -> None:
    found = describe(table, pictures_of(condition=["x", "y"], replicate=["1", "2"]))
    assert found is not None
    assert found.n_cells == 5
    assert [one.name for one in found.features] == ["area_px"]  # solidity holds no number
    told = found.table.set_index("condition")
    assert told["mean"].to_dict() == {"x": 2.0, "y": 5.5}
    assert told["n_replicates"].tolist() == [1, 1]


def test_donors_are_the_replicates_where_they_are_stated(table: Path) -> None:
    pictures = pictures_of(condition=["x", "x"], replicate=["1", "2"], donor=["D", "D"])
    found = describe(table, pictures)
    assert found is not None
    assert found.table["n_replicates"].tolist() == [1]


def test_without_cells_or_numbers_nothing_is_described(table: Path) -> None:
    pictures = pictures_of(condition=["", ""], replicate=["", ""])
    with open_columns(table) as read:
        some = read([column.name for column in COLUMNS])
        assert described_cells(read, some.iloc[:0], pictures, {"cell"}) is None
        assert described_cells(read, some, pictures.iloc[:0], {"cell"}) is None
        assert described_cells(read, some.drop(columns="area_px"), pictures, {"cell"}) is None
