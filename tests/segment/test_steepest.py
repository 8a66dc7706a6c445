"""The threshold where outlines are steep, on drawn light."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from cellwright.core.image import Array
from cellwright.segment.histogram import otsu
from cellwright.segment.steepest import steepest_threshold

ROWS, COLUMNS = np.indices((120, 120))
AWAY = np.hypot(ROWS - 60, COLUMNS - 60)


def drawn(*discs: tuple[float, float], haze: float = 0.0) -> Array:
    """Discs about the middle, each of a radius and a height, with a little noise."""
    plane = haze * np.exp(-((AWAY / 50) ** 2))
    for radius, height in discs:
        plane[radius > AWAY] += height
    plane = ndimage.gaussian_filter(plane, 1.5)
    return np.asarray(plane + np.random.default_rng(3).normal(0, 0.2, plane.shape))


@pytest.mark.parametrize("middle", [20.0, 40.0])
def test_thin_rims_are_found_that_otsu_loses(middle: float) -> None:
    plane = drawn((45, 20), (20, middle * 2))
    assert otsu(plane)[0] > 20, "the case is one of those that are lost"
    threshold, ground = steepest_threshold(plane, 0.2)
    assert np.count_nonzero(plane > threshold) == pytest.approx(np.pi * 45**2, rel=0.08)
    assert ground == pytest.approx(0, abs=0.2)


def test_haze_is_no_cell() -> None:
    plane = drawn((20, 100), haze=25)
    threshold, _ = steepest_threshold(plane, 0.2)
    assert np.count_nonzero(plane > threshold) == pytest.approx(np.pi * 20**2, rel=0.15)


def test_never_below_the_noise() -> None:
    plane = drawn((20, 1.0))
    threshold, ground = steepest_threshold(plane, 0.5)
    assert threshold >= ground + 6 * 0.5


def test_scale_of_the_light_does_not_matter() -> None:
    plane = drawn((45, 20), (20, 60))
    threshold, _ = steepest_threshold(plane, 0.2)
    assert steepest_threshold(plane * 64, 0.2 * 64)[0] == pytest.approx(threshold * 64, rel=1e-5)
