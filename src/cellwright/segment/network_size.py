"""How large the objects of a plane are, asked of the network itself.

The network tells for each pixel how large the object is that it lies in, and was trained to do
so far beyond the sizes at which it parts objects well. So one look at a small version of the
plane is usually enough; where objects are so small in it that it can hardly know, it looks at
parts of the plane at a scale that suits its first answer. A large plane is never made so small
that objects would melt into a texture that looks like larger ones: it is looked at in parts.
A look at the whole of a small plane that happened to be at a good scale need not be repeated.

Small nuclei side by side can look like one large body in a small version, as in an embryo. At the
scale that would suit the body it then seems as large again: who contradicts itself so is asked
again, beginning at the picture's own scale. So is who is undecided on most of what might be
objects, and who tells of very large ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cellwright.core.image import Array
from cellwright.core.method import PlaneSource
from cellwright.segment.blocks import Window
from cellwright.segment.network_input import Normalisation
from cellwright.segment.network_maps import (
    SIZE_UNIT,
    UNIT,
    Answer,
    Quantised,
    fill_maps,
    steps_of,
)
from cellwright.segment.object_size import weighted_median
from cellwright.segment.rescale import ScaledPlane

__all__ = [
    "HUGE", "LARGEST_SCALE", "SMALLER", "Look", "Size", "agrees", "find_size", "undecided",
]  # fmt: skip

LOOK = 384
"""Side in pixels of the square in which the network looks for the size of objects."""

MOST = 576
"""Longest side that is looked at as a whole, in pixels."""

PARTS = 3
"""Of a longer side, evenly over it; together they are as long as `MOST`."""

FIRST_SCALE = 1 / 3
"""The first look is not at less: objects of 27 px are then 9 px across, just large enough."""

LOOKS = 3

LARGEST_SCALE = 3.0
"""No picture is enlarged more than this: the cost of it grows with the square."""

_SURE = (9.0, 45.0)
"""Diameters in the network's pixels between which its answer is taken at once."""
_PLAIN = 17.0
"""Of a picture that was made smaller, not below this: of objects of less than 12 px a network may
say that they are 15, as most were that it has seen. It is asked again at twice the scale."""
_LEAST = 30
"""Pixels of foreground without which there is no answer."""
_SMALLEST_SCALE = 1 / 32

_NEAR = 1.12
"""Factor between a wanted scale and that of a look up to which the look will do: sizes are told
no more exactly than that, and a network is trained on objects within 1.5 times its own size."""

_AGREES = 2.0
"""Factor by which objects may seem larger at the last scale than they were said to be. On 200
pictures right answers stayed below 1.6, and bodies that were taken for objects were above 3.8."""
_CHECKED = 500
"""About so many rows and columns of the last maps are checked."""

_UNDECIDED = 0.5
"""Share of pixels without a clear answer, among those that might be objects, from which another
scale is tried: of 81 pictures one, an embryo seen too small, had more (0.69), the next 0.40."""
_PERHAPS, _SURELY = -1.386, 1.386
"""Logits of 0.2 and 0.8, between which an answer is not clear."""
HUGE = 5.0
"""Times the diameter at which the network sees objects best, from which on it is asked at the
picture's own scale too."""
SMALLER = 3.0
"""Factor by which objects must seem smaller there to be believed: two of five embryos were taken
for one nucleus of 340 px, with nuclei of 12."""

_NEEDED = ("foreground", "size")


@dataclass(frozen=True, eq=False)
class Look:
    """What a network said of a whole plane.

    Attributes
    ----------
    scale
        The network's pixels for one of the picture's.
    maps
        The channels that were asked for.
    """

    scale: float
    maps: Quantised


@dataclass(frozen=True, eq=False)
class Size:
    """How large objects are, and how that was found out.

    Attributes
    ----------
    diameter
        Of a typical object, in the picture's pixels; None where none was seen.
    looks
        How many it took.
    last
        The last look, if it was at the whole plane in one piece.
    """

    diameter: float | None
    looks: int
    last: Look | None = None

    def seen_at(self, scale: float) -> Look | None:
        """Give the last look if it was near enough to a scale to be used in its stead."""
        if self.last is None or not 1 / _NEAR <= self.last.scale / scale <= _NEAR:
            return None
        return self.last


