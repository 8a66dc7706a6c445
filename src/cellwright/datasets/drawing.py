"""From single objects to one label image: shapes that overlap, shapes that hold nothing."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cellwright.core.image import Array
from cellwright.datasets.annotation import Drawn

__all__ = ["Drawing"]

Box = tuple[int, int]


class Drawing:
    """A label image that is drawn object by object.

    A label image has one object for each pixel. Where two were drawn over each other, the smaller
    one has the pixels, so that a nucleus in a cell is not lost; equal ones are the earlier's. How
    many pixels that were is told in a remark.

    Parameters
    ----------
    shape
        (Y, X) of the picture.

    Examples
    --------
    >>> drawing = Drawing((1, 4))
    >>> drawing.add(np.array([[True, True, True]]), (0, 0))
    >>> drawing.add(np.array([[True, True]]), (0, 2), "nucleus")
    >>> drawn = drawing.finished()
    >>> drawn.labels.tolist(), drawn.classes
    ([[1, 1, 2, 2]], {2: 'nucleus'})
    >>> drawn.remarks
    ('1 px in several objects: the smallest of them has each',)
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self._shape = shape
        self._boxes: list[Box] = []
        self._masks: list[npt.NDArray[np.bool_]] = []
        self._classes: list[str] = []

    def add(self, mask: Array, corner: Box = (0, 0), name: str = "") -> None:
        """Add an object.

        Parameters
        ----------
        mask
            (y, x) bool, its pixels; what lies beyond the picture is left out.
        corner
            Row and column of the mask's first pixel in the picture.
        name
            Of its class.
        """
        top, left = corner
        inside = mask[
            max(0, -top) : max(0, self._shape[0] - top),
            max(0, -left) : max(0, self._shape[1] - left),
        ].astype(bool)
        self._boxes.append((max(0, top), max(0, left)))
        self._masks.append(inside)
        self._classes.append(name)

    def finished(self) -> Drawn:
        """Give the label image: objects are numbered in the order in which they were added.

        Those without a pixel of their own are left out, and a remark tells how many.
        """
        areas = np.array([int(mask.sum()) for mask in self._masks], np.int64)
        painted = np.zeros(self._shape, np.uint32)
        covered = np.zeros(self._shape, bool)
        shared = 0
        for index in np.argsort(areas, kind="stable"):
            mask, (top, left) = self._masks[index], self._boxes[index]
            place = slice(top, top + mask.shape[0]), slice(left, left + mask.shape[1])
            free = mask & ~covered[place]
            shared += int((mask & covered[place]).sum())
            painted[place][free] = index + 1
            covered[place] |= mask
        return self._told(painted, areas, shared)

    def _told(self, painted: Array, areas: Array, shared: int) -> Drawn:
        seen = np.bincount(painted.ravel(), minlength=len(areas) + 1)[1:] > 0
        number = np.zeros(len(areas) + 1, np.uint32)
        number[1:][seen] = np.arange(1, int(seen.sum()) + 1)
        remarks = []
        if shared:
            remarks.append(f"{shared:,} px in several objects: the smallest of them has each")
        if empty := int((areas == 0).sum()):
            remarks.append(f"left out, as they have no pixel in the picture: {empty:,} objects")
        if hidden := int((~seen & (areas > 0)).sum()):
            remarks.append(f"left out, as they lie wholly under smaller ones: {hidden:,} objects")
        classes = {
            int(number[index + 1]): name
            for index, name in enumerate(self._classes)
            if name and seen[index]
        }
        return Drawn(number[painted], classes=classes, remarks=tuple(remarks))
