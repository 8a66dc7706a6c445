"""The tables of one plane set: filters, features, counting, compartments, and what sums it up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cellwright.core.errors import UsageError
from cellwright.core.image import Array
from cellwright.engine.journal import Step
from cellwright.engine.keys import array_hash
from cellwright.engine.run_folder import step_file, write_step_file
from cellwright.io.region_file import read_region
from cellwright.measure.compartments import measure_compartments
from cellwright.measure.counting import count_plane
from cellwright.measure.layer import find_gaps, layer_facts
from cellwright.measure.separation import coverage, separation
from cellwright.measure.table import loaded_features, measure_plane
from cellwright.pipeline.filtering import NUCLEUS, filtered, nuclei_of
from cellwright.pipeline.labelling import Labelled, encoded
from cellwright.pipeline.packing import packed, unpacked
from cellwright.pipeline.planes import Planes
from cellwright.pipeline.unit import Unit, measure_key

__all__ = ["FILTERED", "NUCLEUS", "measure_cells", "measured_columns"]

FILTERED = "filtered.tif"
"""Ending of the file of labels that a filter left, where it removed any; of another kind than
the main one, after its name."""


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
    steps = Path(unit.steps)
    files: dict[str, str] = {}
    if kept is not main:
        files |= write_step_file(steps, key, FILTERED, encoded(kept, unit))
    areas = np.unique(kept[kept > 0], return_counts=True)[1]
    facts: dict[str, Any] = {
        "n_cells": int(areas.size),
        "removed": {name: int(n) for name, n in left.removed.items()},
        "separation": number(_separation(planes, unit, kept)),
        "coverage": number(coverage(kept)),
        "area_median_px": number(float(np.median(areas)) if areas.size else float("nan")),
        "labels_hash": array_hash(kept),
    }
    nuclei = labelled.labels.get(NUCLEUS)
    if nuclei is not None and labelled.step.facts["main"] != NUCLEUS:
        inside = nuclei_of(nuclei, main, kept)
        if inside is not nuclei:
            files |= write_step_file(steps, key, f"{NUCLEUS}.{FILTERED}", encoded(inside, unit))
        nuclei = inside
    else:
        nuclei = None
    if left.table is not None and unit.measure:
        measured = _tables(unit, planes, kept, nuclei, left.table)
        facts |= measured.facts
        for name, table in measured.tables.items():
            files |= write_step_file(steps, key, name, packed(table))
    return Step("measure", key, files, facts)


@dataclass(frozen=True, eq=False)
class _Measured:
    """Tables by the ending of their file, and what is known of the plane set as a whole."""

    tables: Mapping[str, pd.DataFrame]
    facts: Mapping[str, Any]


def _tables(
    unit: Unit,
    planes: Planes,
    cells: Array,
    nuclei: Array | None,
    table: pd.DataFrame,
) -> _Measured:
    region = read_region(Path(unit.region), cells.shape, unit.image) if unit.region else None
    counted = count_plane(table, cells, region)
    counting = {name: number(value) for name, value in counted.facts.items()}
    facts: dict[str, Any] = {
        "counting": counting | {"reason": counted.reason},
        "flat": [name for name in planes.measured if name not in planes.channels],
    }
    table = table.assign(**counted.columns)
    layer = layer_facts(find_gaps(cells), table)
    facts["layer"] = {name: number(value) for name, value in layer.items()}
    if nuclei is None:
        return _Measured({"npz": table}, facts)
    found = measure_compartments(nuclei, cells, planes.measured, unit.spacing)
    table = pd.concat([table, found.cells.drop(columns="label")], axis=1)
    of_nuclei = measure_plane(nuclei, planes.measured, unit.spacing, loaded_features(unit.features))
    of_nuclei = of_nuclei.assign(**count_plane(of_nuclei, nuclei, region).columns)
    of_nuclei = pd.concat([of_nuclei, found.nuclei.drop(columns="label")], axis=1)
    facts |= {"nuclei": {"n_nuclei": len(of_nuclei), **found.facts}}
    return _Measured({"npz": table, f"{NUCLEUS}.npz": of_nuclei}, facts)


def _separation(planes: Planes, unit: Unit, labels: Array) -> float:
    """How well the labels part the plane in which they were found; NaN for a volume."""
    if labels.ndim != 2:
        return float("nan")
    plane = planes.main(unit.channel)
    return separation(plane if plane.ndim == 2 else plane.mean(axis=-1), labels)


def number(value: Any) -> Any:
    """Give a value as JSON can hold it: None for NaN, plain numbers for NumPy's."""
    if isinstance(value, str | bool | None):
        return value
    if isinstance(value, int | np.integer):
        return int(value)
    return None if np.isnan(value) else float(value)


def measured_columns(steps: Path, step: Step, kind: str = "") -> dict[str, Array] | None:
    """Read the columns of a finished measurement.

    Parameters
    ----------
    steps, step
        Folder of the finished steps, and the step.
    kind
        Kind of the objects; empty for the main one.

    Returns
    -------
    dict or None
        None if there is no table of this kind.
    """
    ending = f"{kind}.npz" if kind else "npz"
    if ending not in step.files:
        return None
    return unpacked(step_file(steps, step.key, ending))
