"""False claims, intervals and power of comparisons over replicates: ``null.py TABLE OUT``.

TABLE is ``cells_by_treatment.csv`` of the set ``bbb``. The areas of its untreated cells are dealt
into replicates of 50 to 300 cells; each replicate is larger or smaller as a whole, by a normal
effect on the logarithm as large as the intra-class correlation says; and half of the replicates
are called treated. So nothing differs, and every claim is false. For power, the treated ones are
made larger, by an effect that the test on the true means of the replicates finds in a third to
four fifths. Last, what is claimed of normal replicates that differ in their spread alone.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from cellwright.stats.estimate import TESTS

Numbers = npt.NDArray[np.float64]

CELLS = (50, 301)
LEVEL = 0.05
UNEVEN = 4


def main() -> None:
    """Print shares in percent."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--experiments", type=int, default=3000)
    asked = parser.parse_args()
    table = pd.read_csv(asked.table)
    pool = np.log(table.loc[table["condition"] == "untreated", "area"].to_numpy(np.float64))
    rows = []
    for replicates in (3, 4, 6):
        for correlation in (0.1, 0.3, 0.5):
            random = np.random.default_rng(replicates)
            spread = float(pool.std()) * np.sqrt(correlation / (1 - correlation))
            found = [_null(pool, replicates, spread, random) for _ in range(asked.experiments)]
            power = [_power(pool, replicates, spread, random) for _ in range(asked.experiments)]
            row = {"replicates": replicates, "correlation": correlation}
            row |= {name: 100 * float(np.mean([one[name] for one in found])) for name in found[0]}
            row |= {name: 100 * float(np.mean([one[name] for one in power])) for name in power[0]}
            rows.append(row)
            print(pd.DataFrame(rows[-1:]).round(1).to_string(index=False, header=len(rows) == 1))
    print(_uneven(np.random.default_rng(0)))
    asked.out.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(asked.out / "null.csv", index=False)


def _replicates(
    pool: Numbers, count: int, spread: float, shift: float, random: np.random.Generator
) -> tuple[list[Numbers], Numbers]:
    """Cells of each replicate, and its true mean."""
    effects = random.normal(shift, spread, count)
    cells = [np.exp(random.choice(pool, random.integers(*CELLS)) + effect) for effect in effects]
    return cells, np.exp(effects) * np.exp(pool).mean()


def _null(pool: Numbers, count: int, spread: float, random: np.random.Generator) -> dict[str, bool]:
    (one, _), (other, _) = (_replicates(pool, count, spread, 0.0, random) for _ in range(2))
    means = [np.array([cells.mean() for cells in side]) for side in (one, other)]
    found: dict[str, bool] = {}
    for name, test in TESTS.items():
        estimate = test(*means, 1 - LEVEL)
        found[f"{name} claims"] = bool(estimate.p < LEVEL)
        found[f"{name} holds"] = bool(estimate.low <= 0 <= estimate.high)
    p = stats.ttest_ind(np.concatenate(one), np.concatenate(other), equal_var=False).pvalue
    return found | {"cells claim": bool(p < LEVEL)}


def _uneven(random: np.random.Generator) -> str:
    """How often a difference is claimed where the replicates of one side vary more."""
    sides = [random.normal(0, spread, (20_000, 3)) for spread in (UNEVEN, 1)]
    claims = {
        name: 100
        * np.mean([TESTS[name](*pair, 1 - LEVEL).p < LEVEL for pair in zip(*sides, strict=True)])
        for name in ("welch", "student")
    }
    said = ", ".join(f"{name} {share:.1f}" for name, share in claims.items())
    return f"3 against 3, one side {UNEVEN} times as spread, claims: {said}"


def _power(
    pool: Numbers, count: int, spread: float, random: np.random.Generator
) -> dict[str, bool]:
    shift = {3: 3.4, 4: 2.5, 6: 1.85}[count] * spread
    (one, true), (other, known) = (
        _replicates(pool, count, spread, by, random) for by in (shift, 0.0)
    )
    means = [np.array([cells.mean() for cells in side]) for side in (one, other)]
    welch = TESTS["welch"]
    return {
        "found": bool(welch(*means, 1 - LEVEL).p < LEVEL),
        "found by true means": bool(welch(true, known, 1 - LEVEL).p < LEVEL),
    }


if __name__ == "__main__":
    main()
