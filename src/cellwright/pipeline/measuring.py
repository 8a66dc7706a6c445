"""The table of one plane set: filters, features, and what sums it up."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd

from cellwright.core.errors import UnreadableError, UsageError
from cellwright.core.image import Array
from cellwright.engine.journal import Step
from cellwright.engine.keys import array_hash
from cellwright.engine.run_folder import step_file, write_step_file
from cellwright.measure.separation import coverage, separation
from cellwright.pipeline.filtering import filtered
from cellwright.pipeline.labelling import Labelled, encoded
from cellwright.pipeline.planes import Planes
from cellwright.pipeline.unit import Unit, measure_key

__all__ = ["FILTERED", "measure_cells", "measured_columns"]

FILTERED = "filtered.tif"
"""Ending of the file of labels that a filter left, where it removed any."""


def measure_cells(unit: Unit, planes: Planes, read: Step, labelled: Labelled) -> Step:
    """Filter and measure the objects of a plane set; gives the finished step."""
    key = measure_key(unit, read.facts, labelled.step.facts)
    main = labelled.main
    if main.ndim != 2 and (unit.measure or unit.filters):
        raise UsageError(
            "volumes cannot be measured yet", remedy="project the stack with --project max"
        )
    left = filtered(unit, planes, main, measure=unit.measure)
    kept = left.labels
    files: dict[str, str] = {}
    steps = Path(unit.steps)
    if kept is not main:
        files |= write_step_file(steps, key, FILTERED, encoded(kept, unit))
    if left.table is not None and unit.measure:
        files |= write_step_file(steps, key, "npz", _packed(left.table))
    areas = np.unique(kept[kept > 0], return_counts=True)[1]
    facts = {
        "n_cells": int(areas.size),
        "removed": {name: int(n) for name, n in left.removed.items()},
        "separation": _number(_separation(planes, unit, kept)),
        "coverage": _number(coverage(kept)),
        "area_median_px": _number(float(np.median(areas)) if areas.size else float("nan")),
        "labels_hash": array_hash(kept),
    }
    return Step("measure", key, files, facts)


def _separation(planes: Planes, unit: Unit, labels: Array) -> float:
    """How well the labels part the plane in which they were found; NaN for a volume."""
    if labels.ndim != 2:
        return float("nan")
    plane = planes.main(unit.channel)
    return separation(plane if plane.ndim == 2 else plane.mean(axis=-1), labels)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _packed(table: pd.DataFrame) -> bytes:
    """Pack a table as one block of numbers and one of text: quick to read by the thousand."""
    text = {
        str(name): [str(value) for value in table[name]]
        for name in table.columns
        if not pd.api.types.is_numeric_dtype(table[name])
    }
    numbers = [str(name) for name in table.columns if str(name) not in text]
    head = json.dumps({"numbers": numbers, "text": text}).encode("utf-8")
    block = table[numbers].to_numpy(dtype=np.float64, copy=True).T  # whole numbers stay exact
    stream = io.BytesIO()
    np.savez_compressed(
        stream, head=np.frombuffer(head, dtype=np.uint8), block=np.ascontiguousarray(block)
    )
    return stream.getvalue()


def measured_columns(steps: Path, step: Step) -> dict[str, Array]:
    """Read the columns of a finished measurement."""
    path = step_file(steps, step.key, "npz")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            head = json.loads(arrays["head"].tobytes().decode("utf-8"))
            columns = dict(zip(head["numbers"], arrays["block"], strict=True))
    except (OSError, ValueError, KeyError) as error:
        raise UnreadableError(
            "a finished step cannot be read", where=str(path), remedy="start the run again"
        ) from error
    return columns | {name: np.array(values, dtype=object) for name, values in head["text"].items()}
