"""The network: a U-Net that works at half the picture's resolution and answers at full."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.functional import interpolate

__all__ = ["UNet"]

_INPUTS = 4
"""Channels that the stem takes: three of the picture, and the root of their mean."""
_ROOT_OF = 1e-4
"""Added under the root, whose slope is infinite at 0."""
_SHRINKAGE = 2
"""Of the stem, and so the side of the square of pixels that one place of the head answers for."""


class _Convolution(nn.Sequential):
    """Convolution, batch norm and, unless told otherwise, a ReLU."""

    def __init__(
        self, inputs: int, outputs: int, size: int = 3, stride: int = 1, active: bool = True
    ) -> None:
        parts: list[nn.Module] = [
            nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False),
            nn.BatchNorm2d(outputs),
        ]
        super().__init__(*parts, *([nn.ReLU(inplace=True)] if active else []))


class _Residual(nn.Module):
    """Two convolutions that say what is to be added."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _Convolution(channels, channels)
        self.second = _Convolution(channels, channels, active=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x + self.second(self.first(x)))


class UNet(nn.Module):
    """Residual U-Net with a strided stem and sub-pixel output.

    Nothing is computed at the picture's own resolution: the stem halves it, and the head gives
    four numbers for each place, which become four pixels. That makes it four times as fast as
    a U-Net of the same width whose first level has the picture's resolution, and outlines are
    still drawn to the pixel.

    Parameters
    ----------
    outputs
        Channels of the answer.
    widths
        Channels at a half, a quarter, an eighth, … of the resolution.
    depths
        Residual blocks of the encoder at each of them; the decoder has one. As many as `widths`.
    classes
        Further channels of the answer, which a head of their own gives.

    Examples
    --------
    >>> UNet(7, (4, 8), (1, 1))(torch.zeros(1, 3, 32, 48)).shape
    torch.Size([1, 7, 32, 48])

    References
    ----------
    O. Ronneberger and others, "U-Net", MICCAI 2015; K. He and others, "Deep residual learning",
    CVPR 2016; W. Shi and others, sub-pixel convolution, CVPR 2016.
    """

    def __init__(
        self, outputs: int, widths: Sequence[int], depths: Sequence[int], *, classes: int = 0
    ) -> None:
        super().__init__()
        self.stem = _Convolution(_INPUTS, widths[0], 5, _SHRINKAGE)
        self.down = nn.ModuleList()
        self.encoder = nn.ModuleList()
        for level, (width, depth) in enumerate(zip(widths, depths, strict=True)):
            before = _Convolution(widths[level - 1], width, 3, 2) if level else nn.Identity()
            self.down.append(before)
            self.encoder.append(nn.Sequential(*[_Residual(width) for _ in range(depth)]))
        self.up = nn.ModuleList()
        self.decoder = nn.ModuleList()
        for level in range(len(widths) - 1):
            self.up.append(_Convolution(widths[level + 1], widths[level], 1))
            self.decoder.append(_Residual(widths[level]))
        self.head = _head(widths[0], outputs)
        self.class_head = _head(widths[0], classes) if classes else None
        self.pixels = nn.PixelShuffle(_SHRINKAGE)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """From (N, 3, Y, X) to (N, outputs, Y, X); Y and X are multiples of 2 ** len(widths)."""
        # dim objects beside bright ones: a square root brings them nearer
        root = torch.sqrt(image.mean(dim=1, keepdim=True).clamp(0.0) + _ROOT_OF)
        x = self.stem(torch.cat([image, root], dim=1))
        levels = []
        for down, encode in zip(self.down, self.encoder, strict=True):
            x = encode(down(x))
            levels.append(x)
        for level in range(len(levels) - 2, -1, -1):
            x = interpolate(
                self.up[level](x), scale_factor=2.0, mode="bilinear", align_corners=False
            )
            x = self.decoder[level](x + levels[level])
        said = self.head(x)
        if self.class_head is not None:
            said = torch.cat([said, self.class_head(x)], dim=1)
        answer: torch.Tensor = self.pixels(said)
        return answer


def _head(width: int, outputs: int) -> nn.Sequential:
    """What gives the channels of the pixels that one place answers for."""
    return nn.Sequential(_Convolution(width, width), nn.Conv2d(width, _SHRINKAGE**2 * outputs, 1))
