"""Boxes, what lies in them, and their masks laid over a picture: in arrays of fixed sizes.

Detectors usually hand on as many boxes as there happen to be. Here there are always as many, and
each step is made of sums, products and comparisons of whole arrays, so that a network that takes
these steps can be written as ONNX without operators of its own.

Boxes are (…, 4) float32, left, top, right and bottom edge, in pixels: a pixel at column 3 lies
between the edges 3 and 4.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch.nn.functional import avg_pool2d, grid_sample, pad

__all__ = [
    "areas", "at_boxes", "decoded", "kept", "mask_targets", "mosaic", "overlaps", "painted",
]  # fmt: skip

_LARGEST_GROWTH = math.log(1000 / 16)
"""By how much a box may grow in one step, as torchvision has it: the exponential stays a number."""

_ROUNDS = 20
"""Of `kept`: boxes may suppress each other in chains of so many."""

_AT_ONCE = 64
"""Masks that are laid over a picture at a time."""


def areas(boxes: torch.Tensor) -> torch.Tensor:
    """(…) areas of (…, 4) boxes, in square pixels."""
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def overlaps(boxes: torch.Tensor) -> torch.Tensor:
    """(N, K, K) intersection over union of each two of (N, K, 4) boxes; 0 for empty ones.

    Examples
    --------
    >>> overlaps(torch.tensor([[[0.0, 0.0, 2.0, 2.0], [0.0, 1.0, 2.0, 3.0]]]))[0, 0, 1]
    tensor(0.3333)
    """
    low = torch.maximum(boxes[:, :, None, :2], boxes[:, None, :, :2])
    high = torch.minimum(boxes[:, :, None, 2:], boxes[:, None, :, 2:])
    sides = (high - low).clamp(min=0.0)
    both = sides[..., 0] * sides[..., 1]
    area = areas(boxes)
    return both / (area[:, :, None] + area[:, None, :] - both).clamp(min=1e-6)


def kept(boxes: torch.Tensor, threshold: float, groups: torch.Tensor | None = None) -> torch.Tensor:
    """Leave boxes out that overlap a better one which is not left out itself.

    This is the usual greedy suppression: who is suppressed by nobody stays, who is suppressed by
    one that stays does not, and so on along each chain. A chain of boxes each of which overlaps the
    next is decided up to its twentieth box: of 2,000 boxes that a network without any
    training proposed in 64 × 64 pixels, none depended on more than twelve.

    Parameters
    ----------
    boxes
        (N, K, 4), the best first.
    threshold
        Intersection over union above which the worse of two is left out.
    groups
        (N, K): only boxes of one group are compared. Without, all are.

    Returns
    -------
    Tensor
        (N, K) float32: 1 for boxes that stay, else 0.

    Examples
    --------
    >>> row = torch.tensor([0.0, 1.0, 2.0])  # each overlaps the next by 0.6, the last not the first
    >>> boxes = torch.stack([row, row * 0, row + 4, row * 0 + 1], dim=1)[None]
    >>> kept(boxes, 0.5)
    tensor([[1., 0., 1.]])
    """
    place = torch.arange(boxes.shape[1])
    suppresses = (overlaps(boxes) > threshold) & (place[:, None] > place[None, :])
    if groups is not None:
        suppresses = suppresses & (groups[:, :, None] == groups[:, None, :])
    over = suppresses.to(boxes.dtype)
    stays = torch.ones_like(boxes[..., :1])
    for _ in range(_ROUNDS):
        stays = (1 - torch.matmul(over, stays)).clamp(min=0.0)
    return stays[..., 0]


def decoded(
    deltas: torch.Tensor, boxes: torch.Tensor, weights: Sequence[float] = (1.0, 1.0, 1.0, 1.0)
) -> torch.Tensor:
    """Move and stretch boxes as a network says.

    Parameters
    ----------
    deltas
        (…, 4): ways of the middle along columns and rows in units of the box's sides, and natural
        logarithms of the factors of width and height, each multiplied by its weight.
    boxes
        (…, 4).
    weights
        Of the deltas.

    References
    ----------
    R. Girshick and others, "Rich feature hierarchies", CVPR 2014, appendix C.
    """
    across, down, wider, higher = (
        deltas[..., index] / weight for index, weight in enumerate(weights)
    )
    width, height = boxes[..., 2] - boxes[..., 0], boxes[..., 3] - boxes[..., 1]
    column = boxes[..., 0] + (0.5 + across) * width
    row = boxes[..., 1] + (0.5 + down) * height
    half = 0.5 * width * torch.exp(wider.clamp(max=_LARGEST_GROWTH))
    tall = 0.5 * height * torch.exp(higher.clamp(max=_LARGEST_GROWTH))
    return torch.stack([column - half, row - tall, column + half, row + tall], dim=-1)


def mosaic(levels: Sequence[torch.Tensor]) -> torch.Tensor:
    """Lay the four levels of a pyramid into one map: the finest, and right of it the others.

    Parameters
    ----------
    levels
        Four maps (N, C, Y, X), each half as large as the one before.

    Returns
    -------
    Tensor
        (N, C, Y, X + X / 2) with the finest level's Y and X.
    """
    width = levels[1].shape[3]
    rest = [pad(level, (0, width - level.shape[3])) for level in levels[1:]]
    rest.append(torch.zeros_like(rest[-1]))  # an eighth of the height is left over
    return torch.cat([levels[0], torch.cat(rest, dim=2)], dim=3)


def at_boxes(
    laid: torch.Tensor,
    boxes: torch.Tensor,
    level: torch.Tensor,
    *,
    stride: int,
    side: int,
    ratio: int,
) -> torch.Tensor:
    """Take the features in boxes: RoIAlign, each box from its own level of a pyramid.

    Each box is parted into `side` × `side` equal parts, and each part is the mean of `ratio` ×
    `ratio` values, interpolated linearly. Values within half a place of the frame, and beyond, are
    those at the frame.

    Parameters
    ----------
    laid
        (N, C, Y, X + X / 2), from `mosaic`.
    boxes
        (N, K, 4) in pixels of the picture.
    level
        (N, K) index of the level of each, as float32.
    stride
        Pixels from one place of the finest level to the next.
    side, ratio
        Of what is taken.

    Returns
    -------
    Tensor
        (N, K, C, side, side).

    References
    ----------
    K. He and others, "Mask R-CNN", ICCV 2017, section 3, with coordinates that are right by half a
    place (torchvision's ``aligned=True``).
    """
    rows, columns = laid.shape[2], laid.shape[3] - laid.shape[3] // 3
    shrink = torch.exp2(level)
    at = (torch.arange(side * ratio, dtype=boxes.dtype) + 0.5) / (side * ratio)
    frame = torch.ones_like(shrink)
    # where a level begins: 1 has nothing above it, 2 has the half of the finest level's height
    above = torch.where(level > 0, 1 - 2 / shrink.clamp(min=2.0), 0.0) * rows
    beside = torch.where(level > 0, frame, 0.0) * columns
    unit = []
    for low, high, length, begins, whole in (
        (boxes[..., 0], boxes[..., 2], columns, beside, laid.shape[3]),
        (boxes[..., 1], boxes[..., 3], rows, above, rows),
    ):
        edge = low[..., None] + at * (high - low)[..., None]
        place = edge / (stride * shrink)[..., None] - 0.5
        last = (frame * length / shrink - 1)[..., None]
        place = torch.minimum(place.clamp(min=0.0), last) + begins[..., None]
        unit.append((2 * place + 1) / whole - 1)
    count, boxes_each = boxes.shape[0], boxes.shape[1]
    x = unit[0][:, :, None, :].expand(-1, -1, side * ratio, -1)
    y = unit[1][:, :, :, None].expand(-1, -1, -1, side * ratio)
    grid = torch.stack([x, y], dim=-1).reshape(count, -1, side * ratio, 2)
    taken = grid_sample(laid, grid, mode="bilinear", padding_mode="border", align_corners=False)
    if ratio > 1:
        taken = avg_pool2d(taken, ratio)
    parted = taken.reshape(count, -1, boxes_each, side, side)
    return parted.transpose(1, 2)


def mask_targets(
    labels: torch.Tensor,
    inside: torch.Tensor,
    boxes: torch.Tensor,
    numbers: torch.Tensor,
    side: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Masks of objects in boxes, as a network is to draw them.

    Parameters
    ----------
    labels
        (Y, X) int64.
    inside
        (Y, X) bool, pixels that count.
    boxes
        (K, 4).
    numbers
        (K,) the object whose mask is wanted in each box.
    side
        Of the masks.

    Returns
    -------
    masks : Tensor
        (K, side, side) float32 from 0 to 1, linear between the middles of pixels.
    counted : Tensor
        (K, side, side) float32: how much of a place lies inside.
    """
    at = (torch.arange(side, dtype=boxes.dtype) + 0.5) / side
    corners = []
    for low, high, length in (
        (boxes[:, 1], boxes[:, 3], labels.shape[0]),
        (boxes[:, 0], boxes[:, 2], labels.shape[1]),
    ):
        place = low[:, None] + at * (high - low)[:, None] - 0.5
        place = place.clamp(0, length - 1)
        first = place.floor().long()
        corners.append((first, (first + 1).clamp(max=length - 1), place - first))
    (up, down, lower), (left, right, farther) = corners
    masks = boxes.new_zeros(len(boxes), side, side)
    counted = torch.zeros_like(masks)
    for row, by_row in ((up, 1 - lower), (down, lower)):
        for column, by_column in ((left, 1 - farther), (right, farther)):
            weight = by_row[:, :, None] * by_column[:, None, :]
            places = (row[:, :, None], column[:, None, :])
            masks += weight * (labels[places] == numbers[:, None, None])
            counted += weight * inside[places]
    return masks, counted


def painted(
    masks: torch.Tensor, boxes: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Lay masks over a picture; each pixel goes to the strongest.

    Parameters
    ----------
    masks
        (N, K, side, side) how sure it is that a place is part of the object, from 0 to 1.
    boxes
        (N, K, 4) where they lie.
    rows, columns
        (Y,) and (X,) the middles of the picture's pixels: 0.5, 1.5, …

    Returns
    -------
    best : Tensor
        (N, Y, X) of the strongest mask.
    second : Tensor
        (N, Y, X) of the next one.
    which : Tensor
        (N, Y, X) int64: index of the strongest.
    """
    down = _hats(boxes[..., 1], boxes[..., 3], rows, masks.shape[2])
    right = _hats(boxes[..., 0], boxes[..., 2], columns, masks.shape[3]).transpose(2, 3)
    left = torch.matmul(down, masks)
    strongest, places, next_ = [], [], []
    for start in range(0, masks.shape[1], _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        lain = torch.matmul(left[:, part], right[:, part])
        top, index = lain.topk(min(2, lain.shape[1]), dim=1)
        strongest.append(top[:, 0])
        next_.append(top[:, 1] if top.shape[1] > 1 else torch.zeros_like(top[:, 0]))
        places.append(index[:, 0] + start)
    if len(strongest) == 1:
        return strongest[0], next_[0], places[0]
    best, part_ = torch.stack(strongest, dim=1).topk(2, dim=1)
    which = torch.stack(places, dim=1).gather(1, part_[:, :1])[:, 0]
    beside = torch.stack(next_, dim=1).gather(1, part_[:, :1])[:, 0]
    return best[:, 0], torch.maximum(best[:, 1], beside), which


def _hats(low: torch.Tensor, high: torch.Tensor, at: torch.Tensor, side: int) -> torch.Tensor:
    """(N, K, n, side) what each place of a mask counts at each pixel of an axis.

    Between the middles of places it falls linearly, and beyond the mask there is nothing.
    """
    span = (high - low).clamp(min=1e-3)[..., None]
    place = (at - low[..., None]) / span * side - 0.5
    away = place[..., None] - torch.arange(side, dtype=at.dtype)
    return (1 - away.abs()).clamp(min=0.0)
