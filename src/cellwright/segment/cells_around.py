"""Whole cells of a picture whose nuclei are known: grown around them, as far as the stain reaches.

The stain of the cells says where cells are and where ground is. Where cells touch it often says
little more, and the nuclei say how many there are: each spreads over the stain until it meets
its neighbour, and crosses a line of other brightness, dark or bright, more slowly than an even
place. But a nucleus is no cell: two nuclei without a neck or a line between them share one, and
a cell without a nucleus is a cell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import edt
import numpy as np
from pydantic import Field
from scipy import ndimage

from cellwright.core.errors import UsageError
from cellwright.core.image import Array, Image
from cellwright.core.method import Options
from cellwright.segment.basins import basins
from cellwright.segment.foreground import background_and_noise, has_two_classes
from cellwright.segment.grey import grey_of
from cellwright.segment.haze import without_haze
from cellwright.segment.holes import fill_small_holes
from cellwright.segment.numbering import DEBRIS_SHARE, areas, renumber
from cellwright.segment.object_size import distance_inside
from cellwright.segment.propagation import propagate
from cellwright.segment.sharing import Surroundings, share
from cellwright.segment.splitting import SMOOTHING_SHARE, split
from cellwright.segment.steepest import steepest_threshold

__all__ = ["VERSION", "CellsAroundOptions", "cells_around"]

VERSION = 1
"""Raised whenever the same pictures and options would give other cells."""

HOLE_SHARE = 0.5
"""Diameter, in nuclei, of the largest hole that is a vacuole: a larger one that holds no nucleus
is ground between cells."""

RIM_PX = 3
"""Width of the rim in which outlines are moved to half height: light falls over some three pixels
at a sharp edge. A wider one would take thin rims of cells away."""

STAINED = 0.5
"""A nucleus of which less lies in the stain, and around which less of the band does, is bare."""

BAND_PX = 3
"""Width of that band: the outlines of stain and nucleus are right to a pixel or two each."""

DISTINCT_NECK = 0.6
"""A cell without a nucleus that touches one with a nucleus needs a clearer neck than others: a
lobe of a spread cell must not be taken for one."""

DISTINCT_SHARE = 0.5
"""And at least this part of the median cell's area."""


class CellsAroundOptions(Options):
    """Options of cells that are found around nuclei."""

    smoothing: float = Field(
        1.0, ge=0, le=50, description="Deviation of the Gaussian before the threshold, in pixels."
    )
    level: float | None = Field(
        None, description="Fixed threshold of the cells in the picture's own intensities."
    )
    distance: float | None = Field(
        None, gt=0, description="How far a cell reaches from its nucleus, in pixels; without, as"
        " far as the stain.",
    )  # fmt: skip
    binucleate: bool = Field(True, description="Whether two nuclei may share a cell.")
    neck: float = Field(
        0.85,
        gt=0,
        le=1,
        description="Two nuclei share a cell only where the stain between them is at least this"
        " share of the smaller part's width; higher parts more.",
    )
    bare_nuclei: Literal["cell", "leave"] = Field(
        "cell",
        description="A nucleus without stain of a cell: a cell that is all nucleus, or no cell.",
    )
    min_area: float | None = Field(
        None,
        ge=0,
        description="Smallest cell in pixels; without, a tenth of the median area, and that only"
        " for cells without a nucleus.",
    )


@dataclass(frozen=True, eq=False)
class _Stain:
    """The stain of the cells: where it is, and how high above the ground."""

    mask: Array
    heights: Array
    ground: float


