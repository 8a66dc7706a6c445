"""The picture: pixels with named axes, a pixel size in micrometres, and where they come from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from cellwright.core.errors import UsageError

__all__ = ["AXES", "Array", "Image", "LazyArray", "Source", "Spacing", "check_axes"]

AXES = "TCZYXS"
"""Every axis there is, in the one order that an image may have: time, channel, depth,
rows, columns, and the samples of a colour picture."""

Array = npt.NDArray[Any]


@runtime_checkable
class LazyArray(Protocol):
    """Pixels that are read when they are indexed.

    Anything with these three members will do (a zarr array, a memory map, or the planes of
    a TIFF file). Indexing takes integers and slices on all axes and gives a NumPy array.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels."""
        ...

    def __getitem__(self, index: tuple[int | slice, ...], /) -> Array: ...


@dataclass(frozen=True)
class Spacing:
    """Micrometres from one pixel to the next along each axis; None where it is not known.

    Examples
    --------
    >>> Spacing(y=0.65, x=0.65).square
    0.65
    """

    z: float | None = None
    y: float | None = None
    x: float | None = None

    def __post_init__(self) -> None:
        for axis in "zyx":
            value = getattr(self, axis)
            if value is not None and not (0 < value < float("inf")):
                raise UsageError(f"a spacing of {value} along {axis} is not a length above 0")

    @property
    def square(self) -> float | None:
        """The one spacing of Y and X, or None if unknown or different by over 0.1 %."""
        if self.y is None or self.x is None or abs(self.y - self.x) > 1e-3 * self.x:
            return None
        return self.x


@dataclass(frozen=True)
class Source:
    """Where a picture comes from.

    Attributes
    ----------
    image
        The identity of the picture in every table: its POSIX path relative to the input
        folder, with extension, and ``::scene`` where a file has several.
    path
        The file, as it can be opened.
    scene
        Name of the scene within the file; empty where the file has one.
    files
        All files that were read for it, if it is more than `path` alone.
    plate, well, position
        Name of the plate, its well (``B03``), and the field of view in it, where the file or
        its name tells.
    """

    image: str = ""
    path: str = ""
    scene: str = ""
    files: tuple[str, ...] = ()
    plate: str = ""
    well: str = ""
    position: str = ""


def check_axes(axes: str, ndim: int) -> None:
    """Refuse axes that are unknown, repeated, out of order, or of the wrong number.

    Raises
    ------
    UsageError
        Naming the axes and what was expected.
    """
    places = [AXES.find(axis) for axis in axes]
    if -1 in places or places != sorted(set(places)) or "Y" not in axes or "X" not in axes:
        raise UsageError(f"axes {axes!r} are not a part of {AXES!r} in that order, with Y and X")
    if len(axes) != ndim:
        raise UsageError(f"axes {axes!r} do not fit an array of {ndim} dimensions")


@dataclass(frozen=True, eq=False)
class Image:
    """A picture, in memory or on disk.

    Parameters
    ----------
    data
        Pixels, NumPy or lazy, one dimension for each of `axes`.
    axes
        A part of ``TCZYXS``, in this order, with Y and X.
    spacing
        Micrometres per pixel; never assumed.
    interval
        Seconds from frame to frame, or None.
    channels
        One name a channel; made up as ``0``, ``1``, … where the file has none.
    bits
        How many bits the camera used (12 of the 16 in the file, say), where known.
    source
        Where it comes from.
    notes
        What a reader had to decide, in words for the person who reads the report.

    Examples
    --------
    >>> picture = Image(np.zeros((2, 4, 5)), "CYX", channels=("DAPI", "GFP"))
    >>> picture.size("C"), picture.size("T"), picture.channel("GFP").axes
    (2, 1, 'YX')
    """

    data: Array | LazyArray
    axes: str
    spacing: Spacing = Spacing()
    interval: float | None = None
    channels: tuple[str, ...] = ()
    bits: int | None = None
    source: Source = Source()
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        check_axes(self.axes, len(self.data.shape))
        count = self.size("C")
        if not self.channels:
            object.__setattr__(self, "channels", tuple(str(i) for i in range(count)))
        if len(self.channels) != count:
            raise UsageError(f"{len(self.channels)} channel names for {count} channels")

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis, as in `axes`."""
        return tuple(self.data.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels as stored."""
        return self.data.dtype

    @property
    def is_colour(self) -> bool:
        """Whether the pixels are samples of colour (the axis S)."""
        return "S" in self.axes

    def size(self, axis: str) -> int:
        """Length of `axis`; 1 where the picture does not have it."""
        return int(self.data.shape[self.axes.index(axis)]) if axis in self.axes else 1

    def take(self, axis: str, index: int) -> Image:
        """One position along `axis`, which goes away; the pixels of only this are read."""
        if axis not in self.axes:
            if index != 0:
                raise UsageError(f"there is no {axis} {index} in a picture with axes {self.axes}")
            return self
        if not 0 <= index < self.size(axis):
            raise UsageError(f"there is no {axis} {index}: the picture has {self.size(axis)}")
        place = self.axes.index(axis)
        key: tuple[int | slice, ...] = tuple(
            index if i == place else slice(None) for i in range(len(self.axes))
        )
        kept = (self.channels[index],) if axis == "C" else self.channels
        return replace(self, data=self.data[key], axes=self.axes.replace(axis, ""), channels=kept)

    def frame(self, index: int) -> Image:
        """One frame, without the axis T, its pixels read into memory."""
        taken = self.take("T", index)
        return replace(taken, data=taken.pixels())

    def channel(self, name: str | int) -> Image:
        """One channel by name or number, without the axis C."""
        if isinstance(name, str):
            if name not in self.channels:
                raise UsageError(
                    f"there is no channel {name!r}",
                    where=self.source.image,
                    remedy="there are " + ", ".join(self.channels),
                )
            name = self.channels.index(name)
        return self.take("C", name)

    def pixels(self) -> Array:
        """All pixels, as a NumPy array."""
        if isinstance(self.data, np.ndarray):
            return self.data
        return np.asarray(self.data[(slice(None),) * len(self.axes)])
