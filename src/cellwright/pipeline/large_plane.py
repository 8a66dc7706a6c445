"""A plane that is too large for memory: a view of it that is read in windows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cellwright.core.errors import UnsupportedError
from cellwright.core.image import Array, Image, LazyArray
from cellwright.core.method import LargeMethod, Method
from cellwright.engine.keys import streamed_hash
from cellwright.pipeline.choice import COLOUR
from cellwright.pipeline.planes import COLOURS, finite
from cellwright.pipeline.probe import Header

__all__ = [
    "LARGE_PIXELS", "STRIP_ROWS", "LargePlane", "OneFrame", "Survey", "is_large", "large_planes",
    "main_plane", "mosaic", "strips", "survey",
]  # fmt: skip

LARGE_PIXELS = 100_000_000
"""From so many pixels on a plane is worked on block by block, and labels are an OME-Zarr."""

STRIP_ROWS = 1024
"""Rows that are read at once: those of a chunk, or of several tiles."""

_WINDOW, _WINDOWS = 1024, 4
_LONGEST = 2048


@dataclass(frozen=True, eq=False)
class OneFrame:
    """One frame of a movie of labels, read in windows: a `cellwright.core.image.LazyArray`."""

    data: Array | LazyArray
    frame: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Without the frames."""
        return tuple(self.data.shape[1:])

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the labels."""
        return self.data.dtype

    def __getitem__(self, index: tuple[int | slice, ...], /) -> Array:
        return np.asarray(self.data[(self.frame, *index)])


def is_large(header: Header, method: Method | None) -> bool:
    """Whether the frames of a picture are worked on block by block."""
    size = header.size("Y") * header.size("X")
    return size >= LARGE_PIXELS and (method is None or isinstance(method, LargeMethod))


@dataclass(frozen=True, eq=False)
class LargePlane:
    """One channel of one frame, projected along Z as it is read.

    It is a `cellwright.core.image.LazyArray` (Y, X), or (Y, X, S) in colour, and, by `read`, a
    `cellwright.core.method.PlaneSource`.

    Attributes
    ----------
    data
        All pixels of the picture.
    axes
        Of `data`.
    frame, channel
        Which; a channel of None is the only one there is.
    sample
        Of a colour picture, the one that is taken; None for all.
    project
        How Z becomes a plane.
    lowest
        What pixels that are not finite become in `read`: the smallest finite one of the plane.
    """

    data: Array | LazyArray
    axes: str
    frame: int
    channel: int | None
    sample: int | None
    project: str
    lowest: float | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """(Y, X), or (Y, X, S)."""
        sizes = dict(zip(self.axes, self.data.shape, strict=True))
        colour = (sizes["S"],) if "S" in sizes and self.sample is None else ()
        return (sizes["Y"], sizes["X"], *colour)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels of the plane."""
        kind = np.dtype(np.uint8) if self.data.dtype == bool else self.data.dtype
        if "Z" in self.axes and self.project == "mean":
            return np.dtype(np.float32)
        return kind

    def __getitem__(self, index: tuple[int | slice, ...], /) -> Array:
        rows, columns = index[:2]
        places: dict[str, int | slice] = {
            "T": self.frame,
            "C": self.channel or 0,
            "Z": slice(None),
            "Y": rows,
            "X": columns,
            "S": slice(None) if self.sample is None else self.sample,
        }
        pixels = np.asarray(self.data[tuple(places[axis] for axis in self.axes)])
        if pixels.dtype == bool:
            pixels = pixels.astype(np.uint8)
        if "Z" in self.axes:
            if self.project == "max":
                pixels = pixels.max(axis=0)
            else:
                pixels = pixels.mean(axis=0, dtype=np.float64).astype(np.float32)
        return pixels[(slice(None), slice(None), *index[2:])] if index[2:] else pixels

    def read(self, top: int, left: int, bottom: int, right: int) -> Array:
        """Read a window, all of it finite."""
        pixels = self[slice(top, bottom), slice(left, right)]
        if self.lowest is None or not np.issubdtype(pixels.dtype, np.floating):
            return finite(pixels) if self.lowest is None else pixels
        return np.where(np.isfinite(pixels), pixels, pixels.dtype.type(self.lowest))


