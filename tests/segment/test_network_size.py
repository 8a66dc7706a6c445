"""How large objects are, asked of a network that knows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.segment.blob_model import write_blobs

from cellwright.core.image import Array
from cellwright.models.description import Architecture
from cellwright.segment.decoder import TRAITS
from cellwright.segment.network_confidence import FEATURES, confidence_of, features_of, fitted
from cellwright.segment.network_input import Normalisation
from cellwright.segment.network_mapping import InMemory, map_plane
from cellwright.segment.network_maps import SIZE_UNIT, Quantised, steps_of
from cellwright.segment.network_model import usable_model
from cellwright.segment.network_size import agrees, find_size, undecided

CHANNELS = ("size", "foreground")


def saying(diameter: float) -> Callable[[Array], Array]:
    """A network that sees objects of one size everywhere."""

    def answer(batch: Array) -> Array:
        maps = np.full((1, 2, *batch.shape[2:]), 4, np.float32)
        maps[:, 0] = np.log2(diameter / 16)
        return maps

    return answer


def test_nothing_is_known_of_a_picture_without_objects() -> None:
    def blind(batch: Array) -> Array:
        return np.full((1, 2, *batch.shape[2:]), -4, np.float32)

    for shape in ((1, 1), (5, 3000), (200, 200), (900, 900)):
        found = find_size(
            InMemory(np.zeros(shape, np.uint8)), Normalisation(0, 1), blind, CHANNELS,
            target=18.0, multiple=16,
        )  # fmt: skip
        assert found.diameter is None
        assert found.looks <= 3


def test_one_look_is_enough_where_objects_are_well_seen() -> None:
    found = find_size(
        InMemory(np.ones((300, 300), np.uint8)), Normalisation(0, 1), saying(20.0),
        CHANNELS, target=18.0, multiple=16,
    )  # fmt: skip
    assert found.diameter == pytest.approx(20.0, rel=0.03)
    assert found.looks == 1
    assert found.last is not None
    assert (found.last.scale, found.last.maps.values.shape) == (1.0, (2, 300, 300))
    assert found.seen_at(0.95) is found.last
    assert found.seen_at(0.88) is found.seen_at(1.13) is None


def test_small_objects_are_looked_at_again_enlarged() -> None:
    shapes: list[tuple[int, ...]] = []

    def small(batch: Array) -> Array:
        shapes.append(batch.shape[2:])
        seen = 5.0 * max(1.0, batch.shape[2] / 112)
        maps = np.full((1, 2, *batch.shape[2:]), 4, np.float32)
        maps[:, 0] = np.log2(seen / 16)
        return maps

    found = find_size(
        InMemory(np.ones((100, 100), np.uint8)), Normalisation(0, 1), small, CHANNELS,
        target=18.0, multiple=16,
    )  # fmt: skip
    assert found.looks == 2
    assert shapes == [(112, 112), (304, 304)]  # enlarged threefold, not 3.6-fold
    assert found.diameter == pytest.approx(4.5, rel=0.05)


def test_a_large_plane_is_looked_at_in_parts_all_over_it() -> None:
    """Objects in one corner are found, and not made so small that they look like a texture."""
    plane = np.zeros((3000, 3600), np.uint8)
    plane[300:900, 300:1000] = 1
    shapes: list[tuple[int, ...]] = []

    def corner(batch: Array) -> Array:
        shapes.append(batch.shape[2:])
        maps = np.full((1, 2, *batch.shape[2:]), np.log2(20 / 16), np.float32)
        maps[:, 1] = np.where(batch[:, 0] > 0.5, 4, -4)
        return maps

    found = find_size(
        InMemory(plane), Normalisation(0, 1), corner, CHANNELS, target=18.0, multiple=16
    )
    assert found.diameter == pytest.approx(60.0, rel=0.03)
    assert found.looks == 1
    assert shapes == [(192, 192)] * 9
    assert found.last is None  # these were parts


def test_small_objects_in_a_large_plane_are_not_taken_for_usual_ones() -> None:
    """A network that takes all that is small for 15 px is asked at a larger scale."""
    edge = 2000 // 2

    def hesitant(batch: Array) -> Array:
        # the plane is a slope, whose steepness tells the scale at which it is shown
        scale = 1 / (edge * float(batch[0, 0, 5, 6] - batch[0, 0, 5, 5]))
        maps = np.full((1, 2, *batch.shape[2:]), 4, np.float32)
        maps[:, 0] = np.log2(max(15.0, 20.0 * scale) / 16)
        return maps

    slope = np.tile(np.arange(2000) / edge, (2000, 1)).astype(np.float32)
    found = find_size(
        InMemory(slope), Normalisation(0, 1), hesitant, CHANNELS, target=18.0, multiple=16
    )
    assert found.diameter == pytest.approx(20.0, rel=0.05)
    assert found.looks == 3


@pytest.mark.parametrize(("seems", "expected"), [(18.0, True), (34.0, True), (38.0, False)])
def test_objects_that_seem_twice_as_large_as_expected_contradict(
    seems: float, expected: bool
) -> None:
    for shape in ((40, 50), (1200, 30)):
        values = np.empty((2, *shape), np.int8)
        values[0] = np.rint(np.log2(seems / SIZE_UNIT) / steps_of("size"))
        values[1] = 60
        assert agrees(Quantised(CHANNELS, values), 18.0) == expected
    values[1] = -60  # no objects, no contradiction
    assert agrees(Quantised(CHANNELS, values), 18.0)


def test_a_body_of_small_objects_is_not_taken_for_one(tmp_path: Path) -> None:
    """In any small version the network sees a large body, at the plane's own scale small nuclei."""
    model = usable_model(str(write_blobs(tmp_path / "blobs.zip")))
    channels = model.description.channels

    def answer(batch: Array) -> Array:
        rows = batch.shape[2]
        maps = np.full((1, len(channels), *batch.shape[2:]), 4, np.float32)
        seems = 15.0 if rows > 500 else 43.0
        maps[:, channels.index("size")] = np.log2(seems / SIZE_UNIT)
        return maps

    plane = InMemory(np.random.default_rng(1).integers(0, 255, (560, 560), np.uint8))
    mapped = map_plane(plane, model, answer)
    assert mapped.size.diameter == pytest.approx(15, rel=0.1)
    assert mapped.size.looks == 2
    assert mapped.scale == pytest.approx(model.description.diameter / 15, rel=0.1)
    told = map_plane(plane, model, answer, diameter=80.0)  # a person is believed
    assert told.scale == pytest.approx(model.description.diameter / 80)


