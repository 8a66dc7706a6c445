"""The report of a run, made of what lies in its folder and of nothing else.

`analyze` and `report` both come here, so that a report written again is the same page.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cellwright.core.columns import CHANCE, Column
from cellwright.core.errors import UsageError
from cellwright.engine.files import write_atomic
from cellwright.engine.run_folder import RunFolder, step_file
from cellwright.io.cells import sample_cells
from cellwright.pipeline.audit.kept import kept_audit
from cellwright.pipeline.gallery import Drawn
from cellwright.pipeline.gates import Gated
from cellwright.pipeline.outcome import declared_columns
from cellwright.pipeline.run import Run
from cellwright.pipeline.tables import csv_bytes
from cellwright.report.methods_text import methods_paragraph
from cellwright.report.page import build_report
from cellwright.report.section import Preview, ReportData

__all__ = ["keep_previews", "rewrite_report", "write_report"]

# The report shows at most so many cells: more would make the page heavy and say no more.
SAMPLE_ROWS = 20_000
_PREVIEWS = "previews.json"


def rewrite_report(path: Path) -> Path:
    """Write ``report.html``, ``figures/`` and ``methods.md`` of a finished run again.

    Raises
    ------
    UsageError
        If there is no finished run.
    RunError
        If another process works in the folder.
    """
    if not (path / "run.json").is_file() or not (path / "cells.parquet").is_file():
        raise UsageError(
            "there is no finished run of `analyze` here",
            where=str(path),
            remedy="make one with `cellwright analyze IN --out RUN`",
        )
    with RunFolder(path) as folder:
        write_report(folder)
    return path / "report.html"


def write_report(folder: RunFolder) -> None:
    """Write the report into a run whose tables and record are there."""
    data = _report_data(folder)
    page, figures = build_report(data)
    for figure in figures:
        folder.publish(f"figures/{figure.name}.svg", figure.svg.encode("utf-8"))
        folder.publish(f"figures/{figure.name}.csv", csv_bytes(figure.table))
    folder.publish("methods.md", methods_paragraph(data.run).encode("utf-8"))
    folder.publish("report.html", page.encode("utf-8"))


def keep_previews(folder: RunFolder, drawn: Sequence[Drawn]) -> None:
    """Keep which pictures are shown and why, for when the report is written again."""
    text = json.dumps([asdict(d) for d in drawn], indent=1)
    write_atomic(folder.work / _PREVIEWS, text.encode("utf-8"), folder.temporary)


def _report_data(folder: RunFolder) -> ReportData:
    run = Run(folder.path)
    cells, n_cells = sample_cells(folder.path / "cells.parquet", SAMPLE_ROWS)
    counted = {entry.get("object", "") for entry in run.record["inputs"]}
    others = ~cells["object"].isin(list(counted))
    if others.any():  # nuclei within cells have rows of their own, and are not counted again
        cells, n_cells = cells[~others].reset_index(drop=True), int(run.images["n_cells"].sum())
    return ReportData(
        run=run.record,
        images=run.images,
        cells=cells,
        n_cells=n_cells,
        columns=_columns(run.record, list(cells.columns)),
        previews=tuple(_previews(folder)),
        audit=kept_audit(folder.path),
    )


def _columns(record: dict[str, Any], names: Sequence[str]) -> tuple[Column, ...]:
    channels: dict[str, None] = {}
    for entry in record["inputs"]:
        channels.update(dict.fromkeys(entry.get("measured", ())))
    known = declared_columns(
        list(channels),
        physical=True,
        places=True,
        times=True,
        compartments=True,
        classes=[name.removeprefix(CHANCE) for name in names if name.startswith(CHANCE)],
        features=record["options"].get("features", ()),
        gates=[Gated.of_record(gate).declared for gate in record.get("gates", ())],
    )
    return tuple(column for column in known if column.name in set(names))


def _previews(folder: RunFolder) -> list[Preview]:
    path = folder.work / _PREVIEWS
    if not path.is_file():
        return []
    previews = []
    for entry in json.loads(path.read_text(encoding="utf-8")):
        key = entry.pop("key")
        files = [step_file(folder.steps, key, ending) for ending in ("png", "outlines.png")]
        if all(file.is_file() for file in files):
            picture, outlines = (file.read_bytes() for file in files)
            previews.append(Preview(picture=picture, outlines=outlines, **entry))
    return previews