def large_planes(image: Image, frame: int, project: str) -> dict[str, LargePlane]:
    """Give the planes of all channels of a frame; a colour picture has three.

    Raises
    ------
    UnsupportedError
        For a projection that needs the whole stack.
    """
    if "Z" in image.axes and project not in {"max", "mean"}:
        raise UnsupportedError(
            f"a stack of planes this large cannot be projected by {project!r}",
            remedy="use --project max or mean",
        )
    if image.is_colour and "C" not in image.axes:
        return {
            name: LargePlane(image.data, image.axes, frame, None, sample, project)
            for sample, name in enumerate(COLOURS[: image.size("S")])
        }
    if image.is_colour:
        raise UnsupportedError(
            "several channels of colour are not worked on block by block",
            remedy="save one channel a picture",
        )
    return {
        name: LargePlane(image.data, image.axes, frame, number, None, project)
        for number, name in enumerate(image.channels)
    }


def main_plane(planes: dict[str, LargePlane], number: int) -> LargePlane:
    """Give the plane in which cells are found; all samples of a colour picture."""
    first = next(iter(planes.values()))
    return replace(first, sample=None) if number == COLOUR else list(planes.values())[number]


@dataclass(frozen=True, eq=False)
class Survey:
    """What one reading of a plane tells.

    Attributes
    ----------
    hash
        As `array_hash` gives it of the whole plane.
    not_finite
        Number of pixels that are NaN or infinite.
    lowest
        Smallest finite pixel; None if there is none, or all pixels are whole numbers.
    small
        The plane with rows and columns left out, so that it fits a screen.
    """

    hash: str
    not_finite: int
    lowest: float | None
    small: Array


def survey(plane: LargePlane) -> Survey:
    """Read a plane once, strip by strip."""
    step = max(1, -(-max(plane.shape[:2]) // _LONGEST))
    floating = np.issubdtype(plane.dtype, np.floating)
    small: list[Array] = []
    bad = 0
    lowest: float | None = None

    def pieces() -> Iterator[Array]:
        nonlocal bad, lowest
        row = 0
        for strip in strips(plane):
            small.append(strip[-row % step :: step, ::step])
            row += len(strip)
            if floating:
                good = np.isfinite(strip)
                bad += int(good.size - np.count_nonzero(good))
                if good.any():
                    least = float(strip[good].min())
                    lowest = least if lowest is None else min(lowest, least)
            yield strip

    digest = streamed_hash(plane.dtype, plane.shape, pieces())
    return Survey(digest, bad, lowest, np.concatenate(small))


def strips(plane: Array | LazyArray) -> Iterator[Array]:
    """Read a plane from top to bottom, some rows at a time."""
    for top in range(0, plane.shape[0], STRIP_ROWS):
        yield np.asarray(plane[slice(top, min(top + STRIP_ROWS, plane.shape[0])), slice(None)])


def mosaic(plane: Array | LazyArray) -> Array:
    """Put windows from all over a plane together, each in its place: what quality is judged on.

    They show focus, noise and saturation at full resolution, and where light falls off.
    """
    height, width = plane.shape[:2]
    if height <= _WINDOW * _WINDOWS and width <= _WINDOW * _WINDOWS:
        return np.asarray(plane[slice(None), slice(None)])

    def starts(length: int) -> list[int]:
        if length <= _WINDOW * _WINDOWS:
            return list(range(0, length, _WINDOW))
        return [k * (length - _WINDOW) // (_WINDOWS - 1) for k in range(_WINDOWS)]

    return np.concatenate(
        [
            np.concatenate(
                [
                    plane[slice(y, min(y + _WINDOW, height)), slice(x, min(x + _WINDOW, width))]
                    for x in starts(width)
                ],
                axis=1,
            )
            for y in starts(height)
        ]
    )
