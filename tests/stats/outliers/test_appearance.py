"""Cells that look odd are found by what is expected of them, however it was learnt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from cellwright.measure.cell_crops import SIDE, Crops, Expect, Maps
from cellwright.stats.outliers.appearance import ASPECTS, Appearance, JudgeOfLooks, aspects_of
from cellwright.stats.outliers.finding import Cells, find
from cellwright.stats.outliers.traits import Trait

Rows = npt.NDArray[np.int64]
WELLS, EACH = 12, 40
KINDS = ("bright", "spot", "hole", "even", "border")


def discs(count: int, random: np.random.Generator) -> Crops:
    """Round cells of brightness 1 with a grain of 0.1."""
    y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    inside = np.hypot(y, x) < 10
    crops = Crops.empty(count)
    crops.masks[:] = inside
    crops.pixels[:] = inside * random.normal(1, 0.1, crops.pixels.shape)
    crops.brightness[:] = np.exp(random.normal(0, 0.1, count))
    return crops


def change(crops: Crops, row: int, kind: str) -> None:
    pixels, inside = crops.pixels[row], crops.masks[row] > 0
    if kind == "bright":
        crops.brightness[row] *= 2
    elif kind == "spot":
        pixels[14:17, 10:13] += 1
    elif kind == "hole":
        pixels[18:21, 17:20] -= 1
    elif kind == "even":
        pixels[inside] = 1 + (pixels[inside] - 1) / 3
    else:
        y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
        pixels[inside & (np.hypot(y, x) > 8)] += 0.2


def by_mean(crops: Crops, parts: Sequence[Rows]) -> list[Expect]:
    """Learn the mean crop and the spread: what a network learns of equal outlines."""

    def learnt(rows: Rows) -> Expect:
        known = crops.pixels[rows].astype(np.float32)
        mean, spread = known.mean(axis=0), np.maximum(known.std(axis=0), 0.01)

        def expect(some: Crops) -> tuple[Maps, Maps]:
            shape = some.pixels.shape
            return np.broadcast_to(mean, shape), np.broadcast_to(spread, shape)

        return expect

    return [learnt(rows) for rows in parts]


def experiment() -> tuple[Cells, Appearance, npt.NDArray[np.str_]]:
    random = np.random.default_rng(0)
    kinds = np.repeat(["usual", *KINDS], [WELLS * EACH, *[20] * len(KINDS)])
    crops = discs(len(kinds), random)
    for row, kind in enumerate(kinds):
        if kind != "usual":
            change(crops, row, kind)
    count = len(kinds)
    cells = Cells(
        np.column_stack([random.normal(300, 20, count), random.uniform(0.8, 0.9, count)]),
        (Trait("area_px", "px"), Trait("solidity", "1", is_bounded=True)), kinds == "usual",
        np.arange(count) % WELLS, np.ones(count, bool),
    )  # fmt: skip
    return cells, Appearance(crops, np.arange(count), by_mean), kinds


def test_each_odd_look_is_found_with_its_reason() -> None:
    cells, looks, kinds = experiment()
    found = find(cells, 0.05, "appearance", "wells", looks)
    assert 0.04 < np.mean(found.p[kinds == "usual"] <= 0.05) < 0.06
    reason = {
        "bright": "brightness", "spot": "brightest spot", "hole": "darkest spot",
        "even": "texture", "border": "border",
    }  # fmt: skip
    for kind in KINDS:
        rows = np.flatnonzero(kinds == kind)
        assert np.mean(found.p[rows] <= 0.05) >= 0.9, kind
        first = [found.reason[row] for row in rows if found.p[row] <= 0.05]
        assert np.mean([text.startswith(reason[kind]) for text in first]) > 0.7, kind
    assert "lower than" in found.reason[np.flatnonzero(kinds == "even")[0]]
    shape = find(cells, 0.05, "surprise", "wells")
    assert np.mean(shape.p[~cells.is_reference] <= 0.05) < 0.15


def test_models_have_not_seen_the_wells_that_they_judge() -> None:
    cells, looks, _ = experiment()
    taught: list[Rows] = []

    def learn(crops: Crops, parts: Sequence[Rows]) -> list[Expect]:
        taught.extend(parts)
        return by_mean(crops, parts)

    found = find(cells, 0.05, "appearance", "wells", replace(looks, learn=learn))
    assert len(taught) == len(found.judges) == 5
    for number, rows in enumerate(taught):
        assert cells.is_reference[rows].all()
        judged = cells.groups[cells.is_reference & (found.judge == number)]
        assert not set(cells.groups[rows]) & set(judged)


def test_cells_without_a_crop_are_not_judged_and_features_may_be_missing() -> None:
    cells, looks, _ = experiment()
    place, values = looks.place.copy(), cells.values.copy()
    place[5], values[9] = -1, np.nan
    found = find(
        replace(cells, values=values), 0.05, "appearance", "wells", replace(looks, place=place)
    )
    assert np.isnan(found.p[5])
    assert np.isfinite(np.delete(found.p, 5)).all()
    assert found.judge[5] == -1


def test_what_was_expected_of_a_cell_can_be_shown() -> None:
    cells, looks, kinds = experiment()
    found = find(cells, 0.05, "appearance", "wells", looks)
    row = int(np.flatnonzero(kinds == "spot")[0])
    judge = found.judges[found.judge[row]]
    assert isinstance(judge, JudgeOfLooks)
    crop, pixels, spread = judge.expected(row)
    off = (crop.pixels[0] - pixels[0]) / spread[0]
    assert np.unravel_index(np.argmax(off), off.shape)[0] in {14, 15, 16}


def test_aspects_of_a_cell_as_expected_are_small_and_of_a_tiny_one_finite() -> None:
    crops = discs(3, np.random.default_rng(0))
    crops.masks[1] = 0
    crops.masks[1, 10, 10:12] = 1
    expected = crops.pixels.astype(np.float32)
    found = aspects_of(crops, (expected, np.ones_like(expected)))
    assert found.shape == (3, len(ASPECTS))
    assert np.allclose(found[:, 1:], [0.001, 0.001, 0.001, 0])
    assert np.allclose(found[:, 0], crops.brightness)
    brighter = aspects_of(crops, (expected - 2, np.ones_like(expected)))
    assert brighter[0, 1] == pytest.approx(2, rel=0.01)
    assert brighter[0, 4] == pytest.approx(2, rel=0.01)
    assert brighter[0, 2] == 0.001
