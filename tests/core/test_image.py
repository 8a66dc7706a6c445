from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cellwright.core.errors import UsageError
from cellwright.core.image import Array, Image, LazyArray, Spacing
from cellwright.core.labels import Labels, Objects


class Counting:
    """A lazy array that counts the pixels that are read."""

    def __init__(self, pixels: Array) -> None:
        self.pixels = pixels
        self.read = 0

    @property
    def shape(self) -> tuple[int, ...]:
        return self.pixels.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.pixels.dtype

    def __getitem__(self, index: tuple[int | slice, ...], /) -> Array:
        taken = np.asarray(self.pixels[index])
        self.read += taken.size
        return taken


@pytest.mark.parametrize("axes", ["XY", "YXC", "QYX", "YYX", "TC", "Y"])
def test_axes_that_make_no_sense_are_refused(axes: str) -> None:
    with pytest.raises(UsageError, match="axes"):
        Image(np.zeros((2,) * len(axes)), axes)


def test_a_frame_reads_only_its_own_pixels() -> None:
    pixels = np.arange(3 * 2 * 4 * 5).reshape(3, 2, 4, 5)
    lazy = Counting(pixels)
    assert isinstance(lazy, LazyArray)

    frame = Image(lazy, "TCYX", channels=("DAPI", "GFP")).frame(1)

    np.testing.assert_array_equal(frame.pixels(), pixels[1])
    assert frame.axes == "CYX"
    assert lazy.read == 2 * 4 * 5


def test_a_channel_is_found_by_name_and_a_wrong_one_named() -> None:
    image = Image(np.stack([np.zeros((3, 4)), np.ones((3, 4))]), "CYX", channels=("DAPI", "GFP"))

    assert image.channel("GFP").pixels().max() == 1
    assert image.channel("GFP").channels == ("GFP",)
    with pytest.raises(UsageError, match="there are DAPI, GFP"):
        image.channel("RFP")
    with pytest.raises(UsageError, match="no T 5"):
        image.take("T", 5)


@pytest.mark.parametrize("value", [0.0, -1.0, float("inf"), float("nan")])
def test_a_spacing_is_a_length(value: float) -> None:
    with pytest.raises(UsageError, match="not a length"):
        Spacing(y=value, x=1.0)


def test_only_equal_sides_make_a_square_pixel() -> None:
    assert Spacing(y=0.5, x=0.5).square == 0.5
    assert Spacing(y=0.5, x=0.6).square is None
    assert Spacing(x=0.5).square is None


def test_labels_are_uint32_and_refuse_what_does_not_fit() -> None:
    assert Labels(np.array([[0, 70000]], np.int64)).data.dtype == np.uint32
    with pytest.raises(UsageError, match="between 0"):
        Labels(np.array([[0, -1]]))
    with pytest.raises(UsageError, match="whole numbers"):
        Labels(np.array([[0.0, 1.0]]))
    with pytest.raises(UsageError, match="axes"):
        Labels(np.zeros((1, 2, 2), np.uint8), "CYX")


def test_labels_count_once_in_each_frame() -> None:
    movie = Labels(np.array([[[1, 2]], [[2, 0]]], np.uint8), "TYX")

    assert movie.count == 3
    assert movie.frame(1).count == 1
    with pytest.raises(UsageError, match="2 frames"):
        movie.frame(2)


def test_a_single_kind_is_the_main_one() -> None:
    nuclei = Labels(np.zeros((2, 2), np.uint8))

    assert Objects({"nucleus": nuclei}).main == "nucleus"
    with pytest.raises(UsageError, match="main"):
        Objects({"nucleus": nuclei, "cell": nuclei})
