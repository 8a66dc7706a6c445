"""Wells and plates of an experiment: what each well shows, and how good each plate is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cellwright.io.pattern import well_name
from cellwright.stats.design import Design, Remark
from cellwright.stats.features import Feature
from cellwright.stats.options import Summary
from cellwright.stats.plate_quality import (
    FEWEST_WELLS,
    edge_effect,
    largest_median,
    robust_z,
    robust_z_prime,
    ssmd,
    z_prime,
)

__all__ = ["PLATE_COLUMNS", "WELL_COLUMNS", "Layout", "layout_of", "plate_rows", "well_rows"]

Numbers = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

WELL_COLUMNS = (
    "feature", "run", "plate", "well", "condition", "role", "at_edge", "n", "value", "robust_z",
    "robust_z_reference", "unit",
)  # fmt: skip
"""Of ``wells.csv``."""

PLATE_COLUMNS = (
    "feature", "run", "plate", "wells_of_plate", "n_wells", "n_reference", "positive_control",
    "n_positive", "z_prime", "z_prime_robust", "ssmd", "edge_difference", "edge_p", "n_edge",
    "n_inner", "row", "row_median", "column", "column_median", "unit", "primary", "note",
)  # fmt: skip
"""Of ``plates.csv``."""

FORMATS = {6: (2, 3), 12: (3, 4), 24: (4, 6), 48: (6, 8), 96: (8, 12), 384: (16, 24),
           1536: (32, 48)}  # fmt: skip
"""Rows and columns of the plates in use, by their number of wells."""

_SHOWN = 4


@dataclass(frozen=True, eq=False)
class Layout:
    """Where the wells are.

    Attributes
    ----------
    wells
        One row a well: ``run, plate, well, row, column, condition, role, at_edge``.
    of_picture
        (P,) place in `wells` of each picture by its number; -1 for none, and at the end.
    size
        Wells of the smallest plate that has all of these.
    reference
        Name of the reference.
    remarks
        What is not clear.
    """

    wells: pd.DataFrame
    of_picture: Codes
    size: int
    reference: str
    remarks: tuple[Remark, ...] = ()


def layout_of(design: Design) -> Layout | None:
    """Find the wells of an experiment; None where no picture has one.

    Parameters
    ----------
    design
        With ``well``, and ``plate`` where there are several in a run. A well of two conditions or
        replicates is no well of one plate, and is left out.
    """
    table = design.pictures
    names = [well_name(str(well).upper()) for well in table["well"]]
    if not any(names):
        return None
    roles = {one.name: one.role for one in design.conditions}
    of_run = table["run"] if "run" in table else [""] * len(table)
    keys = list(zip(of_run, table["plate"], names, strict=True))
    conditions: dict[tuple[str, str, str], set[tuple[str, str]]] = {}
    for key, condition, unit in zip(keys, table["condition"], table["unit"], strict=True):
        if key[2]:
            conditions.setdefault(key, set()).add((str(condition), str(unit)))
    single = sorted(key for key, own in conditions.items() if len(own) == 1)
    if not single:
        return None
    place = {key: number for number, key in enumerate(single)}
    rows, columns = zip(*(_place(key[2]) for key in single), strict=True)
    size, (most_rows, most_columns) = next(
        (size, shape) for size, shape in FORMATS.items()
        if max(rows) <= shape[0] and max(columns) <= shape[1]
    )  # fmt: skip
    own = [next(iter(conditions[key]))[0] for key in single]
    wells = pd.DataFrame(
        {
            "run": [key[0] for key in single], "plate": [key[1] for key in single],
            "well": [key[2] for key in single], "row": rows, "column": columns, "condition": own,
            "role": [roles[name] for name in own],
            "at_edge": [
                row in {1, most_rows} or column in {1, most_columns}
                for row, column in zip(rows, columns, strict=True)
            ],
        }
    )  # fmt: skip
    of_picture = np.full(int(table["picture"].max()) + 2, -1, np.int64)
    of_picture[table["picture"].to_numpy(np.int64)] = [place.get(key, -1) for key in keys]
    remarks = _said(len(conditions) - len(single), names)
    return Layout(wells, of_picture, size, design.reference.name, remarks)


def _place(well: str) -> tuple[int, int]:
    """Row and column, from 1."""
    letters = well.rstrip("0123456789")
    row = ord(letters[-1]) - ord("A") + 1 + 26 * (len(letters) - 1)
    return row, int(well[len(letters) :])


def _said(several: int, names: Sequence[str]) -> tuple[Remark, ...]:
    said = []
    if several:
        said.append(
            f"{several} wells have pictures of several conditions or replicates and are left out "
            "of plates.csv: name the plate of each picture in samples.csv"
        )
    if unknown := sum(not name for name in names):
        said.append(f"{unknown} pictures have no well such as B03 and are left out of plates.csv")
    return tuple(Remark("notice", text) for text in said)


def well_rows(
    layout: Layout, feature: Feature, values: Numbers, pictures: Codes, summary: Summary = "mean"
) -> pd.DataFrame:
    """One number a well: `WELL_COLUMNS`, with ``row`` and ``column``.

    Parameters
    ----------
    feature
        What it is.
    values, pictures
        (N,) numbers, and the number of the picture of each; -1 for none.
    summary
        Of the cells, or pictures, of a well.
    """
    of = layout.of_picture[np.where(pictures < layout.of_picture.size, pictures, -1)]
    known = np.isfinite(values) & (of >= 0)
    groups = pd.Series(values[known]).groupby(of[known])
    found = groups.median() if summary == "median" else groups.mean()
    every = np.arange(len(layout.wells))
    table = layout.wells.assign(
        feature=feature.name, unit=feature.unit,
        value=found.reindex(every).to_numpy(np.float64),
        n=groups.size().reindex(every, fill_value=0).to_numpy(np.int64),
    )  # fmt: skip
    for here in table.groupby(["run", "plate"], sort=False).groups.values():
        own = table.loc[here, "value"].to_numpy(np.float64)
        reference = own[(table.loc[here, "condition"] == layout.reference).to_numpy()]
        table.loc[here, "robust_z"] = robust_z(own, own)
        table.loc[here, "robust_z_reference"] = robust_z(own, reference)
    return table


def plate_rows(
    layout: Layout, feature: Feature, wells: pd.DataFrame, positive: Sequence[str]
) -> Iterable[Mapping[str, Any]]:
    """Quality of each plate, with each positive control: rows of `PLATE_COLUMNS`.

    Parameters
    ----------
    wells
        Of `well_rows`.
    positive
        Names of the positive controls.
    """
    for (run, plate), here in wells.groupby(["run", "plate"], sort=False):
        own = here[np.isfinite(here["value"])]
        known = {
            "feature": feature.name, "run": run, "plate": plate, "wells_of_plate": layout.size,
            "n_wells": len(own), "unit": feature.unit, **_of_places(own),
        }  # fmt: skip
        present = [name for name in positive if (own["condition"] == name).any()]
        for name in present or [""]:
            yield known | _of_controls(own, name, layout.reference)


def _of_places(wells: pd.DataFrame) -> dict[str, Any]:
    """What the edge, a row and a column do."""
    values = wells["value"].to_numpy(np.float64)
    codes = pd.factorize(wells["condition"])[0].astype(np.int64)
    edge = edge_effect(values, codes, wells["at_edge"].to_numpy(bool))
    about = values - wells.groupby("condition")["value"].transform("median").to_numpy(np.float64)
    row, row_median = largest_median(about, wells["row"].to_numpy(np.int64))
    column, column_median = largest_median(about, wells["column"].to_numpy(np.int64))
    return {
        "edge_difference": edge.difference, "edge_p": edge.p, "n_edge": edge.n_edge,
        "n_inner": edge.n_inner, "row": _row_name(row), "row_median": row_median,
        "column": column if column > 0 else None, "column_median": column_median,
    }  # fmt: skip


def _row_name(row: int) -> str:
    if row < 1:
        return ""
    return chr(ord("A") + row - 1) if row <= 26 else "A" + chr(ord("A") + row - 27)


def _of_controls(wells: pd.DataFrame, positive: str, reference: str) -> dict[str, Any]:
    """How well two controls are told apart, and why not."""
    ours, theirs = (
        wells.loc[wells["condition"] == name, "value"].to_numpy(np.float64)
        for name in (positive, reference)
    )
    why = ""
    if not positive:
        why = "no Z': no positive control is on this plate; name it with --positive or in role"
    elif min(ours.size, theirs.size) < FEWEST_WELLS:
        why = (
            f"no Z': {FEWEST_WELLS} wells of each control are the fewest; {positive} has "
            f"{ours.size}, {reference} {theirs.size}"
        )
    quality = z_prime(ours, theirs)
    if not why and math.isnan(quality):
        why = "no Z': both controls have the same mean"
    return {
        "n_reference": theirs.size, "positive_control": positive, "n_positive": ours.size,
        "z_prime": quality, "z_prime_robust": robust_z_prime(ours, theirs),
        "ssmd": ssmd(ours, theirs), "note": why,
    }  # fmt: skip
