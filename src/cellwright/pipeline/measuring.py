"""The table of one plane set: filters, features, and what sums it up."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cellwright.core.errors import UnreadableError, UsageError
from cellwright.core.image import Array
from cellwright.engine.journal import Step
from cellwright.engine.keys import array_hash
from cellwright.engine.run_folder import step_file, write_step_file
from cellwright.measure.filters import apply_rules, parse_rule
from cellwright.measure.separation import coverage, separation
from cellwright.measure.table import measure_plane
from cellwright.pipeline.labelling import Labelled, encoded
from cellwright.pipeline.planes import Planes, finite
from cellwright.pipeline.unit import Unit, measure_key

__all__ = ["FILTERED", "measure_cells", "measured_table"]

FILTERED = "filtered.tif"
"""Ending of the file of labels that a filter left, where it removed any."""


def measure_cells(unit: Unit, planes: Planes, read: Step, labelled: Labelled) -> Step:
    """Filter and measure the objects of a plane set; gives the finished step."""
    key = measure_key(unit, read.facts, labelled.step.facts)
    main = labelled.main
    if main.ndim != 2:
        raise UsageError(
            "volumes cannot be measured yet", remedy="project the stack with --project max"
        )
    rules = [parse_rule(text) for text in unit.filters]
    kept, removed = main, dict.fromkeys(unit.filters, 0)
    table: pd.DataFrame | None = None
    if unit.measure or rules:
        table = measure_plane(main, planes.channels, unit.spacing)
    if rules and table is not None:
        keep, removed = apply_rules(table, rules)
        if not keep.all():
            kept = _kept(main, table["label"].to_numpy()[keep])
            table = measure_plane(kept, planes.channels, unit.spacing)
    files: dict[str, str] = {}
    steps = Path(unit.steps)
    if kept is not main:
        files |= write_step_file(steps, key, FILTERED, encoded(kept, unit))
    if table is not None and unit.measure:
        files |= write_step_file(steps, key, "npz", _packed(table))
    plane = planes.whole if planes.whole is not None else planes.main(unit.channel)
    grey = plane if plane.ndim == 2 else plane.mean(axis=-1)
    areas = np.unique(kept[kept > 0], return_counts=True)[1]
    facts = {
        "n_cells": int(areas.size),
        "removed": {name: int(n) for name, n in removed.items()},
        "separation": _number(separation(finite(grey), kept)),
        "coverage": _number(coverage(kept)),
        "area_median_px": _number(float(np.median(areas)) if areas.size else float("nan")),
        "labels_hash": array_hash(kept),
    }
    return Step("measure", key, files, facts)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _kept(labels: Array, keep: Array) -> Array:
    """Labels without those that a rule removed; the others keep their numbers."""
    present, place = np.unique(labels, return_inverse=True)
    stays = np.where(np.isin(present, keep), present, 0).astype(labels.dtype)
    return np.asarray(stays[place.reshape(labels.shape)])


def _packed(table: pd.DataFrame) -> bytes:
    stream = io.BytesIO()
    arrays: dict[str, Any] = {
        "names": np.frombuffer(json.dumps(list(table.columns)).encode("utf-8"), dtype=np.uint8)
    }
    for number, name in enumerate(table.columns):
        values = table[name].to_numpy()
        arrays[str(number)] = values.astype(str) if values.dtype == object else values
    np.savez_compressed(stream, allow_pickle=False, **arrays)
    return stream.getvalue()


def measured_table(steps: Path, step: Step) -> pd.DataFrame:
    """Read the table of a finished measurement."""
    path = step_file(steps, step.key, "npz")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            names = json.loads(arrays["names"].tobytes().decode("utf-8"))
            return pd.DataFrame({name: arrays[str(i)] for i, name in enumerate(names)})
    except (OSError, ValueError, KeyError) as error:
        raise UnreadableError(
            "a finished step cannot be read", where=str(path), remedy="start the run again"
        ) from error
