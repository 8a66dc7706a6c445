"""The cells of one plane, laid out so that a feature is a few array operations over all of them.

A label image is kept as horizontal *runs*: stretches of one label within a row, sorted by
label, then row, then column. Areas, boxes, moments and hulls come from the runs alone (some
eight a cell); only intensities and outlines look at pixels, and then at the foreground's.
Within a region everything stands in raster order, so neither the numbers that the labels
happen to have nor the other cells change a cell's sums, to the last bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from cellwright.core.errors import UsageError
from cellwright.core.image import Array, Spacing

__all__ = ["Boundary", "Boxes", "Floats", "Integers", "Moments", "Regions", "Runs"]

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

PIXEL_MOMENT = 1.0 / 12.0
"""Second moment of a unit pixel about its own middle: a pixel is a square, not a point."""

UNKNOWN_SPACING = Spacing()

BOUNDARY_MARGIN = 2
"""Rows and columns of background around the outline image, so that looking at a neighbour of
a pixel needs no check of the picture's border: as far as the neighbour count looks."""


@dataclass(frozen=True, eq=False)
class Runs:
    """Horizontal stretches of one label, sorted by region, row and column; each array is (R,).

    Attributes
    ----------
    owner
        Index of the region in ``Regions.labels``.
    row
        Row of the run.
    first, stop
        First column, and the one after the last.
    """

    owner: Integers
    row: Integers
    first: Integers
    stop: Integers

    @property
    def length(self) -> Integers:
        """Pixels in each run."""
        return self.stop - self.first


@dataclass(frozen=True, eq=False)
class Boxes:
    """Bounding boxes, each array (N,), in pixels; `bottom` and `right` are one past the last."""

    top: Integers
    left: Integers
    bottom: Integers
    right: Integers

    @property
    def height(self) -> Integers:
        """Rows in each box."""
        return self.bottom - self.top

    @property
    def width(self) -> Integers:
        """Columns in each box."""
        return self.right - self.left


@dataclass(frozen=True, eq=False)
class Moments:
    """Centroids and second central moments of area, each array (N,).

    Attributes
    ----------
    y, x
        Centroid in pixels from the middle of the picture's first pixel.
    yy, xx, yx
        Second central moments over the area, in px². The pixels are unit squares: `yy` and
        `xx` hold each pixel's own 1/12, so a rectangle of h × w pixels has exactly
        h²/12 and w²/12.
    """

    y: Floats
    x: Floats
    yy: Floats
    xx: Floats
    yx: Floats


@dataclass(frozen=True, eq=False)
class Boundary:
    """Pixels of the regions that have a pixel of something else above, below, left or right.

    Attributes
    ----------
    image
        (Y + 2 m, X + 2 m) uint32 with a margin of m = ``BOUNDARY_MARGIN``: at the boundary
        pixels the index of the region plus 1, elsewhere 0.
    position
        (B,) flat positions of the boundary pixels in `image`, sorted by region.
    owner
        (B,) index of the region of each.
    """

    image: npt.NDArray[np.uint32]
    position: Integers
    owner: Integers


