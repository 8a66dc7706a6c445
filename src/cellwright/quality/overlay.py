"""Overlays: text and scale bars that were drawn into the pixels.

They are no light of the sample: cells must not be found in them, and they spoil intensities. A
scale bar also tells the pixel size, which is proposed (`scale_bar.proposal`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from cellwright.core.errors import UsageError
from cellwright.core.image import Array
from cellwright.quality.bars import Bar, find_bars, full_colours
from cellwright.quality.glyphs import ALPHABET, Box, Piece, match, pieces, rows_of
from cellwright.quality.plane import Floats
from cellwright.quality.scale_bar import ink_beside, read_label

__all__ = ["Overlay", "Overlays", "find_overlays", "overlay_mask"]

Kind = Literal["scale bar", "text"]

MARGIN = 3
"""Pixels around an overlay that are masked too: shadows, and what compression smears."""
_BAND = 0.2
"""Text is looked for within this share of the height from the upper and lower border."""
_JUMP = 0.25
"""Least difference of neighbouring pixels at the edge of a letter, as a share of full scale."""
_PATCH = (9, 31)
_CROWDED = 0.1
"""Share of jumps in a patch of text."""
_LARGEST_REGION = 0.5
_MOST_REGIONS = 12
_FEWEST = 4
"""Characters of a text."""
_LIKE = 0.8
_MOSTLY = 0.5
"""Share of the pieces of a line that must look like characters."""
_PLAIN = frozenset("0OoQDCcGlI1iJjrLTtUuvVnN")
"""Characters that cells and scratches look like, too."""
_FEWEST_OTHERS = 2
_TOUCHING = 0.4
_PLENTY = 8
"""Characters from which a region is not looked at in further ways."""
_EVEN = 0.2
"""By how much the ink of the characters of one text may differ."""


@dataclass(frozen=True)
class Overlay:
    """Something that was drawn into a picture.

    Attributes
    ----------
    kind
        ``scale bar`` or ``text``.
    box
        (top, left, bottom, right) in pixels, the last two just outside; a scale bar's with its
        label and the box that it is drawn in.
    bar_length_px
        Of the bar; None for a text.
    text
        As far as it could be read; empty if not.
    um
        Length of the bar by its label, or None.
    """

    kind: Kind
    box: Box
    bar_length_px: int | None = None
    text: str = ""
    um: float | None = None


@dataclass(frozen=True)
class Overlays:
    """All that was drawn into a picture, from top to bottom."""

    parts: tuple[Overlay, ...] = ()

    @property
    def words(self) -> str:
        """One sentence without a full stop for the report; empty where there is nothing."""
        named = []
        for part in self.parts:
            where = (
                f"at rows {part.box[0]} to {part.box[2]}, columns {part.box[1]} to {part.box[3]}"
            )
            sure = part.um is not None  # other text is found, but spelled by guess
            said = f" {part.text!r}" if part.text and sure else ""
            named.append(f"a {part.kind}{said} {where}")
        return "drawn into the picture: " + "; ".join(named) if named else ""


def find_overlays(pixels: Array) -> Overlays:
    """Find scale bars and text that were drawn into the pixels.

    Bars are thin rectangles of one colour with sharp edges, along the rows, in the upper or lower
    third of the picture. Text is only found where it is written along the rows near the upper or
    lower border, and looks like letters of a sans-serif font.

    Parameters
    ----------
    pixels
        (Y, X) or (Y, X, S), any real number type.

    Raises
    ------
    UsageError
        If the array has other axes.

    Examples
    --------
    >>> plane = np.full((200, 300), 20, np.uint8)
    >>> plane[180:185, 200:280] = 255
    >>> [(part.kind, part.bar_length_px) for part in find_overlays(plane).parts]
    [('scale bar', 80)]
    """
    if pixels.ndim not in {2, 3}:
        raise UsageError(
            f"overlays cannot be looked for in an array with {pixels.ndim} axes",
            remedy="give one plane (Y, X), or a colour picture (Y, X, S)",
        )
    if not pixels.size:
        return Overlays()
    colours = full_colours(pixels)
    found: list[Overlay] = []
    for bar in find_bars(colours):
        if any(_meet(bar.box, other.box) for other in found):
            continue
        label = read_label(colours, bar)
        boxes = [bar.box]
        if label is not None:
            boxes.append(label.box)
        else:
            boxes += _unread(colours, bar)
        if bar.panel is not None:
            boxes.append(bar.panel)
        text, um = (label.text, label.um) if label is not None else ("", None)
        found.append(Overlay("scale bar", _union(boxes), bar.length, text, um))
    for box, text in _texts(colours):
        if not any(_meet(box, other.box) for other in found):
            found.append(Overlay("text", box, None, text))
    return Overlays(tuple(sorted(found, key=lambda part: part.box)))


def overlay_mask(overlays: Overlays, shape: Sequence[int]) -> npt.NDArray[np.bool_]:
    """Pixels (Y, X) that belong to overlays, with a margin of `MARGIN` pixels.

    Examples
    --------
    >>> mask = overlay_mask(Overlays((Overlay("text", (10, 10, 12, 14)),)), (20, 20))
    >>> int(mask.sum()) == (2 + 2 * MARGIN) * (4 + 2 * MARGIN)
    True
    """
    mask = np.zeros(tuple(shape), bool)
    for part in overlays.parts:
        top, left, bottom, right = part.box
        mask[max(top - MARGIN, 0) : bottom + MARGIN, max(left - MARGIN, 0) : right + MARGIN] = True
    return mask


def _meet(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _union(boxes: Sequence[Box]) -> Box:
    tops, lefts, bottoms, rights = zip(*boxes, strict=True)
    return (min(tops), min(lefts), max(bottoms), max(rights))


def _unread(colours: Floats, bar: Bar) -> list[Box]:
    """Lines of characters of a bar's colour beside it, though nobody can read them."""
    ink, start = ink_beside(colours, bar)
    lines = [line for line in rows_of(pieces(ink)) if len(line) >= 2]
    return [_shifted(_union([piece.box for piece in line]), start) for line in lines]


