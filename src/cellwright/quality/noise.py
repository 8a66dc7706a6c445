"""Noise: whether there is enough signal above it."""

from __future__ import annotations

from cellwright.core.image import Array
from cellwright.quality.check import Check, Verdict, grade
from cellwright.quality.plane import sight

__all__ = ["CHECK", "judge_noise"]


def judge_noise(
    plane: Array, _bits: int | None, warn: float, fail: float
) -> tuple[float, Verdict, str]:
    """Judge the contrast of the picture in standard deviations of the noise in one pixel.

    Contrast is the range from dark to bright structures in means over 4 by 4 pixels, less a
    smooth background and what noise alone gives; noise is what the mask of Immerkær (1996)
    finds (see `plane`).

    Examples
    --------
    >>> import numpy as np
    >>> noise = np.random.default_rng(0).normal(size=(64, 64))
    >>> noise[16:40, 16:40] += 3.5
    >>> judge_noise(noise, None, warn=5, fail=2)[1]
    'warn'
    """
    seen = sight(plane)
    if seen.empty:
        return float("nan"), "pass", "not judged: nothing stands out of the noise"
    if seen.noise == 0.0:
        return float("inf"), grade(float("inf"), warn, fail), "there is no noise"
    ratio = seen.contrast / seen.noise
    verdict = grade(ratio, warn, fail)
    reason = f"the contrast is {ratio:,.1f} times the noise of a pixel"
    if verdict != "pass":
        reason += ": edges, and with them areas, are uncertain"
    return ratio, verdict, reason


CHECK = Check(
    name="noise",
    version=1,
    meaning="The contrast between dark and bright structures, in standard deviations of the "
    "noise in one pixel: with little of it edges, areas and weak cells are uncertain.",
    warn=5.0,
    fail=2.0,
    judge=judge_noise,
)
