"""Where a drawing has ink: what differs from its ground, in any colour, on paper or on nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cellwright.core.errors import InputError
from cellwright.core.image import Array
from cellwright.datasets.formats.contour_gaps import middle_of
from cellwright.io.open import read

__all__ = ["lines_in", "lines_of"]

_LINE = 0.4
"""Of the strongest difference from the ground: more is line. A smoothed line of one pixel shares
its colour between two, of which one has at least half."""

_FAINT = 0.1
"""Of the strongest difference: a second pen with less is not told from what compression leaves."""

_EVEN = 0.02
"""Of the strongest difference: an even ground differs by no more from itself."""

_UNEVEN = 0.005
"""Share of the ground that may differ by more: drawings saved as JPEG have up to 0.003. Where more
does, as in nearly all photographs, what is fainter than the lines is no other pen."""

_NEAR = 4
"""Pixels about a line of the strongest pen in which what is fainter is its rim, not another pen."""

_LENGTH = 8
"""Pixels along one axis that a line of a fainter pen has at least: specks of paper have fewer."""

_BETWEEN = 4
"""Pixels that are neither line nor ground, for each of a line, up to which it is a drawing with
smoothed or compressed lines; photographs have tens."""

_WIDEST = 10
"""Pixels. Wider is no line, but a filled shape: all lines' area by the length of their middle."""

_OPAQUE = 255


def lines_of(file: Path) -> tuple[Array, list[str]]:
    """(Y, X) bool, true on the lines of a file, and remarks.

    Raises
    ------
    InputError
        If it cannot be read, or is no drawing.
    """
    image = read(file)
    if image.axes not in {"YX", "YXS"}:
        raise InputError(f"a drawing has the axes YX, not {image.axes}", where=str(file))
    pixels = image.pixels()
    opacity = _opacity(file, pixels.shape[:2])
    if opacity is None and any("opacity" in n or "transparency" in n for n in image.notes):
        raise InputError(
            "how transparent its pixels are cannot be read",
            where=str(file),
            remedy="save it as PNG with 8 bits, or on a ground that is not transparent",
        )
    return lines_in(pixels if image.axes == "YXS" else pixels[..., None], str(file), opacity)


def _opacity(file: Path, shape: tuple[int, ...]) -> Array | None:
    """(Y, X) uint8, 0 where nothing is seen; None if a file tells nothing of it."""
    from PIL import Image as Pillow
    from PIL import ImageOps

    try:
        with Pillow.open(file) as picture:
            if not picture.has_transparency_data:
                return None
            turned = ImageOps.exif_transpose(picture)
            found = np.asarray(turned.convert("RGBA").getchannel("A"))
    except (OSError, ValueError, Pillow.DecompressionBombError):
        return None
    return found if found.shape == shape else None


def lines_in(pixels: Array, where: str, opacity: Array | None = None) -> tuple[Array, list[str]]:
    """Lines of a drawing: what differs from the ground, which is most of it.

    Parameters
    ----------
    pixels
        (Y, X, S), S samples of colour.
    where
        The drawing, for messages.
    opacity
        (Y, X) uint8. Where nothing is seen is ground, whatever colour lies there; if that is
        most of the drawing, all that is seen is line, whatever its colour.

    Returns
    -------
    lines : Array
        (Y, X) bool.
    remarks : list of str

    Raises
    ------
    InputError
        If it is no drawing.

    Examples
    --------
    >>> black = np.zeros((3, 4, 1), np.uint8)
    >>> seen = np.zeros((3, 4), np.uint8)
    >>> seen[1] = 255
    >>> lines_in(black, "", seen)[0].any(axis=1).tolist()
    [False, True, False]
    """
    on_nothing = opacity is not None and float(np.median(opacity)) < _OPAQUE / 2
    if opacity is None:
        opacity = np.full(pixels.shape[:2], _OPAQUE, np.uint8)
    if on_nothing:
        ground = np.zeros(pixels.shape[-1])
        difference = opacity.astype(np.float64)
    else:
        ground = np.median(pixels[opacity > _OPAQUE / 2], axis=0)
        difference = np.abs(pixels.astype(np.float64) - ground).max(-1) * (opacity / _OPAQUE)
    strongest = float(difference.max())
    if strongest == 0 and ground.any():
        raise InputError(
            f"there is no line in it, all pixels are {ground.max():g}",
            where=where,
            remedy="draw light lines on a black ground, or dark lines on a light one",
        )
    lines = difference > _LINE * strongest
    if not lines.any():
        return lines, []
    lines = _with_fainter(lines, difference / strongest)
    if (difference > _LINE / 4 * strongest).sum() > (1 + _BETWEEN) * lines.sum():
        raise InputError(
            "this is no drawing: most of it is neither line nor ground",
            where=where,
            remedy="save the lines alone, in one colour",
        )
    wide = lines.sum() / max(1, int(middle_of(lines).sum()))
    if wide > _WIDEST:
        raise InputError(
            f"these are filled shapes, not lines: they are {wide:.0f} px wide",
            where=where,
            remedy=f"draw outlines of at most {_WIDEST} px; folders of masks are other formats",
        )
    dark = not on_nothing and pixels[lines].mean() < ground.mean()
    return lines, ["the lines are dark on a light ground"] if dark else []


def _with_fainter(lines: Array, strength: Array) -> Array:
    """Add the lines of pens that differ less from the ground than the strongest, 0 to 1.

    They are told from the rims of stronger lines by the strongest pixel about, and run on to
    where they meet those.
    """
    from scipy import ndimage

    seen = strength > _FAINT
    about = ndimage.maximum_filter(strength, 2 * _NEAR + 1)
    pieces, count = ndimage.label(seen & ~lines & (strength > _LINE * about), np.ones((3, 3), bool))
    long = np.zeros(count + 1, bool)
    for number, box in enumerate(ndimage.find_objects(pieces), 1):
        long[number] = max(side.stop - side.start for side in box) >= _LENGTH
    fainter = long[pieces]
    if not fainter.any():
        return lines
    near = ndimage.binary_dilation(fainter, np.ones((3, 3), bool), iterations=_NEAR + 1)
    every: Array = lines | fainter | (near & seen)
    far = ~ndimage.binary_dilation(every, np.ones((3, 3), bool), iterations=_NEAR)
    uneven = float((strength[far] > _EVEN).mean()) if far.any() else 1.0
    return every if uneven <= _UNEVEN else lines
