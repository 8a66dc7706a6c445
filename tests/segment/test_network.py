"""The method ``network`` with a small model: edges, exactness, and a table that fits the labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.segment.blob_model import CHANNELS, blobs, lattice, write_blobs

from cellwright.core.errors import CancelledError, UnsupportedError, UsageError
from cellwright.core.image import Array, Image
from cellwright.core.labels import Labels
from cellwright.core.method import LargeMethod, ModelMethod, Progress
from cellwright.engine.threads import use_threads
from cellwright.models.model import model_named
from cellwright.segment import network_mapping, network_objects, network_plane, rescale
from cellwright.segment.network import METHOD, NetworkOptions
from cellwright.segment.network_maps import Quantised, fill_maps


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_blobs(tmp_path_factory.mktemp("models") / "blobs.zip"))


def found(pixels: Array, model: str, **options: Any) -> Labels:
    image = Image(pixels, "YX" if pixels.ndim == 2 else "YXS")
    return METHOD.segment(image, NetworkOptions(model=model, **options)).main_labels


def table_of(labels: Labels) -> pd.DataFrame:
    assert labels.table is not None
    return labels.table


def assert_sound(labels: Labels, shape: tuple[int, int]) -> int:
    """Numbers from 1 without gaps, by first pixel, and a row for each."""
    pixels, table = labels.pixels(), table_of(labels)
    assert pixels.dtype == np.uint32
    assert pixels.shape == shape
    numbers, first = np.unique(pixels, return_index=True)
    first = first[numbers > 0]
    numbers = numbers[numbers > 0]
    assert numbers.tolist() == list(range(1, numbers.size + 1))
    assert (np.diff(first) > 0).all()
    assert table["label"].tolist() == numbers.tolist()
    assert (table["frame"] == 0).all()
    assert table["confidence"].between(0, 1).all()
    assert table["overlapping"].dtype == bool
    return int(numbers.size)


class Blocks:
    """A plane that is read in parts, and labels that are taken in parts."""

    def __init__(self, pixels: Array) -> None:
        self.pixels = pixels
        self.shape = pixels.shape
        self.dtype = pixels.dtype
        self.labels = np.full(pixels.shape[:2], 2**32 - 1, np.uint32)
        self.table: pd.DataFrame | None = None
        self.largest = 0

    def read(self, top: int, left: int, bottom: int, right: int) -> Array:
        assert 0 <= top < bottom <= self.shape[0]
        assert 0 <= left < right <= self.shape[1]
        self.largest = max(self.largest, (bottom - top) * (right - left))
        return self.pixels[top:bottom, left:right].copy()

    def write(self, top: int, left: int, labels: Array) -> None:
        place = self.labels[top : top + labels.shape[0], left : left + labels.shape[1]]
        assert labels.dtype == np.uint32
        assert (place == 2**32 - 1).all()
        place[...] = labels

    def describe(self, table: pd.DataFrame) -> None:
        self.table = table


def in_blocks(
    pixels: Array, model: str, folder: Path, progress: Progress | None = None, **options: Any
) -> tuple[Labels, dict[str, float | str]]:
    blocks = Blocks(pixels)
    given = NetworkOptions(model=model, **options)
    decisions = METHOD.segment_large(blocks, given, blocks, folder, progress)
    return Labels(blocks.labels, "YX", table=blocks.table), dict(decisions)


def test_is_a_method_for_large_planes_with_a_model() -> None:
    assert isinstance(METHOD, LargeMethod)
    assert isinstance(METHOD, ModelMethod)


def test_finds_blobs_that_touch_and_says_which_overlap(model: str) -> None:
    places = [(20.0, 20.0, 0.95), (20.0, 38.0, 0.5), (38.0, 29.0, 0.5), (70.0, 60.0, 0.95)]
    picture, truth = blobs((90, 90), places)
    labels = found(picture, model)
    assert assert_sound(labels, (90, 90)) == 4
    for number, (row, column, _) in enumerate(places, 1):
        mine = labels.pixels() == labels.pixels()[int(row), int(column)]
        true = truth == number
        assert np.count_nonzero(mine & true) > 0.7 * np.count_nonzero(mine | true)
    at = [int(labels.pixels()[int(row), int(column)]) for row, column, _ in places]
    table = table_of(labels).set_index("label").loc[at]
    assert table["overlapping"].tolist() == [True, False, False, True]
    confidence = table["confidence"].to_numpy()
    assert confidence[0] > confidence[1]


@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 2), (1, 500), (500, 1), (5, 3000), (16, 16), (17, 31), (2, 2)]
)
def test_pictures_of_any_shape(model: str, shape: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).integers(0, 255, shape, np.uint8)
    for diameter in (None, 4.0, 300.0):
        assert_sound(found(picture, model, diameter=diameter), shape)


@pytest.mark.parametrize("value", [0, 7, 255])
def test_a_constant_picture_has_no_objects(model: str, value: int) -> None:
    labels = found(np.full((50, 60), value, np.uint8), model)
    assert assert_sound(labels, (50, 60)) == 0
    assert list(table_of(labels).columns) == ["frame", "label", "confidence", "overlapping"]


def as_type(picture: Array, kind: str) -> Array:
    bright = picture.astype(np.float64)
    if kind == "bool":
        return bright > 100
    if kind == "huge":
        return bright * 1e306 - 1.2e308
    if kind == "tiny":
        return (bright * 1e-42).astype(np.float32)
    if kind == "uint32 near its end":
        return (bright + 2.0**32 - 300).astype(np.uint32)
    if kind == "int64 near its end":
        return bright.astype(np.int64) + (2**53 - 300)
    return bright.astype(kind)


@pytest.mark.parametrize(
    "kind",
    [
        "bool", "int8", "int16", "uint16", "int32", "uint32", "float16", "float32", "float64",
        "huge", "tiny", "uint32 near its end", "int64 near its end",
    ],
)  # fmt: skip
def test_pixels_of_any_type_give_the_same_objects(model: str, kind: str) -> None:
    picture, _ = blobs((80, 100), [(20, 20, 0.5), (20, 38, 0.5), (60, 60, 0.5)])
    wanted = found(picture, model).pixels()
    assert wanted.max() == 3
    given = picture // 2 if kind == "int8" else picture
    np.testing.assert_array_equal(found(as_type(given, kind), model).pixels(), wanted)


@pytest.mark.parametrize("samples", [1, 2, 3, 4])
def test_colour_pictures_with_any_number_of_samples(model: str, samples: int) -> None:
    picture, _ = blobs((80, 100), [(20, 20, 0.5), (20, 38, 0.5), (60, 60, 0.5)])
    colour = np.repeat(picture[..., None], samples, axis=2)
    if samples in {2, 4}:  # the last says how opaque it is
        colour[..., -1] = 255
    np.testing.assert_array_equal(found(colour, model).pixels(), found(picture, model).pixels())
    np.testing.assert_array_equal(
        found(colour, model, diameter=11.0).pixels(), found(picture, model, diameter=11.0).pixels()
    )


def test_a_volume_is_refused(model: str) -> None:
    with pytest.raises(UsageError, match="one plane"):
        METHOD.segment(Image(np.zeros((3, 9, 9)), "ZYX"), NetworkOptions(model=model))


@pytest.mark.parametrize("diameter", [6.0, 9.0, 12.5, 17.9, 18.0, 30.0])
def test_labels_do_not_depend_on_blocks_nor_on_where_they_are_kept(
    model: str, diameter: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = lattice((171, 203), spacing=diameter * 19 / 18, radius=diameter * 0.47)
    whole = found(picture, model, diameter=diameter)
    assert assert_sound(whole, (171, 203)) > 15
    parts, _ = in_blocks(picture, model, tmp_path, diameter=diameter)
    np.testing.assert_array_equal(parts.pixels(), whole.pixels())
    monkeypatch.setattr(network_plane, "SIDE", 37)
    monkeypatch.setattr(network_objects.find_objects, "__defaults__", (None, 161))
    monkeypatch.setattr(rescale, "_TOGETHER", 3000)
    small = found(picture, model, diameter=diameter)
    np.testing.assert_array_equal(small.pixels(), whole.pixels())
    pd.testing.assert_frame_equal(table_of(small), table_of(whole))
    (tmp_path / "again").mkdir()
    again, _ = in_blocks(picture, model, tmp_path / "again", diameter=diameter)
    np.testing.assert_array_equal(again.pixels(), whole.pixels())
    pd.testing.assert_frame_equal(table_of(again), table_of(whole))


def test_labels_do_not_depend_on_tiles_nor_on_threads(model: str, tmp_path: Path) -> None:
    picture = lattice((240, 300), seed=3)
    whole = write_blobs(tmp_path / "whole.zip", tile=512)
    tiles = found(picture, model).pixels()
    np.testing.assert_array_equal(found(picture, str(whole)).pixels(), tiles)
    with use_threads(2):
        np.testing.assert_array_equal(found(picture, model).pixels(), tiles)


def test_a_look_at_a_good_scale_is_not_repeated(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Objects of 18.2 px are taken for 18: the first look was at that scale, and is used."""
    picture = lattice((171, 203))
    as_told = found(picture, model, diameter=18.0)
    asked = 0

    def counting(*arguments: Any, **named: Any) -> int:
        nonlocal asked
        asked += 1
        return fill_maps(*arguments, **named)

    monkeypatch.setattr(network_mapping, "fill_maps", counting)
    np.testing.assert_array_equal(found(picture, model).pixels(), as_told.pixels())
    assert asked == 0
    found(picture, model, diameter=18.0)
    assert asked == 1


