"""Large pictures in blocks: cores that cover the plane, windows around them, planes on disk.

A plane is covered by square *cores*, each pixel in one of them. What is computed in a core may
need pixels around it: the core with this *margin* is its *window*, cut off at the picture's
frame. A side of a window at which the picture goes on is an *open* side. The grid is fixed by
the method that lays it, never by the memory that there is, so that labels do not depend on it.
"""

from __future__ import annotations

import contextlib
import math
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cellwright.core.errors import RunError
from cellwright.core.image import Array

__all__ = ["Grid", "Scratch", "Window", "labels_on_frame", "labels_on_open_sides", "pieces"]

PIECE = 2**22
"""Pixels that are looked at together where each stands for itself: 16 MB of float32."""


@dataclass(frozen=True, order=True)
class Window:
    """A rectangle of a plane: rows `top` to `bottom`, columns `left` to `right`, ends excluded.

    Examples
    --------
    >>> core = Window(0, 10, 10, 20)
    >>> core.grown((40, 40), 3)
    Window(top=0, left=7, bottom=13, right=23)
    >>> core.within(core.grown((40, 40), 3))
    (slice(0, 10, None), slice(3, 13, None))
    """

    top: int
    left: int
    bottom: int
    right: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.bottom - self.top, self.right - self.left

    @property
    def size(self) -> int:
        """Number of pixels."""
        return (self.bottom - self.top) * (self.right - self.left)

    @property
    def slices(self) -> tuple[slice, slice]:
        """Its pixels in the plane."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def grown(self, shape: tuple[int, ...], margin: int, before: int | None = None) -> Window:
        """With a margin on all sides, as far as a plane of `shape` goes.

        `before`, where given, is the margin at the top and on the left.
        """
        before = margin if before is None else before
        return Window(
            max(self.top - before, 0),
            max(self.left - before, 0),
            min(self.bottom + margin, shape[0]),
            min(self.right + margin, shape[1]),
        )

    def within(self, outer: Window) -> tuple[slice, slice]:
        """Its pixels in an array that holds the pixels of `outer`."""
        return (
            slice(self.top - outer.top, self.bottom - outer.top),
            slice(self.left - outer.left, self.right - outer.left),
        )

    def open_sides(self, shape: tuple[int, ...]) -> tuple[bool, bool, bool, bool]:
        """Whether the plane goes on at the top, on the left, at the bottom, on the right."""
        return self.top > 0, self.left > 0, self.bottom < shape[0], self.right < shape[1]


@dataclass(frozen=True)
class Grid:
    """The cores of a plane, by rows.

    Parameters
    ----------
    shape
        Rows and columns of the plane.
    side
        Of a core, in pixels; the last of a row or column are as large as what is left.

    Examples
    --------
    >>> grid = Grid((5, 8), 4)
    >>> len(grid), grid[3]
    (4, Window(top=4, left=4, bottom=5, right=8))
    >>> grid.index_at(4, 7)
    3
    """

    shape: tuple[int, int]
    side: int

    @property
    def columns(self) -> int:
        """Cores in a row."""
        return -(-self.shape[1] // self.side)

    @property
    def rows(self) -> int:
        """Rows of cores."""
        return -(-self.shape[0] // self.side)

    def __len__(self) -> int:
        return self.rows * self.columns

    def __getitem__(self, index: int) -> Window:
        if not 0 <= index < len(self):
            raise IndexError(index)
        top, left = (number * self.side for number in divmod(index, self.columns))
        bottom, right = min(top + self.side, self.shape[0]), min(left + self.side, self.shape[1])
        return Window(top, left, bottom, right)

    def __iter__(self) -> Iterator[Window]:
        return (self[index] for index in range(len(self)))

    def index_at(self, row: int, column: int) -> int:
        """Which core holds a pixel."""
        return (row // self.side) * self.columns + column // self.side


def pieces(shape: tuple[int, ...]) -> Iterator[Window]:
    """Cover a plane by rows, so that the pieces' pixels follow each other as the plane's do.

    Examples
    --------
    >>> [piece.bottom for piece in pieces((5000, 1000))]
    [4194, 5000]
    """
    rows, columns = shape
    together = max(1, PIECE // max(columns, 1))
    width = columns if together > 1 else PIECE
    for top in range(0, rows, together):
        for left in range(0, columns, width):
            yield Window(top, left, min(top + together, rows), min(left + width, columns))


def labels_on_open_sides(labels: Array, window: Window, shape: tuple[int, ...]) -> Array:
    """Labels that touch a side of their window where the plane goes on.

    Parameters
    ----------
    labels
        (Y, X) integers of the window, 0 is background.
    window
        Where they lie in the plane.
    shape
        Of the plane.

    Returns
    -------
    Array
        The labels, sorted, without 0.

    Examples
    --------
    >>> labels_on_open_sides(np.array([[1, 0], [0, 2]]), Window(0, 0, 2, 2), (2, 9))
    array([2])
    """
    return _on_sides(labels, window.open_sides(shape))


def labels_on_frame(labels: Array, window: Window, shape: tuple[int, ...]) -> Array:
    """Labels that touch the frame of the plane; see `labels_on_open_sides`.

    Examples
    --------
    >>> labels_on_frame(np.array([[1, 0], [0, 2]]), Window(0, 0, 2, 2), (9, 9))
    array([1])
    """
    up, before, down, after = window.open_sides(shape)
    return _on_sides(labels, (not up, not before, not down, not after))


def _on_sides(labels: Array, chosen: tuple[bool, bool, bool, bool]) -> Array:
    sides = (labels[0], labels[:, 0], labels[-1], labels[:, -1])
    wanted = [side for side, taken in zip(sides, chosen, strict=True) if taken]
    found = np.unique(np.concatenate(wanted)) if wanted else np.empty(0, labels.dtype)
    return found[found > 0]


class Scratch:
    """Planes in files of one folder, mapped into memory.

    Their pages belong to the files: the system can write them out and take them back.

    Parameters
    ----------
    folder
        Where; whoever made it takes it away.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made = 0

    def plane(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
        """Make a plane of zeros.

        Raises
        ------
        RunError
            If the disk is too full: a page that found no place later would kill the process.
        """
        self._made += 1
        path = self._folder / f"{self._made}.raw"
        length = max(1, math.prod(shape) * np.dtype(dtype).itemsize)
        try:
            with path.open("wb") as file:
                if hasattr(os, "posix_fallocate"):
                    os.posix_fallocate(file.fileno(), 0, length)
                elif shutil.disk_usage(self._folder).free < length:
                    raise OSError(f"{length:,} bytes are not free")
                else:
                    file.truncate(length)
        except OSError as error:
            raise RunError(
                f"no room for {length / 1e9:.1f} GB of intermediate results: {error}",
                where=str(self._folder),
                remedy="make room on this disk",
            ) from error
        return np.memmap(path, dtype, "r+", shape=shape)

    def drop(self, plane: Array) -> None:
        """Take the file of a plane away, as soon as nobody holds the plane any more."""
        # A system that does not let go of a mapped file leaves it to whoever made the folder.
        with contextlib.suppress(PermissionError):
            Path(str(getattr(plane, "filename"))).unlink(missing_ok=True)  # noqa: B009
