"""The network of ``maskrcnn``: torchvision's layers, and maps painted of what they find."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import nn

from cellwright.learn.architectures.mask_rcnn_maps import Found, maps_of
from cellwright.learn.architectures.maskrcnn import Backbone
from cellwright.learn.imagenet import RESNET18, RESNET50, Standardised, begin
from cellwright.learn.regions import areas, at_boxes, decoded, kept, mosaic
from cellwright.learn.torchvision_shim import load_torchvision

__all__ = ["STRIDES", "MaskRcnnNetwork", "Proposed", "Seen"]

STRIDES = (4, 8, 16, 32)
"""Pixels between the places of the pyramid's levels."""

_RATIOS = (0.5, 1.0, 2.0)
"""Height over width of anchors, as in the paper."""
_SECOND = 2**0.5
"""How much larger the second of the two anchors of a level is."""

_BOX_SIDE, _BOX_RATIO = 7, 2
_MASK_SIDE, _MASK_RATIO = 14, 1
"""Parts of a box along each side, and values along each side of a part, for what tells box and
score, and for what draws the mask (with as many values as the former takes: a box is no more than
some 14 places wide on its level)."""
_FINE = 56.0
"""Side of a box in pixels up to which it is seen on the finest level: 14 places."""

_BOX_WEIGHTS = (10.0, 10.0, 5.0, 5.0)
"""Of the deltas of boxes, as in torchvision."""

_ANCHOR_RIGHT, _ANCHOR_WRONG = 0.5, 0.3
"""Intersection over union with an object from which on an anchor is right, and below which it is
wrong. The paper's 0.7 is for anchors that lie closer to each other than those of small cells."""
_ANCHORS_LEARNT = 256
"""Anchors of a patch that a step learns from, half of them right ones, as in the paper."""
_BOX_RIGHT = 0.5
_RIGHT_SHARE = 0.25
"""As in the paper."""
_PROPOSALS_APART, _OBJECTS_APART = 0.7, 0.5
"""Intersection over union above which two proposals, or two objects, are one; as in torchvision."""

_LEAST_SCORE = 0.05
"""Of an object, as in torchvision."""


@dataclass(frozen=True, eq=False)
class Seen:
    """What the network answers while it is trained: what losses are computed of.

    Attributes
    ----------
    network
        Whose answer it is.
    levels
        (N, C, Y, X) each: the pyramid, from the finest on.
    """

    network: MaskRcnnNetwork
    levels: tuple[torch.Tensor, ...]

    def float(self) -> Self:
        """In float32."""
        return replace(self, levels=tuple(level.float() for level in self.levels))


@dataclass(frozen=True, eq=False)
class Proposed:
    """What might be objects.

    Attributes
    ----------
    logits, deltas
        (N, A) and (N, A, 4): what is said of each anchor.
    anchors
        (A, 4).
    boxes
        (N, K, 4), the best proposals.
    there
        (N, K) 1 where there is such a proposal, 0 where there are not so many.
    """

    logits: torch.Tensor
    deltas: torch.Tensor
    anchors: torch.Tensor
    boxes: torch.Tensor
    there: torch.Tensor