def test_decisions_are_the_same_in_blocks(model: str, tmp_path: Path) -> None:
    picture = lattice((171, 203))
    objects = METHOD.segment(Image(picture, "YX"), NetworkOptions(model=model))
    _, decisions = in_blocks(picture, model, tmp_path)
    assert decisions == objects.decisions
    assert decisions["model"] == "blobs 1"
    assert decisions["model_sha256"] == model_named(model).digest
    assert decisions["diameter_px"] == 18.22  # the network tells octaves in sixteenths
    assert decisions["scale"] == 1.0  # near enough to 18 / 18.22 to use the look as it is


def test_a_large_picture_of_large_objects_is_read_in_parts(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rescale, "_TOGETHER", 20_000)
    monkeypatch.setattr("cellwright.segment.network_input.STRIP", 20_000)
    blocks = Blocks(lattice((600, 700), spacing=190, radius=85))
    METHOD.segment_large(blocks, NetworkOptions(model=model, diameter=180), blocks, tmp_path)
    assert blocks.labels.max() > 3
    assert blocks.largest < 60_000


def test_no_picture_is_enlarged_more_than_threefold(model: str) -> None:
    objects = METHOD.segment(
        Image(lattice((60, 60)), "YX"), NetworkOptions(model=model, diameter=0.01)
    )
    assert objects.decisions is not None
    assert objects.decisions["scale"] == 3.0


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    rows=st.integers(1, 70),
    columns=st.integers(1, 70),
    diameter=st.floats(3, 60),
    min_area=st.none() | st.floats(0, 200),
    confidence=st.none() | st.floats(0, 1),
)
def test_numbers_have_no_gaps_and_the_table_fits_whatever_is_left_out(
    model: str,
    seed: int,
    rows: int,
    columns: int,
    diameter: float,
    min_area: float | None,
    confidence: float | None,
) -> None:
    picture = lattice((rows, columns), spacing=9, radius=3.5, seed=seed)
    labels = found(picture, model, diameter=diameter, min_area=min_area, confidence=confidence)
    assert_sound(labels, (rows, columns))
    assert (table_of(labels)["confidence"] >= (confidence or 0)).all()
    if labels.count:
        assert np.bincount(labels.pixels().ravel())[1:].min() >= max(1, min_area or 0)


