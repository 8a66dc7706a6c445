"""Weights of networks that were trained on ImageNet, read from a file that a person has got."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import nn

from cellwright.core.errors import UnreadableError, UsageError

__all__ = [
    "ALEXNET", "RANDOM", "RESNET18", "RESNET50", "VGG16", "Published", "Standardised", "begin",
]  # fmt: skip

RANDOM = "random"
"""Instead of a file's path: no such weights are wanted."""

_MEAN = (0.485, 0.456, 0.406)
_SPREAD = (0.229, 0.224, 0.225)
"""Of ImageNet's red, green and blue, from 0 to 1: with these torchvision's networks were trained
(https://docs.pytorch.org/vision/stable/models.html)."""

_FAILURES = (
    OSError, RuntimeError, ValueError, LookupError, TypeError, AttributeError, AssertionError,
    EOFError, struct.error, UnpicklingError,
)  # fmt: skip
"""What torch raises at files that are not its own, depending on where it stumbles."""


@dataclass(frozen=True)
class Published:
    """Weights that torchvision's makers give away.

    Attributes
    ----------
    title
        Name of the network.
    url
        Of the file.
    megabytes
        Its size.
    """

    title: str
    url: str
    megabytes: int

    @property
    def remedy(self) -> str:
        """What a person can do who has no such file."""
        return (
            f"download {self.url} ({self.megabytes} MB) and give the file's path as the "
            f"architecture's option `imagenet`, or train from random weights: imagenet={RANDOM!r}"
        )


VGG16 = Published("VGG-16", "https://download.pytorch.org/models/vgg16-397923af.pth", 528)
ALEXNET = Published("AlexNet", "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth", 233)
RESNET18 = Published("ResNet-18", "https://download.pytorch.org/models/resnet18-f37072fd.pth", 45)
RESNET50 = Published("ResNet-50", "https://download.pytorch.org/models/resnet50-11ad3fa6.pth", 98)


class Standardised(nn.Module):
    """Shift and stretch pixels between 0 and 1 as those of ImageNet are for training.

    The numbers are no weights: they stand in no state dict.

    Examples
    --------
    >>> Standardised()(torch.tensor([0.485, 0.456, 0.406]).reshape(1, 3, 1, 1)).flatten()
    tensor([0., 0., 0.])
    """

    mean: torch.Tensor
    spread: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        for name, values in {"mean": _MEAN, "spread": _SPREAD}.items():
            self.register_buffer(name, torch.tensor(values).reshape(3, 1, 1), persistent=False)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """From (N, 3, Y, X) to the same shape."""
        return (image - self.mean) / self.spread


def begin(
    network: nn.Module, imagenet: str | None, published: Published, names: Iterable[str]
) -> None:
    """Put weights of ImageNet into a network with which a training begins.

    Parameters
    ----------
    network
        With random weights; changed in place.
    imagenet
        Path of a file of torchvision's, or ``random`` if the random weights are to stay.
    published
        Which file is expected.
    names
        Of the weights that are replaced, alike in the network and in the file. A weight that the
        file has as a matrix for a flattened picture becomes a convolution as large as that.

    Raises
    ------
    UsageError
        If `imagenet` is None, or there is no such file: it must be got, or done without.
    UnreadableError
        If the file is broken, or does not hold these weights in these shapes; the network is left
        as it was.
    """
    if imagenet == RANDOM:
        return
    if imagenet is None:
        raise UsageError(
            f"this architecture begins with the weights of {published.title} from ImageNet, and "
            "they are not part of this program",
            where="imagenet",
            remedy=published.remedy,
        )
    stored = _read(Path(imagenet), published)
    own = network.state_dict()
    fitting = {name: _fitting(stored, name, own[name], imagenet, published) for name in names}
    network.load_state_dict(own | fitting)


def _read(path: Path, published: Published) -> Mapping[str, Any]:
    """Read a file of tensors by name; nothing in it is run."""
    if not path.is_file():
        raise UsageError(
            f"there is no file with weights of {published.title} from ImageNet",
            where=str(path),
            remedy=published.remedy,
        )
    try:
        content = torch.load(path, weights_only=True, map_location="cpu")
    except _FAILURES as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise _unusable(f"it cannot be read ({first})", str(path), published) from error
    if not isinstance(content, Mapping):
        raise _unusable("it holds no tensors by name", str(path), published)
    return content


def _fitting(
    stored: Mapping[str, Any], name: str, like: torch.Tensor, where: str, published: Published
) -> torch.Tensor:
    """Take a stored tensor in the shape of the network's own."""
    wanted = tuple(like.shape)
    flat = (wanted[0], math.prod(wanted[1:]))
    found = stored.get(name)
    if not isinstance(found, torch.Tensor) or not found.is_floating_point():
        raise _unusable(f"it has no weights {name!r}", where, published)
    if tuple(found.shape) not in {wanted, flat}:
        raise _unusable(f"its {name!r} is {tuple(found.shape)}, not {wanted}", where, published)
    return found.reshape(wanted).to(like.dtype)


def _unusable(what: str, where: str, published: Published) -> UnreadableError:
    return UnreadableError(
        f"this is no file with weights of {published.title} from ImageNet: {what}",
        where=where,
        remedy=published.remedy,
    )