@pytest.mark.parametrize("name", ["instance", "maskrcnn"])
def test_a_look_does_not_stand_for_tiles_of_what_finds_so_many_at_a_time(
    tmp_path: Path, name: str
) -> None:
    model = usable_model(str(write_blobs(tmp_path / "blobs.zip")))
    tile = 64
    changes = {
        "tile": tile, "halo": model.description.multiple, "architecture": Architecture(name=name),
    }  # fmt: skip
    model = replace(model, description=model.description.model_copy(update=changes))
    channels, longest = model.description.channels, []

    def answer(batch: Array) -> Array:
        longest.append(max(batch.shape[2:]))
        maps = np.full((1, len(channels), *batch.shape[2:]), 4, np.float32)
        maps[:, channels.index("size")] = np.log2(model.description.diameter / SIZE_UNIT)
        return maps

    plane = InMemory(np.random.default_rng(1).integers(0, 255, (300, 300), np.uint8))
    mapped = map_plane(plane, model, answer)
    assert mapped.size.looks == 1
    if name == "instance":
        assert len(longest) == 1
    else:
        assert max(longest[1:]) <= tile + 3 * model.description.multiple


def traits(n: int, seed: int = 0) -> Array:
    rng = np.random.default_rng(seed)
    found = np.zeros((n, len(TRAITS)))
    found[:, TRAITS.index("area")] = rng.uniform(20, 900, n)
    found[:, TRAITS.index("foreground")] = rng.uniform(0.5, 1, n)
    found[:, TRAITS.index("spread")] = rng.uniform(0, 0.5, n)
    found[:, TRAITS.index("size")] = rng.uniform(-1, 1, n)
    return found


def test_confidence_is_what_it_was_fitted_to() -> None:
    """Of objects with 0.8, four in five are right: within groups of equal confidence."""
    rng = np.random.default_rng(1)
    known = traits(20_000)
    chance = 1 / (1 + np.exp(3 - 12 * (known[:, TRAITS.index("foreground")] - 0.5)))
    right = rng.random(len(known)) < chance
    found = confidence_of(known, fitted(known, right))
    for low in np.arange(0.1, 0.9, 0.2):
        group = (found >= low) & (found < low + 0.2)
        assert np.count_nonzero(group) > 300
        assert right[group].mean() == pytest.approx(found[group].mean(), abs=0.06)