def cells_around(
    cells: Image, nuclei: Array, options: CellsAroundOptions | None = None
) -> tuple[Array, dict[str, float | str]]:
    """Find the whole cells of a plane whose nuclei are known.

    Parameters
    ----------
    cells
        The cells' channel: axes YX, in memory, all pixels finite; cells brighter than ground.
    nuclei
        (Y, X) labels of the nuclei, integers with any gaps, 0 is background.
    options
        Defaults, if not given.

    Returns
    -------
    labels : Array
        (Y, X) uint32 cells, from 1 without gaps in the order of their first pixels by rows. No
        nucleus is cut: all of its pixels are in one cell, or in none (a bare one with
        ``bare_nuclei="leave"``, one whose cell is below a given ``min_area``). Parts of a cell
        are connected, but for nuclei that are not.
    decisions : dict
        What was found out: ``threshold`` in the picture's intensities, ``diameter_px`` of a
        nucleus, ``bare_nuclei``, ``cells_without_nucleus``, ``cells_with_several_nuclei``,
        ``removed_small``; ``no_stain`` where no cell was seen, and why.

    Raises
    ------
    UsageError
        If the picture is not one plane, or the nuclei have another shape.

    Notes
    -----
    A picture in which every pixel is stained alike has no ground to compare with: there nuclei
    are left bare. In closed layers two nuclei never share a cell.

    Examples
    --------
    >>> rows, columns = np.indices((40, 60))
    >>> cell = (rows - 20.0) ** 2 / 200 + (columns - 30.0) ** 2 / 500 < 1
    >>> nuclei = np.zeros((40, 60), np.uint32)
    >>> nuclei[17:23, 20:26], nuclei[17:23, 32:38] = 4, 9
    >>> picture = Image(np.where(cell, 200, 10).astype(np.uint8), "YX")
    >>> labels, decisions = cells_around(picture, nuclei)
    >>> int(labels.max()), decisions["cells_with_several_nuclei"]
    (1, 1)
    """
    options = options or CellsAroundOptions()
    if cells.axes != "YX":
        raise UsageError(
            f"cells are found around nuclei in one plane, not in axes {cells.axes}",
            where=cells.source.image,
            remedy="choose one channel, and make one plane of it as with --project max",
        )
    if nuclei.shape != cells.shape or not np.issubdtype(nuclei.dtype, np.integer):
        raise UsageError(
            f"the nuclei are {nuclei.dtype} of the shape {nuclei.shape}, the cells' picture has "
            f"the shape {cells.shape}",
            where=cells.source.image,
            remedy="give integer labels that were made from the same picture",
        )
    decisions: dict[str, float | str] = {}
    own = _compact(nuclei)
    diameter = _diameter(own)
    stain = _stain_of(cells, diameter, options, decisions)
    bare = _bare(own, stain.mask)
    if diameter is None and stain.mask.any():
        labels, _ = split(stain.mask, stain.heights, stain.ground, options.neck, None)
    elif diameter is None:
        labels = np.zeros(cells.shape, np.int64)
    else:
        decisions["diameter_px"] = round(diameter, 2)
        labels = _grown(own, bare[own], stain, diameter, options)
    if options.bare_nuclei == "leave":
        labels = np.where(bare[own], 0, labels)
    labels = _without_small(labels, own, options.min_area, decisions)
    labels = renumber(labels)
    decisions["bare_nuclei"] = int(np.count_nonzero(bare))
    _count(labels, own, decisions)
    return labels, decisions


def _compact(labels: Array) -> Array:
    """Numbers from 1 without gaps, in ascending order of the labels."""
    places = np.flatnonzero(labels)
    numbers = np.zeros(labels.size, np.int64)
    if places.size:
        _, index = np.unique(labels.ravel()[places], return_inverse=True)
        numbers[places] = index + 1
    return numbers.reshape(labels.shape)


def _diameter(nuclei: Array) -> float | None:
    """Diameter of the disc with the median nucleus's area; None without nuclei."""
    size = areas(nuclei)[1:]
    return 2.0 * float(np.sqrt(np.median(size) / np.pi)) if size.size else None


def _stain_of(
    cells: Image,
    diameter: float | None,
    options: CellsAroundOptions,
    decisions: dict[str, float | str],
) -> _Stain:
    grey = grey_of(cells)
    heights = grey.plane
    nothing = _Stain(np.zeros(heights.shape, bool), heights, 0.0)
    if grey.is_constant or min(heights.shape) < 2:
        decisions["no_stain"] = "constant picture"
        return nothing
    smooth = heights
    if options.smoothing:
        smooth = ndimage.gaussian_filter(heights, options.smoothing, mode="nearest")
    if options.level is not None:
        level = grey.value(options.level)
        mask = smooth > np.float32(level)
        ground = float(np.median(smooth[~mask])) if not mask.all() else 0.0
    elif not has_two_classes(smooth):
        decisions["no_stain"] = "no contrast beyond noise"
        return nothing
    else:
        _, noise = background_and_noise(heights, smooth, options.smoothing)
        level, ground = steepest_threshold(smooth, noise)
        pieces, _ = ndimage.label(smooth > np.float32(level), np.ones((3, 3), bool))
        pieces, haze = without_haze(smooth, pieces, ground)
        mask = pieces > 0
        decisions["removed_haze"] = haze
    decisions["threshold"] = float(grey.intensity(level))
    if not mask.any():
        decisions["no_stain"] = "nothing above the threshold"
        return nothing
    if options.level is None:
        mask = _to_half_height(mask, smooth, ground)
    hole = None if diameter is None else HOLE_SHARE * diameter
    return _Stain(fill_small_holes(mask, hole), heights, ground)


def _to_half_height(mask: Array, smooth: Array, ground: float) -> Array:
    """Move outlines in to where the light is half of what it is just inside of them.

    A blurred edge has its true place at half height; one threshold for dim and bright cells
    draws the bright ones too large. What is half the way down in the midst of a cell stays.
    """
    beside = ndimage.maximum_filter(smooth, 2 * RIM_PX + 1, mode="nearest")
    low = smooth - np.float32(ground) <= (beside - np.float32(ground)) / 2
    kept: Array = mask & ~(low & (distance_inside(mask) <= RIM_PX))
    return kept


