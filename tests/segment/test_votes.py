"""The decoder ``votes`` on maps made from true labels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellwright.core.image import Array
from cellwright.segment.decoders.votes import VotesOptions, decode
from cellwright.segment.network_maps import Quantised
from cellwright.segment.network_objects import TRAITS, find_objects
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
    maps["size"] = np.zeros(labels.shape, np.float32)
    maps["overlap"] = np.full(labels.shape, -4.0, np.float32)
    return maps


def quantised(maps: dict[str, Array]) -> Quantised:
    steps = {"row_offset": 0.25, "column_offset": 0.25}
    values = [np.rint(m / steps.get(name, 1 / 16)) for name, m in maps.items()]
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


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), core=st.sampled_from([96, 128, 200]))
def test_windows_of_any_size_give_the_same_objects(seed: int, core: int) -> None:
    _, truth = simulate_nuclei((260, 300), n=80, diameter_px=20, seed=seed, clumping=0.6)
    maps = quantised(perfect_maps(truth.astype(np.int32), noise=1.2, seed=seed))
    whole, parts = (np.zeros(truth.shape, np.uint32) for _ in range(2))
    one = find_objects(maps, whole, OPTIONS, core_side=4096)
    other = find_objects(maps, parts, OPTIONS, core_side=core)
    assert one.count == other.count > 30
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
