"""What a person saw who looked at outlines without knowing their condition: rates of errors.

A rate has an interval in which cells are taken as independent (E. B. Wilson, J. Am. Stat. Assoc.
22, 1927), and from three replicates on one over these (Student's t), as cells of one dish are
alike. The wider of the two is the one to report.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from cellwright.stats.estimate import FEWEST

__all__ = ["ERRORS", "KINDS", "LEVEL", "SEED", "Judged", "error_rates", "objects_per_outline"]

LEVEL = 0.95
SEED = 19270622
"""Of permutations and draws, so that equal answers give equal numbers (any would do)."""

KINDS = ("right", "merged", "split", "false", "wrong_type")
"""What a person says of one outline."""
ERRORS = ("merged", "split", "false", "wrong_type", "missed")
"""Kinds of errors whose rates are compared between conditions."""

MERGED_CELLS, SPLIT_CELLS = 2.0, 0.5
"""Cells that are taken to be behind an outline that holds several, and that holds a piece."""

_DECIMALS = 12  # errors of rounding lie behind
_SUSPECT = 0.05
_POWER = 0.80
_DRAWS = 9999


@dataclass(frozen=True)
class Judged:
    """What was said of one replicate of one condition.

    Attributes
    ----------
    condition, replicate
        Which; the replicate is empty where none is known.
    said
        How many single cells were called each of `KINDS`.
    unsure
        How many single cells and fields nobody could tell.
    outlines
        How many outlines have their middle within the judged fields.
    wrong
        How many of these were marked as wrong.
    missed
        How many cells without an outline were marked there.
    fields
        How many fields were judged.
    """

    condition: str
    replicate: str
    said: Mapping[str, int]
    unsure: int = 0
    outlines: int = 0
    wrong: int = 0
    missed: int = 0
    fields: int = 0

    @property
    def cells(self) -> int:
        """How many single cells were judged."""
        return sum(self.said.get(kind, 0) for kind in KINDS)


def together(parts: Sequence[Judged]) -> Judged:
    """All replicates of a condition as one."""
    return Judged(
        parts[0].condition,
        "",
        {kind: sum(one.said.get(kind, 0) for one in parts) for kind in KINDS},
        *(
            sum(getattr(one, name) for one in parts)
            for name in ("unsure", "outlines", "wrong", "missed", "fields")
        ),
    )


def objects_per_outline(one: Judged) -> float:
    """True cells behind one outline, by what was said of single cells; NaN if nothing was.

    Examples
    --------
    Of ten outlines one holds two cells, two are halves, one is none: 6 + 2 + 1 cells.

    >>> objects_per_outline(Judged("a", "", {"right": 6, "merged": 1, "split": 2, "false": 1}))
    0.9
    """
    if not one.cells:
        return math.nan
    whole = one.said.get("right", 0) + one.said.get("wrong_type", 0)
    merged, split = one.said.get("merged", 0), one.said.get("split", 0)
    return (whole + MERGED_CELLS * merged + SPLIT_CELLS * split) / one.cells


@dataclass(frozen=True)
class _Share:
    """How many of how many."""

    count: float
    of: float

    @property
    def rate(self) -> float:
        return self.count / self.of if self.of > 0 else math.nan


def _share(one: Judged, kind: str, behind: float) -> _Share:
    """Errors of a kind; `behind` is the condition's number of true cells behind one outline."""
    if kind == "missed":
        return _Share(one.missed, one.missed + one.outlines * behind if one.fields else 0)
    if kind == "wrong_in_fields":
        return _Share(one.wrong, one.outlines)
    return _Share(one.said.get(kind, 0), one.cells)


