"""Junctions: the borders that cells share, how long, how straight, how bright, how unbroken.

A junction is where the outline of a cell faces another cell. Intensities are taken across it: the
mean of a narrow band, and the brightest pixel of one that widens with the cell, which says whether
the line is there even if the outline lies beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from cellwright.core.columns import Column
from cellwright.core.image import Array, Spacing
from cellwright.measure.feature import Feature, LargePicture, Parts
from cellwright.measure.outline import FREE, Outline, outline_of
from cellwright.measure.regions import Floats, Integers, Regions

__all__ = ["FEATURE", "JUNCTION_GAP_PX", "junction_outline", "measure_junctions"]

_HERE = "cellwright.measure.junctions.measure_junctions"
_MAPPER = "as in Junction Mapper: Brezovjakova et al. (2019), eLife 8:e45413"

JUNCTION_GAP_PX = 5
"""Most pixels of background, along a row or column, between cells that share a border. People and
watershed leave lines of 1 to 3 px between labels; 3 px at 45 degrees are 5 along a row."""

LEAST_JUNCTION_PX = 3.0
"""A shorter contact is a corner where four cells meet, and its other cell no neighbour."""

BAND_PX = 2
"""Intensities are means of a band that reaches so far to both sides of the middle between the two
cells: 4 or 5 px in all."""

SEARCH_SHARE, SEARCH_MOST_PX = 0.03, 6
"""The line is looked for as far as the band reaches, and in large cells so far: this share of the
cell's equivalent diameter, in whole pixels. A network sees large cells in few pixels, and its
outlines lie beside the lines by as many px."""

ALONG_EDGES = 3
"""Whether a junction is there is asked of the mean over so many edges before and after: some 5 px,
against the noise. Shorter breaks are not seen."""

INTERIOR_DEPTH_PX = 4
"""The interior of a cell is so far from everything else, in rows and columns: out of the band's
reach. Its level is the median, so that a nucleus that shines through does not count."""

MEDIAN, LOWER = 0.5, 0.1587
"""Quantiles of the interior: between them lies one standard deviation of normal noise."""

BRIGHT_QUANTILE = 0.75
"""How bright an unbroken junction is: this quantile along the junctions of a cell, its median over
the picture's cells. So up to three quarters of a usual cell's junctions may be broken."""

STANDS_OUT = 2.0
"""Junctions that are not brighter than the interior by so many of its deviations cannot be told
from it, broken or not."""

_OWNER_BITS = 32  # labels are below 2³²
_FARTHEST_PX = SEARCH_MOST_PX + (JUNCTION_GAP_PX + 1) // 2  # from an edge's own pixel


@dataclass(frozen=True, eq=False)
class _Profile:
    """One channel along the edges of junctions: (J,) mean and brightest of the band; and inside.

    Attributes
    ----------
    mean
        Of the band; NaN without a finite pixel.
    brightest
        Of the wider band, smoothed along the junction.
    interior
        (N,) median of the cell's interior; NaN without one.
    dark, spread
        (N,) median and spread in the interior of what `brightest` is at a junction.
    """

    mean: Floats
    brightest: Floats
    interior: Floats
    dark: Floats
    spread: Floats


def junction_outline(regions: Regions) -> Outline:
    """Give the outlines of all regions, with the cell that each edge shares a border with.

    Examples
    --------
    >>> labels = np.repeat(np.array([[3, 3, 0, 8, 8]], np.uint32), 4, axis=0)
    >>> outline = junction_outline(Regions(labels, {}))
    >>> int(np.count_nonzero(outline.facing == 8)), int(np.count_nonzero(outline.facing == 3))
    (4, 4)
    """
    return outline_of(regions, JUNCTION_GAP_PX)


def measure_junctions(regions: Regions) -> Mapping[str, Array]:
    """Measure the junctions of all regions, and in all channels what is bright along them.

    References
    ----------
    Brezovjakova et al. (2019), Junction Mapper is a novel computer vision tool to decipher
    cell-cell contact phenotypes, eLife 8:e45413.

    Examples
    --------
    >>> labels = np.zeros((14, 24), np.uint32)
    >>> labels[2:12, 2:12], labels[2:12, 12:22] = 1, 2
    >>> columns = measure_junctions(Regions(labels, {}))
    >>> columns["junction_length_px"].tolist(), columns["junction_neighbour_count"].tolist()
    ([10.0, 10.0], [1, 1])
    """
    outline = junction_outline(regions)
    profiles = {name: _profile(regions, outline, name) for name in regions.planes}
    levels = {
        name: _threshold(_bright(regions, outline, one), one.dark, one.spread)
        for name, one in profiles.items()
    }
    return _measured(regions, outline, profiles, levels)


def _measured(
    regions: Regions,
    outline: Outline,
    profiles: Mapping[str, _Profile],
    levels: Mapping[str, float],
) -> dict[str, Array]:
    lengths = outline.lengths()
    columns = _geometry(regions, outline, lengths)
    for name, profile in profiles.items():
        found = _along(outline, lengths, profile, levels[name])
        columns |= {f"{measure}_{name}": values for measure, values in found.items()}
    return columns


def _geometry(regions: Regions, outline: Outline, lengths: Floats) -> dict[str, Array]:
    """Lengths, neighbours and straightness, each (N,)."""
    count = regions.count
    shared, free = (
        _sum(outline.owner[chosen], lengths[chosen], count)
        for chosen in (outline.facing > 0, outline.facing == FREE)
    )
    edges = np.flatnonzero(outline.facing > 0)
    key = (outline.owner[edges] << _OWNER_BITS) + outline.facing[edges]
    pairs, place = np.unique(key, return_inverse=True)
    of_pair = _sum(place, lengths[edges], len(pairs))
    long = of_pair >= LEAST_JUNCTION_PX
    owner = pairs[long] >> _OWNER_BITS
    neighbours = np.bincount(owner, minlength=count)
    longest = np.zeros(count)
    np.maximum.at(longest, owner, of_pair[long])
    # Edge by edge, in raster order: the numbers of the neighbours change no bit.
    edges = edges[long[place]]
    with_neighbours = _sum(outline.owner[edges], lengths[edges], count)
    return {
        "junction_length_px": shared,
        "junction_share": _quotient(shared, shared + free),
        "free_border_px": free,
        "junction_neighbour_count": neighbours.astype(np.int64),
        "junction_longest_px": np.where(neighbours > 0, longest, np.nan),
        "junction_mean_px": _quotient(with_neighbours, neighbours),
        "junction_tortuosity": _tortuosity(outline, lengths, count),
    }


def _tortuosity(outline: Outline, lengths: Floats, count: int) -> Floats:
    """Length over distance of the junctions that end where three cells meet, (N,)."""
    found = outline.stretches(lengths)
    known = outline.facing[found.first] > 0
    known &= outline.facing[outline.before[found.first]] > 0
    known &= outline.facing[outline.following[found.last]] > 0
    known &= found.length >= LEAST_JUNCTION_PX
    owner, apart = found.owner[known], found.apart[known]
    # The chords that lengths are made of may fall short of a straight line by a hair.
    length = np.maximum(found.length[known], apart)
    return _quotient(_sum(owner, length, count), _sum(owner, apart, count))


def _sum(of: Integers, values: Floats, count: int) -> Floats:
    return np.bincount(of, values, minlength=count).astype(np.float64)


def _quotient(above: Floats, below: Floats | Integers) -> Floats:
    result = np.full(len(above), np.nan)
    np.divide(above, below, out=result, where=below > 0)
    return result


def _profile(regions: Regions, outline: Outline, channel: str) -> _Profile:
    plane = regions.planes[channel].astype(np.float64)
    plane[~np.isfinite(plane)] = np.nan
    total, highest = np.zeros(len(outline.owner)), np.full(len(outline.owner), np.nan)
    seen = np.zeros(len(outline.owner), np.int64)
    middle, search = (outline.gap + 1) / 2.0, _search(regions)[outline.owner]
    for pixels in range(1 - SEARCH_MOST_PX, _FARTHEST_PX + 1):
        row, column = outline.step(pixels)
        away = np.abs(pixels - middle)
        used = (outline.facing > 0) & (away <= search)
        used &= (row >= 0) & (row < plane.shape[0]) & (column >= 0) & (column < plane.shape[1])
        values = np.full(len(row), np.nan)
        values[used] = plane[row[used], column[used]]
        known = ~np.isnan(values) & (away <= BAND_PX)
        total[known] += values[known]
        seen += known
        highest = np.fmax(highest, values)
    shared = outline.facing > 0
    brightest = _smoothed(outline, highest)[shared]
    return _Profile(_quotient(total, seen)[shared], brightest, *_interior(regions, plane, channel))


def _search(regions: Regions) -> Integers:
    """How far from the middle between two cells the line is looked for, px, (N,)."""
    diameter = 2.0 * np.sqrt(regions.area / np.pi)
    wide = np.floor(SEARCH_SHARE * diameter + 0.5).astype(np.int64)
    return np.clip(wide, BAND_PX, SEARCH_MOST_PX)


def _smoothed(outline: Outline, values: Floats) -> Floats:
    """Mean over some edges before and after, as far as they face the same cell, (E,)."""
    known = ~np.isnan(values)
    total, n = np.where(known, values, 0.0), known.astype(np.int64)
    for onwards in outline.onwards():
        at = np.arange(len(values))
        for _ in range(ALONG_EDGES):
            at = onwards[at]
            total += np.where(known[at], values[at], 0.0)
            n += known[at]
    return _quotient(total, n)


def _interior(regions: Regions, plane: Floats, channel: str) -> tuple[Floats, Floats, Floats]:
    """Median intensity inside; median and spread there of the brightest in a band; each (N,)."""
    from scipy.ndimage import maximum_filter, maximum_filter1d, minimum_filter

    side, band = 2 * INTERIOR_DEPTH_PX + 1, 2 * BAND_PX + 1
    image = regions.image
    low, high = (
        extreme(image, side, mode="nearest") for extreme in (minimum_filter, maximum_filter)
    )
    values = regions.values(channel)
    outside = (low != high).ravel()[regions.pixels] | np.isnan(values)
    values[outside] = np.nan
    filled = np.where(np.isnan(plane), -np.inf, plane)
    brightest = np.zeros(len(values))
    for axis in (0, 1):
        across = maximum_filter1d(filled, band, axis=axis, mode="nearest")
        brightest += across.ravel()[regions.pixels] / 2.0
    brightest[outside] = np.nan
    (inside,) = _quantiles(regions, values, MEDIAN)
    dark, darker = _quantiles(regions, brightest, MEDIAN, LOWER)
    return inside, dark, dark - darker


def _quantiles(regions: Regions, values: Floats, *shares: float) -> list[Floats]:
    """Quantiles of each region's values (P,), without NaN: whole ranks, each (N,)."""
    found = np.full((len(shares), regions.count), np.nan)
    for members, rows in regions.sorted_values(values):
        last = np.maximum(np.count_nonzero(~np.isnan(rows), axis=1) - 1, 0)
        for of_share, share in zip(found, shares, strict=True):
            rank = np.floor(share * last + 0.5).astype(np.int64)
            of_share[members] = rows[np.arange(len(members)), rank]
    return list(found)


