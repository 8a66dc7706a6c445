"""Single cells cut out of their pictures: at one scale, in one direction, of one brightness.

What lies around a cell is taken away, so that a crop shows the cell alone, and all crops of an
experiment can be put side by side, pixel by pixel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from cellwright.core.image import Array
from cellwright.measure.intensity import background_level, background_pixels

__all__ = [
    "INSIDE",
    "SIDE",
    "Crop",
    "Crops",
    "Expect",
    "Light",
    "Maps",
    "Place",
    "Scale",
    "crop_cell",
    "grey",
    "light_of",
]

SIDE = 32
"""Pixels of a side of a crop."""

_DARKEST = 0.02
"""Quantile of the cells' pixels that stands for the ground of a picture without any."""
_LEAST = 1e-9
_FAINTEST = 0.05
"""Brightness of a cell, in those of a typical one, below which it is not made brighter."""
_ROOM = 0.9
"""Share of usual cells that a crop has room for, whichever way they are turned: of so many the
diagonal of their box is shorter than its side."""
_AROUND = 8
"""Pixels around a cell's box, beyond which its ground is not looked for; more of large cells."""
_AROUND_SHARE = 0.25
INSIDE = 0.5
"""Share of a crop's pixel that lies in the cell, from which on it shows the cell."""

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Place:
    """Box of a cell in its picture, ends excluded, and its label."""

    label: int
    top: int
    left: int
    bottom: int
    right: int

    def window(self, shape: tuple[int, ...]) -> tuple[slice, slice]:
        """Part of a plane in which the cell and the ground around it lie."""
        rim = max(
            _AROUND, round(_AROUND_SHARE * max(self.bottom - self.top, self.right - self.left))
        )
        return (
            slice(max(self.top - rim, 0), min(self.bottom + rim, shape[0])),
            slice(max(self.left - rim, 0), min(self.right + rim, shape[1])),
        )


@dataclass(frozen=True)
class Light:
    """How bright a picture is.

    Attributes
    ----------
    ground
        Grey value of its ground.
    reach
        Mean distance of the grey values of a cell from the ground: the median over the cells.
    """

    ground: float
    reach: float


@dataclass(frozen=True)
class Scale:
    """Pixels of a picture that a pixel of a crop is wide, along rows and columns."""

    y: float
    x: float


@dataclass(frozen=True, eq=False)
class Crop:
    """A cell.

    Attributes
    ----------
    pixels
        (`SIDE`, `SIDE`) grey values less the ground's, in units of the cell's own brightness; 0
        around it. Its long axis lies along the columns.
    mask
        (`SIDE`, `SIDE`) share of each pixel that lies in the cell.
    brightness
        Mean distance of its grey values from the ground, in those of a typical cell of its
        picture.
    outside
        Share of the cell that the crop has no room for.
    """

    pixels: Maps
    mask: Maps
    brightness: float
    outside: float


@dataclass(frozen=True, eq=False)
class Crops:
    """Crops of many cells.

    Attributes
    ----------
    pixels, masks
        (N, `SIDE`, `SIDE`) float16, as of `Crop`.
    brightness, outside
        (N,) as of `Crop`.
    """

    pixels: npt.NDArray[np.float16]
    masks: npt.NDArray[np.float16]
    brightness: npt.NDArray[np.float64]
    outside: npt.NDArray[np.float64]

    @classmethod
    def empty(cls, count: int) -> Crops:
        """Make room for so many."""
        shape = (count, SIDE, SIDE)
        return cls(
            np.zeros(shape, np.float16), np.zeros(shape, np.float16),
            np.zeros(count), np.zeros(count),
        )  # fmt: skip

    def put(self, place: int, crop: Crop) -> None:
        """Take a crop in."""
        self.pixels[place], self.masks[place] = crop.pixels, crop.mask
        self.brightness[place], self.outside[place] = crop.brightness, crop.outside

    def taken(self, rows: npt.NDArray[np.int64]) -> Crops:
        """Some of them."""
        return Crops(self.pixels[rows], self.masks[rows], self.brightness[rows], self.outside[rows])


Maps = npt.NDArray[np.float32]
Expect = Callable[[Crops], tuple[Maps, Maps]]
"""Gives the pixels that are expected of crops, and their standard deviations, (N, Y, X) each."""


def grey(plane: Array) -> Array:
    """Brightness of a plane (Y, X); of colours (Y, X, S) their mean."""
    return plane if plane.ndim == 2 else np.asarray(plane.mean(axis=-1))