class MaskRcnnNetwork(nn.Module):
    """Mask R-CNN with a feature pyramid, of torchvision's parts.

    In training it answers with what it has seen, for `mask_rcnn_losses`. Else it finds objects, and
    paints them: see `maps_of`.

    Parameters
    ----------
    backbone, anchors, pyramid, hidden, detections, samples, classes
        See `MaskRcnn`.
    imagenet
        Path of the weights of the backbone, or ``random``.
    frozen
        Whether the backbone's norms keep their statistics while training.

    Attributes
    ----------
    body
        The residual network; its convolutions and norms lie together in `nn.Sequential`.
    pyramid, rpn, head
        torchvision's, with its names: what is made of the body's features, what proposes boxes,
        and what judges them.
    class_head
        Tells classes, or None.

    References
    ----------
    K. He and others, "Mask R-CNN", ICCV 2017; T.-Y. Lin and others, "Feature pyramid networks for
    object detection", CVPR 2017.
    """

    def __init__(
        self,
        *,
        backbone: Backbone,
        anchors: Sequence[float],
        pyramid: int,
        hidden: int,
        detections: int,
        samples: int,
        classes: int,
        imagenet: str | None,
        frozen: bool,
    ) -> None:
        super().__init__()
        load_torchvision()
        from torchvision.models.detection.anchor_utils import AnchorGenerator
        from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
        from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
        from torchvision.models.detection.roi_heads import RoIHeads
        from torchvision.models.detection.rpn import RegionProposalNetwork, RPNHead
        from torchvision.ops import FeaturePyramidNetwork

        self.detections, self.classes, self.frozen = detections, classes, frozen
        self.standardised = Standardised()
        self.body, widths = _body(backbone, imagenet)
        self.pyramid = FeaturePyramidNetwork(widths, pyramid)
        generator = AnchorGenerator(
            tuple((side, side * _SECOND) for side in anchors), (_RATIOS,) * len(anchors)
        )
        proposals = {"training": 2 * detections, "testing": 2 * detections}
        self.rpn = RegionProposalNetwork(
            generator, RPNHead(pyramid, generator.num_anchors_per_location()[0]),
            _ANCHOR_RIGHT, _ANCHOR_WRONG, _ANCHORS_LEARNT, 0.5,
            proposals, proposals, _PROPOSALS_APART,
        )  # fmt: skip
        self.head = RoIHeads(
            None, TwoMLPHead(pyramid * _BOX_SIDE**2, hidden), FastRCNNPredictor(hidden, 2),
            _BOX_RIGHT, _BOX_RIGHT, samples, _RIGHT_SHARE, _BOX_WEIGHTS,
            _LEAST_SCORE, _OBJECTS_APART, detections,
            None, MaskRCNNHeads(pyramid, (pyramid,) * 4, 1), MaskRCNNPredictor(pyramid, pyramid, 2),
        )  # fmt: skip
        self.class_head = nn.Linear(hidden, classes) if classes else None

    def train(self, mode: bool = True) -> Self:
        """Set it to train or to predict; frozen norms predict always."""
        super().train(mode)
        if self.frozen:
            for module in self.body.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        return self

    def forward(self, image: torch.Tensor) -> torch.Tensor | Seen:
        """From (N, 3, Y, X) to (N, outputs, Y, X); Y and X are multiples of 32."""
        x = self.body.relu(self.body.bn1(self.body.conv1(self.standardised(image))))
        x = self.body.maxpool(x)
        features = OrderedDict()
        for name in ("layer1", "layer2", "layer3", "layer4"):
            x = features[name] = getattr(self.body, name)(x)
        levels = tuple(self.pyramid(features).values())
        if self.training:
            return Seen(self, levels)
        rows, columns = (
            torch.arange(image.shape[axis], dtype=image.dtype) + 0.5 for axis in (2, 3)
        )
        return maps_of(self.found(levels), rows, columns)

    def proposed(self, levels: Sequence[torch.Tensor]) -> Proposed:
        """Propose boxes that may hold an object.

        The best four times as many as are found are taken, then the best half of these, without
        those that overlap a better one of the same level.
        """
        logits, deltas, anchors, level = [], [], [], []
        for index, (chance, ways) in enumerate(zip(*self.rpn.head(list(levels)), strict=True)):
            count, kinds = chance.shape[:2]
            logits.append(chance.permute(0, 2, 3, 1).reshape(count, -1))
            of_each = ways.reshape(count, kinds, 4, chance.shape[2], chance.shape[3])
            deltas.append(of_each.permute(0, 3, 4, 1, 2).reshape(count, -1, 4))
            anchors.append(self._anchors(index, levels[index]))
            level.append(torch.full_like(anchors[-1][:, 0], index))
        said, moved, places = torch.cat(logits, 1), torch.cat(deltas, 1), torch.cat(anchors)
        boxes = _within(decoded(moved.detach(), places), levels[0])
        wanted = 4 * self.detections  # a small picture has fewer places: fill up
        nothing = said.new_full((said.shape[0], wanted), float("-inf"))
        boxes = torch.cat([boxes, boxes.new_zeros(boxes.shape[0], wanted, 4)], 1)
        group = torch.cat([torch.cat(level), said.new_full((wanted,), -1.0)])
        best, which = torch.cat([said.detach(), nothing], 1).topk(wanted, dim=1)
        boxes = _taken(boxes, which)
        stays = kept(boxes, _PROPOSALS_APART, group[which])
        chosen, which = (torch.sigmoid(best) * stays).topk(2 * self.detections, dim=1)
        boxes = _taken(boxes, which)
        return Proposed(said, moved, places, boxes, (chosen > 0).to(boxes.dtype))

    def box_features(self, laid: torch.Tensor, boxes: torch.Tensor) -> torch.Tensor:
        """(N * K, hidden) of (N, K, 4) boxes, from the pyramid's mosaic."""
        taken = at_boxes(
            laid, boxes, _level_of(boxes), stride=STRIDES[0], side=_BOX_SIDE, ratio=_BOX_RATIO
        )
        features: torch.Tensor = self.head.box_head(taken.flatten(0, 1))
        return features

    def mask_logits(self, laid: torch.Tensor, boxes: torch.Tensor) -> torch.Tensor:
        """(N * K, side, side) of (N, K, 4) boxes, from the pyramid's mosaic."""
        taken = at_boxes(
            laid, boxes, _level_of(boxes), stride=STRIDES[0], side=_MASK_SIDE, ratio=_MASK_RATIO
        )
        logits: torch.Tensor = self.head.mask_predictor(self.head.mask_head(taken.flatten(0, 1)))
        return logits[:, 1]

    def _anchors(self, index: int, level: torch.Tensor) -> torch.Tensor:
        """(A, 4) anchors of a level, in the order of what is said of them."""
        stride = STRIDES[index]
        rows, columns = (
            (torch.arange(level.shape[axis], dtype=level.dtype) + 0.5) * stride for axis in (2, 3)
        )
        down, right = torch.meshgrid(rows, columns, indexing="ij")
        middles = torch.stack([right, down, right, down], dim=-1).reshape(-1, 1, 4)
        kinds: torch.Tensor = self.rpn.anchor_generator.cell_anchors[index]
        return (middles + kinds).reshape(-1, 4)

    def found(self, levels: Sequence[torch.Tensor]) -> Found:
        """Find objects: judge what is proposed, leave doubles out, and draw masks."""
        proposed, laid = self.proposed(levels), mosaic(levels)
        count, wanted = proposed.boxes.shape[:2]
        features = self.box_features(laid, proposed.boxes)
        logits, deltas = self.head.box_predictor(features)
        chance = torch.softmax(logits, dim=1)[:, 1].reshape(count, wanted) * proposed.there
        moved = deltas.reshape(count, wanted, 2, 4)[:, :, 1]
        boxes = _within(decoded(moved, proposed.boxes, _BOX_WEIGHTS), levels[0])
        told = self.class_head(features) if self.class_head is not None else features[:, :0]
        told = told.reshape(count, wanted, self.classes)
        scores, index = chance.topk(wanted, dim=1)
        boxes, told = _taken(boxes, index), _taken(told, index)
        scores = scores * kept(boxes, self.head.nms_thresh) * (scores > self.head.score_thresh)
        scores, index = scores.topk(self.detections, dim=1)
        if not torch.compiler.is_compiling():  # what is exported draws masks of nothing too
            most = max(1, int((scores > 0).sum(1).max()))
            scores, index = scores[:, :most], index[:, :most]
        boxes, told = _taken(boxes, index), _taken(told, index)
        masks = torch.sigmoid(self.mask_logits(laid, boxes))
        return Found(boxes, scores, masks.reshape(*scores.shape, *masks.shape[1:]), told)


