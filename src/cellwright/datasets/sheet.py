"""What was drawn in one picture, read object by object: within bounds, and nothing lost unsaid."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from cellwright.core.errors import InputError, UnreadableError, UnsupportedError
from cellwright.datasets.annotation import Drawn
from cellwright.datasets.drawing import Drawing
from cellwright.io.polygons import EFFORT_PICTURES, EFFORT_PIXELS, NoAreaError, Patch

__all__ = ["Sheet", "check_size"]

LARGEST_PICTURE = 2**31
"""Pixels that are made room for where only the annotation, and no picture, tells the size."""


def check_size(shape: tuple[int, int] | None, told: tuple[Any, Any], where: str) -> tuple[int, int]:
    """Compare the size of a picture with that on which an annotation says it was drawn.

    Parameters
    ----------
    shape
        (Y, X) of the picture; None if there is none, so that the annotation's is taken.
    told
        Height and width as the annotation has them; None for one that is missing.
    where
        For messages.

    Raises
    ------
    InputError
        If the sizes differ, are none, or there is no size at all.

    Examples
    --------
    >>> check_size((4, 5), (4, 5.0), "a.json"), check_size(None, (4, 5), "a.json")
    ((4, 5), (4, 5))
    """
    if None in told:
        if shape is None:
            raise InputError("outlines need the size of their picture", where=where)
        return shape
    sides = []
    for side in told:
        if not _is_number(side) or not 0 < side < LARGEST_PICTURE or side != int(side):
            raise UnreadableError(f"{_shown(side)} is no height or width", where=where)
        sides.append(int(side))
    height, width = sides
    if shape is None and height * width > LARGEST_PICTURE:
        raise UnsupportedError(f"a picture of {width} x {height} px is too large", where=where)
    if shape not in {None, (height, width)}:
        raise InputError(
            f"it was drawn in a picture of {width} x {height} px",
            where=where,
            remedy="give the picture of this size, not a smaller or larger copy",
        )
    return height, width


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    return repr(value)[:40]


class Sheet:
    """A drawing of which all objects are told apart, bounded, and a tally of those left out.

    Parameters
    ----------
    shape
        (Y, X) of the picture.
    where
        File and picture, for messages.

    Examples
    --------
    >>> import numpy as np
    >>> sheet = Sheet((2, 2), "a.json")
    >>> with sheet.reading("object 1"):
    ...     sheet.add(Patch(np.ones((1, 1), bool), (1, 1)), "nucleus")
    >>> with sheet.reading("object 2"):
    ...     raise NoAreaError("a line")
    >>> drawn = sheet.finished()
    >>> drawn.labels.tolist(), drawn.remarks
    ([[0, 0], [0, 1]], ('left out, as they are points or lines without an area: 1 objects',))
    """

    def __init__(self, shape: tuple[int, int], where: str) -> None:
        self.shape = shape
        self.where = where
        self._drawing = Drawing(shape)
        self._effort = 0
        self._left_out: Counter[str] = Counter()
        self._remarks: list[str] = []

    def add(self, patch: Patch, name: str = "") -> None:
        """Add an object, with the name of its class.

        Raises
        ------
        UnsupportedError
            If the objects would fill the picture over and over.
        """
        self._effort += patch.mask.size
        pixels = self.shape[0] * self.shape[1]
        if self._effort > EFFORT_PICTURES * pixels + EFFORT_PIXELS:
            raise UnsupportedError("the objects cover the picture too many times over")
        self._drawing.add(patch.mask, patch.corner, name)

    def leave_out(self, why: str, count: int = 1) -> None:
        """Count objects that are left out; `why` goes on after "as they"."""
        self._left_out[why] += count

    def tell(self, remark: str) -> None:
        """Add a remark, one sentence."""
        self._remarks.append(remark)

    @contextmanager
    def reading(self, what: str) -> Iterator[None]:
        """Name an object in all that goes wrong in reading it; without an area it is left out.

        Raises
        ------
        InputError
            In place of ValueError and the like, which stand for data of another make.
        """
        where = f"{self.where} ({what})"
        try:
            yield
        except NoAreaError:
            self.leave_out("are points or lines without an area")
        except InputError as error:
            raise type(error)(
                error.what, where=error.where or where, remedy=error.remedy
            ) from error
        except KeyError as error:
            raise UnreadableError(f"it has no {error}", where=where) from error
        except (AttributeError, IndexError, OverflowError, TypeError, ValueError) as error:
            raise UnreadableError(f"it cannot be read ({error})", where=where) from error

    def finished(self) -> Drawn:
        """Give all objects, and remarks on what was left out."""
        drawn = self._drawing.finished()
        left_out = (
            f"left out, as they {why}: {count:,} objects"
            for why, count in sorted(self._left_out.items())
        )
        return replace(drawn, remarks=(*self._remarks, *left_out, *drawn.remarks))
