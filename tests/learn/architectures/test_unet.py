"""The plain U-Net: its size, its shapes, what cannot be one."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="the extra [train] is not installed")

import torch
from pydantic import TypeAdapter
from torch import nn

from cellwright.core.errors import UsageError
from cellwright.learn.architectures.unet import Unet

FULL = Unet(widths=(64, 128, 256, 512, 1024), dropout=(0, 0, 0, 0.5, 0.5), activation="relu")


def size(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


def reckoned(widths: tuple[int, ...]) -> int:
    """Weights and biases: 3 × 3 twice a level, 2 × 2 between levels, 1 × 1 in the end."""
    down = zip((3, *widths), widths, strict=False)
    up = list(zip(widths[1:], widths, strict=False))
    pairs = [*down, *((2 * width, width) for _, width in up)]
    count = sum(9 * a * b + b + 9 * b * b + b for a, b in pairs)
    return count + sum(4 * a * b + b for a, b in up) + widths[0] + 1


def test_the_preset_one_is_as_large_as_the_published_one() -> None:
    """1,941,105 weights have the kernels for the Data Science Bowl 2018 that share this form."""
    assert size(Unet().network()) == 1_941_105 == reckoned(Unet().widths)


def test_the_full_one_is_as_large_as_its_convolutions() -> None:
    assert reckoned(FULL.widths) == 31_031_745
    with torch.device("meta"):
        assert size(FULL.network()) == 31_031_745


@pytest.mark.parametrize("widths", [(4, 6), (4, 6, 8, 10)])
def test_the_answer_is_as_large_as_the_picture(widths: tuple[int, ...]) -> None:
    architecture = Unet(widths=widths)
    side = architecture.multiple
    assert side == 2 ** (len(widths) - 1)
    for shape in ((1, side, side), (2, 3 * side, 5 * side)):
        assert architecture.network()(torch.zeros(shape[0], 3, *shape[1:])).shape == (
            shape[0],
            1,
            *shape[1:],
        )


def test_dropout_and_activation_are_those_of_each_level() -> None:
    def dropouts(architecture: Unet) -> list[float]:
        parts = architecture.network().modules()
        return [part.p for part in parts if isinstance(part, nn.Dropout)]

    assert dropouts(Unet(widths=(4, 6, 8))) == [0.1] * 5
    # down to the deepest level, and in the decoder as on the way down
    assert dropouts(Unet(widths=(4, 6, 8), dropout=(0.0, 0.2, 0.5))) == [0.0, 0.2, 0.5, 0.0, 0.2]
    kinds = {type(part) for part in Unet(widths=(4, 6), activation="relu").network().modules()}
    assert nn.ReLU in kinds
    assert nn.ELU not in kinds


def test_dropouts_of_each_level_survive_their_file() -> None:
    adapter = TypeAdapter(Unet)
    assert adapter.validate_json(adapter.dump_json(FULL)) == FULL


@pytest.mark.parametrize("options", [{"widths": (4,)}, {"dropout": (0.1, 0.2)}])
def test_what_cannot_be_a_u_net(options: dict[str, tuple[float, ...]]) -> None:
    with pytest.raises(UsageError, match="U-Net of widths"):
        Unet(**options)  # type: ignore[arg-type]