def _bright(regions: Regions, outline: Outline, profile: _Profile) -> Floats:
    """How bright an unbroken junction of each cell is, (N,); NaN without junctions."""
    known = ~np.isnan(profile.brightest)
    owner, values = outline.owner[outline.facing > 0][known], profile.brightest[known]
    values = values[np.lexsort((values, owner))]
    n = np.bincount(owner, minlength=regions.count)
    bright = np.full(regions.count, np.nan)
    some = n > 0
    first = np.cumsum(n) - n
    rank = first + np.floor(BRIGHT_QUANTILE * (n - 1)).astype(np.int64)
    bright[some] = values[rank[some]]
    return bright


def _threshold(bright: Floats, dark: Floats, spread: Floats) -> float:
    """Intensity half way between interior and unbroken junction; NaN where they are alike."""
    levels = []
    for of_cells in (bright, dark, spread):
        known = of_cells[~np.isnan(of_cells)]
        levels.append(float(np.median(known)) if len(known) else np.nan)
    high, low, noise = levels
    return (high + low) / 2.0 if high - low > STANDS_OUT * noise else np.nan


def _along(outline: Outline, lengths: Floats, profile: _Profile, level: float) -> dict[str, Floats]:
    """Measure one channel along the junctions of each cell."""
    shared = np.flatnonzero(outline.facing > 0)[~np.isnan(profile.mean)]
    mean_there, brightest = (
        values[~np.isnan(profile.mean)] for values in (profile.mean, profile.brightest)
    )
    owner, count, weight = outline.owner[shared], len(profile.interior), lengths[shared]
    length = _sum(owner, weight, count)
    mean = _quotient(_sum(owner, weight * mean_there, count), length)
    apart = mean_there - mean[owner]
    deviation = np.sqrt(_quotient(_sum(owner, weight * apart**2, count), length))
    present = brightest >= level
    unbroken = _quotient(_sum(owner[present], weight[present], count), length)
    breaks = _quotient(_breaks(outline, shared[~present], count), length)
    if np.isnan(level):
        unbroken, breaks = np.full((2, count), np.nan)
    positive = np.where(mean > 0, mean, 0.0)
    return {
        "junction_intensity_mean": mean,
        "junction_intensity_cv": _quotient(deviation, positive),
        "junction_interior_ratio": _quotient(mean, np.nan_to_num(profile.interior)),
        "junction_continuity": unbroken,
        "junction_break_density": breaks,
    }