def test_the_models_own_least_confidence_holds_where_none_is_stated(tmp_path: Path) -> None:
    # without weights an object's confidence is its mean probability
    picture, _ = blobs((90, 90), [(20, 20, 0.9), (60, 60, 0.9), (25, 60, 0.45)])
    everything = table_of(found(picture, str(write_blobs(tmp_path / "all.zip"))))["confidence"]
    assert everything.size == 3
    least = float(everything.min() + 1e-4)
    model = str(write_blobs(tmp_path / "sure.zip", calibration={"least": least}))
    assert found(picture, model).count == 2
    assert found(picture, model, confidence=0.0).count == 3
    assert found(picture, model, confidence=1.0).count == 0


def test_objects_that_vanish_at_the_pictures_own_pixels_leave_no_gap(model: str) -> None:
    # enlarged threefold, an object of 15 px may fall between the picture's pixels
    picture = np.zeros((60, 60), np.uint8)
    rng = np.random.default_rng(4)
    picture[rng.integers(0, 60, 60), rng.integers(0, 60, 60)] = rng.integers(90, 255, 60)
    assert_sound(found(picture, model, diameter=1.0), (60, 60))


def test_mirrored_looks_find_the_same_blobs(model: str) -> None:
    picture, _ = blobs((90, 90), [(20, 20, 0.9), (20, 38, 0.9), (60, 60, 0.9)])
    once, four = found(picture, model), found(picture, model, flips=True)
    assert assert_sound(four, (90, 90)) == once.count == 3
    assert np.count_nonzero((once.pixels() > 0) != (four.pixels() > 0)) < 10