class Regions:
    """The foreground of a label image, and the pixels of the channels below it.

    Parameters
    ----------
    labels
        (Y, X) uint32; 0 is background. The numbers may have gaps and reach 2³² - 1; all
        pixels of one number are one region, in one piece or not.
    planes
        From the name of a channel to its (Y, X) pixels, of any number type.
    spacing
        Pixel size of the picture.

    Attributes
    ----------
    labels
        (N,) the labels that are there, ascending: the order of all per-region arrays.
    count
        N.
    shape
        (Y, X) of the plane.
    starts
        (N,) index of the first run of each region.

    Raises
    ------
    UsageError
        If `labels` is not a plane of whole numbers, or a channel has another shape.

    Examples
    --------
    >>> regions = Regions(np.array([[7, 7, 0], [7, 0, 4_000_000_000]], np.uint32), {})
    >>> regions.labels, regions.area
    (array([         7, 4000000000]), array([3, 1]))
    """

    def __init__(
        self, labels: Array, planes: Mapping[str, Array], spacing: Spacing = UNKNOWN_SPACING
    ) -> None:
        if labels.ndim != 2 or not np.issubdtype(labels.dtype, np.integer):
            raise UsageError(
                f"labels to be measured are a plane of whole numbers, not {labels.dtype} "
                f"with the shape {labels.shape}"
            )
        if np.issubdtype(labels.dtype, np.signedinteger) and labels.size and labels.min() < 0:
            raise UsageError("labels to be measured are not below 0")
        for name, plane in planes.items():
            if plane.shape != labels.shape:
                raise UsageError(
                    f"the channel {name!r} has the shape {plane.shape}, its labels {labels.shape}",
                    remedy="give the picture that the labels were made from",
                )
        self.image = labels
        self.planes = dict(planes)
        self.spacing = spacing
        self.shape: tuple[int, int] = (labels.shape[0], labels.shape[1])
        self.labels, self.starts, self.runs = _find_runs(labels)
        self.count = len(self.labels)

    def total(self, of_runs: Array) -> Array:
        """Sum a value of each run (R,) over each region (N,)."""
        return np.asarray(np.add.reduceat(of_runs, self.starts))

    def total_pixels(self, of_pixels: Array) -> Array:
        """Sum a value of each foreground pixel (P,), as `pixels` has them, over each region."""
        return np.asarray(np.add.reduceat(of_pixels, self.pixel_starts))

    def spread(self, of_regions: Array) -> Array:
        """Repeat a value of each region (N,) for each of its pixels (P,)."""
        return np.repeat(of_regions, self.area)

    @cached_property
    def area(self) -> Integers:
        """Pixels of each region, (N,)."""
        return self.total(self.runs.length)

    @cached_property
    def boxes(self) -> Boxes:
        """Bounding boxes."""
        runs = self.runs
        last = np.append(self.starts[1:], len(runs.row))[: self.count] - 1
        return Boxes(
            top=runs.row[self.starts],
            left=np.minimum.reduceat(runs.first, self.starts),
            bottom=runs.row[last] + 1,
            right=np.maximum.reduceat(runs.stop, self.starts),
        )

    @cached_property
    def moments(self) -> Moments:
        """Centroids and second central moments, from closed sums over the runs."""
        runs, boxes, area = self.runs, self.boxes, self.area
        n = runs.length
        # Counted from the corner of the region's box, in whole numbers: a shift changes nothing.
        y = runs.row - boxes.top[runs.owner]
        a = runs.first - boxes.left[runs.owner]
        row_x = n * a + n * (n - 1) // 2
        row_xx = n * a * a + a * n * (n - 1) + (n - 1) * n * (2 * n - 1) // 6
        sum_y, sum_x = self.total(n * y), self.total(row_x)
        mean_y, mean_x = sum_y / area, sum_x / area
        return Moments(
            y=boxes.top + mean_y,
            x=boxes.left + mean_x,
            yy=(self.total(n * y * y) - sum_y * mean_y) / area + PIXEL_MOMENT,
            xx=(self.total(row_xx) - sum_x * mean_x) / area + PIXEL_MOMENT,
            yx=(self.total(row_x * y) - sum_y * mean_x) / area,
        )

    @cached_property
    def pixel_starts(self) -> Integers:
        """Index of the first of each region's pixels among all foreground pixels, (N,)."""
        return np.cumsum(self.area) - self.area

    @cached_property
    def pixels(self) -> Integers:
        """Flat positions of the foreground's pixels, by region and in raster order, (P,)."""
        n = self.runs.length
        before = np.cumsum(n) - n
        positions = np.repeat(self.runs.row * self.shape[1] + self.runs.first - before, n)
        positions += np.arange(len(positions))
        return positions

    def values(self, channel: str) -> Floats:
        """Intensities of the foreground's pixels, (P,); NaN where the pixel is not finite.

        Raises
        ------
        UsageError
            If there is no such channel.
        """
        if channel not in self.planes:
            raise UsageError(
                f"there is no channel {channel!r}", remedy="there are " + ", ".join(self.planes)
            )
        values: Floats = self.planes[channel].ravel()[self.pixels].astype(np.float64)
        values[np.isinf(values)] = np.nan
        return values

    @cached_property
    def boundary(self) -> Boundary:
        """Boundary pixels: those with something else, or the picture's border, beside them."""
        height, width = self.shape
        same = np.zeros((height, width), bool)
        if height > 2 and width > 2:
            middle, inner = self.image[1:-1, 1:-1], same[1:-1, 1:-1]
            np.equal(middle, self.image[:-2, 1:-1], out=inner)
            for beside in (self.image[2:, 1:-1], self.image[1:-1, :-2], self.image[1:-1, 2:]):
                inner &= middle == beside
        outside = ~same.ravel()[self.pixels]
        pixel = self.pixels[outside]
        owner = self.spread(np.arange(self.count))[outside]
        margin = BOUNDARY_MARGIN
        padded = np.zeros((height + 2 * margin, width + 2 * margin), np.uint32)
        row = pixel // max(width, 1)
        position = pixel + 2 * margin * row + margin * padded.shape[1] + margin
        padded.ravel()[position] = owner + 1
        return Boundary(padded, position, owner)


def _find_runs(image: Array) -> tuple[Integers, Integers, Runs]:
    """Find labels, index of the first run of each, and all runs, sorted by label."""
    begins = np.ones(image.shape, bool)
    np.not_equal(image[:, 1:], image[:, :-1], out=begins[:, 1:])
    begin = np.flatnonzero(begins)
    stop = np.append(begin[1:], image.size)[: len(begin)]
    value: Any = image.ravel()[begin]
    inside = np.flatnonzero(value)
    order = inside[np.argsort(value[inside], kind="stable")]
    value, begin, stop = value[order], begin[order], stop[order]

    new = np.ones(len(value), bool)
    np.not_equal(value[1:], value[:-1], out=new[1:])
    starts = np.flatnonzero(new)
    width = max(image.shape[1], 1)
    row = begin // width
    runs = Runs(np.cumsum(new) - 1, row, begin - row * width, stop - row * width)
    return value[starts].astype(np.int64), starts, runs
