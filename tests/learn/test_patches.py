"""Patches: the picture's own pixels, turned, mirrored and scaled, with their labels under them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import ndimage

from cellwright.core.image import Array
from cellwright.learn.pictures import Picture, picture_of

pytest.importorskip("torch", reason="the extra [train] is not installed")

from cellwright.learn.patches import BEND, View, cut, random_view

SIDE = 32
QUARTER = np.pi / 2


def noise(shape: tuple[int, ...], seed: int = 1) -> Picture:
    """A picture of noise, and labels of noise."""
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, shape, dtype=np.uint8)
    return picture_of("noise", "test", pixels, random.integers(0, 9, shape[:2]), (0, 100))


def disc(shape: tuple[int, int], middle: tuple[int, int], radius: float) -> Picture:
    rows, columns = np.indices(shape)
    labels = np.hypot(rows - middle[0], columns - middle[1]) <= radius
    return picture_of("disc", "test", labels * 200.0, labels.astype(int), (0, 100))


def from_corner(top: int, left: int, **turned: float) -> View:
    """The view whose first pixel is the picture's at (top, left), without scaling."""
    half = (SIDE - 1) / 2
    return View(top + half, left + half, 1.0, **turned)  # type: ignore[arg-type]


def part(picture: Picture, top: int, left: int) -> tuple[Array, Array]:
    """Normalised pixels (3, S, S) and labels of a part."""
    at = (slice(top, top + SIDE), slice(left, left + SIDE))
    pixels = np.moveaxis(picture.normalisation(picture.levels[0][at]), 2, 0)
    return np.broadcast_to(pixels, (3, SIDE, SIDE)), picture.labels[at]


@pytest.mark.parametrize("shape", [(50, 60), (50, 60, 3)])
def test_a_plain_view_at_scale_1_gives_the_very_pixels(shape: tuple[int, ...]) -> None:
    picture = noise(shape)
    patch = cut(picture, from_corner(7, 19), SIDE)
    pixels, labels = part(picture, 7, 19)
    np.testing.assert_allclose(patch.pixels.numpy(), pixels, atol=1e-5)
    np.testing.assert_array_equal(patch.labels, labels)
    assert patch.labels.dtype == np.int32
    assert patch.inside.all()


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
@pytest.mark.parametrize("mirrored", [False, True])
def test_turned_and_mirrored_views_are_those_of_numpy(quarters: int, mirrored: bool) -> None:
    picture = noise((50, 60))
    view = from_corner(7, 19, angle=quarters * QUARTER, mirrored=mirrored)
    patch = cut(picture, view, SIDE)
    pixels, labels = (np.rot90(a, -quarters, (-2, -1)) for a in part(picture, 7, 19))
    if mirrored:
        pixels, labels = np.flip(pixels, -1), np.flip(labels, -1)
    np.testing.assert_allclose(patch.pixels.numpy(), pixels, atol=1e-4)
    np.testing.assert_array_equal(patch.labels, labels)


@settings(max_examples=60, deadline=None)
@given(
    scale=st.floats(0.3, 3),
    angle=st.floats(0, 2 * np.pi),
    mirrored=st.booleans(),
    # whole, and sides are odd: at scale 1 the nearest pixel is no half of one to a side
    shift=st.tuples(st.integers(-2, 2), st.integers(-2, 2)),
)
def test_labels_lie_under_their_pixels_at_every_scale(
    scale: float, angle: float, mirrored: bool, shift: tuple[int, int]
) -> None:
    picture = disc((200, 200), (97, 104), 14)
    side = 2 * int(20 * scale + 8) + 1
    view = View(97 + shift[0], 104 + shift[1], scale, angle, mirrored)
    patch = cut(picture, view, side)
    seen = ndimage.center_of_mass(patch.pixels[0].numpy())
    labelled = ndimage.center_of_mass(patch.labels)
    # a disc of six pixels, its labels taken from the nearest ones, may lie a quarter aside
    np.testing.assert_allclose(seen, labelled, atol=0.3 * max(1, scale))
    assert np.sqrt((patch.labels > 0).sum() / np.pi) == pytest.approx(14 * scale, rel=0.06, abs=0.4)
    # and both lie where the view says
    way = np.hypot(*(np.array(labelled) - (side - 1) / 2))
    assert way == pytest.approx(np.hypot(*shift) * scale, abs=0.5)


