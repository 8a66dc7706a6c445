"""The pictures that speed is measured on: real ones with true labels, and a simulated one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage

from cellwright.core.image import Array
from cellwright.datasets.example import Example, examples_in, read_labels, read_pixels
from cellwright.simulate.nuclei import simulate_nuclei

__all__ = ["SETS", "SIMULATED", "Annotated", "megapixel", "pictures_of", "simulated"]

SETS = ("bbbc039", "neuroblastoma", "dsb2018")
SIMULATED = "simulated"
MEGAPIXEL = 1_000_000
NUCLEI_A_MEGAPIXEL = 300
"""Of the simulated picture; at 24 px across they cover an eighth of it, as in culture."""


@dataclass(frozen=True, eq=False)
class Annotated:
    """A picture with its true labels.

    Attributes
    ----------
    collection, name
        Where it comes from.
    pixels
        (Y, X) or (Y, X, 3).
    labels
        (Y, X) integers.
    """

    collection: str
    name: str
    pixels: Array
    labels: Array

    @property
    def megapixels(self) -> float:
        """Of one channel."""
        return self.labels.size / 1e6

    def save(self, folder: Path) -> Path:
        """Write it for the workers, which cannot read every format."""
        path = folder / f"{self.collection}_{self.name}.npz"
        np.savez(path, pixels=self.pixels, labels=self.labels)
        return path


def pictures_of(data: Path, collection: str, number: int) -> list[Annotated]:
    """Take so many pictures of a collection, evenly over its names.

    Of `dsb2018`, most of whose pictures are of 256 px, only those of a megapixel and more.
    """
    examples = examples_in(data / collection)
    if collection == "dsb2018":
        examples = [example for example in examples if megapixel(example)]
    places = np.unique(np.linspace(0, len(examples) - 1, number).round().astype(int))
    return [
        Annotated(collection, Path(e.name).name, read_pixels(e), read_labels(e))
        for e in (examples[place] for place in places)
    ]


def megapixel(example: Example) -> bool:
    """Whether a picture has a megapixel or more; only its header is read."""
    with PillowImage.open(example.image) as picture:
        return picture.width * picture.height >= MEGAPIXEL


def simulated(megapixels: float) -> Annotated:
    """Simulate a square picture of nuclei, some of them touching."""
    side = round((megapixels * 1e6) ** 0.5)
    count = round(NUCLEI_A_MEGAPIXEL * side**2 / 1e6)
    pixels, labels = simulate_nuclei((side, side), n=count, clumping=0.4, seed=5)
    return Annotated(SIMULATED, f"{side}", pixels, labels)
