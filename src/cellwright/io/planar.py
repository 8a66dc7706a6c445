"""Pixels that lie in a file as planes, of which only those are read that are asked for."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from cellwright.core.errors import UnreadableError
from cellwright.core.image import Array
from cellwright.io.libraries import translated

__all__ = ["Place", "Planes", "ReadPlanes", "distinct", "spacing_or_none", "stack_axes"]

Place = tuple[int, ...]
"""Where a plane stands on the leading axes."""


class ReadPlanes(Protocol):
    """How planes are read; a function of a module or a frozen dataclass, so that it pickles."""

    def __call__(self, path: Path, places: Sequence[Place]) -> Iterator[tuple[int, Array]]:
        """Open the file, give each plane with its number in `places`, in any order, close it."""
        ...


@dataclass(frozen=True, eq=False)
class Planes:
    """Pixels of a series of planes, satisfying `cellwright.core.image.LazyArray`.

    The file is opened for each access and closed after it, so that nothing stays open and
    the object can be sent to workers. One plane at a time is in memory, beside what is asked
    for.

    Attributes
    ----------
    path
        The file.
    file
        What it is, without an article, for messages.
    shape, dtype
        Of all pixels, leading axes first.
    read
        Reads planes.
    inner
        How many of the last axes are one plane: 2 for (Y, X), 3 for (Y, X, S).
    """

    path: Path
    file: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    read: ReadPlanes
    inner: int = 2

    def __getitem__(self, index: tuple[int | slice, ...], /) -> Array:
        """Read the planes that `index` touches, and give the part of them that it names.

        Raises
        ------
        UnreadableError
            If the file is gone, was changed, or is damaged.
        """
        index = index if isinstance(index, tuple) else (index,)
        index = (*index, *[slice(None)] * (len(self.shape) - len(index)))
        leading = len(self.shape) - self.inner
        size, plane_shape = self.shape[:leading], self.shape[leading:]
        numbers = np.asarray(np.arange(math.prod(size)).reshape(size)[index[:leading]])
        part = index[leading:]
        unravelled = np.unravel_index(numbers.ravel(), size) if size else ()
        places = list(zip(*(axis.tolist() for axis in unravelled), strict=True)) or [()]
        if numbers.size == 0:
            places = []
        inside = np.broadcast_to(np.zeros((), np.bool_), plane_shape)[part].shape
        out: Array = np.empty((len(places), *inside), dtype=self.dtype)
        missing = set(range(len(places)))
        with translated(self.path, self.file):
            for number, plane in self.read(self.path, places):
                if plane.shape != plane_shape or plane.dtype != self.dtype:
                    raise UnreadableError(
                        f"a plane was expected as {plane_shape} {self.dtype}, "
                        f"it is {plane.shape} {plane.dtype}",
                        remedy="copy or export the file again",
                    )
                out[number] = plane[part]
                missing.discard(number)
            if missing:
                raise UnreadableError(
                    f"{len(missing)} of {len(places)} planes are missing",
                    remedy="copy or export the file again",
                )
        return out.reshape(numbers.shape + inside)


def stack_axes(sizes: dict[str, int], *, colour: bool = False) -> tuple[str, tuple[int, ...]]:
    """Axes of a picture and their lengths: those of `TCZ` with more than one position, then YX.

    Examples
    --------
    >>> stack_axes({"Z": 3, "C": 2, "T": 1, "Y": 5, "X": 4})
    ('CZYX', (2, 3, 5, 4))
    """
    leading = [axis for axis in "TCZ" if sizes.get(axis, 1) > 1]
    axes = "".join(leading) + ("YXS" if colour else "YX")
    return axes, tuple(3 if axis == "S" else sizes[axis] for axis in axes)


def distinct(names: Iterable[str | None], count: int) -> tuple[str, ...]:
    """Names of channels where each has one of its own, else none at all.

    Examples
    --------
    >>> distinct(["DAPI ", "GFP"], 2), distinct(["C", "C"], 2), distinct(["A"], 2)
    (('DAPI', 'GFP'), (), ())
    """
    cleaned = tuple((name or "").strip() for name in names)
    if len(cleaned) != count or "" in cleaned or len(set(cleaned)) < count:
        return ()
    return cleaned


def spacing_or_none(value: float | None, scale: float = 1.0) -> float | None:
    """A length times `scale` if it is above zero and finite, else None.

    Examples
    --------
    >>> spacing_or_none(6.5e-07, 1e6), spacing_or_none(0.0), spacing_or_none(float("nan"))
    (0.65, None, None)
    """
    if value is None or not (0 < value < math.inf) or not (0 < value * scale < math.inf):
        return None
    return float(value * scale)
