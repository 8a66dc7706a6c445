"""Patches as a training sees them, with their labels, as one picture."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image as Sheet

from cellwright.core.image import Array
from cellwright.learn.batches import Batch, Batches
from cellwright.learn.pictures import Picture
from cellwright.learn.training import Settings

__all__ = ["preview_of", "preview_png", "shown"]

_ACROSS = 6
_PATCHES = 24
_GAP = 4
_LINE = np.array([255, 200, 0], np.uint8)
"""Of what is to be found: its outline."""


def preview_of(pictures: Sequence[Picture], settings: Settings) -> bytes:
    """Draw the first patches that a training would see, as PNG."""
    architecture, sampling = settings.architecture, settings.sampling
    batches = Batches(pictures, architecture, sampling, settings.seed)
    steps = -(-_PATCHES // sampling.count)
    return preview_png([batches(step) for step in range(steps)])


def preview_png(batches: list[Batch]) -> bytes:
    """Draw the patches of batches side by side.

    Parameters
    ----------
    batches
        As they are trained on, after every change.

    Returns
    -------
    bytes
        PNG; what lies beyond the frame of a picture is darkened.
    """
    tiles = [
        _tile(batch.pixels[index].numpy(), batch.labels[index], inside.numpy())
        for batch in batches
        for index, inside in enumerate(batch.inside)
    ]
    side = tiles[0].shape[0] + _GAP
    rows = -(-len(tiles) // _ACROSS)
    sheet = np.full((rows * side + _GAP, _ACROSS * side + _GAP, 3), 255, np.uint8)
    for index, tile in enumerate(tiles):
        top, left = (place * side + _GAP for place in divmod(index, _ACROSS))
        sheet[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
    stream = io.BytesIO()
    Sheet.fromarray(sheet).save(stream, "PNG")
    return stream.getvalue()


def shown(picture: Picture) -> bytes:
    """A whole picture as a network sees it, its own size: PNG, grey or colour."""
    unit = picture.normalisation(picture.levels[0])
    grey = np.rint(np.clip(unit, 0, 1) * 255).astype(np.uint8)
    stream = io.BytesIO()
    Sheet.fromarray(grey[..., 0] if grey.shape[2] == 1 else grey).save(stream, "PNG")
    return stream.getvalue()


def _tile(pixels: Array, labels: Array, inside: Array) -> Array:
    """(S, S, 3) uint8 of one patch, with the outlines of its objects."""
    seen = np.clip(pixels.transpose(1, 2, 0), 0, 1) * np.where(inside, 255, 60)[..., None]
    tile: Array = seen.astype(np.uint8)
    rim = np.zeros(labels.shape, bool)
    rim[1:] |= labels[1:] != labels[:-1]
    rim[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    tile[rim] = _LINE
    return tile
