"""The door for measurements: a family of features and the columns that it fills."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from cellwright.core.columns import Column
from cellwright.core.image import Array, LazyArray, Spacing

if TYPE_CHECKING:
    from cellwright.measure.regions import Regions

__all__ = ["Feature", "LargePicture", "MeasureRegions", "MeasureWhole", "Parts", "Window"]


@dataclass(frozen=True)
class Window:
    """A rectangle of a plane, in pixels; `bottom` and `right` are one past the last.

    Examples
    --------
    >>> Window(0, 10, 5, 20).grown(2, (100, 21))
    Window(top=0, left=8, bottom=7, right=21)
    """

    top: int
    left: int
    bottom: int
    right: int

    @property
    def pixels(self) -> int:
        """Number of pixels."""
        return (self.bottom - self.top) * (self.right - self.left)

    def grown(self, margin: int, shape: tuple[int, int]) -> Window:
        """Add `margin` pixels on all sides, as far as a plane of `shape` goes."""
        return Window(
            max(self.top - margin, 0),
            max(self.left - margin, 0),
            min(self.bottom + margin, shape[0]),
            min(self.right + margin, shape[1]),
        )

    def read(self, plane: Array | LazyArray) -> Array:
        """Read this part of a (Y, X) plane, and no other."""
        return np.asarray(plane[slice(self.top, self.bottom), slice(self.left, self.right)])

    def within(self, larger: Window) -> tuple[slice, slice]:
        """Give the index of this part in what `larger` has read."""
        return (
            slice(self.top - larger.top, self.bottom - larger.top),
            slice(self.left - larger.left, self.right - larger.left),
        )


@dataclass(frozen=True, eq=False)
class LargePicture:
    """A plane that is never held at once: its labels and channels, read window by window.

    Attributes
    ----------
    labels
        (Y, X) whole numbers, as a rule on disk.
    planes
        From the name of a channel to its (Y, X) pixels.
    spacing
        Pixel size.
    block
        Side of the blocks in which it is read, in pixels.
    """

    labels: Array | LazyArray
    planes: Mapping[str, Array | LazyArray]
    spacing: Spacing
    block: int

    @property
    def shape(self) -> tuple[int, int]:
        """(Y, X) of the plane."""
        return (self.labels.shape[0], self.labels.shape[1])

    def windows(self) -> Iterator[Window]:
        """Give the blocks that tile the plane, row by row.

        Examples
        --------
        >>> picture = LargePicture(np.zeros((3, 5), np.uint32), {}, Spacing(), block=4)
        >>> [window.pixels for window in picture.windows()]
        [12, 3]
        """
        height, width = self.shape
        for top in range(0, height, self.block):
            for left in range(0, width, self.block):
                yield Window(
                    top, left, min(top + self.block, height), min(left + self.block, width)
                )


class MeasureRegions(Protocol):
    """Compute the columns of a family, for all regions of a plane at once.

    The arrays have one value for each of ``regions.labels``, in that order. A per-channel
    column is returned under its name with the channel filled in.
    """

    def __call__(self, regions: Regions) -> Mapping[str, Array]:
        """Measure all of `regions`."""
        ...


class MeasureWhole(Protocol):
    """Compute the columns of a family that depend on the whole of a large picture."""

    def __call__(self, picture: LargePicture, of_cells: Mapping[str, Array]) -> Mapping[str, Array]:
        """Give all columns, from what `Parts.measure` gave of all cells, each (N,)."""
        ...


@dataclass(frozen=True)
class Parts:
    """How a family is measured where a picture is too large to be held at once.

    Attributes
    ----------
    measure
        Sees windows of the picture, and gives whatever `whole` needs of each of their cells:
        the names are its own. All windows together hold each cell once and wholly.
    whole
        Makes the declared columns of it, for all cells at once.
    """

    measure: MeasureRegions
    whole: MeasureWhole


@dataclass(frozen=True)
class Feature:
    """A family of measurements.

    Found by the entry point group ``cellwright.features``. See the how-to "Add a feature".

    In a large picture a family sees one window after the other. This gives the same numbers
    where a cell's values follow from its own pixels, and from pixels at most `margin` away;
    a family that needs more says how in `parts`.

    Attributes
    ----------
    name
        Of the family.
    version
        Raised whenever the same cells would give other numbers.
    columns
        Declared columns, those in pixels only: twins in micrometres follow from ``power``.
    measure
        Computes them.
    order
        Families stand in ascending order in the table of cells.
    on_request
        Whether it is measured only where somebody asks for it by name: because it takes
        long, or because it needs a channel that only a person can name.
    channels
        The channels that it is measured in; all of the picture if empty.
    margin
        How many pixels beyond the bounding box of a cell it looks at.
    parts
        What to do in a large picture if a window is not enough.
    """

    name: str
    version: int
    columns: tuple[Column, ...]
    measure: MeasureRegions
    order: int = 100
    on_request: bool = False
    channels: tuple[str, ...] = ()
    margin: int = 0
    parts: Parts | None = None
