"""Patches cut from annotated pictures: turned, mirrored, bent, at any scale."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.nn.functional import grid_sample, interpolate

from cellwright.core.image import Array
from cellwright.learn.pictures import Picture

__all__ = ["BEND", "Patch", "View", "centred", "cut", "random_view", "whole_view"]

BEND = 3
"""Places along a side of a patch whose random shifts bend it."""
_SHIFT = 2.0
"""Standard deviation of these shifts, in the patch's pixels: outlines of cells bend by as much
from one cell to the next, and none is torn."""
_BENT = 0.3
"""Share of patches that are bent."""
_ON_OBJECTS = 0.5
"""Share of patches with an object in their middle, so that sparse pictures teach something."""
_AT_ANY_ANGLE = 0.5
"""Share of patches at any angle; the others are turned by quarters, which blurs nothing."""


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
        Whether left and right of the patch are exchanged.
    bend
        (2, `BEND`, `BEND`) shifts of rows and columns, in the patch's pixels.
    stretch
        By how much the scale along the picture's rows is that along its columns.
    """

    row: float
    column: float
    scale: float
    angle: float = 0.0
    mirrored: bool = False
    bend: Array | None = None
    stretch: float = 1.0


@dataclass(frozen=True, eq=False)
class Patch:
    """A square part of a picture.

    Attributes
    ----------
    pixels
        (3, S, S) float32, normalised.
    labels
        (S, S) int32, with the picture's numbers.
    classes
        (n,) int16 of each number, `NO_CLASS` where it is not known.
    inside
        (S, S) bool: whether it is the picture, and not its mirror image beyond the frame, and
        every object was drawn there.
    """

    pixels: torch.Tensor
    labels: Array
    classes: Array
    inside: torch.Tensor


def random_view(picture: Picture, side: int, diameter: float, random: np.random.Generator) -> View:
    """Choose a view in which the median object has a diameter in pixels of the patch.

    Parameters
    ----------
    picture
        To be cut from.
    side
        Of the patch, in pixels: the view keeps within the picture if it can.
    diameter
        In the patch's pixels.
    random
        Where chance comes from.
    """
    scale = diameter / picture.diameter
    rows, columns = picture.shape
    reach = min(side / 2 / scale, min(rows, columns) / 2)
    if random.random() < _ON_OBJECTS and picture.labels.any():
        row, column = _object_pixel(picture.labels, random)
    else:
        row, column = int(random.integers(rows)), int(random.integers(columns))
    middle = np.clip((row, column), reach, (rows - reach, columns - reach))
    at_any_angle = random.random() < _AT_ANY_ANGLE
    angle = random.uniform(0, 2 * np.pi) if at_any_angle else np.pi / 2 * random.integers(4)
    bend = random.normal(0, _SHIFT, (2, BEND, BEND)) if random.random() < _BENT else None
    return View(
        float(middle[0]), float(middle[1]), scale, float(angle), bool(random.random() < 0.5), bend
    )


def centred(view: View, picture: Picture, label: int, side: int) -> View:
    """Move a view to an object, as far as it keeps within the picture."""
    rows, columns = np.nonzero(picture.labels == label)
    reach = min(side / 2 / view.scale, min(picture.shape) / 2)
    row, column = (
        float(np.clip(places.mean(), reach, length - reach))
        for places, length in zip((rows, columns), picture.shape, strict=True)
    )
    return replace(view, row=row, column=column)


def whole_view(picture: Picture, side: int, random: np.random.Generator) -> View:
    """View the whole picture, squeezed into a square; turned by quarters and mirrored.

    Parameters
    ----------
    picture
        To be seen.
    side
        Of the square, in pixels.
    random
        Where chance comes from.
    """
    rows, columns = picture.shape
    angle = float(np.pi / 2 * random.integers(4))
    return View(
        (rows - 1) / 2, (columns - 1) / 2, side / rows, angle, bool(random.random() < 0.5),
        stretch=rows / columns,
    )  # fmt: skip


