"""Outlines of labels as a transparent picture, to be laid over the picture that they are of."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = [
    "BOTH",
    "CASING",
    "FOUND",
    "LINE",
    "TRUE",
    "Colour",
    "nearest",
    "outlined",
    "outlined_twice",
    "png",
]

Colour = tuple[int, int, int, int]
"""Red, green, blue and opacity, 0 to 255."""

LINE: Colour = (255, 194, 10, 255)
"""Amber, told apart from grey, purple and pink by every kind of colour vision."""
CASING: Colour = (0, 0, 0, 130)
"""Dark, half transparent, around the line: what makes it stand out on white ground."""

TRUE: Colour = (86, 180, 233, 255)
FOUND: Colour = (230, 159, 0, 255)
"""Sky blue and orange, told apart by every kind of colour vision (Okabe and Ito, "Color Universal
Design", 2008)."""
BOTH: Colour = (255, 255, 255, 255)
"""White, where an outline is both."""

_CLEAR: Colour = (0, 0, 0, 0)
_COMPRESSION = 9

Pixels = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]


def outlined(labels: npt.NDArray[np.uint32]) -> bytes:
    """Draw a line along the border of every label, and a casing around it.

    Parameters
    ----------
    labels
        (Y, X), 0 is background.

    Returns
    -------
    bytes
        A PNG file of the same size, transparent but for the lines.
    """
    line = _rim(labels)
    return _indexed(labels == 0, [line], [LINE])


def outlined_twice(truth: npt.NDArray[np.uint32], found: npt.NDArray[np.uint32]) -> bytes:
    """Draw true and found labels, each in its colour, and in white where both have a line.

    Parameters
    ----------
    truth, found
        (Y, X), 0 is background.

    Returns
    -------
    bytes
        As of `outlined`.
    """
    true, mine = _rim(truth), _rim(found)
    outside = (truth == 0) & (found == 0)
    return _indexed(outside, [true, mine, true & mine], [TRUE, FOUND, BOTH])


def _rim(labels: npt.NDArray[np.uint32]) -> Flags:
    """One pixel on either side of the true border: two wide, between touching cells as well."""
    padded = np.pad(labels, 1, mode="edge")
    middle = padded[1:-1, 1:-1]
    around = (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:])
    rim = np.zeros(labels.shape, bool)
    for other in around:
        rim |= middle != other
    return rim


def _indexed(outside: Flags, lines: Sequence[Flags], colours: Sequence[Colour]) -> bytes:
    """A few colours need two or three bits a pixel, not thirty-two; later lines lie on top."""
    from PIL import Image as Picture

    line = np.logical_or.reduce(list(lines))
    reached = np.pad(line, 1)
    near = reached[:-2, 1:-1] | reached[2:, 1:-1] | reached[1:-1, :-2] | reached[1:-1, 2:]
    index = np.zeros(outside.shape, np.uint8)
    index[near & ~line & outside] = 1
    for number, drawn in enumerate(lines, 2):
        index[drawn] = number
    picture = Picture.fromarray(index, mode="P")
    palette = [_CLEAR, CASING, *colours]
    picture.putpalette([part for colour in palette for part in colour[:3]])
    picture.info["transparency"] = bytes(colour[3] for colour in palette)
    return _encoded(picture)


def png(pixels: Pixels) -> bytes:
    """Encode (Y, X) grey or (Y, X, 3) colours; equal pixels give equal bytes."""
    from PIL import Image as Picture

    return _encoded(Picture.fromarray(np.ascontiguousarray(pixels)))


def _encoded(picture: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", compress_level=_COMPRESSION, optimize=False)
    return buffer.getvalue()


def nearest(values: npt.NDArray[Any], height: int, width: int) -> npt.NDArray[Any]:
    """Resize by taking the nearest pixel: what labels need."""
    rows = (2 * np.arange(height) + 1) * values.shape[0] // (2 * height)
    columns = (2 * np.arange(width) + 1) * values.shape[1] // (2 * width)
    return np.asarray(values[rows[:, None], columns])
