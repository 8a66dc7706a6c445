"""Whether a dose-response curve explains more than a constant does."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from cellwright.stats.hill_curve import Points, cells_of, directions, grid, scaled_means

__all__ = ["DRAWS", "p_of_effect"]

Numbers = npt.NDArray[np.float64]

DRAWS, SEED = 9_999, 20211107
_AT_ONCE = 500
_STEP, _SLOPES, _BEYOND = 0.15, 9, 0.6
"""Of the curves that are tried: near ones explain nearly the same."""


def p_of_effect(points: Points) -> float:
    """Share of experiments without an effect in which a curve explains as much.

    Parameters
    ----------
    points
        Means of doses, and what replicates differ about them.

    Notes
    -----
    F of the best curve against a constant, in the spread of the replicates about the means, so
    that means which lie on no such curve do not hide an effect. Without an effect there are no
    halfway point and no slope, and F does not have its usual distribution (R. B. Davies,
    Biometrika 74, 1987); here it is drawn, `DRAWS` times, of normal numbers with the same doses
    and numbers of replicates, so that p is at least 1 / (`DRAWS` + 1).

    Examples
    --------
    >>> from cellwright.stats.hill_curve import points_of
    >>> day = {"1": -1.0, "2": 0.5, "3": 0.5}
    >>> groups = [{name: value + dose for name, value in day.items()} for dose in (0, 0.1, 9, 9.2)]
    >>> groups[0]["1"] += 0.1
    >>> p_of_effect(points_of([0, 1, 10, 100], groups))
    0.0001
    """
    given = tuple(points.log_doses), tuple(points.counts)
    explained = float(np.max((_directions(*given) @ scaled_means(points)) ** 2))
    drawn = _drawn(*given, points.df_pure)
    more = drawn.size - int(np.searchsorted(drawn, explained / points.pure, "left"))
    return (1 + more) / (1 + drawn.size)


@lru_cache(maxsize=32)
def _directions(log_doses: tuple[float, ...], counts: tuple[float, ...]) -> Numbers:
    """(K, G) in which a curve moves the means; coarse, as near ones explain nearly the same."""
    weights = np.array(counts)
    logs = np.array(log_doses)
    plain = Points(logs, np.zeros(weights.size), weights, 0.0, 0, within=False)
    return directions(plain, *cells_of(grid(plain, _STEP, _SLOPES, _BEYOND)))


@lru_cache(maxsize=32)
def _drawn(log_doses: tuple[float, ...], counts: tuple[float, ...], df_pure: int) -> Numbers:
    """What the best curve explains, in what replicates spread, without an effect; ascending."""
    rng = np.random.default_rng(SEED)
    moves = _directions(log_doses, counts)
    unit = np.sqrt(np.array(counts) / sum(counts))
    found = []
    for start in range(0, DRAWS, _AT_ONCE):
        n = min(_AT_ONCE, DRAWS - start)
        means = rng.standard_normal((n, unit.size))
        means -= (means @ unit)[:, None] * unit
        pure = rng.chisquare(df_pure, n)
        found.append(np.max((means @ moves.T) ** 2, axis=1) / pure)
    return np.sort(np.concatenate(found))
