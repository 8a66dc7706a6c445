"""The model for sheets of cells, on simulated sheets that it has not learnt from."""

from __future__ import annotations

import pytest

from cellwright.core.image import Array, Image
from cellwright.evaluation.picture import score_picture
from cellwright.segment.network import NetworkMethod, NetworkOptions
from cellwright.simulate.monolayer import simulate_monolayer

SHAPE = (320, 360)


def found(pixels: Array) -> Array:
    objects = NetworkMethod().segment(Image(pixels, "YX"), NetworkOptions(model="borders"))
    return objects.labels["cell"].pixels()


@pytest.mark.parametrize("dark", [0.0, 1.0], ids=["bright borders", "dark borders"])
@pytest.mark.parametrize("diameter", [24.0, 60.0])
def test_cells_are_found_by_their_borders(diameter: float, dark: float) -> None:
    pixels, truth = simulate_monolayer(SHAPE, diameter, seed=70, dark=dark)
    score = score_picture(truth, found(pixels), image="a")
    assert score["f1_50"] > 0.9
    assert score["boundary_f1"] > 0.9


def test_nothing_in_an_empty_picture() -> None:
    pixels, _ = simulate_monolayer(SHAPE, 60.0, seed=70)
    assert found(pixels * 0).max() == 0
