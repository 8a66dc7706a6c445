"""How a cell looks beside what is expected of it: the aspects by which it is judged.

A network of the room `learn` says what is expected; here is what is made of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from cellwright.measure.cell_crops import INSIDE, Crops, Expect, Maps
from cellwright.stats.outliers.shape_space import NormalScores
from cellwright.stats.outliers.traits import Trait

__all__ = [
    "ASPECTS",
    "ASPECT_LOGS",
    "Appearance",
    "JudgeOfLooks",
    "Learn",
    "Learner",
    "aspects_of",
]

Numbers = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

Learn = Callable[[Crops, Sequence[Rows]], list[Expect]]
"""Learns from rows of crops, once for each part that it is given."""
Learner = Callable[[int], Learn]
"""Gives what learns in so many steps."""

ASPECTS = (
    Trait("brightness", "times the typical"),
    Trait("brightest spot", "SD"),
    Trait("darkest spot", "SD"),
    Trait("texture", "SD"),
    Trait("border", "SD"),
)
"""By what a cell is judged: its brightness, in those of a typical cell of its picture; how far its
brightest and its darkest spot, its pixels in the mean and the line of pixels along its outline are
from what is expected, in standard deviations."""
ASPECT_LOGS = (True, True, True, True, False)
"""Which of them are compared by their logarithm."""

_SPOT = 1.0
"""Standard deviation (pixels of a crop) of the Gaussian with which spots are looked for."""
_SEEN = 0.25
"""Share of that Gaussian that lies in the cell at the least."""
_LEAST = 1e-3
_MOST_KNOWN = 5_000
"""Reference cells by which the scale of the aspects is told, an even sample of more."""
_AT_ONCE = 512


def aspects_of(crops: Crops, expected: tuple[Maps, Maps]) -> Numbers:
    """Compare crops with what is expected of them.

    Parameters
    ----------
    crops
        N of them.
    expected
        Pixels and their standard deviations, (N, Y, X) each.

    Returns
    -------
    Numbers
        (N, `ASPECTS`).
    """
    inside = crops.masks >= INSIDE
    inner = ndimage.binary_erosion(inside, np.ones((1, 3, 3), bool))
    inner = np.where(inner.any(axis=(1, 2), keepdims=True), inner, inside)
    off = (crops.pixels.astype(np.float32) - expected[0]) / expected[1]
    kernel = (0, _SPOT, _SPOT)
    weight = ndimage.gaussian_filter(inner.astype(np.float32), kernel)
    smooth = ndimage.gaussian_filter(off * inner, kernel) / np.maximum(weight, _SEEN) * inner
    count = np.maximum(inner.sum(axis=(1, 2)), 1)
    line = inside & ~inner
    texture = np.sqrt(np.sum(((off - smooth) * inner) ** 2, axis=(1, 2)) / count)
    border = np.sum(off * line, axis=(1, 2)) / np.maximum(line.sum(axis=(1, 2)), 1)
    spots = [np.maximum(sign * smooth, 0).max(axis=(1, 2)) for sign in (1, -1)]
    found = np.column_stack([crops.brightness, *spots, texture, border]).astype(np.float64)
    return np.where(ASPECT_LOGS, np.maximum(found, _LEAST), found)


@dataclass(frozen=True, eq=False)
class JudgeOfLooks:
    """Scores cells by how they look.

    Attributes
    ----------
    crops
        Of all cells.
    place
        (N,) row in `crops` of each cell.
    expect
        What the reference teaches to expect.
    scale
        Of the aspects of reference cells.
    """

    crops: Crops
    place: Rows
    expect: Expect
    scale: NormalScores

    def __call__(self, rows: Rows) -> tuple[Numbers, Numbers]:
        """Give scores (M,) and aspects (M, `ASPECTS`) of some cells.

        Of each aspect the share of reference cells that are as far out is taken, and of the shares
        the harmonic mean (D. J. Wilson, PNAS 116, 2019): what is odd in one way alone, such as a
        spot, is not made up for by being usual in all others, and several ways count together.
        """
        from scipy import special, stats

        seen = _aspects(self.crops, self.place[rows], self.expect)
        log_shares = np.log(2) + stats.norm.logsf(np.abs(self.scale(seen)))
        return np.asarray(special.logsumexp(-log_shares, axis=1), np.float64), seen

    def expected(self, row: int) -> tuple[Crops, Maps, Maps]:
        """Give the crop of a cell, and what is expected of it: pixels, standard deviations."""
        crop = self.crops.taken(self.place[[row]])
        return (crop, *self.expect(crop))


@dataclass(frozen=True, eq=False)
class Appearance:
    """All that is needed to judge cells by how they look.

    Attributes
    ----------
    crops
        Of cells.
    place
        (N,) row in `crops` of each cell; -1 where there is none.
    learn
        Learns what is to be expected.
    traits
        By what a cell is judged.
    least
        How many are named as reason, however near they are: the farthest alone may decide.
    """

    crops: Crops
    place: Rows
    learn: Learn
    traits: tuple[Trait, ...] = ASPECTS
    least: int = 1

    def can_judge(self) -> npt.NDArray[np.bool_]:
        """Which cells have a crop."""
        return self.place >= 0

    def judges(self, taught: Sequence[Rows]) -> tuple[tuple[bool, ...], Sequence[JudgeOfLooks]]:
        """Learn from parts of the reference, given by their numbers.

        Returns
        -------
        tuple
            Which aspects are compared by their logarithm, and a judge for each part.
        """
        found = []
        parts = self.learn(self.crops, [self.place[rows] for rows in taught])
        for rows, expect in zip(taught, parts, strict=True):
            sample = rows[np.unique(np.linspace(0, len(rows) - 1, _MOST_KNOWN).astype(np.int64))]
            seen = _aspects(self.crops, self.place[sample], expect)
            scale = NormalScores.of(seen, ASPECT_LOGS)
            found.append(JudgeOfLooks(self.crops, self.place, expect, scale))
        return ASPECT_LOGS, found


def _aspects(crops: Crops, rows: Rows, expect: Expect) -> Numbers:
    found = np.zeros((len(rows), len(ASPECTS)))
    for start in range(0, len(rows), _AT_ONCE):
        some = crops.taken(rows[start : start + _AT_ONCE])
        found[start : start + _AT_ONCE] = aspects_of(some, expect(some))
    return found
