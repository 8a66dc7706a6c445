"""Cell borders as lines: how much each pixel looks like a part of one."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy import ndimage

from cellwright.core.image import Array

__all__ = ["BorderPolarity", "border_polarity_of", "border_strength"]

BorderPolarity = Literal["bright", "dark"]


SURROUNDINGS = 10.0
"""Width of the surroundings that a line is compared with, in scales of the filter: about one
cell, so that faint borders count as much as strong ones elsewhere."""


def _curvatures(plane: Array, sigma: float) -> tuple[Array, Array]:
    """Smaller and larger second derivative across all directions, at a scale."""

    def second(down: int, right: int) -> Array:
        filtered: Array = ndimage.gaussian_filter(plane, sigma, order=(down, right), mode="nearest")
        return filtered

    down, right, mixed = second(2, 0), second(0, 2), second(1, 1)
    middle, spread = (down + right) / 2, np.hypot((down - right) / 2, mixed)
    return middle - spread, middle + spread


def border_strength(plane: Array, sigma: float, polarity: str) -> Array:
    """Strength of lines: the curvature across them, where it has their sign.

    Parameters
    ----------
    plane
        (Y, X) float.
    sigma
        Scale in pixels: lines of about twice this width answer most.
    polarity
        ``bright`` or ``dark`` lines.

    Returns
    -------
    Array
        (Y, X) float, 0 or more, largest on the middle of a line; 1 is the mean of the
        surroundings.

    References
    ----------
    C. Steger, "An unbiased detector of curvilinear structures", IEEE Transactions on Pattern
    Analysis and Machine Intelligence 20 (1998) 113-125: the eigenvalues of the Hessian.

    Examples
    --------
    >>> plane = np.zeros((5, 9), np.float32)
    >>> plane[:, 4] = 1
    >>> int(border_strength(plane, 1.0, "bright")[2].argmax())
    4
    """
    low, high = _curvatures(plane, sigma)
    strength = np.maximum(-low if polarity == "bright" else high, 0)
    return _against_surroundings(strength, sigma)


def _against_surroundings(strength: Array, sigma: float) -> Array:
    around = ndimage.gaussian_filter(strength, SURROUNDINGS * sigma, mode="nearest")
    # Where there is nothing at all, there is nothing to divide by either.
    least = np.float32(1e-6) * around.max() + np.finfo(np.float32).tiny
    compared: Array = strength / np.maximum(around, least)
    return compared


def border_polarity_of(plane: Array, sigma: float) -> BorderPolarity:
    """Whether lines are brighter or darker than what they part.

    A blob curves in both directions and a line in one, so what speaks for a line is how much
    the curvatures differ. Every part of the picture has the same say: a strong line along
    the frame does not outvote a thousand faint ones.

    Examples
    --------
    >>> plane = np.zeros((9, 9), np.float32)
    >>> plane[:, 4] = 1
    >>> border_polarity_of(plane, 1.0), border_polarity_of(1 - plane, 1.0)
    ('bright', 'dark')
    """
    low, high = _curvatures(plane, sigma)
    lines = _against_surroundings(np.abs(np.abs(low) - np.abs(high)), sigma) ** 2
    bright = lines[-low > high].sum(dtype=np.float64)
    return "bright" if 2 * bright >= lines.sum(dtype=np.float64) else "dark"
