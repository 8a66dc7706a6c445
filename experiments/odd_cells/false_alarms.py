"""False alarms in wells that nobody has seen: ``false_alarms.py TABLE OUT``.

TABLE has a row a cell with columns of shape (``area, perimeter, equivalent_diameter, aspect_ratio,
extent`` of one condition, as ``cells_by_treatment.csv`` of the set ``bbb``). Its cells are dealt
into wells, each well gets an effect of its own on every feature, as large as the intra-class
correlation says, and the cells of new wells are judged by the others.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from cellwright.stats.outliers.false_alarms import smallest_rate
from cellwright.stats.outliers.finding import Cells, find
from cellwright.stats.outliers.traits import Trait

Numbers = npt.NDArray[np.float64]

FEATURES = ("area", "perimeter", "equivalent_diameter", "aspect_ratio", "extent")
TRAITS = tuple(Trait(name, is_bounded=name == "extent") for name in FEATURES)
RATES = (0.01, 0.05, 0.12)
CELLS = (30, 90)
"""Of a well, from and to."""
NEW = 6
"""Wells that are judged."""


def main() -> None:
    """Print the mean share of usual cells of new wells that are called odd."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--condition", default="untreated")
    parser.add_argument("--splits", type=int, default=1000)
    asked = parser.parse_args()
    table = pd.read_csv(asked.table)
    pool = table.loc[table["condition"] == asked.condition, list(FEATURES)].to_numpy(np.float64)
    rows = []
    for wells, correlation in ((24, 0.1), (24, 0.3), (12, 0.2), (6, 0.2), (3, 0.2)):
        random = np.random.default_rng(wells)
        shares = [_split(pool, wells, correlation, random) for _ in range(asked.splits)]
        for rate, share in zip(RATES, np.nanmean(shares, axis=0), strict=True):
            allowed = rate >= smallest_rate(wells)
            rows.append(
                {"wells": wells, "correlation": correlation, "stated": rate,
                 "found": share if allowed else np.nan}
            )  # fmt: skip
        print(pd.DataFrame(rows[-3:]).round(4).to_string(index=False, header=len(rows) == 3))
    asked.out.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(asked.out / "false_alarms.csv", index=False)


def _split(
    pool: Numbers, wells: int, correlation: float, random: np.random.Generator
) -> list[float]:
    """Shares that are called odd in new wells, at each rate."""
    sizes = random.integers(*CELLS, size=wells + NEW)
    of = np.repeat(np.arange(wells + NEW), sizes)
    logs = np.log(pool)
    effect = logs.std(axis=0) * np.sqrt(correlation / (1 - correlation))
    moved = random.normal(size=(wells + NEW, pool.shape[1])) * effect
    values = np.exp(logs[random.integers(len(pool), size=of.size)] + moved[of])
    is_reference = of < wells
    cells = Cells(
        values, TRAITS, is_reference, of, np.ones(of.size, bool),
    )  # fmt: skip
    found = find(cells, max(RATES), "surprise", "wells")
    new = found.p[~is_reference]
    return [float(np.mean(new <= rate)) for rate in RATES]


if __name__ == "__main__":
    main()
