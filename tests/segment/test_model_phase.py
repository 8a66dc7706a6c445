"""The model for whole cells in phase contrast, on drawn cells: dark bodies in bright halos."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from cellwright.core.image import Array, Image
from cellwright.evaluation.picture import score_picture
from cellwright.segment.network import NetworkMethod, NetworkOptions

SIDE = 400
HALO = 0.12
"""Of the radius: how far the bright rim reaches."""


def drawn(radius: float, count: int, seed: int = 3) -> tuple[Array, Array]:
    """Ellipses with dark, grainy bodies and bright halos on an even ground: uint8 and labels."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    labels = np.zeros((SIDE, SIDE), np.uint32)
    side = max(1, int(np.ceil(np.sqrt(count))))
    step = SIDE / side
    for index in range(count):
        row, column = ((np.array(divmod(index, side)) + 0.5) * step) + random.uniform(-3, 3, 2)
        angle, long, short = random.uniform(0, np.pi), radius, radius * random.uniform(0.6, 0.9)
        down, right = rows - row, columns - column
        along = (down * np.cos(angle) + right * np.sin(angle)) / long
        across = (right * np.cos(angle) - down * np.sin(angle)) / short
        labels[along**2 + across**2 < 1] = index + 1
    inside = (labels > 0).astype(float)
    soft = ndimage.gaussian_filter(inside, HALO * radius)
    halo = ndimage.gaussian_filter(inside, 3 * HALO * radius) - inside
    grain = ndimage.gaussian_filter(random.normal(size=labels.shape), 1.5)
    plane = 110 - 25 * soft + 150 * np.clip(halo, 0, None) + 40 * grain * soft
    plane += random.normal(0, 2, labels.shape)
    return np.clip(plane, 0, 255).astype(np.uint8), labels


def found(pixels: Array) -> Array:
    objects = NetworkMethod().segment(Image(pixels, "YX"), NetworkOptions(model="phase"))
    return objects.labels["cell"].pixels()


@pytest.mark.parametrize("radius", [12.0, 30.0])
def test_cells_with_halos_are_found(radius: float) -> None:
    pixels, truth = drawn(radius, 16)
    score = score_picture(truth, found(pixels), image="a")
    assert score["f1_50"] > 0.9
    assert score["semantic_iou"] > 0.8


def test_nothing_on_an_even_ground() -> None:
    pixels, _ = drawn(20.0, 0)
    assert found(pixels).max() == 0
