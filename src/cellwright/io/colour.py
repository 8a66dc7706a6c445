"""What to make of samples that are not plain intensities: colours, palettes, alpha."""

from __future__ import annotations

import numpy as np

from cellwright.core.image import Array

__all__ = [
    "cmyk_to_rgb",
    "is_ramp",
    "orient",
    "split_alpha",
    "use_palette",
    "without_copies",
]

_PROBE = 61  # rows between those looked at first, so that true colours are told quickly


def is_ramp(palette: Array) -> bool:
    """Whether a palette only tints an intensity: each of its colours grows with the index.

    True for grey, for one hue, and for tables such as "red hot"; then the index is the value
    that was measured. False for the colours of a drawing or a photograph.

    Parameters
    ----------
    palette
        (N, 3) red, green and blue by index.

    Examples
    --------
    >>> is_ramp(np.array([[0, 0, 0], [0, 120, 0], [0, 255, 0]]))
    True
    >>> is_ramp(np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255]]))
    False
    """
    steps = np.diff(np.asarray(palette, dtype=np.int64), axis=0)
    return bool((steps >= 0).all() or (steps <= 0).all())


def use_palette(index: Array, palette: Array) -> tuple[Array, str]:
    """Give the measured values behind the indices into a palette, and a note on how.

    A palette of greys gives its greys, another ramp its index, and true colours give RGB.

    Parameters
    ----------
    index
        (Y, X) unsigned.
    palette
        (N, 3) uint8 or uint16.

    Returns
    -------
    tuple
        (Y, X) of the index or the greys, or (Y, X, 3); and the note, empty for plain grey.

    Raises
    ------
    IndexError
        If an index lies beyond the palette.
    """
    if index.size and int(index.max()) >= len(palette):
        raise IndexError(f"index {int(index.max())} in a palette of {len(palette)} colours")
    if (palette == palette[:, :1]).all():
        if np.array_equal(palette[:, 0], np.arange(len(palette))):
            return index, ""
        return palette[:, 0][index], "the greys of its palette are taken as the values"
    if is_ramp(palette):
        return index, "its palette only tints: the index is taken as the value"
    return palette[index], "the colours of its palette are used"


def split_alpha(samples: Array) -> tuple[Array, str]:
    """Drop the last sample, which is opacity; say so where it was not the same everywhere.

    Parameters
    ----------
    samples
        (Y, X, 2) grey and alpha, or (Y, X, 4) colour and alpha.

    Returns
    -------
    tuple
        (Y, X) or (Y, X, 3), and the note.
    """
    alpha = samples[..., -1]
    note = "" if (alpha == alpha.flat[0]).all() else "its transparency was left out"
    colour = samples[..., :-1]
    return np.ascontiguousarray(colour[..., 0] if colour.shape[-1] == 1 else colour), note


def without_copies(samples: Array) -> tuple[Array, str]:
    """Make a grey picture of a colour picture whose three samples are equal everywhere.

    Parameters
    ----------
    samples
        (Y, X, 3).

    Returns
    -------
    tuple
        (Y, X) and a note; or the same (Y, X, 3) and an empty text.
    """
    for part in (samples[::_PROBE], samples):
        red = part[..., 0]
        if not (np.array_equal(red, part[..., 1]) and np.array_equal(red, part[..., 2])):
            return samples, ""
    return np.ascontiguousarray(samples[..., 0]), "stored as colour, but grey: read as grey"


def cmyk_to_rgb(samples: Array) -> Array:
    """Mix the four inks of print to red, green and blue, without a colour profile.

    ``R = (1 - C)(1 - K)`` and so on, as is usual for uncalibrated inks.

    Parameters
    ----------
    samples
        (Y, X, 4) unsigned integers; full ink is the largest value of the type.

    Examples
    --------
    >>> cmyk_to_rgb(np.array([[[0, 255, 255, 0]]], dtype=np.uint8)).tolist()
    [[[255, 0, 0]]]
    """
    full = np.iinfo(samples.dtype).max
    light = (full - samples).astype(np.uint64)
    mixed = (light[..., :3] * light[..., 3:] + full // 2) // full
    return mixed.astype(samples.dtype)


def orient(pixels: Array, orientation: int) -> Array:
    """Turn pixels as the tag Orientation asks (TIFF 6.0 and EXIF 2.3, tag 274).

    Parameters
    ----------
    pixels
        (Y, X) or (Y, X, S) as stored.
    orientation
        1 to 8; another number is taken as 1, as programs do.

    Examples
    --------
    >>> orient(np.array([[1, 2], [3, 4]]), 6).tolist()
    [[3, 1], [4, 2]]
    """
    if orientation in {5, 6, 7, 8}:
        pixels = pixels.swapaxes(0, 1)
    if orientation in {3, 4, 7, 8}:
        pixels = pixels[::-1]
    if orientation in {2, 3, 6, 7}:
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)