def find_size(
    plane: PlaneSource,
    normalisation: Normalisation,
    answer: Answer,
    channels: tuple[str, ...],
    *,
    target: float,
    multiple: int,
    kept: tuple[str, ...] = _NEEDED,
    first: float | None = None,
) -> Size:
    """Find out how large a typical object is.

    Parameters
    ----------
    plane, normalisation
        The picture.
    answer, channels
        The network and its channels, with ``foreground`` and ``size``.
    target
        Diameter at which the network sees objects best.
    multiple
        Of which the network's input sides must be.
    kept
        Channels that the last look keeps, with ``foreground`` and ``size``.
    first
        Scale of the first look; if not given, that of a small version of the plane.
    """
    rows, columns = plane.shape[:2]
    scale = first or min(1.0, max(FIRST_SCALE, LOOK / float(np.sqrt(rows * columns))))
    look_at = _Looks(plane, normalisation, answer, channels, kept, multiple)
    found: float | None = None
    for look in range(1, LOOKS + 1):
        seen, last = look_at(scale)
        if seen is None and scale >= 1:
            return Size(found, look, last)
        if seen is not None:
            found = seen / scale
            if (_PLAIN if scale < 1 else _SURE[0]) <= seen <= _SURE[1]:
                return Size(found, look, last)
        wanted = _next_scale(scale, seen, target)
        wanted = float(np.clip(wanted, _SMALLEST_SCALE, LARGEST_SCALE))
        if wanted == scale:
            return Size(found, look, last)
        scale = wanted
    return Size(found, LOOKS, last)


def agrees(maps: Quantised, expected: float) -> bool:
    """Whether objects seem to be of the size at which they were to be shown.

    Parameters
    ----------
    maps
        Of a whole plane, with ``foreground`` and ``size``.
    expected
        Diameter in the network's pixels.
    """
    seems = _typical(_some(maps, "foreground"), _some(maps, "size"))
    return seems is None or seems < _AGREES * expected


def undecided(maps: Quantised) -> float:
    """Share without a clear answer of the pixels that might be objects; 0 if it is no matter.

    It is none up to a half: outlines, and objects out of focus, are never quite clear.
    """
    foreground = _some(maps, "foreground")
    perhaps = foreground > _PERHAPS
    count = np.count_nonzero(perhaps)
    share = np.count_nonzero(perhaps & (foreground < _SURELY)) / count if count > _LEAST else 0.0
    return share if share > _UNDECIDED else 0.0


def _some(maps: Quantised, name: str) -> Array:
    """Values of a channel at some rows and columns."""
    rows, columns = maps.values.shape[1:]
    down, across = max(1, rows // _CHECKED), max(1, columns // _CHECKED)
    part = maps.values[maps.channels.index(name), ::down, ::across].ravel()
    return np.asarray(part * np.float32(steps_of(name)))


def _next_scale(scale: float, seen: float | None, target: float) -> float:
    if seen is None:
        return scale * 3
    if seen < _PLAIN and scale < 1:
        return min(1.0, scale * max(2.0, target / seen))
    return scale * target / seen


@dataclass(frozen=True, eq=False)
class _Looks:
    """Looks at a plane, or at parts of it, at any scale."""

    plane: PlaneSource
    normalisation: Normalisation
    answer: Answer
    channels: tuple[str, ...]
    kept: tuple[str, ...]
    multiple: int

    def __call__(self, scale: float) -> tuple[float | None, Look | None]:
        """Diameter of the median object in the network's pixels, None if there is hardly any.

        With it goes the look, if the plane was looked at as a whole.
        """
        scaled = ScaledPlane(self.plane, self.normalisation, scale)
        rows, columns = (_parts(length) for length in scaled.shape)
        seen = [
            self._seen(_Part(scaled, top, left, (bottom - top, right - left)))
            for top, bottom in rows
            for left, right in columns
        ]
        foreground, size = (
            np.concatenate(
                [maps.one(name, Window(0, 0, *maps.values.shape[1:])).ravel() for maps in seen]
            )
            for name in _NEEDED
        )
        return _typical(foreground, size), Look(scale, seen[0]) if len(seen) == 1 else None

    def _seen(self, part: _Part) -> Quantised:
        """What the network says of a part."""
        maps = Quantised(self.kept, np.zeros((len(self.kept), *part.shape), np.int8))
        fill_maps(
            part, self.answer, maps, every=self.channels, unit=UNIT, tile=max(part.shape), halo=0,
            multiple=self.multiple,
        )  # fmt: skip
        return maps


def _parts(length: int) -> list[tuple[int, int]]:
    """Begin and end of the parts of a side that are looked at, each in the middle of its share."""
    if length <= MOST:
        return [(0, length)]
    side = MOST // PARTS
    starts = [(2 * part + 1) * length // (2 * PARTS) - side // 2 for part in range(PARTS)]
    return [(start, start + side) for start in starts]


def _typical(foreground: Array, size: Array) -> float | None:
    """Diameter of the median object: each pixel counts as much as its object is small."""
    on = foreground > 0
    if np.count_nonzero(on) < _LEAST:
        return None
    diameter = SIZE_UNIT * np.exp2(size[on].astype(np.float64))
    return weighted_median(diameter, diameter**-2.0)


@dataclass(frozen=True, eq=False)
class _Part:
    """A part of a scaled plane as a plane of its own."""

    whole: ScaledPlane
    top: int
    left: int
    shape: tuple[int, int]

    def read(self, window: Window) -> Array:
        return self.whole.read(
            Window(
                window.top + self.top,
                window.left + self.left,
                window.bottom + self.top,
                window.right + self.left,
            )
        )
