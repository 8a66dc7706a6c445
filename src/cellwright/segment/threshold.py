"""The method ``threshold``: light above background, touching objects parted by watershed."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field
from scipy import ndimage

from cellwright.core.image import Array, Image
from cellwright.core.labels import Labels, Objects
from cellwright.core.method import Options
from cellwright.segment.background import without_background
from cellwright.segment.foreground import (
    Foreground,
    background_and_noise,
    foreground_of,
    half_height,
    has_two_classes,
    local_foreground,
    polarity_of,
)
from cellwright.segment.grey import Grey, grey_of
from cellwright.segment.haze import without_haze
from cellwright.segment.holes import fill_small_holes, fill_within_objects
from cellwright.segment.numbering import renumber, without_small
from cellwright.segment.object_size import distance_inside, typical_diameter
from cellwright.segment.splitting import split

__all__ = ["METHOD", "Threshold", "ThresholdOptions"]


class ThresholdOptions(Options):
    """Options of the method ``threshold``."""

    algorithm: Literal["otsu", "li", "triangle", "yen", "isodata", "minimum", "mean", "local"] = (
        Field("otsu", description="How the threshold is found; local: above the surroundings.")
    )
    level: float | None = Field(
        None, description="Fixed threshold in the picture's own intensities, instead."
    )
    polarity: Literal["auto", "bright", "dark"] = Field(
        "auto", description="Whether objects are brighter or darker than their ground."
    )
    smoothing: float = Field(
        1.0, ge=0, le=50, description="Deviation of the Gaussian before the threshold, in pixels."
    )
    background: Literal["off", "auto"] = Field(
        "auto", description="Subtract slow changes of the ground; auto: wider than the objects."
    )
    half_height: bool = Field(
        True, description="Draw each outline at half of the object's own height."
    )
    split: bool = Field(True, description="Part touching objects.")
    neck: float = Field(
        0.85,
        gt=0,
        le=1,
        description="Part two objects where the neck is below this share of the smaller one's"
        " width; higher parts more.",
    )
    diameter: float | None = Field(
        None, gt=0, description="Of a typical object in pixels; without, found in the picture."
    )
    fill_holes: bool = Field(True, description="Give enclosed background to the object.")
    min_area: float | None = Field(
        None, ge=0, description="Smallest object in pixels; without, a tenth of the median area."
    )


class Threshold:
    """Threshold and watershed; see `ThresholdOptions`."""

    name = "threshold"
    version = 1
    options: type[Options] = ThresholdOptions
    memory = 120
    """Bytes a pixel: 65 measured (16-bit grey and 8-bit colour), and room for 64-bit floats."""

    def segment(self, image: Image, options: ThresholdOptions) -> Objects:
        """Find the objects of one plane; see `cellwright.core.method.Method`."""
        grey = grey_of(image)
        decisions: dict[str, float | str] = {"grey": grey.sample}
        if grey.is_constant:
            decisions["no_objects"] = "constant picture"
            labels = np.zeros(grey.plane.shape, np.uint32)
        else:
            labels = _segment(grey, options, decisions)
        return Objects({"cell": Labels(labels, "YX", spacing=image.spacing)}, decisions=decisions)


def _segment(grey: Grey, options: ThresholdOptions, decisions: dict[str, float | str]) -> Array:
    nothing = np.zeros(grey.plane.shape, np.uint32)
    automatic = options.level is None
    smooth = _smoothed(grey.plane, options.smoothing)
    if automatic and not has_two_classes(smooth):
        decisions["no_objects"] = "no contrast beyond noise"
        return nothing
    polarity = polarity_of(smooth) if options.polarity == "auto" else options.polarity
    decisions["polarity"] = polarity
    bright = polarity == "bright"
    heights = grey.plane if bright else 1 - grey.plane
    smooth = smooth if bright else 1 - smooth
    if options.background == "auto" and automatic:
        flat = without_background(heights, smooth, options.diameter)
        decisions["background"] = "left: too little ground" if flat is None else "subtracted"
        if flat is not None:
            heights, smooth = flat, _smoothed(flat, options.smoothing)
    front = _foreground(smooth, heights, grey, bright, options)
    if decisions.get("background") == "subtracted":
        decisions["threshold_above_ground"] = front.threshold * (grey.high - grey.low)
    else:
        level = front.threshold if bright else 1 - front.threshold
        decisions["threshold"] = grey.intensity(level)
    decisions["threshold_rule"] = front.rule
    if not front.mask.any():
        decisions["no_objects"] = "nothing above the threshold"
        return nothing
    labels, diameter = _parts(front.mask, heights, front.base, options)
    if options.half_height and automatic:
        mask = half_height(smooth, labels, front.base)
        if mask.any():
            labels, diameter = _parts(mask, heights, front.base, options)
    if automatic:
        labels, haze = without_haze(smooth, labels, front.base)
        decisions["removed_haze"] = haze
    labels, least, small = without_small(labels, options.min_area, _spot(options.smoothing))
    decisions |= {
        "diameter_px": round(diameter, 2),
        "min_area_px": round(least, 2),
        "removed_small": small,
    }
    return renumber(labels)


def _spot(smoothing: float) -> float:
    """Area of a point of light after smoothing, at half height: nothing real is smaller."""
    return float(2 * np.pi * np.log(2) * smoothing**2)


def _smoothed(plane: Array, smoothing: float) -> Array:
    if smoothing == 0:
        return plane
    smooth: Array = ndimage.gaussian_filter(plane, smoothing, mode="nearest")
    return smooth


def _foreground(
    smooth: Array, heights: Array, grey: Grey, bright: bool, options: ThresholdOptions
) -> Foreground:
    base, noise = background_and_noise(heights, smooth, options.smoothing)
    if options.level is not None:
        level = grey.value(options.level)
        level = level if bright else 1 - level
        return Foreground(smooth > np.float32(level), base, level, "level")
    if options.algorithm != "local":
        return foreground_of(smooth, base, noise, options.algorithm)
    diameter = options.diameter
    if diameter is None:
        first = foreground_of(smooth, base, noise, "otsu").mask
        diameter = typical_diameter(distance_inside(first)) if first.any() else 1.0
    return local_foreground(smooth, base, noise, diameter)


def _parts(
    mask: Array, heights: Array, base: float, options: ThresholdOptions
) -> tuple[Array, float]:
    diameter = options.diameter
    if options.fill_holes:
        mask = fill_small_holes(mask, diameter)
    if options.split:
        labels, diameter = split(mask, heights, base, options.neck, diameter)
    else:
        labels, _ = ndimage.label(mask, np.ones((3, 3), bool))
        diameter = diameter or typical_diameter(distance_inside(mask))
    return (fill_within_objects(labels) if options.fill_holes else labels), diameter


METHOD = Threshold()
