"""How long measuring takes, beside scikit-image on the same pictures.

    python benchmarks/measure.py [--peer]

Pictures of 4096 × 4096 float32 pixels with 100,000 cells of 52 px and 20,000 of about 260 px,
a closed layer of 100,489, and one cell that fills the picture. Seconds of processor time of one
thread, so that other work on the machine disturbs less; the first time with imports and fresh
memory, then the best of two more. With ``--peer`` the same columns are measured by
``skimage.measure.regionprops_table`` on a cut-out of 1024 × 1024, and its time is scaled up by
the number of cells (the whole takes minutes); left out there are neighbours, density, smallest
Feret diameter, convex perimeter and background, which it does not have.

A second table has the same pictures measured block by block, as pictures are that do not fit
into memory, and the families that are measured on request.
"""

from __future__ import annotations

import sys
import time
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import skimage.measure

from cellwright.core.image import Spacing
from cellwright.measure.large import measure_large
from cellwright.measure.regions import Regions
from cellwright.measure.spots import measure_spots
from cellwright.measure.table import loaded_features, measure_plane
from cellwright.measure.texture import measure_texture

SIDE = 4096
REPEATS = 2
CUT = 1024
BLOCK = 1024
PEER_PROPERTIES = (
    "label", "area", "perimeter", "equivalent_diameter_area", "axis_major_length",
    "axis_minor_length", "eccentricity", "orientation", "extent", "bbox", "centroid",
    "area_convex", "solidity", "feret_diameter_max",
    "intensity_mean", "intensity_median", "intensity_std", "intensity_min", "intensity_max",
)  # fmt: skip


def discs(count: int, area: int) -> npt.NDArray[np.uint32]:
    """Lay out `count` discs of about `area` px on a jittered grid."""
    rng = np.random.default_rng(11)
    columns = int(np.ceil(np.sqrt(count)))
    pitch = SIDE / columns
    radius = np.sqrt(area / np.pi)
    slack = max(0.0, (pitch - 2 * radius) / 2 - 1)
    labels = np.zeros((SIDE, SIDE), np.uint32)
    reach = int(np.ceil(radius)) + 1
    window = np.arange(-reach, reach + 1)
    for label in range(1, count + 1):
        row, column = divmod(label - 1, columns)
        y, x = (np.array([row, column]) + 0.5) * pitch + rng.uniform(-slack, slack, 2)
        rows, cols = int(y) + window, int(x) + window
        inside = (rows[:, None] - y) ** 2 + (cols - x) ** 2 <= radius**2
        at_y, at_x = np.nonzero(inside)
        at_y, at_x = rows[at_y], cols[at_x]
        fits = (at_y >= 0) & (at_y < SIDE) & (at_x >= 0) & (at_x < SIDE)
        labels[at_y[fits], at_x[fits]] = label
    return labels


def layer(count: int) -> npt.NDArray[np.uint32]:
    """Fill the whole picture with squares."""
    columns = int(np.ceil(np.sqrt(count)))
    index = np.arange(SIDE) * columns // SIDE
    return (index[:, None] * columns + index + 1).astype(np.uint32)


def timed(function: Any, *arguments: Any) -> tuple[float, Any]:
    begin = time.process_time()
    result = function(*arguments)
    return time.process_time() - begin, result


def main() -> None:
    noise = np.random.default_rng(5).normal(200, 20, (SIDE, SIDE)).astype(np.float32)
    features = loaded_features()
    print(
        f"{'picture':<28}{'cells':>8}{'first s':>9}{'best s':>8}  {'families, s':<64}"
        f"{'peer s':>9}{'ratio':>7}"
    )
    pictures = (
        ("100,000 cells of 52 px", discs(100_000, 52)),
        ("20,000 cells of 260 px", discs(20_000, 260)),
        ("closed layer, 100,000", layer(100_000)),
        ("one cell, whole picture", np.ones((SIDE, SIDE), np.uint32)),
    )
    for name, labels in pictures:
        planes = {"0": noise + 50 * (labels > 0).astype(np.float32)}
        first, table = timed(measure_plane, labels, planes, Spacing())
        seconds = min(timed(measure_plane, labels, planes, Spacing())[0] for _ in range(REPEATS))
        begin, regions = timed(Regions, labels, planes)
        parts = [f"regions {begin:.2f}"]
        parts.extend(
            f"{family.name} {timed(family.measure, regions)[0]:.2f}" for family in features.values()
        )
        peer = ""
        if "--peer" in sys.argv and len(table) > 1:
            cut = labels[:CUT, :CUT]
            part, plane = np.searchsorted(np.unique(cut), cut), planes["0"][:CUT, :CUT]
            took, cells = timed(
                partial(skimage.measure.regionprops_table, properties=PEER_PROPERTIES),
                part,
                plane,
            )
            took *= len(table) / len(cells["label"])
            peer = f"{took:>9.1f}{took / seconds:>7.0f}"
        print(
            f"{name:<28}{len(table):>8}{first:>9.2f}{seconds:>8.2f}  {', '.join(parts):<64}{peer}",
            flush=True,
        )

    print(f"\n{'picture':<28}{'cells':>8}{'whole':>9}{'blocks':>9}{'texture':>9}{'spots':>9}")
    for name, labels in pictures:
        planes = {"0": noise + 50 * (labels > 0).astype(np.float32)}
        whole, table = timed(measure_plane, labels, planes, Spacing())
        blocks, again = timed(measure_large, labels, planes, Spacing(), None, BLOCK)
        if not table.equals(again):
            raise SystemExit(f"{name}: the two tables differ")
        regions = Regions(labels, planes)
        texture, spots = (timed(family, regions)[0] for family in (measure_texture, measure_spots))
        print(
            f"{name:<28}{len(table):>8}{whole:>9.2f}{blocks:>9.2f}{texture:>9.2f}{spots:>9.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
