"""Whether a picture is like those that a model was trained on."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from cellwright.core.errors import UnreadableError, UsageError
from cellwright.core.image import Array
from cellwright.segment.blocks import Window
from cellwright.segment.network_familiarity import Familiarity, unlike
from cellwright.segment.network_fingerprint import LEAST_PICTURES, MARGIN, fitted, leave_one_out
from cellwright.segment.network_input import Normalisation, unit_range
from cellwright.segment.network_maps import Quantised
from cellwright.segment.picture_distance import COMPARED, spread_out, standardised
from cellwright.segment.picture_traits import TRAITS, traits_of_picture

CHANNELS = ("foreground", "row_offset", "column_offset", "size", "overlap")


class Plane:
    """A normalised plane that counts the pixels that are read of it."""

    def __init__(self, values: Array) -> None:
        self.values = values
        self.read_pixels = 0

    @property
    def shape(self) -> tuple[int, int]:
        return self.values.shape[0], self.values.shape[1]

    def read(self, window: Window) -> Array:
        self.read_pixels += window.shape[0] * window.shape[1]
        return np.asarray(self.values[window.slices], np.float32)


def discs(seed: int, side: int = 160, count: int = 12, brighter: float = 120.0) -> Array:
    """Blurred bright discs of 18 px on a noisy ground."""
    random = np.random.default_rng(seed)
    rows, columns = np.indices((side, side))
    picture = np.full((side, side), 30.0)
    for row, column in random.integers(12, side - 12, (count, 2)):
        inside = (rows - row) ** 2 + (columns - column) ** 2 < 81
        picture[inside] = 30 + brighter * random.uniform(0.7, 1.3)
    return ndimage.gaussian_filter(picture, 1.0) + random.normal(0, 2, (side, side))


def answered(normal: Array, sure: float = 5.0) -> Quantised:
    """What a network for bright things would say."""
    grey = normal if normal.ndim == 2 else normal.mean(axis=2)
    logit = sure * np.clip(6 * (ndimage.gaussian_filter(grey, 1.0) - 0.35), -1, 1)
    pieces, _ = ndimage.label(logit > 0)
    maps = np.zeros((len(CHANNELS), *grey.shape))
    maps[0] = logit * 16
    area = np.maximum(np.bincount(pieces.ravel()), 1)
    for index, place in enumerate(np.indices(grey.shape), 1):
        middle = np.bincount(pieces.ravel(), place.ravel()) / area
        maps[index] = np.where(pieces > 0, middle[pieces] - place, 0) * 4
    return Quantised(CHANNELS, np.clip(np.rint(maps), -127, 127).astype(np.int8))


def described(picture: Array, sure: float = 5.0) -> Array:
    normalisation = unit_range(picture, 1, 99.8)
    normal = normalisation(picture)
    maps = answered(normal, sure)
    objects = int(ndimage.label(maps.values[0] > 0)[1])
    return traits_of_picture(Plane(normal), maps, objects, normalisation)


@pytest.fixture(scope="module")
def vectors() -> Array:
    return np.array([described(discs(seed, count=4 + seed % 16)) for seed in range(60)])


@pytest.fixture(scope="module")
def fingerprint(vectors: Array) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(fitted(vectors)))
    return found


def judged(picture: Array, fingerprint: dict[str, Any], sure: float = 5.0) -> Familiarity:
    found = unlike(described(picture, sure), fingerprint)
    assert found is not None
    return found


def test_pictures_of_the_same_kind_are_familiar(fingerprint: dict[str, Any]) -> None:
    flagged = [judged(discs(seed), fingerprint).unlike for seed in range(100, 120)]
    assert sum(flagged) <= 2


def test_a_training_picture_is_familiar_in_everything_but_its_doubt(
    vectors: Array, fingerprint: dict[str, Any]
) -> None:
    found = unlike(vectors[7], fingerprint)
    assert found is not None
    assert not found.unlike
    assert found.reason == ""


def test_other_things_are_unlike_with_a_reason(fingerprint: dict[str, Any]) -> None:
    random = np.random.default_rng(0)
    rows, columns = np.indices((160, 160))
    others = {
        "noise": random.normal(128, 40, (160, 160)),
        "stripes": 100 + 100 * np.sin(columns / 3),
        "checkerboard": 255.0 * ((rows // 9 + columns // 9) % 2),
        "dark objects": 255 - discs(3),
    }
    for name, picture in others.items():
        found = judged(picture, fingerprint)
        assert found.unlike, name
        assert found.reason, name
        assert "; " not in found.reason  # which parts one warning from the next in a report
    assert "noise" in judged(others["noise"], fingerprint).reason


def test_a_network_in_doubt_is_told_with_its_numbers(fingerprint: dict[str, Any]) -> None:
    picture = discs(3)
    sure, unsure = judged(picture, fingerprint), judged(picture, fingerprint, sure=1.2)
    assert unsure.score > sure.score
    assert unsure.unlike
    assert "undecided (0.2 to 0.8) on 100 %" in unsure.reason


def test_colour_where_training_pictures_were_grey(fingerprint: dict[str, Any]) -> None:
    picture = discs(3)[..., None] * np.array([0.2, 1.0, 0.2])
    assert "colours" in judged(picture, fingerprint).reason


def test_gain_and_offset_change_nothing() -> None:
    picture = discs(5)
    first, other = described(picture), described(picture * 64 + 1000)
    same = [name != "span" for name in TRAITS]
    np.testing.assert_allclose(first[same], other[same], rtol=1e-3, atol=1e-3)


def test_an_even_field_without_objects_is_not_unlike(fingerprint: dict[str, Any]) -> None:
    field = np.random.default_rng(1).normal(100, 3, (160, 160))
    normalisation = unit_range(field, 1, 99.8)
    nothing = Quantised(CHANNELS, np.full((len(CHANNELS), 160, 160), -100, np.int8))
    plane = Plane(normalisation(field))
    found = unlike(traits_of_picture(plane, nothing, 0, normalisation), fingerprint)
    assert found == Familiarity(0.0, 1.0, "")
    # what the network takes for objects in such a field is not there
    found = unlike(traits_of_picture(plane, nothing, 5, normalisation), fingerprint)
    assert found is not None
    assert found.unlike


def test_a_black_picture_is_not_unlike(fingerprint: dict[str, Any]) -> None:
    nothing = Quantised(CHANNELS, np.full((len(CHANNELS), 50, 50), -100, np.int8))
    plane = Plane(np.zeros((50, 50), np.float32))
    found = unlike(traits_of_picture(plane, nothing, 0, Normalisation(7, 7)), fingerprint)
    assert found is not None
    assert not found.unlike


@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (3, 3), (2, 900), (5, 4, 3), (4, 5, 2)])
def test_tiny_pictures_are_described(shape: tuple[int, ...], fingerprint: dict[str, Any]) -> None:
    picture = np.random.default_rng(2).random(shape)
    vector = traits_of_picture(Plane(picture), answered(picture), 1, Normalisation(0, 1))
    assert vector.shape == (len(TRAITS),)
    assert unlike(vector, fingerprint) is not None


def test_of_a_large_picture_a_bounded_part_is_read() -> None:
    values = np.zeros((2500, 3000), np.float32)
    maps = np.full((len(CHANNELS), 2500, 3000), -100, np.int8)
    values[2000:2100, 500:600] = 1
    maps[0, 1999:2101, 499:601] = 0  # an outline on which the network is undecided
    maps[0, 2000:2100, 500:600] = 100
    plane = Plane(values)
    vector = traits_of_picture(plane, Quantised(CHANNELS, maps), 1, Normalisation(0, 1))
    assert plane.read_pixels < 500_000
    # the one object is in what was read
    assert vector[TRAITS.index("contrast")] == pytest.approx(1)


def test_the_share_of_training_pictures_above_the_limit(vectors: Array) -> None:
    scores = leave_one_out(vectors)
    assert np.count_nonzero(scores * MARGIN > 1) == 2  # 2.5 % of 60 pictures, rounded up


def test_pictures_of_a_group_are_not_compared(vectors: Array) -> None:
    twice = np.concatenate([vectors, vectors])
    names = [f"photograph {index}" for index in range(len(vectors))] * 2
    # each has its double as a neighbour at no distance, unless they are one photograph
    apart = fitted(twice)["units"]
    grouped = fitted(twice, names)["units"]
    assert apart["look"] < grouped["look"]
    assert grouped["look"] == pytest.approx(fitted(vectors)["units"]["look"], rel=0.1)


def test_pictures_that_are_known_as_well(vectors: Array) -> None:
    other = described(255 - discs(3))
    without, known = fitted(vectors), fitted(vectors, also=other[None])
    assert known["limit"] == without["limit"]
    first, second = unlike(other, without), unlike(other, known)
    assert first is not None
    assert second is not None
    assert second.score < first.score


def test_few_pictures_say_nothing(vectors: Array) -> None:
    assert fitted(vectors[: LEAST_PICTURES - 1]) == {}
    assert fitted(vectors, ["one photograph"] * len(vectors)) == {}
    assert unlike(vectors[0], {}) is None


def test_vectors_of_another_length_are_refused() -> None:
    with pytest.raises(UsageError, match="vectors must be"):
        fitted(np.zeros((50, 3)))


def test_a_fingerprint_of_another_version_judges_nothing(
    vectors: Array, fingerprint: dict[str, Any]
) -> None:
    assert unlike(vectors[0], {**fingerprint, "version": 99, "more": 1}) is None


@pytest.mark.parametrize(
    "change",
    [
        {"vectors": "not base64!"},
        {"vectors": "AAAA"},
        {"vectors": ""},
        {"limit": 0.0},
        {"limit": "much"},
        {"units": {"look": 1.0}},
        {"traits": {}},
        {"doubts": {"unsure": [0.1]}},
        {"surprise": 1},
    ],
)
def test_a_damaged_fingerprint_is_refused(
    vectors: Array, fingerprint: dict[str, Any], change: dict[str, Any]
) -> None:
    with pytest.raises(UnreadableError, match="training pictures cannot be used"):
        unlike(vectors[0], {**fingerprint, **change}, where="model.zip")


def test_a_fingerprint_is_small(fingerprint: dict[str, Any]) -> None:
    assert len(fingerprint["vectors"]) == 4 * -(-60 * len(COMPARED) // 3)
    assert len(json.dumps(fingerprint)) < 10_000


def test_vectors_far_from_each_other_are_kept() -> None:
    ranges = np.array([[-1.28], [0.0], [1.28]])
    line = standardised(np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [-5.0]]), ranges)
    assert spread_out(line, 3).tolist() == [0, 4, 5]
    assert spread_out(line, 9).tolist() == list(range(6))