def _breaks(outline: Outline, dark: Integers, count: int) -> Floats:
    """Number of stretches without a line, (N,); `dark` are the edges that have none."""
    broken = np.zeros(len(outline.owner), bool)
    broken[dark] = True
    begun = np.bincount(outline.owner[broken & ~broken[outline.before]], minlength=count)
    # A walk that is broken all around begins nowhere.
    return np.maximum(begun, np.bincount(outline.owner[dark], minlength=count) > 0) * 1.0


def _of_window(regions: Regions) -> dict[str, Array]:
    """What the threshold of the picture is made of, for each cell and channel."""
    outline = junction_outline(regions)
    columns: dict[str, Array] = {}
    for name in regions.planes:
        profile = _profile(regions, outline, name)
        columns |= {
            f"bright_{name}": _bright(regions, outline, profile),
            f"dark_{name}": profile.dark,
            f"spread_{name}": profile.spread,
        }
    return columns


def _of_whole(picture: LargePicture, of_cells: Mapping[str, Array]) -> dict[str, Array]:
    """Measure with the threshold of the whole picture, window by window."""
    from cellwright.measure.large import measure_large

    levels = {
        name: _threshold(*(of_cells[f"{what}_{name}"] for what in ("bright", "dark", "spread")))
        for name in picture.planes
    }
    family = replace(FEATURE, measure=partial(_with_levels, levels=levels), parts=None)
    table = measure_large(
        picture.labels, picture.planes, Spacing(), {FEATURE.name: family}, picture.block
    )
    return {str(name): table[name].to_numpy() for name in table.columns if name != "label"}


