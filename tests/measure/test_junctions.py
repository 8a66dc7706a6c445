"""Junctions: layouts whose lengths are told by hand, lines with known breaks, simulated sheets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.ndimage import binary_dilation, gaussian_filter
from scipy.spatial import cKDTree

from cellwright.core.image import Array, Spacing
from cellwright.measure.junctions import FEATURE, junction_outline, measure_junctions
from cellwright.measure.outline import FRAME, FREE, outline_of
from cellwright.measure.regions import Regions
from cellwright.measure.table import loaded_features, measure_plane
from cellwright.simulate.monolayer import simulate_monolayer


def measured(labels: Array, **planes: Array) -> dict[str, Array]:
    return {n: np.asarray(v) for n, v in measure_junctions(Regions(labels, planes)).items()}


def two_squares(gap: int = 0) -> Array:
    """Two squares of 20 px side by side, 10 px from the frame."""
    labels = np.zeros((40, 60 + gap), np.uint32)
    labels[10:30, 10:30], labels[10:30, 30 + gap : 50 + gap] = 4, 9
    return labels


def hexagons(side: float, rows: int = 7) -> tuple[Array, Array]:
    """A honeycomb, and which of its cells are whole and have whole cells around."""
    size = int(1.5 * side * rows)
    y, x = np.mgrid[:size, :size].astype(float)
    width = np.sqrt(3.0) * side
    centres = np.array([
        (1.5 * side * row + 0.3, (column + 0.5 * (row % 2)) * width + 0.2)
        for row in range(-1, rows + 2)
        for column in range(-1, rows + 2)
    ])  # fmt: skip
    nearest = cKDTree(centres).query(np.stack([y.ravel(), x.ravel()], axis=1))[1]
    labels = np.unique(nearest, return_inverse=True)[1].reshape(size, size).astype(np.uint32) + 1
    frame = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    return labels, ~np.isin(np.unique(labels), frame)


@pytest.mark.parametrize("gap", [0, 1, 3, 5])
def test_two_squares_that_share_a_side(gap: int) -> None:
    found = measured(two_squares(gap))
    assert found["junction_length_px"].tolist() == [20.0, 20.0]
    assert found["junction_neighbour_count"].tolist() == [1, 1]
    assert found["junction_longest_px"].tolist() == [20.0, 20.0]
    # Three sides are free; the smoothed outline cuts their two corners.
    assert found["free_border_px"] == pytest.approx([58.0, 58.0], abs=1.5)
    assert found["junction_share"] == pytest.approx([20 / 78, 20 / 78], abs=0.01)
    assert np.isnan(found["junction_tortuosity"]).all()  # no third cell


def test_cells_further_apart_share_no_border() -> None:
    found = measured(two_squares(gap=6))
    assert found["junction_length_px"].tolist() == [0.0, 0.0]
    assert found["junction_share"].tolist() == [0.0, 0.0]
    assert found["junction_neighbour_count"].tolist() == [0, 0]
    assert np.isnan(found["junction_mean_px"]).all()


def test_the_frame_of_the_picture_is_no_border() -> None:
    labels = np.ones((12, 20), np.uint32)
    labels[:, 12:] = 2
    found = measured(labels)
    assert found["free_border_px"].tolist() == [0.0, 0.0]
    assert found["junction_length_px"].tolist() == [12.0, 12.0]
    assert found["junction_share"].tolist() == [1.0, 1.0]


def test_a_corner_is_no_neighbour() -> None:
    labels = np.kron(np.array([[1, 2], [3, 4]], np.uint32), np.ones((15, 15), np.uint32))
    assert measured(labels)["junction_neighbour_count"].tolist() == [2, 2, 2, 2]


@pytest.mark.parametrize("line", [0.0, 3.0])
@pytest.mark.parametrize("degrees", [0, 15, 30, 45, 70])
def test_straight_borders_have_their_length_at_any_angle(degrees: float, line: float) -> None:
    y, x = np.mgrid[:200, :200] - 99.5
    across = y * np.cos(np.deg2rad(degrees)) - x * np.sin(np.deg2rad(degrees))
    side = np.where(across > line / 2, 1, np.where(across <= -line / 2, 2, 0))
    labels = np.where(np.hypot(y, x) < 80, side, 0).astype(np.uint32)
    assert measured(labels)["junction_length_px"] == pytest.approx([160.0] * 2, rel=0.02)


@pytest.mark.parametrize("side", [10.0, 20.0, 40.0])
def test_honeycomb(side: float) -> None:
    labels, whole = hexagons(side)
    found = {name: values[whole] for name, values in measured(labels).items()}
    assert (found["junction_neighbour_count"] == 6).all()
    assert (found["junction_share"] == 1.0).all()
    assert found["junction_length_px"] == pytest.approx(6 * side, rel=0.03)
    assert found["junction_mean_px"] == pytest.approx(side, rel=0.03)
    assert found["junction_longest_px"] == pytest.approx(side, rel=0.05)
    assert found["junction_tortuosity"] == pytest.approx(1.0, abs=0.01)


def test_lines_of_three_pixels_between_cells_end_no_junction() -> None:
    labels, whole = hexagons(30.0)
    edge = np.zeros(labels.shape, bool)
    edge[1:] = labels[1:] != labels[:-1]
    edge[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    drawn = np.where(binary_dilation(edge, np.ones((3, 3), bool)), 0, labels)
    near = np.unique(np.concatenate([labels[:8], labels[-8:], labels[:, :8].T, labels[:, -8:].T]))
    whole[near - 1] = False  # lines at the frame face the frame
    left = whole[np.unique(drawn)[1:] - 1]
    found = {name: values[left] for name, values in measured(drawn).items()}
    assert found["junction_length_px"] == pytest.approx(180 - 6 * 2 * 1.5 / np.sqrt(3), rel=0.02)
    assert (found["junction_neighbour_count"] == 6).all()
    assert (found["junction_share"] > 0.99).all()


def test_tortuosity_of_a_wave() -> None:
    x = np.arange(160)
    height = 50 + 8 * np.sin(2 * np.pi * (x - 20) / 40)
    labels = np.where(np.arange(100)[:, None] < height, 1, 2).astype(np.uint32)
    labels[:, :20], labels[:, 140:] = 3, 4  # where the wave crosses its middle
    steps = np.linspace(0, 120, 10_001)
    wave = 8 * np.sin(2 * np.pi * steps / 40)
    length = np.hypot(np.diff(steps), np.diff(wave)).sum()
    # Over the wave and the two straight sides, which end at the frame and so do not count.
    found = measured(labels)["junction_tortuosity"][:2]
    assert found == pytest.approx(length / 120, rel=0.04)


def test_a_known_break() -> None:
    labels = np.repeat(two_squares(), 5, axis=0)  # a border of 100 px
    picture = np.full(labels.shape, 20.0)
    picture[50:150, 29:31] = 120.0
    found = measured(labels, ZO1=picture)
    assert found["junction_continuity_ZO1"].tolist() == [1.0, 1.0]
    assert found["junction_break_density_ZO1"].tolist() == [0.0, 0.0]
    # 2 of the 4 px of the band are bright.
    assert found["junction_intensity_mean_ZO1"].tolist() == [70.0, 70.0]
    assert found["junction_intensity_cv_ZO1"].tolist() == [0.0, 0.0]
    assert found["junction_interior_ratio_ZO1"].tolist() == [3.5, 3.5]
    picture[80:110, 29:31] = 20.0  # 30 % of it
    found = measured(labels, ZO1=picture)
    assert found["junction_continuity_ZO1"] == pytest.approx([0.7, 0.7], abs=0.021)
    assert found["junction_break_density_ZO1"] == pytest.approx([0.01, 0.01])
    assert found["junction_intensity_mean_ZO1"] == pytest.approx([55.0, 55.0])
    deviation = np.sqrt(0.3 * 35**2 + 0.7 * 15**2)
    assert found["junction_intensity_cv_ZO1"] == pytest.approx([deviation / 55] * 2)


def test_a_line_two_pixels_beside_the_outline_is_seen() -> None:
    labels = two_squares()
    picture = np.full(labels.shape, 20.0)
    picture[10:30, 31] = 120.0
    assert measured(labels, ZO1=picture)["junction_continuity_ZO1"].tolist() == [1.0, 1.0]


def test_without_lines_there_is_no_continuity() -> None:
    labels, _ = hexagons(20.0)
    noise = np.random.default_rng(1).normal(100, 10, labels.shape)
    for plane in (noise, np.full(labels.shape, 7, np.uint8), np.full(labels.shape, np.nan)):
        found = measured(labels, DAPI=plane)
        assert np.isnan(found["junction_continuity_DAPI"]).all()
        assert np.isnan(found["junction_break_density_DAPI"]).all()


@pytest.mark.parametrize("seed", [1, 2])
def test_continuity_falls_as_simulated_borders_break(seed: int) -> None:
    shares = []
    for broken in (0.0, 0.1, 0.2, 0.4, 0.6):
        picture, labels = simulate_monolayer(
            (400, 400), 50, seed, broken=broken, unevenness=0.2, nuclei=0.3
        )
        found = measured(labels, ZO1=picture)
        length = found["junction_length_px"]
        shares.append(float(found["junction_continuity_ZO1"] @ length / length.sum()))
        # The truth is a share of the field, which the borders take with a spread.
        assert shares[-1] == pytest.approx(0.98 * (1 - broken), abs=0.07)
    assert sorted(shares, reverse=True) == shares


def test_gain_and_offset_change_no_continuity() -> None:
    picture, labels = simulate_monolayer((200, 200), 40, 1, broken=0.3)
    one, two = (measured(labels, Z=plane) for plane in (picture, 4.0 * picture + 512.0))
    for name in ("junction_continuity_Z", "junction_break_density_Z"):
        np.testing.assert_array_equal(one[name], two[name])
    np.testing.assert_allclose(
        4.0 * one["junction_intensity_mean_Z"] + 512.0, two["junction_intensity_mean_Z"]
    )


def test_moved_turned_and_numbered_otherwise() -> None:
    picture, labels = simulate_monolayer((150, 170), 30, 5, broken=0.2, gaps=0.1)
    labels[:8], labels[-8:], labels[:, :8], labels[:, -8:] = 0, 0, 0, 0
    before = measured(labels, Z=picture)
    moved = [np.pad(plane, ((5, 9), (3, 4)), mode="edge") for plane in (labels, picture)]
    turned = [np.rot90(plane).copy() for plane in (labels, picture)]
    numbers = np.random.default_rng(0).permutation(np.arange(1, labels.max() + 1)) + 2**31
    others = np.concatenate([[0], numbers]).astype(np.uint32)[labels]
    order = np.argsort(others[labels > 0][np.unique(labels[labels > 0], return_index=True)[1]])
    for name, values in measured(moved[0], Z=moved[1]).items():
        np.testing.assert_array_equal(values, before[name], err_msg=name)
    for name, values in measured(turned[0], Z=turned[1]).items():
        np.testing.assert_allclose(values, before[name], rtol=1e-9, err_msg=name)
    for name, values in measured(others, Z=picture).items():
        np.testing.assert_array_equal(values, before[name][order], err_msg=name)


@settings(deadline=None)
@given(hnp.arrays(np.uint32, (7, 9), elements=st.sampled_from([0, 0, 1, 2, 3, 2**32 - 1])))
def test_walks_are_closed_and_neighbours_see_each_other(labels: Array) -> None:
    regions = Regions(labels, {"Z": labels % 7})
    outline = outline_of(regions, gap=2)
    every = np.arange(len(outline.owner))
    np.testing.assert_array_equal(np.sort(outline.following), every)
    np.testing.assert_array_equal(outline.owner[outline.following], outline.owner)
    padded = np.pad(labels, 1)
    edges = sum(int(np.count_nonzero((a != b) & (a > 0))) for a, b in [
        (padded[1:], padded[:-1]), (padded[:-1], padded[1:]),
        (padded[:, 1:], padded[:, :-1]), (padded[:, :-1], padded[:, 1:]),
    ])  # fmt: skip
    assert len(every) == edges
    straight = outline_of(regions, gap=0)
    own = regions.labels[straight.owner]
    met = straight.facing > 0
    pairs = list(zip(own[met].tolist(), straight.facing[met].tolist(), strict=True))
    assert sorted(pairs) == sorted((two, one) for one, two in pairs)
    table = measure_plane(labels, regions.planes, Spacing(), {"junctions": FEATURE})
    for column in FEATURE.columns:
        values = table[column.name.replace("{channel}", "Z")].to_numpy(float)
        low, high = column.bounds
        known = values[~np.isnan(values)]
        assert low is None or (known >= low).all(), column.name
        assert high is None or (known <= high + 1e-12).all(), column.name


def test_what_edges_face() -> None:
    labels = np.zeros((9, 12), np.uint32)
    labels[3:6, 0:5], labels[3:6, 6:8] = 1, 2
    outline = junction_outline(Regions(labels, {}))
    of_one = outline.owner == 0
    assert np.count_nonzero(outline.facing[of_one] == 2) == 3
    assert np.count_nonzero(outline.facing[of_one] == FRAME) == 13  # at the top and below as well
    assert np.count_nonzero(outline.facing[of_one] == FREE) == 0
    assert set(outline.gap[outline.facing > 0].tolist()) == {1}


def test_on_request_with_twins_in_micrometres() -> None:
    assert "junctions" not in loaded_features()
    features = {"junctions": loaded_features(["junctions=ZO1"])["junctions"]}
    labels = two_squares()
    line = np.zeros(labels.shape)
    line[10:30, 29:31] = 100.0
    planes = {"DAPI": labels.astype(float), "ZO1": 20.0 + gaussian_filter(line, (0, 1.0))}
    table = measure_plane(labels, planes, Spacing(y=0.5, x=0.5), features)
    assert table["junction_length_um"].tolist() == [10.0, 10.0]
    assert not [name for name in table.columns if str(name).endswith("_DAPI")]
    assert table["junction_continuity_ZO1"].tolist() == [1.0, 1.0]
