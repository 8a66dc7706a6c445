"""Means of replicates as GraphPad Prism has its tables: ready to be imported or pasted.

A column table has a column for each condition and a row for each replicate, whose name is the
title of the row. An XY table has the dose as X, and replicates side by side.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from cellwright.core.errors import UsageError
from cellwright.io.csv_text import escape
from cellwright.io.export import Export, ExportFormat

__all__ = ["PRISM"]

_LONGEST = 80
"""Letters of a file's name that are kept."""


def write_prism(export: Export, folder: Path) -> None:
    """Write a column table for each feature, and an XY table for each compound with doses.

    Raises
    ------
    UsageError
        If no replicate is known: cells are no replicates.
    """
    if not export.unit or not len(export.replicates):
        raise UsageError(
            "no replicate is known, and a table for Prism has a row for each",
            remedy="name condition and replicate of each picture in samples.csv: --samples",
        )
    conditions = [str(name) for name in export.conditions["condition"]]
    compounds = _compounds(export.conditions)
    tables: dict[str, list[list[str]]] = {}
    for feature in export.means:
        values = _values(export.replicates, feature.name)
        tables[feature.name] = _columns(export.unit, values, conditions)
        for compound, unit, doses in compounds:
            name = f"{feature.name}_by_dose" + (f"_{compound}" if compound else "")
            tables[name] = _by_dose(values, doses, unit)
    for file, rows in zip(file_names(list(tables)), tables.values(), strict=True):
        with (folder / file).open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream, lineterminator="\n").writerows(rows)


Values = Mapping[tuple[str, str], float]


def _values(replicates: pd.DataFrame, feature: str) -> Values:
    """Means by condition and replicate; those that are not known are left out."""
    keys = zip(replicates["condition"], replicates["replicate"], strict=True)
    every = dict(zip(keys, replicates[feature], strict=True))
    return {key: float(value) for key, value in every.items() if not math.isnan(value)}


def _columns(unit: str, values: Values, conditions: Sequence[str]) -> list[list[str]]:
    units = sorted({replicate for _, replicate in values})
    return [
        [unit, *map(_text, conditions)],
        *([_text(one), *(_number(values, (name, one)) for name in conditions)] for one in units),
    ]


def _compounds(conditions: pd.DataFrame) -> list[tuple[str, str, list[tuple[float, str]]]]:
    """Name and unit of each compound with doses above 0, and its conditions in their order.

    Conditions of dose 0 belong to all compounds.
    """
    known = conditions[conditions["dose"].notna()]
    zero = [(0.0, str(name)) for name in known.loc[known["dose"] == 0, "condition"]]
    found = []
    for compound, own in known[known["dose"] > 0].groupby("compound", sort=False):
        doses = sorted(zip(own["dose"].astype(float), map(str, own["condition"]), strict=True))
        found.append((str(compound), str(own["dose_unit"].iloc[0]), [*zero, *doses]))
    return found


def _by_dose(values: Values, doses: Sequence[tuple[float, str]], unit: str) -> list[list[str]]:
    names = {name for _, name in doses}
    units = sorted({replicate for name, replicate in values if name in names})
    return [
        [_text(f"dose ({unit})" if unit else "dose"), *map(_text, units)],
        *([repr(dose), *(_number(values, (name, one)) for one in units)] for dose, name in doses),
    ]


def _number(values: Values, key: tuple[str, str]) -> str:
    return repr(values[key]) if key in values else ""


def _text(text: str) -> str:
    return escape(" ".join(text.split()))


def file_names(names: Iterable[str]) -> list[str]:
    """Give a file name to each table, no two of which are one where case is ignored.

    Examples
    --------
    >>> file_names(["area_um2", "mean_a/b", "Mean_a b"])
    ['area_um2.csv', 'mean_a_b.csv', 'Mean_a_b-2.csv']
    """
    found: list[str] = []
    taken: set[str] = set()
    for name in names:
        plain = re.sub(r"[^\w.-]+", "_", name)[:_LONGEST].strip(".") or "feature"
        file, number = plain, 1
        while file.casefold() in taken:
            number += 1
            file = f"{plain}-{number}"
        taken.add(file.casefold())
        found.append(f"{file}.csv")
    return found


PRISM = ExportFormat(
    "prism", "a folder with a table of replicate means for each feature", write_prism,
    is_folder=True, of_cells=False,
)  # fmt: skip
