"""Views: small pictures with the label of each pixel."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image as Picture

from cellwright.core.image import Spacing
from cellwright.report.section import View
from cellwright.report.view import make_view, packed, unpacked, view_side


def view_of(labels: npt.NDArray[np.uint32], side: int) -> View:
    plane = labels * 100.0
    spacing = Spacing(y=0.5, x=0.5)
    return make_view(plane, labels, image="a.tif", frame=2, spacing=spacing, side=side)


def test_labels_are_those_of_the_picture_made_smaller() -> None:
    labels = np.kron(np.arange(1, 7).reshape(2, 3), np.ones((40, 40))).astype(np.uint32)
    view = view_of(labels * 70_000, 60)
    assert (view.height, view.width, view.scale) == (40, 60, 0.5)
    small = unpacked(view.labels, 40, 60)
    assert np.array_equal(small, labels[::2, ::2] * 70_000)
    picture = Picture.open(io.BytesIO(view.picture))
    assert (picture.format, picture.size) == ("WEBP", (60, 40))


def test_the_bar_is_in_pixels_of_the_view() -> None:
    view = view_of(np.ones((400, 400), np.uint32), 100)
    assert view.scale_bar_um is not None
    assert view.scale_bar_um / view.scale_bar_px == pytest.approx(2.0)  # 4 pixels of 0.5 µm each


def test_equal_input_gives_equal_bytes() -> None:
    labels = np.random.default_rng(0).integers(0, 5, (50, 70)).astype(np.uint32)
    assert view_of(labels, 64) == view_of(labels, 64)


def test_many_views_are_smaller() -> None:
    sides = [view_side(n) for n in (1, 24, 25, 50, 51, 100, 1000)]
    assert sides == sorted(sides, reverse=True)
    assert sides[0] > sides[-1] >= 400


def test_any_labels_come_out_as_they_went_in() -> None:
    random = np.random.default_rng(1)
    for shape in ((1, 1), (1, 9), (9, 1), (13, 17)):
        for most in (1, 2, 2**32 - 1):
            labels = random.integers(0, most, shape, endpoint=True).astype(np.uint32)
            assert np.array_equal(unpacked(packed(labels), *shape), labels)
