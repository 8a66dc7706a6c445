"""Scale bars: what is written beside a bar, and the pixel size that follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from cellwright.quality.bars import Bar
from cellwright.quality.glyphs import DIGITS, Box, Piece, match, pieces, rows_of
from cellwright.quality.plane import Floats

if TYPE_CHECKING:
    from cellwright.quality.overlay import Overlays

__all__ = ["Label", "ScaleProposal", "proposal", "read_label"]

_MICROMETRES = {"nm": 1e-3, "µm": 1.0, "um": 1.0, "mm": 1e3}
_UNIT = "nµum"
_DIGIT, _ROUND_DIGIT = 0.86, 0.76
"""Least likeness of a digit: less will do where the number is one that scale bars have."""
_MARGIN = 0.04
"""By which the digit must beat the next."""
_M, _MICRO = 0.72, 0.55
_DESCENDS = 0.12
"""Share of its height by which a µ reaches below the m."""
_REACHES = (1.0, 0.5, 0.25)
"""How far a colour may be from the bar's before it is no ink, as a share of the contrast: the
less, the more of a bright picture behind the label is left out."""
_LONGEST = 7
"""Characters of a label."""
_CLEAR = 0.45
"""Width before a number in which there is nothing, in its height."""
_WRITTEN = 0.4
_ROUND = {"1", "15", "2", "25", "3", "4", "5", "6", "75", "8"}
_LARGEST = 20_000.0


@dataclass(frozen=True)
class Label:
    """What is written beside a bar.

    Attributes
    ----------
    text
        As ``100 µm``.
    um
        Length in micrometres.
    box
        Of the text.
    """

    text: str
    um: float
    box: Box


@dataclass(frozen=True)
class ScaleProposal:
    """The pixel size that a scale bar says.

    Attributes
    ----------
    um
        Length of the bar in micrometres; None where its label could not be read.
    bar_px
        Length of the bar in pixels.
    pixel_size_um
        Micrometres a pixel, or None.
    text
        One sentence without a full stop.
    """

    um: float | None
    bar_px: int
    pixel_size_um: float | None
    text: str


def proposal(overlays: Overlays) -> ScaleProposal | None:
    """Pixel size by the scale bar of a picture, for a person to confirm.

    Returns
    -------
    ScaleProposal or None
        None where there is no bar. Where there are bars that disagree by over 2 %, or none whose
        label could be read, the pixel size is None.

    Examples
    --------
    >>> from cellwright.quality.overlay import Overlay, Overlays
    >>> bar = Overlay("scale bar", (90, 10, 94, 110), bar_length_px=100, text="50 µm", um=50.0)
    >>> found = proposal(Overlays((bar,)))
    >>> found.pixel_size_um, found.text
    (0.5, 'the scale bar of 100 px says 50 µm: 0.5 µm a pixel')
    """
    bars = [part for part in overlays.parts if part.bar_length_px is not None]
    if not bars:
        return None
    read = [(part.um, part.bar_length_px or 0, part.text) for part in bars if part.um is not None]
    if not read:
        length = bars[0].bar_length_px or 0
        text = f"there is a scale bar of {length} px, but its label could not be read"
        return ScaleProposal(None, length, None, text)
    sizes = [um / length for um, length, _ in read]
    um, length, label = read[0]
    if max(sizes) > 1.02 * min(sizes):
        text = f"there are {len(read)} scale bars, which disagree on the pixel size"
        return ScaleProposal(None, length, None, text)
    text = f"the scale bar of {length} px says {label}: {sizes[0]:.4g} µm a pixel"
    return ScaleProposal(um, length, sizes[0], text)


def read_label(colours: Floats, bar: Bar) -> Label | None:
    """Read the number and the unit beside a bar.

    Parameters
    ----------
    colours
        (Y, X, S) from 0 to 1.
    bar
        From `bars.find_bars`. Its label has its colour, and lies in its panel, or else within
        reach.

    Returns
    -------
    Label or None
        None where it is not read for sure.
    """
    near, start = ink_beside(colours, bar)
    for reach in _REACHES:
        ink = np.asarray(np.clip(1 - (1 - near) / reach, 0, 1), np.float32)
        best: tuple[float, Label] | None = None
        for line in rows_of(pieces(ink)):
            for end in range(len(line), 2, -1):
                for begin in range(max(0, end - _LONGEST), end - 2):
                    read = _read(line[begin:end], ink)
                    if read is None:
                        continue
                    score, text, um = read
                    # The longest number: 100 µm is not 00 µm.
                    score += end - begin
                    if best is None or score > best[0]:
                        best = (score, Label(text, um, _around(line[begin:end], start)))
        if best is not None:
            return best[1]
    return None


def ink_beside(colours: Floats, bar: Bar) -> tuple[Floats, tuple[int, int]]:
    """How near each pixel beside a bar is to its colour (0 to 1), and where the part begins."""
    top, left, bottom, right = bar.box
    if bar.panel is not None:
        place = bar.panel
    else:
        reach = max(4 * (bottom - top), 60)
        place = (
            max(top - reach, 0),
            max(left - max(bar.length, 120), 0),
            min(bottom + reach, colours.shape[0]),
            min(right + max(bar.length, 120), colours.shape[1]),
        )
    part = colours[place[0] : place[2], place[1] : place[3]]
    colour, ground = (np.array(one, np.float32) for one in (bar.colour, bar.ground))
    far = np.abs(part - colour).max(axis=-1) / float(np.abs(colour - ground).max())
    ink = np.asarray(np.clip(1 - far, 0, 1), np.float32)
    ink[
        max(top - place[0] - 1, 0) : bottom - place[0] + 1,
        max(left - place[1] - 2, 0) : right - place[1] + 2,
    ] = 0
    return ink, (place[0], place[1])


def _around(line: Sequence[Piece], start: tuple[int, int]) -> Box:
    tops, lefts, bottoms, rights = zip(*(piece.box for piece in line), strict=True)
    return (
        min(tops) + start[0],
        min(lefts) + start[1],
        max(bottoms) + start[0],
        max(rights) + start[1],
    )


def _read(line: list[Piece], ink: Floats) -> tuple[float, str, float] | None:
    """Likeness, text and length of digits with a unit behind them."""
    *digits, prefix, metre = line
    tall = max(digit.height for digit in digits)
    if any(digit.height < 0.85 * tall for digit in digits):
        return None
    unit = _unit(prefix, metre)
    if unit is None:
        return None
    scores = match(digits, DIGITS)
    ordered = np.sort(scores, axis=1)
    if not _begins(digits[0], ink):
        return None
    likeness = float(ordered[:, -1].min())
    if float((ordered[:, -1] - ordered[:, -2]).min()) < _MARGIN:
        return None
    number = DIGITS[int(scores[0].argmax())]
    for (before, digit), row in zip(pairwise(digits), scores[1:], strict=True):
        number += ("." if _point(before, digit, ink) else "") + DIGITS[int(row.argmax())]
    if number.startswith("0") and not number.startswith("0."):
        return None
    usual = number.replace(".", "").strip("0") in _ROUND
    um = float(number) * _MICROMETRES[unit]
    if likeness < (_ROUND_DIGIT if usual else _DIGIT) or not 0 < um <= _LARGEST:
        return None
    return likeness, f"{number} {unit}", um


def _unit(prefix: Piece, metre: Piece) -> str | None:
    """``nm``, ``µm``, ``um`` or ``mm``; None where it is none of these."""
    if float(match([metre], "m")[0, 0]) < _M or metre.width < 0.9 * metre.height:
        return None
    if prefix.box[2] - metre.box[2] >= max(_DESCENDS * prefix.height, 1.5):
        return "µm" if float(match([prefix], "µ")[0, 0]) >= _MICRO else None
    scores = match([prefix], "num")[0]
    best = int(scores.argmax())
    if float(scores[best]) < _M or float(np.sort(scores)[-2]) > float(scores[best]) - _MARGIN:
        return None
    return ("nm", "um", "mm")[best]


def _begins(first: Piece, ink: Floats) -> bool:
    """Whether nothing is written just before a digit: 25 must not be read as 5."""
    top, left, bottom, _ = first.box
    reach = max(round(_CLEAR * first.height), 3)
    return not (ink[top:bottom, max(left - reach, 0) : max(left - 1, 0)] > _WRITTEN).any()


def _point(before: Piece, after: Piece, ink: Floats) -> bool:
    """Whether there is a small dot on the base line between two digits."""
    gap = ink[before.box[0] : before.box[2], before.box[3] : after.box[1]]
    low = round(0.7 * len(gap))
    return bool((gap[low:] > 0.5).any() and not (gap[: low - 1] > 0.5).any())
