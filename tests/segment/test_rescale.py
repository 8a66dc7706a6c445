"""Planes at another scale, window by window, and labels brought back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellwright.core.image import Array
from cellwright.segment import rescale
from cellwright.segment.blocks import Window
from cellwright.segment.network_input import Normalisation
from cellwright.segment.network_mapping import InMemory
from cellwright.segment.rescale import Coarse, ScaledPlane, enlarged_labels, scaled_shape

AS_IT_IS = Normalisation(0, 1, (-1000, 1000))


def scaled(picture: Array, scale: float) -> Array:
    plane = ScaledPlane(InMemory(picture), AS_IT_IS, scale)
    return plane.read(Window(0, 0, *plane.shape))


@pytest.mark.parametrize("scale", [0.07, 0.3, 0.5, 1.0, 1.7, 3.0])
def test_a_slope_stays_a_slope(scale: float) -> None:
    """Values at pixel centres: pixel i of the new plane lies at (i + 0.5) / scale - 0.5."""
    rows, columns = np.indices((120, 90), dtype=np.float64)
    found = scaled(2 * rows + columns, scale)
    assert found.shape == scaled_shape((120, 90), scale)
    ratios = 120 / found.shape[0], 90 / found.shape[1]
    down, right = (
        (np.arange(length) + 0.5) * ratio - 0.5
        for length, ratio in zip(found.shape, ratios, strict=True)
    )
    wanted = 2 * down[:, None] + right
    edge = max(1, int(np.ceil(scale)))  # where pixels that are not there would be needed
    inner = (slice(edge, -edge), slice(edge, -edge))
    # where a plane is made smaller by no whole number, a triangle is not quite even
    np.testing.assert_allclose(
        found[inner], wanted[inner], rtol=0, atol=0.05 if scale < 1 else 2e-3
    )


def test_a_plane_of_the_same_size_is_not_touched() -> None:
    picture = np.random.default_rng(0).normal(0, 1, (20, 30)).astype(np.float32)
    np.testing.assert_array_equal(scaled(picture, 1.001), picture)


def test_halving_takes_the_mean_of_pixels_around() -> None:
    found = scaled(np.array([[0.0, 0, 8, 0, 0, 0]] * 2), 0.5)
    np.testing.assert_allclose(found, [[1, 3, 0]])  # a triangle of 1/8, 3/8, 3/8, 1/8


@settings(max_examples=40, deadline=None)
@given(
    rows=st.integers(1, 60),
    columns=st.integers(1, 60),
    scale=st.floats(0.05, 3),
    colour=st.booleans(),
    data=st.data(),
)
def test_windows_agree_to_the_last_bit(
    rows: int, columns: int, scale: float, colour: bool, data: st.DataObject
) -> None:
    shape = (rows, columns, 3) if colour else (rows, columns)
    picture = np.random.default_rng(1).normal(0, 1, shape)
    plane = ScaledPlane(InMemory(picture), AS_IT_IS, scale)
    whole = plane.read(Window(0, 0, *plane.shape))
    top, left = (data.draw(st.integers(0, length - 1)) for length in plane.shape)
    bottom = data.draw(st.integers(top + 1, plane.shape[0]))
    right = data.draw(st.integers(left + 1, plane.shape[1]))
    part = plane.read(Window(top, left, bottom, right))
    np.testing.assert_array_equal(part, whole[top:bottom, left:right])


def test_bands_agree_to_the_last_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = np.random.default_rng(1).normal(0, 1, (200, 150))
    whole = scaled(picture, 0.13)
    monkeypatch.setattr(rescale, "_TOGETHER", 500)
    np.testing.assert_array_equal(scaled(picture, 0.13), whole)


def around(coarse: Coarse, shape: tuple[int, int], at: tuple[int, int]) -> tuple[float, Array]:
    """Height at a pixel, and the weight of each label around it, as the docstring has it."""
    votes = np.zeros(int(coarse.labels.max()) + 1)
    level = 0.0
    (y, x) = (
        (place + 0.5) * there / here - 0.5
        for place, there, here in zip(at, coarse.labels.shape, shape, strict=True)
    )
    for i, down in ((np.floor(y), 1 - y % 1), (np.floor(y) + 1, y % 1)):
        for j, right in ((np.floor(x), 1 - x % 1), (np.floor(x) + 1, x % 1)):
            row, column = (
                int(np.clip(place, 0, length - 1))
                for place, length in zip((i, j), coarse.labels.shape, strict=True)
            )
            level += down * right * float(coarse.height[row, column])
            votes[coarse.labels[row, column]] += down * right
    votes[0] = 0
    return level, votes


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), rows=st.integers(1, 40), columns=st.integers(1, 40))
def test_labels_go_to_the_strongest_of_four(seed: int, rows: int, columns: int) -> None:
    rng = np.random.default_rng(seed)
    height = rng.uniform(-1, 1, (int(rng.integers(1, 13)), int(rng.integers(1, 13))))
    height = height.astype(np.float32)
    labels = np.where(height > 0, rng.integers(0, 4, height.shape), 0).astype(np.uint32)
    whole = Window(0, 0, *labels.shape)
    coarse = Coarse(labels, height, whole, whole.shape)
    found = enlarged_labels(coarse, Window(0, 0, rows, columns), (rows, columns))
    assert found.dtype == np.uint32
    for at in np.ndindex(rows, columns):
        level, votes = around(coarse, (rows, columns), at)
        if level > 1e-5:
            assert votes[found[at]] >= votes.max() - 1e-5  # of equal ones any
        elif level < -1e-5:
            assert found[at] == 0
    top, left = rows // 3, columns // 2
    part = enlarged_labels(coarse, Window(top, left, rows, columns), (rows, columns))
    np.testing.assert_array_equal(part, found[top:, left:])


def test_an_outline_runs_where_the_height_is_zero() -> None:
    height = np.array([[3.0, -1.0]], np.float32)
    coarse = Coarse(np.array([[5, 0]]), height, Window(0, 0, 1, 2), (1, 2))
    # between the middles of the coarse pixels, 2 and 6 px along, the zero is at 5
    found = enlarged_labels(coarse, Window(0, 0, 4, 8), (4, 8))
    assert found.tolist() == [[5, 5, 5, 5, 5, 0, 0, 0]] * 4
