"""One number a replicate: what is compared, and how many cells it is of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd

from cellwright.stats.design import Design
from cellwright.stats.options import Summary

__all__ = ["Groups", "Values", "groups_of", "values_of"]

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Groups:
    """Which row is of which condition and replicate.

    Attributes
    ----------
    keys
        (condition, unit) of each group; the unit is empty where no replicate is known.
    codes
        (N,) place in `keys` of each row; -1 for rows that take no part.
    """

    keys: tuple[tuple[str, str], ...]
    codes: npt.NDArray[np.int64]

    @cached_property
    def _rows(self) -> list[npt.NDArray[np.int64]]:
        """Rows of each group."""
        order = np.argsort(self.codes, kind="stable")
        starts = np.searchsorted(self.codes[order], np.arange(len(self.keys) + 1))
        return [order[first:last] for first, last in pairwise(starts)]

    def rows(self, condition: str, units: Sequence[str] = ()) -> npt.NDArray[np.int64]:
        """Rows of a condition, or of some of its replicates."""
        found = [
            rows
            for (name, unit), rows in zip(self.keys, self._rows, strict=True)
            if name == condition and (not units or unit in units)
        ]
        return np.concatenate([np.zeros(0, np.int64), *found])


@dataclass(frozen=True, eq=False)
class Values:
    """A feature in one condition.

    Attributes
    ----------
    units
        Replicates that have a value, in order.
    values
        (N,) one summary for each of them.
    n
        Of how many rows, those of no replicate left out where there are replicates.
    mean
        Mean of the replicates; of the cells where no replicate is known.
    counts
        (N,) rows of each replicate.
    """

    units: tuple[str, ...]
    values: Numbers
    n: int
    mean: float
    counts: npt.NDArray[np.int64]

    def among(self, units: Sequence[str]) -> Values:
        """The same of some replicates only, in their order."""
        places = [self.units.index(unit) for unit in units]
        values, counts = self.values[places], self.counts[places]
        return Values(tuple(units), values, int(counts.sum()), float(values.mean()), counts)


def groups_of(design: Design, pictures: npt.NDArray[np.int64]) -> Groups:
    """Tell condition and replicate of each row.

    Parameters
    ----------
    design
        The design.
    pictures
        (N,) picture of each row, as the number in ``design.pictures["picture"]``; -1 for none.
    """
    table = design.pictures
    keep = (table["unit"] != "") if design.unit else np.ones(len(table), bool)
    kept = table[keep]
    pairs = list(zip(kept["condition"], kept["unit"], strict=True))
    keys = tuple(sorted(set(pairs)))
    place = {key: number for number, key in enumerate(keys)}
    most = max(int(pictures.max(initial=-1)), int(table["picture"].max()))
    of_picture = np.full(most + 2, -1, np.int64)  # the last one stands for none
    of_picture[kept["picture"].to_numpy(np.int64)] = [place[pair] for pair in pairs]
    return Groups(keys, of_picture[pictures])


def values_of(
    groups: Groups, values: npt.ArrayLike, summary: Summary = "mean"
) -> Mapping[str, Values]:
    """Summarise a feature for each replicate of each condition.

    Parameters
    ----------
    groups
        Of the rows.
    values
        (N,) numbers; NaN and infinite ones do not count.
    summary
        What stands for a replicate.

    Returns
    -------
    dict
        By condition; one without a single value has no units and a mean of NaN.
    """
    numbers: Numbers = np.asarray(values, np.float64)
    known = np.isfinite(numbers) & (groups.codes >= 0)
    codes, numbers = groups.codes[known], numbers[known]
    n = np.bincount(codes, minlength=len(groups.keys))
    if summary == "median":
        centres = _medians(codes, numbers, len(groups.keys))
    else:
        centres = np.bincount(codes, numbers, minlength=len(groups.keys)) / np.maximum(n, 1)
    found = {}
    for condition in dict.fromkeys(condition for condition, _ in groups.keys):
        here = [
            number for number, key in enumerate(groups.keys) if key[0] == condition and n[number]
        ]
        own = centres[here]
        found[condition] = Values(
            tuple(groups.keys[number][1] for number in here),
            own,
            int(n[here].sum()),
            float(own.mean()) if own.size else np.nan,
            n[here].astype(np.int64),
        )
    return found


def _medians(codes: npt.NDArray[np.int64], numbers: Numbers, count: int) -> Numbers:
    found: Numbers = np.full(count, np.nan)
    medians = pd.Series(numbers).groupby(codes).median()
    found[medians.index] = medians.to_numpy()
    return found
