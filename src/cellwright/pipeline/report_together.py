"""Several runs as one report: their pictures, cells and records side by side."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cellwright.io.cells import ReadColumns, column_names, open_columns
from cellwright.pipeline.experiment import Experiment
from cellwright.pipeline.gallery import MOST_CELLS, MOST_VIEWED
from cellwright.pipeline.report_data import data_of_run
from cellwright.pipeline.statements import kept_statements
from cellwright.report.section import ReportData, View
from cellwright.stats.design import DESIGN

__all__ = ["data_together", "open_together"]

_LISTS = ("inputs", "skipped", "excluded", "corrections", "filters")
_MOST_PREVIEWS = 24


def data_together(
    runs: Sequence[Path], names: Sequence[str], out: Path, experiment: Experiment
) -> ReportData:
    """Gather what the report of several runs shows, but for what is asked of them.

    Parameters
    ----------
    runs, names
        Folders, and what each is called: pictures are then ``NAME/IMAGE``.
    out
        Folder of the report, from which labels are linked.
    experiment
        The same runs as they are compared: it tells what each picture is of.
    """
    parts = [
        _named(data_of_run(run), name, _way(run, out))
        for run, name in zip(runs, names, strict=True)
    ]
    views = _dealt([part.views for part in parts], parts)
    shown = {(view.image, view.frame) for view in views}
    viewed = _stacked(part.viewed for part in parts)
    if len(viewed):
        keys = zip(viewed["image"], viewed["frame"], strict=True)
        viewed = viewed[[key in shown for key in keys]].reset_index(drop=True)
    images = _stacked(part.images for part in parts)
    columns = {column.name: column for part in parts for column in part.columns}
    return ReportData(
        run=_record([part.run for part in parts], names),
        images=_as_compared(images, experiment),
        cells=_stacked(part.cells for part in parts),
        n_cells=sum(part.n_cells for part in parts),
        columns=tuple(columns.values()),
        previews=tuple(preview for part in parts for preview in part.previews)[:_MOST_PREVIEWS],
        views=views,
        viewed=viewed,
        quality=_stacked(part.quality for part in parts),
        statements=_stated(parts, out),
    )


def _stated(parts: Sequence[ReportData], out: Path) -> dict[str, str]:
    """What is stated of all runs together, or else of each of them alike."""
    first = parts[0].statements
    same = {
        name: text
        for name, text in first.items()
        if all(part.statements.get(name) == text for part in parts)
    }
    return same | kept_statements(out)


@contextmanager
def open_together(runs: Sequence[Path], names: Sequence[str]) -> Iterator[ReadColumns]:
    """Open all tables of cells, to read columns of one below the other."""
    with ExitStack() as stack:
        tables_of = [run / "cells.parquet" for run in runs]
        each = [stack.enter_context(open_columns(table)) for table in tables_of]
        there = [set(column_names(table)) for table in tables_of]

        def read(columns: Sequence[str]) -> pd.DataFrame:
            tables = [
                _prefixed(part([one for one in columns if one in known]), name)
                for part, known, name in zip(each, there, names, strict=True)
            ]
            # a mixed run may lack what others have measured
            return pd.concat(tables, ignore_index=True).reindex(columns=list(columns))

        yield read


def _way(run: Path, out: Path) -> str:
    """From the report to a run; empty where there is none, as from drive to drive."""
    try:
        return Path(os.path.relpath(run.resolve(), out.resolve())).as_posix()
    except ValueError:
        return ""


def _named(data: ReportData, name: str, way: str) -> ReportData:
    """The same with pictures that are called after their run."""
    images = _prefixed(data.images, name)
    if "labels" in images:
        images["labels"] = [f"{way}/{path}" if path and way else "" for path in images["labels"]]
    return replace(
        data,
        images=images,
        cells=_prefixed(data.cells, name),
        viewed=_prefixed(data.viewed, name),
        quality=_prefixed(data.quality, name),
        previews=tuple(replace(one, image=f"{name}/{one.image}") for one in data.previews),
        views=tuple(replace(one, image=f"{name}/{one.image}") for one in data.views),
    )


def _prefixed(table: pd.DataFrame, name: str) -> pd.DataFrame:
    if "image" not in table:
        return table
    called = {image: f"{name}/{image}" for image in table["image"].unique()}
    return table.assign(image=table["image"].map(called).astype(object))


def _stacked(tables: Any) -> pd.DataFrame:
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame()


def _dealt(hands: Sequence[tuple[View, ...]], parts: Sequence[ReportData]) -> tuple[View, ...]:
    """Views of each run, evenly over its own, so many that all together stay small."""
    each = max(1, MOST_VIEWED // len(hands))
    while True:
        chosen = [_evenly(hand, each) for hand in hands]
        cells = 0
        for views, part in zip(chosen, parts, strict=True):
            if len(part.viewed):
                cells += int(part.viewed["image"].isin({view.image for view in views}).sum())
        if cells <= MOST_CELLS or each == 1:
            return tuple(view for views in chosen for view in views)
        each //= 2


def _evenly(hand: tuple[View, ...], most: int) -> list[View]:
    if len(hand) <= most:
        return list(hand)
    return [hand[int(place)] for place in (np.arange(most) + 0.5) * len(hand) / most]


def _as_compared(images: pd.DataFrame, experiment: Experiment) -> pd.DataFrame:
    """Put what each picture is of, as it is compared, into the table of pictures."""
    pictures = experiment.pictures
    told = [name for name in DESIGN if name in pictures]
    called = pictures["run"].astype(str) + "/" + pictures["image"].astype(str)
    known = pictures[told].set_axis(pd.Index(called))
    new = {name: known[name].reindex(images["image"]).fillna("").to_numpy() for name in told}
    return images.assign(**new)


def _record(records: Sequence[Mapping[str, Any]], names: Sequence[str]) -> dict[str, Any]:
    """The record of the first, with the pictures of all, and what was decided for each."""
    joined = dict(records[0])
    for field in _LISTS:
        joined[field] = [
            {**entry, "image": f"{name}/{entry['image']}"} if "image" in entry else dict(entry)
            for record, name in zip(records, names, strict=True)
            for entry in record.get(field) or ()
        ]
    joined["decisions"] = [
        f"{name}: {text}"
        for record, name in zip(records, names, strict=True)
        for text in record.get("decisions") or ()
    ]
    counts = [record.get("summary") or {} for record in records]
    joined["summary"] = {key: sum(int(one.get(key, 0)) for one in counts) for key in counts[0]}
    joined["runs"] = list(names)
    return joined
