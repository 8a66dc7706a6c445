"""The design of an experiment: what was compared with what, and how often independently."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from cellwright.core.errors import UsageError
from cellwright.io.name_parts import part_name
from cellwright.io.samples import is_ambiguous
from cellwright.stats.design_remarks import TECHNICAL, Remark, Severity, remarks_on, some
from cellwright.stats.doses import in_one_unit

__all__ = [
    "DESIGN",
    "Condition",
    "Design",
    "Remark",
    "Role",
    "Severity",
    "design_of",
    "filled",
    "unit_column",
]

DESIGN = (
    "condition", "replicate", "donor", "batch", "plate", "well", "field", "compound", "dose",
    "dose_unit", "time", "role",
)  # fmt: skip
"""Columns that say what a picture is of."""

Role = Literal["reference", "positive control", "test", "left out"]

_NUMBERED = ("replicate", "donor", "batch", "plate")
_WHOLE = re.compile(r"^(\d+)\.0+$")  # a number that some program wrote with a fraction of nothing
_POSITIVE = {"positive control", "positive", "pos", "pos ctrl"}
_LEFT_OUT = {"blank", "empty", "ignore"}


@dataclass(frozen=True)
class Condition:
    """What was done to some of the cells.

    Attributes
    ----------
    name
        As it was written.
    role
        What it is for, known before any number is.
    compound, dose, dose_unit
        What was given, and how much in the unit of the compound's other doses; empty and None
        where it is not known. The reference has a dose of 0.
    """

    name: str
    role: Role
    compound: str = ""
    dose: float | None = None
    dose_unit: str = ""


@dataclass(frozen=True, eq=False)
class Design:
    """Conditions, replicates and pictures.

    Attributes
    ----------
    pictures
        One row a picture (or a group of cells, where a table tells of no pictures) that takes
        part: `DESIGN`, all text, ``image``, ``n_cells``, and ``unit``: the replicate.
    conditions
        The reference first, then as they were found; doses in ascending order.
    unit
        Column whose values are independent replicates; empty if none is known.
    remarks
        What is missing, unbalanced or entangled.
    """

    pictures: pd.DataFrame
    conditions: tuple[Condition, ...]
    unit: str
    remarks: tuple[Remark, ...]

    @property
    def reference(self) -> Condition:
        """What all others are compared with."""
        return self.conditions[0]

    @property
    def others(self) -> tuple[Condition, ...]:
        """Conditions that are compared with the reference."""
        return self.conditions[1:]

    def units(self, condition: str) -> tuple[str, ...]:
        """Replicates of a condition, in order."""
        here = self.pictures[self.pictures["condition"] == condition]
        return tuple(sorted({unit for unit in here["unit"] if unit}))

    def table(self) -> pd.DataFrame:
        """One row a condition: its role and dose, and how many there are of each level."""
        rows = []
        for one in self.conditions:
            here = self.pictures[self.pictures["condition"] == one.name]
            rows.append(
                {
                    "condition": one.name, "role": one.role, "compound": one.compound,
                    "dose": one.dose, "dose_unit": one.dose_unit,
                    "n_replicates": len(self.units(one.name)),
                    "n_plates": _count(here, ["plate"]),
                    "n_wells": _count(here, ["plate", "well"]),
                    "n_images": _count(here, ["run", "image"]),
                    "n_cells": int(here["n_cells"].sum()),
                }
            )  # fmt: skip
        return pd.DataFrame(rows)


def _count(pictures: pd.DataFrame, levels: Sequence[str]) -> int | None:
    """How many different; None where the last level is not known."""
    known = pictures[pictures[levels[-1]] != ""]
    return len(known[[*levels]].drop_duplicates()) if len(known) else None


def design_of(
    pictures: pd.DataFrame,
    reference: str | None,
    *,
    unit: str | None = None,
    positive: Iterable[str] = (),
) -> Design:
    """Understand the design, and say what is missing or unbalanced before any test.

    Parameters
    ----------
    pictures
        One row a picture, with ``n_cells`` and any of `DESIGN`, ``image`` and ``run``; text,
        empty where not known.
    reference
        Name of the condition that all are compared with; None to describe all, and compare none.
    unit
        Column whose values are independent; by default the donor where one is stated, else the
        replicate.
    positive
        Conditions that are positive controls, besides those of which the column ``role`` says it.

    Raises
    ------
    UsageError
        If there is no such condition, column or dose, or a picture has two.
    """
    table = filled(pictures)
    remarks: list[Remark] = []
    without = table["condition"] == ""
    if without.any():
        remarks.append(
            Remark(
                "warning",
                f"{int(without.sum())} of {len(table)} pictures have no condition and take no "
                "part: name it in samples.csv",
            )
        )
    table = table[~without].reset_index(drop=True)
    names = list(dict.fromkeys(table["condition"]))
    _check_reference(names, reference)
    roles = _roles(table, names, reference, positive)
    if left_out := [name for name in names if roles[name] == "left out"]:
        remarks.append(Remark("notice", f"left out by their role: {some(left_out)}"))
        table = table[~table["condition"].isin(left_out)].reset_index(drop=True)
    column = _unit(table, unit)
    table["unit"] = _named_apart(table, column) if column else ""
    conditions = _conditions(table, roles, reference)
    remarks += remarks_on(table, [one.name for one in conditions], column, reference)
    return Design(table, conditions, column, tuple(remarks))


def filled(pictures: pd.DataFrame) -> pd.DataFrame:
    """All columns as text without blanks around it; what is not there is empty."""
    texts = {name: _text(pictures, name) for name in ("run", "image", *DESIGN)}
    for name in _NUMBERED:
        texts[name] = np.array([_WHOLE.sub(r"\1", text) for text in texts[name]] + [None])[:-1]
    others = {str(name): pictures[name] for name in pictures.columns if name not in texts}
    return pd.DataFrame({**texts, **others}, index=pictures.index)


def _text(table: pd.DataFrame, name: str) -> npt.NDArray[np.object_]:
    if name not in table:
        return np.full(len(table), "", dtype=object)
    found = [_plain(value) for value in table[name]]
    return np.array([*found, None], dtype=object)[:-1]


def _plain(value: object) -> str:
    if value is None or value is pd.NA or value is pd.NaT:
        return ""
    if isinstance(value, float):
        if math.isnan(value):
            return ""
        if value.is_integer():
            return str(int(value))  # a replicate 2 that was read as 2.0
    return str(value).strip()


def _check_reference(names: Sequence[str], reference: str | None) -> None:
    if not names:
        raise UsageError(
            "no picture has a condition",
            remedy="say with --samples samples.csv which picture is what",
        )
    if reference is None:
        return
    if reference not in names:
        raise UsageError(
            f"there is no condition {reference!r} to compare with",
            remedy=f"the conditions are {some(names, 12)}: name one with --reference",
        )
    if len(names) < 2:
        raise UsageError(
            f"{names[0]!r} is the only condition: there is nothing to compare it with",
            remedy="give the pictures of another condition as well",
        )


def _roles(
    table: pd.DataFrame, names: Sequence[str], reference: str | None, positive: Iterable[str]
) -> dict[str, Role]:
    positive = set(positive)
    if unknown := positive - set(names):
        raise UsageError(
            f"there is no condition {some(sorted(unknown))} to be a positive control",
            remedy=f"the conditions are {some(names, 12)}",
        )
    if reference in positive:
        raise UsageError(
            f"{reference!r} cannot be both the reference and a positive control",
            remedy="name another --reference",
        )
    roles: dict[str, Role] = {}
    for name in names:
        said = {role.casefold() for role in table.loc[table["condition"] == name, "role"]} - {""}
        if name == reference:
            roles[name] = "reference"
        elif name in positive or said & _POSITIVE:
            roles[name] = "positive control"
        elif said & _LEFT_OUT:
            roles[name] = "left out"
        else:
            roles[name] = "test"
    return roles


def _unit(table: pd.DataFrame, unit: str | None) -> str:
    """Which column tells independent replicates; empty if none does."""
    if unit is not None:
        if unit not in table.columns or not any(_text(table, unit)):
            raise UsageError(
                f"there is no column {unit!r} that could tell replicates",
                remedy="choose one of samples.csv, such as replicate or donor",
            )
        table[unit] = _text(table, unit)
        return unit
    return unit_column(table)


def _named_apart(table: pd.DataFrame, unit: str) -> list[str]:
    """Replicates by name, with the plate or run in front where these have names in common."""
    levels = [name for name in TECHNICAL.get(unit, ()) if len(set(table[name])) > 1]
    rows = zip(*(table[name] for name in (*levels, unit)), strict=True)
    return ["/".join(filter(None, row)) if row[-1] else "" for row in rows]


def unit_column(pictures: pd.DataFrame) -> str:
    """Which column tells independent replicates: the donor's where one is stated; "" for none.

    Examples
    --------
    >>> unit_column(pd.DataFrame({"donor": ["", ""], "replicate": ["1", "2"]}))
    'replicate'
    """
    return next((name for name in ("donor", "replicate") if any(pictures[name])), "")


def _conditions(
    table: pd.DataFrame, roles: dict[str, Role], reference: str | None
) -> tuple[Condition, ...]:
    first = table.drop_duplicates("condition").set_index("condition")
    told = {name: _told_dose(table[table["condition"] == name], name) for name in first.index}
    by_compound: dict[str, list[str]] = {}
    for name, (compound, value, _) in told.items():
        if value is not None and name != reference:
            by_compound.setdefault(compound, []).append(str(name))
    found: dict[str, Condition] = {}
    for compound, members in by_compound.items():
        given = [(told[name][1] or 0.0, told[name][2]) for name in members]
        doses, unit = in_one_unit(given)
        for name, dose in zip(members, doses, strict=True):
            found[name] = Condition(name, roles[name], compound, dose, unit)
    for name in first.index:
        if name not in found:
            found[str(name)] = Condition(str(name), roles[name], told[name][0])
    place = {compound: rank for rank, compound in enumerate(by_compound)}
    order = {name: rank for rank, name in enumerate(first.index)}
    others = sorted(
        (one for name, one in found.items() if name != reference),
        key=lambda one: (
            (order[by_compound[one.compound][0]], one.dose)
            if one.dose is not None and one.compound in place
            else (order[one.name], 0.0)
        ),
    )
    if reference is None:
        return tuple(others)
    return (Condition(reference, "reference", told[reference][0], 0.0), *others)


def _told_dose(rows: pd.DataFrame, name: str) -> tuple[str, float | None, str]:
    """Compound, dose and unit of a condition: of its columns, else of its name."""
    columns = {}
    for column in ("compound", "dose", "dose_unit"):
        values = sorted({str(value) for value in rows[column]} - {""})
        if column == "dose" and len({_dose(value, name) for value in values}) == 1:
            values = values[:1]  # 10 and 10.0
        if len(values) > 1:
            raise UsageError(
                f"pictures of the condition {name!r} have several {column}s: {some(values)}",
                remedy="give each dose a condition of its own",
            )
        columns[column] = values[0] if values else ""
    if columns["dose"]:
        return columns["compound"], _dose(columns["dose"], name), columns["dose_unit"]
    parts = part_name(name)
    if parts.dose and not columns["compound"]:
        return " ".join(parts.words), float(parts.dose), parts.dose_unit
    return columns["compound"], None, ""


def _dose(text: str, condition: str) -> float:
    try:
        value = math.nan if is_ambiguous(text) else float(text.replace(",", "."))
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise UsageError(
            f"the dose of the condition {condition!r} is {text!r}, no number from 0 on",
            remedy="write the number in dose, with a point and without marks of thousands, and its "
            "unit in dose_unit",
        )
    return value
