"""How large the objects of a plane are, asked of the network itself.

The network tells for each pixel how large the object is that it lies in, and was trained to do
so far beyond the sizes at which it parts objects well. So one look at a small version of the
plane is usually enough; where objects are so small in it that it can hardly know, it looks at a
part of the plane at a scale that suits its first answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cellwright.core.image import Array
from cellwright.core.method import PlaneSource
from cellwright.segment.blocks import Window
from cellwright.segment.network_input import Normalisation
from cellwright.segment.network_maps import Answer, Quantised, fill_maps
from cellwright.segment.object_size import weighted_median
from cellwright.segment.rescale import ScaledPlane

__all__ = ["SIZE_UNIT", "Size", "find_size"]

SIZE_UNIT = 16.0
"""Diameter in pixels whose binary logarithm is 0 in the channel ``size``."""

LOOK = 384
"""Side in pixels of the square in which the network looks for the size of objects."""

LOOKS = 3

_SURE = (9.0, 45.0)
"""Diameters in the network's pixels between which its answer is taken at once."""
_LEAST = 30
"""Pixels of foreground without which there is no answer."""
_LARGEST_SCALE = 3.0
_SMALLEST_SCALE = 1 / 32


@dataclass(frozen=True)
class Size:
    """Diameter of a typical object in the picture's pixels, None where none was seen; looks."""

    diameter: float | None
    looks: int


def find_size(
    plane: PlaneSource,
    normalisation: Normalisation,
    answer: Answer,
    channels: tuple[str, ...],
    *,
    target: float,
    multiple: int,
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
    """
    rows, columns = plane.shape[:2]
    scale = min(1.0, LOOK / float(np.sqrt(rows * columns)))
    look_at = _Looks(plane, normalisation, answer, channels, multiple)
    found: float | None = None
    for look in range(1, LOOKS + 1):
        seen = look_at(scale)
        if seen is None and scale >= 1:
            return Size(found, look)
        if seen is not None:
            found = seen / scale
            if _SURE[0] <= seen <= _SURE[1]:
                return Size(found, look)
        wanted = scale * (target / seen if seen is not None else 3.0)
        wanted = float(np.clip(wanted, _SMALLEST_SCALE, _LARGEST_SCALE))
        if wanted == scale:
            return Size(found, look)
        scale = wanted
    return Size(found, LOOKS)


@dataclass(frozen=True, eq=False)
class _Looks:
    """Looks at the middle of a plane at any scale."""

    plane: PlaneSource
    normalisation: Normalisation
    answer: Answer
    channels: tuple[str, ...]
    multiple: int

    def __call__(self, scale: float) -> float | None:
        """Diameter of the median object in the network's pixels; None if there is hardly any."""
        scaled = ScaledPlane(self.plane, self.normalisation, scale)
        sides = [min(length, LOOK * 3 // 2) for length in scaled.shape]
        top, left = ((whole - side) // 2 for whole, side in zip(scaled.shape, sides, strict=True))
        part = _Part(scaled, top, left, (sides[0], sides[1]))
        maps = Quantised(("foreground", "size"), np.zeros((2, *part.shape), np.int8))
        fill_maps(
            part, self.answer, maps, every=self.channels, unit=1.0, tile=max(part.shape), halo=0,
            multiple=self.multiple,
        )  # fmt: skip
        found = maps.read(Window(0, 0, *part.shape))
        return _typical(found["foreground"], found["size"])


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
