"""The architecture ``instance``: which pixels are object, and what parts touching ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

import numpy as np
import torch
from torch.nn.functional import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    smooth_l1_loss,
)

from cellwright.core.errors import UsageError
from cellwright.core.image import Array
from cellwright.learn import targets
from cellwright.learn.networks import UNet
from cellwright.learn.pictures import NO_CLASS
from cellwright.learn.presets import Presets
from cellwright.learn.targets import Truth
from cellwright.models.description import CLASS
from cellwright.segment.network_maps import SIZE_UNIT, UNIT

__all__ = ["RAYS", "VOTES", "Instance", "Separation"]

Separation = Literal["distance", "offsets", "rays", "both"]
"""What parts touching objects: the distance to the edge, and the boundaries between neighbours;
the ways to the middle; the distances to the outline in many directions; or the first two."""

VOTES = {"least_area": 4, "smoothing": 1.0, "join": 0.05}
"""Options of the decoder. Small objects are kept: confidence, which is fitted to what people drew,
leaves out those that nobody would draw."""

RAYS = 32
"""Directions, as many as StarDist has by default."""
_RAY_STEP = 2
"""Pixels between the places that tell their rays: neighbours know the same outline."""

_SHARES = {
    "foreground": 1.0,
    "dice": 0.5,
    "size": 0.2,
    "overlap": 0.3,
    "boundary": 1.0,
    "distance": 2.0,
    "offsets": 0.7,
    "rays": 1.4,
    "class": 0.5,
}
"""What each part of the loss counts. These are judgements: what is object and what parts
neighbours decide about every object, and count most; size and overlap, which only help, least."""

_POSITIVE = {"foreground": 1.0, "boundary": 3.0, "overlap": 3.0}
"""How much a pixel counts where the answer is yes: boundaries and overlaps are rare."""

_TURN = {"size": 0.25, "distance": 0.1, "offsets": 0.1, "rays": 0.1}
"""Differences, in the target's own unit, from which on the smooth L1 loss is straight: a quarter
of an octave, a tenth of the way in, one pixel."""

_MORE_INSIDE = 2.0
"""How much more the distance counts in objects than on the ground, where it is 0."""

_DICE_PIXELS = 20.0
"""Added above and below the fraction line: a patch without objects gives a number, and a speck
of a few pixels has no great say."""


@dataclass(frozen=True, kw_only=True)
class Instance:
    """Options of the architecture.

    Attributes
    ----------
    name
        Of the architecture.
    separation
        What parts touching objects.
    classes
        How many kinds of objects are told apart; 0 if none are.
    class_weights
        How much an object of each class counts; empty if all count alike.
    widths, depths
        Of the network; see `UNet`.
    more_touching
        How much more the ways to the middle count in objects that touch another one: whether two
        objects are told apart is decided there.

    Examples
    --------
    >>> Instance(separation="offsets").channels
    ('foreground', 'size', 'overlap', 'row_offset', 'column_offset')
    """

    name: Literal["instance"] = "instance"
    separation: Separation = "offsets"
    classes: int = 0
    class_weights: tuple[float, ...] = ()
    widths: tuple[int, ...] = (24, 48, 96, 160)
    depths: tuple[int, ...] = (1, 1, 2, 2)
    more_touching: float = 3.0

    decoder: ClassVar[str] = "votes"
    """What makes objects of the maps."""
    presets: ClassVar[Presets] = Presets(
        diameter=18.0, tells_classes=True, sampling={"wild": 0.1}, decoding=VOTES
    )

    def __post_init__(self) -> None:
        if len(self.widths) != len(self.depths) or min((*self.widths, *self.depths), default=0) < 1:
            raise UsageError(
                f"a network cannot have the widths {self.widths} and the depths {self.depths}",
                remedy="give one width and one depth for each level, 1 or more",
            )
        if self.class_weights and len(self.class_weights) != self.classes:
            raise UsageError(
                f"there are {len(self.class_weights)} weights for {self.classes} classes",
                remedy="give one for each class, or none",
            )

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels of the network's answer."""
        parting: dict[Separation, tuple[str, ...]] = {
            "distance": ("boundary", "distance"),
            "offsets": ("row_offset", "column_offset"),
            "rays": ("distance", *(f"ray_{index}" for index in range(RAYS))),
            "both": ("boundary", "distance", "row_offset", "column_offset"),
        }
        telling = (f"{CLASS}{index}" for index in range(self.classes))
        return ("foreground", "size", "overlap", *parting[self.separation], *telling)

    @property
    def multiple(self) -> int:
        """Number of pixels of which the sides of the network's input must be multiples."""
        return int(2 ** len(self.widths))

    def network(self) -> UNet:
        """Make the network, with random weights of torch's generator."""
        return UNet(
            len(self.channels) - self.classes, self.widths, self.depths, classes=self.classes
        )

    def untrained(self) -> UNet:
        """Make the network, to be filled from a file."""
        return self.network()

    def targets(self, truth: Truth) -> dict[str, Array]:
        """What is to be said of a patch.

        Returns
        -------
        dict
            Arrays (Y, X), or (C, Y, X) of several channels.
        """
        labels, inside = truth.labels, truth.inside
        wanted: dict[str, Array] = {
            "foreground": (labels > 0).astype(np.float32),
            "size": np.log2(np.maximum(targets.sizes(labels, inside), 1) / SIZE_UNIT),
            "overlap": truth.overlap.astype(np.float32),
        }
        if "boundary" in self.channels:
            wanted["boundary"] = targets.boundary(labels).astype(np.float32)
        if "distance" in self.channels:
            wanted["distance"] = targets.distance(labels)
        if "row_offset" in self.channels:
            wanted["offsets"] = targets.centre_offsets(labels, inside) / UNIT
            wanted["touching"] = targets.touching(labels).astype(np.float32)
        if "ray_0" in self.channels:
            wanted["rays"] = targets.rays(labels, RAYS, _RAY_STEP) / UNIT
        if self.classes:
            known = truth.classes[labels]
            wanted["class"] = np.where(labels > 0, known, NO_CLASS).astype(np.float32)
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
            By name, each a number.
        """
        compared = _Compared(maps, wanted, inside.float(), self)
        parts = {
            "foreground": compared.cross_entropy("foreground"),
            "dice": compared.dice(),
            "size": compared.size(),
            "overlap": compared.cross_entropy("overlap"),
        }
        if "boundary" in self.channels:
            parts["boundary"] = compared.cross_entropy("boundary")
        if "distance" in self.channels:
            parts["distance"] = compared.distance()
        if "row_offset" in self.channels:
            parts["offsets"] = compared.offsets()
        if "ray_0" in self.channels:
            parts["rays"] = compared.rays()
        if self.classes:
            parts["class"] = compared.classes()
        return {name: _SHARES[name] * part for name, part in parts.items()}


@dataclass(frozen=True, eq=False)
class _Compared:
    """A network's maps beside what was wanted.

    Attributes
    ----------
    maps
        (N, C, Y, X).
    wanted
        Targets by name, with a first axis N.
    counted
        (N, Y, X) 1 where a pixel counts, else 0.
    architecture
        Names the maps.
    """

    maps: torch.Tensor
    wanted: Mapping[str, torch.Tensor]
    counted: torch.Tensor
    architecture: Instance

    @cached_property
    def objects(self) -> torch.Tensor:
        """(N, Y, X) 1 in objects that count, else 0."""
        return self.counted * self.wanted["foreground"]

    def cross_entropy(self, name: str) -> torch.Tensor:
        values = binary_cross_entropy_with_logits(
            self._maps(name)[:, 0],
            self.wanted[name],
            reduction="none",
            pos_weight=torch.tensor(_POSITIVE[name]),
        )
        return _mean(values, self.counted, self.counted)

    def dice(self) -> torch.Tensor:
        """One less the soft Dice coefficient, mean over the patches."""
        probability = torch.sigmoid(self._maps("foreground")[:, 0]) * self.counted
        both = (probability * self.wanted["foreground"]).sum((1, 2))
        either = probability.sum((1, 2)) + self.objects.sum((1, 2))
        return 1 - ((2 * both + _DICE_PIXELS) / (either + _DICE_PIXELS)).mean()

    def size(self) -> torch.Tensor:
        values = _smooth("size", self._maps("size")[:, 0], self.wanted)
        return _mean(values, self.objects, self.objects)

    def distance(self) -> torch.Tensor:
        values = _smooth("distance", self._maps("distance")[:, 0], self.wanted)
        weight = self.counted * (1 + _MORE_INSIDE * self.wanted["foreground"])
        return _mean(values, weight, self.counted)

    def offsets(self) -> torch.Tensor:
        values = _smooth("offsets", self._maps("row_offset", 2), self.wanted).sum(1)
        weight = (
            self.objects
            / self._larger
            * (1 + self.architecture.more_touching * self.wanted["touching"])
        )
        return _mean(values, weight, self.objects)

    def rays(self) -> torch.Tensor:
        every = slice(_RAY_STEP // 2, None, _RAY_STEP)
        places = (..., every, every)
        values = _smooth("rays", self._maps("ray_0", RAYS)[places], self.wanted).mean(1)
        # a place deep inside knows more of its outline: as in StarDist
        deep = self.objects[places] * self.wanted["distance"][places]
        weight = deep / self._larger[places]
        return _mean(values, weight, deep)

    def classes(self) -> torch.Tensor:
        """Cross-entropy of the classes, mean over the pixels of objects whose class is known."""
        architecture = self.architecture
        wanted = self.wanted["class"].long()
        weights = torch.tensor(architecture.class_weights or (1.0,) * architecture.classes)
        known = self.counted * (wanted >= 0)
        values = cross_entropy(
            self._maps(f"{CLASS}0", architecture.classes), wanted.clamp(0), reduction="none"
        )
        # large objects have more pixels, and no greater say
        weight = known * weights[wanted.clamp(0)] / self._larger**2
        return _mean(values, weight, weight)

    @property
    def _larger(self) -> torch.Tensor:
        """How many times as large as `SIZE_UNIT` an object is, 1 at the least: lengths count less.

        An object of four times the size has lengths four times as wrong, and sixteen times as
        many pixels: the few large ones of patches at any scale would be most of the loss.
        """
        return torch.exp2(self.wanted["size"]).clamp(1.0)

    def _maps(self, first: str, count: int = 1) -> torch.Tensor:
        """(N, count, Y, X) of channels that follow each other."""
        index = self.architecture.channels.index(first)
        return self.maps[:, index : index + count]


def _smooth(name: str, found: torch.Tensor, wanted: Mapping[str, torch.Tensor]) -> torch.Tensor:
    return smooth_l1_loss(found, wanted[name], reduction="none", beta=_TURN[name])


def _mean(values: torch.Tensor, weight: torch.Tensor, counted: torch.Tensor) -> torch.Tensor:
    """Weighted sum over the number of what is counted, which is taken to be 1 at the least."""
    return (values * weight).sum() / counted.sum().clamp(1)
