"""A crop shows the cell alone: the same at any angle, place, exposure and light."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage

from cellwright.core.image import Array
from cellwright.measure.cell_crops import (
    INSIDE,
    SIDE,
    Crop,
    Crops,
    Light,
    Place,
    Scale,
    crop_cell,
    crop_width,
    grey,
    light_of,
)

Labels = npt.NDArray[np.uint32]
ONE = Scale(1.0, 1.0)


def drop(angle: float, size: int = 80) -> tuple[Array, Labels]:
    """A long cell with a blunt end, at an angle; bright on one side, on a ground of 20."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    inside = (u / 14) ** 2 + (v / (6 + 0.15 * u)) ** 2 < 1
    return np.where(inside, 100 + 3 * u, 20.0), inside.astype(np.uint32)


def cut(plane: Array, labels: Labels, scale: Scale = ONE, label: int = 1) -> Crop:
    rows, columns = ndimage.find_objects(labels.astype(np.int64))[label - 1]
    place = Place(label, rows.start, columns.start, rows.stop, columns.stop)
    window = place.window(labels.shape)
    crop = crop_cell(plane[window], labels[window], place, light_of(plane, labels), scale)
    assert crop is not None
    return crop


def test_a_cell_looks_the_same_at_any_angle_and_mirrored() -> None:
    first = cut(*drop(0.0))
    for angle in (0.4, 1.3, np.pi / 2, 2.8, np.pi, 4.0):
        turned = cut(*drop(angle))
        assert np.abs(turned.mask - first.mask).mean() < 0.03
        assert np.abs(turned.pixels - first.pixels).mean() < 0.05
    plane, labels = drop(0.7)
    for mirrored in (np.s_[::-1], np.s_[:, ::-1]):
        other = cut(plane[mirrored], labels[mirrored])
        assert np.abs(other.pixels - first.pixels).mean() < 0.05


def test_neither_exposure_nor_ground_nor_neighbours_count() -> None:
    plane, labels = drop(0.5)
    first = cut(plane, labels)
    exposed = cut(7 * plane + 1000, labels)
    assert np.allclose(exposed.pixels, first.pixels, atol=1e-5)
    assert exposed.brightness == pytest.approx(first.brightness)
    both = labels.copy()
    both[2:10, 60:70] = 2
    crowded = np.where(both == 2, 900.0, plane)
    assert np.allclose(cut(crowded, both).pixels, first.pixels, atol=1e-5)
    # light that differs over the picture: the ground beside the cell counts
    y, _ = np.mgrid[:80, :400]
    wide, ground = np.pad(plane, ((0, 0), (0, 320)), constant_values=20), np.zeros((80, 400))
    ground[:, :80] = 500
    lit = cut(wide + ground, np.pad(labels, ((0, 0), (0, 320))))
    assert np.allclose(lit.pixels, first.pixels, atol=1e-5)
    assert y.shape == wide.shape


def test_brightness_is_in_that_of_a_typical_cell() -> None:
    labels = np.zeros((60, 60), np.uint32)
    plane = np.full((60, 60), 10.0)
    for number, grey_value in enumerate((30, 30, 30, 50, 90), 1):
        labels[5:15, 10 * number : 10 * number + 6] = number
        plane[labels == number] = grey_value
    assert light_of(plane, labels) == Light(10.0, 20.0)
    assert cut(plane, labels, label=5).brightness == pytest.approx(4.0)
    assert cut(plane, labels, label=1).brightness == pytest.approx(1.0)


def test_a_sheet_without_ground_is_measured_from_its_darkest_pixels() -> None:
    labels = np.repeat(np.arange(1, 5, dtype=np.uint32), 100).reshape(20, 20)
    plane = np.full((20, 20), 50.0)
    plane[0] = 8
    found = light_of(plane, labels)
    assert found.ground == 8
    assert found.reach == pytest.approx(42)


def test_sizes_are_seen_and_what_is_too_large_is_told() -> None:
    plane, labels = drop(0.0)
    area = [cut(plane, labels, Scale(s, s)).mask.sum() for s in (1.0, 2.0)]
    assert area[0] / area[1] == pytest.approx(4, rel=0.1)
    assert cut(plane, labels).outside == 0
    near = cut(plane, labels, Scale(0.5, 0.5))
    assert 0.2 < near.outside < 0.4
    assert near.mask[SIDE // 2].min() >= INSIDE  # it fills the whole width
    # pixels that are not square: a cell drawn twice as high is the same cell
    tall = cut(np.repeat(plane, 2, axis=0), np.repeat(labels, 2, axis=0), Scale(2.0, 1.0))
    assert np.abs(tall.mask - cut(plane, labels).mask).mean() < 0.02


def test_ninety_percent_of_round_cells_have_room() -> None:
    sizes = np.repeat(np.arange(10.0, 30.0), 2).reshape(-1, 2)
    room = crop_width(sizes) * SIDE / np.sqrt(2)
    assert np.mean(sizes[:, 0] <= room) == pytest.approx(0.9)


def test_a_label_that_is_not_there_gives_nothing() -> None:
    place = Place(3, 0, 0, 5, 5)
    assert crop_cell(np.ones((9, 9)), np.zeros((9, 9), int), place, Light(0, 1), ONE) is None


def test_crops_are_kept_in_order() -> None:
    crops = Crops.empty(3)
    crop = cut(*drop(0.0))
    crops.put(2, crop)
    taken = crops.taken(np.array([2, 0]))
    assert np.allclose(taken.pixels[0], crop.pixels, atol=2e-3)
    assert taken.brightness.tolist() == [crop.brightness, 0.0]


def test_colours_are_looked_at_by_their_mean() -> None:
    assert grey(np.full((2, 2, 3), [0, 30, 60], np.uint8)).tolist() == [[30, 30], [30, 30]]
