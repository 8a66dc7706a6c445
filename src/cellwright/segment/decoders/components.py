"""The decoder ``components``: connected pixels of the foreground are an object."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field
from scipy import ndimage
from scipy.special import expit

from cellwright.core.image import Array
from cellwright.segment.basins import basins
from cellwright.segment.blocks import Window
from cellwright.segment.decoder import MapOptions, Objects, Told, level_of
from cellwright.segment.decoders.whole import finished, whole_of
from cellwright.segment.network_maps import Quantised
from cellwright.segment.object_size import distance_inside

__all__ = ["DECODER", "ComponentsOptions"]

_EIGHT = np.ones((3, 3), bool)


class ComponentsOptions(MapOptions):
    """Options of the decoder ``components``; lengths are in the network's pixels."""

    level: Literal["fixed", "mean"] = Field(
        "fixed",
        description="Whether a pixel is foreground from `foreground` on, or above the mean "
        "probability of its own picture.",
    )
    holes: bool = Field(True, description="Whether holes in objects are filled.")
    neck: float | None = Field(
        None,
        gt=0,
        le=1,
        description="Objects are parted where they are narrower than this share of their width; "
        "without, never.",
    )
    least_area: float = Field(10, ge=1, description="Smallest object, in the network's pixels.")


class _Components:
    """The decoder; see `cellwright.segment.decoder.MapDecoder`."""

    name = "components"
    version = 1
    options: type[MapOptions] = ComponentsOptions
    needs = (frozenset({"foreground"}),)
    takes = ("foreground",)

    def find(
        self, maps: Quantised, labels: Array, options: ComponentsOptions, told: Told = None
    ) -> Objects:
        whole = whole_of(labels)
        chance = expit(maps.one("foreground", whole))
        mask = chance > expit(self._level(maps, options))
        if options.holes:
            mask = ndimage.binary_fill_holes(mask)
        if options.neck is None:
            found, _ = ndimage.label(mask, _EIGHT)
        else:
            found = basins(distance_inside(mask), mask, options.neck)
        objects = finished(found, chance, labels, options.least_area)
        if told is not None:
            told(1, 1)
        return objects

    def height(self, maps: Quantised, window: Window, options: ComponentsOptions) -> Array:
        found: Array = maps.one("foreground", window) - self._level(maps, options)
        return found

    def _level(self, maps: Quantised, options: ComponentsOptions) -> np.float32:
        """Logit above which a pixel is foreground."""
        if options.level == "fixed":
            return level_of(options)
        whole = Window(0, 0, *maps.values.shape[1:])
        mean = float(expit(maps.one("foreground", whole)).mean())
        return level_of(MapOptions(foreground=min(max(mean, 1e-3), 1 - 1e-3)))


DECODER = _Components()
