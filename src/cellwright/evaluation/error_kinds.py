"""What went wrong with a cell: missed, invented, split, merged, or badly outlined.

Two cells belong together if one of them lies mostly in the other: with more than half of its
pixels. This needs no threshold of IoU, and exchanging truth and result exchanges missed with
invented and split with merged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cellwright.evaluation.matching import Overlaps
from cellwright.evaluation.score import Count, Family, LabelPair, Ratio, Score

__all__ = ["FAMILY", "ErrorKinds", "error_kinds"]

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class ErrorKinds:
    """Which cells are wrong in which way.

    Attributes
    ----------
    missed
        (n_true,): true cells that lie mostly in no found one, and no found one in them.
    invented
        (n_found,): found cells that lie mostly in no true one, and no true one in them.
    split
        (n_true,): true cells in which two or more found ones mostly lie.
    merged
        (n_found,): found cells in which two or more true ones mostly lie.
    in_merged
        (n_true,): the true cells that lie mostly in a merged one.
    """

    missed: Flags
    invented: Flags
    split: Flags
    merged: Flags
    in_merged: Flags


def error_kinds(overlaps: Overlaps) -> ErrorKinds:
    """Say of each cell what is wrong with it.

    Examples
    --------
    A cell of four pixels was found in two halves, another one not at all.

    >>> from cellwright.evaluation.matching import count_overlaps
    >>> truth = np.array([[1, 1, 1, 1, 0, 2]])
    >>> kinds = error_kinds(count_overlaps(truth, np.array([[1, 1, 2, 2, 0, 0]])))
    >>> kinds.split.tolist(), kinds.missed.tolist()
    ([True, False], [False, True])
    """
    true, found = overlaps.pair_true, overlaps.pair_found
    found_inside = 2 * overlaps.shared > overlaps.found_areas[found]
    true_inside = 2 * overlaps.shared > overlaps.true_areas[true]
    belong = found_inside | true_inside
    pieces = np.bincount(true[found_inside], minlength=overlaps.n_true)
    swallowed = np.bincount(found[true_inside], minlength=overlaps.n_found)
    merged = swallowed > 1
    in_merged = np.zeros(overlaps.n_true, dtype=bool)
    in_merged[true[true_inside & merged[found]]] = True
    return ErrorKinds(
        missed=np.bincount(true[belong], minlength=overlaps.n_true) == 0,
        invented=np.bincount(found[belong], minlength=overlaps.n_found) == 0,
        split=pieces > 1,
        merged=merged,
        in_merged=in_merged,
    )


def _measure(pair: LabelPair) -> Mapping[str, float]:
    overlaps = pair.overlaps
    kinds = error_kinds(overlaps)
    other = kinds.missed | kinds.split | kinds.in_merged
    other[pair.matches.true_index] = True
    return {
        "missed": int(kinds.missed.sum()),
        "invented": int(kinds.invented.sum()),
        "split": int(kinds.split.sum()),
        "merged": int(kinds.merged.sum()),
        "in_merged": int(kinds.in_merged.sum()),
        "inexact": int((~other).sum()),
    }


def _rate(name: str, count: str, of: str, meaning: str) -> Score:
    ratio = Ratio({count: 1}, {of: 1})
    return Score(name, meaning, ("pooled",), (ratio,), best=0.0)


FAMILY = Family(
    "Errors by kind",
    (
        Count("missed", "True cells that lie mostly in no found one, and no found one in them"),
        Count("invented", "Found cells that lie mostly in no true one, and no true one in them"),
        Count("split", "True cells in which two or more found ones mostly lie"),
        Count("merged", "Found cells in which two or more true ones mostly lie"),
        Count("in_merged", "True cells that lie mostly in a merged one"),
        Count("inexact", "Other true cells without a found one of IoU 0.5: badly outlined"),
    ),
    (
        _rate("missed_rate", "missed", "n_true", "Missed cells over true cells"),
        _rate("invented_rate", "invented", "n_found", "Invented cells over found cells"),
        _rate("split_rate", "split", "n_true", "Split cells over true cells"),
        _rate("merged_rate", "in_merged", "n_true", "True cells in merged ones over true cells"),
        _rate("inexact_rate", "inexact", "n_true", "Badly outlined cells over true cells"),
    ),
    _measure,
)
"""Missed, invented, split and merged cells."""
