"""Gaps in drawn outlines, bridged: from the ends of lines to what lies in front of them."""

from __future__ import annotations

from dataclasses import dataclass

import edt
import numpy as np

from cellwright.core.image import Array

__all__ = ["GAP", "Bridged", "bridged", "middle_of"]

GAP = 5
"""Pixels that may be missing of a line. A hand that lifts the pen, or a line that was made thinner
or smaller afterwards, leaves one to a few; a wider opening may be meant."""

_BACK = 5
"""Steps along a line from its end, to tell where it was going: one or two would only give one of
eight directions."""

_SPUR = 10
"""Steps from an end to a crossing up to which it is no end of a line, but a pen that went too far,
or the tip of a sharp corner: both are closed, and what they point at is another cell."""

_AHEAD = 0.5
"""Cosine of the angle within which a line may go on: 60 degrees to either side. To the side of an
end often runs the neighbour's line, closer than the line's own other end."""

_HALF = 10
"""Pixels of a line's half width that are looked across: in a blot, an end is not worth more."""

_AT_ONCE = 256
"""Ends that are looked at together, for memory."""

_RING = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))
"""The eight neighbours of a pixel, around it."""


@dataclass(frozen=True, eq=False)
class Bridged:
    """Lines whose gaps were bridged.

    Attributes
    ----------
    lines
        (Y, X) bool, with the bridges.
    skeleton
        (Y, X) bool: the middle of the lines, without bridges.
    ends
        (E, 2) int, row and column of each end of a line that is neither at the frame nor a spur.
    pixels, bridge
        (P, 2) int, row and column of each pixel of the bridges, and (P,) the number of its bridge.
    """

    lines: Array
    skeleton: Array
    ends: Array
    pixels: Array
    bridge: Array


def bridged(lines: Array) -> Bridged:
    """Lead each line that ends freely on to what it meets within `GAP` pixels.

    That is another line, another end, or the frame of the picture, which a cell may be cut by.
    From each end the way to the nearest pixel of a line is drawn, and that to the nearest end:
    those that close nothing do no harm, as a line within a region belongs to the region. Lines
    without an end are not touched, however close they run, so narrow cells stay.

    Parameters
    ----------
    lines
        (Y, X) bool.

    Examples
    --------
    >>> line = np.zeros((3, 20), bool)
    >>> line[1] = True
    >>> line[1, 8:12] = False
    >>> bool(bridged(line).lines[1].all())
    True
    >>> line[1, 8:14] = False
    >>> bridged(line).ends.tolist()
    [[1, 7], [1, 14]]
    """
    from scipy import ndimage

    skeleton = middle_of(lines)
    half = edt.edt(np.ascontiguousarray(lines), black_border=False, parallel=1)
    ends, crossings = _ends(skeleton)
    off_frame = ~lines
    off_frame[1:-1, 1:-1] = True
    away = edt.edt(np.ascontiguousarray(off_frame), black_border=False, parallel=1)
    ends = ends[away[*ends.T] > half[*ends.T] + 1]  # the middle of a line ends before its tip
    ends, going = _going(skeleton, ends, crossings)
    if not len(ends):
        return Bridged(lines, skeleton, ends, np.zeros((0, 2), int), np.zeros(0, int))

    reach = GAP + int(np.ceil(min(half[*ends.T].max(), _HALF)))
    offsets, ways = _ways(reach)
    solid = np.pad(lines, reach, constant_values=True)  # the frame is as good as a line
    is_end = np.zeros_like(solid)
    is_end[*(ends.T + reach)] = True
    whole = lines.copy()
    for first in range(0, len(ends), _AT_ONCE):
        some = slice(first, first + _AT_ONCE)
        for targets in (solid, is_end):
            start, offset = _nearest(
                solid, targets, ends[some] + reach, going[some], (offsets, ways)
            )
            way = (start[:, None] - reach + ways[offset]).reshape(-1, 2)
            whole[*way[((way >= 0) & (way < lines.shape)).all(1)].T] = True
    new, _ = ndimage.label(whole & ~lines, np.ones((3, 3), bool))
    pixels = np.argwhere(new)
    return Bridged(whole, skeleton, ends, pixels, new[*pixels.T] - 1)