def test_a_few_objects_are_no_reason_to_be_sure() -> None:
    """Forty that a line parts: what is like the right ones, but for its size, is right as well."""
    rng = np.random.default_rng(2)
    right = np.arange(40) < 20
    known = np.zeros((40, len(TRAITS)))
    for name, high, low, scatter in (
        ("area", 900, 60, 20), ("foreground", 0.9, 0.65, 0.02), ("spread", 0.1, 0.3, 0.02),
        ("size", 0.9, -1.0, 0.05),
    ):  # fmt: skip
        known[:, TRAITS.index(name)] = np.where(right, high, low) + scatter * rng.normal(size=40)
    found = fitted(known, right)
    assert max(map(abs, found["weights"].values())) < 4
    assert (confidence_of(known, found) > 0.5).tolist() == right.tolist()
    smaller = known[:20].copy()  # of another picture
    smaller[:, TRAITS.index("area")] = 450
    assert (confidence_of(smaller, found) > 0.5).all()


def test_confidence_without_calibration_is_the_mean_probability() -> None:
    known = traits(5)
    assert confidence_of(known, {}).tolist() == known[:, TRAITS.index("foreground")].tolist()


def test_confidence_of_nothing_and_of_the_extreme() -> None:
    calibration = {"intercept": -1e6, "weights": dict.fromkeys(FEATURES, 0.0)}
    assert confidence_of(np.zeros((1, len(TRAITS))), calibration).tolist() == [0.0]
    assert features_of(np.zeros((0, len(TRAITS)))).shape == (0, len(FEATURES))


def test_most_of_what_might_be_objects_must_be_clear() -> None:
    values = np.full((2, 40, 50), -60, np.int8)
    clear, vague = 60, round(0.5 / steps_of("foreground"))
    for rows, expected in ((0, 0.0), (4, 0.0), (19, 0.0), (30, 0.75), (40, 1.0)):
        values[1], values[1, :rows] = clear, vague
        assert undecided(Quantised(CHANNELS, values)) == expected
    values[1] = -60  # nothing might be an object
    assert undecided(Quantised(CHANNELS, values)) == 0.0


def is_at_own_scale(batch: Array) -> bool:
    """Of a plane of noise, which any smaller version evens out."""
    return bool(batch.std() > 0.15)


NOISE = InMemory(np.random.default_rng(1).integers(0, 255, (900, 900), np.uint8))


@pytest.mark.parametrize("sure", [False, True])
def test_what_is_vague_is_looked_at_at_the_planes_own_scale(tmp_path: Path, sure: bool) -> None:
    """A network that is not sure there either keeps its first scale."""
    model = usable_model(str(write_blobs(tmp_path / "blobs.zip")))
    channels = model.description.channels

    def answer(batch: Array) -> Array:
        maps = np.full((1, len(channels), *batch.shape[2:]), 4, np.float32)
        maps[:, channels.index("size")] = np.log2(20.0 / SIZE_UNIT)
        if not (sure and is_at_own_scale(batch)):
            maps[:, channels.index("foreground")] = 0.5
        return maps

    mapped = map_plane(NOISE, model, answer)
    assert mapped.size.diameter == pytest.approx(20 if sure else 47, rel=0.05)
    assert mapped.scale == pytest.approx(model.description.diameter / (20 if sure else 47), rel=0.2)


@pytest.mark.parametrize(("own", "expected"), [(12.0, 12.0), (30.0, 30.0), (170.0, 180.0)])
def test_very_large_objects_are_believed_unless_small_ones_are_seen_at_the_planes_own_scale(
    tmp_path: Path, own: float, expected: float
) -> None:
    model = usable_model(str(write_blobs(tmp_path / "blobs.zip")))
    channels = model.description.channels

    def answer(batch: Array) -> Array:
        """In any small version a body of 180 px."""
        maps = np.full((1, len(channels), *batch.shape[2:]), 4, np.float32)
        seems = own if is_at_own_scale(batch) else 180.0 * batch.shape[2] / 900
        maps[:, channels.index("size")] = np.log2(seems / SIZE_UNIT)
        return maps

    found = map_plane(NOISE, model, answer).size.diameter
    assert found == pytest.approx(expected, rel=0.1)
