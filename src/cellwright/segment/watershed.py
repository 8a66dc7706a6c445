"""The method ``watershed``: cells outlined by their borders, found by flooding."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field
from scipy import ndimage
from skimage.segmentation import watershed

from cellwright.core.image import Array, Image
from cellwright.core.labels import Labels, Objects
from cellwright.core.method import Options
from cellwright.segment.basins import basins
from cellwright.segment.borders import border_polarity_of, border_strength
from cellwright.segment.foreground import has_two_classes, polarity_of
from cellwright.segment.grey import Grey, grey_of
from cellwright.segment.histogram import otsu
from cellwright.segment.numbering import renumber, without_small
from cellwright.segment.object_size import distance_inside, typical_diameter

__all__ = ["METHOD", "Watershed", "WatershedOptions"]

SCALE_SHARE = 0.15
"""Width of the filter that finds borders, in diameters of a cell."""

LEAST_SCALE, FIRST_SCALE = 1.0, 2.0
"""In pixels: no line is finer than the first; the second is where the search begins."""


class WatershedOptions(Options):
    """Options of the method ``watershed``."""

    seeds: Literal["distance", "intensity"] = Field(
        "distance",
        description="One seed a cell: where it is far from borders, or where borders are weakest.",
    )
    borders: Literal["auto", "bright", "dark"] = Field(
        "auto", description="Whether borders are brighter or darker than cells."
    )
    diameter: float | None = Field(
        None, gt=0, description="Of a typical cell in pixels; without, found in the picture."
    )
    neck: float = Field(
        0.6, gt=0, le=1, description="Seeds by distance: a pass below this share parts two."
    )
    depth: float = Field(
        0.3, ge=0, description="Seeds by intensity: least height of a border between two cells,"
        " in heights of a typical border.",
    )  # fmt: skip
    background: bool = Field(
        False, description="Whether there is ground between the cells; without, all is cell."
    )
    min_area: float | None = Field(
        None, ge=0, description="Smallest cell in pixels; without, a tenth of the median area."
    )


TEXTURE = 10.0
"""Estimated diameter in pixels below which a sheet of cells is probably grain or texture: no
border could be seen in cells so small."""


class Watershed:
    """Watershed of the borders; see `WatershedOptions`."""

    name = "watershed"
    version = 2
    options: type[Options] = WatershedOptions
    memory = 120
    """Bytes a pixel: 50 measured, and room for 64-bit floats."""

    def segment(self, image: Image, options: WatershedOptions) -> Objects:
        """Find the cells of one plane; see `cellwright.core.method.Method`."""
        grey = grey_of(image)
        decisions: dict[str, float | str] = {"grey": grey.sample}
        if grey.is_constant:
            decisions["no_objects"] = "constant picture"
            labels = np.zeros(grey.plane.shape, np.uint32)
        elif not has_two_classes(ndimage.gaussian_filter(grey.plane, LEAST_SCALE, mode="nearest")):
            decisions["no_objects"] = "no contrast beyond noise"
            labels = np.zeros(grey.plane.shape, np.uint32)
        else:
            labels = _segment(grey, options, decisions)
        return Objects({"cell": Labels(labels, "YX", spacing=image.spacing)}, decisions=decisions)


def _segment(grey: Grey, options: WatershedOptions, decisions: dict[str, float | str]) -> Array:
    plane = grey.plane
    scale = FIRST_SCALE if options.diameter is None else _scale(options.diameter)
    polarity = options.borders
    if polarity == "auto":
        polarity = border_polarity_of(plane, scale)
    strength = border_strength(plane, scale, polarity)
    diameter = options.diameter
    if diameter is None:
        diameter = typical_diameter(_distance(strength))
        scale = _scale(diameter)
        strength = border_strength(plane, scale, polarity)
    mask = _foreground(plane, scale) if options.background else np.ones(plane.shape, bool)
    seeds = _seeds(strength, mask, options)
    labels = watershed(strength, seeds, mask=mask)  # type: ignore[no-untyped-call]
    labels, least, removed = without_small(labels, options.min_area)
    decisions |= {
        "borders": polarity,
        "diameter_px": round(diameter, 2),
        "scale_px": round(scale, 2),
        "min_area_px": round(least, 2),
        "removed_small": removed,
    }
    if options.diameter is None and diameter < TEXTURE:
        decisions["warning"] = (
            f"the cells seem to be {diameter:.0f} px wide: probably texture, give --diameter"
        )
    return renumber(labels)


def _scale(diameter: float) -> float:
    return max(diameter * SCALE_SHARE, LEAST_SCALE)


def _distance(strength: Array) -> Array:
    return distance_inside(strength <= otsu(strength)[0])


def _seeds(strength: Array, mask: Array, options: WatershedOptions) -> Array:
    if options.seeds == "intensity":
        typical = otsu(strength)[0]
        landscape = np.exp(-strength / typical)
        parts = basins(landscape, mask, float(np.exp(-options.depth)))
        inner = landscape
    else:
        inner = np.where(mask, _distance(strength), 0)
        parts = basins(inner, inner > 0, options.neck)
    heights = ndimage.maximum(inner, parts, np.arange(parts.max() + 1))
    return np.where(inner >= 0.5 * np.asarray(heights)[parts], parts, 0)


def _foreground(plane: Array, scale: float) -> Array:
    smooth = ndimage.gaussian_filter(plane, 2 * scale, mode="nearest")
    upper: Array = smooth > otsu(smooth)[0]
    return upper if polarity_of(smooth) == "bright" else ~upper


METHOD = Watershed()