def light_of(plane: Array, labels: Array) -> Light:
    """Find how bright a picture is: by medians, which a few odd cells do not move.

    Parameters
    ----------
    plane
        (Y, X), all finite; a part of a large one will do.
    labels
        (Y, X), 0 is background.

    Examples
    --------
    >>> plane = np.full((20, 20), 10.0)
    >>> plane[5:10, 5:10] = 30
    >>> light_of(plane, plane > 10)
    Light(ground=10.0, reach=20.0)
    """
    inside = labels > 0
    cells = plane[inside].astype(np.float64)
    ground = background_level(plane, background_pixels(labels))
    if not cells.size:
        return Light(0.0 if np.isnan(ground) else ground, 1.0)
    if np.isnan(ground):  # cells everywhere: the darkest of them is as near as one gets
        ground = float(np.quantile(cells, _DARKEST))
    _, cell = np.unique(labels[inside], return_inverse=True)
    each = np.bincount(cell, np.abs(cells - ground)) / np.bincount(cell)
    return Light(ground, max(float(np.median(each)), _LEAST))


def crop_width(sizes: npt.NDArray[np.float64]) -> float:
    """Width of a crop's pixel, the same for all cells, so that small cells look small.

    Parameters
    ----------
    sizes
        (N, 2) height and width of the boxes of usual cells.

    Returns
    -------
    float
        In the unit of `sizes`.

    Examples
    --------
    >>> crop_width(np.array([[30.0, 40.0]])) * SIDE
    50.0
    """
    if not len(sizes):
        return 1.0
    return float(np.quantile(np.hypot(sizes[:, 0], sizes[:, 1]), _ROOM)) / SIDE


def crop_cell(plane: Array, labels: Array, place: Place, light: Light, scale: Scale) -> Crop | None:
    """Cut a cell out.

    Its ground is that around it, where there is any, so that uneven light does not count. It is
    turned so that its long axis lies along the columns, and mirrored so that its heavier ends lie
    on one side: crops of cells that differ in their direction alone are alike.

    Parameters
    ----------
    plane, labels
        (Y, X) the window of `place`; all grey values are finite.
    place
        Of the cell.
    light
        Of the picture.
    scale
        Of the crop.

    Returns
    -------
    Crop or None
        None if the label is not there.

    Examples
    --------
    >>> plane = np.full((30, 30), 10.0)
    >>> plane[8:22, 12:18] = 30
    >>> crop = crop_cell(plane, plane > 10, Place(1, 8, 12, 22, 18), Light(10, 10), Scale(1, 1))
    >>> crop.brightness, float(crop.mask[16].sum()), float(crop.mask[:, 16].sum())
    (2.0, 14.0, 6.0)
    """
    own = np.asarray(labels == place.label)
    if not own.any():
        return None
    values = plane.astype(np.float64)
    ground = background_level(values, background_pixels(labels))
    values = (values - (light.ground if np.isnan(ground) else ground)) / light.reach
    brightness = float(np.mean(np.abs(values[own])))
    values = np.where(own, values / max(brightness, _FAINTEST), 0.0)
    rows, columns, outside = _grid(own, scale)
    # pixels that a crop's pixel is wider than are averaged, those of the cell alone
    blur = (max(scale.y - 1, 0) / 2, max(scale.x - 1, 0) / 2)
    inside = _sampled(own.astype(np.float64), blur, rows, columns)
    seen = _sampled(values, blur, rows, columns)
    shown = inside >= INSIDE
    pixels = np.where(shown, seen / np.where(shown, inside, 1.0), 0.0)
    return Crop(pixels.astype(np.float32), inside.astype(np.float32), brightness, outside)


def _sampled(
    values: npt.NDArray[np.float64], blur: tuple[float, float], rows: Array, columns: Array
) -> npt.NDArray[np.float64]:
    smooth = ndimage.gaussian_filter(values, blur, mode="constant") if any(blur) else values
    return np.asarray(ndimage.map_coordinates(smooth, [rows, columns], order=1, mode="constant"))


def _grid(own: Flags, scale: Scale) -> tuple[Array, Array, float]:
    """Rows and columns of a window that the pixels of a crop lie at, and what lies outside."""
    y, x = np.nonzero(own)
    middle = y.mean(), x.mean()
    down, right = (y - middle[0]) / scale.y, (x - middle[1]) / scale.x
    angle = 0.5 * np.arctan2(2 * np.mean(down * right), np.mean(right**2) - np.mean(down**2))
    sine, cosine = np.sin(angle), np.cos(angle)
    along, across = right * cosine + down * sine, down * cosine - right * sine
    half = SIDE / 2
    outside = float(np.mean((np.abs(along) > half) | (np.abs(across) > half)))
    steps = np.arange(SIDE) - (SIDE - 1) / 2
    v, u = np.meshgrid(
        steps * _heavier(across), steps * _heavier(along), indexing="ij"
    )  # of the crop's rows and columns
    rows = middle[0] + (u * sine + v * cosine) * scale.y
    columns = middle[1] + (u * cosine - v * sine) * scale.x
    return rows, columns, outside


def _heavier(places: npt.NDArray[np.float64]) -> float:
    """The side on which a cell reaches farther: 1 or -1."""
    return 1.0 if float(np.mean(places**3)) >= 0 else -1.0
