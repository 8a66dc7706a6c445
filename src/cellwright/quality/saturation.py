"""Saturation: whether the brightest values were cut off, by the camera or a conversion."""

from __future__ import annotations

import numpy as np

from cellwright.core.image import Array
from cellwright.quality.check import Check, Verdict, grade

__all__ = ["CHECK", "judge_saturation"]

_DARK_QUANTILE = 0.05
_BRIGHT = 0.1
"""Bright are the pixels above a tenth of the way from dark (the 5 % quantile) to the largest
value. In a dark picture with few cells these are the cells, of which many can be cut off while
they are few of all pixels; in bright field these are nearly all pixels."""
_PILE = 4.0
"""At a largest value that is no full scale, this many times as many pixels as in the 2 % of
the range below it are a pile: the tail of a picture that is not cut off falls."""
_BELOW = 0.02
_SMALLEST_SCALE_BITS = 8
_FEW_VALUES = 3


def judge_saturation(
    plane: Array, bits: int | None, warn: float, fail: float
) -> tuple[float, Verdict, str]:
    """Judge the share of the bright pixels that are at the largest value there can be.

    That is the full scale of `bits`, of the pixels' type or of a usual camera (8, 10, 12, 14
    or 16 bits), or any other value at which pixels pile up.

    Examples
    --------
    >>> ramp = np.minimum(np.arange(400).reshape(20, 20), 255).astype(np.uint8)
    >>> value, verdict, reason = judge_saturation(ramp, None, warn=0.05, fail=0.5)
    >>> round(value, 2), verdict
    (0.41, 'warn')
    """
    numbers = plane if plane.dtype.kind in "bui" else plane[np.isfinite(plane)]
    if numbers.size == 0:
        return float("nan"), "pass", "not judged: no pixel holds a finite number"
    top, bottom = numbers.max(), numbers.min()
    if top == bottom:
        return 0.0, "pass", "not judged: all pixels have the same value"
    at_top = int(np.count_nonzero(numbers == top))
    value = float(top)
    if not _is_cut(numbers, value, float(bottom), at_top, bits):
        return 0.0, "pass", f"no pixels are cut off, the largest value is {value:,.6g}"
    # Every seventh pixel is enough for a quantile; seven shares no factor with usual widths.
    dark = float(np.quantile(numbers.ravel()[::7], _DARK_QUANTILE))
    bright = int(np.count_nonzero(numbers > dark + _BRIGHT * (value - dark)))
    share = at_top / max(bright, 1)
    verdict = grade(share, warn, fail)
    of_all = f"{100 * at_top / numbers.size:.2g} % of the pixels"
    of_bright = f"{100 * share:.2g} % of the bright ones"
    reason = f"{of_all} ({of_bright}) are at the largest value {value:,.6g}"
    if verdict != "pass":
        reason += ": intensities of cells there are too low"
    return share, verdict, reason


def _is_cut(numbers: Array, top: float, bottom: float, at_top: int, bits: int | None) -> bool:
    if numbers.dtype == np.bool_:
        return False
    scales = {float(2**n - 1) for n in (8, 10, 12, 14, 16)} | ({2.0**bits - 1} if bits else set())
    if numbers.dtype.kind in "ui":
        scales.add(float(np.iinfo(numbers.dtype).max))
    below = int(np.count_nonzero(numbers >= top - _below(numbers, top, bottom))) - at_top
    if top in scales:
        # A mask, or a picture of few values, has its foreground there by right.
        return below > 0 or np.unique(numbers.ravel()[::7]).size > _FEW_VALUES
    return at_top > _PILE * max(below, 1) and np.unique(numbers.ravel()[::7]).size > _FEW_VALUES


def _below(numbers: Array, top: float, bottom: float) -> float:
    width = _BELOW * (top - bottom)
    return max(width, 1.0) if numbers.dtype.kind in "ui" else width


CHECK = Check(
    name="saturation",
    version=1,
    meaning="The share of the bright pixels that are at the largest value there can be: what "
    "was brighter is lost, so intensities are too low and touching cells run together.",
    # Among published planes 4 % lie above 0.05 and none above 0.5; at a half, most of what is
    # bright has lost its intensity.
    warn=0.05,
    fail=0.5,
    judge=judge_saturation,
)
