"""The architecture: its channels, targets and losses."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra [train] is not installed")

import torch

from cellwright.core.image import Array
from cellwright.learn.architectures.instance import RAYS, Instance, Separation
from cellwright.learn.pictures import NO_CLASS
from cellwright.learn.targets import Truth
from cellwright.segment.network_maps import SIZE_UNIT, UNIT

EACH = pytest.mark.parametrize("separation", get_args(Separation))
SHAPE = (32, 32)


def labels() -> Array:
    made = np.zeros(SHAPE, np.int32)
    made[4:20, 4:12] = 3
    made[4:20, 12:20] = 5
    made[26:, 26:] = 8
    return made


def truth_of(labels: Array, overlap: Array, inside: Array, classes: Array | None = None) -> Truth:
    none = np.full(int(labels.max()) + 1, NO_CLASS, np.int16)
    return Truth(labels, overlap, inside, none if classes is None else classes)


def wanted_of(instance: Instance) -> dict[str, torch.Tensor]:
    overlap = np.zeros(SHAPE, bool)
    overlap[10:12, 11:13] = True
    found = instance.targets(truth_of(labels(), overlap, np.ones(SHAPE, bool)))
    return {name: torch.from_numpy(array.astype(np.float32))[None] for name, array in found.items()}


def perfect_maps(instance: Instance, wanted: dict[str, torch.Tensor]) -> torch.Tensor:
    """What a network would answer that knows the targets."""
    maps = []
    for name in instance.channels:
        if name in {"foreground", "boundary", "overlap"}:
            maps.append(wanted[name] * 40 - 20)
        elif name.startswith("ray_"):
            coarse = wanted["rays"][:, int(name[4:])]
            maps.append(coarse.repeat_interleave(2, 1).repeat_interleave(2, 2))
        elif name.endswith("_offset"):
            maps.append(wanted["offsets"][:, name.startswith("column") * 1])
        else:
            maps.append(wanted[name])
    return torch.stack(maps, dim=1)


@EACH
def test_the_network_answers_with_the_channels(separation: Separation) -> None:
    instance = Instance(separation=separation, widths=(4, 8, 8), depths=(1, 1, 1))
    assert instance.multiple == 8
    answer = instance.network()(torch.zeros(2, 3, 24, 40))
    assert answer.shape == (2, len(instance.channels), 24, 40)


@EACH
def test_perfect_maps_cost_next_to_nothing_and_others_much(separation: Separation) -> None:
    instance = Instance(separation=separation)
    wanted = wanted_of(instance)
    inside = torch.ones(1, *SHAPE, dtype=torch.bool)
    perfect = instance.loss(perfect_maps(instance, wanted), wanted, inside)
    blank = instance.loss(torch.zeros(1, len(instance.channels), *SHAPE), wanted, inside)
    assert list(perfect) == list(blank)
    for name, part in perfect.items():
        assert 0 <= float(part) < 1e-3, name
        assert float(blank[name]) > 10 * float(part) + 1e-3, name


@EACH
def test_what_lies_outside_of_the_picture_costs_nothing(separation: Separation) -> None:
    instance = Instance(separation=separation)
    wanted = wanted_of(instance)
    inside = torch.ones(1, *SHAPE, dtype=torch.bool)
    inside[:, :, 8:] = False
    maps = torch.zeros(1, len(instance.channels), *SHAPE, requires_grad=True)
    sum(instance.loss(maps, wanted, inside).values()).backward()  # type: ignore[union-attr]
    assert maps.grad is not None
    assert (maps.grad[..., 8:] == 0).all()
    assert (maps.grad[..., :8] != 0).any()


@EACH
def test_an_empty_patch_and_one_wholly_outside_give_numbers(separation: Separation) -> None:
    instance = Instance(separation=separation)
    empty = np.zeros(SHAPE, np.int32)
    found = instance.targets(truth_of(empty, empty > 0, np.ones(SHAPE, bool)))
    wanted = {name: torch.from_numpy(a.astype(np.float32))[None] for name, a in found.items()}
    maps = torch.randn(1, len(instance.channels), *SHAPE)
    for inside in (torch.ones(1, *SHAPE), torch.zeros(1, *SHAPE)):
        parts = instance.loss(maps, wanted, inside.bool())
        assert all(torch.isfinite(part) for part in parts.values())


def test_targets_are_in_the_units_of_the_channels() -> None:
    wanted = wanted_of(Instance(separation="both"))
    diameter = 2 * np.sqrt(16 * 8 / np.pi)
    assert float(wanted["size"][0, 5, 5]) == pytest.approx(np.log2(diameter / SIZE_UNIT))
    assert wanted["offsets"][0, :, 4, 4].tolist() == pytest.approx([7.5 / UNIT, 3.5 / UNIT])
    rays = wanted_of(Instance(separation="rays"))["rays"]
    assert rays.shape == (1, RAYS, 16, 16)
    assert float(rays[0, 0, 3, 3]) == pytest.approx(4.5 / UNIT)  # from column 7 to the edge at 12


def test_losses_by_hand() -> None:
    """Two pixels, one of them object; logits and regressions all 0."""
    instance = Instance(separation="distance")
    none = np.zeros((1, 2), bool)
    found = instance.targets(truth_of(np.array([[1, 0]]), none, ~none))
    wanted = {name: torch.from_numpy(a.astype(np.float32))[None] for name, a in found.items()}
    parts = instance.loss(torch.zeros(1, 5, 1, 2), wanted, torch.ones(1, 1, 2, dtype=torch.bool))
    half = np.log(2)  # cross-entropy of a probability of one half
    octaves = -np.log2(2 * np.sqrt(1 / np.pi) / SIZE_UNIT)
    assert {name: float(part) for name, part in parts.items()} == pytest.approx(
        {
            "foreground": half,
            "dice": 0.5 * (1 - (2 * 0.5 + 20) / (1 + 1 + 20)),
            "size": 0.2 * (octaves - 0.25 / 2),
            "overlap": 0.3 * half,
            "boundary": half,
            "distance": 2 * (1 - 0.1 / 2) * 3 / 2,
        },
        rel=1e-5,
    )


@pytest.mark.parametrize(
    ("area", "shares"),
    [(64, 1.0), (1024, SIZE_UNIT / (2 * np.sqrt(1024 / np.pi)))],
    ids=["smaller than the unit", "larger"],
)
def test_offsets_count_less_in_objects_larger_than_the_unit(area: int, shares: float) -> None:
    """The same error of one unit in each pixel of an object that fills the patch."""
    instance = Instance(separation="offsets")
    side = int(np.sqrt(area))
    whole = np.ones((side, side), np.int32)
    found = instance.targets(truth_of(whole, whole == 0, whole == 1))
    wanted = {name: torch.from_numpy(a.astype(np.float32))[None] for name, a in found.items()}
    row = instance.channels.index("row_offset")
    maps = torch.zeros(1, len(instance.channels), side, side)
    maps[:, row : row + 2] = wanted["offsets"]
    maps[:, row] += 1.0
    inside = torch.ones(1, side, side, dtype=torch.bool)
    expected = 0.7 * (1 - 0.1 / 2) * shares
    assert float(instance.loss(maps, wanted, inside)["offsets"]) == pytest.approx(expected)


@pytest.mark.parametrize("more", [0.0, 3.0])
def test_offsets_count_more_in_objects_that_touch(more: float) -> None:
    """Of three objects of nine pixels two touch; the error is one unit in one of them."""
    labels = np.zeros((5, 12), np.int32)
    labels[1:4, 1:4], labels[1:4, 4:7], labels[1:4, 9:] = 1, 2, 3
    instance = Instance(separation="offsets", more_touching=more)
    found = instance.targets(truth_of(labels, labels < 0, labels >= 0))
    wanted = {name: torch.from_numpy(a.astype(np.float32))[None] for name, a in found.items()}
    row = instance.channels.index("row_offset")

    def cost(wrong: int) -> float:
        maps = torch.zeros(1, len(instance.channels), *labels.shape)
        maps[:, row : row + 2] = wanted["offsets"]
        maps[:, row] += torch.from_numpy(labels == wrong).float()
        inside = torch.ones(1, *labels.shape, dtype=torch.bool)
        return float(instance.loss(maps, wanted, inside)["offsets"])

    alone = 0.7 * (1 - 0.1 / 2) / 3
    assert cost(3) == pytest.approx(alone)
    assert cost(1) == pytest.approx((1 + more) * alone)
    assert cost(2) == pytest.approx((1 + more) * alone)


def test_classes_are_learnt_where_they_are_known_whatever_the_size_of_an_object() -> None:
    instance = Instance(classes=2, class_weights=(1.0, 3.0), widths=(4, 8), depths=(1, 1))
    assert instance.channels[-2:] == ("class_0", "class_1")
    classes = np.full(9, NO_CLASS, np.int16)
    classes[[3, 8]] = 0, 1  # that of 5 is not known
    found = instance.targets(truth_of(labels(), labels() < 0, labels() >= 0, classes))
    np.testing.assert_array_equal(
        found["class"], classes[labels()] * (labels() > 0) - 1.0 * (labels() == 0)
    )
    wanted = {name: torch.from_numpy(a.astype(np.float32))[None] for name, a in found.items()}
    maps = torch.zeros(1, len(instance.channels), *SHAPE)
    inside = torch.ones(1, *SHAPE, dtype=torch.bool)
    unsure = instance.loss(maps, wanted, inside)["class"]
    assert float(unsure) == pytest.approx(0.5 * np.log(2))
    maps[:, -2] = torch.where(wanted["class"] == 0, 20.0, 0.0)
    maps[:, -1] = torch.where(wanted["class"] == 1, 20.0, 0.0)
    assert float(instance.loss(maps, wanted, inside)["class"]) < 1e-6
    maps[:, -1] = -maps[:, -1]  # all of the second class are wrong
    area = {3: 128, 8: 36}
    second = 3.0 * area[8] / (area[3] + 3.0 * area[8])  # none is larger than the unit of size
    assert float(instance.loss(maps, wanted, inside)["class"]) == pytest.approx(
        0.5 * 20 * second, rel=1e-4
    )
    maps = instance.network()(torch.zeros(1, 3, *SHAPE))
    assert maps.shape[1] == len(instance.channels)
