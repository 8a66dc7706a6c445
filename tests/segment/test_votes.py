"""The decoder ``votes`` on maps made from true labels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellwright.core.image import Array
from cellwright.segment.decoder import TRAITS
from cellwright.segment.decoders.votes import VotesOptions, decode
from cellwright.segment.network_maps import SIZE_UNIT, Quantised, steps_of
from cellwright.segment.network_objects import find_objects
from cellwright.simulate.nuclei import simulate_nuclei

OPTIONS = VotesOptions()


def perfect_maps(labels: Array, noise: float = 0.0, seed: int = 0) -> dict[str, Array]:
    """Maps that a perfect network would give, with some noise on the ways to the middle."""
    random = np.random.default_rng(seed)
    rows, columns = np.indices(labels.shape, dtype=np.float32)
    area = np.maximum(np.bincount(labels.ravel()), 1)
    maps = {"foreground": np.where(labels > 0, 4.0, -4.0).astype(np.float32)}
    for name, place in (("row_offset", rows), ("column_offset", columns)):
        middle = np.bincount(labels.ravel(), place.ravel()) / area
        way = middle[labels] - place + random.normal(0, noise, labels.shape)
        maps[name] = np.where(labels > 0, way, 0).astype(np.float32)
    diameter = 2 * np.sqrt(area / np.pi)
    maps["size"] = np.where(labels > 0, np.log2(diameter)[labels], 0).astype(np.float32)
    maps["overlap"] = np.full(labels.shape, -4.0, np.float32)
    return maps


def quantised(maps: dict[str, Array]) -> Quantised:
    stored = maps | {"size": maps["size"] - np.float32(np.log2(SIZE_UNIT))}
    values = [np.rint(m / steps_of(name)) for name, m in stored.items()]
    return Quantised(tuple(maps), np.clip(np.stack(values), -127, 127).astype(np.int8))


def same_partition(one: Array, other: Array) -> bool:
    """Whether two label images differ in nothing but their numbers."""
    pairs = np.unique(np.stack([one.ravel(), other.ravel()]), axis=1)
    return bool(
        len(np.unique(pairs[0])) == pairs.shape[1] == len(np.unique(pairs[1]))
        and (pairs[0][pairs[1] == 0] == 0).all()
    )


def discs(shape: tuple[int, int], centres: list[tuple[int, int]], radius: float) -> Array:
    rows, columns = np.indices(shape)
    labels = np.zeros(shape, np.int32)
    for number, (row, column) in enumerate(centres, 1):
        inside = (rows - row) ** 2 + (columns - column) ** 2 <= radius**2
        labels[inside & (labels == 0)] = number
    return labels


def test_touching_discs_are_told_apart_and_keep_every_pixel() -> None:
    labels = discs((60, 90), [(30, 25), (30, 43), (30, 61)], 9.5)
    found = decode(perfect_maps(labels, noise=0.7), OPTIONS)
    assert same_partition(found.labels, labels)
    peaks = sorted(tuple(found.peaks[number]) for number in np.unique(found.labels)[1:])
    assert np.abs(np.array(peaks) - [(30, 25), (30, 43), (30, 61)]).max() <= 1


def test_an_empty_window_has_no_objects() -> None:
    found = decode(perfect_maps(np.zeros((20, 30), np.int32)), OPTIONS)
    assert not found.labels.any()
    assert found.labels.shape == (20, 30)


def test_what_is_smaller_than_the_smallest_object_is_left_out() -> None:
    labels = np.zeros((40, 40), np.int32)
    labels[5:8, 5:8] = 1  # 9 px
    labels[20:30, 20:30] = 2
    found = decode(perfect_maps(labels), VotesOptions(least_area=10))
    assert not found.labels[5:8, 5:8].any()
    assert (found.labels[20:30, 20:30] > 0).all()


def test_a_clump_without_a_clear_middle_is_still_one_object() -> None:
    labels = discs((80, 80), [(40, 40)], 20)
    found = decode(perfect_maps(labels, noise=2.5), OPTIONS)
    assert len(np.unique(found.labels)) == 2


def spindle() -> tuple[dict[str, Array], Array]:
    """Maps of an object of 10 by 50 px, whose halves point to middles of their own."""
    labels = np.zeros((40, 80), np.int32)
    labels[15:25, 10:35], labels[15:25, 35:60] = 1, 2
    maps = perfect_maps(labels)
    whole = perfect_maps((labels > 0).astype(np.int32))
    return maps | {"size": whole["size"]}, labels


@pytest.mark.parametrize("join", [0.0, 0.05, 0.3])
def test_halves_that_speak_of_a_whole_are_joined(join: float) -> None:
    maps, halves = spindle()
    assert same_partition(decode(maps, OPTIONS).labels, halves)
    found = decode(maps, VotesOptions(join=join))
    assert same_partition(found.labels, (halves > 0).astype(np.int32))
    [number] = np.unique(found.labels)[1:]
    assert 0 < found.spread[number] < 1  # of the votes about the middles of the halves


def test_halves_that_gain_less_than_is_asked_stay_apart() -> None:
    maps, halves = spindle()
    maps["size"] -= np.float32(0.3)  # of half an octave: nearer to the halves than to the whole
    assert same_partition(decode(maps, VotesOptions(join=0.05)).labels, halves)


def test_whole_objects_that_touch_are_not_joined() -> None:
    labels = discs((60, 90), [(30, 25), (30, 43), (30, 61)], 9.5)
    found = decode(perfect_maps(labels, noise=0.7), VotesOptions(join=0.05))
    assert same_partition(found.labels, labels)


def test_halves_that_touch_with_a_corner_only_are_not_joined() -> None:
    labels = np.zeros((40, 60), np.int32)
    labels[5:18, 5:25], labels[18:31, 23:43] = 1, 2  # two pixels
    maps = perfect_maps(labels) | {"size": perfect_maps((labels > 0).astype(np.int32))["size"]}
    assert same_partition(decode(maps, VotesOptions(join=0.05)).labels, labels)


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 1000),
    core=st.sampled_from([96, 128, 200]),
    larger=st.sampled_from([None, 0.0, 0.5]),
)
def test_windows_of_any_size_give_the_same_objects(
    seed: int, core: int, larger: float | None
) -> None:
    _, truth = simulate_nuclei((260, 300), n=80, diameter_px=20, seed=seed, clumping=0.6)
    perfect = perfect_maps(truth.astype(np.int32), noise=1.2, seed=seed)
    perfect["size"] += np.float32(larger or 0)  # by half an octave: many seem to be halves
    maps, options = quantised(perfect), VotesOptions(join=None if larger is None else 0.05)
    whole, parts = (np.zeros(truth.shape, np.uint32) for _ in range(2))
    one = find_objects(maps, whole, options, core_side=4096)
    other = find_objects(maps, parts, options, core_side=core)
    assert one.count == other.count > 20
    assert same_partition(whole, parts)


def test_traits_tell_what_was_found() -> None:
    labels = discs((60, 60), [(20, 20), (40, 44)], 8)
    maps = perfect_maps(labels)
    maps["overlap"][labels == 2] = 4
    found = np.zeros(labels.shape, np.uint32)
    traits = find_objects(quantised(maps), found, OPTIONS).traits
    first, second = (int(found[at]) for at in ((20, 20), (40, 44)))
    area, overlap = TRAITS.index("area"), TRAITS.index("overlap")
    assert traits[first, area] == np.count_nonzero(labels == 1)
    assert (traits[first, overlap], traits[second, overlap]) == (0, 1)
    assert traits[first, TRAITS.index("foreground")] == pytest.approx(
        1 / (1 + np.exp(-4)), abs=1e-6
    )
    assert traits[first, TRAITS.index("spread")] < 0.05
