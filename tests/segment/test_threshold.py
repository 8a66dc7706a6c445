"""The method threshold, through the door that the rest of the program uses."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage
from pydantic import ValidationError
from scipy import ndimage

from cellwright.core.errors import UsageError
from cellwright.core.image import Array, Image, Spacing
from cellwright.core.labels import Objects
from cellwright.core.method import Method
from cellwright.segment.threshold import METHOD, ThresholdOptions


def find(plane: Array, **options: Any) -> Objects:
    axes = "YX" if plane.ndim == 2 else "YXS"
    return METHOD.segment(Image(plane, axes), ThresholdOptions(**options))


def labels_of(plane: Array, **options: Any) -> Array:
    return np.asarray(find(plane, **options).main_labels.data)


def discs(
    shape: tuple[int, int], *circles: tuple[float, float, float], low: int = 20, high: int = 180
) -> Array:
    """Circles (row, column, radius) on a ground, blurred as by a lens."""
    rows, columns = np.indices(shape)
    inside = np.zeros(shape, bool)
    for row, column, radius in circles:
        inside |= (rows - row) ** 2 + (columns - column) ** 2 <= radius**2
    plane = np.where(inside, high, low).astype(np.float64)
    return np.rint(ndimage.gaussian_filter(plane, 1)).astype(np.uint8)


def squares(side: int, gap: int, count: tuple[int, int]) -> Array:
    tile = np.zeros((side + gap, side + gap), np.uint8)
    tile[gap // 2 : gap // 2 + side, gap // 2 : gap // 2 + side] = 200
    return np.tile(tile, count)


@pytest.fixture(scope="module")
def scene() -> Array:
    """Twelve discs, two of them touching, uneven in brightness, with noise."""
    rng = np.random.default_rng(7)
    circles = [(20 + 40 * i, 20 + 45 * j, 9.0 + j) for i in range(3) for j in range(3)]
    plane = discs((120, 150), *circles, (60, 84, 10)).astype(np.float64)
    return np.rint(plane * np.linspace(0.8, 1.2, 150) + rng.normal(0, 3, plane.shape)).clip(0)


def test_is_a_method() -> None:
    assert isinstance(METHOD, Method)
    assert METHOD.name == "threshold"


def test_every_option_is_described() -> None:
    properties = ThresholdOptions.model_json_schema()["properties"]
    assert all(entry.get("description") for entry in properties.values())


def test_a_disc_is_found_with_its_area_and_place() -> None:
    plane = discs((64, 64), (30, 25, 12))
    labels = labels_of(plane)
    assert labels.dtype == np.uint32
    assert labels.max() == 1
    inside = np.hypot(np.arange(64)[:, None] - 30, np.arange(64) - 25) <= 12
    assert np.count_nonzero(labels) == pytest.approx(np.count_nonzero(inside), rel=0.02)
    assert ndimage.center_of_mass(labels) == pytest.approx((30, 25), abs=0.1)


def test_labels_keep_the_spacing() -> None:
    image = Image(discs((40, 40), (20, 20, 8)), "YX", spacing=Spacing(y=0.5, x=0.5))
    objects = METHOD.segment(image, ThresholdOptions())
    assert objects.main == "cell"
    assert objects.main_labels.spacing == image.spacing


@pytest.mark.parametrize("radius", [6, 12, 30, 60])
def test_touching_discs_of_any_size_are_parted(radius: int) -> None:
    side = 6 * radius
    centre = side / 2
    reach = 0.9 * radius
    plane = discs((side, side), (centre, centre - reach, radius), (centre, centre + reach, radius))
    labels = labels_of(plane)
    assert labels.max() == 2
    areas = np.bincount(labels.ravel())[1:]
    assert areas[0] == pytest.approx(areas[1], rel=0.12)
    assert labels_of(plane, split=False).max() == 1


def test_a_large_textured_nucleus_stays_whole() -> None:
    rng = np.random.default_rng(0)
    texture = ndimage.gaussian_filter(rng.normal(0, 1, (200, 200)), 3)
    rows, columns = np.indices((200, 200))
    ellipse = ((rows - 100) / 45) ** 2 + ((columns - 100) / 65) ** 2 <= 1
    plane = 20 + ellipse * (120 + 25 * texture / texture.std()) + rng.normal(0, 3, (200, 200))
    labels = labels_of(plane)
    assert labels.max() == 1
    assert np.count_nonzero(labels) == pytest.approx(np.pi * 45 * 65, rel=0.05)


def test_a_dim_disc_beside_a_bright_one_is_found() -> None:
    plane = discs((60, 120), (30, 30, 10), high=250).astype(int)
    plane += discs((60, 120), (30, 90, 10), low=0, high=60)
    assert labels_of(plane).max() == 2


def test_polarity_is_found_and_stated(scene: Array) -> None:
    bright, dark = find(scene), find(255 - scene)
    assert bright.decisions is not None
    assert dark.decisions is not None
    assert bright.decisions["polarity"] == "bright"
    assert dark.decisions["polarity"] == "dark"
    assert labels_of(scene).max() == 10
    assert labels_of(255 - scene).max() == 10
    assert find(scene, polarity="dark").decisions["polarity"] == "dark"  # type: ignore[index]


def test_a_ring_is_filled_and_a_ring_of_discs_is_not() -> None:
    rows, columns = np.indices((60, 60))
    distance = np.hypot(rows - 30, columns - 30)
    ring = np.where((distance <= 16) & (distance > 7), 180, 20).astype(np.uint8)
    filled = labels_of(ring)
    assert filled[30, 30] > 0
    open_ring = labels_of(ring, fill_holes=False)
    assert open_ring[30, 30] == 0
    turn = 2 * np.pi * np.arange(8) / 8
    wreath = discs((120, 120), *((60 + 33 * np.sin(a), 60 + 33 * np.cos(a), 13.5) for a in turn))
    labels = labels_of(wreath)
    assert labels[60, 60] == 0
    assert labels.max() == 8


def test_debris_goes_and_is_counted() -> None:
    plane = discs((100, 100), (25, 25, 10), (25, 70, 10), (70, 25, 10), (75, 75, 2))
    objects = find(plane)
    assert objects.decisions is not None
    assert objects.main_labels.count == 3
    assert objects.decisions["removed_small"] == 1
    assert objects.decisions["min_area_px"] == pytest.approx(0.1 * np.pi * 10**2, rel=0.1)
    assert labels_of(plane, min_area=0).max() == 4


def test_a_fixed_level_is_taken_in_the_pictures_own_intensities() -> None:
    plane = np.full((30, 60), 1000, np.uint16)
    plane[10:20, 10:20] = 1400
    plane[10:20, 40:50] = 2000
    assert labels_of(plane, level=1200, smoothing=0).max() == 2
    high = labels_of(plane, level=1500, smoothing=0)
    assert high.max() == 1
    assert np.count_nonzero(high) == 100
    assert not labels_of(plane, level=2500, smoothing=0).any()


@pytest.mark.parametrize(
    "algorithm", ["otsu", "li", "triangle", "yen", "isodata", "minimum", "mean", "local"]
)
def test_every_algorithm_finds_clear_discs(algorithm: str) -> None:
    circles = [(20.0 + 40 * i, 20.0 + 40 * j, 9.0) for i in range(4) for j in range(4)]
    assert labels_of(discs((160, 160), *circles), algorithm=algorithm).max() == 16


def test_background_is_subtracted() -> None:
    circles = [(25.0 + 50 * i, 25.0 + 50 * j, 10.0) for i in range(5) for j in range(5)]
    plane = discs((250, 250), *circles, low=0, high=60).astype(float)
    plane += np.linspace(0, 100, 250)
    assert labels_of(plane).max() == 25
    assert labels_of(plane, background="off").max() != 25


@pytest.mark.parametrize("value", [0, 7, 65535])
def test_a_constant_picture_has_no_cells(value: int) -> None:
    objects = find(np.full((50, 40), value, np.uint16))
    assert objects.main_labels.count == 0
    assert objects.decisions is not None
    assert objects.decisions["no_objects"] == "constant picture"


@pytest.mark.parametrize("blur", [0, 1, 2])
@pytest.mark.parametrize("kind", ["normal", "poisson", "uniform"])
def test_noise_has_no_cells(kind: str, blur: float) -> None:
    rng = np.random.default_rng(3)
    noise = {
        "normal": rng.normal(100, 5, (300, 300)),
        "poisson": rng.poisson(8, (300, 300)).astype(float),
        "uniform": rng.uniform(0, 1, (300, 300)),
    }[kind]
    objects = find(ndimage.gaussian_filter(noise, blur) if blur else noise)
    assert objects.main_labels.count == 0
    assert objects.decisions is not None
    assert "no_objects" in objects.decisions


@pytest.mark.parametrize("shape", ["slope", "hump"])
def test_uneven_light_is_not_a_cell(shape: str) -> None:
    rows, columns = np.indices((256, 256)) - 128.0
    light = rows + columns if shape == "slope" else np.exp(-(rows**2 + columns**2) / 150**2)
    assert not labels_of(light).any()


def test_sparse_nuclei_below_a_thousandth_and_hot_pixels() -> None:
    rng = np.random.default_rng(5)
    plane = discs((600, 600), (100, 100, 5), (300, 400, 5), (500, 200, 5), low=100, high=160)
    noisy = plane + rng.normal(0, 4, plane.shape)
    noisy[rng.integers(0, 600, 50), rng.integers(0, 600, 50)] = 60000
    assert labels_of(noisy).max() == 3


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 2), (1, 50), (50, 1), (3, 3), (2, 31)])
def test_tiny_pictures(shape: tuple[int, int]) -> None:
    plane = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)
    labels = labels_of(plane)
    assert labels.shape == shape
    assert set(np.unique(labels)) - {0} == set(range(1, int(labels.max()) + 1))


def test_seventy_thousand_squares() -> None:
    assert labels_of(squares(3, 3, (250, 280))).max() == 70_000


@pytest.mark.parametrize(("side", "gap"), [(4, 4), (5, 4)])
def test_small_squares_stay_apart(side: int, gap: int) -> None:
    assert labels_of(squares(side, gap, (50, 60))).max() == 3_000


def test_numbers_follow_the_rows(scene: Array) -> None:
    labels = labels_of(scene)
    flat = labels.ravel()
    firsts = [int(np.flatnonzero(flat == number)[0]) for number in range(1, int(flat.max()) + 1)]
    assert firsts == sorted(firsts)


@settings(max_examples=12, deadline=None)
@given(factor=st.integers(1, 200), offset=st.integers(0, 10_000))
def test_scale_and_offset_of_intensities_change_nothing(factor: int, offset: int) -> None:
    plane = discs((70, 70), (20, 20, 9), (20, 37, 9), (50, 45, 12)).astype(np.int64)
    np.testing.assert_array_equal(labels_of(plane * factor + offset), labels_of(plane))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "uint32", "float32", "float64"])
def test_the_type_of_the_pixels_changes_nothing(scene: Array, dtype: str) -> None:
    np.testing.assert_array_equal(labels_of(scene.astype(dtype)), labels_of(scene))


@settings(max_examples=10, deadline=None)
@given(turns=st.integers(0, 3), mirror=st.booleans(), seed=st.integers(0, 1000))
def test_turned_pictures_have_the_same_cells(turns: int, mirror: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    circles = [(20.0 + 40 * i, 20.0 + 40 * j, rng.uniform(6, 12)) for i in (0, 1) for j in (0, 1)]
    plane = discs((80, 80), *circles)
    turned = np.rot90(plane[:, ::-1] if mirror else plane, turns)
    back = np.rot90(labels_of(np.ascontiguousarray(turned)), -turns)
    back = back[:, ::-1] if mirror else back
    labels = labels_of(plane)
    # Up to the numbers, every object is the same set of pixels.
    pairs = np.unique(np.stack([labels.ravel(), back.ravel()]), axis=1)
    assert labels.max() == 4
    assert pairs.shape[1] == labels.max() + 1


def test_the_same_picture_twice_gives_the_same_bytes(scene: Array) -> None:
    assert labels_of(scene).tobytes() == labels_of(scene.copy()).tobytes()


def test_the_picture_is_left_as_it_was(scene: Array) -> None:
    kept = scene.copy()
    find(scene)
    np.testing.assert_array_equal(scene, kept)


def test_decisions_are_plain_numbers_and_text(scene: Array) -> None:
    decisions = find(scene).decisions
    assert decisions is not None
    assert {type(value) for value in decisions.values()} <= {float, int, str}


def test_stained_tissue_is_seen_in_the_channel_that_the_stain_absorbs() -> None:
    rng = np.random.default_rng(2)
    nuclei = discs((90, 90), (25, 25, 9), (60, 60, 11), low=0, high=100).astype(float)
    ground = np.array([225.0, 200.0, 230.0])
    absorbed = np.array([100.0, 140.0, 15.0]) / 100
    colour = ground - nuclei[..., None] * absorbed + rng.normal(0, 4, (90, 90, 3))
    objects = find(colour.clip(0, 255).astype(np.uint8))
    assert objects.decisions is not None
    assert objects.main_labels.count == 2
    assert objects.decisions["polarity"] == "dark"
    assert objects.decisions["grey"] in {"red", "green"}


def test_grey_kept_as_colour_is_the_same(scene: Array) -> None:
    np.testing.assert_array_equal(labels_of(np.stack([scene] * 3, axis=-1)), labels_of(scene))


def test_a_stack_is_refused_with_a_remedy() -> None:
    with pytest.raises(UsageError, match="--project"):
        METHOD.segment(Image(np.zeros((3, 5, 5)), "ZYX"), ThresholdOptions())


@pytest.mark.parametrize(
    "wrong", [{"algoritm": "otsu"}, {"algorithm": "magic"}, {"smoothing": -1}, {"neck": 2}]
)
def test_wrong_options_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ThresholdOptions(**wrong)


def average_precision(truth: Array, found: Array) -> float:
    """TP / (TP + FP + FN) at an overlap above 0.5."""
    columns = int(found.max()) + 1
    pairs = truth.astype(np.int64) * columns + found
    shared = np.bincount(pairs.ravel(), minlength=(int(truth.max()) + 1) * columns)
    shared = shared.reshape(-1, columns)
    union = shared.sum(1)[1:, None] + shared.sum(0)[None, 1:] - shared[1:, 1:]
    matched = int((shared[1:, 1:] > 0.5 * union).sum())
    return matched / (int((shared.sum(1)[1:] > 0).sum()) + columns - 1 - matched)


@pytest.mark.parametrize("kind", ["fluorescence_small", "fluorescence_large"])
def test_the_bar_on_real_nuclei(shared_data: Path, kind: str) -> None:
    folder = shared_data / "dsb2018"
    with (folder / "images.csv").open(newline="") as file:
        names = [row["name"] for row in csv.DictReader(file) if row["kind"] == kind]
    scores = []
    for name in names[::6]:
        pixels = np.asarray(PillowImage.open(folder / "images" / name))
        truth = np.asarray(PillowImage.open(folder / "labels" / name))
        scores.append(average_precision(truth, labels_of(pixels)))
    assert np.mean(scores) >= 0.75
