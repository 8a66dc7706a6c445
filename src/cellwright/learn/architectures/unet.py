"""The architecture ``unet``: the plain U-Net, at the picture's own resolution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn
from torch.nn.functional import max_pool2d

from cellwright.core.errors import UsageError
from cellwright.learn.architectures.semantic import Semantic, initialise

__all__ = ["Activation", "PlainUNet", "Unet"]

Activation = Literal["elu", "relu"]
"""Exponential linear units (D.-A. Clevert and others, ICLR 2016), or rectified ones."""


@dataclass(frozen=True, kw_only=True)
class Unet(Semantic):
    """Options of the architecture.

    The options that are preset make the small U-Net that many gave for the Data Science Bowl 2018:
    1,941,105 weights, cross-entropy alone. The first one, of O. Ronneberger, has the widths 64,
    128, 256, 512, 1024, rectified units, and dropout of a half at the two deepest levels only:
    ``Unet(widths=(64, 128, 256, 512, 1024), dropout=(0, 0, 0, 0.5, 0.5), activation="relu")``.

    Attributes
    ----------
    widths
        Channels at the full, a half, a quarter, … of the resolution; two at the least.
    dropout
        Share of the values that are dropped between the two convolutions of a level: one for all,
        or one for each of `widths`.
    activation
        After each convolution.

    Examples
    --------
    >>> Unet(what="border").channels, Unet().multiple
    (('border',), 16)

    References
    ----------
    O. Ronneberger and others, "U-Net", MICCAI 2015.
    """

    name: Literal["unet"] = "unet"
    widths: tuple[int, ...] = (16, 32, 64, 128, 256)
    dropout: float | tuple[float, ...] = 0.1
    activation: Activation = "elu"

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.widths) < 2 or len(self._dropouts) != len(self.widths):
            raise UsageError(
                f"a U-Net of widths {self.widths} cannot have the dropout {self.dropout}",
                remedy="give two widths or more, and one dropout for all or one for each of them",
            )

    @property
    def _dropouts(self) -> tuple[float, ...]:
        if isinstance(self.dropout, tuple):
            return self.dropout
        return (self.dropout,) * len(self.widths)

    @property
    def multiple(self) -> int:
        """Number of pixels of which the sides of the network's input must be multiples."""
        return int(2 ** (len(self.widths) - 1))

    def untrained(self) -> PlainUNet:
        """Make the network, with random weights of torch's generator."""
        return PlainUNet(len(self.channels), self.widths, self._dropouts, self.activation)


class _Convolutions(nn.Sequential):
    """Two convolutions, each with its activation, and dropout between them."""

    def __init__(self, inputs: int, outputs: int, dropout: float, activation: Activation) -> None:
        active = {"elu": nn.ELU, "relu": nn.ReLU}[activation]
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, padding=1),
            active(),
            nn.Dropout(dropout),
            nn.Conv2d(outputs, outputs, 3, padding=1),
            active(),
        )


class PlainUNet(nn.Module):
    """The U-Net: max pooling down, transposed convolutions up, all skips concatenated.

    Convolutions are padded, so that the answer is as large as the picture.

    Parameters
    ----------
    outputs
        Channels of the answer.
    widths
        Channels at the full, a half, a quarter, … of the resolution.
    dropouts
        Shares that are dropped at each of them.
    activation
        After each convolution.

    Examples
    --------
    >>> PlainUNet(1, (4, 8), (0.1, 0.1), "elu")(torch.zeros(1, 3, 32, 48)).shape
    torch.Size([1, 1, 32, 48])

    References
    ----------
    O. Ronneberger and others, "U-Net", MICCAI 2015.
    """

    def __init__(
        self,
        outputs: int,
        widths: Sequence[int],
        dropouts: Sequence[float],
        activation: Activation,
    ) -> None:
        super().__init__()
        self.encoder = nn.ModuleList()
        self.up = nn.ModuleList()
        self.decoder = nn.ModuleList()
        inputs = (3, *widths)
        for before, width, dropout in zip(inputs, widths, dropouts, strict=False):
            self.encoder.append(_Convolutions(before, width, dropout, activation))
        for width, below, dropout in zip(widths, widths[1:], dropouts, strict=False):
            self.up.append(nn.ConvTranspose2d(below, width, 2, 2))
            self.decoder.append(_Convolutions(2 * width, width, dropout, activation))
        self.head = nn.Conv2d(widths[0], outputs, 1)
        initialise(self)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """From (N, 3, Y, X) to (N, outputs, Y, X).

        Y and X are multiples of 2 ** (len(widths) - 1).
        """
        x = self.encoder[0](image)
        levels = [x]
        for encode in self.encoder[1:]:
            x = encode(max_pool2d(x, 2))
            levels.append(x)
        for level in range(len(levels) - 2, -1, -1):
            x = self.decoder[level](torch.cat([self.up[level](x), levels[level]], dim=1))
        answer: torch.Tensor = self.head(x)
        return answer
