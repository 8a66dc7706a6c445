"""What the report of a run is made of: all that lies in its folder, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from cellwright.core.columns import CHANCE, Column
from cellwright.engine.files import write_atomic
from cellwright.engine.run_folder import RunFolder, step_file
from cellwright.io.cells import ReadColumns, cell_groups, read_table, sample_cells
from cellwright.io.samples import read_samples
from cellwright.pipeline.answers import Answers
from cellwright.pipeline.audit.kept import kept_audit
from cellwright.pipeline.drawing import Drawn
from cellwright.pipeline.experiment import value_of
from cellwright.pipeline.exploring import described_cells
from cellwright.pipeline.gates import Gated
from cellwright.pipeline.outcome import declared_columns
from cellwright.pipeline.run import Run
from cellwright.pipeline.statements import kept_statements
from cellwright.report.groups import measured_pictures
from cellwright.report.section import Preview, ReportData, View
from cellwright.stats.design import DESIGN

__all__ = ["data_of_run", "keep_drawn", "kinds_of", "told_by", "with_answers", "with_odd"]

# The report shows at most so many cells: more would make the page heavy and say no more.
SAMPLE_ROWS = 20_000
_PREVIEWS, _VIEWS = "previews.json", "views.json"
_WORK, _STEPS = ".work", "steps"


def keep_drawn(folder: RunFolder, previews: Sequence[Drawn], views: Sequence[Drawn]) -> None:
    """Keep which pictures are shown and why, for when the report is written again."""
    for name, drawn in ((_PREVIEWS, previews), (_VIEWS, views)):
        entries = [
            {"image": d.image, "frame": d.frame, "role": d.role, "caption": d.caption,
             "key": d.key, **d.facts}
            for d in drawn
        ]  # fmt: skip
        text = json.dumps(entries, indent=1)
        write_atomic(folder.work / name, text.encode("utf-8"), folder.temporary)


def data_of_run(path: Path) -> ReportData:
    """Gather what the report of a finished run shows, but for what was asked of it later."""
    run = Run(path)
    table = path / "cells.parquet"
    cells, n_cells = sample_cells(table, SAMPLE_ROWS)
    counted = kinds_of(run.record)
    others = ~cells["object"].isin(list(counted))
    if others.any():  # nuclei within cells have rows of their own, and are not counted again
        cells, n_cells = cells[~others].reset_index(drop=True), int(run.images["n_cells"].sum())
    views = tuple(_views(path))
    return ReportData(
        run=run.record,
        images=run.images,
        cells=cells,
        n_cells=n_cells,
        columns=_columns(run.record, list(cells.columns)),
        previews=tuple(_previews(path)),
        views=views,
        viewed=_viewed(table, views, counted),
        audit=kept_audit(path),
        quality=_quality(path),
        statements=kept_statements(path),
    )


def kinds_of(run: Mapping[str, Any]) -> set[str]:
    """Kinds of the objects that a run counts."""
    return {str(entry.get("object", "")) for entry in run["inputs"]}


def with_answers(data: ReportData, answers: Answers, read: ReadColumns) -> ReportData:
    """Add what was asked, and what all cells are like under the conditions that are then known.

    Parameters
    ----------
    read
        Gives columns of the whole table of cells by their names.
    """
    images = data.images if answers.samples is None else told_by(data.images, answers.samples)
    odd = answers.odd
    viewed = data.viewed if odd is None else with_odd(data.viewed, odd.table)
    data = replace(data, images=images, viewed=viewed, answer=answers.answer, odd=odd)
    pictures, kinds = measured_pictures(data), kinds_of(data.run)
    return replace(data, described=described_cells(read, data.cells, pictures, kinds))


def told_by(images: pd.DataFrame, samples: Path) -> pd.DataFrame:
    """Put what a ``samples.csv`` tells of the pictures into their table."""
    table = read_samples(samples)
    rows = table.join(list(images["image"])).rows
    told = [name for name in table.columns if name in DESIGN]
    values = {name: [value_of(rows.get(image), name) for image in images["image"]] for name in told}
    return images.assign(**values)


def with_odd(viewed: pd.DataFrame, odd: pd.DataFrame) -> pd.DataFrame:
    """Add to cells whether they are odd, where that was judged."""
    if not len(viewed) or not {"image", "frame", "label"} <= set(odd.columns):
        return viewed
    keys = ["image", "frame", "label"]
    judged = odd[odd["p"].notna()].drop_duplicates(keys)
    found = viewed[keys].merge(judged[[*keys, "is_outlier"]], on=keys, how="left")
    return viewed.assign(odd=found["is_outlier"].astype("boolean").to_numpy())


def _quality(run: Path) -> pd.DataFrame:
    """What the checks said; empty of a run that has no such table."""
    path = run / "quality.csv"
    return read_table(path) if path.is_file() else pd.DataFrame()


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


def _previews(run: Path) -> Iterator[Preview]:
    for entry, (picture, outlines) in _drawn(run, _PREVIEWS, ("png", "outlines.png")):
        yield Preview(picture=picture, outlines=outlines, **entry)


def _views(run: Path) -> Iterator[View]:
    for entry, (picture, labels) in _drawn(run, _VIEWS, ("webp", "labels.z")):
        del entry["role"], entry["caption"]
        yield View(picture=picture, labels=labels, **entry)


def _drawn(
    run: Path, record: str, endings: Sequence[str]
) -> Iterator[tuple[dict[str, Any], list[bytes]]]:
    """What is known of each drawn picture, and its files, for those that are still there."""
    path = run / _WORK / record
    if not path.is_file():
        return
    for entry in json.loads(path.read_text(encoding="utf-8")):
        key = entry.pop("key")
        files = [step_file(run / _WORK / _STEPS, key, ending) for ending in endings]
        if all(file.is_file() for file in files):
            yield entry, [file.read_bytes() for file in files]


def _viewed(table: Path, views: Sequence[View], counted: set[str]) -> pd.DataFrame:
    """Rows of the table that are of these pictures, of the objects that are counted."""
    frames = pd.MultiIndex.from_tuples(
        [(view.image, view.frame) for view in views], names=["image", "frame"]
    )
    parts = []
    for group in cell_groups(table):
        own = pd.MultiIndex.from_arrays([group["image"], group["frame"]]).isin(frames)
        parts.append(group[own & group["object"].isin(list(counted))])
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
