"""What architectures share that tell of each pixel whether it is object, and whether border."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import edt
import numpy as np
import torch
from torch import nn

from cellwright.core.errors import UsageError
from cellwright.core.image import Array
from cellwright.learn import losses, targets
from cellwright.learn.losses import LossShares
from cellwright.learn.presets import Presets
from cellwright.learn.targets import Truth

__all__ = ["Semantic", "Sought", "borders", "initialise", "signed_distance"]

Sought = Literal["foreground", "border", "both"]
"""What is looked for: the pixels of objects, those of the lines around and between them, or
both, in a channel each."""

_DISTANCES = "signed_distance"
"""Name of the target that only the boundary loss asks for."""


@dataclass(frozen=True, kw_only=True)
class Semantic(ABC):
    """Options of every semantic architecture.

    Attributes
    ----------
    name
        Of the architecture.
    what
        What is looked for.
    border_width
        Of a border, in pixels of each of the objects that it parts; see `borders`.
    shares
        What is trained on.
    """

    name: str
    what: Sought = "foreground"
    border_width: int = 2
    shares: LossShares = LossShares()

    presets: ClassVar[Presets] = Presets(
        settings={"optimiser": "adam", "learning_rate": 1e-3},
        sampling={"jitter": 0.2, "wild": 0.0, "overlaid": 0.0},
    )

    def __post_init__(self) -> None:
        if self.border_width < 1:
            raise UsageError(
                f"borders of {self.border_width} px have no pixels",
                remedy="give a border_width of 1 or more",
            )

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels of the network's answer."""
        return ("foreground", "border") if self.what == "both" else (self.what,)

    @property
    def decoder(self) -> str:
        """What makes objects of the maps."""
        return "components" if self.what == "foreground" else "walls"

    @property
    @abstractmethod
    def multiple(self) -> int:
        """Number of pixels of which the sides of the network's input must be multiples."""

    @abstractmethod
    def untrained(self) -> nn.Module:
        """Make the network with random weights, to be filled from a checkpoint or a model."""

    def network(self) -> nn.Module:
        """Make the network as training begins with it.

        Returns
        -------
        nn.Module
            From (N, 3, Y, X) float32 to logits (N, C, Y, X) float32.
        """
        return self.untrained()

    def targets(self, truth: Truth) -> dict[str, Array]:
        """What is to be said of a patch.

        Parameters
        ----------
        truth
            Of the patch. Only the labels are asked; pixels beyond the picture have targets too,
            which the loss leaves out.

        Returns
        -------
        dict
            Arrays (Y, X) float32 by channel, and what the boundary loss needs, if it has a share:
            (C, Y, X) float32.
        """
        masks = [
            truth.labels > 0 if name == "foreground" else borders(truth.labels, self.border_width)
            for name in self.channels
        ]
        wanted: dict[str, Array] = {
            name: mask.astype(np.float32) for name, mask in zip(self.channels, masks, strict=True)
        }
        if self.shares.boundary:
            wanted[_DISTANCES] = np.stack([signed_distance(mask) for mask in masks])
        return wanted

    def loss(
        self, maps: torch.Tensor, wanted: Mapping[str, torch.Tensor], inside: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """Parts of the loss; what is trained on is their sum.

        Parameters
        ----------
        maps
            (N, C, Y, X), the network's answer.
        wanted
            From `targets`, each with a first axis N.
        inside
            (N, Y, X) bool: pixels that count.

        Returns
        -------
        dict
            By name, each a number; only those that have a share.
        """
        shares = self.shares
        there = torch.stack([wanted[name] for name in self.channels], dim=1)
        parts: dict[str, torch.Tensor] = {}
        if shares.bce:
            parts["bce"] = shares.bce * losses.cross_entropy(maps, there, inside, shares.positive)
        if shares.dice:
            parts["dice"] = shares.dice * losses.dice(maps, there, inside)
        if shares.focal:
            value = losses.focal(maps, there, inside, shares.gamma, shares.alpha)
            parts["focal"] = shares.focal * value
        if shares.boundary:
            value = losses.boundary(maps, wanted[_DISTANCES], inside)
            parts["boundary"] = shares.boundary * value
        return parts


def borders(labels: Array, width: int) -> Array:
    """Rims of all objects, and pixels of ground next to two of them: gaps one pixel wide.

    Parameters
    ----------
    labels
        (Y, X) int32.
    width
        Of a rim, in pixels: those of an object whose distance to the nearest pixel outside of it,
        from middle to middle, is no more. The frame is no edge. Where objects touch, the line is
        twice as wide, one half on each side.

    Returns
    -------
    Array
        (Y, X) bool.

    Examples
    --------
    >>> borders(np.array([[0, 0, 1, 1, 1, 1, 1, 0, 2, 2, 2, 2]], np.int32), 2)[0].astype(int)
    array([0, 0, 1, 1, 0, 1, 1, 1, 1, 1, 0, 0])
    """
    far = edt.edt(np.ascontiguousarray(labels), black_border=False, parallel=1)
    rims = (labels > 0) & (far <= width)
    # without the gap, two lines with a strip of ground between them would be wanted there
    found: Array = rims | (targets.boundary(labels) & (labels == 0))
    return found


def signed_distance(mask: Array) -> Array:
    """Distance to the edge of a mask: above 0 outside, below 0 in it.

    Edges run between pixels: the pixels on both sides have the distances 0.5 and -0.5.

    Parameters
    ----------
    mask
        (Y, X) bool.

    Returns
    -------
    Array
        (Y, X) float32, in pixels; 0 all over if the mask is empty or full.

    Examples
    --------
    >>> signed_distance(np.array([[False, False, True, True, True]]))
    array([[ 1.5,  0.5, -0.5, -1.5, -2.5]], dtype=float32)
    """
    if mask.all() or not mask.any():
        return np.zeros(mask.shape, np.float32)
    # the frame is no edge
    outside = edt.edt(~mask, black_border=False, parallel=1)
    within = edt.edt(mask, black_border=False, parallel=1)
    found: Array = np.where(mask, 0.5 - within, outside - 0.5)
    return found.astype(np.float32)


def initialise(network: nn.Module) -> None:
    """Give random weights with which signals neither grow nor fade on their way through.

    Convolutions that a rectifier follows get He's normal weights; transposed ones Glorot's uniform
    weights; biases become 0.

    Parameters
    ----------
    network
        Changed in place; batch norms are left as they are.

    References
    ----------
    K. He and others, "Delving deep into rectifiers", ICCV 2015; X. Glorot and Y. Bengio,
    "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        elif isinstance(module, nn.ConvTranspose2d):
            nn.init.xavier_uniform_(module.weight)
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)
