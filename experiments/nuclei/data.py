"""The pictures that the model ``nuclei`` is made from, and their fixed validation split."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cellwright.core.image import Array
from cellwright.datasets.example import Example, examples_in, read_labels, read_pixels, with_groups
from cellwright.datasets.splits import split
from cellwright.datasets.tiles import groups_of

SETS = ("dsb2018", "dsb2018_test", "neuroblastoma", "bbbc039")
"""All of them CC0."""
SHARE = 0.12
PERCENTILES = (1.0, 99.8)


def training_and_validation(data: Path) -> tuple[list[Example], list[Example]]:
    """Examples of the two sides; tiles of one photograph are on one of them."""
    examples = [example for name in SETS for example in examples_in(data / name)]
    pictures = ((e.name, read_pixels(e), read_labels(e)) for e in examples)
    return split(with_groups(examples, groups_of(pictures)), SHARE)


def resampled(labels: Array, shape: tuple[int, ...]) -> Array:
    """Labels at another scale, (Y, X): each pixel takes the label under its middle."""
    rows, columns = (
        ((np.arange(there) + 0.5) * here / there).astype(np.intp)
        for there, here in zip(shape, labels.shape, strict=True)
    )
    return np.ascontiguousarray(labels[np.ix_(rows, columns)])
