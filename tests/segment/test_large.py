"""Large planes, block by block: the same labels as at once, whatever the blocks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage
from scipy import ndimage

from cellwright.core.errors import CancelledError, RunError, UsageError
from cellwright.core.image import Array, Image
from cellwright.core.method import LargeMethod, Progress
from cellwright.segment import large_size
from cellwright.segment.basins import basins
from cellwright.segment.blocks import Grid, Scratch, Window
from cellwright.segment.components import EIGHT, FOUR, components_of
from cellwright.segment.large_size import typical_diameter_in_blocks
from cellwright.segment.object_size import distance_inside, typical_diameter
from cellwright.segment.streamed import median
from cellwright.segment.threshold import METHOD, ThresholdOptions
from cellwright.segment.threshold_large import segment_blocks
from cellwright.simulate.nuclei import simulate_nuclei

NOT_YET = 2**32 - 1


class ArraySource:
    """A plane in memory, of which only what was asked for is given."""

    def __init__(self, pixels: Array) -> None:
        self._pixels = pixels
        self.shape = pixels.shape
        self.dtype = pixels.dtype
        self.largest = 0

    def read(self, top: int, left: int, bottom: int, right: int) -> Array:
        assert 0 <= top < bottom <= self.shape[0]
        assert 0 <= left < right <= self.shape[1]
        self.largest = max(self.largest, (bottom - top) * (right - left))
        return self._pixels[top:bottom, left:right].copy()


class ArraySink:
    """Labels in memory; refuses a pixel that comes twice."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.labels = np.full(shape[:2], NOT_YET, np.uint32)

    def write(self, top: int, left: int, labels: Array) -> None:
        place = self.labels[top : top + labels.shape[0], left : left + labels.shape[1]]
        assert labels.dtype == np.uint32
        assert place.shape == labels.shape
        assert (place == NOT_YET).all()
        place[...] = labels

    def describe(self, table: pd.DataFrame) -> None:
        raise AssertionError("this method knows nothing of its objects")


def in_blocks(
    plane: Array, progress: Progress | None = None, **options: Any
) -> tuple[Array, dict[str, float | str]]:
    blocks = {key: options.pop(key) for key in ("side", "largest") if key in options}
    sink = ArraySink(plane.shape)
    with TemporaryDirectory() as folder:
        decisions = segment_blocks(
            ArraySource(plane), ThresholdOptions(**options), sink, Path(folder), progress, **blocks
        )
    return sink.labels, dict(decisions)


def at_once(plane: Array, **options: Any) -> tuple[Array, dict[str, float | str]]:
    axes = "YX" if plane.ndim == 2 else "YXS"
    objects = METHOD.segment(Image(plane, axes), ThresholdOptions(**options))
    return objects.main_labels.pixels(), dict(objects.decisions or {})


def assert_same(plane: Array, side: int, **options: Any) -> Array:
    labels, decisions = at_once(plane, **options)
    blocks, found = in_blocks(plane, side=side, **options)
    assert found == decisions
    np.testing.assert_array_equal(blocks, labels)
    return labels


def distance_from(shape: tuple[int, int], row: float, column: float) -> Array:
    rows, columns = np.indices(shape)
    distance: Array = np.hypot(rows - row, columns - column)
    return distance


@pytest.fixture(scope="module")
def nuclei() -> Array:
    """Nuclei in clumps, under uneven light."""
    return simulate_nuclei((270, 310), n=60, seed=3, clumping=0.6, illumination=0.3)[0]


def test_is_a_large_method() -> None:
    assert isinstance(METHOD, LargeMethod)
    assert METHOD.kind in METHOD.segment(Image(np.zeros((4, 4)), "YX"), ThresholdOptions()).labels


@pytest.mark.parametrize("side", [64, 101, 128, 300, 2048])
def test_any_grid_gives_the_labels_of_the_plane_at_once(nuclei: Array, side: int) -> None:
    assert assert_same(nuclei, side).max() > 40


@pytest.mark.parametrize(
    "options",
    [
        {"algorithm": "triangle"},
        {"algorithm": "yen"},
        {"algorithm": "isodata"},
        {"algorithm": "minimum"},
        {"algorithm": "mean"},
        {"algorithm": "local"},
        {"algorithm": "local", "diameter": 15},
        {"level": 70},
        {"level": 70, "polarity": "dark"},
        {"background": "off"},
        {"half_height": False},
        {"split": False},
        {"fill_holes": False},
        {"smoothing": 0},
        {"smoothing": 2.5, "neck": 0.95},
        {"diameter": 30},
        {"min_area": 200},
        {"min_area": 0},
    ],
)
def test_every_option_gives_the_labels_of_the_plane_at_once(
    nuclei: Array, options: dict[str, Any]
) -> None:
    assert assert_same(nuclei, 128, **options).any()


