"""Tiles of one photograph find each other by their edges; others do not."""

from __future__ import annotations

import numpy as np
import pytest

from cellwright.core.image import Array
from cellwright.datasets.tiles import Edge, adjoining, groups_of
from cellwright.simulate.nuclei import simulate_nuclei

Named = tuple[str, Array, Array]
SIDE = 192


def photograph(seed: int, shape: tuple[int, int]) -> tuple[Array, Array]:
    return simulate_nuclei(shape, n=shape[0] * shape[1] // 1200, diameter_px=26, seed=seed)


@pytest.fixture(scope="module")
def tiles() -> list[Named]:
    """One photograph cut into two by two."""
    pixels, labels = photograph(3, (2 * SIDE, 2 * SIDE))
    return [
        (f"tile {row}{column}", part(pixels, row, column), part(labels, row, column))
        for row in range(2)
        for column in range(2)
    ]


def part(array: Array, row: int, column: int) -> Array:
    return array[row * SIDE : (row + 1) * SIDE, column * SIDE : (column + 1) * SIDE]


@pytest.fixture(scope="module")
def unrelated() -> list[Named]:
    return [(f"other {seed}", *photograph(seed, (SIDE, SIDE))) for seed in range(10, 16)]


def test_tiles_of_one_photograph_are_a_group_and_others_stay_apart(
    tiles: list[Named], unrelated: list[Named]
) -> None:
    groups = groups_of([*unrelated, *tiles])
    assert {groups[name] for name, _, _ in tiles} == {"tile 00"}
    assert {name: groups[name] for name, _, _ in unrelated} == {n: n for n, _, _ in unrelated}


def test_the_order_of_pictures_does_not_matter(tiles: list[Named], unrelated: list[Named]) -> None:
    pictures = [*tiles, *unrelated]
    assert groups_of(pictures[::-1]) == groups_of(pictures)


def test_a_picture_that_is_there_twice_is_one_group(unrelated: list[Named]) -> None:
    _, pixels, labels = unrelated[0]
    assert groups_of([("b", pixels, labels), ("a", pixels, labels)]) == {"a": "a", "b": "a"}


def test_pictures_of_other_sizes_and_types_are_not_compared(unrelated: list[Named]) -> None:
    _, pixels, labels = unrelated[0]
    pictures = [
        ("a", pixels, labels),
        ("b", pixels.astype(np.uint16), labels),
        ("c", pixels[:-1], labels[:-1]),
    ]
    assert groups_of(pictures) == {"a": "a", "b": "b", "c": "c"}


def test_colour_pictures_are_compared_too(tiles: list[Named]) -> None:
    coloured = [(name, np.stack([pixels] * 3, axis=2), labels) for name, pixels, labels in tiles]
    assert set(groups_of(coloured).values()) == {"tile 00"}


def test_without_cut_objects_or_without_light_there_is_no_seam() -> None:
    light = np.sin(np.arange(60) / 5.0)
    few = np.arange(60) < 11
    assert adjoining(Edge(light, few), Edge(light[None], few[None])).tolist() == [False]
    flat, many = np.ones(60), np.arange(60) < 30
    assert adjoining(Edge(flat, many), Edge(flat[None], many[None])).tolist() == [False]
    assert adjoining(Edge(light, many), Edge(light[None], many[None])).tolist() == [True]


def test_no_pictures() -> None:
    assert groups_of([]) == {}
