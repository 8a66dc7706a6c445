"""Whether labels lie where the picture shows something: shifted, mirrored, squeezed ones do not.

Outlines of objects lie on edges or on ridges of light. So the picture's gradient, and how much
it differs from its surroundings, correlate with the drawn outlines, and most where the drawing
belongs. Where both correlate better after the drawing was moved or turned, it does not fit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage

from cellwright.core.image import Array

__all__ = ["TURNS", "Fit", "best_fit", "outlines_of"]

Floats = npt.NDArray[np.float32]

TURNS = (
    "as drawn", "turned by 90°", "turned by 180°", "turned by 270°", "mirrored left to right",
    "mirrored and turned by 90°", "mirrored top to bottom", "mirrored and turned by 270°",
)  # fmt: skip
"""The eight ways in which a drawing may lie on its picture, of which programs mix up some."""

LARGEST_SHIFT = 64
"""Pixels along each axis that are tried: more than margins, scale bars and headers take."""
_SIDE = 1024
"""Of what is looked at of larger pictures, about their middle."""
_SURE = 0.4
"""Correlation from which a drawing fits as it is, and turns are not tried: none that was turned
or moved by more than four pixels had as much (0.36 at the most of 35)."""
_SCALES = (1.0, 2.5)
"""Standard deviations in pixels at which edges and ridges are looked for: fine outlines, and
those that are drawn by hand or out of focus."""


@dataclass(frozen=True)
class Fit:
    """How a drawing fits its picture best.

    Attributes
    ----------
    turn
        Of `TURNS`, applied to the drawing.
    shift
        Rows and columns by which the drawing is then to be moved, down and to the right.
    correlation
        Of outlines and picture there.
    as_drawn
        The same without turn and shift.
    """

    turn: str
    shift: tuple[int, int]
    correlation: float
    as_drawn: float


def outlines_of(labels: Array) -> npt.NDArray[np.bool_]:
    """(Y, X) pixels that have another label than one of their neighbours below or on the right.

    Examples
    --------
    >>> outlines_of(np.array([[1, 1, 2], [1, 1, 2]])).tolist()
    [[False, True, False], [False, True, False]]
    """
    found = np.zeros(labels.shape, bool)
    found[:-1] |= labels[:-1] != labels[1:]
    found[:, :-1] |= labels[:, :-1] != labels[:, 1:]
    return found


def best_fit(pixels: Array, labels: Array) -> Fit | None:
    """Find how a drawing fits its picture best.

    Parameters
    ----------
    pixels
        (Y, X) or (Y, X, S).
    labels
        (Y, X) of the same size.

    Returns
    -------
    Fit or None
        None if there is nothing to go by: no outlines, or a picture of one value.
    """
    grey = pixels.astype(np.float32).mean(axis=2) if pixels.ndim == 3 else pixels
    part = tuple(slice(max(0, (n - _SIDE) // 2), (n + _SIDE) // 2) for n in labels.shape)
    structures = _structures(grey[part].astype(np.float32))
    outlines = outlines_of(labels[part]).astype(np.float32)
    if not structures or not outlines.any() or outlines.all():
        return None
    reach = min(LARGEST_SHIFT, *(n // 4 for n in outlines.shape))
    spectra = [_spectrum(one) for one in structures]
    best, as_drawn = (-1.0, 0, (0, 0)), -1.0
    for number in range(len(TURNS)):
        if as_drawn > _SURE:
            break
        turned = _turned(outlines, number)
        if turned.shape != outlines.shape:
            continue
        thick = ndimage.gaussian_filter(turned, 1.0)
        drawn = _spectrum(_standard(thick))
        for spectrum in spectra:
            around = _correlations(spectrum, drawn, thick.shape, reach)
            row, column = np.unravel_index(int(around.argmax()), around.shape)
            found = float(around[row, column])
            if number == 0:
                as_drawn = max(as_drawn, float(around[reach, reach]))
            if found > best[0]:
                best = found, number, (int(row) - reach, int(column) - reach)
    return Fit(TURNS[best[1]], best[2], best[0], as_drawn)


def _structures(grey: Floats) -> list[Floats]:
    """Edges and ridges of a picture at each scale, standardised; none of a constant picture."""
    if grey.max() <= grey.min():
        return []
    low, high = np.percentile(grey, (0.5, 99.5))
    even = np.sqrt(np.clip((grey - low) / max(high - low, 1e-12), 0, 1), dtype=np.float32)
    found = []
    for scale in _SCALES:
        edges = ndimage.gaussian_gradient_magnitude(even, scale)
        ridges = np.abs(ndimage.gaussian_laplace(even, scale))
        found += [_standard(one) for one in (edges, ridges) if one.max() > one.min()]
    return found


def _standard(values: Floats) -> Floats:
    """Mean 0 and length 1, so that a sum of products is a correlation."""
    centred = values - values.mean(dtype=np.float64)
    return np.asarray(centred / np.linalg.norm(centred), np.float32)


def _spectrum(values: Floats) -> Array:
    return fft.rfft2(values)


def _correlations(picture: Array, drawn: Array, shape: tuple[int, ...], reach: int) -> Floats:
    """(2 reach + 1, 2 reach + 1): the drawing moved down by -reach … reach, and to the right."""
    around = fft.irfft2(picture * np.conj(drawn), s=shape)
    rows, columns = (np.arange(-reach, reach + 1) % n for n in shape)
    return np.asarray(around[np.ix_(rows, columns)], np.float32)


def _turned(values: Floats, number: int) -> Floats:
    mirrored = values[:, ::-1] if number >= 4 else values
    return np.ascontiguousarray(np.rot90(mirrored, number % 4))