def test_dark_objects(nuclei: Array) -> None:
    assert assert_same(255 - nuclei, 128).max() > 40


@pytest.mark.parametrize("dtype", ["uint16", "int32", "float32", "float64"])
def test_types_of_pixels(nuclei: Array, dtype: str) -> None:
    assert assert_same(nuclei.astype(dtype) * 17, 128).any()


def test_colour(nuclei: Array) -> None:
    stained = np.stack([nuclei, 255 - nuclei // 3, np.full_like(nuclei, 9)], axis=-1)
    assert assert_same(stained, 128).any()
    assert assert_same(np.stack([nuclei] * 3, axis=-1), 128).any()
    assert assert_same(stained[..., :2], 128).any()
    labels, decisions = in_blocks(stained, side=128)
    assert decisions["grey"] in {"red", "green"}
    assert labels.any()


def test_a_component_across_many_blocks() -> None:
    plane = np.zeros((400, 500))
    for turn in range(40):  # a garland of discs from corner to corner
        away = distance_from(plane.shape, 10 * turn, 12 * turn)
        plane = np.maximum(plane, 180 * (away < 9))
    assert assert_same(ndimage.gaussian_filter(plane, 1), 64, half_height=False).max() > 10


def test_one_object_that_fills_several_blocks() -> None:
    plane = np.where(distance_from((400, 420), 190, 200) < 150, 200, 30).astype(np.uint8)
    assert assert_same(plane, 64).max() == 1


def test_rings_within_rings_and_islands_in_holes() -> None:
    away = distance_from((300, 310), 150, 140)
    plane = np.where((away < 140) & (away > 100), 200, 20)
    plane[(away < 70) & (away > 45)] = 180
    plane[away < 12] = 220
    labels = assert_same(plane.astype(np.uint8), 64)
    assert labels.any()
    assert_same(plane.astype(np.uint8), 64, split=False, diameter=300)


def test_a_wreath_of_discs_keeps_its_middle() -> None:
    plane = np.zeros((300, 300))
    for turn in 2 * np.pi * np.arange(10) / 10:
        centre = (150 + 80 * np.sin(turn), 150 + 80 * np.cos(turn))
        plane = np.maximum(plane, 180 * (distance_from(plane.shape, *centre) < 26))
    labels = assert_same(ndimage.gaussian_filter(plane, 1), 64)
    assert labels[150, 150] == 0
    assert labels.max() == 10


def test_haze_is_taken_out_in_blocks_too() -> None:
    rng = np.random.default_rng(4)
    plane = 150 * np.exp(-((distance_from((300, 320), 150, 150) / 90) ** 2))
    for row, column in rng.integers(10, 290, (30, 2)):
        plane += 100 * (distance_from(plane.shape, row, column) < 8)
    plane += rng.normal(0, 1, plane.shape)
    assert_same(plane, 64)
    hump = np.exp(-((distance_from((200, 200), 100, 100) / 60) ** 2))
    _, decisions = in_blocks(hump, side=64, background="off")
    assert decisions["removed_haze"] == 1
    assert not assert_same(hump, 64, background="off").any()


def test_identical_squares_are_parted_alike() -> None:
    tile = np.zeros((9, 10), np.uint8)
    tile[1:8, 1:8] = 200
    tile[4, 8:] = 200  # bridges: every clump has ties that only an order can break
    assert_same(np.tile(tile, (30, 28)), 70)
    assert_same(np.tile(tile, (30, 28)), 70, half_height=False, background="off", smoothing=0)


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 1), (1, 700), (700, 1), (2, 333), (40, 30)])
def test_thin_and_tiny_planes(shape: tuple[int, int]) -> None:
    plane = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)
    assert_same(plane, 64)
    assert_same(plane, 64, level=128)


def test_nothing_to_be_found() -> None:
    assert not assert_same(np.full((150, 130), 7, np.uint16), 64).any()
    noise = np.random.default_rng(0).normal(100, 5, (200, 210))
    assert not assert_same(noise, 64).any()
    assert not assert_same(noise, 64, level=1e6).any()
    assert assert_same(noise, 64, level=0, polarity="bright").all()


