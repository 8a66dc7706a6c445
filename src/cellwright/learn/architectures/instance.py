"""The architecture ``instance``: which pixels are object, and what parts touching ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, smooth_l1_loss

from cellwright.core.image import Array
from cellwright.learn import targets
from cellwright.learn.networks import UNet

__all__ = ["Instance"]

Separation = Literal["distance", "offsets", "rays", "both"]
UNIT = 10.0
"""Pixels that are 1 in the channels that tell lengths."""
RAYS = 32
SIZE_UNIT = 16.0
"""Diameter in pixels whose binary logarithm is 0 in the channel ``size``."""
_RAY_STEP = 2


@dataclass(frozen=True)
class Instance:
    """Options of the architecture.

    Attributes
    ----------
    separation
        What parts touching objects.
    widths, depths
        Of the network; see `UNet`.
    """

    separation: Separation = "both"
    widths: tuple[int, ...] = (24, 48, 96, 160)
    depths: tuple[int, ...] = (1, 1, 2, 2)

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels of the network's answer."""
        parting: dict[Separation, tuple[str, ...]] = {
            "distance": ("boundary", "distance"),
            "offsets": ("row_offset", "column_offset"),
            "rays": ("distance", *(f"ray_{index}" for index in range(RAYS))),
            "both": ("boundary", "distance", "row_offset", "column_offset"),
        }
        return ("foreground", "size", "overlap", *parting[self.separation])

    def network(self) -> UNet:
        """Make the network, with random weights of torch's generator."""
        return UNet(len(self.channels), self.widths, self.depths)

    def targets(self, labels: Array, overlap: Array, inside: Array) -> dict[str, Array]:
        """What is to be said of a patch: arrays (Y, X), or (C, Y, X) of several channels."""
        wanted: dict[str, Array] = {
            "foreground": (labels > 0).astype(np.float32),
            "size": np.log2(np.maximum(targets.sizes(labels, inside), 1) / SIZE_UNIT),
            "overlap": overlap.astype(np.float32),
        }
        if "boundary" in self.channels:
            wanted["boundary"] = targets.boundary(labels).astype(np.float32)
        if "distance" in self.channels:
            wanted["distance"] = targets.distance(labels)
        if "row_offset" in self.channels:
            wanted["offsets"] = targets.centre_offsets(labels, inside) / UNIT
        if self.separation == "rays":
            wanted["rays"] = targets.rays(labels, RAYS, _RAY_STEP) / UNIT
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
        """
        at = {name: index for index, name in enumerate(self.channels)}
        weight = inside.float()
        total = weight.sum().clamp(1)
        foreground = wanted["foreground"]
        on = weight * foreground
        objects = on.sum().clamp(1)

        def mean(values: torch.Tensor, over: torch.Tensor, count: torch.Tensor) -> torch.Tensor:
            return (values * over).sum() / count

        def cross_entropy(name: str, positive: float) -> torch.Tensor:
            values = binary_cross_entropy_with_logits(
                maps[:, at[name]], wanted[name], reduction="none",
                pos_weight=torch.tensor(positive),
            )  # fmt: skip
            return mean(values, weight, total)

        def smooth(found: torch.Tensor, true: torch.Tensor, beta: float) -> torch.Tensor:
            return smooth_l1_loss(found, true, reduction="none", beta=beta)

        probability = torch.sigmoid(maps[:, at["foreground"]]) * weight
        both = (probability * foreground).sum((1, 2))
        either = probability.sum((1, 2)) + on.sum((1, 2))
        dice = 1 - ((2 * both + 20.0) / (either + 20.0)).mean()
        parts = {
            "foreground": cross_entropy("foreground", 1.0),
            "dice": 0.5 * dice,
            "size": 0.2 * mean(smooth(maps[:, at["size"]], wanted["size"], 0.25), on, objects),
            "overlap": 0.3 * cross_entropy("overlap", 3.0),
        }
        if "boundary" in at:
            parts["boundary"] = cross_entropy("boundary", 3.0)
        if "distance" in at:
            values = smooth(maps[:, at["distance"]], wanted["distance"], 0.1)
            parts["distance"] = 2.0 * mean(values, weight * (1 + 2 * foreground), total)
        if "row_offset" in at:
            first = at["row_offset"]
            values = smooth(maps[:, first : first + 2], wanted["offsets"], 0.1).sum(1)
            parts["offsets"] = 0.7 * mean(values, on, objects)
        if self.separation == "rays":
            first, half = at["ray_0"], _RAY_STEP // 2
            found = maps[:, first : first + RAYS, half::_RAY_STEP, half::_RAY_STEP]
            coarse = on[:, half::_RAY_STEP, half::_RAY_STEP]
            # a place deep inside knows more of its outline: as in StarDist
            coarse = coarse * wanted["distance"][:, half::_RAY_STEP, half::_RAY_STEP]
            values = smooth(found, wanted["rays"], 0.1).mean(1)
            parts["rays"] = 1.4 * mean(values, coarse, coarse.sum().clamp(1))
        return parts


Loss = Callable[[torch.Tensor, Mapping[str, torch.Tensor], torch.Tensor], dict[str, torch.Tensor]]