def _bare(nuclei: Array, mask: Array) -> Array:
    """From each nucleus, numbered from 1, whether it is bare; (N + 1,), False for 0."""
    count = int(nuclei.max(initial=0)) + 1
    band = np.where(nuclei > 0, 0, ndimage.maximum_filter(nuclei, 2 * BAND_PX + 1))
    bare = np.ones(count, bool)
    for place in (nuclei, band):
        size = np.bincount(place.ravel(), minlength=count)
        stained = np.bincount(place[mask], minlength=count)
        bare &= stained < STAINED * np.maximum(size, 1)
    bare[0] = False
    return bare


def _grown(
    nuclei: Array, bare: Array, stain: _Stain, diameter: float, options: CellsAroundOptions
) -> Array:
    """Cells around the nuclei, then cells without; numbers with gaps."""
    seeds = np.where(bare, 0, nuclei)
    mask = stain.mask | (seeds > 0)
    if mask.any():
        mask = fill_small_holes(mask, HOLE_SHARE * diameter) & ~bare
    if not mask.any():
        return np.where(bare, nuclei, 0)
    scale = max(1.0, SMOOTHING_SHARE * diameter)
    root = np.sqrt(np.maximum(stain.heights - np.float32(stain.ground), 0))
    slope = ndimage.gaussian_gradient_magnitude(root, scale, mode="nearest")
    light = ndimage.gaussian_filter(stain.heights, scale, mode="nearest") - np.float32(stain.ground)
    light = np.maximum(light, 0)
    inside = distance_inside(mask)
    away = edt.edt(np.ascontiguousarray(nuclei == 0, np.uint8), black_border=False, parallel=1)

    alone = _without_nucleus(seeds, mask, inside, np.sqrt(light), options.neck)
    lone = np.where(alone > 0, alone + int(nuclei.max()), 0)
    seeds = np.where(seeds > 0, seeds, lone)
    reach = mask if options.distance is None else mask & ((away <= options.distance) | (lone > 0))
    typical = float(np.median(slope[mask]))
    cost = 1.0 + (slope / typical if typical > 0 else slope)
    parts = propagate(seeds, reach, cost)
    if options.binucleate:
        around = Surroundings(np.where(bare, 0, nuclei), light, inside, away, diameter)
        parts = share(parts, around, options.neck)[parts]
    return np.where(bare, nuclei, parts)


def _without_nucleus(nuclei: Array, mask: Array, inside: Array, root: Array, neck: float) -> Array:
    """Seeds of cells without a nucleus, numbers with gaps: bodies of stain that hold none."""
    pieces, count = ndimage.label(mask, np.ones((3, 3), bool))
    holds = np.bincount(pieces[nuclei > 0], minlength=count + 1) > 0
    holds[0] = False
    joined = holds[pieces]
    free = mask & ~joined
    seeds = basins(inside * root, free, neck) if free.any() else np.zeros(mask.shape, np.int32)
    if not joined.any():
        return seeds
    # By shape alone: stain that leaves out the nuclei has its peaks anywhere.
    parts = basins(inside, joined, DISTINCT_NECK)
    size = areas(parts)
    holds = np.bincount(parts[nuclei > 0], minlength=size.size) > 0
    holds[0] = False
    least = DISTINCT_SHARE * np.median(size[holds]) if holds.any() else 0.0
    distinct = ~holds & (size >= least)
    distinct[0] = False
    if not distinct.any():
        return seeds
    # Only its middle: where it ends is for the paths to find.
    peak = np.asarray(ndimage.maximum(inside, parts, np.arange(size.size)))
    core = distinct[parts] & (inside >= 0.5 * peak[parts])
    return np.where(core, parts + int(seeds.max()), seeds)


def _without_small(
    labels: Array, nuclei: Array, least: float | None, decisions: dict[str, float | str]
) -> Array:
    size = areas(labels)
    with_nucleus = np.bincount(labels[nuclei > 0], minlength=size.size) > 0
    present = size > 0
    present[0] = False
    if least is None:
        known = present & with_nucleus if (present & with_nucleus).any() else present
        least = DEBRIS_SHARE * float(np.median(size[known])) if known.any() else 0.0
        small = present & ~with_nucleus & (size < least)
    else:
        small = present & (size < least)
    decisions["min_area_px"] = round(float(least), 2)
    decisions["removed_small"] = int(np.count_nonzero(small))
    return np.where(small[labels], 0, labels)


def _count(labels: Array, nuclei: Array, decisions: dict[str, float | str]) -> None:
    inside = (nuclei > 0) & (labels > 0)
    count = int(labels.max(initial=0)) + 1
    of_nucleus = np.zeros(int(nuclei.max(initial=0)) + 1, np.int64)
    of_nucleus[nuclei[inside]] = labels[inside]
    held = np.bincount(of_nucleus[of_nucleus > 0], minlength=count)[1:]
    decisions["cells_without_nucleus"] = int(np.count_nonzero(held == 0))
    decisions["cells_with_several_nuclei"] = int(np.count_nonzero(held > 1))
