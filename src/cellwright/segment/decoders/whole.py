"""What decoders share that look at a whole plane at once: small ones left out, traits."""

from __future__ import annotations

import numpy as np

from cellwright.core.errors import UsageError
from cellwright.core.image import Array
from cellwright.segment.blocks import Window
from cellwright.segment.decoder import TRAITS, Objects
from cellwright.segment.network_maps import SIZE_UNIT
from cellwright.segment.numbering import renumber

__all__ = ["MOST_PIXELS", "finished", "whole_of"]

MOST_PIXELS = 200_000_000
"""Of a plane, as the network sees it, that is decoded at once: about 5 GB of memory."""


def whole_of(labels: Array) -> Window:
    """Window of the whole plane.

    Raises
    ------
    UsageError
        If it is too large for a decoder that cannot work in parts.
    """
    rows, columns = labels.shape
    if rows * columns > MOST_PIXELS:
        raise UsageError(
            f"a plane of {rows} × {columns} pixels is too large for this model's decoder",
            remedy="cut it into parts, or take a model of the architecture `instance`",
        )
    return Window(0, 0, rows, columns)


def finished(found: Array, inside: Array, labels: Array, least_area: float) -> Objects:
    """Number objects by rows, and describe them.

    Parameters
    ----------
    found
        (Y, X) whole numbers, 0 is ground.
    inside
        (Y, X) float32 probability of an object.
    labels
        (Y, X) uint32, to be filled.
    least_area
        Of an object, in pixels.
    """
    area = np.bincount(found.ravel())
    small = area < least_area
    labels[...] = renumber(np.where(small[found], 0, found))
    area = np.bincount(labels.ravel())
    pixels = np.maximum(area, 1)
    mean = np.bincount(labels.ravel(), inside.ravel(), area.size) / pixels
    traits = np.zeros((area.size, len(TRAITS)))
    traits[:, TRAITS.index("area")] = area
    traits[:, TRAITS.index("foreground")] = mean
    traits[:, TRAITS.index("size")] = np.log2(2 * np.sqrt(pixels / np.pi) / SIZE_UNIT)
    traits[0] = 0
    return Objects(traits)
