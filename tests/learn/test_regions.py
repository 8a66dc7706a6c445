"""Boxes and what lies in them, against slow ways that were written down plainly."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra [train] is not installed")

import torch

from cellwright.core.image import Array
from cellwright.learn.regions import at_boxes, decoded, kept, mask_targets, mosaic, painted
from cellwright.learn.torchvision_shim import has_operators

STRIDE = 4


def random_boxes(count: int, side: float, seed: int) -> torch.Tensor:
    """(1, count, 4), many of which overlap."""
    random = np.random.default_rng(seed)
    low = random.uniform(0, side * 0.7, (count, 2))
    high = np.minimum(low + random.uniform(1, side * 0.5, (count, 2)), side)
    return torch.from_numpy(np.concatenate([low, high], axis=1).astype(np.float32))[None]


def pyramid(side: int, seed: int) -> list[torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    return [torch.randn(1, 3, side // s, side // s, generator=random) for s in (4, 8, 16, 32)]


def one_value(level: Array, row: float, column: float) -> Array:
    """(C,) interpolated linearly at a place of (C, Y, X), whose places lie at whole numbers."""
    at = [min(max(place, 0.0), length - 1.0) for place, length in
          zip((row, column), level.shape[1:], strict=True)]  # fmt: skip
    value = np.zeros(level.shape[0])
    for down in (0, 1):
        for right in (0, 1):
            places = [math.floor(at[0]) + down, math.floor(at[1]) + right]
            weight = (1 - abs(places[0] - at[0])) * (1 - abs(places[1] - at[1]))
            if weight > 0:
                value += weight * level[:, places[0], places[1]]
    return value


def slow_roi_align(level: Array, box: Array, stride: int, side: int, ratio: int) -> Array:
    """As in the paper: the mean of ratio x ratio places in each of side x side parts of a box."""
    left, top, right, bottom = box / stride
    found = np.zeros((level.shape[0], side, side))
    for row in range(side * ratio):
        for column in range(side * ratio):
            y = top + (row + 0.5) * (bottom - top) / (side * ratio) - 0.5
            x = left + (column + 0.5) * (right - left) / (side * ratio) - 0.5
            value = one_value(level, y, x) / ratio**2
            found[:, row // ratio, column // ratio] += value
    return found


@pytest.mark.parametrize(("side", "ratio"), [(7, 2), (14, 1), (3, 3)])
def test_features_in_boxes_are_those_of_a_slow_roi_align(side: int, ratio: int) -> None:
    levels, boxes = pyramid(64, 1), random_boxes(12, 64, 2)
    boxes[0, 0] = torch.tensor([0.0, 0.0, 64.0, 64.0])  # all of it, and a corner
    boxes[0, 1] = torch.tensor([60.0, 62.0, 64.0, 64.0])
    index = torch.arange(12)[None] % 4
    found = at_boxes(mosaic(levels), boxes, index.float(), stride=STRIDE, side=side, ratio=ratio)
    for place, box in enumerate(boxes[0].numpy().astype(np.float64)):
        level = int(index[0, place])
        wanted = slow_roi_align(
            levels[level][0].numpy().astype(np.float64), box, STRIDE * 2**level, side, ratio
        )
        np.testing.assert_allclose(found[0, place].numpy(), wanted, atol=2e-5)


@pytest.mark.skipif(not has_operators(), reason="torchvision's compiled operators are missing")
def test_away_from_the_frame_they_are_those_of_torchvision() -> None:
    from torchvision.ops import roi_align

    levels = pyramid(128, 3)
    boxes = random_boxes(20, 64, 4) * 0.9 + 32
    for index, level in enumerate(levels[:3]):
        where = torch.full((1, 20), float(index))
        found = at_boxes(mosaic(levels), boxes, where, stride=STRIDE, side=7, ratio=2)
        wanted = roi_align(level, [boxes[0]], 7, 1 / (STRIDE * 2**index), 2, aligned=True)
        torch.testing.assert_close(found[0], wanted, atol=2e-5, rtol=0)


def iou(one: Array, other: Array) -> float:
    sides = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    both = float(np.prod(np.clip(sides, 0, None)))
    return both / (float(np.prod(one[2:] - one[:2]) + np.prod(other[2:] - other[:2])) - both)


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7])
@pytest.mark.parametrize("seed", range(4))
def test_boxes_are_suppressed_as_one_after_the_other_would_be(threshold: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    around = random_boxes(12, 60, seed)[:, random.integers(0, 12, 200)]  # what a network proposes
    boxes = around + torch.from_numpy(random.normal(0, 2, (1, 200, 4)).astype(np.float32))
    boxes[..., 2:] = torch.maximum(boxes[..., 2:], boxes[..., :2] + 1)
    groups = torch.from_numpy(random.integers(0, 2, (1, 200)))
    found = kept(boxes, threshold, groups)[0] > 0
    stay: list[int] = []
    for place in range(200):
        if not any(
            groups[0, place] == groups[0, other]
            and iou(boxes[0, place].numpy(), boxes[0, other].numpy()) > threshold
            for other in stay
        ):
            stay.append(place)
    assert np.flatnonzero(found.numpy()).tolist() == stay
    assert 12 < len(stay) < 150


def test_boxes_are_moved_as_torchvision_says_how_they_lie() -> None:
    """To halve, to double, to go on by a quarter of the width; never beyond all numbers."""
    box = torch.tensor([[10.0, 20.0, 18.0, 24.0]])
    deltas = torch.tensor([[0.25, -0.5, math.log(2), math.log(0.5)]])
    wanted = torch.tensor([[16.0 - 8, 20.0 - 1, 16.0 + 8, 20.0 + 1]])
    torch.testing.assert_close(decoded(deltas, box), wanted)
    weights = (10.0, 10.0, 5.0, 5.0)
    torch.testing.assert_close(decoded(deltas * torch.tensor(weights), box, weights), wanted)
    assert torch.isfinite(decoded(torch.full((1, 4), 1e6), box)).all()


def test_the_mask_of_a_box_is_what_the_object_covers_of_it() -> None:
    labels = torch.zeros(12, 16, dtype=torch.int64)
    labels[2:8, 3:9] = 5
    labels[2:4, 3:5] = 7  # another one in its corner
    inside = torch.ones(12, 16, dtype=torch.bool)
    inside[7:] = False
    box = torch.tensor([[3.0, 2.0, 9.0, 8.0]])
    masks, counted = mask_targets(labels, inside, box, torch.tensor([5]), 6)
    np.testing.assert_array_equal(masks[0].numpy(), labels[2:8, 3:9].numpy() == 5)
    np.testing.assert_array_equal(counted[0].numpy(), inside[2:8, 3:9].numpy())
    halves, _ = mask_targets(labels, inside, box + 0.5, torch.tensor([5]), 6)
    assert float(halves[0, 3, 5]) == 0.5  # half a pixel over the edge
    none, _ = mask_targets(labels, inside, box[:0], torch.tensor([], dtype=torch.int64), 6)
    assert none.shape == (0, 6, 6)


@pytest.mark.parametrize("count", [1, 5, 129])
def test_each_pixel_goes_to_the_strongest_mask(count: int) -> None:
    random = torch.Generator().manual_seed(count)
    masks = torch.rand(1, count, 4, 4, generator=random)
    boxes = random_boxes(count, 20, count)
    middles = torch.arange(20) + 0.5
    best, second, which = painted(masks, boxes, middles, middles)
    lain = np.zeros((count, 20, 20))
    for place in range(count):
        framed = np.pad(masks[0, place].numpy(), 1)[None].astype(np.float64)
        left, top, right, bottom = boxes[0, place].tolist()
        for row in range(20):
            for column in range(20):
                y = (row + 0.5 - top) / (bottom - top) * 4 - 0.5
                x = (column + 0.5 - left) / (right - left) * 4 - 0.5
                if -1 < y < 4 and -1 < x < 4:
                    lain[place, row, column] = one_value(framed, y + 1, x + 1)[0]
    ordered = np.sort(np.concatenate([lain, np.zeros((2, 20, 20))]), axis=0)
    np.testing.assert_allclose(best[0].numpy(), ordered[-1], atol=1e-5)
    np.testing.assert_allclose(second[0].numpy(), ordered[-2], atol=1e-5)
    clear = ordered[-1] - ordered[-2] > 1e-4  # else it is anybody's
    np.testing.assert_array_equal(which[0].numpy()[clear], lain.argmax(axis=0)[clear])