def _object_pixel(labels: Array, random: np.random.Generator) -> tuple[int, int]:
    """Find the first pixel of an object, by rows, from a random one on."""
    on = labels.ravel() > 0
    start = int(random.integers(on.size))
    if not on[start:].any():
        start = 0
    row, column = divmod(start + int(on[start:].argmax()), labels.shape[1])
    return row, column


def cut(picture: Picture, view: View, side: int) -> Patch:
    """Cut a patch; beyond the picture's frame lies its mirror image.

    Pixels are taken bilinearly from the level of the picture that is nearest in scale, labels
    from the nearest pixel.

    Parameters
    ----------
    picture
        To be cut from.
    view
        Where and how.
    side
        Of the patch, in pixels.
    """
    places = _places(view, side)
    level = int(np.clip(np.floor(np.log2(1 / view.scale) + 0.5), 0, len(picture.levels) - 1))
    shrink = 2**level
    # pixel i of a level is the mean of `shrink` pixels, and lies in their middle
    pixels = _sampled(picture.levels[level], places / shrink - (0.5 - 0.5 / shrink), "bilinear")
    pixels = pixels if pixels.shape[0] == 3 else pixels.expand(3, -1, -1)
    normalisation = picture.normalisation
    span = normalisation.high - normalisation.low
    unit = (pixels - normalisation.low) / span if span > 0 else torch.zeros_like(pixels)
    labels = _sampled(picture.labels[..., None], places, "nearest")[0]
    rows, columns = picture.shape
    inside = (
        (places[0] > -0.5)
        & (places[0] < rows - 0.5)
        & (places[1] > -0.5)
        & (places[1] < columns - 0.5)
    )
    if picture.region is not None:
        mask = picture.region.astype(np.uint8)[..., None]
        inside &= _sampled(mask, places, "nearest")[0] > 0
    return Patch(
        unit.clamp(*normalisation.clip).contiguous(),
        labels.numpy().astype(np.int32),
        picture.classes,
        inside,
    )


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
    across = (sine * down + cosine * right) / view.stretch
    return torch.stack([view.row + cosine * down - sine * right, view.column + across])


def _sampled(pixels: Array, places: torch.Tensor, mode: str) -> torch.Tensor:
    """(C, S, S) float32 values of (Y, X, C) pixels at places; no more of them is read than needed.

    A picture of many megapixels would else be converted for each patch.
    """
    rows, columns = pixels.shape[:2]
    low = torch.floor(places.amin(dim=(1, 2))).int().tolist()
    high = torch.ceil(places.amax(dim=(1, 2))).int().tolist()
    top, bottom = _span(low[0], high[0], rows)
    left, right = _span(low[1], high[1], columns)
    part = torch.from_numpy(pixels[top:bottom, left:right].astype(np.float32))
    extent = torch.tensor([bottom - top, right - left], dtype=torch.float32)
    offset = torch.tensor([top, left], dtype=torch.float32)
    # grid_sample's own frame: the picture's outer edges lie at -1 and 1
    unit = ((places - offset[:, None, None]) * 2 + 1) / extent[:, None, None] - 1
    grid = torch.stack([unit[1], unit[0]], dim=-1)[None]
    taken = grid_sample(
        part.permute(2, 0, 1)[None], grid, mode=mode, padding_mode="reflection", align_corners=False
    )
    return taken[0]


def _span(low: int, high: int, length: int) -> tuple[int, int]:
    """Rows (or columns) that are needed for places from `low` to `high`, end excluded.

    What lies beyond the frame is mirrored about it, so as much must be read within; a part that
    is mirrored reaches to the frame, and so its own frame is the picture's.
    """
    over = max(0, -low, high - length + 1)
    if over >= length:
        return 0, length
    start = max(0, min(low - 1, length - 1 - over - 1)) if high >= length else max(0, low - 1)
    stop = min(length, max(high + 2, over + 2)) if low < 0 else min(length, high + 2)
    return start, stop