KINDS: dict[str, Callable[[np.random.Generator, tuple[int, int]], Array]] = {
    "noise": lambda rng, shape: rng.integers(0, 256, shape),
    "clouds": lambda rng, shape: 90 * ndimage.gaussian_filter(rng.normal(0, 9, shape), 4) + 120,
    "maze": lambda rng, shape: 150 * (ndimage.gaussian_filter(rng.normal(0, 1, shape), 3) > 0) + 20,
    "few levels": lambda rng, shape: rng.integers(0, 3, shape) * 40,
    "blocks": lambda rng, shape: np.kron(
        rng.integers(0, 2, (shape[0] // 8 + 1, shape[1] // 8 + 1)), np.full((8, 8), 200)
    )[: shape[0], : shape[1]],
}


@settings(max_examples=40, deadline=None)
@given(
    kind=st.sampled_from(sorted(KINDS)),
    shape=st.tuples(st.integers(1, 130), st.integers(1, 130)),
    seed=st.integers(0, 2**16),
    side=st.integers(5, 90),
    algorithm=st.sampled_from(["otsu", "otsu", "mean", "triangle", "local"]),
    diameter=st.sampled_from([None, None, 6.0, 25.0]),
    split=st.booleans(),
    background=st.sampled_from(["auto", "off"]),
)
def test_random_planes(
    kind: str, shape: tuple[int, int], seed: int, side: int, **options: Any
) -> None:
    plane = KINDS[kind](np.random.default_rng(seed), shape).clip(0, 255).astype(np.uint8)
    assert_same(plane, side, **options)


@pytest.mark.parametrize(
    ("folder", "name", "side"),
    [
        ("bbbc039", "*", 150),
        ("neuroblastoma", "*", 300),
        ("dsb2018", "dsb_0336*", 100),
        ("dsb2018", "dsb_0440*", 128),
    ],
)
def test_real_pictures(shared_data: Path, folder: str, name: str, side: int) -> None:
    paths = sorted((shared_data / folder / "images").glob(name))
    if not paths:
        pytest.skip(f"there are no pictures {name} in {folder}")
    with PillowImage.open(paths[0]) as picture:
        pixels = np.asarray(picture)
    assert assert_same(pixels[..., :3] if pixels.ndim == 3 else pixels, side).any()


def test_the_default_blocks() -> None:
    field = simulate_nuclei((700, 360), n=60, seed=8, clumping=0.5)[0]
    plane = np.tile(field, (3, 1))  # 2100 rows: two cores, one of them narrow
    source, sink = ArraySource(plane), ArraySink(plane.shape)
    with TemporaryDirectory() as folder:
        METHOD.segment_large(source, ThresholdOptions(), sink, Path(folder))
    np.testing.assert_array_equal(sink.labels, at_once(plane)[0])
    assert source.largest < plane.size


def test_a_sheet_too_large_for_one_window_is_joined_and_told() -> None:
    plane, truth = simulate_nuclei((600, 600), n=700, diameter_px=22, seed=3, clumping=1)
    labels, _ = at_once(plane, half_height=False)
    blocks, decisions = in_blocks(plane, side=300, largest=60**2, half_height=False)
    assert "parted block by block" in str(decisions["warning"])
    np.testing.assert_array_equal(blocks > 0, labels > 0)
    assert blocks.max() == pytest.approx(labels.max(), rel=0.02)
    # Nearly every object is the same set of pixels; truth only bounds their number.
    pairs = np.unique(np.stack([labels.ravel(), blocks.ravel()]), axis=1).shape[1]
    assert pairs <= 1.05 * labels.max() + 1
    assert blocks.max() <= truth.max()


def test_a_sheet_without_parts_stays_one_object() -> None:
    plane = np.random.default_rng(2).integers(50, 99, (300, 350)).astype(np.uint8)
    plane[-20:, -30:] = 0
    labels, decisions = in_blocks(
        plane, side=64, largest=64**2, level=20, split=False, polarity="bright", smoothing=0
    )
    assert "warning" in decisions
    assert labels.max() == 1
    assert np.count_nonzero(labels) == np.count_nonzero(plane > 20)


def test_li_is_refused_before_anything_is_read() -> None:
    source = ArraySource(np.eye(50))
    with TemporaryDirectory() as folder, pytest.raises(UsageError, match="li"):
        METHOD.segment_large(
            source, ThresholdOptions(algorithm="li"), ArraySink((50, 50)), Path(folder)
        )
    assert source.largest == 0


def test_progress_is_told_and_can_stop_the_work(nuclei: Array) -> None:
    told: list[tuple[str, int, int]] = []
    in_blocks(nuclei, lambda *what: told.append(what), side=200)
    assert {total for _, _, total in told} == {4}
    assert [done for stage, done, _ in told if stage == "labels"] == [1, 2, 3, 4]

    def stop(stage: str, done: int, total: int) -> None:
        if (stage, done) == ("half height", 2):
            raise CancelledError("stopped")

    with pytest.raises(CancelledError):
        in_blocks(nuclei, stop, side=200)


def test_a_full_disk_is_an_error_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full, raising=False)
    with pytest.raises(RunError, match="no room"):
        Scratch(tmp_path).plane((10, 10), np.float32)


def test_removed_objects_are_counted_where_none_is_small() -> None:
    plane = np.random.default_rng(5).integers(0, 255, (90, 90)).astype(np.uint8)
    assert at_once(plane, level=128, min_area=0)[1]["removed_small"] == 0


# The parts


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**16),
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    side=st.integers(1, 17),
    share=st.floats(0.1, 0.9),
    corners=st.booleans(),
)
def test_components_are_those_of_the_plane(
    seed: int, shape: tuple[int, int], side: int, share: float, corners: bool
) -> None:
    mask = np.random.default_rng(seed).random(shape) < share
    structure = EIGHT if corners else FOUR
    labels, count = ndimage.label(mask, structure)
    boxes = ndimage.find_objects(labels)
    found = components_of(
        lambda window: mask[window.slices], Grid(shape, side), structure, located=True
    )
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    assert sorted([*found.inner_areas, *found.areas]) == sorted(sizes)
    frame = np.zeros(count + 1, bool)
    for line in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        frame[line] = True
    on_frame = np.concatenate([found.inner_on_frame, found.on_frame])
    assert np.count_nonzero(on_frame) == np.count_nonzero(frame[1:])
    for area, touches, box, place in zip(
        found.areas, found.on_frame, found.boxes, found.places, strict=True
    ):
        label = int(labels[tuple(place)])
        rows, columns = boxes[label - 1]
        assert label > 0
        assert area == sizes[label - 1]
        assert touches == frame[label]
        assert tuple(box) == (rows.start, columns.start, rows.stop, columns.stop)


