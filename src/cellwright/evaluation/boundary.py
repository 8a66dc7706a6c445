"""Whether outlines lie where they should: shares of the boundaries that are near each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import edt
import numpy as np
import numpy.typing as npt

from cellwright.core.image import Array
from cellwright.core.labels import Labels
from cellwright.evaluation.score import Count, Family, LabelPair, Ratio, Score

__all__ = ["FAMILY", "TOLERANCE", "boundary_of"]

TOLERANCE = 3
"""Pixels: from here on an outline is elsewhere. People who draw the same cell differ by 1 to 3."""

_ROWS = 1024
"""Of a plane that are looked at together, however large it is."""

_MARTIN = "Martin et al. 2004, doi:10.1109/TPAMI.2004.1273918; Csurka et al. 2013, BMVC"


def boundary_of(labels: Array) -> npt.NDArray[np.bool_]:
    """Pixels of cells that have a neighbour with another number, or background, on any side.

    The frame of the picture is no boundary: nobody knows where a cell ends beyond it.

    Parameters
    ----------
    labels
        Of a plane or a volume.

    Examples
    --------
    >>> boundary_of(np.array([[0, 1, 1, 1], [0, 1, 1, 2]])).astype(int).tolist()
    [[0, 1, 0, 1], [0, 1, 1, 1]]
    """
    found = np.zeros(labels.shape, bool)
    for axis in range(labels.ndim):
        before = tuple(slice(None, -1) if a == axis else slice(None) for a in range(labels.ndim))
        after = tuple(slice(1, None) if a == axis else slice(None) for a in range(labels.ndim))
        differs = labels[before] != labels[after]
        found[before] |= differs
        found[after] |= differs
    return np.asarray(found & (labels > 0))


def _measure(pair: LabelPair) -> Mapping[str, float]:
    counts = np.zeros(4, np.int64)
    for truth, found, core in _parts(pair.truth, pair.found):
        sides = boundary_of(truth), boundary_of(found)
        near = _near(sides[1]), _near(sides[0])
        for place, (side, other) in enumerate(zip(sides, near, strict=True)):
            counts[2 * place] += np.count_nonzero(side[core])
            counts[2 * place + 1] += np.count_nonzero(side[core] & other[core])
    names = ("true_boundary", "true_boundary_near", "found_boundary", "found_boundary_near")
    measured: dict[str, float] = dict(zip(names, counts.tolist(), strict=True))
    return measured | {"boundary_f1": _harmonic_mean(*counts.tolist())}


def _harmonic_mean(true: int, true_near: int, found: int, found_near: int) -> float:
    """Of recall and precision; 1 where there is no boundary at all."""
    if not true and not found:
        return 1.0
    if not true_near or not found_near:
        return 0.0
    recall, precision = true_near / true, found_near / found
    return 2 * recall * precision / (recall + precision)


def _parts(truth: Labels, found: Labels) -> Iterator[tuple[Array, Array, slice]]:
    """Frames, and of large planes strips of rows with what lies around them; and which rows."""
    for number in range(truth.n_frames):
        one, other = truth.frame(number).data, found.frame(number).data
        rows = one.shape[0]
        step = _ROWS if len(one.shape) == 2 else rows
        for top in range(0, rows, max(step, 1)):
            bottom = min(top + step, rows)
            first, last = max(0, top - TOLERANCE - 1), min(rows, bottom + TOLERANCE + 1)
            window = (slice(first, last), *(slice(None) for _ in one.shape[1:]))
            core = slice(top - first, bottom - first)
            yield np.asarray(one[window]), np.asarray(other[window]), core


def _near(boundary: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Pixels within the tolerance of a boundary."""
    if not boundary.any():
        return boundary
    distance = edt.edt(np.ascontiguousarray(~boundary), parallel=1)
    return np.asarray(distance <= TOLERANCE)


_AT = f"within {TOLERANCE} px"

FAMILY = Family(
    "Boundaries",
    (
        Count("true_boundary", "Boundary pixels of true cells"),
        Count("true_boundary_near", f"Those of them with one of a found cell {_AT}"),
        Count("found_boundary", "Boundary pixels of found cells"),
        Count("found_boundary_near", f"Those of them with one of a true cell {_AT}"),
    ),
    (
        Score(
            "boundary_precision",
            f"Share of the found boundary pixels with a true one {_AT}",
            ("mean", "pooled"),
            (Ratio({"found_boundary_near": 1}, {"found_boundary": 1}),),
            empty=1.0,
            undefined=0.0,
            source=_MARTIN,
        ),
        Score(
            "boundary_recall",
            f"Share of the true boundary pixels with a found one {_AT}",
            ("mean", "pooled"),
            (Ratio({"true_boundary_near": 1}, {"true_boundary": 1}),),
            empty=1.0,
            undefined=0.0,
            source=_MARTIN,
        ),
        Score(
            "boundary_f1",
            "Harmonic mean of boundary precision and recall; 1 where neither has a boundary",
            ("mean",),
            empty=1.0,
            source=_MARTIN,
        ),
    ),
    _measure,
)
"""Scores of outlines."""
