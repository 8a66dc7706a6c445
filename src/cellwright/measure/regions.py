"""The cells of one plane, laid out so that a feature is a few array operations over all of them.

A label image is kept as horizontal *runs*: stretches of one label within a row, sorted by
label, then row, then column. Areas, boxes, moments and hulls come from the runs alone (some
eight a cell); only intensities and outlines look at pixels, and then at the foreground's.
Within a region everything stands in raster order, so neither the numbers that the labels
happen to have nor the other cells change a cell's sums, to the last bit.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
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

SIZE_CLASSES_PER_OCTAVE = 4
"""Cells are sorted together whose areas differ by less than a factor of 2^(1/4)."""

SORTED_AT_ONCE = 2**22
"""Values in one such sort: 32 MiB, and as much again for their places."""

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
    origin
        Row and column in the picture of the first pixel of `labels`, if that is a window of a
        larger picture. All positions here count from there, but for `centroids`.
    picture_shape
        (Y, X) of the picture; that of `labels` by default.
    only
        The labels, ascending, that are regions; the others of a window lie there to be looked
        at in `image`. All by default.

    Attributes
    ----------
    image
        The label image, as it was given.
    labels
        (N,) the labels that are there, ascending: the order of all per-region arrays.
    count
        N.
    shape
        (Y, X) of `image`.
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
        self,
        labels: Array,
        planes: Mapping[str, Array],
        spacing: Spacing = UNKNOWN_SPACING,
        *,
        origin: tuple[int, int] = (0, 0),
        picture_shape: tuple[int, int] | None = None,
        only: Integers | None = None,
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
        self.origin = origin
        self.picture_shape = self.shape if picture_shape is None else picture_shape
        self.labels, self.starts, self.runs = _find_runs(labels, only)
        self.count = len(self.labels)

    def in_channels(self, channels: Sequence[str]) -> Regions:
        """Give the same regions with some of the channels, in the order of the picture.

        Raises
        ------
        UsageError
            If there is no such channel.
        """
        for channel in channels:
            self._check_channel(channel)
        view = copy.copy(self)
        view.planes = {name: plane for name, plane in self.planes.items() if name in channels}
        return view

    def _check_channel(self, channel: str) -> None:
        if channel not in self.planes:
            raise UsageError(
                f"there is no channel {channel!r}", remedy="there are " + ", ".join(self.planes)
            )

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
        row_x = self._row_sums
        row_xx = n * a * a + a * n * (n - 1) + (n - 1) * n * (2 * n - 1) // 6
        sum_y, sum_x = self._sums
        mean_y, mean_x = sum_y / area, sum_x / area
        return Moments(
            y=boxes.top + mean_y,
            x=boxes.left + mean_x,
            yy=(self.total(n * y * y) - sum_y * mean_y) / area + PIXEL_MOMENT,
            xx=(self.total(row_xx) - sum_x * mean_x) / area + PIXEL_MOMENT,
            yx=(self.total(row_x * y) - sum_y * mean_x) / area,
        )

    @cached_property
    def centroids(self) -> tuple[Floats, Floats]:
        """Rows and columns of the centroids, each (N,), in pixels of the whole picture."""
        sum_y, sum_x = self._sums
        top, left = self.boxes.top + self.origin[0], self.boxes.left + self.origin[1]
        # Whole numbers first: a window gives the same bits as the picture.
        return top + sum_y / self.area, left + sum_x / self.area

    @cached_property
    def _row_sums(self) -> Integers:
        """Sum of the columns of each run's pixels, from the left of the region's box, (R,)."""
        n, runs = self.runs.length, self.runs
        return np.asarray(n * (runs.first - self.boxes.left[runs.owner]) + n * (n - 1) // 2)

    @cached_property
    def _sums(self) -> tuple[Integers, Integers]:
        """Sums of rows and columns over each region, from the corner of its box, each (N,)."""
        runs = self.runs
        rows = runs.length * (runs.row - self.boxes.top[runs.owner])
        return self.total(rows), self.total(self._row_sums)

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
        self._check_channel(channel)
        values: Floats = self.planes[channel].ravel()[self.pixels].astype(np.float64)
        values[np.isinf(values)] = np.nan
        return values

    def sorted_values(self, values: Floats) -> Iterator[tuple[Integers, Floats]]:
        """Sort the values (P,) of the pixels of each region; NaN comes last.

        Regions of about the same size are sorted together, as rows of one array that is filled
        up with NaN: a few dozen sorts for any number of cells.

        Yields
        ------
        tuple
            Indices (M,) of some regions, and an array (M, width) with a row for each. Over all
            times each region comes once.
        """
        size_class = np.ceil(SIZE_CLASSES_PER_OCTAVE * np.log2(self.area))
        order = np.argsort(size_class, kind="stable")
        sizes = size_class[order]
        begin = 0
        while begin < len(order):
            # As many as fit, and not beyond the class of the first.
            end = int(np.searchsorted(sizes, sizes[begin], side="right"))
            width = int(self.area[order[begin:end]].max())
            members = order[begin : min(end, begin + max(1, SORTED_AT_ONCE // width))]
            begin += len(members)
            area, place = self.area[members, None], np.arange(width)
            rows = values[self.pixel_starts[members, None] + np.minimum(place, area - 1)]
            rows[place >= area] = np.nan
            rows.sort(axis=1)
            yield members, rows

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


def _find_runs(image: Array, only: Integers | None) -> tuple[Integers, Integers, Runs]:
    """Find labels, index of the first run of each, and all runs, sorted by label."""
    begins = np.ones(image.shape, bool)
    np.not_equal(image[:, 1:], image[:, :-1], out=begins[:, 1:])
    begin = np.flatnonzero(begins)
    stop = np.append(begin[1:], image.size)[: len(begin)]
    value: Any = image.ravel()[begin]
    inside = np.flatnonzero(value)
    if only is not None:
        place = np.minimum(np.searchsorted(only, value[inside]), max(len(only) - 1, 0))
        inside = inside[only[place] == value[inside]] if len(only) else inside[:0]
    order = inside[np.argsort(value[inside], kind="stable")]
    value, begin, stop = value[order], begin[order], stop[order]

    new = np.ones(len(value), bool)
    np.not_equal(value[1:], value[:-1], out=new[1:])
    starts = np.flatnonzero(new)
    width = max(image.shape[1], 1)
    row = begin // width
    runs = Runs(np.cumsum(new) - 1, row, begin - row * width, stop - row * width)
    return value[starts].astype(np.int64), starts, runs
