"""Merged, cut and spiky cells that are found, at a stated rate of false alarms: ``recall.py OUT``.

Simulated sheets of cells, each a well; half of the cells of some are made to go wrong. All ways
see the same cells. ``recall.py OUT --labels FOLDER`` takes label images drawn by hand instead.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from cellwright.core.image import Array, Spacing
from cellwright.io.label_image import decode_labels
from cellwright.measure.feature import Feature
from cellwright.measure.table import loaded_features, measure_plane
from cellwright.simulate.monolayer import simulate_monolayer
from cellwright.simulate.odd_cells import ODD, odd_cell
from cellwright.stats.outliers.finding import Cells, find
from cellwright.stats.outliers.scores import WAYS
from cellwright.stats.outliers.traits import traits_of

WELLS = 24
EACH = 12
"""Cells of a well that are made to go wrong, of each kind."""
SMALLEST = 30
RATE = 0.05


def main() -> None:
    """Print recall by kind and way, and the share of usual cells that is called odd."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--labels", type=Path)
    asked = parser.parse_args()
    table = cells_of(fields(asked.labels))
    traits = traits_of(table)
    cells = Cells(
        table[[one.name for one in traits]].to_numpy(np.float64),
        tuple(traits), (table["kind"] == "usual").to_numpy(),
        table["well"].to_numpy(np.int64), np.ones(len(table), bool),
    )  # fmt: skip
    rows = []
    for name in WAYS:
        found = find(cells, RATE, name, "wells")
        share = {
            kind: float(np.mean(found.p[table["kind"] == kind] <= RATE)) for kind in ("usual", *ODD)
        }
        rows.append({"way": name, **share})
    answer = pd.DataFrame(rows)
    asked.out.mkdir(parents=True, exist_ok=True)
    answer.to_csv(asked.out / "recall.csv", index=False)
    print(f"{(table['kind'] == 'usual').sum()} usual cells of {table['well'].nunique()} wells")
    print(answer.round(3).to_string(index=False))


def fields(labels: Path | None) -> Iterator[Array]:
    """Label images: drawn ones, or simulated sheets whose cells differ from well to well."""
    if labels is not None:
        for file in sorted(labels.iterdir()):
            yield decode_labels(file).pixels()
        return
    random = np.random.default_rng(0)
    for well in range(WELLS):
        size, stretch = random.normal(40, 3), random.uniform(1.2, 1.6)
        yield simulate_monolayer((512, 512), size, well, elongation=stretch)[1]


def cells_of(wells: Iterator[Array]) -> pd.DataFrame:
    """Measure usual and odd cells, each for itself."""
    random = np.random.default_rng(1)
    parts = []
    features = {name: one for name, one in loaded_features().items() if name in {"shape", "hull"}}
    for well, labels in enumerate(wells):
        usual = measure_plane(labels, {}, Spacing(), features | position())
        whole = usual[~usual["touches_border"].astype(bool) & (usual["area_px"] > SMALLEST)]
        parts.append(whole.assign(kind="usual", well=well))
        for kind in ODD:
            some = random.permutation(whole["label"].to_numpy())[:EACH]
            made = [odd_cell(labels, int(label), kind, random) for label in some]
            drawn = [measure_plane(one.astype(np.uint32), {}, Spacing(), features)
                     for one in made if one is not None]  # fmt: skip
            parts.append(pd.concat(drawn).assign(kind=kind, well=well))
    return pd.concat(parts, ignore_index=True)


def position() -> dict[str, Feature]:
    """The family that tells which cells the frame cuts."""
    return {"position": loaded_features()["position"]}


if __name__ == "__main__":
    main()
