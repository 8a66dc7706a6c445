"""What can be trained by name: the protocol of an architecture, and all that there are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Protocol

import torch
from pydantic import ConfigDict, Discriminator, Tag, TypeAdapter, ValidationError
from torch import nn

from cellwright.core.errors import UsageError
from cellwright.core.image import Array
from cellwright.learn.architectures.alexnet_fcn import AlexnetFcn
from cellwright.learn.architectures.instance import Instance
from cellwright.learn.architectures.maskrcnn import MaskRcnn
from cellwright.learn.architectures.tiramisu import Tiramisu
from cellwright.learn.architectures.unet import Unet
from cellwright.learn.architectures.vgg16_unet import Vgg16Unet
from cellwright.learn.presets import Presets
from cellwright.learn.targets import Truth

__all__ = ["Architecture", "Known", "architecture_of", "architectures"]


class Architecture(Protocol):
    """Options of an architecture: a frozen dataclass, whose fields a model file holds."""

    @property
    def name(self) -> str:
        """As in ``--architecture`` and in model files."""
        ...

    @property
    def decoder(self) -> str:
        """Name of the decoder that makes objects of its maps."""
        ...

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels of the network's answer."""
        ...

    @property
    def multiple(self) -> int:
        """Number of pixels of which the sides of the network's input must be multiples."""
        ...

    @property
    def presets(self) -> Presets:
        """How it is best trained and asked."""
        ...

    def network(self) -> nn.Module:
        """Make the network as training begins with it, with weights of torch's generator."""
        ...

    def untrained(self) -> nn.Module:
        """Make the network with any weights, to be filled from a checkpoint or a model file."""
        ...

    def targets(self, truth: Truth) -> dict[str, Array]:
        """What is to be said of a patch.

        Returns
        -------
        dict
            Arrays (Y, X), or (C, Y, X) of several channels.
        """
        ...

    def loss(
        self, maps: Any, wanted: Mapping[str, torch.Tensor], inside: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """Parts of the loss; what is trained on is their sum.

        Parameters
        ----------
        maps
            (N, C, Y, X), the network's answer; or what else it answers while it is trained. What
            chance there is in the loss comes from torch's generator.
        wanted
            From `targets`, each with a first axis N.
        inside
            (N, Y, X) bool: pixels that count.

        Returns
        -------
        dict
            By name, each a number.
        """
        ...


_ALL: tuple[type[Any], ...] = (Instance, Unet, Vgg16Unet, Tiramisu, AlexnetFcn, MaskRcnn)


def _name_in(value: Any) -> str:
    """Name of an architecture in a stored file or an object; the first runs had no name."""
    name = value.get("name", "instance") if isinstance(value, dict) else value.name
    return str(name)


Known = Annotated[
    Annotated[Instance, Tag("instance")]
    | Annotated[Unet, Tag("unet")]
    | Annotated[Vgg16Unet, Tag("vgg16_unet")]
    | Annotated[Tiramisu, Tag("tiramisu")]
    | Annotated[AlexnetFcn, Tag("alexnet_fcn")]
    | Annotated[MaskRcnn, Tag("maskrcnn")],
    Discriminator(_name_in),
]
"""All architectures, told apart by their names."""


def architectures() -> dict[str, type[Any]]:
    """Types of all of them by name."""
    return {one.name: one for one in _ALL}


def architecture_of(name: str, options: Mapping[str, Any]) -> Architecture:
    """Make an architecture of its name and options, as a model file or a person gives them.

    Raises
    ------
    UsageError
        If there is none of this name, or it has not these options.
    """
    if name not in architectures():
        raise UsageError(
            f"there is no architecture {name!r}", remedy="choose " + ", ".join(architectures())
        )
    try:
        found: Architecture = _KNOWN.validate_python({**options, "name": name})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"][1:])
        raise UsageError(
            f"{place}: {first['msg']}".removeprefix(": "), where=f"architecture {name}"
        ) from error
    return found


_KNOWN: TypeAdapter[Any] = TypeAdapter(Known, config=ConfigDict(extra="forbid"))
