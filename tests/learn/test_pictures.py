"""Pictures in memory: their levels, sizes and polarity."""

from __future__ import annotations

import numpy as np
import pytest

from cellwright.core.errors import InputError
from cellwright.core.image import Array
from cellwright.learn.pictures import NO_OBJECTS, picture_of

SQUARE = np.zeros((10, 12), np.uint32)
SQUARE[2:6, 3:7] = 5


def test_levels_are_means_of_two_by_two_without_an_odd_rest() -> None:
    pixels = np.arange(35, dtype=np.uint8).reshape(5, 7)
    picture = picture_of("a", "kind", pixels, np.zeros((5, 7), int), (0, 100))
    assert [level.shape for level in picture.levels] == [(5, 7, 1), (2, 3, 1), (1, 1, 1)]
    assert picture.levels[1][..., 0].tolist() == [[4, 6, 8], [18, 20, 22]]
    assert picture.levels[1].dtype == np.uint8
    assert (picture.normalisation.low, picture.normalisation.high) == (0, 34)


def test_three_equal_colours_are_one() -> None:
    grey = np.random.default_rng(1).integers(0, 9, (10, 12))
    assert not picture_of("a", "", np.stack([grey] * 3, 2), SQUARE, (1, 99)).is_colour
    assert picture_of("a", "", np.stack([grey, grey, grey + 1], 2), SQUARE, (1, 99)).is_colour


@pytest.mark.parametrize(("pixels", "bright"), [(SQUARE * 2, True), (9 - SQUARE, False)])
def test_polarity(pixels: Array, bright: bool) -> None:
    picture = picture_of("a", "", pixels, SQUARE, (1, 99))
    assert picture.is_bright is bright
    assert picture.diameter == pytest.approx(2 * np.sqrt(16 / np.pi))


def test_a_picture_without_objects_is_shown_at_some_scale() -> None:
    assert picture_of("a", "", SQUARE, SQUARE * 0, (1, 99)).diameter == NO_OBJECTS


@pytest.mark.parametrize("ground", [0, 7])
def test_huge_numbers_become_small_ones_in_their_order(ground: int) -> None:
    labels = np.full((4, 4), ground, np.uint32)
    labels[1, 1:3], labels[2, 2] = 4_000_000_000, 900
    found = picture_of("a", "", labels, labels, (1, 99)).labels
    first = 1 if ground else 0
    assert found.dtype == np.int32
    assert (found[0, 0], found[2, 2], found[1, 1]) == (first, first + 1, first + 2)


def test_labels_of_another_picture_are_refused() -> None:
    with pytest.raises(InputError, match=r"a: the picture has 10 × 11 pixels, .* have 10 × 12"):
        picture_of("a", "", np.zeros((10, 11)), SQUARE, (1, 99))


def test_pixels_that_are_no_numbers_are_refused() -> None:
    pixels = np.zeros(SQUARE.shape)
    pixels[3, 3] = np.nan
    with pytest.raises(InputError, match="no finite numbers"):
        picture_of("a", "", pixels, SQUARE, (1, 99))
