"""The architecture ``tiramisu``: densely connected convolutions down and up again, FC-DenseNet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from cellwright.core.errors import UsageError
from cellwright.learn.architectures.semantic import Semantic, initialise

__all__ = ["FCDenseNet", "Tiramisu"]


@dataclass(frozen=True, kw_only=True)
class Tiramisu(Semantic):
    """Options of the architecture.

    The options that are preset make FC-DenseNet103: 9.4 million numbers, if the means and variances
    of its batch norms are counted, as in the paper. Its FC-DenseNet67, of 3.5 million, is
    ``Tiramisu(layers=(5, 5, 5, 5, 5), bottleneck=5)``; its FC-DenseNet56, of 1.4 million, is
    ``Tiramisu(growth=12, layers=(4, 4, 4, 4, 4), bottleneck=4)``.

    Attributes
    ----------
    growth
        Channels that each layer adds.
    first
        Channels of the convolution before the first block.
    layers
        Of the blocks on the way down, from the full resolution on; the blocks on the way up have
        as many, from the coarsest on.
    bottleneck
        Layers of the block at the coarsest resolution.
    dropout
        Share of the values that are dropped after each layer's convolution.

    Examples
    --------
    >>> Tiramisu().multiple
    32

    References
    ----------
    S. Jégou and others, "The one hundred layers tiramisu: fully convolutional DenseNets for
    semantic segmentation", CVPR workshops 2017.
    """

    name: Literal["tiramisu"] = "tiramisu"
    growth: int = 16
    first: int = 48
    layers: tuple[int, ...] = (4, 5, 7, 10, 12)
    bottleneck: int = 15
    dropout: float = 0.2

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.growth, self.first, self.bottleneck, *self.layers, len(self.layers)) < 1:
            raise UsageError(
                f"there is nothing in a tiramisu of the layers {self.layers}, bottleneck "
                f"{self.bottleneck}, growth {self.growth} and {self.first} channels before them",
                remedy="give a number of 1 or more for each of them",
            )

    @property
    def multiple(self) -> int:
        """Number of pixels of which the sides of the network's input must be multiples."""
        return int(2 ** len(self.layers))

    def untrained(self) -> FCDenseNet:
        """Make the network, with random weights of torch's generator."""
        return FCDenseNet(
            len(self.channels),
            growth=self.growth,
            first=self.first,
            layers=self.layers,
            bottleneck=self.bottleneck,
            dropout=self.dropout,
        )


class _Layer(nn.Sequential):
    """Batch norm, rectifier, convolution, dropout: in this order, which is DenseNet's."""

    def __init__(self, inputs: int, outputs: int, size: int, dropout: float) -> None:
        super().__init__(
            nn.BatchNorm2d(inputs),
            nn.ReLU(inplace=True),
            nn.Conv2d(inputs, outputs, size, padding=size // 2),
            nn.Dropout(dropout),
        )


class _Dense(nn.Module):
    """Layers, each of which sees what came into the block and what all before it have made."""

    def __init__(self, inputs: int, growth: int, count: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            _Layer(inputs + index * growth, growth, 3, dropout) for index in range(count)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From (N, inputs, Y, X) to what the layers have made: (N, count * growth, Y, X)."""
        made: list[torch.Tensor] = []
        for layer in self.layers:
            made.append(layer(torch.cat([x, *made], dim=1)))
        return torch.cat(made, dim=1)


class FCDenseNet(nn.Module):
    """Dense blocks down and up again; on the way up only what a block has made is handed on.

    Parameters
    ----------
    outputs
        Channels of the answer.
    growth, first, layers, bottleneck, dropout
        See `Tiramisu`.

    Examples
    --------
    >>> network = FCDenseNet(1, growth=4, first=8, layers=(2, 2), bottleneck=2, dropout=0.2)
    >>> network(torch.zeros(1, 3, 32, 48)).shape
    torch.Size([1, 1, 32, 48])

    References
    ----------
    S. Jégou and others, "The one hundred layers tiramisu", CVPR workshops 2017, tables 1 and 2.
    """

    def __init__(
        self,
        outputs: int,
        *,
        growth: int,
        first: int,
        layers: Sequence[int],
        bottleneck: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, first, 3, padding=1)
        self.encoder = nn.ModuleList()
        self.down = nn.ModuleList()
        self.up = nn.ModuleList()
        self.decoder = nn.ModuleList()
        width, skips = first, []
        for count in layers:
            self.encoder.append(_Dense(width, growth, count, dropout))
            width += count * growth
            skips.append(width)
            self.down.append(nn.Sequential(_Layer(width, width, 1, dropout), nn.MaxPool2d(2)))
        self.bottleneck = _Dense(width, growth, bottleneck, dropout)
        made = bottleneck * growth
        for count, skip in zip(reversed(layers), reversed(skips), strict=True):
            self.up.append(nn.ConvTranspose2d(made, made, 3, 2, padding=1, output_padding=1))
            self.decoder.append(_Dense(made + skip, growth, count, dropout))
            width, made = made + skip, count * growth
        self.head = nn.Conv2d(width + made, outputs, 1)
        initialise(self)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """From (N, 3, Y, X) to (N, outputs, Y, X); Y and X are multiples of 2 ** len(layers)."""
        x = self.stem(image)
        levels = []
        for encode, down in zip(self.encoder, self.down, strict=True):
            x = torch.cat([x, encode(x)], dim=1)
            levels.append(x)
            x = down(x)
        made = self.bottleneck(x)
        for up, decode in zip(self.up, self.decoder, strict=True):
            x = torch.cat([up(made), levels.pop()], dim=1)
            made = decode(x)
        answer: torch.Tensor = self.head(torch.cat([x, made], dim=1))
        return answer
