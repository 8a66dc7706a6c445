"""Shape: hand-worked values, scikit-image's where it has the same definition, invariants."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cellwright.core.image import Array
from cellwright.measure.hull import FEATURE as HULL
from cellwright.measure.regions import Regions
from cellwright.measure.shape import FEATURE as SHAPE

PIECES = st.sampled_from([0, 0, 1, 1, 2, 3])
SMALL = hnp.arrays(np.uint32, (9, 11), elements=PIECES)


def ellipse(a: float, b: float, degrees: float, y: float = 0.0, x: float = 0.0) -> Array:
    """Draw an ellipse of half axes a, b, its long axis so many degrees up from the rows."""
    half = int(np.ceil(a)) + 3
    rows, columns = np.mgrid[-half : half + 1, -half : half + 1]
    t = np.deg2rad(degrees)
    along = (columns - x) * np.cos(t) - (rows - y) * np.sin(t)
    across = (columns - x) * np.sin(t) + (rows - y) * np.cos(t)
    return np.asarray((along / a) ** 2 + (across / b) ** 2 <= 1, np.uint32)


def rectangle(height: float, width: float, degrees: float) -> Array:
    half = int(np.hypot(height, width) / 2) + 3
    rows, columns = np.mgrid[-half : half + 1, -half : half + 1] + 0.25
    t = np.deg2rad(degrees)
    along = columns * np.cos(t) - rows * np.sin(t)
    across = columns * np.sin(t) + rows * np.cos(t)
    return np.asarray((abs(along) <= width / 2) & (abs(across) <= height / 2), np.uint32)


def measure(labels: Array) -> dict[str, Array]:
    regions = Regions(labels, {})
    return {**SHAPE.measure(regions), **HULL.measure(regions)}


def only(labels: Array) -> dict[str, float]:
    return {name: float(value[0]) for name, value in measure(labels).items()}


@pytest.mark.parametrize(("height", "width"), [(4, 12), (12, 4), (7, 7), (1, 9), (30, 10)])
def test_upright_rectangles_are_exact(height: int, width: int) -> None:
    found = only(np.pad(np.ones((height, width), np.uint32), 2))
    longer, shorter = max(height, width), min(height, width)
    assert found["area_px"] == height * width
    assert found["extent"] == 1.0
    assert found["solidity"] == 1.0
    assert found["bbox_aspect_ratio"] == width / height
    # A rectangle's second moments are its sides² / 12, an ellipse's its axes² / 16.
    assert found["major_axis_px"] == pytest.approx(longer * 4 / np.sqrt(12), rel=1e-12)
    assert found["minor_axis_px"] == pytest.approx(shorter * 4 / np.sqrt(12), rel=1e-12)
    assert found["aspect_ratio"] == pytest.approx(longer / shorter, rel=1e-12)
    eccentricity = np.sqrt(1 - (shorter / longer) ** 2)
    assert found["eccentricity"] == pytest.approx(eccentricity, abs=1e-7)
    if height != width:
        assert found["orientation_rad"] == (0.0 if width > height else np.pi / 2)
    assert found["equivalent_diameter_px"] == pytest.approx(np.sqrt(4 * height * width / np.pi))
    assert found["feret_min_px"] == shorter
    assert found["feret_max_px"] == pytest.approx(np.hypot(longer, shorter - 1))
    if shorter > 1:  # once round through the middles of the boundary pixels
        assert found["perimeter_px"] == 2 * (height - 1) + 2 * (width - 1)
        assert found["form_factor"] == pytest.approx(
            4 * np.pi * height * width / (2 * (height + width - 2)) ** 2
        )


@pytest.mark.parametrize("degrees", [0, 10, 30, 45, 72, 90, 120, 135, 170])
def test_ellipses_at_every_angle(degrees: float) -> None:
    found = only(ellipse(36, 12, degrees, y=0.3, x=-0.2))
    assert found["area_px"] == pytest.approx(np.pi * 36 * 12, rel=0.01)
    assert found["major_axis_px"] == pytest.approx(72, rel=0.01)
    assert found["minor_axis_px"] == pytest.approx(24, rel=0.015)
    assert found["aspect_ratio"] == pytest.approx(3, rel=0.015)
    assert found["eccentricity"] == pytest.approx(np.sqrt(8) / 3, abs=0.003)
    off = (found["orientation_rad"] - np.deg2rad(degrees) + np.pi / 2) % np.pi - np.pi / 2
    assert abs(off) < 0.005
    # Drawn with pixels whose middle lies inside: up to a pixel is added to a smooth outline.
    assert 71.5 < found["feret_max_px"] < 73
    assert 23.5 < found["feret_min_px"] < 25
    assert found["solidity"] > 0.96


@pytest.mark.parametrize("degrees", [0, 15, 30, 45, 60, 90, 150])
def test_a_three_to_one_rectangle_has_its_aspect_ratio_at_every_angle(degrees: float) -> None:
    found = only(rectangle(20, 60, degrees))
    assert found["aspect_ratio"] == pytest.approx(3, rel=0.02)
    assert found["feret_max_px"] == pytest.approx(np.hypot(20, 60), abs=1.0)
    assert 19.3 < found["feret_min_px"] < 21
    assert found["convex_perimeter_px"] == pytest.approx(160, rel=0.02)


def test_the_box_of_a_diagonal_cell_is_square() -> None:
    found = only(ellipse(30, 10, 45))
    assert found["bbox_aspect_ratio"] == 1.0
    assert found["aspect_ratio"] == pytest.approx(3, rel=0.01)


@pytest.mark.parametrize("radius", [10, 20, 50])
def test_discs(radius: float) -> None:
    found = only(ellipse(radius, radius, 0))
    assert found["area_px"] == pytest.approx(np.pi * radius**2, rel=0.02)
    assert found["aspect_ratio"] == pytest.approx(1, abs=1e-6)
    assert found["eccentricity"] == pytest.approx(0, abs=1e-3)
    assert found["equivalent_diameter_px"] == pytest.approx(2 * radius, rel=0.01)
    assert found["perimeter_px"] == pytest.approx(2 * np.pi * radius, rel=0.06)
    assert found["form_factor"] == pytest.approx(1, abs=0.12)
    assert found["feret_max_px"] == pytest.approx(2 * radius, abs=1.1)


def test_a_ring_has_two_outlines_and_dents() -> None:
    block = np.ones((11, 11), np.uint32)
    block[4:7, 4:7] = 0
    found = only(np.pad(block, 1))
    # Outside 40 steps; around the hole 8, and a diagonal one at each of its corners.
    assert found["perimeter_px"] == pytest.approx(40 + 8 + 4 * np.sqrt(2))
    assert found["convex_area_px"] == 121
    assert found["solidity"] == pytest.approx(112 / 121)


def test_specks_have_stated_and_finite_values() -> None:
    one = only(np.pad(np.ones((1, 1), np.uint32), 1))
    assert one["area_px"] == 1
    assert one["perimeter_px"] == 0
    assert one["form_factor"] == 1
    assert one["aspect_ratio"] == pytest.approx(1)
    assert one["eccentricity"] == 0
    assert one["orientation_rad"] == 0
    assert one["solidity"] == 1
    assert one["feret_max_px"] == 1  # a diamond, from middle to middle of the pixel's edges
    assert one["feret_min_px"] == pytest.approx(np.sqrt(0.5))
    line = only(np.pad(np.ones((1, 50), np.uint32), 1))
    assert line["aspect_ratio"] == pytest.approx(50)
    assert line["perimeter_px"] == 48
    assert line["feret_min_px"] == 1
    assert line["feret_max_px"] == 50
    diagonal = only(np.pad(np.eye(30, dtype=np.uint32), 1))
    assert diagonal["orientation_rad"] == pytest.approx(3 * np.pi / 4)
    assert np.isfinite(list(diagonal.values())).all()


def test_one_cell_can_fill_the_picture() -> None:
    found = only(np.full((5, 8), 2**32 - 1, np.uint32))
    assert found["perimeter_px"] == 22
    assert found["solidity"] == 1


def test_pieces_of_one_label_are_one_cell() -> None:
    labels = np.zeros((9, 9), np.uint32)
    labels[1, 1] = labels[7, 7] = 4
    found = only(labels)
    assert found["area_px"] == 2
    assert found["feret_max_px"] == pytest.approx(np.hypot(6, 6) + np.sqrt(0.5), abs=0.1)
    assert found["convex_area_px"] == 7


@settings(deadline=None)
@given(SMALL)
def test_same_as_scikit_image(labels: Array) -> None:
    regionprops: Any = importlib.import_module("skimage.measure").regionprops

    found = measure(labels)
    for index, region in enumerate(regionprops(labels.astype(np.int64))):
        assert found["area_px"][index] == region.area
        assert found["perimeter_px"][index] == pytest.approx(region.perimeter, abs=1e-9)
        assert found["extent"][index] == pytest.approx(region.extent)
        # Both take each pixel for a point or a square: the second moments differ by 1/12.
        point = np.sqrt(np.maximum(found["major_axis_px"][index] ** 2 - 16 / 12, 0))
        assert point == pytest.approx(region.axis_major_length, abs=1e-5)


@settings(deadline=None)
@given(SMALL)
def test_convex_area_is_that_of_scikit_image(labels: Array) -> None:
    convex_hull_image: Any = importlib.import_module("skimage.morphology").convex_hull_image

    found = measure(labels)
    for index, label in enumerate(np.unique(labels[labels > 0])):
        hull = convex_hull_image(np.pad(labels == label, 1))
        assert found["convex_area_px"][index] == hull.sum()


@settings(deadline=None)
@given(SMALL)
def test_feret_diameters_are_those_of_a_search_in_all_directions(labels: Array) -> None:
    found = measure(labels)
    for index, label in enumerate(np.unique(labels[labels > 0])):
        middles = np.argwhere(labels == label).astype(float)
        edges = np.concatenate([middles + d for d in ((0.5, 0), (-0.5, 0), (0, 0.5), (0, -0.5))])
        apart = edges[:, None] - edges[None]
        assert found["feret_max_px"][index] == pytest.approx(np.hypot(*apart.T).max())
        # The narrowest slit lies along some pair of the points.
        normals = np.stack([-apart[..., 1], apart[..., 0]], axis=-1).reshape(-1, 2)
        lengths = np.hypot(*normals.T)
        normals = normals[lengths > 0] / lengths[lengths > 0, None]
        widths = np.ptp(edges @ normals.T, axis=0)
        assert found["feret_min_px"][index] == pytest.approx(widths.min())


SIDEWAYS = {"extent", "bbox_aspect_ratio", "orientation_rad"}


def _same(one: dict[str, Array], two: dict[str, Array], order: Any = slice(None)) -> None:
    for name, values in one.items():
        if name not in SIDEWAYS:
            np.testing.assert_allclose(two[name][order], values, rtol=1e-9, atol=1e-7, err_msg=name)


@settings(deadline=None)
@given(SMALL, st.integers(0, 5), st.integers(0, 5))
def test_a_shift_changes_no_bit(labels: Array, down: int, right: int) -> None:
    moved = measure(np.pad(labels, ((down, 3), (right, 1))))
    for name, values in measure(labels).items():
        assert values.tobytes() == moved[name].tobytes(), name


@settings(deadline=None)
@given(SMALL)
def test_turns_and_flips_change_no_shape(labels: Array) -> None:
    plain = measure(labels)
    for moved in (np.rot90(labels), labels[::-1], labels[:, ::-1], labels.T):
        found = measure(np.ascontiguousarray(moved))
        _same(plain, found)
        assert np.allclose(np.sort(found["extent"]), np.sort(plain["extent"]))
    turned = measure(np.rot90(labels).copy())
    long = plain["aspect_ratio"] > 1 + 1e-6
    apart = (turned["orientation_rad"] - plain["orientation_rad"])[long] % np.pi
    np.testing.assert_allclose(apart, np.pi / 2, atol=1e-6)


@settings(deadline=None)
@given(SMALL)
def test_neither_names_nor_other_cells_change_a_cell(labels: Array) -> None:
    plain = measure(labels)
    renamed = np.array([0, 2**32 - 1, 77, 5], np.uint32)[labels]
    names = np.array([0, 2**32 - 1, 77, 5])[np.unique(labels[labels > 0])]
    found = measure(renamed)
    order = np.argsort(np.argsort(names))
    for name, values in plain.items():
        assert values.tobytes() == found[name][order].tobytes(), name
    for index, label in enumerate(np.unique(labels[labels > 0])):
        alone = measure(np.where(labels == label, labels, 0))
        for name, values in alone.items():
            assert values[0] == plain[name][index], name


@settings(deadline=None)
@given(SMALL)
def test_bounds_hold(labels: Array) -> None:
    found = measure(labels)
    for column in (*SHAPE.columns, *HULL.columns):
        low, high = column.bounds
        values = found[column.name]
        assert np.isfinite(values).all()
        assert low is None or (values >= low - 1e-12).all(), column.name
        assert high is None or (values <= high).all(), column.name


@pytest.mark.parametrize("elongation", [1.0, 2.0])
def test_cells_planted_ten_percent_larger_come_back_so(elongation: float) -> None:
    rng = np.random.default_rng(3)
    ratios = {}
    for group, area in (("reference", 260.0), ("larger", 286.0)):
        tiles = []
        for _ in range(200):
            b = np.sqrt(area / np.pi / elongation)
            y, x = rng.uniform(-0.5, 0.5, 2)
            tile = ellipse(elongation * b, b, rng.uniform(0, 180), y, x)
            room = 40 - tile.shape[0]
            tiles.append(np.pad(tile, (room // 2, room - room // 2)))
        labels = np.block([tiles[row * 20 : row * 20 + 20] for row in range(10)])
        number = np.arange(1, 201).reshape(10, 20).repeat(40, 0).repeat(40, 1)
        found = measure((labels * number).astype(np.uint32))
        assert len(found["area_px"]) == 200
        ratios[group] = {name: float(values.mean()) for name, values in found.items()}
    change = {name: ratios["larger"][name] / ratios["reference"][name] for name in ratios["larger"]}
    assert change["area_px"] == pytest.approx(1.10, abs=0.02)
    assert change["equivalent_diameter_px"] == pytest.approx(np.sqrt(1.10), abs=0.01)
    assert change["feret_max_px"] == pytest.approx(np.sqrt(1.10), abs=0.01)
    assert change["aspect_ratio"] == pytest.approx(1.0, abs=0.01)
    assert change["solidity"] == pytest.approx(1.0, abs=0.01)
