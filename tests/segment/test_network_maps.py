"""Tiles of a network: seams that nobody can see, and work that is counted."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from cellwright.core.image import Array
from cellwright.segment.blocks import Window
from cellwright.segment.network_maps import Quantised, fill_maps, flipped, steps_of

CHANNELS = ("foreground", "row_offset", "column_offset")
HALO = 32


class Whole:
    """A plane at the network's scale, in memory."""

    def __init__(self, values: Array) -> None:
        self.values = values
        self.shape = (values.shape[0], values.shape[1])

    def read(self, window: Window) -> Array:
        return self.values[window.slices]


class Blurring:
    """Stands for a network: it halves the picture, looks around itself, and counts its work."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, int]] = []

    def __call__(self, batch: Array) -> Array:
        plane = batch[0, 0]
        self.seen.append(plane.shape)
        small = plane.reshape(plane.shape[0] // 2, 2, plane.shape[1] // 2, 2).mean(axis=(1, 3))
        wide = ndimage.uniform_filter(small, 9, mode="constant")
        large = np.repeat(np.repeat(wide, 2, 0), 2, 1) * 8
        return np.stack([large, large / 4, -large / 4])[None]


def filled(plane: Array, tile: int, network: Blurring) -> Array:
    maps = Quantised(CHANNELS, np.zeros((3, *plane.shape[:2]), np.int8))
    fill_maps(
        Whole(plane), network, maps, every=CHANNELS, unit=10.0, tile=tile, halo=HALO, multiple=16
    )
    return maps.values


@pytest.fixture(scope="module")
def plane() -> Array:
    return np.random.default_rng(5).normal(0, 1, (333, 407)).astype(np.float32)


@pytest.mark.parametrize("tile", [64, 96, 160])
def test_tiles_of_any_size_give_the_maps_of_the_whole(plane: Array, tile: int) -> None:
    whole = filled(plane, 512, Blurring())
    assert np.count_nonzero(whole[0]) > 1000
    np.testing.assert_array_equal(filled(plane, tile, Blurring()), whole)


def test_a_plane_that_fits_into_a_tile_with_its_halo_is_not_tiled(plane: Array) -> None:
    network = Blurring()
    filled(plane, 512, network)
    assert network.seen == [(336, 416)]


def test_the_halo_is_all_that_is_looked_at_twice(plane: Array) -> None:
    network = Blurring()
    filled(plane, 128, network)
    assert len(network.seen) == 3 * 4
    assert max(network.seen) == (128 + 2 * HALO, 128 + 2 * HALO)


def test_offsets_are_kept_in_quarters_of_a_pixel() -> None:
    maps = Quantised(("row_offset",), np.array([[[3, -127]]], np.int8))
    assert steps_of("row_offset") == 0.25
    assert maps.one("row_offset", Window(0, 0, 1, 2)).tolist() == [[0.75, -31.75]]


def test_mirrored_pictures_turn_their_offsets_round() -> None:
    def pointing(batch: Array) -> Array:
        """Foreground is the picture itself; offsets point down and right where it is bright."""
        return np.stack([batch[:, 0], batch[:, 0] * 2, batch[:, 0] * 3], axis=1)

    batch = np.zeros((1, 3, 4, 6), np.float32)
    batch[0, :, 1, 2] = 1
    found = flipped(pointing, CHANNELS)(batch)
    np.testing.assert_allclose(found[0, 0], batch[0, 0])
    # a network that is blind to mirroring points one way in half of the pictures each
    np.testing.assert_allclose(found[0, 1:], 0)