def test_a_higher_threshold_gives_smaller_objects(model: str) -> None:
    picture, _ = blobs((60, 60), [(30, 30, 0.9)])
    areas = [
        np.count_nonzero(found(picture, model, foreground=level).pixels())
        for level in (0.05, 0.5, 0.95)
    ]
    assert areas[0] > areas[1] > areas[2] > 0


def test_progress_tells_of_every_block_and_may_end_the_work(model: str, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    picture = lattice((240, 300))
    in_blocks(picture, model, tmp_path, lambda *news: told.append(news), diameter=18.0)
    network = [news for news in told if news[0] == "network"]
    assert [done for _, done, _ in network] == list(range(1, 21))
    assert told[-1] == ("objects", 1, 1)

    def stop(stage: str, done: int, total: int) -> None:
        raise CancelledError(f"{stage} {done} of {total}")

    (tmp_path / "again").mkdir()
    with pytest.raises(CancelledError, match="network 1 of 20"):
        in_blocks(picture, model, tmp_path / "again", stop, diameter=18.0)


def test_an_answer_that_is_not_a_number_is_refused() -> None:
    class Plane:
        shape = (16, 16)

        def read(self, window: object) -> Array:
            return np.zeros((16, 16), np.float32)

    maps = Quantised(CHANNELS, np.zeros((5, 16, 16), np.int8))
    with pytest.raises(UnsupportedError, match="not a number"):
        fill_maps(
            Plane(), lambda batch: np.full((1, 5, 16, 16), np.nan, np.float32), maps,
            every=CHANNELS, unit=10.0, tile=16, halo=0, multiple=16,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"decoder": {"name": "watershed", "version": 1}}, "decoder 'watershed'"),
        ({"decoder": {"name": "votes", "version": 2}}, "version 2 of the decoder"),
        ({"decoder": {"name": "votes", "version": 1, "options": {"ratio": 3}}}, "options.ratio"),
        ({"decoder": {"name": "votes", "version": 1, "options": {"x": 1}}}, "decoder.options.x"),
        ({"calibration": {"weights": {"doubt": 1.0}, "intercept": 0.0}}, "calibrated on other"),
        ({"calibration": {"weights": "many"}}, "calibrated on other"),
        ({"calibration": {"least": 1.5}}, "least confidence is 1.5"),
        ({"calibration": {"least": "none"}}, "least confidence is 'none'"),
        (
            {"channels": ("foreground", "row_offset", "size", "boundary", "distance")},
            "no column_offset and no overlap",
        ),
    ],
)
def test_a_model_that_cannot_be_used_is_refused_before_any_work(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    options = NetworkOptions(model=str(write_blobs(tmp_path / "other.zip", **changes)))
    with pytest.raises(UsageError, match=message) as refused:
        METHOD.model_digest(options)
    assert refused.value.where == options.model
    with pytest.raises(UsageError, match=message):
        METHOD.kind_of(options)
