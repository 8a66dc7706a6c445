"""Large pictures: block by block the same numbers as whole, and never more than a window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cellwright.core.columns import Column
from cellwright.core.errors import UnsupportedError, UsageError
from cellwright.core.image import Array, Spacing
from cellwright.measure import large
from cellwright.measure import separation as separation_module
from cellwright.measure.feature import Feature, LargePicture, Parts, Window
from cellwright.measure.intensity import FEATURE as INTENSITY
from cellwright.measure.junctions import FEATURE as JUNCTIONS
from cellwright.measure.large import locate_cells, measure_large
from cellwright.measure.median import MedianSearch
from cellwright.measure.neighbours import FEATURE as NEIGHBOURS
from cellwright.measure.position import FEATURE as POSITION
from cellwright.measure.regions import Regions
from cellwright.measure.separation import coverage, large_coverage, large_separation, separation
from cellwright.measure.spots import FEATURE as SPOTS
from cellwright.measure.table import measure_plane
from cellwright.measure.texture import FEATURE as TEXTURE
from cellwright.simulate.monolayer import simulate_monolayer

SQUARE = Spacing(y=0.5, x=0.5)


@dataclass
class OnDisk:
    """Pixels that can only be read part by part, and remember how."""

    pixels: Array
    reads: list[int] = field(default_factory=list)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.pixels.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.pixels.dtype

    def __getitem__(self, index: tuple[int | slice, ...], /) -> Array:
        part = self.pixels[index].copy()
        self.reads.append(part.size)
        return part


def rectangles(seed: int, shape: tuple[int, int], count: int, side: int) -> Array:
    """Overlapping rectangles, some in pieces, with numbers all over uint32."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, np.uint32)
    numbers = rng.integers(1, 2**32 - 1, count)
    for number in np.concatenate([numbers, numbers[: count // 4]]):
        y, x = rng.integers(0, shape)
        height, width = rng.integers(1, side, 2)
        labels[y : y + height, x : x + width] = number
    return labels


def channels(labels: Array, seed: int = 0) -> dict[str, Array]:
    """One channel of each kind of number, one with pixels that are not finite."""
    rng = np.random.default_rng(seed)
    holes = rng.normal(size=labels.shape).astype(np.float32)
    holes[rng.random(labels.shape) < 0.05] = np.nan
    return {
        "bytes": rng.integers(0, 255, labels.shape).astype(np.uint8),
        "whole": rng.integers(-(2**30), 2**30, labels.shape).astype(np.int32),
        "holes": holes,
        "double": 1e5 * rng.normal(size=labels.shape),
    }


def same(one: pd.DataFrame, two: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(one, two, check_exact=True)


@pytest.mark.parametrize("block", [5, 16, 33, 1000])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_number_is_that_of_the_whole_plane(seed: int, block: int) -> None:
    labels = rectangles(seed, (70, 95), 40, 14)
    labels[3:60, 40:43] = 77  # one that is long, over many blocks
    planes = channels(labels, seed)
    lazy = {name: OnDisk(plane) for name, plane in planes.items()}
    found = measure_large(OnDisk(labels), lazy, SQUARE, block=block)
    same(found, measure_plane(labels, planes, SQUARE))


def test_families_on_request_as_well() -> None:
    rng = np.random.default_rng(4)
    labels = rectangles(4, (120, 150), 30, 40)
    planes: dict[str, Array] = {"GFP": rng.poisson(100, labels.shape).astype(np.uint16)}
    planes["GFP"][::9, ::11] += 120
    features = {"texture": TEXTURE, "spots": SPOTS}
    whole = measure_plane(labels, planes, SQUARE, features)
    assert whole["texture_entropy_fine_GFP"].notna().any()
    assert (whole["spot_count_GFP"] > 0).any()
    same(measure_large(labels, planes, SQUARE, features, block=32), whole)


@pytest.mark.parametrize("block", [32, 50, 1000])
def test_junctions_have_the_threshold_of_the_whole_picture(block: int) -> None:
    picture, labels = simulate_monolayer((150, 180), 30, seed=2, broken=0.3, gaps=0.1)
    planes, features = {"ZO1": picture, "red": 3.0 * picture}, {"junctions": JUNCTIONS}
    whole = measure_plane(labels, planes, SQUARE, features)
    assert whole["junction_continuity_ZO1"].notna().sum() > 20
    same(measure_large(labels, planes, SQUARE, features, block=block), whole)


@settings(deadline=None, max_examples=40)
@given(
    hnp.arrays(np.uint32, st.tuples(st.integers(1, 12), st.integers(1, 12)),
               elements=st.sampled_from([0, 0, 0, 1, 2, 9])),
    st.integers(1, 13),
)  # fmt: skip
@example(np.zeros((4, 4), np.uint32), 3)
@example(np.ones((4, 4), np.uint32), 1)
def test_any_blocks_of_any_labels(labels: Array, block: int) -> None:
    planes = {"0": np.arange(labels.size, dtype=np.uint16).reshape(labels.shape) ** 2}
    same(measure_large(labels, planes, SQUARE, block=block), measure_plane(labels, planes, SQUARE))


def test_only_windows_are_read_and_each_pixel_a_few_times() -> None:
    labels = np.zeros((600, 800), np.uint32)
    index = np.arange(600 // 20 * 800 // 20, dtype=np.uint32).reshape(30, 40) + 1
    labels[:] = np.kron(index, np.pad(np.ones((12, 12), np.uint32), 4))
    lazy, plane = OnDisk(labels), OnDisk(labels.astype(np.uint16))
    table = measure_large(lazy, {"0": plane}, SQUARE, block=100)
    assert len(table) == 1200
    largest = (100 + 12 + 2 * 2) ** 2  # a block, the cells that begin in it, and two px around
    assert max(lazy.reads) <= largest
    assert max(plane.reads) <= largest
    assert sum(plane.reads) < 2 * 1.3 * labels.size
    assert sum(lazy.reads) < 3 * 1.3 * labels.size


def test_long_cells_do_not_make_all_windows_large() -> None:
    labels = np.zeros((400, 400), np.uint32)
    labels[10:390, 200] = 5
    labels[::20, :100:20] = 1 + np.arange(100).reshape(20, 5) + 10
    lazy = OnDisk(labels)
    same(
        measure_large(lazy, {}, SQUARE, block=50),
        measure_plane(labels, {}, SQUARE),
    )
    assert sorted(lazy.reads)[-2] <= (50 + 4) ** 2


def test_a_label_over_half_the_picture_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = np.zeros((50, 50), np.uint32)
    labels[0, 0] = labels[40, 30] = 7
    labels[5:9, 5:9] = 3
    monkeypatch.setattr(large, "LARGEST_WINDOW_PX", 1000)
    with pytest.raises(UnsupportedError, match="label 7 spans 41 × 31 pixels"):
        measure_large(labels, {}, SQUARE, block=16)
    labels[labels == 7] = 0
    assert measure_large(labels, {}, SQUARE, block=16)["label"].tolist() == [3]


def test_large_cells_alone_where_together_they_are_too_much(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    labels = np.zeros((64, 64), np.uint32)
    labels[2:40, 3], labels[5:50, 50] = 4, 9
    whole = measure_plane(labels, {}, SQUARE)
    monkeypatch.setattr(large, "LARGEST_WINDOW_PX", 100)
    same(measure_large(labels, {}, SQUARE, block=8), whole)


def test_hand_worked_places() -> None:
    labels = np.zeros((40, 40), np.uint32)
    labels[18:22, 17:21] = 9  # over the corner of four blocks
    labels[18:22, 22:24] = 2  # one pixel between
    labels[39, 39] = 1
    table = measure_large(
        labels, {}, Spacing(), {"position": POSITION, "neighbours": NEIGHBOURS}, block=20
    )
    assert table["label"].tolist() == [1, 2, 9]
    assert table["centroid_y_px"].tolist() == [39, 19.5, 19.5]
    assert table["bbox_left_px"].tolist() == [39, 22, 17]
    assert table["touches_border"].tolist() == [True, False, False]
    assert table["neighbour_count"].tolist() == [0, 1, 1]
    assert table["nearest_neighbour_px"].tolist()[1:] == [4.0, 4.0]


def test_the_background_is_that_of_the_whole_picture() -> None:
    labels = np.zeros((30, 30), np.uint32)
    labels[10:20, 10:20] = 1
    plane = np.full((30, 30), 7, np.uint16)
    plane[8:22, 8:22] = 50  # what lies within 2 px of the cell is no background
    table = measure_large(labels, {"0": plane}, Spacing(), {"intensity": INTENSITY}, block=11)
    assert table["intensity_background_0"].tolist() == [7]
    assert table["intensity_mean_corrected_0"].tolist() == [43]
    full = np.ones((30, 30), np.uint32)
    table = measure_large(full, {"0": plane}, Spacing(), {"intensity": INTENSITY}, block=11)
    assert table["intensity_background_0"].isna().all()


def test_a_family_of_another_package_that_is_local() -> None:
    def first_pixel(regions: Regions) -> Mapping[str, Array]:
        return {"luck": regions.values("0")[regions.pixel_starts]}

    local = Feature("stranger", 1, (Column("luck", "1", "Luck"),), first_pixel)
    labels = rectangles(8, (50, 60), 20, 12)
    planes = channels(labels)
    planes = {"0": planes["double"]}
    features = {"stranger": local}
    same(
        measure_large(labels, planes, SQUARE, features, block=16),
        measure_plane(labels, planes, SQUARE, features),
    )


def test_a_family_of_another_package_that_sees_the_whole() -> None:
    def rank(regions: Regions) -> Mapping[str, Array]:
        return {"rank": np.argsort(np.argsort(regions.area, kind="stable"), kind="stable")}

    def area(regions: Regions) -> Mapping[str, Array]:
        return {"area": regions.area}

    def of_all(picture: LargePicture, of_cells: Mapping[str, Array]) -> Mapping[str, Array]:
        assert picture.shape == (50, 60)
        order = np.argsort(of_cells["area"], kind="stable")
        return {"rank": np.argsort(order, kind="stable")}

    column = Column("rank", "1", "Rank by area", "int64")
    features = {"": Feature("stranger", 1, (column,), rank, parts=Parts(area, of_all))}
    labels = rectangles(8, (50, 60), 20, 12)
    same(
        measure_large(labels, {}, SQUARE, features, block=16),
        measure_plane(labels, {}, SQUARE, features),
    )


def test_a_family_sees_as_far_around_a_cell_as_it_says() -> None:
    def around(regions: Regions) -> Mapping[str, Array]:
        boxes, image = regions.boxes, np.pad(regions.image, 3)
        seen = [
            np.count_nonzero(image[top : bottom + 6, left : right + 6])
            for top, left, bottom, right in zip(
                boxes.top, boxes.left, boxes.bottom, boxes.right, strict=True
            )
        ]
        return {"seen": np.array(seen, np.int64)}

    column = Column("seen", "px", "Pixels of cells within 3 px of the box", "int64")
    features = {"": Feature("stranger", 1, (column,), around, margin=3)}
    labels = rectangles(5, (60, 60), 40, 10)
    same(
        measure_large(labels, {}, SQUARE, features, block=10),
        measure_plane(labels, {}, SQUARE, features),
    )


def test_what_cannot_be_measured_is_said_before_anything_is_read() -> None:
    labels = OnDisk(np.ones((4, 4), np.uint32))
    with pytest.raises(UsageError, match="channel 'GFP' has the shape"):
        measure_large(labels, {"GFP": np.zeros((4, 5))}, SQUARE)
    with pytest.raises(UsageError, match="whole numbers"):
        measure_large(np.zeros((4, 4)), {}, SQUARE)
    with pytest.raises(UsageError, match="block of 0"):
        measure_large(labels, {}, SQUARE, block=0)
    assert not labels.reads


def test_cells_are_located() -> None:
    labels = rectangles(6, (40, 50), 15, 9)
    regions = Regions(labels, {})
    for block in (7, 64):
        found = locate_cells(labels, block)
        np.testing.assert_array_equal(found.labels, regions.labels)
        np.testing.assert_array_equal(found.area, regions.area)
        for side in ("top", "left", "bottom", "right"):
            np.testing.assert_array_equal(getattr(found.boxes, side), getattr(regions.boxes, side))
    assert locate_cells(np.zeros((5, 5), np.uint32), 2).labels.tolist() == []


def test_windows_tile_the_plane() -> None:
    picture = LargePicture(np.zeros((7, 5), np.uint32), {}, SQUARE, block=3)
    seen = np.zeros((7, 5), int)
    for window in picture.windows():
        around = window.grown(2, picture.shape)
        assert around.read(seen)[window.within(around)].size == window.pixels
        seen[window.top : window.bottom, window.left : window.right] += 1
    assert (seen == 1).all()
    assert Window(0, 0, 2, 3).pixels == 6


@settings(deadline=None)
@given(
    st.sampled_from(["u1", "i1", "u2", ">u2", "i2", "u4", "i4", "u8", "i8"])
    | st.sampled_from(["f2", "f4", ">f4", "f8"]),
    st.data(),
)  # fmt: skip
def test_the_median_is_that_of_numpy(kind: str, data: st.DataObject) -> None:
    dtype = np.dtype(kind)
    values = data.draw(hnp.arrays(dtype, st.integers(0, 40)))
    search = MedianSearch(dtype)
    passes = 0
    while not search.done:
        search.add(values[:13])
        search.add(values[13:])
        search.end_pass()
        passes += 1
    finite = values[np.isfinite(values)] if dtype.kind == "f" else values
    assert search.count == len(finite)
    assert passes <= max(dtype.itemsize // 2, 1)
    if len(finite):
        ordered = np.sort(finite.astype(dtype.newbyteorder("=")))
        middle = [float(ordered[(len(ordered) - 1) // 2]), float(ordered[len(ordered) // 2])]
        assert search.median == (middle[0] + middle[1]) / 2
    else:
        assert np.isnan(search.median)


@pytest.mark.parametrize("block", [7, 50, 1000])
def test_separation_and_coverage_of_a_large_picture(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(3)
    labels = rectangles(3, (200, 310), 60, 30)
    plane = rng.normal(100, 20, labels.shape) + 40.0 * (labels > 0)
    lazy, lazy_labels = OnDisk(plane), OnDisk(labels)
    whole = separation(plane, labels)
    assert large_coverage(lazy_labels, block) == coverage(labels)
    assert large_separation(lazy, lazy_labels, block) == whole
    assert max(lazy.reads) <= block**2
    monkeypatch.setattr(separation_module, "GRID_PIXELS", 200 * 310 // 7)
    sampled = large_separation(lazy, lazy_labels, block)
    assert sampled == separation(plane[::3, ::3], labels[::3, ::3])
    assert sampled == pytest.approx(whole, abs=0.03)
    with pytest.raises(UsageError, match="shape"):
        large_separation(plane[1:], labels, block)
    assert np.isnan(large_coverage(labels[:0], block))
