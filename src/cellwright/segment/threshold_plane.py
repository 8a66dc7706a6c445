"""The stages of the method ``threshold`` on a plane in memory."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from cellwright.core.image import Array
from cellwright.segment.background import without_background
from cellwright.segment.basins import basins
from cellwright.segment.foreground import (
    Polarity,
    background_and_noise,
    half_height,
    has_two_classes,
    polarity_of,
    roots_above,
    surroundings,
)
from cellwright.segment.haze import without_haze
from cellwright.segment.histogram import threshold_of
from cellwright.segment.holes import HoledMask, fill_within_objects
from cellwright.segment.numbering import renumber, without_small
from cellwright.segment.splitting import light_above

__all__ = ["WholePlane", "parted", "smoothed"]


def smoothed(plane: Array, smoothing: float) -> Array:
    """Smooth by a Gaussian of this deviation in pixels; 0 leaves the plane as it is."""
    if smoothing == 0:
        return plane
    smooth: Array = ndimage.gaussian_filter(plane, smoothing, mode="nearest")
    return smooth


def parted(mask: Array, landscape: Array | None, neck: float) -> Array:
    """Number the objects of a mask, with gaps; with a landscape parted where they touch."""
    if landscape is not None:
        return basins(landscape, mask, neck)
    labels, _ = ndimage.label(mask, np.ones((3, 3), bool))
    return np.asarray(labels)


class WholePlane(HoledMask):
    """The stages, as `threshold.Stages` names them, on arrays.

    Parameters
    ----------
    plane
        (Y, X) float32 between 0 and 1.
    smoothing
        Deviation of the Gaussian before the threshold, in pixels.
    """

    def __init__(self, plane: Array, smoothing: float) -> None:
        super().__init__(np.zeros(plane.shape, bool))
        self._smoothing = smoothing
        self._heights = plane
        self._smooth = smoothed(plane, smoothing)
        self._labels = np.zeros(plane.shape, np.int32)

    def has_two_classes(self) -> bool:
        """See `foreground.has_two_classes`."""
        return has_two_classes(self._smooth)

    def polarity(self) -> Polarity:
        """See `foreground.polarity_of`."""
        return polarity_of(self._smooth)

    def invert(self) -> None:
        """Make dark objects high."""
        self._heights, self._smooth = 1 - self._heights, 1 - self._smooth

    def subtract_ground(self, diameter: float | None) -> bool:
        """See `background.without_background`."""
        flat = without_background(self._heights, self._smooth, diameter)
        if flat is None:
            return False
        self._heights, self._smooth = flat, smoothed(flat, self._smoothing)
        return True

    def background_and_noise(self) -> tuple[float, float]:
        """See `foreground.background_and_noise`."""
        return background_and_noise(self._heights, self._smooth, self._smoothing)

    def root_threshold(self, base: float, algorithm: str) -> float:
        """Threshold of `foreground.roots_above`."""
        return threshold_of(roots_above(self._smooth, base), algorithm)

    def cut(self, threshold: float) -> None:
        """Take what is higher as the mask."""
        super().__init__(self._smooth > np.float32(threshold))

    def cut_locally(self, noise: float, window: float) -> float:
        """Take what is higher than its surroundings; the median of these is returned."""
        surface = surroundings(self._smooth, noise, window)
        super().__init__(self._smooth > surface)
        return float(np.median(surface))

    def any(self) -> bool:
        """Whether there is anything in the mask."""
        return bool(self.mask.any())

    def part(self, base: float, diameter: float, neck: float | None, *, fill: bool) -> None:
        """Number the objects of the mask; without a neck those that touch are one."""
        landscape = None
        if neck is not None:
            landscape = self.distance * light_above(self._heights, base, diameter)
        labels = parted(self.mask, landscape, neck or 0)
        self._labels = fill_within_objects(labels) if fill else labels

    def half_height(self, base: float) -> bool:
        """Take `foreground.half_height` as the mask; False, and nothing done, if it is empty."""
        mask = half_height(self._smooth, self._labels, base)
        if not mask.any():
            return False
        super().__init__(mask)
        return True

    def without_haze(self, base: float) -> int:
        """See `haze.without_haze`."""
        self._labels, removed = without_haze(self._smooth, self._labels, base)
        return removed

    def without_small(self, least: float | None, floor: float) -> tuple[float, int]:
        """See `numbering.without_small`."""
        self._labels, least, removed = without_small(self._labels, least, floor)
        return least, removed

    def labels(self) -> Array:
        """(Y, X) uint32, numbered from 1 by rows."""
        return renumber(self._labels)
