"""What a reader of the numbers must know of a design: what is missing, unbalanced or entangled."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from cellwright.stats.estimate import FEWEST

__all__ = ["TECHNICAL", "Remark", "Severity", "remarks_on", "some"]

Severity = Literal["error", "warning", "notice"]

TECHNICAL = {"well": ("run", "plate"), "image": ("run",), "field": ("run", "plate", "well")}
"""Technical levels, and what they lie in: their names are there again in each of these."""
_SHOWN = 4


@dataclass(frozen=True)
class Remark:
    """Something that a reader of the numbers must know of the design.

    Attributes
    ----------
    severity
        ``error`` where something cannot be tested, ``warning`` where a number may be wrong.
    text
        One sentence or two: what, and what to do.
    """

    severity: Severity
    text: str


def remarks_on(
    table: pd.DataFrame, conditions: Sequence[str], unit: str, reference: str | None
) -> list[Remark]:
    """Look for what makes comparisons weak or wrong, before any.

    Parameters
    ----------
    table
        One row a picture that takes part, with its ``unit``, all columns of the design filled.
    conditions
        By name, the reference first where there is one.
    unit
        Column of which the units are; empty where no replicate is known.
    reference
        None where nothing is compared.
    """
    remarks = [*_of_replicates(table, conditions, unit), *_of_names(table, unit)]
    return remarks if reference is None else [*remarks, *_of_entanglement(table, conditions, unit)]


def _of_replicates(table: pd.DataFrame, conditions: Sequence[str], unit: str) -> list[Remark]:
    if not unit:
        return [
            Remark(
                "error",
                "No replicate is known, so there is no p: cells and pictures of one dish are not "
                "independent of each other. Name the independent experiment (culture, animal, "
                "donor, day) of each picture in the column replicate of samples.csv.",
            )
        ]
    remarks = []
    lacking = table["unit"] == ""
    if lacking.any():
        remarks.append(
            Remark(
                "warning",
                f"{int(lacking.sum())} pictures have no {unit}; their cells take no part in means "
                "and tests",
            )
        )
    n = {name: table.loc[table["condition"] == name, "unit"] for name in conditions}
    count = {name: len(set(units) - {""}) for name, units in n.items()}
    if few := [f"{name} ({number})" for name, number in count.items() if number < FEWEST]:
        remarks.append(
            Remark(
                "error",
                f"fewer than {FEWEST} replicates, so that no p can be had: {some(few)}; repeat "
                "the experiment, not the pictures",
            )
        )
    if len(set(count.values())) > 1:
        said = [f"{name} {number}" for name, number in count.items()]
        remarks.append(Remark("notice", f"numbers of replicates differ: {some(said, 12)}"))
    if unit in TECHNICAL:
        remarks.append(
            Remark(
                "warning",
                f"{_several(unit)} are taken as replicates, as was asked for: where they are of "
                "one culture or dish they are technical, and p claims too much",
            )
        )
    elif unit != "donor" and _are_wells(table):
        remarks.append(
            Remark(
                "warning",
                "each replicate is one well, and all lie on one plate: wells of one plate, filled "
                "on one day from one culture, are technical replicates; if these are, n is 1",
            )
        )
    return remarks


def _of_names(table: pd.DataFrame, unit: str) -> list[Remark]:
    """Names that may well be one: each would count."""
    remarks = []
    for column, title in (("condition", "conditions"), ("unit", _several(unit))):
        alike: dict[str, list[str]] = {}
        for name in dict.fromkeys(map(str, table[column])):
            alike.setdefault(_heard(name), []).append(name)
        for names in alike.values():
            if len(names) > 1:
                said = " and ".join(repr(name) for name in names[:_SHOWN])
                text = f"{title} {said} are taken as different ones: if they are not, write them "
                remarks.append(Remark("warning", f"{text}alike"))
    return remarks


def _heard(name: str) -> str:
    """A name as one would say it: without case, leading zeros, or what parts letters and digits.

    Examples
    --------
    >>> _heard("Day 01"), _heard("day_1"), _heard("day 10")
    ('day1', 'day1', 'day10')
    """
    text = " ".join(re.split(r"[\s_-]+", unicodedata.normalize("NFKC", name).casefold())).strip()
    text = re.sub(r"(?<![\d.,])0+(?=\d)", "", text)
    return re.sub(r"(?<=[^\W\d]) (?=\d)", "", text)


def _several(unit: str) -> str:
    return {"image": "pictures"}.get(unit, f"{unit}s")


def _are_wells(table: pd.DataFrame) -> bool:
    known = table[(table["unit"] != "") & (table["well"] != "")]
    if not len(known) or len(set(known["plate"])) > 1:
        return False
    wells = known.groupby(["condition", "unit"])["well"].nunique()
    return bool((wells == 1).all()) and len(wells) > 2


def _of_entanglement(table: pd.DataFrame, conditions: Sequence[str], unit: str) -> list[Remark]:
    """Conditions that never shared a plate or batch with the reference."""
    remarks = []
    for column in ("batch", "plate"):
        if column == unit or not any(table[column]):
            continue
        of = {
            name: set(table.loc[table["condition"] == name, column]) - {""} for name in conditions
        }
        shared = of[conditions[0]]
        if apart := [name for name, own in of.items() if own and shared and not own & shared]:
            remarks.append(
                Remark(
                    "warning",
                    f"no {column} has both {conditions[0]} and {some(apart)}: what differs "
                    f"may come of the {column}",
                )
            )
    return remarks


def some(names: Iterable[str], shown: int = _SHOWN) -> str:
    """Names one after the other, at most so many."""
    names = [repr(name) if not name or name != name.strip() else name for name in names]
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more