@settings(max_examples=100, deadline=None)
@given(
    values=st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1),
    cuts=st.lists(st.integers(0, 100), max_size=3),
)
@example(values=[-0.0, 0.0], cuts=[])
@example(values=[-1.5, -1.5, 2.0, -3.0], cuts=[2])
def test_the_median_is_that_of_all_values(values: list[float], cuts: list[int]) -> None:
    array = np.array(values, np.float32)
    with np.errstate(over="ignore"):
        expected = float(np.median(array))
        assert median(lambda: np.split(array, sorted(cuts))) == expected


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**16),
    shape=st.tuples(st.integers(1, 200), st.integers(1, 200)),
    grain=st.sampled_from([0.0, 2.0, 9.0, 30.0]),
    side=st.integers(7, 90),
)
def test_sizes_are_those_of_the_plane(
    seed: int, shape: tuple[int, int], grain: float, side: int
) -> None:
    field = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), grain)
    mask = field > np.median(field) - 0.5 * field.std()
    if mask.any() and not mask.all():
        found = typical_diameter_in_blocks(mask, Grid(shape, side), lambda _: None)
        assert found == (typical_diameter(distance_inside(mask)), True)


def test_objects_too_wide_to_be_measured_are_left_out_and_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mask = distance_from((900, 900), 450, 450) < 400
    mask |= distance_from((900, 900), 30, 30) < 15
    monkeypatch.setattr(large_size, "LARGEST", 300**2)
    diameter, exact = typical_diameter_in_blocks(mask, Grid((900, 900), 100), lambda _: None)
    assert not exact
    assert diameter == pytest.approx(30, abs=1.5)


@pytest.mark.parametrize("seed", range(5))
def test_basins_do_not_depend_on_what_lies_beside(seed: int) -> None:
    rng = np.random.default_rng(seed)
    landscape = rng.integers(1, 4, (60, 60)).astype(np.float32)  # full of ties
    landscape[:, 29:31] = 0
    left = landscape.copy()
    left[:, 30:] = 0
    together = basins(landscape, landscape > 0, 1.0)[:, :30]
    alone = basins(left, left > 0, 1.0)[:, :30]
    pairs = np.unique(np.stack([together.ravel(), alone.ravel()]), axis=1)
    assert pairs.shape[1] == np.unique(together).size == np.unique(alone).size


def test_windows_end_at_the_frame() -> None:
    grid = Grid((10, 25), 10)
    assert [core.left for core in grid] == [0, 10, 20]
    assert grid[2].grown((10, 25), 4, 1) == Window(0, 19, 10, 25)
    assert grid[1].open_sides((10, 25)) == (False, True, False, True)
