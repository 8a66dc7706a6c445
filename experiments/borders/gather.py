"""Put the pictures that the model ``borders`` learns from into one folder: ``gather.py DATA OUT``.

Simulated monolayers, and the few real ones whose licence allows it. Where a source parts cells by
lines of label 0, the lines are given to the cells on both sides, so that all sets say the same:
borders have no width.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from scipy import ndimage
from skimage.segmentation import expand_labels

from cellwright.core.image import Array
from cellwright.datasets.example import examples_in, read_labels, read_pixels
from cellwright.io.label_image import encode_labels
from cellwright.simulate.fields import simulated_fields

SIMULATED, SIDE, SEED = 120, 384, 100
PLANES = 6
"""Every so many planes of a volume are apart enough to differ."""
LINES = 2
"""Half of the width of lines between cells that are given to them, in pixels."""
AROUND = 4
"""Pixels around closed cells that are known too: their borders."""


@dataclass(frozen=True, eq=False)
class Taken:
    """A picture with its labels, (Y, X) each, and where it belongs."""

    name: str
    kind: str
    group: str
    pixels: Array
    labels: Array
    region: Array | None = None


def simulated() -> Iterator[Taken]:
    for index, field in enumerate(simulated_fields("monolayer", SIMULATED, (SIDE, SIDE), SEED)):
        name = f"simulated_{index:03}"
        yield Taken(name, "simulated", name, field.picture, field.labels)


def epithelium(data: Path) -> Iterator[Taken]:
    """Frames of `disc` are of one tissue; a program outlined them, and they are a weak teacher."""
    for example in examples_in(data / "epithelium"):
        kind = example.image.stem.split("_")[0]
        labels = expand_labels(read_labels(example), LINES)
        yield Taken(f"epithelium_{example.image.stem}", kind, kind, read_pixels(example), labels)


def zo1(data: Path) -> Iterator[Taken]:
    """Only closed cells are known there: nothing is learnt from the rest."""
    for example in examples_in(data / "zo1_mdck"):
        labels = expand_labels(read_labels(example), LINES)
        region = ndimage.binary_dilation(labels > 0, iterations=AROUND)
        name = f"zo1_{example.image.stem}"
        yield Taken(name, "zo1", name, read_pixels(example), labels, region)


def plants(data: Path) -> Iterator[Taken]:
    """Planes of the ovule, whose largest number is the outside.

    The two other volumes show no walls, but round bodies, and would teach something else.
    """
    for file in sorted((data / "plantseg3d").glob("*ovule*.h5")):
        with h5py.File(file) as volume:
            raw, labels = np.asarray(volume["raw"]), np.asarray(volume["label"]).astype(np.uint32)
        labels[labels == labels.max()] = 0
        for plane in range(PLANES // 2, len(raw), PLANES):
            if np.count_nonzero(np.unique(labels[plane])) > 3:
                name = f"plant_{file.stem}_{plane:03}"
                yield Taken(name, "plant", f"plant_{file.stem}", raw[plane], labels[plane])


def main(data: str, out: str) -> None:
    """Write pictures, labels, regions and the table."""
    folder, root = Path(out), Path(data)
    for part in ("images", "labels", "roi"):
        (folder / part).mkdir(parents=True)
    rows = [("name", "kind", "group")]
    for source in (simulated(), epithelium(root), zo1(root), plants(root)):
        for taken in source:
            parts = {"images": taken.pixels, "labels": taken.labels, "roi": taken.region}
            for part, values in parts.items():
                if values is not None:
                    plane = values.astype(np.uint8) if values.dtype == bool else values
                    (folder / part / f"{taken.name}.tif").write_bytes(encode_labels(plane, "YX"))
            rows.append((f"{taken.name}.tif", taken.kind, taken.group))
    with (folder / "images.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


if __name__ == "__main__":
    main(*sys.argv[1:])
