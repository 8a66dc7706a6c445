"""Letters and digits in a picture: pieces of ink, lines of them, and what they look like.

A small matcher for labels such as ``100 µm``: each piece of ink is brought to one height and held
against the characters of the sans-serif fonts that come with Pillow and matplotlib.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from cellwright.quality.plane import Floats

__all__ = ["ALPHABET", "DIGITS", "Piece", "match", "pieces", "rows_of"]

Box = tuple[int, int, int, int]
"""(top, left, bottom, right) in pixels, the last two just outside."""

DIGITS = "0123456789"
ALPHABET = DIGITS + "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyzµ"
_GRID = 18
"""Pixels along a side of the square in which characters are compared."""
_BLUR = 0.7
_INK = 0.4
"""From which share of the full colour a pixel is ink."""
_SIZES = (11, 14, 20, 36)
"""Font sizes (px) of the templates: small ones look different, as their strokes are one or two
pixels wide."""
_FONTS = ("", "DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "cmss10.ttf")
"""The first stands for Pillow's own font, Aileron, with the shapes of Helvetica and Arial."""
_WITHOUT_MICRO = {"", "cmss10.ttf"}
_SMALLEST, _LARGEST = 5, 90
"""Height of a character (px)."""
_WIDEST = 2.0
"""Width by height."""


@dataclass(frozen=True, eq=False)
class Piece:
    """A connected piece of ink that may be a character.

    Attributes
    ----------
    box
        Where it is.
    ink
        Its pixels, 0 to 1; other pieces are taken out.
    """

    box: Box
    ink: Floats

    @property
    def height(self) -> int:
        """In pixels."""
        return self.box[2] - self.box[0]

    @property
    def width(self) -> int:
        """In pixels."""
        return self.box[3] - self.box[1]


def pieces(ink: Floats, *, most: int = 400) -> list[Piece]:
    """Connected pieces of ink of the size of characters, from left to right.

    Parameters
    ----------
    ink
        (Y, X), 0 for background to 1 for the colour of the text.
    most
        Where there are more pieces this is no text, and none is given.

    Examples
    --------
    >>> ink = np.zeros((20, 30), np.float32)
    >>> ink[4:14, 3:6] = ink[4:14, 20:26] = 1
    >>> [piece.box for piece in pieces(ink)]
    [(4, 3, 14, 6), (4, 20, 14, 26)]
    """
    labels, count = ndimage.label(ink > _INK, np.ones((3, 3)))
    if count > most:
        return []
    found = []
    for number, place in enumerate(ndimage.find_objects(labels), start=1):
        rows, columns = place
        height, width = rows.stop - rows.start, columns.stop - columns.start
        if not _SMALLEST <= height <= _LARGEST or width > _WIDEST * height:
            continue
        box = (rows.start, columns.start, rows.stop, columns.stop)
        found.append(Piece(box, np.where(labels[place] == number, ink[place], 0)))
    return sorted(found, key=lambda piece: (piece.box[1], piece.box[0]))


def rows_of(found: list[Piece]) -> list[list[Piece]]:
    """Lines of text: pieces on one base line, with gaps no wider than a wide space.

    Examples
    --------
    >>> ink = np.zeros((40, 60), np.float32)
    >>> for top, left in ((4, 3), (4, 12), (24, 3)):
    ...     ink[top : top + 10, left : left + 6] = 1
    >>> [len(line) for line in rows_of(pieces(ink))]
    [2, 1]
    """
    lines: list[list[Piece]] = []
    for piece in found:
        for line in lines:
            height = max(other.height for other in line)
            last = line[-1]
            gap = piece.box[1] - max(other.box[3] for other in line)
            near = -0.2 * height <= gap <= 1.6 * height
            alike = 0.45 * height <= piece.height <= 2.2 * last.height
            # A descender ends below the base line, an ascender begins above the others.
            level = abs(piece.box[2] - last.box[2]) <= 0.12 * height + 1 or (
                abs(piece.box[0] - last.box[0]) <= 0.45 * height
                and abs(piece.box[2] - last.box[2]) <= 0.4 * height
            )
            if near and alike and level:
                line.append(piece)
                break
        else:
            lines.append([piece])
    return sorted(lines, key=lambda line: (line[0].box[0], line[0].box[1]))


def match(found: list[Piece], alphabet: str) -> Floats:
    """How much each piece looks like each character of an alphabet.

    Returns
    -------
    numpy.ndarray
        (pieces, characters) correlations, -1 to 1.

    Examples
    --------
    >>> ink = np.zeros((20, 20), np.float32)
    >>> ink[3:17, 9:11] = 1
    >>> scores = match(pieces(ink), "I0")
    >>> bool(scores[0, 0] > 0.9 > scores[0, 1])
    True
    """
    if not found:
        return np.zeros((0, len(alphabet)), np.float32)
    seen = np.stack([_normal(piece.ink) for piece in found])
    templates, starts = _templates()
    likeness = np.maximum.reduceat(seen @ templates.T, starts, axis=1)
    return np.asarray(likeness[:, [ALPHABET.index(character) for character in alphabet]])


def _normal(ink: Floats) -> Floats:
    """Ink in a square grid, its longer side as long as the square, with mean 0 and length 1."""
    from PIL import Image as Pillow

    height, width = ink.shape
    scale = _GRID / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    scaled = np.asarray(
        Pillow.fromarray(np.asarray(ink, np.float32)).resize(size, Pillow.Resampling.BILINEAR)
    )
    square = np.zeros((_GRID, _GRID), np.float32)
    top, left = (_GRID - size[1]) // 2, (_GRID - size[0]) // 2
    square[top : top + size[1], left : left + size[0]] = scaled
    blurred = ndimage.gaussian_filter(square, _BLUR).ravel()
    centred = blurred - blurred.mean()
    return np.asarray(centred / max(float(np.linalg.norm(centred)), 1e-6), np.float32)


@cache
def _templates() -> tuple[Floats, list[int]]:
    """Characters of all fonts and sizes (n, grid), and where each one of `ALPHABET` begins."""
    fonts = _fonts()
    drawn: list[Floats] = []
    starts = []
    for character in ALPHABET:
        starts.append(len(drawn))
        for name, size, font in fonts:
            if character != "µ" or name not in _WITHOUT_MICRO:
                drawn += _drawn(character, size, font)
    return np.stack(drawn), starts


def _fonts() -> list[tuple[str, int, Any]]:
    import matplotlib
    from PIL import ImageFont

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    found: list[tuple[str, int, Any]] = []
    for name in _FONTS:
        for size in _SIZES:
            if not name:
                found.append((name, size, ImageFont.load_default(size)))
            elif (folder / name).is_file():
                found.append((name, size, ImageFont.truetype(str(folder / name), size)))
    return found


def _drawn(character: str, size: int, font: Any) -> list[Floats]:
    from PIL import Image as Pillow
    from PIL import ImageDraw

    canvas = Pillow.new("L", (3 * size, 3 * size))
    ImageDraw.Draw(canvas).text((size, size), character, fill=255, font=font)
    ink = np.asarray(np.asarray(canvas) / 255, np.float32)
    rows, columns = (np.flatnonzero((ink > _INK).any(axis=axis)) for axis in (1, 0))
    if rows.size == 0:
        return []
    return [_normal(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])]
