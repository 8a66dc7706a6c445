"""The table of cells of a run, put together a few thousand rows at a time."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from cellwright.core.columns import Column
from cellwright.core.image import Array
from cellwright.engine.files import atomic_stream, run_errors
from cellwright.engine.journal import Step
from cellwright.engine.run_folder import RunFolder
from cellwright.io.cells import CellsWriter, typed, write_table
from cellwright.pipeline.corrections import OTHER_KINDS
from cellwright.pipeline.described import described
from cellwright.pipeline.gates import Gated
from cellwright.pipeline.measuring import measured_columns
from cellwright.pipeline.outcome import Outcome

__all__ = ["csv_bytes", "write_cells"]

# Rows that are held in memory at once; also the size of a row group of the Parquet file.
ROWS_AT_ONCE = 50_000


def csv_bytes(table: pd.DataFrame) -> bytes:
    """Give a small table as CSV."""
    stream = io.StringIO()
    write_table(stream, table)
    return stream.getvalue().encode("utf-8")


def write_cells(
    folder: RunFolder,
    outcomes: Sequence[Outcome],
    columns: Sequence[Column],
    gates: Sequence[Gated] = (),
) -> None:
    """Write ``cells.csv`` and ``cells.parquet``, in the order of the pictures."""
    unfinished = folder.temporary / "cells.parquet"
    with atomic_stream(folder.path / "cells.csv", folder.temporary) as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8", newline="")
        with run_errors(folder.path / "cells.parquet"):
            writer = CellsWriter(text, unfinished, columns)
            for group in _groups(outcomes, folder.steps, columns, gates):
                writer.write(group)
        text.flush()
        text.detach()
    with run_errors(folder.path / "cells.parquet"):
        with unfinished.open("rb+") as finished:
            os.fsync(finished.fileno())
        unfinished.replace(folder.path / "cells.parquet")


def _groups(
    outcomes: Sequence[Outcome], steps: Path, columns: Sequence[Column], gates: Sequence[Gated]
) -> Iterator[pd.DataFrame]:
    """Tables of at least `ROWS_AT_ONCE` rows but the last; at least one, which may be empty."""
    planes: list[dict[str, Array]] = []
    rows = 0
    for outcome in outcomes:
        for frame, done in enumerate(outcome.frames):
            for kind in ("", *OTHER_KINDS):
                plane = _plane_columns(outcome, frame, done, steps, kind)
                if plane is None:
                    continue
                if not kind:
                    plane |= {
                        g.declared.name: g.flags(plane) for g in gates if g.request.column in plane
                    }
                planes.append(plane)
                rows += len(plane["label"])
            if rows >= ROWS_AT_ONCE:
                yield _joined(planes, columns)
                planes, rows = [], 0
    yield _joined(planes, columns)


def _plane_columns(
    outcome: Outcome, frame: int, done: Mapping[str, Step], steps: Path, kind: str
) -> dict[str, Array] | None:
    """Columns of one kind of objects of a plane set, with what tells its rows from all others."""
    measured = measured_columns(steps, done["measure"], kind)
    if measured is None:
        return None
    picture = outcome.picture
    replicate = picture.row.replicate if picture.row is not None else ""
    identity = {
        "image": picture.image,
        "object": kind or outcome.main_kind,
        "condition": picture.condition,
        "replicate": replicate,
        "plate": picture.plate,
        "well": picture.well,
        "field": picture.field_of_view,
    }
    n = len(measured["label"])
    text: dict[str, Array] = {
        name: np.full(n, value, dtype=object) for name, value in identity.items()
    }
    interval = picture.interval
    time_s = np.full(n, np.nan if interval is None else frame * interval)
    known = {} if kind else described(steps, done, measured["label"])
    return measured | known | text | {"frame": np.full(n, frame), "time_s": time_s}


def _joined(planes: Sequence[Mapping[str, Array]], columns: Sequence[Column]) -> pd.DataFrame:
    """One table of the declared columns; what a plane lacks (a channel, say) is empty there."""
    lengths = [len(plane["label"]) for plane in planes]
    joined: dict[str, Array] = {}
    for column in columns:
        blank: float | str = "" if column.dtype == "str" else np.nan
        kind = object if column.dtype == "str" else np.float64
        parts = [
            plane[column.name] if column.name in plane else np.full(n, blank, dtype=kind)
            for plane, n in zip(planes, lengths, strict=True)
        ]
        if parts:
            joined[column.name] = np.concatenate(parts)
    return typed(pd.DataFrame(joined), columns)