def _with_levels(regions: Regions, *, levels: Mapping[str, float]) -> dict[str, Array]:
    outline = junction_outline(regions)
    profiles = {name: _profile(regions, outline, name) for name in regions.planes}
    return _measured(regions, outline, profiles, levels)


_COLUMNS = (
    Column(
        "junction_length_px",
        "px",
        "Length of the border shared with other cells: those straight ahead along the row or "
        "column with at most 5 px between",
        bounds=(0.0, None),
        power=1,
        function=_HERE,
    ),
    Column(
        "junction_share",
        "1",
        "Share of its border that it shares with other cells; the frame of the picture is no "
        "border",
        bounds=(0.0, 1.0),
        function=_HERE,
    ),
    Column(
        "free_border_px",
        "px",
        "Length of the border that faces background, holes as well, and not the frame of the "
        "picture",
        bounds=(0.0, None),
        power=1,
        function=_HERE,
    ),
    Column(
        "junction_neighbour_count",
        "1",
        "Number of cells with which it shares at least 3 px of border",
        dtype="int64",
        bounds=(0.0, None),
        function=_HERE,
    ),
    Column(
        "junction_longest_px",
        "px",
        "Longest border with one other cell; empty without neighbours",
        bounds=(0.0, None),
        power=1,
        function=_HERE,
    ),
    Column(
        "junction_mean_px",
        "px",
        "Mean length of the border with one other cell; empty without neighbours",
        bounds=(0.0, None),
        power=1,
        function=_HERE,
    ),
    Column(
        "junction_tortuosity",
        "1",
        "Length of its junctions over the straight distance between their ends, where three "
        "cells meet: 1 for straight ones; empty without such",
        bounds=(1.0, None),
        function=_HERE,
        source=f"Linearity index of the interface, {_MAPPER}",
    ),
    Column(
        "junction_intensity_mean_{channel}",
        "counts",
        "Mean intensity of {channel} along its junctions, in a band of 2 px to both sides; "
        "background included",
        function=_HERE,
    ),
    Column(
        "junction_intensity_cv_{channel}",
        "1",
        "Coefficient of variation of {channel} along its junctions: standard deviation over mean",
        bounds=(0.0, None),
        function=_HERE,
    ),
    Column(
        "junction_interior_ratio_{channel}",
        "1",
        "Mean intensity of {channel} along its junctions over the median of its interior, more "
        "than 4 px from the border; empty without interior",
        function=_HERE,
    ),
    Column(
        "junction_continuity_{channel}",
        "1",
        "Share of its junctions' length where {channel} is brighter than half way between "
        "interior and unbroken junctions of the picture; empty where junctions do not stand out",
        bounds=(0.0, 1.0),
        function=_HERE,
        source=f"Share of the contour that is stained, {_MAPPER}",
    ),
    Column(
        "junction_break_density_{channel}",
        "1/px",
        "Breaks for each px of its junctions' length: stretches where {channel} is not above "
        "that threshold; shorter ones than some 5 px are not seen",
        bounds=(0.0, None),
        function=_HERE,
    ),
)

FEATURE = Feature(
    "junctions",
    1,
    _COLUMNS,
    measure_junctions,
    order=90,
    on_request=True,
    margin=_FARTHEST_PX,
    parts=Parts(_of_window, _of_whole),
)
