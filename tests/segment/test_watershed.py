"""The method watershed, on a monolayer whose cells are known."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage
from pydantic import ValidationError
from scipy import ndimage

from cellwright.core.errors import UsageError
from cellwright.core.image import Array, Image
from cellwright.core.labels import Objects
from cellwright.core.method import Method
from cellwright.segment.watershed import METHOD, WatershedOptions


def find(plane: Array, **options: Any) -> Objects:
    return METHOD.segment(Image(plane, "YX"), WatershedOptions(**options))


def labels_of(plane: Array, **options: Any) -> Array:
    return np.asarray(find(plane, **options).main_labels.data)


def monolayer(side: int = 200, step: int = 25) -> tuple[Array, Array]:
    """Cells of a shaken honeycomb: their numbers, and bright borders between them."""
    rng = np.random.default_rng(11)
    count = side // step
    row, column = np.divmod(np.arange(count**2), count)
    points = np.stack([(row + 0.5) * step, (column + 0.25 + 0.5 * (row % 2)) * step], axis=1)
    points += rng.uniform(-3, 3, points.shape)
    pixels = np.indices((side, side)).reshape(2, -1).T
    # Brute force: distances of each pixel to all centres.
    distance = np.hypot(*(pixels[:, None, :] - points[None]).transpose(2, 0, 1))
    truth = distance.argmin(axis=1).reshape(side, side) + 1
    nearest = np.sort(distance, axis=1)
    gap = (nearest[:, 1] - nearest[:, 0]).reshape(side, side)
    plane = 20 + 100 * np.exp(-((gap / 2.5) ** 2)) + rng.normal(0, 4, (side, side))
    return truth, plane


def matched(truth: Array, found: Array) -> int:
    shared = np.zeros((int(truth.max()) + 1, int(found.max()) + 1))
    np.add.at(shared, (truth.ravel(), found.ravel()), 1)
    union = shared.sum(1)[1:, None] + shared.sum(0)[None, 1:] - shared[1:, 1:]
    return int((shared[1:, 1:] > 0.5 * union).sum())


def test_is_a_method() -> None:
    assert isinstance(METHOD, Method)


def test_every_option_is_described() -> None:
    properties = WatershedOptions.model_json_schema()["properties"]
    assert all(entry.get("description") for entry in properties.values())


@pytest.mark.parametrize("seeds", ["distance", "intensity"])
@pytest.mark.parametrize("borders", ["bright", "dark"])
def test_cells_of_a_monolayer_are_found(seeds: str, borders: str) -> None:
    truth, plane = monolayer()
    objects = find(plane if borders == "bright" else 255 - plane, seeds=seeds)
    labels = np.asarray(objects.main_labels.data)
    assert objects.decisions is not None
    assert objects.decisions["borders"] == borders
    assert matched(truth, labels) >= 0.95 * truth.max()
    assert labels.max() <= 1.05 * truth.max()
    assert labels.min() == 1  # a confluent layer: every pixel belongs to a cell


def test_a_line_along_the_frame_does_not_decide_the_polarity() -> None:
    truth, plane = monolayer()
    plane[:, :2] = 20
    plane[:, 2:5] = 400
    objects = find(255 - plane)
    assert objects.decisions is not None
    assert objects.decisions["borders"] == "dark"
    assert matched(truth, np.asarray(objects.main_labels.data)) >= 0.9 * truth.max()


def test_ground_is_left_out_when_there_is_some() -> None:
    _, plane = monolayer()
    island = np.zeros((300, 300), bool)
    island[50:250, 50:250] = True
    picture = np.full((300, 300), 0.0)
    picture[island] = plane.ravel() + 100
    labels = labels_of(picture, background=True, diameter=20)
    assert not labels[:30].any()
    assert not labels[:, -30:].any()
    assert labels[60:240, 60:240].min() > 0


def test_scale_offset_and_type_change_nothing() -> None:
    plane = np.rint(monolayer(100)[1]).clip(0, 255)
    expected = labels_of(plane)
    np.testing.assert_array_equal(labels_of(plane.astype(np.uint8)), expected)
    np.testing.assert_array_equal(labels_of(plane.astype(np.uint16) * 100 + 77), expected)


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 2), (1, 50), (50, 1), (3, 3)])
def test_tiny_pictures(shape: tuple[int, int]) -> None:
    plane = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)
    labels = labels_of(plane)
    assert labels.shape == shape
    assert set(np.unique(labels)) - {0} == set(range(1, int(labels.max()) + 1))


def test_a_constant_picture_has_no_cells() -> None:
    objects = find(np.full((50, 40), 9.5))
    assert objects.main_labels.count == 0
    assert objects.decisions is not None
    assert objects.decisions["no_objects"] == "constant picture"


def test_noise_has_no_cells() -> None:
    noise = np.random.default_rng(4).normal(100, 5, (200, 200))
    for plane in (noise, ndimage.gaussian_filter(noise, 1)):
        objects = find(plane)
        assert objects.main_labels.count == 0
        assert objects.decisions is not None
        assert objects.decisions["no_objects"] == "no contrast beyond noise"


def test_a_stack_is_refused_with_a_remedy() -> None:
    with pytest.raises(UsageError, match="--project"):
        METHOD.segment(Image(np.zeros((3, 5, 5)), "ZYX"), WatershedOptions())


def test_unknown_options_are_refused() -> None:
    with pytest.raises(ValidationError):
        WatershedOptions(**{"seed": "distance"})


def test_corneal_endothelium(shared_data: Path) -> None:
    folder = shared_data / "endothelium"
    with (folder / "images.csv").open(newline="") as file:
        names = [row["name"] for row in csv.DictReader(file)]
    scores = []
    for name in names[::6]:
        plane, truth, region = (
            np.asarray(PillowImage.open(folder / part / name))
            for part in ("images", "labels", "roi")
        )
        found = labels_of(plane).astype(np.int64)
        inside = np.bincount(found[region > 0], minlength=int(found.max()) + 1)
        mostly = 2 * inside >= np.bincount(found.ravel())
        mostly[0] = False
        found = np.where(mostly[found], found, 0)
        hits = matched(truth.astype(np.int64), found)
        scores.append(2 * hits / (np.unique(truth).size - 1 + mostly.sum()))
    assert np.mean(scores) >= 0.95