def test_what_is_outside_is_marked_and_mirrored() -> None:
    picture = noise((50, 60))
    patch = cut(picture, from_corner(-10, 60 - SIDE + 4), SIDE)
    inside = np.zeros((SIDE, SIDE), bool)
    inside[10:, :-4] = True
    np.testing.assert_array_equal(patch.inside.numpy(), inside)
    wide = np.pad(picture.labels, 10, mode="symmetric")
    np.testing.assert_array_equal(patch.labels, wide[:SIDE, 42 : 42 + SIDE])


# Upright, with its middle on a pixel, all places of a view lie between two pixels: either is right.
@settings(max_examples=30, deadline=None)
@given(
    st.floats(-20, 100), st.floats(-20, 130), st.floats(0.3, 3), st.floats(0.01, 1.55),
    st.integers(0, 9),
)  # fmt: skip
@example(0.3, 0.2, 1.0, 0.0, 0)
@example(60.3, 90.2, 0.7, 3.1, 1)
@example(-7.6, 55.1, 2.3, 5.9, 2)
def test_only_a_part_is_read_and_nothing_changes_by_that(
    row: float, column: float, scale: float, angle: float, seed: int
) -> None:
    picture = noise((80, 112), seed)
    margin = 128  # divides by the shrinkage of every level; mirrors once and again
    wide = picture_of(
        "wide",
        "test",
        np.pad(picture.levels[0][..., 0], margin, mode="symmetric"),
        np.pad(picture.labels, margin, mode="symmetric"),
        (0, 100),
    )
    wide = replace(wide, normalisation=picture.normalisation)
    here = cut(picture, View(row, column, scale, angle), SIDE)
    there = cut(wide, View(row + margin, column + margin, scale, angle), SIDE)
    np.testing.assert_allclose(here.pixels.numpy(), there.pixels.numpy(), atol=2e-3)
    # a place between two pixels may go to either
    assert np.count_nonzero(here.labels != there.labels) <= 3


def test_a_bend_moves_pixels_and_labels_alike() -> None:
    picture = disc((100, 100), (50, 50), 12)
    shifts = np.zeros((2, BEND, BEND))
    shifts[0] += 5.0
    bent = cut(picture, View(50, 50, 1.0, bend=shifts), 64)
    for values in (bent.pixels[0].numpy(), bent.labels):
        assert ndimage.center_of_mass(values) == pytest.approx((26.5, 31.5), abs=0.1)


def test_a_flat_picture_is_black_at_any_scale() -> None:
    picture = picture_of("flat", "", np.full((64, 64), 777.7), np.zeros((64, 64), int), (1, 99))
    patch = cut(picture, View(31.3, 30.1, 0.77, 0.3), SIDE)
    assert (patch.pixels == 0).all()


def test_random_views_show_objects_at_the_wanted_size_and_in_every_second_middle() -> None:
    labels = np.zeros((400, 300), int)
    labels[200:208, 150:158] = 1
    picture = picture_of("sparse", "", labels * 9, labels, (0, 100))
    views = [random_view(picture, SIDE, 12.0, np.random.default_rng([5, i])) for i in range(300)]
    assert {view.scale for view in views} == {12.0 / picture.diameter}
    on = [labels[int(view.row), int(view.column)] > 0 for view in views]
    assert 0.42 < np.mean(on) < 0.58
    quarters = [view.angle / QUARTER % 1 == 0 for view in views]
    assert 0.42 < np.mean(quarters) < 0.58
    assert 0.42 < np.mean([view.mirrored for view in views]) < 0.58
    straight = [v for v in views if v.angle / QUARTER % 1 == 0 and v.bend is None]
    # they keep within the picture, but for half a pixel of it
    assert all(cut(picture, view, SIDE).inside[1:-1, 1:-1].all() for view in straight)
