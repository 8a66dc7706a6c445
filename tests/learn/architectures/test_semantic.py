"""What semantic architectures share: targets, losses, and that each of them learns."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hn

pytest.importorskip("torch", reason="the extra [train] is not installed")
pytest.importorskip("onnxscript", reason="the extra [train] is not installed")

import torch
from pydantic import TypeAdapter, ValidationError
from torch import nn

from cellwright.core.errors import UsageError
from cellwright.core.image import Array
from cellwright.engine.onnx import Network
from cellwright.learn import losses
from cellwright.learn.architectures.alexnet_fcn import AlexnetFcn
from cellwright.learn.architectures.semantic import Semantic, Sought, borders, signed_distance
from cellwright.learn.architectures.tiramisu import Tiramisu
from cellwright.learn.architectures.unet import Unet
from cellwright.learn.architectures.vgg16_unet import Vgg16Unet
from cellwright.learn.export import folded, norms_file, read_norms, to_onnx, unfolded
from cellwright.learn.losses import LossShares
from cellwright.learn.targets import Truth
from cellwright.segment.decoders import components, walls
from cellwright.simulate.nuclei import simulate_nuclei

ALL = LossShares(bce=1, dice=0.5, focal=2, boundary=0.1, positive=3, gamma=1, alpha=0.4)
SMALL: dict[str, Semantic] = {
    "unet": Unet(widths=(4, 8), dropout=0),
    "tiramisu": Tiramisu(growth=3, first=6, layers=(2,), bottleneck=1, dropout=0),
    "vgg16_unet": Vgg16Unet(widths=(8, 8, 8, 8, 8), imagenet="random"),
    "alexnet_fcn": AlexnetFcn(hidden=16, dropout=0, imagenet="random"),
}
EACH = pytest.mark.parametrize("architecture", SMALL.values(), ids=list(SMALL))


def truth_of(labels: Array) -> Truth:
    return Truth(labels, labels < 0, labels >= 0, np.full(labels.max() + 1, -1, np.int16))


def batch_of(architecture: Semantic, labels: Array) -> dict[str, torch.Tensor]:
    found = architecture.targets(truth_of(labels))
    assert all(array.dtype == np.float32 for array in found.values())
    return {name: torch.from_numpy(array)[None] for name, array in found.items()}


def two_objects() -> Array:
    labels = np.zeros((16, 24), np.int32)
    labels[2:14, 2:10], labels[2:14, 10:20] = 4, 7
    return labels


EACH_SOUGHT = pytest.mark.parametrize("what", get_args(Sought))


@EACH_SOUGHT
def test_the_target_is_what_is_looked_for(what: Sought) -> None:
    architecture = Unet(what=what)
    assert architecture.channels == (("foreground", "border") if what == "both" else (what,))
    wanted = architecture.targets(truth_of(two_objects()))
    assert tuple(wanted) == architecture.channels
    object_ = two_objects() > 0
    border = object_.copy()
    border[4:12, 4:8] = border[4:12, 12:18] = False
    border[[1, 14], 9:11] = True  # ground at the ends of the line, next to both
    for name, mask in {"foreground": object_, "border": border}.items():
        if name in wanted:
            np.testing.assert_array_equal(wanted[name], mask)


@EACH_SOUGHT
def test_there_is_a_decoder_that_takes_the_channels(what: Sought) -> None:
    architecture = Unet(what=what)
    decoders: tuple[Any, ...] = (components.DECODER, walls.DECODER)
    (decoder,) = (one for one in decoders if one.name == architecture.decoder)
    assert all(group & set(architecture.channels) for group in decoder.needs)
    assert set(architecture.channels) <= set(decoder.takes)


def test_borders_follow_the_outline_of_each_object_and_fill_gaps_of_a_pixel() -> None:
    row = np.array([[0, 0, 1, 1, 1, 1, 1, 0, 2, 2, 2, 2, 0, 0, 3, 3]], np.int32)
    assert borders(row, 1)[0].astype(int).tolist() == [
        0,
        0,
        1,
        0,
        0,
        0,
        1,
        1,
        1,
        0,
        0,
        1,
        0,
        0,
        1,
        0,
    ]
    assert borders(row, 3)[0].astype(int).tolist() == [
        0,
        0,
        1,
        1,
        1,
        1,
        1,
        1,
        1,
        1,
        1,
        1,
        0,
        0,
        1,
        1,
    ]
    assert not borders(np.ones((4, 4), np.int32), 2).any()  # the frame is no edge
    assert not borders(np.zeros((4, 4), np.int32), 2).any()


@given(hn.arrays(bool, (6, 5)))
def test_signed_distances_are_those_to_the_nearest_pixel_of_the_other_kind(mask: Array) -> None:
    found = signed_distance(mask)
    assert found.dtype == np.float32
    if mask.all() or not mask.any():
        assert not found.any()
        return
    for place in np.ndindex(mask.shape):
        others = np.argwhere(mask != mask[place])
        nearest = np.hypot(*(others - place).T).min() - 0.5
        assert found[place] == pytest.approx(-nearest if mask[place] else nearest, rel=1e-5)


def test_only_losses_with_a_share_are_computed_and_each_counts_its_share() -> None:
    maps = torch.randn(1, 1, 16, 24, generator=torch.Generator().manual_seed(1))
    inside = torch.ones(1, 16, 24, dtype=torch.bool)
    alone = Unet().loss(maps, batch_of(Unet(), two_objects()), inside)
    assert list(alone) == ["bce"]
    architecture = Unet(shares=ALL)
    wanted = batch_of(architecture, two_objects())
    parts = architecture.loss(maps, wanted, inside)
    there, distances = wanted["foreground"][:, None], wanted["signed_distance"]
    expected = {
        "bce": losses.cross_entropy(maps, there, inside, 3),
        "dice": 0.5 * losses.dice(maps, there, inside),
        "focal": 2 * losses.focal(maps, there, inside, 1, 0.4),
        "boundary": 0.1 * losses.boundary(maps, distances, inside),
    }
    assert {name: float(part) for name, part in parts.items()} == pytest.approx(
        {name: float(part) for name, part in expected.items()}
    )


@EACH_SOUGHT
def test_perfect_maps_are_the_best_and_what_is_outside_costs_nothing(what: Sought) -> None:
    architecture = Unet(what=what, shares=ALL)
    wanted = batch_of(architecture, two_objects())
    inside = torch.ones(1, 16, 24, dtype=torch.bool)
    perfect = torch.stack([wanted[name] for name in architecture.channels], dim=1) * 40 - 20
    best = architecture.loss(perfect, wanted, inside)
    assert float(best["bce"]) < 1e-6
    assert float(best["dice"]) < 1e-4
    assert float(best["focal"]) < 1e-6
    for other in (torch.zeros_like(perfect), -perfect):
        worse = architecture.loss(other, wanted, inside)
        assert all(float(worse[name]) > float(part) for name, part in best.items())
    inside[:, :, 6:] = False
    maps = torch.zeros_like(perfect, requires_grad=True)
    torch.stack(list(architecture.loss(maps, wanted, inside).values())).sum().backward()  # type: ignore[no-untyped-call]
    assert maps.grad is not None
    assert (maps.grad[..., 6:] == 0).all()
    assert (maps.grad[..., :6] != 0).any()


@EACH_SOUGHT
def test_an_empty_patch_and_one_wholly_outside_give_numbers(what: Sought) -> None:
    architecture = Unet(what=what, shares=ALL)
    wanted = batch_of(architecture, np.zeros((16, 24), np.int32))
    maps = torch.randn(1, len(architecture.channels), 16, 24)
    for inside in (torch.ones(1, 16, 24), torch.zeros(1, 16, 24)):
        parts = architecture.loss(maps, wanted, inside.bool())
        assert all(torch.isfinite(part) for part in parts.values())


@EACH
def test_the_network_answers_with_the_channels(architecture: Semantic) -> None:
    network = replace(architecture, what="both").network().eval()
    assert network(torch.zeros(2, 3, 32, 64)).shape == (2, 2, 32, 64)


@EACH
def test_options_survive_their_file(architecture: Semantic) -> None:
    changed = replace(architecture, what="border", border_width=3, shares=ALL)
    adapter: TypeAdapter[Semantic] = TypeAdapter(type(architecture))
    assert adapter.validate_json(adapter.dump_json(changed)) == changed
    assert next(iter(adapter.dump_python(changed))) == "name"
    with pytest.raises(ValidationError, match="have no pixels"):
        adapter.validate_python({"border_width": 0})
    with pytest.raises(ValidationError, match="shares of the losses"):
        adapter.validate_python({"shares": {"bce": 0}})
    with pytest.raises(UsageError):
        replace(architecture, border_width=0)


@EACH
def test_a_few_steps_lower_the_loss(architecture: Semantic) -> None:
    plane, labels = simulate_nuclei((64, 64), n=6, diameter_px=16, seed=3)
    unit = (plane - plane.min()) / np.ptp(plane)
    pixels = torch.from_numpy(unit.astype(np.float32)).expand(1, 3, 64, 64)
    architecture = replace(architecture, shares=LossShares(dice=0.5))
    wanted = batch_of(architecture, labels)
    inside = torch.ones(1, 64, 64, dtype=torch.bool)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        network = architecture.network().train()
    optimiser = torch.optim.Adam(network.parameters(), 1e-3)
    found = []
    for _ in range(8):
        optimiser.zero_grad()
        loss = torch.stack(list(architecture.loss(network(pixels), wanted, inside).values())).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        found.append(float(loss.detach()))
    assert min(found[-2:]) < 0.9 * found[0]


@EACH
def test_onnx_agrees_with_torch_and_leads_back_to_it(architecture: Semantic) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(6)
        network = architecture.network()
        with torch.no_grad():  # as if trained: no two weights are alike
            for weight in network.parameters():
                weight.add_(0.01 * torch.randn_like(weight))
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.weight, 0.5, 1.5)
        for _ in range(2):  # dropout and batch norms are in training, and must not be afterwards
            network.train()(torch.rand(2, 3, 32, 32))
        batch = torch.rand(2, 3, 96, 32) * 2.5 - 0.5
    plain, norms = folded(network)
    weights = to_onnx(plain)
    with torch.no_grad():
        wanted = network.eval()(batch).numpy()
    assert np.abs(wanted).max() > 0.1
    np.testing.assert_allclose(Network(weights).run(batch.numpy()), wanted, atol=1e-4)
    again = architecture.untrained()
    again.load_state_dict(unfolded(again, weights, read_norms(norms_file(norms))))
    for name, value in network.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value, atol=1e-6, rtol=1e-5)
