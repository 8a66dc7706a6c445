"""VGG-16 with a decoder: its size, its shapes, and the weights with which it begins."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the extra [train] is not installed")

import torch

from cellwright.core.errors import UnreadableError, UsageError
from cellwright.learn.architectures.vgg16_unet import Vgg16Network, Vgg16Unet

NARROW = (4, 4, 4, 4, 4)


def test_the_encoder_is_that_of_vgg16_under_its_names() -> None:
    """14,714,688 weights has VGG-16 without its classifier."""
    with torch.device("meta"):
        network = Vgg16Network(1, NARROW, ())
    features = network.features.state_dict()
    assert sum(value.numel() for value in features.values()) == 14_714_688
    places = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)  # in torchvision
    assert list(features) == [f"{at}.{kind}" for at in places for kind in ("weight", "bias")]
    assert features["28.weight"].shape == (512, 512, 3, 3)


@pytest.mark.parametrize(
    ("skips", "inputs"),
    [((2, 3, 4), [512 + 512, 4 + 256, 4 + 128, 4, 4]), ((1,), [512, 4, 4, 4 + 64, 4])],
)
def test_blocks_skip_to_where_the_resolution_is_theirs(
    skips: tuple[int, ...], inputs: list[int]
) -> None:
    architecture = Vgg16Unet(widths=NARROW, skips=skips)
    network = architecture.untrained()
    shapes = [value.shape for value in network.decoder.state_dict().values() if value.ndim > 1]
    assert [shape[1] for shape in shapes] == inputs
    assert architecture.multiple == 32
    assert network.eval()(torch.zeros(1, 3, 32, 96)).shape == (1, 1, 32, 96)


def test_it_begins_with_the_weights_of_a_file(tmp_path: Path) -> None:
    stored = {
        f"features.{name}": torch.full_like(value, float(index))
        for index, (name, value) in enumerate(
            Vgg16Network(1, NARROW, ()).features.state_dict().items()
        )
    }
    path = tmp_path / "vgg16.pth"
    torch.save(stored | {"classifier.6.bias": torch.zeros(1000)}, path)
    network = Vgg16Unet(widths=NARROW, imagenet=str(path)).network()
    for name, value in stored.items():
        assert torch.equal(network.state_dict()[name], value), name
    del stored["features.28.bias"]
    torch.save(stored, path)
    with pytest.raises(UnreadableError, match=r"no weights 'features\.28\.bias'"):
        Vgg16Unet(widths=NARROW, imagenet=str(path)).network()


def test_without_weights_there_is_no_network_but_one_to_be_filled() -> None:
    architecture = Vgg16Unet(widths=NARROW)
    with pytest.raises(UsageError, match=r"vgg16-397923af\.pth.*imagenet='random'"):
        architecture.network()
    names = list(architecture.untrained().state_dict())
    assert names == list(Vgg16Unet(widths=NARROW, imagenet="random").network().state_dict())


def test_a_frozen_encoder_is_not_trained() -> None:
    network = Vgg16Unet(widths=NARROW, frozen=True).untrained()
    network.requires_grad_(True)  # whoever trains it may ask for that
    network(torch.rand(2, 3, 32, 32)).sum().backward()
    trained = {name for name, weight in network.named_parameters() if weight.grad is not None}
    assert trained == {
        name for name, _ in network.named_parameters() if not name.startswith("features.")
    }
    with pytest.raises(UsageError, match="would stay random"):
        Vgg16Unet(frozen=True, imagenet="random").network()


@pytest.mark.parametrize("options", [{"widths": (8, 8)}, {"skips": (0,)}, {"skips": (5,)}])
def test_what_has_no_place_on_vgg16(options: dict[str, tuple[int, ...]]) -> None:
    with pytest.raises(UsageError, match="VGG-16 has no decoder"):
        Vgg16Unet(**options)  # type: ignore[arg-type]
