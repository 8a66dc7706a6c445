"""The architecture ``alexnet_fcn``: AlexNet made fully convolutional, its scores scaled up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn
from torch.nn.functional import pad

from cellwright.core.errors import UsageError
from cellwright.learn.architectures.semantic import Semantic, initialise
from cellwright.learn.imagenet import ALEXNET, Standardised, begin

__all__ = ["AlexnetFcn", "AlexnetNetwork", "Stride"]

Stride = Literal[4, 8, 16, 32]
"""Pixels from one place to the next of the finest features that tell of objects."""

_COARSEST = 32
_AFTER = {16: (11, 256), 8: (4, 192), 4: (1, 64)}
"""Of each finer stride: its last layer in `AlexnetNetwork.features`, and its channels."""
_SCORED = 256
"""Channels at the coarsest stride, before the layers that were a classifier."""
_FIELD = 6
"""Side of the square of places that the classifier saw."""
_CLASSIFIER = 4096
"""Channels of AlexNet's own classifier."""


@dataclass(frozen=True, kw_only=True)
class AlexnetFcn(Semantic):
    """Options of the architecture.

    The layers of AlexNet that saw the whole of a picture become convolutions, and give a score of
    each place; scores are scaled up by transposed convolutions that begin bilinear, and scores of
    finer features are added on the way. Each place of the features begins at its corner: what
    the coarse ones tell of is shifted by up to half a stride, which the transposed convolutions
    learn to undo.

    Attributes
    ----------
    stride
        Of the finest features that are scored. The paper's FCN-AlexNet has 32: no skips; objects
        as small as cells need 4.
    hidden
        Channels of the two layers that were a classifier. The paper's network has 4096, in
        54.5 million weights.
    dropout
        Share of the values that are dropped before each of these two.
    imagenet
        Path of the weights of AlexNet with which training begins, in torchvision's format, or
        ``random``. With None there is no network. Of these, the classifier's are used if `hidden`
        is 4096; else these two layers begin at random.

    Examples
    --------
    >>> AlexnetFcn(imagenet="random").multiple
    32

    References
    ----------
    A. Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014 (the
    form of AlexNet that torchvision has); J. Long and others, "Fully convolutional networks for
    semantic segmentation", CVPR 2015.
    """

    name: Literal["alexnet_fcn"] = "alexnet_fcn"
    stride: Stride = 4
    hidden: int = 256
    dropout: float = 0.5
    imagenet: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.stride not in {_COARSEST, *_AFTER}:
            raise UsageError(
                f"AlexNet has no features at a stride of {self.stride}",
                remedy="choose 4, 8, 16 or 32",
            )

    @property
    def multiple(self) -> int:
        """Number of pixels of which the sides of the network's input must be multiples."""
        return _COARSEST

    def untrained(self) -> AlexnetNetwork:
        """Make the network, with random weights of torch's generator."""
        return AlexnetNetwork(len(self.channels), self.stride, self.hidden, self.dropout)

    def network(self) -> AlexnetNetwork:
        """Make the network, with the weights of ImageNet.

        Raises
        ------
        UsageError
            If the file with these weights was not given, or is not there.
        UnreadableError
            If it is not that file.
        """
        network = self.untrained()
        told = ("features", "classifier") if self.hidden == _CLASSIFIER else ("features",)
        names = [name for name in network.state_dict() if name.split(".")[0] in told]
        begin(network, self.imagenet, ALEXNET, names)
        return network


class AlexnetNetwork(nn.Module):
    """AlexNet as a fully convolutional network.

    Convolutions and poolings are padded such that each stride divides the sides evenly. Pixels
    are standardised as those of ImageNet in the network.

    Parameters
    ----------
    outputs
        Channels of the answer.
    stride, hidden, dropout
        See `AlexnetFcn`.

    Attributes
    ----------
    features, classifier
        Numbered as in torchvision, so that weights have the same names.

    Examples
    --------
    >>> AlexnetNetwork(1, 8, 16, 0.5)(torch.zeros(1, 3, 32, 64)).shape
    torch.Size([1, 1, 32, 64])
    """

    def __init__(self, outputs: int, stride: Stride, hidden: int, dropout: float) -> None:
        super().__init__()
        self.standardised = Standardised()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 11, 4, padding=4),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, padding=1),
            nn.Conv2d(64, 192, 5, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, padding=1),
            nn.Conv2d(192, 384, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(384, 256, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(256, _SCORED, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, padding=1),
        )
        self.classifier = nn.Sequential(
            nn.Dropout(dropout),
            nn.Conv2d(_SCORED, hidden, _FIELD),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Conv2d(hidden, hidden, 1),
            nn.ReLU(inplace=True),
        )
        finer = [(layer, width) for at, (layer, width) in _AFTER.items() if at >= stride]
        self.taken = tuple(layer for layer, _ in finer)
        self.head = _Head((hidden, *(width for _, width in finer)), outputs, stride)
        initialise(self)
        self.head.begin()

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """From (N, 3, Y, X) to (N, outputs, Y, X); Y and X are multiples of 32."""
        x = self.standardised(image)
        finer = {}
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in self.taken:
                finer[index] = x
        # the field is even: its middle lies between two places
        before = (_FIELD - 1) // 2
        x = self.classifier(pad(x, (before, _FIELD - 1 - before) * 2))
        answer: torch.Tensor = self.head([x, *(finer[index] for index in self.taken)])
        return answer


class _Head(nn.Module):
    """Score features of several strides, and scale the scores up from one to the next.

    Parameters
    ----------
    widths
        Channels of the features, from the coarsest on; each stride is half of the one before.
    outputs
        Channels of the answer.
    stride
        Of the finest features.
    """

    def __init__(self, widths: Sequence[int], outputs: int, stride: int) -> None:
        super().__init__()
        factors = [2] * (len(widths) - 1) + [stride]
        self.scores = nn.ModuleList(nn.Conv2d(width, outputs, 1) for width in widths)
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(outputs, outputs, 2 * by, by, padding=by // 2, bias=False)
            for by in factors
        )

    def begin(self) -> None:
        """Let the transposed convolutions be bilinear interpolation."""
        for weight in self.up.parameters():
            size = weight.shape[-1]
            slope = 1 - (torch.arange(size) - (size - 1) / 2).abs() / (size // 2)
            with torch.no_grad():
                weight.zero_()
                weight.diagonal().copy_(torch.outer(slope, slope)[..., None])

    def forward(self, features: Sequence[torch.Tensor]) -> torch.Tensor:
        """From features, the coarsest first, to the answer at the picture's resolution."""
        scores = self.scores[0](features[0])
        for finer, score, up in zip(features[1:], self.scores[1:], self.up, strict=False):
            scores = up(scores) + score(finer)
        answer: torch.Tensor = self.up[-1](scores)
        return answer
