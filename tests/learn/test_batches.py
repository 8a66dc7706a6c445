"""A batch is a function of seed and step; overlaid patches know where nuclei overlap."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("torch", reason="the extra [train] is not installed")

import torch

from cellwright.core.image import Array
from cellwright.learn.architectures.instance import Instance
from cellwright.learn.batches import Batch, Batches, Sampling, overlaid, weights_of
from cellwright.learn.patches import Patch
from cellwright.learn.pictures import NO_CLASS, Picture

ARCHITECTURE = Instance(widths=(4, 8), depths=(1, 1))
SAMPLING = Sampling(side=32, count=3)


def drawn(pictures: list[Picture], seed: int, step: int, sampling: Sampling = SAMPLING) -> Batch:
    return Batches(pictures, ARCHITECTURE, sampling, seed)(step)


def same(one: Batch, other: Batch) -> bool:
    return (
        torch.equal(one.pixels, other.pixels)
        and torch.equal(one.inside, other.inside)
        and all(torch.equal(one.wanted[name], other.wanted[name]) for name in one.wanted)
    )


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(0, 2**31), st.integers(0, 10**6), st.integers(1, 9))
def test_the_same_seed_and_step_give_the_same_batch_and_others_another(
    pictures: list[Picture], seed: int, step: int, more: int
) -> None:
    batch = drawn(pictures, seed, step)
    assert same(batch, drawn(pictures, seed, step))
    assert not same(batch, drawn(pictures, seed, step + more))
    assert not same(batch, drawn(pictures, seed + more, step))
    assert batch.pixels.shape == (3, 3, 32, 32)
    assert batch.pixels.dtype == torch.float32
    assert torch.isfinite(batch.pixels).all()
    assert {name: tuple(wanted.shape) for name, wanted in batch.wanted.items()} == {
        "foreground": (3, 32, 32),
        "size": (3, 32, 32),
        "overlap": (3, 32, 32),
        "offsets": (3, 2, 32, 32),
        "touching": (3, 32, 32),
    }


def test_a_sample_does_not_depend_on_how_many_there_are(pictures: list[Picture]) -> None:
    few = drawn(pictures, 1, 5)
    more = drawn(pictures, 1, 5, replace(SAMPLING, count=5))
    assert torch.equal(more.pixels[:3], few.pixels)


def test_objects_have_the_wanted_size_within_the_bounds(pictures: list[Picture]) -> None:
    exact = replace(SAMPLING, side=96, count=6, diameter=24.0, jitter=0, wild=0, overlaid=0)
    batch = drawn(pictures, 1, 0, exact)
    on = batch.wanted["foreground"] > 0
    octaves = batch.wanted["size"][on].median()
    assert 16 * 2 ** float(octaves) == pytest.approx(24, rel=0.15)
    small = replace(exact, wildest=(4.0, 12.0))
    octaves = drawn(pictures, 1, 0, small).wanted["size"][on].median()
    small_batch = drawn(pictures, 1, 0, small)
    octaves = small_batch.wanted["size"][small_batch.wanted["foreground"] > 0].median()
    assert 16 * 2 ** float(octaves) == pytest.approx(12, rel=0.15)


@pytest.mark.parametrize(
    ("balance", "wanted"), [(0, [1 / 4] * 4), (1, [1 / 2, 1 / 6, 1 / 6, 1 / 6])]
)
def test_weights_of_kinds(pictures: list[Picture], balance: float, wanted: list[float]) -> None:
    np.testing.assert_allclose(weights_of(pictures, balance), wanted)


def patch_of(labels: Array, light: float) -> Patch:
    pixels = torch.from_numpy((labels > 0).astype(np.float32) * light).expand(3, -1, -1)
    classes = np.full(int(labels.max()) + 1, NO_CLASS, np.int16)
    return Patch(pixels, labels, classes, torch.ones(labels.shape, dtype=torch.bool))


def test_where_nuclei_overlap_is_marked_and_goes_to_the_deeper() -> None:
    one, other = np.zeros((2, 12, 24), np.int32)
    one[2:9, 1:10] = 4  # 7 × 9: its middle column is column 5
    one[2:9, 14:20] = 6
    other[2:9, 7:12] = 1  # 7 × 5: its middle column is column 9
    first, second = patch_of(one, 0.5), patch_of(other, 0.3)
    second.inside[0] = False
    patch, overlap = overlaid(first, second)
    both = np.zeros(one.shape, bool)
    both[2:9, 7:10] = True
    np.testing.assert_array_equal(overlap, both)
    # in the middle row: 4 is 3, 2, 1 of its 4 deep in columns 7 to 9; the other 1, 2, 3 of its 3
    assert patch.labels[5].tolist() == [0, *[4] * 7, *[7] * 4, 0, 0, *[6] * 6, 0, 0, 0, 0]
    assert set(np.unique(patch.labels)) == {0, 4, 6, 7}
    np.testing.assert_allclose(patch.pixels[0].numpy(), (one > 0) * 0.5 + (other > 0) * 0.3)
    assert not patch.inside[0].any()
    assert patch.inside[1:].all()


def test_bright_patches_are_overlaid_and_others_never(pictures: list[Picture]) -> None:
    always = replace(SAMPLING, side=64, overlaid=1.0)
    assert drawn(pictures, 1, 0, always).wanted["overlap"].any()
    dark = [replace(picture, is_bright=False) for picture in pictures]
    assert not drawn(dark, 1, 0, always).wanted["overlap"].any()
