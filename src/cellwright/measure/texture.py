"""Texture of each cell: Haralick's features of how often grey levels lie side by side.

Intensities of a cell are put into 32 levels between its own 1st and 99th percentile, so neither
the exposure, nor the gain of the camera, nor how bright the cell is, changes them: what is
measured is the pattern. Both pixels of a pair lie in the cell, each pair counts in both
directions, and a feature is the mean over the four directions 0°, 45°, 90° and 135°.

All cells are counted together: a pair is one number made of cell, level and level.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cellwright.core.columns import Column
from cellwright.core.image import Array
from cellwright.measure.feature import Feature
from cellwright.measure.regions import Floats, Integers, Regions

__all__ = ["FEATURE", "measure_texture"]

_HERE = "cellwright.measure.texture.measure_texture"
_HARALICK = "Haralick, Shanmugam, Dinstein (1973), IEEE Trans. Syst. Man Cybern. 3:610"

LEVELS = 32
"""Grey levels. A nucleus has some hundred pixels: of the 1,024 pairs of 32 levels most are then
empty, and of more levels nearly all; fewer than 16 lose fine patterns."""

PERCENTILES = (0.01, 0.99)
"""Ranks, as a share, of a cell's darkest and brightest pixel that have a level of their own: a
hot pixel would otherwise push all others into a few levels."""

FEWEST_PAIRS = 32
"""Cells with fewer pairs than this in one of the directions have no texture: as many as there
are levels, about a cell of 6 × 6 pixels."""

COARSE_SHARE = 0.1
"""The second distance, as a share of the cell's equivalent diameter: it grows with the
magnification, so that the same structures are compared; 3 px in a nucleus of 30 px."""

COARSE_LEAST_PX = 2
"""The second distance of small cells; 1 px would be the first again."""

PIXELS_AT_ONCE = 2**20
"""Pixels of one chunk of cells: pairs and their keys then take some 50 MB."""

CELLS_AT_ONCE = 2**9
"""Cells of one chunk: their counts then take 4 MiB, and stay in the processor's cache."""

_UNKNOWN = 255  # the level of a pixel that is not finite
_DIRECTIONS = ((0, 1), (1, 1), (1, 0), (1, -1))

# What each pair of levels, first below or equal to second, adds to the sums of its cell.
_FIRST, _SECOND = np.divmod(np.arange(LEVELS**2), LEVELS)
_APART = np.abs(_FIRST - _SECOND)
_CONTRAST = (_APART**2).astype(np.float64)
_MOMENT = 1.0 / (1.0 + _CONTRAST)
_SUM = (_FIRST + _SECOND).astype(np.float64)
_SQUARES = (_FIRST**2 + _SECOND**2).astype(np.float64)
_EQUAL = (_APART == 0).astype(np.float64)

_NAMES = (
    "angular_second_moment",
    "contrast",
    "correlation",
    "variance",
    "inverse_difference_moment",
    "entropy",
)


