"""Patches cut from annotated pictures: turned, mirrored, bent, at any scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import grid_sample, interpolate

from cellwright.core.image import Array
from cellwright.learn.pictures import Picture

__all__ = ["Patch", "View", "cut", "random_view"]

BEND = 3
"""Places along a side of a patch whose random shifts bend it."""


@dataclass(frozen=True)
class View:
    """Where and how a patch is cut.

    Attributes
    ----------
    row, column
        Its middle, in the picture's pixels.
    scale
        The patch's pixels for one of the picture's.
    angle
        Radians.
    mirrored
        Whether left and right are exchanged.
    bend
        (2, `BEND`, `BEND`) shifts in the patch's pixels.
    """

    row: float
    column: float
    scale: float
    angle: float = 0.0
    mirrored: bool = False
    bend: Array | None = None


@dataclass(frozen=True, eq=False)
class Patch:
    """A patch: (3, S, S) float32 normalised, (S, S) int32 labels from 1 up, (S, S) bool inside."""

    pixels: torch.Tensor
    labels: Array
    inside: torch.Tensor


def random_view(
    picture: Picture, side: int, diameter: float, random: np.random.Generator, bend: float = 2.0
) -> View:
    """Choose a view in which the median object has a diameter in pixels of the patch.

    Half of the views have an object in their middle, so that sparse pictures teach something.
    """
    scale = diameter / picture.diameter
    rows, columns = picture.shape
    reach = min(side / 2 / scale, min(rows, columns) / 2)
    if random.random() < 0.5 and picture.labels.any():
        at = int(random.integers(picture.labels.size))
        flat = picture.labels.ravel()
        found = np.flatnonzero(flat[at:] if flat[at:].any() else flat)
        place = int(found[0]) + (at if flat[at:].any() else 0)
        row, column = divmod(place, columns)
    else:
        row, column = int(random.integers(rows)), int(random.integers(columns))
    middle = np.clip((row, column), reach, (rows - reach, columns - reach))
    turned = random.random() < 0.5
    angle = random.uniform(0, 2 * np.pi) if turned else np.pi / 2 * random.integers(4)
    shifts = random.normal(0, bend, (2, BEND, BEND)) if random.random() < 0.3 else None
    return View(
        float(middle[0]), float(middle[1]), scale, float(angle), bool(random.random() < 0.5), shifts
    )


def cut(picture: Picture, view: View, side: int) -> Patch:
    """Cut a patch of `side` pixels; beyond the picture's frame lies its mirror image."""
    places = _places(view, side)
    level = int(np.clip(np.floor(np.log2(1 / view.scale) + 0.5), 0, len(picture.levels) - 1))
    shrink = 2**level
    source = picture.levels[level]
    pixels = _sampled(source, places / shrink - (0.5 - 0.5 / shrink), "bilinear")
    pixels = pixels if pixels.shape[0] == 3 else pixels.expand(3, -1, -1)
    norm = picture.normalisation
    span = max(norm.high - norm.low, 1e-12)
    pixels = ((pixels - norm.low) / span).clamp(-0.5, 2.0)
    labels = _sampled(picture.labels[..., None], places, "nearest")[0]
    rows, columns = picture.shape
    inside = (
        (places[0] > -0.5)
        & (places[0] < rows - 0.5)
        & (places[1] > -0.5)
        & (places[1] < columns - 0.5)
    )
    return Patch(pixels.contiguous(), labels.numpy().astype(np.int32), inside)


def _places(view: View, side: int) -> torch.Tensor:
    """(2, S, S) rows and columns of the picture under the patch's pixels."""
    along = torch.arange(side, dtype=torch.float32) - (side - 1) / 2
    down, right = torch.meshgrid(along, along, indexing="ij")
    if view.bend is not None:
        shifts = torch.from_numpy(view.bend.astype(np.float32))[None]
        smooth = interpolate(shifts, size=(side, side), mode="bicubic", align_corners=True)[0]
        down, right = down + smooth[0], right + smooth[1]
    if view.mirrored:
        right = -right
    cosine, sine = np.cos(view.angle) / view.scale, np.sin(view.angle) / view.scale
    return torch.stack(
        [view.row + cosine * down - sine * right, view.column + sine * down + cosine * right]
    )


def _sampled(pixels: Array, places: torch.Tensor, mode: str) -> torch.Tensor:
    """(C, S, S) values of (Y, X, C) pixels at places, read only where they are needed."""
    rows, columns = pixels.shape[:2]
    low = torch.floor(places.amin(dim=(1, 2))).int().tolist()
    high = torch.ceil(places.amax(dim=(1, 2))).int().tolist()
    # what lies beyond the frame is mirrored about it, so as much must be read within
    top, bottom = _span(low[0], high[0], rows)
    left, right = _span(low[1], high[1], columns)
    part = torch.from_numpy(pixels[top:bottom, left:right].astype(np.float32))
    extent = torch.tensor([bottom - top, right - left], dtype=torch.float32)
    offset = torch.tensor([top, left], dtype=torch.float32)
    unit = ((places - offset[:, None, None]) * 2 + 1) / extent[:, None, None] - 1
    grid = torch.stack([unit[1], unit[0]], dim=-1)[None]
    taken = grid_sample(
        part.permute(2, 0, 1)[None], grid, mode=mode, padding_mode="reflection", align_corners=False
    )
    return taken[0]


def _span(low: int, high: int, length: int) -> tuple[int, int]:
    over = max(0, -low, high - length + 1)
    if over >= length:
        return 0, length
    start = max(0, min(low - 1, length - 1 - over - 1)) if high >= length else max(0, low - 1)
    stop = min(length, max(high + 2, over + 2)) if low < 0 else min(length, high + 2)
    return start, stop
