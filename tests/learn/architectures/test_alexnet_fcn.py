"""AlexNet as a fully convolutional network: its size, its shapes, the weights it begins with."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the extra [train] is not installed")

import torch
from torch.nn.functional import interpolate

from cellwright.core.errors import UnreadableError, UsageError
from cellwright.learn.architectures.alexnet_fcn import AlexnetFcn, AlexnetNetwork, Stride


def test_it_is_alexnet_under_its_names_but_for_the_last_layer() -> None:
    """61,100,840 weights has torchvision's AlexNet, the last layer of 1000 classes with them."""
    with torch.device("meta"):
        network = AlexnetNetwork(1, 32, 4096, 0.5)
    own = {**network.features.state_dict(prefix="features."),
           **network.classifier.state_dict(prefix="classifier.")}  # fmt: skip
    assert sum(value.numel() for value in own.values()) + 4096 * 1000 + 1000 == 61_100_840
    places = [f"features.{at}" for at in (0, 3, 6, 8, 10)] + ["classifier.1", "classifier.4"]
    assert list(own) == [f"{place}.{kind}" for place in places for kind in ("weight", "bias")]


@pytest.mark.parametrize("stride", [4, 8, 16, 32])
def test_the_answer_is_as_large_as_the_picture(stride: Stride) -> None:
    architecture = AlexnetFcn(stride=stride, hidden=8)
    network = architecture.untrained().eval()
    assert len(network.head.scores) == {4: 4, 8: 3, 16: 2, 32: 1}[stride]
    assert architecture.multiple == 32
    for shape in ((1, 32, 32), (2, 96, 160)):
        answer = network(torch.zeros(shape[0], 3, *shape[1:]))
        assert answer.shape == (shape[0], 1, *shape[1:])


def test_scaling_up_begins_bilinear() -> None:
    scores = torch.rand(1, 2, 6, 7)
    network = AlexnetNetwork(2, 8, 8, 0.5)
    for up, factor in zip(network.head.up, (2, 2, 8), strict=True):
        wanted = interpolate(scores, scale_factor=factor, mode="bilinear", align_corners=False)
        inner = slice(factor, -factor)  # beyond the frame are zeros, for `interpolate` the rim
        torch.testing.assert_close(up(scores)[..., inner, inner], wanted[..., inner, inner])


def test_it_begins_with_the_weights_of_a_file(tmp_path: Path) -> None:
    features = AlexnetNetwork(1, 4, 8, 0.5).features.state_dict(prefix="features.")
    stored = {
        name: torch.full_like(value, float(at)) for at, (name, value) in enumerate(features.items())
    }
    path = tmp_path / "alexnet.pth"
    torch.save(stored, path)
    network = AlexnetFcn(hidden=8, imagenet=str(path)).network()
    for name, value in stored.items():
        assert torch.equal(network.state_dict()[name], value), name
    # with a classifier as wide as AlexNet's own, its weights are wanted too
    with pytest.raises(UnreadableError, match=r"no weights 'classifier\.1\.weight'"):
        AlexnetFcn(hidden=4096, imagenet=str(path)).network()


def test_without_weights_there_is_no_network_but_one_to_be_filled() -> None:
    with pytest.raises(UsageError, match=r"alexnet-owt-7be5be79\.pth.*imagenet='random'"):
        AlexnetFcn(hidden=8).network()
    names = list(AlexnetFcn(hidden=8).untrained().state_dict())
    assert names == list(AlexnetFcn(hidden=8, imagenet="random").network().state_dict())


def test_there_are_features_at_four_strides() -> None:
    with pytest.raises(UsageError, match="no features at a stride of 2"):
        AlexnetFcn(stride=2)  # type: ignore[arg-type]
