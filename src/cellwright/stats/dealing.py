"""Dealing what is looked at: evenly over conditions, and over the replicates of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

__all__ = ["Stratum", "deal", "even_shares"]

Stratum = tuple[str, str]
"""Condition and replicate."""


def even_shares(n: int, there: Sequence[int], rng: np.random.Generator) -> list[int]:
    """Share `n` out evenly: who has few gives all, the others make up for it.

    Parameters
    ----------
    n
        How many are wanted.
    there
        How many each has.
    rng
        Decides who gives one more where it does not come out even.

    Examples
    --------
    >>> even_shares(9, [100, 2, 100, 4], np.random.default_rng(0))
    [2, 2, 3, 2]
    >>> even_shares(9, [2, 3], np.random.default_rng(0))
    [2, 3]
    """
    shares = [0] * len(there)
    while (left := n - sum(shares)) > 0:
        open_ = [place for place, most in enumerate(there) if shares[place] < most]
        if not open_:
            break
        each, more = divmod(left, len(open_))
        lucky = set(rng.permutation(open_)[:more].tolist())
        for place in open_:
            wanted = each + (place in lucky)
            shares[place] = min(shares[place] + wanted, there[place])
    return shares


def deal(there: Mapping[Stratum, int], n: int, rng: np.random.Generator) -> dict[Stratum, int]:
    """Tell how many are taken of each replicate of each condition.

    Parameters
    ----------
    there
        How many there are.
    n
        How many are wanted in all.
    rng
        As of `even_shares`.

    Examples
    --------
    >>> deal({("a", "1"): 9, ("a", "2"): 9, ("b", "1"): 9}, 8, np.random.default_rng(0))
    {('a', '1'): 2, ('a', '2'): 2, ('b', '1'): 4}
    """
    conditions = list(dict.fromkeys(condition for condition, _ in there))
    totals = [sum(m for (name, _), m in there.items() if name == one) for one in conditions]
    taken: dict[Stratum, int] = {}
    for condition, share in zip(conditions, even_shares(n, totals, rng), strict=True):
        own = [stratum for stratum in there if stratum[0] == condition]
        shares = even_shares(share, [there[stratum] for stratum in own], rng)
        taken |= dict(zip(own, shares, strict=True))
    return taken
