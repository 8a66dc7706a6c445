"""Haze and shading on a plane on disk; see `haze`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from scipy import ndimage

from cellwright.core.image import Array
from cellwright.segment.blocks import Grid, Scratch, Window, pieces
from cellwright.segment.components import FOUR, components_of
from cellwright.segment.haze import LARGE_SHARE, fades, outline_of, slopes
from cellwright.segment.streamed import median

__all__ = ["any_piece_fades", "fades_in_blocks"]


def any_piece_fades(smooth: Array, mask: Array, grid: Grid, base: float, scratch: Scratch) -> bool:
    """Whether one of the pieces of a mask, connected by sides, is haze.

    Parameters
    ----------
    smooth, mask
        (Y, X) float32 and bool of the whole plane, mapped from disk.
    grid
        Of the plane.
    base
        Height of the background.
    scratch
        For intermediate results.
    """
    found = components_of(lambda window: mask[window.slices], grid, FOUR)
    least = LARGE_SHARE * mask.size
    sizes = list(found.areas[found.areas >= least])
    if not sizes and not (found.inner_areas >= least).any():
        return False
    which = scratch.plane(mask.shape, np.uint8)  # at most eight are so large
    crossing = np.zeros(found.areas.size + 1, np.uint8)  # one more, for what does not cross
    crossing[np.flatnonzero(found.areas >= least)] = np.arange(1, len(sizes) + 1)
    for index, core in enumerate(grid):
        labels, count = ndimage.label(mask[core.slices], FOUR)
        numbers = found.in_core(index, count)
        given = crossing[numbers]
        inner = np.bincount(labels.ravel(), minlength=count + 1)
        inner[numbers >= 0] = 0
        inner[0] = 0
        for label in np.flatnonzero(inner >= least):
            sizes.append(inner[label])
            given[label] = len(sizes)
        if given.any():
            which[core.slices] = given[labels]
    fading = any(
        fades_in_blocks(smooth, _member(which, number), int(size), base, scratch)
        for number, size in enumerate(sizes, 1)
    )
    scratch.drop(which)
    return fading


def _member(which: Array, number: int) -> Callable[[Window], Array]:
    return lambda window: which[window.slices] == number


def fades_in_blocks(
    smooth: Array,
    member: Callable[[Window], Array],
    area: int,
    base: float,
    scratch: Scratch,
) -> bool:
    """Whether an object's light fades; see `haze.without_haze`.

    Parameters
    ----------
    smooth
        (Y, X) float32 of the whole plane, mapped from disk.
    member
        Gives for a window, as (Y, X) bool, which pixels are the object's.
    area
        Of the object.
    base
        Height of the background.
    scratch
        For intermediate results.
    """
    shape = smooth.shape
    if min(shape) < 2:
        return False

    def steepness() -> Iterator[Array]:
        for piece in pieces(shape):
            window = piece.grown(shape, 1)
            outline = outline_of(member(window))[piece.within(window)]
            if outline.any():
                yield slopes(smooth[window.slices])[piece.within(window)][outline]

    if not any(True for _ in steepness()):
        return False
    values = scratch.plane((area,), np.float32)
    filled = 0
    for piece in pieces(shape):  # by rows, so that their mean is rounded as in memory
        more = smooth[piece.slices][member(piece)]
        values[filled : filled + more.size] = more
        filled += more.size
    height = float(np.asarray(values).mean()) - base
    scratch.drop(values)
    return fades(height, area, median(steepness))
