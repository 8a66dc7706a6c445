"""What a comparison says beyond its conditions: of doses, of plates, of the next experiment."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from cellwright.stats.comparing import Comparison
from cellwright.stats.design import Remark
from cellwright.stats.dose_series import response_table, trend_table
from cellwright.stats.features import is_share, numbers
from cellwright.stats.next_experiment import planned, power_table
from cellwright.stats.plates import (
    PLATE_COLUMNS,
    WELL_COLUMNS,
    Layout,
    layout_of,
    plate_rows,
    well_rows,
)

__all__ = ["FURTHER", "with_further"]

FURTHER = ("trends", "dose_response", "plates", "wells", "power")
"""Names of the tables."""


def with_further(
    comparison: Comparison, cells: pd.DataFrame, pictures: npt.NDArray[np.int64]
) -> Comparison:
    """Add the tables `FURTHER`, those without a row left out.

    Parameters
    ----------
    comparison
        Of these cells.
    cells, pictures
        As for `cellwright.stats.comparing.compare_features`.

    Raises
    ------
    UsageError
        If ``detect`` is no difference, or in the unit of many features.
    """
    design, plan = comparison.design, comparison.plan
    planned(plan)
    known = design, comparison.replicates, comparison.features, plan
    tables = {"trends": trend_table(*known), "dose_response": response_table(*known)}
    remarks: tuple[Remark, ...] = ()
    layout = layout_of(design)
    if layout is not None:
        tables["plates"], tables["wells"] = _of_plates(comparison, layout, cells, pictures)
        remarks = layout.remarks
    tables["power"] = power_table(comparison.table, comparison.replicates, plan)
    told = {name: tables[name] for name in FURTHER if name in tables and len(tables[name])}
    return replace(comparison.with_remarks(remarks), further=told)


def _of_plates(
    comparison: Comparison, layout: Layout, cells: pd.DataFrame, pictures: npt.NDArray[np.int64]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tables of plates and of wells."""
    design, plan = comparison.design, comparison.plan
    positive = [one.name for one in design.conditions if one.role == "positive control"]
    of_pictures = design.pictures["picture"].to_numpy(np.int64)
    rows, every = [], []
    for feature in comparison.features:
        table, of = (cells, pictures) if feature.of == "cells" else (design.pictures, of_pictures)
        values = numbers(feature, table)
        summary = "mean" if is_share(values) else plan.summary
        wells = well_rows(layout, feature, values, of, summary)
        every.append(wells[wells["n"] > 0])
        is_primary = feature.name == plan.primary
        rows += [
            {**row, "primary": is_primary} for row in plate_rows(layout, feature, wells, positive)
        ]
    plates = pd.DataFrame(rows, columns=list(PLATE_COLUMNS))
    return plates, pd.concat(every, ignore_index=True)[list(WELL_COLUMNS)]
