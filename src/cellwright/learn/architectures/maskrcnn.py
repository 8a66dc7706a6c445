"""The architecture ``maskrcnn``: boxes around objects first, then a mask in each box."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

import numpy as np
import torch

from cellwright.core.errors import UsageError
from cellwright.core.image import Array
from cellwright.learn.architectures.instance import VOTES
from cellwright.learn.imagenet import RANDOM
from cellwright.learn.pictures import NO_CLASS
from cellwright.learn.presets import Presets
from cellwright.learn.targets import Truth
from cellwright.models.description import CLASS

if TYPE_CHECKING:
    from cellwright.learn.architectures.mask_rcnn_network import MaskRcnnNetwork

__all__ = ["Backbone", "MaskRcnn"]

Backbone = Literal["resnet18", "resnet50"]
"""Residual networks of 18 and 50 layers (K. He and others, CVPR 2016)."""

_LEVELS = 4
"""Of the pyramid."""

_DIAMETER = 24.0
"""At which objects are seen: the finest places are 4 px apart, and an object must be some places
wide."""

_LEARNING_RATE = 3e-4
"""With Adam: the parts learn from what the others propose, and large steps let all of them fall
over."""

_FOUND_TWICE = {"smoothing": 2.0}
"""Of the votes. All pixels of an object point to one place, but in the next tile the object was
found anew, and its middle may lie some pixels beside."""


@dataclass(frozen=True, kw_only=True)
class MaskRcnn:
    """Options of the architecture.

    torchvision's layers and losses, which the extra ``[detection]`` brings. What the network finds
    is painted on maps like those of `Instance`: each pixel is that of the object whose score times
    mask is highest there, and points to the middle of this object. So tiles need not be matched:
    who points to the same middle is one object.

    torchvision's own network has a ``resnet50``, a pyramid of 256 channels and a hidden layer of
    1024, and learns from 512 boxes of a patch; what is preset is smaller, and faster.

    Attributes
    ----------
    name
        Of the architecture.
    backbone
        Network whose features the pyramid is made of.
    imagenet
        Path of its weights with which training begins, in torchvision's format, or ``random``. With
        None there is no network. Norms of a backbone that begins with such weights keep their
        statistics: a few patches tell less than a million photographs.
    anchors
        Side of the smaller anchors of each level, in pixels of the network; larger ones are 1.4
        times as large.
    pyramid
        Channels of the pyramid, and of the layers that draw masks.
    hidden
        Channels of the two layers that judge a box.
    detections
        Objects of a tile, at the most; a tile with its halo has 384 × 384 pixels.
    samples
        Boxes of a patch that a step learns from.
    classes
        How many kinds of objects are told apart; 0 if none are.
    class_weights
        How much an object of each class counts; empty if all count alike.

    Examples
    --------
    >>> MaskRcnn(classes=2).channels[-3:]
    ('column_offset', 'class_0', 'class_1')

    References
    ----------
    K. He and others, "Mask R-CNN", ICCV 2017; T.-Y. Lin and others, "Feature pyramid networks for
    object detection", CVPR 2017.
    """

    name: Literal["maskrcnn"] = "maskrcnn"
    backbone: Backbone = "resnet18"
    imagenet: str | None = None
    anchors: tuple[float, ...] = (12.0, 24.0, 48.0, 96.0)
    pyramid: int = 128
    hidden: int = 512
    detections: int = 384
    samples: int = 128
    classes: int = 0
    class_weights: tuple[float, ...] = ()

    decoder: ClassVar[str] = "votes"
    """What makes objects of the maps."""
    multiple: ClassVar[int] = 32
    """Number of pixels of which the sides of the network's input must be multiples."""
    presets: ClassVar[Presets] = Presets(
        diameter=_DIAMETER,
        tells_classes=True,
        settings={"optimiser": "adam", "learning_rate": _LEARNING_RATE},
        sampling={"wild": 0.1},
        decoding={**VOTES, **_FOUND_TWICE},
        tile=256,
        halo=64,
    )
    """Tiles are so small that there are never more objects in one than `detections`; objects that
    are wider than the halo lose what lies beyond."""

    def __post_init__(self) -> None:
        if self.backbone not in get_args(Backbone):
            raise UsageError(
                f"there is no backbone {self.backbone!r}",
                remedy="choose " + " or ".join(get_args(Backbone)),
            )
        if len(self.anchors) != _LEVELS or min(self.anchors) <= 0:
            raise UsageError(
                f"a pyramid of {_LEVELS} levels cannot have the anchors {self.anchors}",
                remedy=f"give {_LEVELS} sides in pixels, from the finest level on",
            )
        if min(self.pyramid, self.hidden, self.detections, self.samples) < 1:
            raise UsageError(
                "a network cannot have no channels, find no objects or learn from no boxes",
                remedy="give pyramid, hidden, detections and samples of 1 or more",
            )
        if self.class_weights and len(self.class_weights) != self.classes:
            raise UsageError(
                f"there are {len(self.class_weights)} weights for {self.classes} classes",
                remedy="give one for each class, or none",
            )

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels of the network's answer."""
        telling = (f"{CLASS}{index}" for index in range(self.classes))
        return ("foreground", "size", "overlap", "row_offset", "column_offset", *telling)

    def network(self) -> MaskRcnnNetwork:
        """Make the network, its backbone with the weights of ImageNet.

        Raises
        ------
        UsageError
            If the extra ``[detection]`` is not installed; or if the file with these weights was
            not given, or is not there.
        UnreadableError
            If it is not that file.
        """
        return self._network(self.imagenet)

    def untrained(self) -> MaskRcnnNetwork:
        """Make the network with random weights, to be filled from a checkpoint or a model.

        Raises
        ------
        UsageError
            If the extra ``[detection]`` is not installed.
        """
        return self._network(RANDOM)

    def _network(self, imagenet: str | None) -> MaskRcnnNetwork:
        from cellwright.learn.architectures.mask_rcnn_network import MaskRcnnNetwork

        return MaskRcnnNetwork(
            backbone=self.backbone, anchors=self.anchors, pyramid=self.pyramid, hidden=self.hidden,
            detections=self.detections, samples=self.samples, classes=self.classes,
            imagenet=imagenet, frozen=self.imagenet not in (None, RANDOM),
        )  # fmt: skip

    def targets(self, truth: Truth) -> dict[str, Array]:
        """What is to be said of a patch: its objects, and their classes.

        Returns
        -------
        dict
            Arrays (Y, X).
        """
        wanted = {"labels": truth.labels.astype(np.float32)}
        if self.classes:
            known = truth.classes[truth.labels]
            wanted["class"] = np.where(truth.labels > 0, known, NO_CLASS).astype(np.float32)
        return wanted

    def loss(
        self, maps: Any, wanted: Mapping[str, torch.Tensor], inside: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """Parts of the loss; what is trained on is their sum.

        Parameters
        ----------
        maps
            `Seen`: what the network answers in training. Which boxes are learnt from is drawn by
            torch's generator.
        wanted
            From `targets`, each with a first axis N.
        inside
            (N, Y, X) bool: pixels that count.

        Returns
        -------
        dict
            By name, each a number.
        """
        from cellwright.learn.architectures.mask_rcnn_losses import drawn, losses

        classes = wanted.get("class")
        patches = [
            drawn(labels, inside[index], None if classes is None else classes[index])
            for index, labels in enumerate(wanted["labels"])
        ]
        return losses(maps, patches, self.class_weights)
