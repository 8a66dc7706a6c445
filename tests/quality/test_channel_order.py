"""A picture whose channels changed places is named; where it cannot be told, nothing is said."""

from __future__ import annotations

import numpy as np
import pytest

from cellwright.core.image import Array
from cellwright.quality.channel_order import Profile, channel_profile, find_swapped
from cellwright.simulate.monolayer import simulate_monolayer
from cellwright.simulate.nuclei import simulate_nuclei

Entry = tuple[str, dict[str, Profile]]


@pytest.fixture(scope="module")
def pairs() -> list[tuple[Array, Array]]:
    return [
        (
            simulate_nuclei((256, 256), n=15, seed=seed)[0],
            simulate_monolayer((256, 256), seed=seed)[0],
        )
        for seed in range(8)
    ]


def entries(pairs: list[tuple[Array, Array]], swapped: frozenset[int]) -> list[Entry]:
    found = []
    for number, (nuclei, borders) in enumerate(pairs):
        first, second = (borders, nuclei) if number in swapped else (nuclei, borders)
        found.append((f"{number}.tif", channel_profile({"DAPI": first, "ZO-1": second})))
    return found


def test_a_swapped_picture_is_named_with_its_order(pairs: list[tuple[Array, Array]]) -> None:
    found = find_swapped(entries(pairs, frozenset({3})))
    assert [(swapped.image, swapped.order) for swapped in found] == [("3.tif", ("ZO-1", "DAPI"))]
    assert "ZO-1, DAPI" in found[0].reason


def test_two_of_eight_are_named(pairs: list[tuple[Array, Array]]) -> None:
    found = find_swapped(entries(pairs, frozenset({0, 7})))
    assert [swapped.image for swapped in found] == ["0.tif", "7.tif"]


def test_a_batch_in_order_is_left_alone(pairs: list[tuple[Array, Array]]) -> None:
    assert find_swapped(entries(pairs, frozenset())) == []


def test_half_of_a_batch_is_not_called_wrong(pairs: list[tuple[Array, Array]]) -> None:
    assert find_swapped(entries(pairs, frozenset({0, 1, 2, 3}))) == []


def test_few_pictures_say_nothing(pairs: list[tuple[Array, Array]]) -> None:
    assert find_swapped(entries(pairs[:5], frozenset({1}))) == []


def test_channels_of_one_kind_say_nothing() -> None:
    batch = [
        (simulate_nuclei(seed=seed, n=40)[0], simulate_nuclei(seed=seed + 50, n=40)[0])
        for seed in range(8)
    ]
    assert find_swapped(entries(batch, frozenset({2}))) == []


def test_gain_and_offset_do_not_matter(pairs: list[tuple[Array, Array]]) -> None:
    plane = pairs[0][0].astype(np.float64)
    plain, other = channel_profile({"a": plane, "b": 7.5 * plane + 300}).values()
    assert np.allclose(plain, other, atol=2e-3)


def test_three_channels_give_the_order_of_the_pixels() -> None:
    # Three kinds of channel whose profiles are plain; the last picture is turned round by one.
    right = {"a": [0.0] * 5, "b": [3.0] * 5, "c": [6.0] * 5}
    wrong = {"a": [6.0] * 5, "b": [0.0] * 5, "c": [3.0] * 5}
    batch = [(f"{number}.tif", right) for number in range(7)]
    found = find_swapped([*batch, ("9.tif", wrong)])
    # Under the name a lies what is c elsewhere, then a, then b.
    assert [(swapped.image, swapped.order) for swapped in found] == [("9.tif", ("c", "a", "b"))]


def test_a_picture_with_nothing_in_a_channel_is_not_judged(
    pairs: list[tuple[Array, Array]],
) -> None:
    batch = entries(pairs, frozenset())
    empty = channel_profile({"DAPI": pairs[0][1], "ZO-1": np.zeros((256, 256))})
    assert empty["ZO-1"] == []
    assert find_swapped([*batch, ("z.tif", empty)]) == []


def test_the_order_of_the_entries_does_not_matter(pairs: list[tuple[Array, Array]]) -> None:
    batch = entries(pairs, frozenset({3}))
    assert find_swapped(batch) == find_swapped(batch[::-1])


def test_real_nuclei_and_tubulin(shared_data: object) -> None:
    import tifffile

    folder = shared_data / "multichannel" / "ebimage_hela"  # type: ignore[operator]
    nuclei, cells = (tifffile.imread(folder / f"{name}.tif") for name in ("nuclei", "cells"))
    tiles = [(slice(y, y + 255), slice(x, x + 255)) for y in (0, 255) for x in (0, 255)]
    batch = [(nuclei[k][tile], cells[k][tile]) for k in range(4) for tile in tiles]
    assert find_swapped(entries(batch, frozenset())) == []
    assert [found.image for found in find_swapped(entries(batch, frozenset({6})))] == ["6.tif"]