def _taken(values: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """(N, K, C) of (N, n, C), those that (N, K) numbers name."""
    return values.gather(1, index[..., None].expand(-1, -1, values.shape[2]))


def _level_of(boxes: torch.Tensor) -> torch.Tensor:
    """(N, K) index, as a float, of the level on which a box is seen."""
    side = areas(boxes).clamp(min=0.0).sqrt()
    levels = [(side > _FINE * 2**finer).to(boxes.dtype) for finer in range(len(STRIDES) - 1)]
    return torch.stack(levels).sum(0)


def _within(boxes: torch.Tensor, finest: torch.Tensor) -> torch.Tensor:
    """Cut boxes at the picture's frame."""
    height, width = (STRIDES[0] * finest.shape[axis] for axis in (2, 3))
    x, y = boxes[..., 0::2].clamp(0, width), boxes[..., 1::2].clamp(0, height)
    return torch.stack([x[..., 0], y[..., 0], x[..., 1], y[..., 1]], dim=-1)


def _body(backbone: Backbone, imagenet: str | None) -> tuple[Any, list[int]]:
    """Residual network without its classifier, and the channels of its four levels."""
    from torchvision.models import resnet18, resnet50

    make, published = {"resnet18": (resnet18, RESNET18), "resnet50": (resnet50, RESNET50)}[backbone]
    body = make(weights=None)
    widths = [body.fc.in_features // 2**finer for finer in (3, 2, 1, 0)]
    body.fc = body.avgpool = nn.Identity()
    names = [name for name, value in body.state_dict().items() if value.is_floating_point()]
    begin(body, imagenet, published, names)
    _pair(body)
    return body, widths


def _pair(module: nn.Module) -> None:
    """Put each convolution and its norm into a `nn.Sequential`, where `folded` looks for them.

    torchvision's blocks call ``bn1(conv1(x))``: ``conv1`` becomes both, and ``bn1`` nothing.
    """
    for name, child in list(module.named_children()):
        norm = name.replace("conv", "bn")
        if isinstance(child, nn.Conv2d) and norm != name and hasattr(module, norm):
            setattr(module, name, nn.Sequential(child, getattr(module, norm)))
            setattr(module, norm, nn.Identity())
        else:
            _pair(child)
