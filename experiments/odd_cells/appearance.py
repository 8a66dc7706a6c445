"""Cells that look odd within a usual outline, and are found: ``appearance.py OUT``.

Simulated nuclei, or with ``--kind monolayer`` sheets of cells, each a well; some cells of each get
an inclusion, a hole, lose their texture, are twice as bright or have their light at the border.
``appearance.py OUT --images FOLDER --labels FOLDER`` draws the same into real pictures. All ways
see the same cells, and are calibrated alike. Needs the extra ``[train]``.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from cellwright.core.image import Array, Spacing
from cellwright.engine.threads import use_threads
from cellwright.io.label_image import decode_labels
from cellwright.io.open import read
from cellwright.learn.appearance import learn_appearance
from cellwright.measure.cell_crops import Crops, Place, Scale, crop_cell, crop_width, light_of
from cellwright.measure.table import installed_features, measure_plane
from cellwright.simulate.monolayer import simulate_monolayer
from cellwright.simulate.nuclei import simulate_nuclei
from cellwright.simulate.odd_looks import LOOKS, with_odd_looks
from cellwright.stats.outliers.appearance import Appearance
from cellwright.stats.outliers.finding import Cells, Found, find
from cellwright.stats.outliers.options import STEPS
from cellwright.stats.outliers.scores import WAYS
from cellwright.stats.outliers.traits import traits_of

WELLS = 24
EACH = 8
"""Cells of a well that are changed, of each kind."""
SMALLEST = 60
RATE = 0.05
BOX = ["bbox_top_px", "bbox_left_px", "bbox_bottom_px", "bbox_right_px"]
Plane = tuple[Array, npt.NDArray[np.uint32]]


def main() -> None:
    """Print recall by kind and way, and the share of usual cells that is called odd."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--kind", choices=["nuclei", "monolayer"], default="nuclei")
    parser.add_argument("--images", type=Path)
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--steps", type=int, default=STEPS)
    asked = parser.parse_args()
    drawn = asked.images is not None
    wells = list(real(asked.images, asked.labels) if drawn else simulated(asked.kind))
    table, crops = cells_of(wells)
    rows = [shares(name, found, table) for name, found in judged(table, crops, asked.steps)]
    answer = pd.DataFrame(rows)
    asked.out.mkdir(parents=True, exist_ok=True)
    answer.to_csv(asked.out / "appearance.csv", index=False)
    print(f"{(table['kind'] == 'usual').sum()} usual cells of {len(wells)} wells")
    print(answer.round(3).to_string(index=False))


def simulated(kind: str) -> Iterator[Plane]:
    """Pictures whose cells differ from well to well."""
    random = np.random.default_rng(0)
    for well in range(WELLS):
        if kind == "nuclei":
            yield simulate_nuclei(
                (512, 512), 60, random.normal(28, 1.5), well,
                brightness=random.normal(0.3, 0.03), texture=random.uniform(0.15, 0.25),
                blur=random.uniform(0.8, 1.2),
            )  # fmt: skip
        else:
            yield simulate_monolayer(
                (512, 512), random.normal(40, 3), well,
                brightness=random.normal(0.5, 0.05), elongation=random.uniform(1.2, 1.6),
            )  # fmt: skip


def real(images: Path, labels: Path) -> Iterator[Plane]:
    """Pictures and labels of the same name."""
    for file in sorted(images.iterdir()):
        drawn = next(labels.glob(f"{file.stem}.*"))
        yield read(str(file)).pixels(), decode_labels(drawn).pixels().astype(np.uint32)


def cells_of(wells: list[Plane]) -> tuple[pd.DataFrame, Crops]:
    """Measure and cut out usual cells, and those that were changed."""
    random = np.random.default_rng(1)
    families = {name: installed_features()[name] for name in
                ("shape", "hull", "position", "intensity", "texture")}  # fmt: skip
    parts, cut = [], []
    for well, (plane, labels) in enumerate(wells):
        usual = measure_plane(labels, {"c": plane}, Spacing(), families)
        usual = usual[~usual["touches_border"].astype(bool) & (usual["area_px"] >= SMALLEST)]
        some = random.permutation(usual["label"].to_numpy(np.int64))[: EACH * len(LOOKS)]
        looks = {int(label): LOOKS[place % len(LOOKS)] for place, label in enumerate(some)}
        odd_plane = with_odd_looks(plane, labels, looks, random)
        odd = measure_plane(labels, {"c": odd_plane}, Spacing(), families)
        odd = odd[odd["label"].isin(some)]
        both = [(usual, plane, "usual"), (odd, odd_plane, odd["label"].map(looks))]
        for own, pixels, kind in both:
            parts.append(own.assign(kind=kind, well=well))
            cut.append((own, pixels, labels, light_of(plane, labels)))
    table = pd.concat(parts, ignore_index=True)
    boxes = table.loc[table["kind"] == "usual", BOX].to_numpy(np.float64)
    wide = crop_width(boxes[:, 2:] - boxes[:, :2])
    crops = Crops.empty(len(table))
    row = 0
    for own, pixels, labels, light in cut:
        for label, box in zip(own["label"], own[BOX].to_numpy(np.int64), strict=True):
            place = Place(int(label), *box.tolist())
            window = place.window(labels.shape)
            crop = crop_cell(pixels[window], labels[window], place, light, Scale(wide, wide))
            assert crop is not None
            crops.put(row, crop)
            row += 1
    return table, crops


def judged(table: pd.DataFrame, crops: Crops, steps: int) -> Iterator[tuple[str, Found]]:
    """Judge the cells in all ways."""
    shape = [one.name for one in traits_of(table)]
    inside = [
        name for name in map(str, table)
        if name.startswith(("intensity", "texture")) and "background" not in name
        and table[name].notna().all()
    ]  # fmt: skip
    for name in WAYS:
        yield f"{name}, shape", find(described(table, shape), RATE, name, "wells")
    yield (
        "surprise, brightness and texture",
        find(described(table, inside), RATE, "surprise", "wells"),
    )
    learn = partial(learn_appearance, steps=steps)
    looks = Appearance(crops, np.arange(len(table)), learn)
    with use_threads(os.cpu_count() or 1):
        yield "appearance", find(described(table, shape), RATE, "appearance", "wells", looks)


def described(table: pd.DataFrame, names: list[str]) -> Cells:
    """What is known of the cells."""
    return Cells(
        table[names].to_numpy(np.float64), tuple(traits_of(table, names)),
        (table["kind"] == "usual").to_numpy(),
        table["well"].to_numpy(np.int64), np.ones(len(table), bool),
    )  # fmt: skip


def shares(name: str, found: Found, table: pd.DataFrame) -> dict[str, str | float]:
    """Share of the cells of each kind that is called odd."""
    return {"way": name} | {
        kind: float(np.mean(found.p[table["kind"] == kind] <= RATE)) for kind in ("usual", *LOOKS)
    }


if __name__ == "__main__":
    main()