def measure_texture(regions: Regions) -> Mapping[str, Array]:
    """Measure all regions in all channels, at a distance of 1 px and at a tenth of the diameter.

    Pixels that are not finite are left out. Cells with too few pairs, and cells whose pixels
    are all the same, have NaN.

    References
    ----------
    Haralick, Shanmugam, Dinstein (1973), Textural features for image classification, IEEE
    Transactions on Systems, Man, and Cybernetics 3:610; features 1 to 5 and 9.

    Examples
    --------
    >>> stripes = np.tile([10.0, 20.0], (8, 4))
    >>> texture = measure_texture(Regions(np.ones((8, 8), np.uint32), {"GFP": stripes}))
    >>> round(float(texture["texture_correlation_fine_GFP"][0]), 6)  # -1, -1, -1 and 1
    -0.5
    """
    fine = np.ones(regions.count)
    diameter = 2.0 * np.sqrt(regions.area / np.pi) if regions.count else fine
    coarse = np.maximum(np.floor(COARSE_SHARE * diameter + 0.5), COARSE_LEAST_PX)
    # As wide as the longest step, so that no pair needs a check of the picture's border.
    margin = int(coarse.max(initial=1.0))
    labels = np.pad(regions.image, margin)
    columns: dict[str, Array] = {}
    for channel in regions.planes:
        levels = _levels(regions, channel)
        plane = np.full(labels.shape, _UNKNOWN, np.uint8)
        position = _moved(regions.pixels, regions.shape[1], margin)
        plane.ravel()[position] = levels
        for scale, distance in (("fine", fine), ("coarse", coarse)):
            found = np.full((len(_NAMES), regions.count), np.nan)
            for begin, end in _chunks(regions):
                first = int(regions.pixel_starts[begin])
                stop = int(regions.pixel_starts[end - 1] + regions.area[end - 1])
                pixels = _Pixels(
                    labels,
                    plane,
                    position[first:stop],
                    levels[first:stop],
                    np.repeat(np.arange(end - begin), regions.area[begin:end]),
                )
                found[:, begin:end] = _of_chunk(pixels, distance[begin:end])
            for name, values in zip(_NAMES, found, strict=True):
                columns[f"texture_{name}_{scale}_{channel}"] = values
    return columns


@dataclass(frozen=True, eq=False)
class _Pixels:
    """The pixels of some cells: the padded images, and of each its place, level and cell."""

    labels: Array
    plane: npt.NDArray[np.uint8]
    position: Integers
    level: npt.NDArray[np.uint8]
    owner: Integers


def _levels(regions: Regions, channel: str) -> npt.NDArray[np.uint8]:
    """Grey level of each of the foreground's pixels, (P,)."""
    values = regions.values(channel)
    finite = np.isfinite(values)
    n = regions.area if finite.all() else regions.total_pixels(finite.astype(np.int64))
    ends = np.full((2, regions.count), np.nan)
    for members, rows in regions.sorted_values(values):
        last, every = np.maximum(n[members] - 1, 0), np.arange(len(members))
        # Whole ranks, outwards: the ends are pixels, and so move with gain and offset.
        ends[0, members] = rows[every, np.floor(PERCENTILES[0] * last).astype(np.int64)]
        ends[1, members] = rows[every, np.ceil(PERCENTILES[1] * last).astype(np.int64)]
    width = ends[1] - ends[0]
    width[~(width > 0)] = np.nan  # one intensity alone has no texture
    share = (values - regions.spread(ends[0])) / regions.spread(width)
    known = np.isfinite(share)
    level = np.full(len(values), _UNKNOWN, np.uint8)
    level[known] = np.clip(np.floor(share[known] * LEVELS), 0, LEVELS - 1).astype(np.uint8)
    return level


def _moved(position: Integers, width: int, margin: int) -> Integers:
    """Flat positions in an image of this width, as they are with a margin all around it."""
    row = position // max(width, 1)
    return np.asarray(position + 2 * margin * row + margin * (width + 2 * margin) + margin)


def _chunks(regions: Regions) -> Iterator[tuple[int, int]]:
    """Give the first region and the one after the last of each chunk."""
    ends = regions.pixel_starts + regions.area
    begin = 0
    while begin < regions.count:
        fits = int(np.searchsorted(ends, regions.pixel_starts[begin] + PIXELS_AT_ONCE, "right"))
        end = min(max(fits, begin + 1), begin + CELLS_AT_ONCE)
        yield begin, end
        begin = end


def _of_chunk(pixels: _Pixels, distance: Floats) -> Floats:
    """Features of cells, (6, M), at a distance (M,) of whole pixels."""
    labels, plane, width = pixels.labels.ravel(), pixels.plane.ravel(), pixels.labels.shape[1]
    own = labels[pixels.position]
    key = pixels.owner * LEVELS**2
    total = np.zeros((len(_NAMES), len(distance)))
    for down, over in _DIRECTIONS:
        # Along a diagonal, the whole pixels nearest to the distance.
        share = np.sqrt(0.5) if down and over else 1.0
        step = np.floor(share * distance + 0.5).astype(np.int64)
        other = pixels.position + ((down * width + over) * step)[pixels.owner]
        level = plane[other]
        paired = (labels[other] == own) & (level != _UNKNOWN) & (pixels.level != _UNKNOWN)
        one, two = pixels.level[paired], level[paired]
        code = np.minimum(one, two).astype(np.int64) * LEVELS + np.maximum(one, two)
        total += _features(key[paired] + code, len(distance))
    return total / len(_DIRECTIONS)