def _shifted(box: Box, start: tuple[int, int]) -> Box:
    return (box[0] + start[0], box[1] + start[1], box[2] + start[0], box[3] + start[1])


def _texts(colours: Floats) -> list[tuple[Box, str]]:
    """Lines of text near the upper and lower border."""
    found: list[tuple[float, Box, str]] = []
    band = max(int(_BAND * colours.shape[0]), 1)
    for start in (0, colours.shape[0] - band):
        part = colours[start : start + band]
        for region in _regions(part):
            corner = (region[0] + start, region[1])
            inks = _inks(part[region[0] : region[2], region[1] : region[3]])
            for number, ink in enumerate(inks):
                for line in rows_of(pieces(ink, most=120)):
                    read = _text(line)
                    if read is not None:
                        box = _shifted(_union([piece.box for piece in line]), corner)
                        found.append((read[0], box, read[1]))
                if number % 2 and found and found[-1][0] >= _PLENTY:
                    break
    kept: list[tuple[Box, str]] = []
    for _, box, text in sorted(found, key=lambda one: (-one[0], one[1])):
        if not any(_meet(box, other) for other, _ in kept):
            kept.append((box, text))
    return kept


def _regions(part: Floats) -> list[Box]:
    """Patches crowded with sharp edges, the most crowded first."""
    jumps = np.zeros(part.shape[:2], np.float32)
    change = np.moveaxis(part[:, 1:] - part[:, :-1], -1, 0)
    across = np.logical_or.reduce([np.abs(one) >= _JUMP for one in change])
    jumps[:, 1:] = across
    if not across.any():
        return []
    crowded = ndimage.uniform_filter(jumps, _PATCH, mode="constant") >= _CROWDED
    labels, count = ndimage.label(crowded)
    if count == 0:
        return []
    sizes = np.bincount(labels.ravel())[1:]
    regions = []
    places = ndimage.find_objects(labels)
    for number in np.argsort(-sizes, kind="stable")[:_MOST_REGIONS].tolist():
        rows, columns = places[number]
        if sizes[number] > _LARGEST_REGION * labels.size:
            continue  # noise, or a picture of sharp small things all over
        regions.append(
            (
                max(rows.start - 6, 0),
                max(columns.start - 12, 0),
                min(rows.stop + 6, part.shape[0]),
                min(columns.stop + 12, part.shape[1]),
            )
        )
    return regions


def _inks(region: Floats) -> Iterator[Floats]:
    """The region as ink, bright and dark, for each way to make grey of its colours."""
    greys = [region.mean(axis=-1)]
    if region.shape[-1] == 3 and float(np.abs(region - region[..., :1]).max()) > _JUMP:
        greys += [region.max(axis=-1), region.min(axis=-1), *np.moveaxis(region, -1, 0)[:2]]
    for grey in greys:
        step = np.zeros(grey.shape, bool)
        jump = grey[:, 1:] - grey[:, :-1]
        step[:, 1:] |= jump >= _JUMP
        step[:, :-1] |= jump <= -_JUMP
        other = np.zeros(grey.shape, bool)
        other[:, 1:] |= jump <= -_JUMP
        other[:, :-1] |= jump >= _JUMP
        if not step.any():
            continue
        high, low = float(np.quantile(grey[step], 0.75)), float(np.quantile(grey[other], 0.25))
        if high - low < _JUMP:
            continue
        ink = np.asarray(np.clip((grey - low) / (high - low), 0, 1), np.float32)
        for kind in (ink, 1 - ink):
            yield kind
            # Bold letters that touch come apart where only their middle counts.
            yield np.asarray(np.clip((kind - _TOUCHING) / (1 - _TOUCHING), 0, 1), np.float32)


def _text(line: list[Piece]) -> tuple[float, str] | None:
    """What a line says, and how many characters of it are sure; None where it is no text."""
    if len(line) < _FEWEST:
        return None
    full = np.array([float(np.quantile(piece.ink, 0.95)) for piece in line])
    if float(np.ptp(full)) > _EVEN:
        return None
    scores = match(line, ALPHABET)
    best = scores.max(axis=1)
    sure = best >= _LIKE
    if sure.sum() < _FEWEST or sure.mean() < _MOSTLY:
        return None
    characters = [ALPHABET[int(place)] for place in scores.argmax(axis=1)]
    others = {c for c, good in zip(characters, sure, strict=True) if good and c not in _PLAIN}
    if len(others) < _FEWEST_OTHERS:
        return None
    text = ""
    height = max(piece.height for piece in line)
    for number, (piece, character) in enumerate(zip(line, characters, strict=True)):
        if number and piece.box[1] - line[number - 1].box[3] > 0.35 * height:
            text += " "
        text += character
    return float(sure.sum()), text
