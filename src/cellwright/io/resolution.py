"""Whether a resolution in a header is a pixel size, or just what printers like."""

from __future__ import annotations

import math

from cellwright.core.image import Spacing

__all__ = ["believable_spacing"]

_UM_PER_INCH = 25400.0
# Dots per inch that programs write when they know nothing: screens, printers, scanners.
_FOR_PRINT = (
    72, 90, 96, 100, 120, 144, 150, 180, 192, 200, 220, 240, 250, 300, 350, 360, 400, 480,
    600, 720, 800, 1000, 1200, 2400, 4800,
)  # fmt: skip
_ROUNDING = 1e-3  # PNG writes whole pixels a metre: 72 dpi is 2835 of them, 0.02 % off
_FINEST, _COARSEST = 1e-5, 100.0  # µm a pixel: from atoms to the eye


def believable_spacing(x: float, y: float, um_per_unit: float) -> Spacing:
    """Give the pixel size of a resolution, or none where it is a default of printing.

    Parameters
    ----------
    x, y
        Pixels per unit along X and Y.
    um_per_unit
        Micrometres in the unit.

    Returns
    -------
    Spacing
        With y and x; empty if either is not believable.

    Examples
    --------
    >>> believable_spacing(20000, 20000, 10000.0)
    Spacing(z=None, y=0.5, x=0.5)
    >>> believable_spacing(72, 72, 25400.0)
    Spacing(z=None, y=None, x=None)
    """
    sizes = []
    for count in (y, x):
        if not (count > 0 and math.isfinite(count)):
            return Spacing()
        size = um_per_unit / count
        dpi = _UM_PER_INCH / size
        printing = any(abs(dpi - usual) <= _ROUNDING * usual for usual in _FOR_PRINT)
        if printing or not _FINEST <= size <= _COARSEST:
            return Spacing()
        sizes.append(size)
    return Spacing(y=sizes[0], x=sizes[1])
