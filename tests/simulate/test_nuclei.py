"""Simulated nuclei are what was asked for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from cellwright.core.errors import UsageError
from cellwright.simulate.nuclei import simulate_nuclei


def test_the_same_seed_gives_the_same_picture_and_another_seed_another() -> None:
    one, truth = simulate_nuclei((128, 160), n=8, seed=4)
    again, same = simulate_nuclei((128, 160), n=8, seed=4)
    other, _ = simulate_nuclei((128, 160), n=8, seed=5)
    assert one.tobytes() == again.tobytes()
    assert truth.tobytes() == same.tobytes()
    assert (one != other).any()


@settings(max_examples=25, deadline=None)
@given(
    st.tuples(st.integers(1, 90), st.integers(1, 90)),
    st.integers(0, 12),
    st.floats(2, 40),
    st.integers(0, 2**32),
    st.floats(0, 1),
)
def test_truth_has_labels_without_gaps_of_the_size_of_the_picture(
    shape: tuple[int, int], n: int, diameter: float, seed: int, clumping: float
) -> None:
    picture, labels = simulate_nuclei(shape, n, diameter, seed, clumping=clumping)
    assert picture.shape == labels.shape == shape
    assert labels.dtype == np.uint32
    present = np.unique(labels[labels > 0])
    np.testing.assert_array_equal(present, np.arange(1, present.size + 1))
    assert present.size <= n


def test_loose_nuclei_are_all_there_whole_and_apart() -> None:
    _, labels = simulate_nuclei(n=70, seed=2, clumping=0.0, margin_px=20)
    assert labels.max() == 70
    _, pieces = ndimage.label(labels > 0, np.ones((3, 3)))
    assert pieces == 70


def test_clumped_nuclei_touch() -> None:
    _, labels = simulate_nuclei(n=70, seed=2, clumping=0.7)
    _, pieces = ndimage.label(labels > 0, np.ones((3, 3)))
    assert pieces < 45
    assert labels.max() >= 68


def test_the_diameter_is_that_of_the_disc_of_the_same_area() -> None:
    areas = np.concatenate(
        [
            np.bincount(
                simulate_nuclei(
                    n=30, diameter_px=30, seed=seed, clumping=0, margin_px=30, size_spread=0
                )[1].ravel()
            )[1:]
            for seed in range(4)
        ]
    )
    assert np.mean(areas) == pytest.approx(np.pi * 15**2, rel=0.03)


def test_nuclei_are_brighter_than_what_is_around_them() -> None:
    picture, labels = simulate_nuclei(seed=1, brightness=0.5, background=0.1)
    assert np.median(picture[labels == 0]) == pytest.approx(0.1 * 255, rel=0.2)
    assert np.median(picture[labels > 0]) == pytest.approx(0.5 * 255, rel=0.25)


def test_without_nuclei_there_is_only_background() -> None:
    picture, labels = simulate_nuclei((64, 64), n=0)
    assert not labels.any()
    assert picture.std() < 5


def test_sixteen_bits_use_the_whole_scale() -> None:
    picture, _ = simulate_nuclei(seed=1, bits=16)
    assert picture.dtype == np.uint16
    assert picture.max() > 20000


def test_uneven_light_darkens_the_corners() -> None:
    flat, _ = simulate_nuclei(n=0, background=0.5, illumination=0.0)
    uneven, _ = simulate_nuclei(n=0, background=0.5, illumination=0.5)
    corner = uneven[:20, :20].mean() / flat[:20, :20].mean()
    centre = uneven[246:266, 246:266].mean() / flat[246:266, 246:266].mean()
    assert corner == pytest.approx(0.52, abs=0.04)
    assert centre == pytest.approx(1.0, abs=0.04)


def test_noise_has_the_size_that_was_asked_for() -> None:
    picture, _ = simulate_nuclei(
        n=0, background=0.5, illumination=0, photons=0, noise=0.02, bits=16
    )
    assert picture.std() / 65535 == pytest.approx(0.02, rel=0.05)
    photons, _ = simulate_nuclei(
        n=0, background=0.5, illumination=0, photons=1000, noise=0, bits=16
    )
    # Poisson: 500 photons, so a standard deviation of the root of 500 in 1000.
    assert photons.std() / 65535 == pytest.approx(np.sqrt(500) / 1000, rel=0.05)


@pytest.mark.parametrize(
    ("shape", "n", "diameter"), [((0, 5), 1, 5.0), ((9, 9), -1, 5.0), ((9, 9), 1, 0.0)]
)
def test_what_cannot_be_simulated_is_refused(
    shape: tuple[int, int], n: int, diameter: float
) -> None:
    with pytest.raises(UsageError, match="cannot be simulated"):
        simulate_nuclei(shape, n, diameter)
