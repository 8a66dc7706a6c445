"""FC-DenseNet: its size, its shapes, what cannot be one."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="the extra [train] is not installed")

import torch
from torch import nn

from cellwright.core.errors import UsageError
from cellwright.learn.architectures.tiramisu import FCDenseNet, Tiramisu


@pytest.mark.parametrize(
    ("name", "growth", "layers", "bottleneck", "millions"),
    [("103", 16, (4, 5, 7, 10, 12), 15, 9.4), ("67", 16, (5, 5, 5, 5, 5), 5, 3.5)],
)
def test_it_is_as_large_and_as_deep_as_published(
    name: str, growth: int, layers: tuple[int, ...], bottleneck: int, millions: float
) -> None:
    """Table 3 of the paper, for the eleven classes of CamVid; means and variances counted."""
    with torch.device("meta"):
        network = FCDenseNet(
            11, growth=growth, first=48, layers=layers, bottleneck=bottleneck, dropout=0.2
        )
    numbers = sum(
        value.numel() for value in network.state_dict().values() if value.is_floating_point()
    )
    assert numbers / 1e6 == pytest.approx(millions, abs=0.05)
    convolutions = (nn.Conv2d, nn.ConvTranspose2d)
    assert sum(isinstance(part, convolutions) for part in network.modules()) == int(name)


def test_the_preset_one_has_103_layers() -> None:
    with torch.device("meta"):
        network = Tiramisu().network()
    convolutions = (nn.Conv2d, nn.ConvTranspose2d)
    assert sum(isinstance(part, convolutions) for part in network.modules()) == 103
    assert network.state_dict()["head.weight"].shape[1] == 256  # table 2 of the paper


@pytest.mark.parametrize("layers", [(1,), (2, 1, 3)])
def test_the_answer_is_as_large_as_the_picture(layers: tuple[int, ...]) -> None:
    architecture = Tiramisu(growth=3, first=5, layers=layers, bottleneck=2)
    side = architecture.multiple
    assert side == 2 ** len(layers)
    answer = architecture.network()(torch.zeros(2, 3, 3 * side, 5 * side))
    assert answer.shape == (2, 1, 3 * side, 5 * side)


@pytest.mark.parametrize("options", [{"layers": ()}, {"growth": 0}, {"layers": (4, 0)}])
def test_what_cannot_be_a_tiramisu(options: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="there is nothing in a tiramisu"):
        Tiramisu(**options)  # type: ignore[arg-type]