def wilson(count: float, of: float) -> tuple[float, float]:
    """Interval of a share, cells taken as independent; NaN of nothing.

    Examples
    --------
    >>> [round(end, 4) for end in wilson(0, 10)], [round(end, 4) for end in wilson(5, 10)]
    ([0.0, 0.2775], [0.2366, 0.7634])
    """
    from statsmodels.stats.proportion import proportion_confint

    if not of > 0:
        return math.nan, math.nan
    low, high = proportion_confint(count, of, alpha=1 - LEVEL, method="wilson")
    return max(0.0, round(float(low), _DECIMALS)), min(1.0, round(float(high), _DECIMALS))


def over_replicates(rates: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Interval of the mean of replicates by Student's t; NaN of fewer than three, or equal ones.

    Examples
    --------
    >>> [round(end, 4) for end in over_replicates(np.array([0.3, 0.4, 0.5]))]
    [0.1516, 0.6484]
    """
    if rates.size < FEWEST or np.ptp(rates) == 0:
        return math.nan, math.nan
    error = float(np.std(rates, ddof=1)) / math.sqrt(rates.size)
    reach = float(stats.t.ppf(0.5 + LEVEL / 2, rates.size - 1)) * error
    return max(0.0, float(rates.mean()) - reach), min(1.0, float(rates.mean()) + reach)


def error_rates(judged: Sequence[Judged], *, classes: bool = False) -> pd.DataFrame:
    """Rates of what was said, one row a condition and kind, and whether conditions differ.

    Parameters
    ----------
    judged
        One for each replicate of each condition.
    classes
        Whether cells have types that may be wrong.

    Returns
    -------
    DataFrame
        ``condition, kind, count, n, n_replicates, rate, low, high, interval, wilson_low,
        wilson_high, differs, p_cells, p_replicates, smallest_p, detectable, note``. ``n`` is the
        number of single cells; of ``missed``, of true cells in the fields; of
        ``wrong_in_fields``, of outlines in them.
    """
    by_condition: dict[str, list[Judged]] = {}
    for one in judged:
        by_condition.setdefault(one.condition, []).append(one)
    kinds = [
        kind for kind in (*KINDS, "missed", "wrong_in_fields") if classes or kind != "wrong_type"
    ]
    rows = []
    for kind in kinds:
        found = {name: _of_kind(parts, kind) for name, parts in by_condition.items()}
        tested = _tested(found) if kind in ERRORS else _UNTESTED
        rows += [
            {"condition": name, "kind": kind, **share.row(), **tested}
            for name, share in found.items()
        ]
    table = pd.DataFrame(rows)
    order = {name: place for place, name in enumerate(by_condition)}
    return table.sort_values(
        "condition", key=lambda names: names.map(order), kind="stable"
    ).reset_index(drop=True)


@dataclass(frozen=True, eq=False)
class _Found:
    """One kind in one condition: all cells together, and the rate of each known replicate."""

    whole: _Share
    rates: npt.NDArray[np.float64]

    def row(self) -> dict[str, object]:
        low, high = wilson(self.whole.count, self.whole.of)
        ends, how = (low, high), "Wilson over cells" if self.whole.of > 0 else ""
        wide = over_replicates(self.rates)
        if wide[1] - wide[0] > high - low:
            rate = self.whole.rate  # replicates of which less was judged weigh less in it
            ends, how = (min(wide[0], rate), max(wide[1], rate)), "t over replicates"
        return {
            "count": int(self.whole.count),
            "n": round(self.whole.of, 1),
            "n_replicates": int(self.rates.size),
            "rate": self.whole.rate,
            "low": ends[0],
            "high": ends[1],
            "interval": how,
            "wilson_low": low,
            "wilson_high": high,
        }


def _of_kind(parts: Sequence[Judged], kind: str) -> _Found:
    whole = together(parts)
    behind = objects_per_outline(whole)
    behind = 1.0 if math.isnan(behind) else behind
    shares = [_share(one, kind, behind) for one in parts if one.replicate]
    rates = np.array([share.rate for share in shares if share.of > 0], np.float64)
    return _Found(_share(whole, kind, behind), rates)


_UNTESTED: dict[str, object] = {
    "differs": "", "p_cells": math.nan, "p_replicates": math.nan, "smallest_p": math.nan,
    "detectable": math.nan, "note": "",
}  # fmt: skip


def _tested(found: Mapping[str, _Found]) -> dict[str, object]:
    """Whether a rate differs between conditions, and what so few can tell."""
    known = [one for one in found.values() if one.whole.of > 0]
    if len(known) < 2 or len(known) < len(found):
        return {**_UNTESTED, "differs": "cannot tell", "note": "not judged in every condition"}
    p_cells = _fisher([one.whole for one in known])
    rates = [one.rates for one in known]
    enough = min(one.size for one in rates) >= 2
    p_replicates = _permuted(rates) if enough else math.nan
    smallest = _smallest_p([one.size for one in rates]) if enough else math.nan
    differs = p_cells < _SUSPECT or p_replicates < _SUSPECT
    detectable = _detectable([one.whole for one in known])
    if differs:
        note = (
            "cells are taken as independent, which warns too often rather than too seldom: look at "
            "more before you believe a difference"
        )
    else:
        note = (
            f"a difference of less than about {100 * detectable:.0f} points would likely have been "
            "missed"
        )
    if smallest >= _SUSPECT:
        note += f"; p over so few replicates cannot be below {smallest:.2g}"
    return {
        "differs": "yes" if differs else "not seen",
        "p_cells": p_cells,
        "p_replicates": p_replicates,
        "smallest_p": smallest,
        "detectable": detectable,
        "note": note,
    }


def _fisher(shares: Sequence[_Share]) -> float:
    """Fisher's exact test; of more than two conditions by permutation of the cells."""
    table = np.array(
        [[round(one.count), max(round(one.of) - round(one.count), 0)] for one in shares]
    )
    if not table[:, 0].any() or not table[:, 1].any():
        return 1.0
    if len(table) == 2:
        return float(stats.fisher_exact(table).pvalue)
    drawn = stats.PermutationMethod(n_resamples=_DRAWS, rng=np.random.default_rng(SEED))
    return float(stats.fisher_exact(table, method=drawn).pvalue)


def _permuted(rates: Sequence[npt.NDArray[np.float64]]) -> float:
    """Share of the arrangements of replicates whose means lie as far apart, or farther."""
    if np.ptp(np.concatenate(rates)) == 0:
        return 1.0
    middle = float(np.concatenate(rates).mean())

    def apart(*groups: npt.NDArray[np.float64], axis: int = -1) -> npt.NDArray[np.float64]:
        squares = [one.shape[axis] * (one.mean(axis=axis) - middle) ** 2 for one in groups]
        return np.asarray(sum(squares), np.float64)

    found = stats.permutation_test(
        tuple(rates), apart, vectorized=True, n_resamples=_DRAWS,
        rng=np.random.default_rng(SEED), alternative="greater",
    )  # fmt: skip
    return min(1.0, float(np.asarray(found.pvalue)))


def _smallest_p(sizes: Sequence[int]) -> float:
    """The smallest p that arrangements of so many replicates can give."""
    ways = math.factorial(sum(sizes)) / math.prod(math.factorial(size) for size in sizes)
    mirrored = math.prod(math.factorial(list(sizes).count(size)) for size in set(sizes))
    return min(1.0, mirrored / ways)


def _detectable(shares: Sequence[_Share]) -> float:
    """Difference of two shares that Fisher's or a like test finds in 80 of 100 audits.

    By the normal approximation, for the two conditions of which fewest was judged, the share
    itself drawn to the middle by two errors of four cells (Agresti and Coull 1998).
    """
    count, of = sum(one.count for one in shares), sum(one.of for one in shares)
    usual = (count + 2) / (of + 4)
    fewest = sorted(one.of for one in shares)[:2]
    reach = float(stats.norm.ppf(0.5 + LEVEL / 2) + stats.norm.ppf(_POWER))
    return min(1.0, reach * math.sqrt(usual * (1 - usual) * sum(1 / of for of in fewest)))
