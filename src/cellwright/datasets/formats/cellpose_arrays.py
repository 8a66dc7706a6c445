"""Arrays in a pickle: what the file states of them, and their numbers once they are asked for."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cellwright.core.errors import UnreadableError, UnsupportedError
from cellwright.core.image import Array

__all__ = ["Kind", "PickledArray", "Stored", "broken"]

_MOST_AXES = 8
_LONGEST_AXIS = 2**40  # pixels: more than any file has
_NUMBERS = re.compile(r"([<>=|]?)(b1|[iu][1248]|f[248])")


@dataclass(frozen=True, slots=True)
class Stored:
    """Bytes that are still in the file; `text` if they are UTF-8."""

    offset: int
    length: int
    text: bool = False


@dataclass(slots=True, eq=False)
class Kind:
    """Type of an array's numbers, as NumPy writes it."""

    name: object
    order: object = "="


@dataclass(slots=True, eq=False)
class PickledArray:
    """An array in a pickle. Nothing of it is known to be sound before it is read.

    Attributes
    ----------
    path
        The file.
    shape, kind, data
        A tuple of lengths; a `Kind`; bytes, `Stored` ones, or a list of objects.
    fortran
        Whether the first axis runs fastest.
    axes
        The order of the axes, if they are to be moved.
    """

    path: Path
    shape: object = None
    kind: object = None
    data: object = None
    fortran: bool = False
    axes: object = None

    def read(self) -> Array:
        """Read the numbers.

        Returns
        -------
        Array
            Of the shape, type and byte order that the file states.

        Raises
        ------
        UnreadableError
            If shape, type and bytes do not fit each other.
        UnsupportedError
            If it does not hold numbers.
        """
        shape, kind = self._checked_shape(), self._number_type()
        data = self._bytes(math.prod(shape) * kind.itemsize)
        try:
            flat: Array = np.frombuffer(data, kind)
            array = flat.reshape(shape, order="F" if self.fortran else "C")
        except ValueError as error:  # one axis of 0, the others longer than NumPy counts
            raise broken(self.path, "an array has a shape that is impossible") from error
        if self.axes is None:
            return array
        axes = self.axes
        if not isinstance(axes, tuple) or not all(type(axis) is int for axis in axes):
            raise broken(self.path, "an array has axes that are no numbers")
        if sorted(axes) != list(range(len(shape))):
            raise broken(self.path, "an array has other axes than its shape")
        return array.transpose(axes)

    def _checked_shape(self) -> tuple[int, ...]:
        shape = self.shape
        if not isinstance(shape, tuple) or len(shape) > _MOST_AXES:
            raise broken(self.path, "an array has no shape")
        if not all(type(size) is int and 0 <= size < _LONGEST_AXIS for size in shape):
            raise broken(self.path, "an array has a shape that is impossible")
        return shape

    def _number_type(self) -> np.dtype[np.generic]:
        kind = self.kind
        name = kind.name if isinstance(kind, Kind) else None
        found = _NUMBERS.fullmatch(name) if isinstance(name, str) else None
        if not isinstance(kind, Kind) or found is None:
            raise UnsupportedError("an array does not hold plain numbers", where=str(self.path))
        order = found[1] or (kind.order if kind.order in ("<", ">") else "=")
        return np.dtype(f"{order}{found[2]}")

    def _bytes(self, length: int) -> bytes:
        data = self.data
        if isinstance(data, Stored):
            # Latin-1 bytes take one or two bytes of UTF-8
            longest = 2 * length if data.text else length
            if not length <= data.length <= longest:
                raise self._length(length, data.length)
            try:
                with self.path.open("rb") as file:
                    file.seek(data.offset)
                    raw = file.read(data.length)
                data = raw.decode("utf-8").encode("latin-1") if data.text else raw
            except OSError as error:
                raise broken(self.path, f"the file cannot be read ({error})") from error
            except UnicodeError as error:
                raise broken(self.path, "an array's bytes are damaged") from error
        if not isinstance(data, bytes) or len(data) != length:
            raise self._length(length, len(data) if isinstance(data, bytes) else 0)
        return data

    def _length(self, claimed: int, held: int) -> UnreadableError:
        return broken(self.path, f"an array of {claimed:,} bytes is claimed, {held:,} are there")


def broken(path: Path, what: str) -> UnreadableError:
    """Say that a file is damaged, and what helps.

    Examples
    --------
    >>> print(broken(Path("a_seg.npy"), "the file is cut short"))
    a_seg.npy: the file is cut short; save it again in the program that it is from
    """
    return UnreadableError(
        what, where=str(path), remedy="save it again in the program that it is from"
    )
