"""The architecture ``vgg16_unet``: VGG-16 down, a decoder with skips up again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn
from torch.nn.functional import interpolate

from cellwright.core.errors import UsageError
from cellwright.learn.architectures.semantic import Semantic, initialise
from cellwright.learn.imagenet import RANDOM, VGG16, Standardised, begin

__all__ = ["Vgg16Network", "Vgg16Unet"]

_BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
"""Channels of VGG-16's convolutions (Simonyan and Zisserman, 2015, table 1, column D); after each
block the resolution is halved."""


@dataclass(frozen=True, kw_only=True)
class Vgg16Unet(Semantic):
    """Options of the architecture.

    Five blocks of VGG-16, and five that each double the resolution and convolve; what comes out of
    blocks 2, 3 and 4 of the former skips to the latter.

    Attributes
    ----------
    widths
        Channels of the decoder's five blocks, from the coarsest on.
    skips
        Blocks of VGG-16, of 1 to 4, whose output, which is at one half to one sixteenth of the
        resolution, goes to the decoder too.
    imagenet
        Path of the weights of VGG-16 with which training begins, in torchvision's format, or
        ``random``. With None there is no network.
    frozen
        Whether the blocks of VGG-16 keep these weights, and only the decoder is trained.

    Examples
    --------
    >>> Vgg16Unet(imagenet="random").multiple
    32

    References
    ----------
    K. Simonyan and A. Zisserman, "Very deep convolutional networks for large-scale image
    recognition", ICLR 2015; O. Ronneberger and others, "U-Net", MICCAI 2015; H. Noh and others,
    "Learning deconvolution network for semantic segmentation", ICCV 2015 (batch norm in the
    decoder).
    """

    name: Literal["vgg16_unet"] = "vgg16_unet"
    widths: tuple[int, ...] = (512, 256, 128, 64, 32)
    skips: tuple[int, ...] = (2, 3, 4)
    imagenet: str | None = None
    frozen: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.widths) != len(_BLOCKS) or not set(self.skips) <= set(range(1, len(_BLOCKS))):
            raise UsageError(
                f"VGG-16 has no decoder of the widths {self.widths} and the skips {self.skips}",
                remedy=f"give {len(_BLOCKS)} widths, and skips from 1 to {len(_BLOCKS) - 1}",
            )

    @property
    def multiple(self) -> int:
        """Number of pixels of which the sides of the network's input must be multiples."""
        return int(2 ** len(_BLOCKS))

    def untrained(self) -> Vgg16Network:
        """Make the network, with random weights of torch's generator."""
        return Vgg16Network(len(self.channels), self.widths, self.skips, frozen=self.frozen)

    def network(self) -> Vgg16Network:
        """Make the network, its encoder with the weights of ImageNet.

        Raises
        ------
        UsageError
            If the file with these weights was not given, or is not there; or if random weights
            are to be frozen.
        UnreadableError
            If it is not that file.
        """
        if self.frozen and self.imagenet == RANDOM:
            raise UsageError(
                "random weights of VGG-16 would stay random", remedy="train them: frozen=False"
            )
        network = self.untrained()
        names = (f"features.{name}" for name in network.features.state_dict())
        begin(network, self.imagenet, VGG16, names)
        return network


class Vgg16Network(nn.Module):
    """VGG-16 without its classifier, and a decoder.

    Pixels are standardised as those of ImageNet in the network.

    Parameters
    ----------
    outputs
        Channels of the answer.
    widths
        Channels of the decoder's blocks, from the coarsest on.
    skips
        Blocks of VGG-16, from 1, whose output goes to the decoder too.
    frozen
        Whether the blocks of VGG-16 keep their weights in training: they then get no gradients.

    Attributes
    ----------
    features
        Numbered as in torchvision, so that weights have the same names.

    Examples
    --------
    >>> Vgg16Network(1, (4, 4, 4, 4, 4), ())(torch.zeros(1, 3, 32, 64)).shape
    torch.Size([1, 1, 32, 64])
    """

    def __init__(
        self, outputs: int, widths: Sequence[int], skips: Sequence[int], *, frozen: bool = False
    ) -> None:
        super().__init__()
        self.standardised = Standardised()
        self.features = nn.Sequential(*_features())
        self.decoder = nn.ModuleList()
        before = _BLOCKS[-1][-1]
        for level, width in zip(range(len(_BLOCKS) - 1, -1, -1), widths, strict=True):
            skipped = _BLOCKS[level - 1][-1] if level in skips else 0
            self.decoder.append(
                nn.Sequential(
                    nn.Conv2d(before + skipped, width, 3, padding=1, bias=False),
                    nn.BatchNorm2d(width),
                    nn.ReLU(inplace=True),
                )
            )
            before = width
        self.head = nn.Conv2d(before, outputs, 1)
        self.skips, self.frozen = frozenset(skips), frozen
        initialise(self)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """From (N, 3, Y, X) to (N, outputs, Y, X); Y and X are multiples of 32."""
        if self.frozen and self.training:
            with torch.no_grad():
                levels = self._levels(image)
        else:
            levels = self._levels(image)
        x = levels[-1]
        for level, decode in zip(range(len(levels) - 1, -1, -1), self.decoder, strict=True):
            x = interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
            x = decode(torch.cat([x, levels[level - 1]], dim=1) if level in self.skips else x)
        answer: torch.Tensor = self.head(x)
        return answer

    def _levels(self, image: torch.Tensor) -> list[torch.Tensor]:
        """Give what comes out of each block of VGG-16."""
        x = self.standardised(image)
        levels = []
        for part in self.features:
            x = part(x)
            if isinstance(part, nn.MaxPool2d):
                levels.append(x)
        return levels


def _features() -> list[nn.Module]:
    """Give the convolutions of VGG-16, each with a rectifier, and a pooling after each block."""
    parts: list[nn.Module] = []
    before = 3
    for block in _BLOCKS:
        for width in block:
            parts += [nn.Conv2d(before, width, 3, padding=1), nn.ReLU(inplace=True)]
            before = width
        parts.append(nn.MaxPool2d(2))
    return parts
