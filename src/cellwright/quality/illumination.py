"""Illumination: whether the light is even over the field."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cellwright.core.image import Array
from cellwright.quality.check import Check, Verdict, grade
from cellwright.quality.plane import Sight, binned, sight

__all__ = ["CHECK", "judge_illumination", "uneven_background", "uneven_signal"]

Numbers = npt.NDArray[np.float64]

TILES = 12
"""Tiles along a side of the plane: enough for a smooth surface, large against most cells."""
_FEWEST_BINS = 3
_BACKGROUND = 0.25
"""Quantile of a tile that is background where cells are bright (1 minus it where dark)."""
_SIGNAL = 0.9
_WITH_CELLS = 0.15
"""A tile has cells if its bright part stands out by this share of the plane's contrast."""
_FEWEST_TILES = 20
_SURE = 3.5
"""Standard errors by which a fall of the cells' brightness must differ from none: cells differ
by themselves, and a chance trend among few is not the light."""
_TUKEY = 4.685
"""Of the biweight, for 95 % efficiency with normal errors."""
_ROUNDS = 12


def judge_illumination(
    plane: Array, _bits: int | None, warn: float, fail: float
) -> tuple[float, Verdict, str]:
    """Judge how uneven the light is: the larger of two numbers that gain and offset leave alone.

    One is the smooth rise of the background over the field, as a share of the contrast of what
    lies on it (`uneven_background`): it is what moves a threshold. The other is by what share
    the cells themselves are less bright at the rim of the field than in its centre
    (`uneven_signal`): it is what vignetting does to a dark field, whose background hardly shows
    it. It takes some dozens of cells to tell it from chance.

    Examples
    --------
    >>> y, x = np.mgrid[:256, :256]
    >>> cells = 100.0 * ((y % 32 - 16) ** 2 + (x % 32 - 16) ** 2 < 64)
    >>> judge_illumination(cells, None, warn=0.4, fail=1.25)[1]
    'pass'
    >>> judge_illumination(cells + 0.8 * x, None, warn=0.4, fail=1.25)[1]
    'fail'
    """
    seen = sight(plane)
    if seen.empty or seen.contrast == 0.0:
        return float("nan"), "pass", "not judged: nothing stands out of the noise"
    tiles = _tiles(binned(seen.values))
    if tiles is None:
        return float("nan"), "pass", "not judged: the picture is too small"
    level, background = _background(tiles, seen)
    rise = uneven_background(level, background, seen.contrast)
    drop = uneven_signal(tiles, level, background, seen.contrast)
    value = max(rise, drop)
    verdict = grade(value, warn, fail)
    if drop > rise:
        reason = (
            f"cells are {100 * drop:.0f} % less bright at the rim of the field than in its centre"
        )
    else:
        reason = f"the background differs over the field by {100 * rise:.0f} % of the contrast"
    if verdict != "pass":
        reason += ": intensities, and which weak cells are found, depend on the place"
    return value, verdict, reason


def uneven_background(level: Numbers, background: Numbers, contrast: float) -> float:
    """Range of the smooth background over the field, as a share of the contrast.

    It is multiplied by the share of the tiles' variance that the smooth surface explains: light
    varies smoothly, and the edge of a tissue does not.

    Parameters
    ----------
    level, background
        (rows, columns) of the tiles: as measured, and the surface that was fitted.
    contrast
        Of what lies on the background.

    Examples
    --------
    >>> light = np.array([[10.0, 12.0], [11.0, 15.0]])
    >>> uneven_background(light, light, 50.0)
    0.1
    """
    spread = float(((level - level.mean()) ** 2).sum())
    if spread == 0.0:
        return 0.0
    explained = 1 - float(((level - background) ** 2).sum()) / spread
    return max(explained, 0.0) * float(np.ptp(background)) / contrast


