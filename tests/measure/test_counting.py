"""Counting: every place that a cell could have counts once, whatever its size and the region."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.ndimage import label
from scipy.spatial import KDTree

from cellwright.core.errors import UsageError
from cellwright.core.image import Spacing
from cellwright.measure.counting import (
    COUNTING_COLUMNS,
    MOST_TOO_LARGE,
    PLANE_COLUMNS,
    SMALLEST_FRAME,
    count_plane,
)
from cellwright.measure.position import FEATURE as POSITION
from cellwright.measure.regions import Regions
from cellwright.measure.shape import FEATURE as SHAPE
from cellwright.measure.table import measure_plane

LabelImage = npt.NDArray[np.uint32]


def _table(labels: LabelImage) -> pd.DataFrame:
    """What counting needs, without the other features, which take most of the time."""
    regions = Regions(labels, {})
    if not regions.count:
        return measure_plane(labels, {}, Spacing(), {"shape": SHAPE, "position": POSITION})
    columns = dict(POSITION.measure(regions))
    return pd.DataFrame({"label": regions.labels, "area_px": regions.area * 1.0, **columns})


def test_hand_worked() -> None:
    labels = np.zeros((20, 30), np.uint32)
    labels[0:3, 4:8] = 1  # cut
    labels[5:9, 5:11] = 2  # whole at 15 x 23 places
    labels[10:12, 20:23] = 3  # whole at 17 x 26 places
    counted = count_plane(_table(labels), labels)
    assert counted.columns["in_region"].tolist() == [True, True, True]
    assert counted.columns["counted"].tolist() == [False, True, True]
    weights = [0.0, 600 / (15 * 23), 600 / (17 * 26)]
    assert counted.columns["inclusion_weight"].tolist() == pytest.approx(weights)
    facts = counted.facts
    assert (facts["n_cells"], facts["n_in_region"], facts["n_border"]) == (3, 3, 1)
    assert (facts["n_counted"], facts["n_too_large"]) == (2, 0)
    assert facts["density_per_mpx"] == pytest.approx(1e6 * (1 / (15 * 23) + 1 / (17 * 26)))
    assert facts["counted_area_px"] == pytest.approx(2e6 / facts["density_per_mpx"])
    assert facts["area_mean_px"] == pytest.approx((12 + 24 + 6) / 3)
    mean = (24 * weights[1] + 6 * weights[2]) / (weights[1] + weights[2])
    assert facts["area_mean_weighted_px"] == pytest.approx(mean)
    assert counted.reason == ""


def test_a_cell_across_the_edge_of_the_region_is_neither_cut_nor_left_out() -> None:
    labels = np.zeros((40, 40), np.uint32)
    labels[9:12, 18:21] = 1  # centroid in column 19
    labels[20:23, 19:22] = 2  # centroid in column 20
    region = np.zeros((40, 40), bool)
    region[5:35, 5:20] = True
    counted = count_plane(_table(labels), labels, region)
    assert counted.columns["in_region"].tolist() == [True, False]
    # Far from the border the cell is whole wherever its centroid lies in the region.
    assert counted.columns["inclusion_weight"].tolist() == [1.0, 0.0]
    assert counted.facts["density_per_mpx"] == pytest.approx(1e6 / 450)
    assert counted.facts["counted_area_px"] == counted.facts["region_area_px"] == 450
    assert (counted.facts["n_cells"], counted.facts["n_in_region"]) == (2, 1)


SHAPES = st.tuples(st.integers(1, 5), st.integers(1, 5)).flatmap(
    lambda shape: arrays.arrays(bool, shape)
)


@settings(max_examples=25, deadline=None)
@given(cell=SHAPES, height=st.integers(1, 9), width=st.integers(1, 9), data=st.data())
def test_over_all_places_a_cell_counts_once_for_each_pixel_of_the_region(
    cell: npt.NDArray[np.bool_], height: int, width: int, data: st.DataObject
) -> None:
    rows, columns = np.nonzero(cell)
    # A cell in pieces may look whole where the border has taken one of them.
    assume(label(cell, np.ones((3, 3)))[1] == 1)
    cell = cell[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    region = data.draw(arrays.arrays(bool, (height, width)))
    n, counted_places = int(region.sum()), 0
    total = 0.0
    for top in range(-cell.shape[0], height + 1):
        for left in range(-cell.shape[1], width + 1):
            wide = np.zeros((height + 12, width + 12), np.uint32)
            wide[top + 6 : top + 6 + cell.shape[0], left + 6 : left + 6 + cell.shape[1]] = cell
            labels = wide[6:-6, 6:-6]
            found = count_plane(_table(labels), labels, region)
            total += found.columns["inclusion_weight"].sum()
            counted_places += int(found.facts["n_counted"])
    # Too large for its frame, or each of the places in its frame weighs n / (their number).
    assert total == pytest.approx(n if counted_places else 0)
    if not counted_places and n:
        free_rows, free_columns = height - 1 - cell.shape[0], width - 1 - cell.shape[1]
        most = max(free_rows, 0) * max(free_columns, 0)
        reached = min(most, n)
        assert reached < SMALLEST_FRAME * n or not region[1:-1, 1:-1].all()


@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 9), st.integers(1, 9))
def test_the_closed_form_is_that_of_a_region_of_everything(
    height: int, width: int, tall: int, wide: int
) -> None:
    labels = np.zeros((height + 2, width + 2), np.uint32)
    labels[1 : min(1 + tall, height + 1), 1 : min(1 + wide, width + 1)] = 5
    plain = count_plane(_table(labels), labels)
    whole = count_plane(_table(labels), labels, np.ones(labels.shape, bool))
    assert plain.reason == whole.reason
    np.testing.assert_array_equal(
        plain.columns["inclusion_weight"], whole.columns["inclusion_weight"]
    )


class Plane:
    """A torus of cells: windows of it have no edge but their own, and the truth is known."""

    def __init__(self, labels: LabelImage) -> None:
        self.labels = labels
        area = np.bincount(labels.ravel())[1:]
        self.area = float(area[area > 0].mean())
        self.density = np.count_nonzero(area) / labels.size * 1e6

    def window(self, top: int, left: int, side: int) -> LabelImage:
        size = len(self.labels)
        rows, columns = (np.arange(side) + top) % size, (np.arange(side) + left) % size
        return self.labels[np.ix_(rows, columns)]


def _torus(size: int, diameter: float, stretch: float, gap: float, seed: int) -> Plane:
    """Cells around random points: each pixel goes to the nearest, if it is near enough.

    Without a `gap` they touch all around. With `stretch` they are as many times as long as wide.
    """
    random = np.random.default_rng(seed)
    count = round(size**2 / (np.pi / 4 * diameter**2) * (0.35 if gap else 1.0))
    box = np.array([size, size / stretch])
    tree = KDTree(random.random((count, 2)) * box, boxsize=box)
    pixels = np.stack(np.meshgrid(np.arange(size) + 0.5, np.arange(size) + 0.5, indexing="ij"), -1)
    reach = gap * diameter / 2 / np.sqrt(stretch) if gap else np.inf
    far, nearest = tree.query(pixels.reshape(-1, 2) * (1, 1 / stretch), distance_upper_bound=reach)
    labels = np.where(np.isfinite(far), nearest + 1, 0)
    return Plane(labels.reshape(size, size).astype(np.uint32))


def _estimates(
    plane: Plane, side: int, per_axis: int, region: npt.NDArray[np.bool_] | None = None
) -> dict[str, float]:
    """Ratios to the truth, over windows at even distances."""
    density, naive, whole_only = [], [], []
    weight_sum = area_sum = 0.0
    areas = []
    places = np.arange(per_axis) * len(plane.labels) // per_axis
    for top in places:
        for left in places:
            labels = plane.window(int(top), int(left), side)
            table = _table(labels)
            found = count_plane(table, labels, region)
            density.append(found.facts["density_per_mpx"])
            size = found.facts["region_area_px"] / 1e6
            naive.append(found.facts["n_in_region"] / size)
            whole_only.append(found.facts["n_counted"] / size)
            weight = found.columns["inclusion_weight"]
            area = table["area_px"].to_numpy()
            weight_sum += weight.sum()
            area_sum += weight @ area
            areas.append(area[found.columns["counted"]])
    assert not np.isnan(density).any()
    return {
        "density": float(np.mean(density)) / plane.density,
        "area": area_sum / weight_sum / plane.area,
        "all": float(np.mean(naive)) / plane.density,
        "whole": float(np.mean(whole_only)) / plane.density,
        "area of whole": float(np.concatenate(areas).mean()) / plane.area,
    }


@pytest.mark.parametrize(
    ("diameter", "side", "stretch", "gap"),
    [
        (10, 512, 1, 1.0),
        (10, 512, 1, 0.0),
        (40, 512, 1, 1.0),
        (40, 512, 1, 0.0),
        (40, 512, 4, 0.0),
        (120, 512, 1, 1.0),
        (120, 512, 1, 0.0),
        (120, 512, 3, 1.0),
        (120, 1024, 1, 0.0),
    ],
)
def test_density_and_size_are_right_for_small_and_large_cells(
    diameter: int, side: int, stretch: float, gap: float
) -> None:
    plane = _torus(1400 if side == 1024 else 1024, diameter, stretch, gap, seed=diameter)
    ratio = _estimates(plane, side, per_axis={10: 3, 40: 9, 120: 20}[diameter] * 512 // side)
    assert ratio["density"] == pytest.approx(1, abs=0.02)
    assert ratio["area"] == pytest.approx(1, abs=0.02)
    # What is commonly done is off by more, and by the more the larger the cells are.
    share = diameter / side
    assert ratio["all"] > 1 + share
    assert ratio["whole"] < 1 - share
    if not gap and share > 0.05:
        assert ratio["area of whole"] < 0.98


@pytest.mark.parametrize("form", ["half at the border", "band", "disc"])
def test_a_region_keeps_density_and_size(form: str) -> None:
    side = 512
    y, x = np.mgrid[:side, :side]
    region = {
        "half at the border": x < side // 2,
        "band": (y > 200) & (y < 330),
        "disc": (y - 200) ** 2 + (x - 300) ** 2 < 190**2,
    }[form]
    plane = _torus(1024, 60, 1, 0.0, seed=3)
    ratio = _estimates(plane, side, per_axis=12, region=region)
    assert ratio["density"] == pytest.approx(1, abs=0.02)
    assert ratio["area"] == pytest.approx(1, abs=0.02)


def test_half_of_the_picture_has_half_the_area() -> None:
    plane = _torus(512, 12, 1, 1.0, seed=1)
    labels = plane.window(0, 0, 400)
    table = _table(labels)
    half = np.zeros(labels.shape, bool)
    half[:, 200:] = True
    whole, right = count_plane(table, labels), count_plane(table, labels, half)
    assert right.facts["region_area_px"] == whole.facts["region_area_px"] / 2
    assert right.facts["counted_area_px"] == pytest.approx(
        whole.facts["counted_area_px"] / 2, rel=0.03
    )
    left = count_plane(table, labels, ~half)
    assert left.facts["n_in_region"] + right.facts["n_in_region"] == whole.facts["n_cells"]
    # One half has more than the other, and the whole lies between them.
    both = sorted([left.facts["density_per_mpx"], right.facts["density_per_mpx"]])
    assert both[0] < whole.facts["density_per_mpx"] < both[1]


def test_cells_as_large_as_the_picture_give_no_number_but_a_reason() -> None:
    labels = np.zeros((100, 100), np.uint32)
    labels[5:95, 5:95] = 1
    counted = count_plane(_table(labels), labels)
    assert np.isnan(counted.facts["density_per_mpx"])
    assert np.isnan(counted.facts["area_mean_weighted_px"])
    assert np.isnan(counted.facts["counted_area_px"])
    assert counted.columns["counted"].tolist() == [False]
    assert "too large for the picture" in counted.reason
    labels[:, :] = 1
    assert np.isnan(count_plane(_table(labels), labels).facts["density_per_mpx"])


def test_one_giant_among_many_is_left_out_and_said() -> None:
    labels = np.zeros((200, 200), np.uint32)
    labels[:, 100:] = 1
    places = np.arange(60)
    labels[2 + places // 10 * 20, 2 + places % 10 * 9] = places + 2
    counted = count_plane(_table(labels), labels)
    assert counted.facts["n_too_large"] == 1 <= MOST_TOO_LARGE * 61
    assert counted.facts["density_per_mpx"] == pytest.approx(60 / (198 * 198) * 1e6)
    assert "1 of 61 cells are too large" in counted.reason


def test_without_cells_the_density_is_0_and_without_region_unknown() -> None:
    labels = np.zeros((10, 12), np.uint32)
    empty = count_plane(_table(labels), labels)
    assert empty.facts["density_per_mpx"] == 0
    assert np.isnan(empty.facts["area_mean_px"])
    assert all(len(column) == 0 for column in empty.columns.values())
    labels[4, 4] = 1
    nowhere = count_plane(_table(labels), labels, np.zeros((10, 12), bool))
    assert np.isnan(nowhere.facts["density_per_mpx"])
    assert "no pixel" in nowhere.reason
    labels[4, 4], labels[0, 3] = 0, 1
    all_cut = count_plane(_table(labels), labels)
    assert all_cut.facts["density_per_mpx"] == 0
    assert all_cut.reason == "no cell is counted: each of the 1 in the region touches the border"


def test_what_does_not_fit_is_refused() -> None:
    labels = np.zeros((10, 12), np.uint32)
    with pytest.raises(UsageError, match="shape"):
        count_plane(_table(labels), labels, np.ones((12, 10), bool))
    with pytest.raises(UsageError, match="centroid_y_px"):
        count_plane(pd.DataFrame({"area_px": [1.0]}), labels)


def test_all_that_is_given_is_declared() -> None:
    labels = np.zeros((10, 12), np.uint32)
    labels[4:6, 4:6] = 1
    counted = count_plane(_table(labels), labels)
    assert list(counted.columns) == [column.name for column in COUNTING_COLUMNS]
    assert list(counted.facts) == [column.name for column in PLANE_COLUMNS]
    for column in COUNTING_COLUMNS:
        assert counted.columns[column.name].dtype == np.dtype(column.dtype)


def test_a_hundred_thousand_cells_need_no_table_as_large_as_the_plane() -> None:
    index = np.arange(1500) // 5
    labels = (index[:, None] * 300 + index + 1).astype(np.uint32)
    region = np.add.outer(np.arange(1500), np.arange(1500)) % 1499 > 400
    table = _table(labels)
    counted = count_plane(table, labels, region)
    far = (table["bbox_top_px"] > 10) & (table["bbox_bottom_px"] < 1490)
    assert len(table) == 90_000
    assert counted.columns["inclusion_weight"][far & counted.columns["counted"]].max() < 1.02
