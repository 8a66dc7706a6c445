"""The decoder ``walls``: objects are what lies between the borders that a network saw.

A cell is far from borders in its middle, so the middles of cells are the peaks of the distance to
the nearest border; peaks with a wide pass between them are one cell, which bridges the gaps of
broken borders. From its middle each cell floods what is around it until it meets another one, and
they meet where the border is most probable: borders become lines without width.
"""

from __future__ import annotations

import numpy as np
from pydantic import Field
from scipy import ndimage
from scipy.special import expit
from skimage.segmentation import watershed

from cellwright.core.image import Array
from cellwright.segment.basins import basins
from cellwright.segment.blocks import Window
from cellwright.segment.decoder import MapOptions, Objects, Told, level_of
from cellwright.segment.decoders.whole import finished, whole_of
from cellwright.segment.network_maps import Quantised
from cellwright.segment.object_size import distance_inside

__all__ = ["DECODER", "WallsOptions"]


class WallsOptions(MapOptions):
    """Options of the decoder ``walls``; lengths are in the network's pixels."""

    border: float = Field(0.5, gt=0, lt=1, description="Least probability of a border.")
    neck: float = Field(
        0.6, gt=0, le=1, description="Two middles are one cell if the pass between them is so wide."
    )
    smoothing: float = Field(
        1.0, ge=0, le=10, description="Deviation of a Gaussian over the probability of a border."
    )
    least_area: float = Field(10, ge=1, description="Smallest object, in the network's pixels.")


class _Walls:
    """The decoder; see `cellwright.segment.decoder.MapDecoder`."""

    name = "walls"
    version = 1
    options: type[MapOptions] = WallsOptions
    needs = (frozenset({"border"}),)
    takes = ("foreground", "border")

    def find(
        self, maps: Quantised, labels: Array, options: WallsOptions, told: Told = None
    ) -> Objects:
        whole = whole_of(labels)
        border = expit(maps.one("border", whole))
        mask = self.height(maps, whole, options) > 0
        deep = np.where(mask, distance_inside(border < options.border), np.float32(0))
        parts = basins(deep, deep > 0, options.neck)
        tops = np.asarray(ndimage.maximum(deep, parts, np.arange(parts.max() + 1)))
        seeds = np.where(deep >= tops[parts] / 2, parts, 0)
        smooth = ndimage.gaussian_filter(border, options.smoothing) if options.smoothing else border
        found = watershed(smooth, seeds, mask=mask)  # type: ignore[no-untyped-call]
        inside = (1 - border) * mask
        objects = finished(found, inside, labels, options.least_area)
        if told is not None:
            told(1, 1)
        return objects

    def height(self, maps: Quantised, window: Window, options: WallsOptions) -> Array:
        if "foreground" not in maps.channels:
            return np.ones(window.shape, np.float32)
        found: Array = maps.one("foreground", window) - level_of(options)
        return found


DECODER = _Walls()