def uneven_signal(tiles: Numbers, level: Numbers, background: Numbers, contrast: float) -> float:
    """By what share cells are less bright at the rim than in the centre; 0 if it may be chance.

    The logarithm of the brightness falls with the squared distance from the centre, as that of
    light does through a lens.

    Parameters
    ----------
    tiles
        (rows, columns, n) bins of each tile.
    level, background
        (rows, columns) of the tiles: as measured, and as fitted.
    contrast
        Of the plane.
    """
    bright = np.quantile(tiles, _SIGNAL, axis=2) - background
    rows, columns = np.nonzero(bright > _WITH_CELLS * contrast)
    if rows.size < _FEWEST_TILES:
        return 0.0
    y, x = (place[rows, columns] for place in _places(level.shape))
    outwards = x * x + y * y
    terms = np.stack([np.ones_like(x), outwards], axis=1)
    coefficients, _, covariance = _fit(terms, np.log(bright[rows, columns]))
    fall = -float(coefficients[1]) * float(np.ptp(outwards))
    error = float(np.sqrt(covariance[1, 1])) * float(np.ptp(outwards))
    return 1 - float(np.exp(-fall)) if fall > max(_SURE * error, 0.0) else 0.0


def _tiles(bins: npt.NDArray[np.float32]) -> Numbers | None:
    side = [max(length // TILES, _FEWEST_BINS) for length in bins.shape]
    rows, columns = (length // step for length, step in zip(bins.shape, side, strict=True))
    if rows < _FEWEST_BINS or columns < _FEWEST_BINS:
        return None
    whole = bins[: rows * side[0], : columns * side[1]].astype(np.float64)
    parts = whole.reshape(rows, side[0], columns, side[1]).transpose(0, 2, 1, 3)
    return parts.reshape(rows, columns, -1)


def _background(tiles: Numbers, seen: Sight) -> tuple[Numbers, Numbers]:
    """Background of each tile, and the quadratic surface that fits most of them."""
    low, high = np.quantile(seen.bins, (0.005, 0.995))
    quantile = _BACKGROUND if high >= -low else 1 - _BACKGROUND
    level = np.quantile(tiles, quantile, axis=2)
    y, x = (place.ravel() for place in _places(level.shape))
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)
    _, surface, _ = _fit(terms, level.ravel())
    return level, surface.reshape(level.shape)


def _places(shape: tuple[int, ...]) -> tuple[Numbers, Numbers]:
    y, x = np.meshgrid(*(np.linspace(-1, 1, length) for length in shape), indexing="ij")
    return y, x


def _fit(terms: Numbers, values: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Robust fit by iterated weights (Tukey's biweight; Holland and Welsch 1977).

    Returns
    -------
    tuple
        Coefficients, the fitted values, and the covariance of the coefficients.
    """
    weight = np.ones_like(values)
    coefficients: Numbers = np.zeros(terms.shape[1])
    for _ in range(_ROUNDS):
        root = np.sqrt(weight)[:, None]
        solved = np.linalg.lstsq(terms * root, values * root[:, 0], rcond=None)[0]
        coefficients = np.asarray(solved, np.float64)
        rest = values - terms @ coefficients
        spread = 1.4826 * float(np.median(np.abs(rest)))
        if spread <= 0:
            break
        weight = np.clip(1 - (rest / (_TUKEY * spread)) ** 2, 0, None) ** 2
    rest = values - terms @ coefficients
    free = max(float(weight.sum()) - terms.shape[1], 1.0)
    variance = float((weight * rest**2).sum()) / free
    covariance = variance * np.linalg.pinv((terms * weight[:, None]).T @ terms)
    return coefficients, terms @ coefficients, covariance


CHECK = Check(
    name="illumination",
    version=1,
    meaning="How uneven the light is over the field: the rise of the background as a share of "
    "the contrast, or the loss of brightness of the cells, whichever is larger.",
    # Among twelve published sets 3 % of the planes lie above 0.4, and the one above 1.25 is half
    # in the shade: there the background differs by more than the cells stand out.
    warn=0.4,
    fail=1.25,
    judge=judge_illumination,
)