def middle_of(lines: Array) -> Array:
    """(Y, X) bool, one pixel wide: the middle of lines (Y, X) bool."""
    from skimage import morphology

    middle: Array = morphology.skeletonize(lines)  # type: ignore[no-untyped-call]
    return middle


def _ends(skeleton: Array) -> tuple[Array, Array]:
    """(E, 2) where lines end, and (Y, X) bool: at and beside where three or more meet."""
    from scipy import ndimage

    pixels = np.argwhere(skeleton)
    around = np.pad(skeleton, 1)[*np.moveaxis(pixels[:, None] + 1 + np.array(_RING), -1, 0)]
    branches = (~around & np.roll(around, -1, axis=1)).sum(1)
    crossings = np.zeros_like(skeleton)
    crossings[*pixels[branches >= 3].T] = True
    crossings = ndimage.binary_dilation(crossings, np.ones((3, 3), bool))
    return pixels[(branches == 1) & (around.sum(1) <= 2)], crossings


def _going(skeleton: Array, ends: Array, crossings: Array) -> tuple[Array, Array]:
    """Ends that are no spurs, and the way that each line has come in its last `_BACK` steps."""
    inside, here = np.pad(skeleton, 1), ends + 1
    before, older, behind = here, here, here
    spur = np.zeros(len(ends), bool)
    for steps in range(1, _SPUR + 1):
        step = here.copy()
        for offset in sorted(_RING, key=lambda o: -abs(o[0]) - abs(o[1])):  # straight ones win
            there = here + offset
            back = (there == before).all(1) | (there == older).all(1)
            good = inside[*there.T] & ~back
            step[good] = there[good]
        here, before, older = step, here, before
        spur |= crossings[*(here - 1).T]
        if steps == _BACK:
            behind = here
    return ends[~spur], (ends + 1 - behind)[~spur]


def _ways(reach: int) -> tuple[Array, Array]:
    """(O, 2) offsets within `reach`, and (O, reach, 2) the pixels of the straight way to each."""
    side = np.arange(-reach, reach + 1)
    offsets = np.stack(np.meshgrid(side, side, indexing="ij"), -1).reshape(-1, 2)
    squared = (offsets**2).sum(1)
    offsets = offsets[(squared > 0) & (squared <= reach**2)]
    steps = np.abs(offsets).max(1)
    share = np.minimum(np.arange(1, reach + 1) / steps[:, None], 1)
    return offsets, np.rint(offsets[:, None] * share[..., None]).astype(int)


def _nearest(
    solid: Array, targets: Array, ends: Array, going: Array, within: tuple[Array, Array]
) -> tuple[Array, Array]:
    """Ends that have a target ahead across a gap, and the offset of the nearest one of each."""
    offsets, ways = within
    length = np.hypot(*offsets.T)
    ahead = going @ offsets.T >= _AHEAD * np.hypot(*going.T)[:, None] * length
    there = ends[:, None] + offsets
    possible = ahead & targets[there[..., 0], there[..., 1]]
    which, offset = np.nonzero(possible)
    way = ends[which][:, None] + ways[offset]
    missing = (~solid[way[..., 0], way[..., 1]]).sum(1)  # a way stays at its target: no ground
    gap = missing * length[offset] / np.abs(offsets[offset]).max(1)
    good = (missing > 0) & (gap <= GAP)
    which, offset, gap = which[good], offset[good], gap[good]
    order = np.lexsort((offset, length[offset], gap, which))
    first = np.unique(which[order], return_index=True)[1]
    return ends[which[order][first]], offset[order][first]
