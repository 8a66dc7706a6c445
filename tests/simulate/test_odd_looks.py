"""Cells look odd as their name says, and have the outline that they had."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage

from cellwright.core.errors import UsageError
from cellwright.core.image import Array
from cellwright.simulate.nuclei import simulate_nuclei
from cellwright.simulate.odd_looks import LOOKS, Look, with_odd_looks

PLANE, LABELS = simulate_nuclei((128, 128), 9, 30, seed=2, clumping=0, texture=0.3, brightness=0.3)
LABEL = int(np.bincount(LABELS.ravel())[1:].argmax()) + 1
OWN = LABELS == LABEL
GROUND = float(np.median(PLANE[LABELS == 0]))
FROM_EDGE: npt.NDArray[np.float64] = np.asarray(ndimage.distance_transform_edt(OWN), np.float64)


def changed(look: Look, seed: int = 0) -> Array:
    found = with_odd_looks(PLANE, LABELS, {LABEL: look}, np.random.default_rng(seed))
    return found.astype(float)


@pytest.mark.parametrize("look", LOOKS)
def test_nothing_but_the_cell_changes(look: Look) -> None:
    before = PLANE.copy()
    found = changed(look)
    assert (found[~OWN] == PLANE[~OWN]).all()
    assert (found[OWN] != PLANE[OWN]).any()
    assert (before == PLANE).all()
    assert (changed(look) == found).all()


def test_bright_is_twice_as_far_from_the_ground() -> None:
    wanted = np.clip(GROUND + 2 * (PLANE[OWN] - GROUND), 0, 255)
    assert np.allclose(changed("bright")[OWN], wanted, atol=0.5)


@pytest.mark.parametrize(("look", "sign"), [("inclusion", 1), ("hole", -1)])
def test_spots_are_small_and_inside(look: Look, sign: int) -> None:
    for seed in range(10):
        off = (changed(look, seed) - PLANE) * OWN
        assert (sign * off >= 0).all()
        touched = off != 0
        assert 0.02 < touched.sum() / OWN.sum() < 0.2
    places = {tuple(np.argwhere(changed(look, s) != PLANE).mean(axis=0)) for s in range(5)}
    assert len(places) == 5


def test_an_even_cell_keeps_profile_and_grain_and_loses_texture() -> None:
    found = changed("even")
    for low, high in ((1, 3), (3, 6), (6, 20)):
        ring = (low < FROM_EDGE) & (high >= FROM_EDGE)
        assert found[ring].mean() == pytest.approx(PLANE[ring].mean(), rel=0.1)
    core = FROM_EDGE > 4

    def rough(plane: Array, size: float) -> float:
        return float(np.std(ndimage.gaussian_filter(plane.astype(float), size)[core]))

    assert rough(found, 1.5) < 0.6 * rough(PLANE, 1.5)


def test_a_ring_is_as_bright_as_the_cell_was_and_darker_inside() -> None:
    found = changed("ring")
    assert found[OWN].mean() == pytest.approx(PLANE[OWN].mean(), rel=0.03)
    core, rim = FROM_EDGE > 8, OWN & (FROM_EDGE < 3)
    for place, low, high in ((core, 0.3, 0.9), (rim, 1.1, 2.0)):
        assert low < (found[place] - GROUND).mean() / (PLANE[place] - GROUND).mean() < high


@pytest.mark.parametrize("label", [0, 99])
def test_a_cell_that_is_not_there_is_named(label: int) -> None:
    with pytest.raises(UsageError, match=f"no cell {label}"):
        with_odd_looks(PLANE, LABELS, {label: "bright"}, np.random.default_rng(0))
