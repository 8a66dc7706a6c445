"""The method ``threshold``: light above background, touching objects parted by watershed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from pydantic import Field

from cellwright.core.image import Image
from cellwright.core.labels import Labels, Objects
from cellwright.core.method import LabelSink, Options, PlaneSource, Progress
from cellwright.segment.foreground import Polarity, above_noise
from cellwright.segment.grey import Scale, grey_of
from cellwright.segment.holes import Holed, fill_small
from cellwright.segment.threshold_plane import WholePlane

__all__ = ["METHOD", "Stages", "Threshold", "ThresholdOptions", "find_objects"]


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


SCRATCH = 20
"""Bytes of disk for each pixel of a large plane."""


class Threshold:
    """Threshold and watershed; see `ThresholdOptions`."""

    name = "threshold"
    version = 2
    options: type[Options] = ThresholdOptions
    memory = 120
    """Bytes a pixel: 65 measured (16-bit grey and 8-bit colour), and room for 64-bit floats."""

    kind = "cell"
    scratch = SCRATCH

    def segment(self, image: Image, options: ThresholdOptions) -> Objects:
        """Find the objects of one plane; see `cellwright.core.method.Method`."""
        grey = grey_of(image)
        decisions: dict[str, float | str] = {"grey": grey.sample}
        labels = np.zeros(grey.plane.shape, np.uint32)
        if grey.is_constant:
            decisions["no_objects"] = "constant picture"
        else:
            stages = WholePlane(grey.plane, options.smoothing)
            if find_objects(stages, grey, options, decisions):
                labels = stages.labels()
        kinds = {self.kind: Labels(labels, "YX", spacing=image.spacing)}
        return Objects(kinds, decisions=decisions)

    def segment_large(
        self,
        plane: PlaneSource,
        options: ThresholdOptions,
        labels: LabelSink,
        scratch: Path,
        progress: Progress | None = None,
    ) -> Mapping[str, float | str]:
        """Find the objects of a large plane; see `cellwright.core.method.LargeMethod`."""
        from cellwright.segment.threshold_large import segment_blocks

        return segment_blocks(plane, options, labels, scratch, progress)


class Stages(Holed, Protocol):
    """What the method does to a plane, in this order; the plane may be in memory or on disk."""

    def has_two_classes(self) -> bool:
        """See `foreground.has_two_classes`."""
        ...

    def polarity(self) -> Polarity:
        """See `foreground.polarity_of`."""
        ...

    def invert(self) -> None:
        """Make dark objects high."""
        ...

    def subtract_ground(self, diameter: float | None) -> bool:
        """Subtract the ground if there is enough of it; see `background.without_background`."""
        ...

    def background_and_noise(self) -> tuple[float, float]:
        """See `foreground.background_and_noise`."""
        ...

    def root_threshold(self, base: float, algorithm: str) -> float:
        """Threshold of `foreground.roots_above`."""
        ...

    def cut(self, threshold: float) -> None:
        """Take what is higher as the mask."""
        ...

    def cut_locally(self, noise: float, window: float) -> float:
        """Take what is higher than its surroundings; the median of these is returned."""
        ...

    def any(self) -> bool:
        """Whether there is anything in the mask."""
        ...

    def part(self, base: float, diameter: float, neck: float | None, *, fill: bool) -> None:
        """Number the objects of the mask; without a neck those that touch are one."""
        ...

    def half_height(self, base: float) -> bool:
        """Take `foreground.half_height` as the mask; False, and nothing done, if it is empty."""
        ...

    def without_haze(self, base: float) -> int:
        """See `haze.without_haze`."""
        ...

    def without_small(self, least: float | None, floor: float) -> tuple[float, int]:
        """See `numbering.without_small`."""
        ...


def find_objects(
    stages: Stages, scale: Scale, options: ThresholdOptions, decisions: dict[str, float | str]
) -> bool:
    """Go through the stages.

    Parameters
    ----------
    stages
        With the plane.
    scale
        Of its intensities.
    options
        Of the method.
    decisions
        Gets what is found out on the way.

    Returns
    -------
    bool
        Whether there are objects.
    """
    automatic = options.level is None
    if automatic and not stages.has_two_classes():
        decisions["no_objects"] = "no contrast beyond noise"
        return False
    polarity = stages.polarity() if options.polarity == "auto" else options.polarity
    decisions["polarity"] = polarity
    bright = polarity == "bright"
    if not bright:
        stages.invert()
    if options.background == "auto" and automatic:
        subtracted = stages.subtract_ground(options.diameter)
        decisions["background"] = "subtracted" if subtracted else "left: too little ground"
    base, threshold, rule = _cut(stages, scale, bright, options)
    if decisions.get("background") == "subtracted":
        decisions["threshold_above_ground"] = threshold * (scale.high - scale.low)
    else:
        decisions["threshold"] = scale.intensity(threshold if bright else 1 - threshold)
    decisions["threshold_rule"] = rule
    if not stages.any():
        decisions["no_objects"] = "nothing above the threshold"
        return False
    diameter = _part(stages, base, options)
    if options.half_height and automatic and stages.half_height(base):
        diameter = _part(stages, base, options)
    if automatic:
        decisions["removed_haze"] = stages.without_haze(base)
    least, small = stages.without_small(options.min_area, _spot(options.smoothing))
    decisions |= {
        "diameter_px": round(diameter, 2),
        "min_area_px": round(least, 2),
        "removed_small": small,
    }
    return True


def _cut(
    stages: Stages, scale: Scale, bright: bool, options: ThresholdOptions
) -> tuple[float, float, str]:
    """Make the mask; height of the background, threshold, and what set it."""
    base, noise = stages.background_and_noise()
    if options.level is not None:
        level = scale.value(options.level)
        level = level if bright else 1 - level
        stages.cut(level)
        return base, level, "level"
    local = options.algorithm == "local"
    diameter = options.diameter
    if not local or diameter is None:
        algorithm = "otsu" if local else options.algorithm
        root = stages.root_threshold(base, algorithm)
        threshold, rule = above_noise(base, noise, root, algorithm)
        stages.cut(threshold)
        if not local:
            return base, threshold, rule
        diameter = stages.typical_diameter() if stages.any() else 1.0
    return base, stages.cut_locally(noise, diameter), "local"


def _part(stages: Stages, base: float, options: ThresholdOptions) -> float:
    """Number the objects; diameter of a typical one, as given or found."""
    diameter = options.diameter
    if options.fill_holes:
        fill_small(stages, diameter)
    if diameter is None:
        diameter = stages.typical_diameter()
    neck = options.neck if options.split else None
    stages.part(base, diameter, neck, fill=options.fill_holes)
    return diameter


def _spot(smoothing: float) -> float:
    """Area of a point of light after smoothing, at half height: nothing real is smaller."""
    return float(2 * np.pi * np.log(2) * smoothing**2)


METHOD = Threshold()
