"""Maps of what ``maskrcnn`` has found, as if a network had answered pixel by pixel."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from cellwright.learn.regions import painted
from cellwright.segment.network_maps import SIZE_UNIT, UNIT

__all__ = ["Found", "maps_of"]

_IN_MASK = 0.5
"""From which on a place is taken to be part of an object."""
_LEAST_SIDE = 1.0
"""Of a box, in pixels."""
_LEAST_CHANCE = 5e-4
"""No pixel is surer than this, nor than 1 less it: its logit is -7.6, and maps hold -8 to 8."""


@dataclass(frozen=True, eq=False)
class Found:
    """Objects of each picture.

    Attributes
    ----------
    boxes
        (N, K, 4) left, top, right and bottom edge, in pixels.
    scores
        (N, K) from 0 to 1, the best first; 0 where there is no object. K is that of the picture
        with most objects, but always the architecture's `detections` in what is exported.
    masks
        (N, K, side, side) from 0 to 1, each over its box.
    classes
        (N, K, classes) logits.
    """

    boxes: torch.Tensor
    scores: torch.Tensor
    masks: torch.Tensor
    classes: torch.Tensor


def maps_of(found: Found, rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    """Paint objects: each pixel is that of the object whose score times mask is highest there.

    Parameters
    ----------
    found
        The objects.
    rows, columns
        (Y,) and (X,) middles of the pixels: 0.5, 1.5, …

    Returns
    -------
    Tensor
        (N, 5 + classes, Y, X): the logit of score times mask; how large the pixel's object is; the
        logit of the next highest score times mask; the ways to the middle of its object; and its
        classes. Units are those of `cellwright.segment.network_maps`.
    """
    boxes, masks = found.boxes, found.masks
    best, second, which = painted(masks * found.scores[..., None, None], boxes, rows, columns)
    along = (torch.arange(masks.shape[-1], dtype=boxes.dtype) + 0.5) / masks.shape[-1]
    weight = masks.sum((2, 3)).clamp(min=1e-3)
    down = (masks.sum(3) * along).sum(2) / weight
    right = (masks.sum(2) * along).sum(2) / weight
    sides = (boxes[..., 2:] - boxes[..., :2]).clamp(min=_LEAST_SIDE)
    row, column = boxes[..., 1] + down * sides[..., 1], boxes[..., 0] + right * sides[..., 0]
    share = (masks > _IN_MASK).to(masks.dtype).mean((2, 3))
    area = (sides[..., 0] * sides[..., 1] * share).clamp(min=1.0)
    size = 0.5 * torch.log2(area * (4 / torch.pi / SIZE_UNIT**2))
    table = torch.cat([torch.stack([size, row, column], dim=2), found.classes], dim=2)
    count, height, width = best.shape
    places = which.reshape(count, -1, 1).expand(-1, -1, table.shape[2])
    told = table.gather(1, places).reshape(count, height, width, -1).permute(0, 3, 1, 2)
    there = (best > 0).to(best.dtype)[:, None]
    foreground, overlap = (
        torch.logit(chance.clamp(_LEAST_CHANCE, 1 - _LEAST_CHANCE))[:, None]
        for chance in (best, second)
    )
    return torch.cat(
        [
            foreground,
            told[:, :1] * there,
            overlap,
            (told[:, 1:2] - rows[:, None]) * there / UNIT,
            (told[:, 2:3] - columns) * there / UNIT,
            told[:, 3:] * there,
        ],
        dim=1,
    )