def _features(pairs: Integers, count: int) -> Floats:
    """Features of `count` cells in one direction, (6, count), from the keys of their pairs."""
    features = np.full((len(_NAMES), count), np.nan)
    counts = np.bincount(pairs, minlength=count * LEVELS**2)
    seen = np.flatnonzero(counts)
    if not len(seen):
        return features
    n = counts[seen].astype(np.float64)
    code = seen & (LEVELS**2 - 1)
    bounds = np.searchsorted(seen, np.arange(count + 1) * LEVELS**2)
    cells = np.flatnonzero(np.diff(bounds))
    # The matrix is symmetric: a pair off its diagonal fills two places, by one half each.
    in_one_place = _EQUAL[code]
    sums = np.empty((len(_NAMES) + 1, len(seen)))
    sums[0] = n
    sums[1] = n * n * (1.0 + in_one_place)
    sums[2] = n * _CONTRAST[code]
    sums[3] = n * _SUM[code]
    sums[4] = n * _SQUARES[code]
    sums[5] = n * _MOMENT[code]
    sums[6] = n * (np.log2(n) + in_one_place)
    total, uniform, contrast, level, squares, moment, information = np.add.reduceat(
        sums, bounds[cells], axis=1
    )
    total[total < FEWEST_PAIRS] = np.nan
    # Whole numbers up to the division, so that one level alone has exactly no variance.
    variance = (2.0 * total * squares - level**2) / (4.0 * total**2)
    covariance = (total * (squares - contrast) * 2.0 - level**2) / (4.0 * total**2)
    correlation = np.full(len(cells), np.nan)
    np.divide(covariance, variance, out=correlation, where=variance > 0)
    features[:, cells] = [
        uniform / (2.0 * total**2),
        contrast / total,
        np.clip(correlation, -1.0, 1.0),
        variance,
        moment / total,
        np.log2(2.0 * total) - information / total,
    ]
    return features


_MEANINGS = {
    "angular_second_moment": (
        "Angular second moment (uniformity): sum of the squared shares of all pairs of levels; "
        "towards 1 where few pairs make up the cell",
        "1",
        (0.0, 1.0),
    ),
    "contrast": (
        "Contrast: mean squared difference of the 32 levels",
        "1",
        (0.0, float((LEVELS - 1) ** 2)),
    ),
    "correlation": (
        "Correlation of the two levels of a pair; empty where they are all the same",
        "1",
        (-1.0, 1.0),
    ),
    "variance": (
        "Variance (sum of squares) of the 32 levels in pairs",
        "1",
        (0.0, (LEVELS - 1) ** 2 / 4.0),
    ),
    "inverse_difference_moment": (
        "Inverse difference moment (homogeneity): mean of 1 / (1 + squared difference of levels)",
        "1",
        (0.0, 1.0),
    ),
    "entropy": ("Entropy of the pairs of levels", "bit", (0.0, 10.0)),
}

_SCALES = {"fine": "1 px apart", "coarse": "a tenth of the cell's diameter apart (at least 2 px)"}


def _column(name: str, scale: str) -> Column:
    meaning, unit, bounds = _MEANINGS[name]
    return Column(
        f"texture_{name}_{scale}_{{channel}}",
        unit,
        f"{meaning}; pixels {_SCALES[scale]}, in {{channel}}, mean of four directions",
        bounds=bounds,
        function=_HERE,
        source=_HARALICK,
    )


_COLUMNS = tuple(_column(name, scale) for scale in _SCALES for name in _NAMES)

FEATURE = Feature("texture", 1, _COLUMNS, measure_texture, order=70, on_request=True)
