"""Files that together are one picture: one each channel, depth or time, told by their names."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cellwright.core.errors import UnreadableError, UnsupportedError, UsageError
from cellwright.core.image import AXES, Array, Image, Source, Spacing

__all__ = ["FileSet", "JoinedPlanes", "Part", "open_set"]

LOOKED_AT = 64
"""Sets of so many files have all headers looked at when they are opened; it takes some 50 ms.
The files of larger sets are looked at when their planes are read."""

_SHOWN = 3  # missing files named in a message
_TOLERANCE = 0.01  # pixel sizes that differ by more than 1 % are two sizes
_TRIED_OTHERWISE = "or take the files as they are with --pattern none"


@dataclass(frozen=True, order=True)
class Part:
    """One file of a set and its place in the picture, each counted from 0."""

    path: str
    frame: int = 0
    channel: int = 0
    depth: int = 0


@dataclass(frozen=True, order=True)
class FileSet:
    """Files that together are one picture.

    Attributes
    ----------
    pattern
        Name of the scheme of file names that told so.
    parts
        The files, in the order of frame, channel and depth.
    channels
        Names of the channels; empty where the names of the files have none.
    plate, well, position
        As the names tell; empty where they do not.
    interval
        Seconds from frame to frame, where the names tell.
    notes
        What was decided, in words for the person who reads the report.
    missing
        What the names of the other files promise and no file holds, in words. A set that
        lacks something is never opened.
    z_um, y_um, x_um
        Micrometres per pixel, where a file beside the pictures tells.
    """

    pattern: str
    parts: tuple[Part, ...]
    channels: tuple[str, ...]
    plate: str = ""
    well: str = ""
    position: str = ""
    interval: float | None = None
    notes: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    z_um: float | None = None
    y_um: float | None = None
    x_um: float | None = None

    @property
    def files(self) -> tuple[str, ...]:
        """Paths of all files, each once, in the order of the parts."""
        return tuple(dict.fromkeys(part.path for part in self.parts))


@dataclass(frozen=True, eq=False)
class JoinedPlanes:
    """Pixels of many files, satisfying `cellwright.core.image.LazyArray`.

    Attributes
    ----------
    files
        Path for each position in (T, C, Z).
    outer, inner
        Axes that the names tell, and axes within each file.
    shape
        Of all pixels; its axes are `axes`.
    dtype
        Of all files.
    grey
        Whether the files are colour pictures to be taken as grey.
    """

    files: npt.NDArray[np.object_]
    outer: str
    inner: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    grey: bool = False

    @property
    def axes(self) -> str:
        """Axes of all pixels, in the order that an image has."""
        return "".join(axis for axis in AXES if axis in self.outer + self.inner)

    def __getitem__(self, index: tuple[int | slice, ...], /) -> Array:
        """Read the files, and of them the pixels, that `index` asks for.

        Raises
        ------
        InputError
            Naming the file that is missing, damaged, or unlike the others.
        """
        index = index if isinstance(index, tuple) else (index,)
        index = (*index, *[slice(None)] * (len(self.shape) - len(index)))
        keys = dict(zip(self.axes, index, strict=True))
        of_names = [_as_slice(keys.get(axis, 0)) for axis in "TCZ"]
        within = tuple(_as_slice(keys[axis]) for axis in self.inner)
        wanted = self.files[tuple(_outer(axis, of_names, self.outer) for axis in "TCZ")]
        size = [len(range(*key.indices(n))) for key, n in zip(within, self._size(), strict=True)]
        read = np.empty((wanted.size, *size), self.dtype)
        for number, path in enumerate(wanted.ravel()):
            read[number] = self.plane(path, within)
        read = read.reshape(*wanted.shape, *size)
        full = read[tuple(slice(None) if a in self.outer else 0 for a in "TCZ")]
        order = [(self.outer + self.inner).index(axis) for axis in self.axes]
        return np.ascontiguousarray(full.transpose(order))[
            tuple(0 if isinstance(key, int | np.integer) else slice(None) for key in index)
        ]

    def plane(self, path: str, within: tuple[slice, ...]) -> Array:
        """Read a part of one file, which must be as its set promises."""
        image = _open_one(path)
        self.check(image, path)
        data = image.data[(*within, slice(None))] if self.grey else image.data[within]
        return _grey(np.asarray(data), path) if self.grey else np.asarray(data)

    def check(self, image: Image, path: str) -> None:
        """Refuse a file that is unlike the others of its set."""
        axes = self.inner + ("S" if self.grey else "")
        if image.axes == axes and image.dtype == self.dtype:
            shape = image.shape[:-1] if self.grey else image.shape
            if shape == self._size():
                return
        size = " × ".join(str(n) for n in self._size())
        is_size = " × ".join(str(n) for n in image.shape)
        raise UnreadableError(
            f"this file is {is_size} ({image.axes}) of {image.dtype}, the first of its picture "
            f"is {size} ({axes}) of {self.dtype}",
            where=path,
            remedy=f"see whether it belongs there, {_TRIED_OTHERWISE}",
        )

    def _size(self) -> tuple[int, ...]:
        lengths = dict(zip(self.axes, self.shape, strict=True))
        return tuple(lengths[axis] for axis in self.inner)


def _as_slice(key: int | slice) -> slice:
    """Turn an integer into a slice of length 1; a negative one counts from the end."""
    if isinstance(key, slice):
        return key
    return slice(key, None if key == -1 else key + 1)


def _outer(axis: str, keys: list[slice], outer: str) -> slice:
    return keys["TCZ".index(axis)] if axis in outer else slice(0, 1)


def open_set(files: FileSet) -> Image:
    """Open files that together are one picture; each is read when its plane is needed.

    Parameters
    ----------
    files
        From `cellwright.io.joining.join_files`.

    Returns
    -------
    Image
        Axes are those of the names (T, C, Z, each only where there is more than one) and those
        within the files. Type, pixel size and notes are those of the first file, with what
        the set knows beside. ``source.image`` is left empty.

    Raises
    ------
    UnreadableError
        If a file is missing, damaged, or unlike the first; if two files claim one place; if
        the names of the others promise a channel, plane or frame that no file holds.
    UnsupportedError
        If a file holds more than its name says, or colours where channels are expected.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     paths = [str(Path(folder, f"A01_s1_w{n}.npy")) for n in (1, 2)]
    ...     for path in paths:
    ...         np.save(path, np.zeros((4, 5), np.uint16))
    ...     parts = tuple(Part(path, channel=n) for n, path in enumerate(paths))
    ...     image = open_set(FileSet("imagexpress", parts, ("w1", "w2"), well="A01"))
    ...     image.axes, image.shape, image.channels, image.source.well
    ('CYX', (2, 4, 5), ('w1', 'w2'), 'A01')
    """
    grid = _grid(files)
    outer = "".join(axis for axis, n in zip("TCZ", grid.shape, strict=True) if n > 1)
    first_path = str(grid[0, 0, 0])
    first = _open_one(first_path)
    if len(files.files) == 1 and not outer:
        return _with_source(first, files, first.channels, ())
    grey = first.is_colour and _is_grey(first, files)
    inner = first.axes.replace("S", "") if grey else first.axes
    _refuse_overlap(outer, inner, first_path)
    lengths = {axis: first.size(axis) for axis in inner}
    lengths |= {axis: n for axis, n in zip("TCZ", grid.shape, strict=True) if axis in outer}
    shape = tuple(lengths[axis] for axis in AXES if axis in lengths)
    data = JoinedPlanes(grid, outer, inner, shape, first.dtype, grey)
    if len(files.files) <= LOOKED_AT:
        for path in files.files[1:]:
            data.check(_open_one(path), path)
    image = replace(first, data=data, axes=data.axes, channels=_channels(files, first, data))
    said = ("the files are colour pictures without colour: taken as grey",) if grey else ()
    return _with_source(image, files, image.channels, said)


def _grid(files: FileSet) -> npt.NDArray[np.object_]:
    """Path for each position in (T, C, Z); every position has exactly one."""
    if files.missing:
        more = len(files.missing) - _SHOWN
        raise UnreadableError(
            "; ".join(files.missing[:_SHOWN]) + (f"; and {more} more" if more > 0 else ""),
            remedy=f"copy what is missing, {_TRIED_OTHERWISE}",
        )
    if not files.parts:
        raise UsageError("a set of files has no file in it")
    shape = (
        1 + max(part.frame for part in files.parts),
        1 + max(part.channel for part in files.parts),
        1 + max(part.depth for part in files.parts),
    )
    if max(len(files.channels), 1) > shape[1]:
        raise UnreadableError(
            f"channel {files.channels[shape[1]]} is missing",
            where=files.parts[0].path,
            remedy=f"copy what is missing, {_TRIED_OTHERWISE}",
        )
    placed: dict[tuple[int, int, int], str] = {}
    for part in files.parts:
        place = (part.frame, part.channel, part.depth)
        other = placed.get(place)
        if other is not None and other != part.path:
            raise UnreadableError(
                f"this file and {Path(other).name} claim to be the same plane of one picture",
                where=part.path,
                remedy=f"take one of them away, {_TRIED_OTHERWISE}",
            )
        placed[place] = part.path
    if len(placed) < shape[0] * shape[1] * shape[2]:
        lacks = next(place for place in np.ndindex(shape) if place not in placed)
        names = files.channels or ("",)
        channel = names[lacks[1]] if lacks[1] < len(names) else str(lacks[1])
        raise UnreadableError(
            f"frame {lacks[0]}, channel {channel or lacks[1]}, plane {lacks[2]} is missing",
            where=files.parts[0].path,
            remedy=f"copy what is missing, {_TRIED_OTHERWISE}",
        )
    grid = np.empty(shape, dtype=object)
    for place, path in placed.items():
        grid[place] = path
    return grid


def _open_one(path: str) -> Image:
    """Open a file of a set: one scene."""
    from cellwright.io.open import open_images

    images = open_images(Path(path))
    if len(images) != 1:
        raise UnsupportedError(
            f"the file holds {len(images)} pictures, but its name says that it is a part of one",
            where=path,
            remedy=_TRIED_OTHERWISE.removeprefix("or "),
        )
    return images[0]


def _is_grey(first: Image, files: FileSet) -> bool:
    """Whether colour files are grey in truth; those of one channel may also stay colour."""
    path = files.parts[0].path
    try:
        _grey(first.pixels(), path)
    except UnsupportedError:
        if len(files.channels) > 1:
            raise
        return False
    return True


def _grey(pixels: Array, path: str) -> Array:
    """Take the first of equal samples; the fourth sample is transparency."""
    colours = pixels[..., :3]
    if not (colours[..., :1] == colours).all():
        raise UnsupportedError(
            "the file is a colour picture, but its name says that it is one channel of several",
            where=path,
            remedy=f"export the channels without colours, {_TRIED_OTHERWISE}",
        )
    return np.asarray(colours[..., 0])


def _refuse_overlap(outer: str, inner: str, path: str) -> None:
    """Refuse a file that holds several of what its name says it is one of."""
    words = {"T": "frames", "C": "channels", "Z": "planes"}
    both = [words[axis] for axis in outer if axis in inner]
    if both:
        raise UnsupportedError(
            f"the file holds several {' and '.join(both)}, but its name says that it is one of "
            "several",
            where=path,
            remedy=_TRIED_OTHERWISE.removeprefix("or "),
        )


def _channels(files: FileSet, first: Image, data: JoinedPlanes) -> tuple[str, ...]:
    if "C" in data.inner:
        return first.channels
    count = data.shape[data.axes.index("C")] if "C" in data.axes else 1
    return files.channels if len(files.channels) == count else ()


def _with_source(
    image: Image, files: FileSet, channels: tuple[str, ...], said: tuple[str, ...]
) -> Image:
    """Add what the names and the files beside tell."""
    paths = files.files
    if len(paths) == 1 and len(files.channels) == 1 and image.size("C") == 1:
        channels = files.channels
    source = Source(
        path=paths[0],
        files=paths if len(paths) > 1 else (),
        plate=files.plate or image.source.plate,
        well=files.well or image.source.well,
        position=files.position or image.source.position,
    )
    spacing, notes = _spacing(image.spacing, files)
    return replace(
        image,
        channels=channels,
        spacing=spacing,
        interval=image.interval if image.interval is not None else files.interval,
        source=source,
        notes=(*image.notes, *files.notes, *said, *notes),
    )


def _spacing(own: Spacing, files: FileSet) -> tuple[Spacing, tuple[str, ...]]:
    """Take the pixel size of the file, and of the index beside it what the file lacks."""
    beside = {"z": files.z_um, "y": files.y_um, "x": files.x_um}
    merged: dict[str, float | None] = {}
    notes = []
    for axis, value in beside.items():
        has = getattr(own, axis)
        merged[axis] = value if has is None else has
        if value is not None and has is not None and abs(value - has) > _TOLERANCE * has:
            notes.append(
                f"along {axis} the file says {has:g} µm, the index beside it {value:g} µm: "
                "the file is believed"
            )
    return Spacing(**merged), tuple(notes)
