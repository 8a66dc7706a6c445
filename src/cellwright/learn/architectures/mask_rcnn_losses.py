"""Losses of ``maskrcnn``: torchvision's, of what the network has seen and a label image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from cellwright.learn.architectures.mask_rcnn_network import Proposed, Seen
from cellwright.learn.regions import mask_targets, mosaic

__all__ = ["Drawn", "drawn", "losses"]

_NOT_KNOWN = -1
"""Instead of the class of an object."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """Objects of a patch.

    Attributes
    ----------
    labels
        (Y, X) int64, 0 outside of what counts.
    inside
        (Y, X) bool, pixels that count.
    numbers
        (n,) int64 label of each object.
    boxes
        (n, 4) float32 edges of the smallest box about each.
    classes
        (n,) int64 class of each, below 0 where it is not known.
    """

    labels: torch.Tensor
    inside: torch.Tensor
    numbers: torch.Tensor
    boxes: torch.Tensor
    classes: torch.Tensor

    def holds(self, boxes: torch.Tensor) -> torch.Tensor:
        """Whether the middles of (n, 4) boxes lie inside: (n,) bool."""
        rows, columns = self.inside.shape
        column = ((boxes[:, 0] + boxes[:, 2]) / 2).long().clamp(0, columns - 1)
        row = ((boxes[:, 1] + boxes[:, 3]) / 2).long().clamp(0, rows - 1)
        return self.inside[row, column]


def drawn(labels: torch.Tensor, inside: torch.Tensor, classes: torch.Tensor | None) -> Drawn:
    """Find the objects of a patch; what of them lies outside does not count.

    Parameters
    ----------
    labels
        (Y, X) of whole numbers.
    inside
        (Y, X) bool.
    classes
        (Y, X) class of each pixel's object, below 0 where it is not known, or None.

    Examples
    --------
    >>> found = drawn(torch.tensor([[0, 7, 7], [0, 0, 7]]), torch.ones(2, 3) > 0, None)
    >>> found.numbers, found.boxes
    (tensor([7]), tensor([[1., 0., 3., 2.]]))
    """
    shown = torch.where(inside, labels.long(), 0)
    numbers, which = torch.unique(
        torch.cat([shown.new_zeros(1), shown.ravel()]), return_inverse=True
    )
    which = which[1:]
    down, right = (place.ravel() for place in torch.meshgrid(
        *(torch.arange(length) for length in shown.shape), indexing="ij"))  # fmt: skip

    def extreme(values: torch.Tensor, how: str) -> torch.Tensor:
        of_each = torch.zeros(len(numbers), dtype=values.dtype)
        return of_each.scatter_reduce(0, which, values, how, include_self=False)[1:]

    edges = [extreme(right, "amin"), extreme(down, "amin"),
             extreme(right, "amax") + 1, extreme(down, "amax") + 1]  # fmt: skip
    if classes is None:
        known = torch.full_like(numbers[1:], _NOT_KNOWN)
    else:
        known = extreme(classes.ravel().long(), "amax")
    return Drawn(shown, inside, numbers[1:], torch.stack(edges, dim=1).float(), known)


def losses(
    seen: Seen, patches: Sequence[Drawn], class_weights: Sequence[float]
) -> dict[str, torch.Tensor]:
    """Losses of Mask R-CNN.

    Parameters
    ----------
    seen
        By the network.
    patches
        What is there to be found.
    class_weights
        How much an object of each class counts; empty if all count alike.

    Returns
    -------
    dict
        ``objectness`` and ``proposals`` of what is proposed, ``score`` and ``boxes`` of what is
        judged, ``masks``, and ``class`` if there are classes.
    """
    network = seen.network
    proposed = network.proposed(seen.levels)
    parts = _of_proposals(seen, proposed, patches)
    targets = [
        {"boxes": patch.boxes, "labels": torch.ones_like(patch.numbers), "masks": patch.labels}
        for patch in patches
    ]
    boxes = [
        each[(there > 0) & patch.holds(each)]
        for each, there, patch in zip(proposed.boxes, proposed.there, patches, strict=True)
    ]
    chosen, objects, labels, deltas = network.head.select_training_samples(boxes, targets)
    judged = _judged(seen, chosen, labels, deltas)
    parts |= judged.parts
    right = [each > 0 for each in labels]
    chosen = [each[yes] for each, yes in zip(chosen, right, strict=True)]
    objects = [each[yes] for each, yes in zip(objects, right, strict=True)]
    parts["masks"] = _of_masks(seen, chosen, objects, patches)
    if network.class_head is not None:
        told = network.class_head(judged.features[torch.cat(right)])
        known = torch.cat(
            [patch.classes[each] for patch, each in zip(patches, objects, strict=True)]
        )
        parts["class"] = _of_classes(told, known, class_weights)
    return parts


def _of_proposals(
    seen: Seen, proposed: Proposed, patches: Sequence[Drawn]
) -> dict[str, torch.Tensor]:
    """Losses of the anchors: whether there is an object, and how its box lies."""
    rpn, anchors = seen.network.rpn, [proposed.anchors] * len(patches)
    labels, boxes = rpn.assign_targets_to_anchors(
        anchors, [{"boxes": patch.boxes} for patch in patches]
    )
    labels = [
        torch.where(patch.holds(proposed.anchors), each, -1.0)  # nothing is known of these
        for patch, each in zip(patches, labels, strict=True)
    ]
    if not any((each >= 0).any() for each in labels):
        return {"objectness": proposed.logits.sum() * 0, "proposals": proposed.deltas.sum() * 0}
    objectness, box = rpn.compute_loss(
        proposed.logits.reshape(-1, 1), proposed.deltas.reshape(-1, 4), labels,
        rpn.box_coder.encode(boxes, anchors),
    )  # fmt: skip
    return {"objectness": objectness, "proposals": box}


@dataclass(frozen=True, eq=False)
class _Judged:
    """Losses of what was judged, and (n, hidden) features of it."""

    parts: dict[str, torch.Tensor]
    features: torch.Tensor


def _judged(
    seen: Seen,
    boxes: Sequence[torch.Tensor],
    labels: Sequence[torch.Tensor],
    deltas: Sequence[torch.Tensor],
) -> _Judged:
    """Judge boxes as the network does: whether each is an object, and how it is to be moved."""
    from torchvision.models.detection.roi_heads import fastrcnn_loss

    network = seen.network
    stacked, there = _stacked(boxes)
    features = network.box_features(mosaic(seen.levels), stacked)[there.ravel()]
    logits, moved = network.head.box_predictor(features)
    if not len(features):
        return _Judged({"score": logits.sum() * 0, "boxes": moved.sum() * 0}, features)
    score, box = fastrcnn_loss(logits, moved, list(labels), list(deltas))
    return _Judged({"score": score, "boxes": box}, features)


def _of_masks(
    seen: Seen,
    boxes: Sequence[torch.Tensor],
    objects: Sequence[torch.Tensor],
    patches: Sequence[Drawn],
) -> torch.Tensor:
    """Cross-entropy of the masks in boxes of objects, mean over the places that lie inside."""
    stacked, there = _stacked(boxes)
    logits = seen.network.mask_logits(mosaic(seen.levels), stacked)[there.ravel()]
    if not len(logits):
        return logits.sum() * 0
    wanted = [
        mask_targets(patch.labels, patch.inside, each, patch.numbers[which], logits.shape[-1])
        for patch, each, which in zip(patches, boxes, objects, strict=True)
    ]
    masks, counted = (torch.cat(part) for part in zip(*wanted, strict=True))
    values = binary_cross_entropy_with_logits(logits, masks, reduction="none")
    return (values * counted).sum() / counted.sum().clamp(min=1.0)


def _of_classes(told: torch.Tensor, known: torch.Tensor, weights: Sequence[float]) -> torch.Tensor:
    """Cross-entropy of the classes that are known, weighted mean over the boxes."""
    told, known = told[known >= 0], known[known >= 0]
    if not len(known):
        return told.sum() * 0
    return cross_entropy(told, known, torch.tensor(weights) if weights else None)


def _stacked(boxes: Sequence[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """(N, K, 4) boxes of patches that have no more than K each, and (N, K) bool which they are."""
    most = max(1, *(len(each) for each in boxes))
    stacked = boxes[0].new_zeros(len(boxes), most, 4)
    there = torch.zeros(len(boxes), most, dtype=torch.bool)
    for index, each in enumerate(boxes):
        stacked[index, : len(each)] = each
        there[index, : len(each)] = True
    return stacked, there
