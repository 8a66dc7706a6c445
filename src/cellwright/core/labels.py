"""What segmentation gives: label images, and the objects that they stand for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from cellwright.core.errors import UsageError
from cellwright.core.image import Array, LazyArray, Spacing, check_axes

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Labels", "Objects"]


@dataclass(frozen=True, eq=False)
class Labels:
    """A label image: 0 is background, every other number one object.

    Parameters
    ----------
    data
        Integers, NumPy or lazy, over a part of ``TZYX``. NumPy arrays become uint32.
    axes
        A part of ``TZYX``, in this order.
    spacing
        That of the picture.
    table
        One row for each (frame, label): ``frame``, ``label`` and whatever the method knows
        of it (class, class probabilities, confidence, parent). None if it knows nothing.

    Examples
    --------
    >>> Labels(np.array([[0, 1], [2, 2]]), "YX").count
    2
    """

    data: Array | LazyArray
    axes: str = "YX"
    spacing: Spacing = Spacing()
    table: pd.DataFrame | None = None

    def __post_init__(self) -> None:
        check_axes(self.axes, len(self.data.shape))
        if set(self.axes) - set("TZYX"):
            raise UsageError(f"labels cannot have the axes {self.axes!r}")
        if not np.issubdtype(self.data.dtype, np.integer):
            raise UsageError(f"labels are whole numbers, not {self.data.dtype}")
        if isinstance(self.data, np.ndarray) and self.data.dtype != np.uint32:
            if self.data.size and (self.data.min() < 0 or int(self.data.max()) >= 2**32):
                raise UsageError("labels lie between 0 and 4,294,967,295")
            object.__setattr__(self, "data", self.data.astype(np.uint32))

    @property
    def count(self) -> int:
        """Number of different labels; in a movie a label counts once in each frame."""
        pixels = self.pixels()
        frames = pixels if "T" in self.axes else pixels[None]
        return sum(int(np.count_nonzero(np.unique(frame))) for frame in frames)

    @property
    def n_frames(self) -> int:
        """Number of frames; 1 where there is no axis T."""
        return int(self.data.shape[0]) if "T" in self.axes else 1

    def frame(self, index: int) -> Labels:
        """One frame, without the axis T.

        Raises
        ------
        UsageError
            If there is no such frame.
        """
        if not 0 <= index < self.n_frames:
            raise UsageError(f"the labels have {self.n_frames} frames, there is no {index}")
        if "T" not in self.axes:
            return self
        key: tuple[int | slice, ...] = (index, *(slice(None) for _ in self.axes[1:]))
        return replace(self, data=np.asarray(self.data[key]), axes=self.axes[1:])

    def pixels(self) -> Array:
        """All pixels, as a NumPy array."""
        if isinstance(self.data, np.ndarray):
            return self.data
        return np.asarray(self.data[(slice(None),) * len(self.axes)])


@dataclass(frozen=True, eq=False)
class Objects:
    """Several kinds of objects of one picture (nuclei, cells), one of them the main one.

    Parameters
    ----------
    labels
        From the name of the kind (``nucleus``, ``cell``, …) to its label image.
    main
        The kind that is counted; a single kind is the main one by itself.
    decisions
        What the method found out by itself (a threshold, a polarity, a diameter), for the
        record of the run: plain numbers and text.
    """

    labels: Mapping[str, Labels]
    main: str = ""
    decisions: Mapping[str, float | str] | None = None

    def __post_init__(self) -> None:
        if not self.main and len(self.labels) == 1:
            object.__setattr__(self, "main", next(iter(self.labels)))
        if self.main not in self.labels:
            raise UsageError(f"the main objects {self.main!r} are not among {list(self.labels)}")

    @property
    def main_labels(self) -> Labels:
        """The label image of the main kind."""
        return self.labels[self.main]
