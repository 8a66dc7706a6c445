"""Brightness of each cell, in each channel, as it is and with the background taken away."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from cellwright.core.columns import Column
from cellwright.core.image import Array
from cellwright.measure.feature import Feature, LargePicture, Parts
from cellwright.measure.median import MedianSearch
from cellwright.measure.regions import Floats, Integers, Regions

__all__ = ["FEATURE", "background_level", "background_pixels", "measure_intensity"]

_HERE = "cellwright.measure.intensity.measure_intensity"

BACKGROUND_GAP_PX = 2
"""How far from every cell a pixel must lie to be background: light spills over a cell's
edge, and an outline is right to a pixel or two at best."""

BACKGROUND_PIXELS = 25
"""Fewer pixels than this give no background: their median would be uncertain by a quarter of
the noise (1.25 σ / √n), and in a closed layer they are gaps between cells, not background."""

_FINITE = "finite pixels of {channel}"


def measure_intensity(regions: Regions) -> Mapping[str, Array]:
    """Measure all regions in all channels; pixels that are not finite are left out.

    A cell without a finite pixel has NaN everywhere, and so has the background where there is
    none to be had.

    Examples
    --------
    >>> plane = np.full((12, 12), 10.0)
    >>> plane[4:6, 4:6] = [[20, 30], [40, 50]]
    >>> regions = Regions((plane > 10).astype(np.uint32), {"GFP": plane})
    >>> values = measure_intensity(regions)
    >>> float(values["intensity_mean_GFP"][0]), float(values["intensity_mean_corrected_GFP"][0])
    (35.0, 25.0)
    """
    outside = background_pixels(regions.image)
    background = {name: background_level(plane, outside) for name, plane in regions.planes.items()}
    return _corrected(_statistics(regions), background)


def background_pixels(labels: Array) -> npt.NDArray[np.bool_]:
    """Say which pixels (Y, X) are background: further than 2 px, in rows and columns, from cells.

    Examples
    --------
    >>> np.flatnonzero(background_pixels(np.array([[0, 0, 0, 7, 0, 0, 0]]))).tolist()
    [0, 6]
    """
    near = labels != 0
    for axis in (0, 1):
        grown = near.copy()
        for step in range(1, min(BACKGROUND_GAP_PX + 1, near.shape[axis])):
            ahead = (slice(step, None), slice(None)) if axis == 0 else (..., slice(step, None))
            behind = (slice(-step), slice(None)) if axis == 0 else (..., slice(-step))
            grown[ahead] |= near[behind]
            grown[behind] |= near[ahead]
        near = grown
    outside: npt.NDArray[np.bool_] = ~near
    return outside


def background_level(plane: Array, outside: Array) -> float:
    """Median of the background's finite pixels; NaN if there are fewer than 25.

    One level for the whole picture: where the illumination is uneven, and the quality check
    says so, cells in bright corners keep some of it.

    Examples
    --------
    >>> background_level(np.full((8, 8), 7.0), np.ones((8, 8), bool))
    7.0
    """
    values = plane[outside]
    if not np.issubdtype(values.dtype, np.integer):
        values = values.astype(np.float64, copy=False)
        values = values[np.isfinite(values)]
    return float(np.median(values)) if len(values) >= BACKGROUND_PIXELS else float("nan")


def _statistics(regions: Regions) -> dict[str, Array]:
    """Measure all that needs no background, and count the finite pixels of each region."""
    columns: dict[str, Array] = {}
    for channel in regions.planes:
        values = regions.values(channel)
        finite = np.isfinite(values)
        if finite.all():
            n, filled = regions.area, values
        else:
            n = regions.total_pixels(finite.astype(np.int64))
            filled = np.where(finite, values, 0.0)
        known = np.where(n > 0, n, np.nan)
        total = np.where(n > 0, regions.total_pixels(filled), np.nan)
        mean = total / known
        off = values - regions.spread(mean)
        variance = regions.total_pixels(np.where(finite, off, 0.0) ** 2) / known
        smallest, median, largest = _ranks(regions, values, n)
        columns |= {
            f"intensity_mean_{channel}": mean,
            f"intensity_median_{channel}": median,
            f"intensity_std_{channel}": np.sqrt(variance),
            f"intensity_min_{channel}": smallest,
            f"intensity_max_{channel}": largest,
            f"intensity_integrated_{channel}": total,
            _FINITE.format(channel=channel): n,
        }
    return columns


def _corrected(
    statistics: Mapping[str, Array], background: Mapping[str, float]
) -> dict[str, Array]:
    """Take the background of each channel away, and leave out the number of finite pixels."""
    columns = dict(statistics)
    for channel, level in background.items():
        n = columns.pop(_FINITE.format(channel=channel))
        mean = columns[f"intensity_mean_{channel}"]
        total = columns[f"intensity_integrated_{channel}"]
        columns |= {
            f"intensity_background_{channel}": np.where(n > 0, level, np.nan),
            f"intensity_mean_corrected_{channel}": mean - level,
            f"intensity_integrated_corrected_{channel}": total - n * level,
        }
    return columns


def _correct_whole(picture: LargePicture, of_cells: Mapping[str, Array]) -> dict[str, Array]:
    """Find the background of a large picture, and take it away."""
    searches = {name: MedianSearch(plane.dtype) for name, plane in picture.planes.items()}
    while any(not search.done for search in searches.values()):
        for window in picture.windows():
            around = window.grown(BACKGROUND_GAP_PX, picture.shape)
            outside = background_pixels(around.read(picture.labels))[window.within(around)]
            for name, search in searches.items():
                if not search.done:
                    search.add(window.read(picture.planes[name])[outside])
        for search in searches.values():
            search.end_pass()
    levels = {
        name: search.median if search.count >= BACKGROUND_PIXELS else float("nan")
        for name, search in searches.items()
    }
    return _corrected(of_cells, levels)


def _ranks(regions: Regions, values: Floats, n: Integers) -> tuple[Floats, Floats, Floats]:
    """Smallest, median and largest of the first `n` finite values of each region, each (N,)."""
    ranks = np.full((3, regions.count), np.nan)
    for members, rows in regions.sorted_values(values):
        # A row without a finite value is all NaN, wherever one looks.
        m, every = n[members], np.arange(len(members))
        ranks[0, members] = rows[:, 0]
        ranks[1, members] = (rows[every, (m - 1) // 2] + rows[every, m // 2]) / 2.0
        ranks[2, members] = rows[every, m - 1]
    return ranks[0], ranks[1], ranks[2]


def _column(name: str, meaning: str, source: str = "") -> Column:
    return Column(
        f"intensity_{name}_{{channel}}",
        "counts",
        f"{meaning} in {{channel}}",
        function=_HERE,
        source=source,
    )


_CORRECTED = "Background: median of the pixels more than 2 px from every cell of the picture"

_COLUMNS = (
    _column("mean", "Mean intensity"),
    _column("median", "Median intensity"),
    _column("std", "Standard deviation of the intensity, over n pixels,"),
    _column("min", "Smallest intensity"),
    _column("max", "Largest intensity"),
    _column("integrated", "Sum of the intensities"),
    _column("background", "Background of the picture", _CORRECTED),
    _column("mean_corrected", "Mean intensity less background", _CORRECTED),
    _column("integrated_corrected", "Sum of the intensities less background", _CORRECTED),
)

FEATURE = Feature(
    "intensity",
    1,
    _COLUMNS,
    measure_intensity,
    order=40,
    parts=Parts(_statistics, _correct_whole),
)
