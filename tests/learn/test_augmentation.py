"""Each change gives a finite picture of the same shape, the same from the same seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra [train] is not installed")

import torch

from cellwright.learn.augmentation import CHANGES, SMALLEST_SIDE, Change, Scene, augmented
from cellwright.learn.patches import Patch, View, cut
from cellwright.learn.pictures import Picture

EACH = pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)


def patch_of(picture: Picture, side: int, colour: bool = False) -> Patch:
    patch = cut(picture, View(48, 64, 1.0), side)
    if not colour:
        return patch
    stains = torch.tensor([0.9, 0.5, 0.7])[:, None, None]
    return replace(patch, pixels=1 - patch.pixels * stains)


@EACH
@pytest.mark.parametrize("side", [SMALLEST_SIDE, 80])
def test_a_change_keeps_shape_and_labels_and_is_finite(
    pictures: list[Picture], change: Change, side: int
) -> None:
    patch = patch_of(pictures[1], side, colour=change.grey == 0)
    before, labels = patch.pixels.clone(), patch.labels.copy()
    different = 0
    for seed in range(8):
        one, other = (
            change.do(Scene(patch.pixels, patch.labels, np.random.default_rng(seed)))
            for _ in range(2)
        )
        assert one.shape == (3, side, side)
        assert one.dtype == torch.float32
        assert torch.isfinite(one).all()
        assert torch.equal(one, other)
        different += not torch.equal(one, before)
    assert different >= 4  # chance may leave colours where they are
    assert torch.equal(patch.pixels, before)
    np.testing.assert_array_equal(patch.labels, labels)


@EACH
def test_a_change_bears_a_black_patch_without_objects(change: Change) -> None:
    pixels, labels = torch.zeros(3, 64, 64), np.zeros((64, 64), np.int32)
    for seed in range(8):
        assert torch.isfinite(change.do(Scene(pixels, labels, np.random.default_rng(seed)))).all()


def test_grey_patches_stay_grey_but_for_a_tint(pictures: list[Picture]) -> None:
    patch = patch_of(pictures[1], 64)
    for change in CHANGES:
        if change.grey and change.name != "tint":
            found = change.do(Scene(patch.pixels, patch.labels, np.random.default_rng(3)))
            assert torch.allclose(found, found[:1].expand(3, -1, -1), atol=1e-6), change.name


@pytest.mark.parametrize("colour", [False, True])
def test_all_together(pictures: list[Picture], colour: bool) -> None:
    patch = patch_of(pictures[2], 64, colour)
    before = patch.pixels.clone()
    found = [augmented(patch, np.random.default_rng(seed), colour) for seed in range(20)]
    assert torch.equal(found[5], augmented(patch, np.random.default_rng(5), colour))
    for pixels in found:
        assert pixels.shape == (3, 64, 64)
        assert -0.5 <= pixels.min() <= pixels.max() <= 2
    assert len({pixels.numpy().tobytes() for pixels in found}) > 15
    assert torch.equal(patch.pixels, before)


def test_turning_colours_leaves_grey_where_it_is() -> None:
    [hue] = [change for change in CHANGES if change.name == "hue"]
    grey = torch.rand(1, 8, 8).expand(3, -1, -1)
    found = hue.do(Scene(grey, np.zeros((8, 8), np.int32), np.random.default_rng(1)))
    assert torch.allclose(found, grey, atol=1e-6)


def test_a_share_of_the_changes(pictures: list[Picture]) -> None:
    patch = patch_of(pictures[2], 64)

    def changed(share: float) -> float:
        found = [augmented(patch, np.random.default_rng(seed), False, share) for seed in range(80)]
        return float(np.mean([not torch.equal(pixels, patch.pixels) for pixels in found]))

    assert changed(0) == 0
    # a grey patch is left as it is with the product of the shares of what is not done: 0.60, 0.02
    assert 0.25 < changed(0.15) < 0.58
    assert changed(1) > 0.9
