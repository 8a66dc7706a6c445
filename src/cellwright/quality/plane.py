"""What all checks look at: finite pixels, the noise in them, and what stands out of it.

Nothing here depends on the gain or the offset of the camera, nor on chance: where a large
plane is looked at in parts, the parts are chosen by rule.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cellwright.core.image import Array

__all__ = [
    "Floats",
    "Sight",
    "binned",
    "finite_part",
    "flattened",
    "noise_level",
    "sight",
    "windows",
]

Floats = npt.NDArray[np.float32]

BIN = 4
"""Pixels along a side of a bin: small against any cell, and sixteen pixels quieten the noise
fourfold."""
NOTHING = 6.0
"""Least prominence of a structure. Over 300 pictures of pure noise (Gaussian, Poisson, rounded)
of 32 to 1,024 pixels a side it stayed below 2.1; among published pictures the least was 15."""

_CONTRAST = (0.005, 0.995)
_NORMAL_RANGE = 5.152
"""Standard deviations of a normal distribution between these quantiles."""
_SMALLEST, _LARGEST = 1e-12, 1e12
"""Pictures of smaller or larger values are scaled to 1: float32 could not hold their squares."""
_MAD_TO_SIGMA = 1.4826
_MASK_NORM = 6.0
_WINDOW, _WINDOWS = 128, 12


@dataclass(frozen=True, eq=False)
class Sight:
    """A plane made ready to be judged.

    Attributes
    ----------
    values
        (Y, X) float32; the smallest finite value is 0, pixels that are not finite have the
        median.
    finite
        Share of the pixels that are finite, 0 to 1.
    noise
        Standard deviation of the noise in one pixel.
    bins
        Means over `BIN` by `BIN` pixels, with a smooth (quadratic) background taken off.
    contrast
        From dark to bright structures: between the 0.5 % and the 99.5 % quantile of the bins
        neither dust nor a dead pixel counts; what noise alone gives is taken off.
    prominence
        How far the most salient structure of two by two bins stands out, in standard
        deviations of the noise of a bin; infinite where there is structure and no noise.
    """

    values: Floats
    finite: float
    noise: float
    bins: Floats
    contrast: float
    prominence: float

    @property
    def empty(self) -> bool:
        """Whether nothing stands out of the noise, so that nothing else can be judged."""
        return self.prominence < NOTHING


def sight(plane: Array) -> Sight:
    """Make a plane ready to be judged.

    Parameters
    ----------
    plane
        (Y, X), any real number type; pixels that are not finite are possible.

    Examples
    --------
    >>> nothing = sight(np.full((64, 64), 7))
    >>> nothing.empty, nothing.contrast
    (True, 0.0)
    """
    values, finite = finite_part(plane)
    noise = noise_level(values)
    bins = flattened(binned(values))
    if bins.size == 0 or not values.any():
        return Sight(values, finite, 0.0, bins, 0.0, 0.0)
    low, high = np.quantile(bins, _CONTRAST)
    corners = (bins[:-1, :-1], bins[1:, :-1], bins[:-1, 1:], bins[1:, 1:])
    bright = float(np.minimum.reduce(corners).max(initial=0.0))
    dark = -float(np.maximum.reduce(corners).min(initial=0.0))
    side = BIN if _is_binned(values) else 1
    salient = max(bright, dark)
    with np.errstate(divide="ignore", invalid="ignore"):
        prominence = float(np.float64(salient) * side / noise) if salient > 0 else 0.0
    alone = _NORMAL_RANGE * noise / side
    contrast = max(float(high - low) - alone, 0.0)
    return Sight(values, finite, noise, bins, contrast, prominence)


def finite_part(plane: Array) -> tuple[Floats, float]:
    """Take the finite pixels; the others get the median of these.

    Returns
    -------
    tuple
        (Y, X) float32 from 0 on, and the share of finite pixels.

    Examples
    --------
    >>> values, share = finite_part(np.array([[1.0, np.nan], [3.0, 5.0]]))
    >>> values.tolist(), share
    ([[0.0, 2.0], [2.0, 4.0]], 0.75)
    """
    if plane.dtype.kind in "bui" and plane.dtype.itemsize <= 2:
        values = plane.astype(np.float32)
        return values - values.min(initial=0.0 if not values.size else np.inf), 1.0
    wide = plane.astype(np.float64)
    good = np.isfinite(wide)
    share = float(good.mean()) if wide.size else 0.0
    if share == 0.0:
        return np.zeros(plane.shape, np.float32), share
    if share < 1.0:
        wide = np.where(good, wide, np.median(wide[good]))
    # Halved before the difference, which then cannot overflow.
    wide = (wide / 2 - wide.min() / 2) * (2 if wide.max() < _LARGEST else 1)
    top = float(wide.max())
    if top > 0 and not _SMALLEST < top < _LARGEST:
        wide = wide / top
    return wide.astype(np.float32), share


def noise_level(values: Floats) -> float:
    """Standard deviation of the noise in one pixel.

    The mask of Immerkær (1996), "Fast noise variance estimation", Computer Vision and Image
    Understanding 64, 300-302, which planes and smooth edges leave at zero; its median size
    instead of its mean, so that a picture full of cells is not taken for noise. Where more
    than half of the pixels are equal to their neighbours, as after compression, the mean.
    Large planes are looked at in evenly spread windows.

    Examples
    --------
    >>> noise_level(np.add.outer(np.arange(9.0), np.arange(9.0)).astype(np.float32))
    0.0
    """
    if min(values.shape, default=0) < 3:
        return 0.0
    sizes = []
    for part in windows(values, _WINDOW, _WINDOWS):
        rows = part[:-2] - 2 * part[1:-1] + part[2:]
        sizes.append(np.abs(rows[:, :-2] - 2 * rows[:, 1:-1] + rows[:, 2:]).ravel())
    size = np.concatenate(sizes)
    middle = float(np.median(size))
    if middle > 0:
        return middle * _MAD_TO_SIGMA / _MASK_NORM
    return float(size.mean(dtype=np.float64)) * float(np.sqrt(np.pi / 2)) / _MASK_NORM


def windows(values: Floats, side: int, count: int) -> list[Floats]:
    """At most `count` square windows, evenly spread; the whole plane where it is small.

    Examples
    --------
    >>> len(windows(np.zeros((1000, 1000), np.float32), 128, 16))
    16
    """
    rows, columns = values.shape
    if rows * columns <= side * side * count:
        return [values]
    across = max(1, min(columns // side, round(float(np.sqrt(count * columns / rows)))))
    down = max(1, min(rows // side, count // across))
    return [
        values[y : y + side, x : x + side]
        for y in np.linspace(0, max(rows - side, 0), down).astype(int)
        for x in np.linspace(0, max(columns - side, 0), across).astype(int)
    ]


def _is_binned(values: Floats) -> bool:
    return bool(min(values.shape) >= 4 * BIN)


def binned(values: Floats, side: int = BIN) -> Floats:
    """Means over `side` by `side` pixels; very small planes as they are.

    Examples
    --------
    >>> binned(np.arange(256, dtype=np.float32).reshape(16, 16)).shape
    (4, 4)
    """
    if not _is_binned(values):
        return values
    rows, columns = (length // side * side for length in values.shape)
    whole = values[:rows, :columns]
    tall = sum((whole[i::side] for i in range(1, side)), start=whole[0::side])
    total = sum((tall[:, i::side] for i in range(1, side)), start=tall[:, 0::side])
    return np.asarray(total / np.float32(side * side), np.float32)


def flattened(bins: Floats) -> Floats:
    """Bins less the quadratic surface that fits them best, and less the median."""
    if min(bins.shape, default=0) < 3:
        return bins - np.float32(np.median(bins)) if bins.size else bins
    y, x = (np.linspace(-1, 1, length, dtype=np.float32) for length in bins.shape)
    # Legendre polynomials along each axis are all but orthogonal on the grid; the exact fit
    # on the separable basis costs next to nothing.
    left, right = (np.linalg.qr(np.stack([z**0, z, z * z], axis=1))[0] for z in (y, x))
    weights = left.T @ bins @ right
    weights[[1, 2, 2], [2, 1, 2]] = 0
    rest = bins - left @ weights @ right.T
    return np.asarray(rest - np.median(rest), np.float32)
