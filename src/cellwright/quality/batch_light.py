"""The light over the field as a batch of ordinary pictures shows it.

The arithmetic behind `flat_field.estimate_flat_field`, on pictures made small (bins): the shape of
the background, the brightness of cells, and a smooth field that explains both.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from cellwright.core.errors import InputError
from cellwright.quality.plane import Floats, flattened, noise_level

__all__ = ["error_of", "light_of"]

Numbers = npt.NDArray[np.float64]

_TILES = 12
_BACKGROUND = 0.25
"""Quantile of a tile that is background where cells are bright (1 minus it where dark)."""
_CELL = 0.35
"""What is above this share of the brightest (99.5 % quantile, after correction) is a cell."""
_FEWEST_CELLS = 40
"""Bins of cells in a picture: fewer say nothing of the light."""
_OUT_OF_NOISE = 6.0
_FEWEST_WITH_CELLS = 4
"""Pictures with cells, in each half of the batch."""
_LOW_ORDER, _HIGH_ORDER = 2, 4
_ROUNDS = 8
_SHRINK = 1.5
"""Weights of the polynomial are drawn to 0 by this many variances, as a share of their square
(James and Stein 1961): what may be chance is no light."""
_STEADY = 0.9
"""Correlation of the backgrounds of two halves of the batch from which their shape is used."""
_FAINT = 0.02
"""Least range by the background's shape; below it the cells alone are asked."""


def light_of(bins: Floats) -> tuple[Floats, float]:
    """Estimate the field on the grid of bins, and the offset.

    Parameters
    ----------
    bins
        (pictures, rows, columns), at least 48 bins along a side.

    Returns
    -------
    tuple
        (rows, columns) float32 with mean 1; grey value without light.

    Raises
    ------
    InputError
        If too few pictures hold cells.
    """
    sign = _polarity(bins)
    level = _levels(bins, sign)
    shape = (bins.shape[1], bins.shape[2])
    background = np.median(level - np.median(level, axis=(1, 2), keepdims=True), axis=0)
    middle = float(np.median(level))
    form = _surface(background, _HIGH_ORDER, shape)
    # Each picture's own background, as the common form times its own amplitude and level.
    own = _own_backgrounds(level, background, form)
    signal = sign * (bins - own)
    field = np.ones(shape)
    if _is_steady(level):
        field = _scaled_form(signal, form)
    if not _is_steady(level) or float(np.ptp(field)) < _FAINT:
        field = _fitted(signal)
    field = field / field.mean()
    return np.asarray(field, np.float32), _offset(background + middle, field)


def error_of(bins: Floats) -> float:
    """Error of the field (95 % quantile over it): half of what halves of the pictures differ by.

    The mean over three ways to halve them, as two halves may agree by chance.

    Raises
    ------
    InputError
        If too few pictures of a half hold cells.
    """
    number = np.arange(len(bins))
    errors = []
    for half in (number % 2 == 0, number // 2 % 2 == 0, number < len(bins) // 2):
        first, second = (light_of(bins[chosen])[0] for chosen in (half, ~half))
        errors.append(float(np.quantile(np.abs(first - second), 0.95)) / 2)
    return float(np.mean(errors))


def _polarity(bins: Floats) -> int:
    """1 if cells are bright, -1 if they are dark."""
    votes = 0
    for picture in bins:
        low, high = np.quantile(flattened(picture), (0.005, 0.995))
        votes += 1 if high >= -low else -1
    return 1 if votes >= 0 else -1


def _levels(bins: Floats, sign: int) -> Numbers:
    """Background of each tile of each picture."""
    rows, columns = (_edges(length) for length in bins.shape[1:])
    quantile = _BACKGROUND if sign > 0 else 1 - _BACKGROUND
    return np.array(
        [
            [
                np.quantile(bins[:, top:bottom, left:right], quantile, axis=(1, 2))
                for left, right in pairwise(columns)
            ]
            for top, bottom in pairwise(rows)
        ]
    ).transpose(2, 0, 1)


def _edges(length: int) -> list[int]:
    return [round(edge) for edge in np.linspace(0, length, _TILES + 1)]


def _is_steady(level: Numbers) -> bool:
    """Whether the shape of the background is the same in both halves of the pictures."""
    centred = level - np.median(level, axis=(1, 2), keepdims=True)
    halves = [_surface(np.median(centred[k::2], axis=0), _LOW_ORDER) for k in (0, 1)]
    if min(float(half.std()) for half in halves) == 0.0:
        return False
    return float(np.corrcoef(halves[0].ravel(), halves[1].ravel())[0, 1]) >= _STEADY


def _own_backgrounds(level: Numbers, background: Numbers, form: Numbers) -> Numbers:
    flat = background - background.mean()
    centred = level - level.mean(axis=(1, 2), keepdims=True)
    total = float((flat**2).sum())
    if total > 0:
        amplitude = np.clip((centred * flat).sum(axis=(1, 2)) / total, 0, 5)
    else:
        amplitude = np.ones(len(level))
    scaled = amplitude[:, None, None]
    start = np.median(level - scaled * background, axis=(1, 2), keepdims=True)
    return np.asarray(start + scaled * form)


def _scaled_form(signal: Numbers, form: Numbers) -> Numbers:
    """1 + a times the form of the background, with the a that makes cells equal everywhere."""
    shape = form - form.mean()
    reach = float(np.abs(shape).max())
    if reach == 0.0:
        return np.ones_like(form)
    shape = shape / reach
    amount = 0.0
    for _ in range(_ROUNDS):
        brightness, inside, picture = _cells(signal, 1 + amount * shape)
        place = np.broadcast_to(shape, signal.shape)[inside]
        for _ in range(3):
            now = 1 + amount * place
            rest = _centred(brightness - np.log(now), picture)
            slope = _centred(place / now, picture)
            weight = _tukey(rest)
            step = float((weight * slope * rest).sum() / max((weight * slope**2).sum(), 1e-12))
            amount = float(np.clip(amount + step, -0.95, 0.95))
    return np.asarray(1 + amount * shape)


def _fitted(signal: Numbers) -> Numbers:
    """Exponential of a polynomial that makes cells equal everywhere."""
    rows, columns = signal.shape[1:]
    terms = _terms((rows, columns), _LOW_ORDER)[..., 1:]
    weights: Numbers = np.zeros(terms.shape[-1])
    for _ in range(_ROUNDS):
        field = np.exp(np.clip(terms @ weights, -3, 3))
        brightness, inside, picture = _cells(signal, field)
        which = np.nonzero(inside)
        design = terms[which[1], which[2]]
        design = np.stack([_centred(column, picture) for column in design.T], axis=1)
        rest = _centred(brightness, picture)
        weight = _tukey(rest - design @ weights)
        normal = (design * weight[:, None]).T @ design
        ridge = 1e-6 * float(np.trace(normal)) * np.eye(len(normal))
        weights = np.asarray(np.linalg.solve(normal + ridge, (design * weight[:, None]).T @ rest))
    # What each picture pulls at the weights tells their variance: its cells are not independent.
    pull = design * (weight * (rest - design @ weights))[:, None]
    by_picture = np.array([np.bincount(picture, column, len(signal)) for column in pull.T])
    many = np.unique(picture).size
    inverse = np.linalg.inv(normal + ridge)
    variance = np.diag(inverse @ (by_picture @ by_picture.T) @ inverse)
    variance = variance * many / max(many - len(weights), 1)
    kept = np.clip(1 - _SHRINK * variance / np.maximum(weights**2, 1e-12), 0, 1)
    return np.asarray(np.exp(np.clip(terms @ (kept * weights), -3, 3)))


def _cells(
    signal: Numbers, field: Numbers
) -> tuple[Numbers, npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
    """Log brightness of the bins that are cells, where they are, and of which picture."""
    corrected = signal / np.maximum(field, 0.02)
    top = np.quantile(corrected, 0.995, axis=(1, 2), keepdims=True)
    inside = (corrected > _CELL * top) & (signal > 0)
    noise = np.array([noise_level(np.asarray(part, np.float32)) for part in signal])
    enough = np.count_nonzero(inside, axis=(1, 2)) >= _FEWEST_CELLS
    enough &= top[:, 0, 0] > _OUT_OF_NOISE * noise
    inside &= enough[:, None, None]
    if np.count_nonzero(enough) < _FEWEST_WITH_CELLS:
        raise InputError(
            f"only {np.count_nonzero(enough)} of {len(signal)} pictures hold cells enough to tell "
            "the light over the field by",
            remedy="give more pictures, or flat pictures",
        )
    return np.log(signal[inside]), inside, np.nonzero(inside)[0]


def _centred(values: Numbers, picture: npt.NDArray[np.int64]) -> Numbers:
    """Values less the mean of each picture."""
    many = np.bincount(picture)
    total = np.bincount(picture, values)
    return np.asarray(values - (total / np.maximum(many, 1))[picture])


def _tukey(rest: Numbers) -> Numbers:
    spread = 1.4826 * float(np.median(np.abs(rest)))
    if spread <= 0:
        return np.ones_like(rest)
    return np.asarray(np.clip(1 - (rest / (4.685 * spread)) ** 2, 0, None) ** 2)


def _offset(background: Numbers, field: Numbers) -> float:
    """Where the background tends to as the field tends to 0; not below 0, nor above it."""
    rows, columns = (_edges(length) for length in field.shape)
    seen = np.add.reduceat(np.add.reduceat(field, rows[:-1], 0), columns[:-1], 1)
    many = np.outer(np.diff(rows), np.diff(columns))
    light = (seen / many).ravel()
    centred = light - light.mean()
    total = float((centred**2).sum())
    slope = float((centred * background.ravel()).sum()) / total if total > 1e-9 else 0.0
    middle = float(background.mean())
    return float(np.clip(middle - slope * light.mean(), min(0.0, middle), middle))


def _terms(shape: tuple[int, ...], order: int) -> Numbers:
    """Legendre polynomials (rows, columns, n) up to an order, the constant first."""
    y, x = (
        np.polynomial.legendre.legvander((np.arange(length) + 0.5) * 2 / length - 1, order)
        for length in shape
    )
    powers = [(a, b) for total in range(order + 1) for a in range(total + 1) for b in [total - a]]
    return np.stack([np.outer(y[:, a], x[:, b]) for a, b in powers], axis=-1)


def _surface(level: Numbers, order: int, shape: tuple[int, int] | None = None) -> Numbers:
    """Polynomial through the tiles, robustly, on a grid of `shape` (default: of the tiles)."""
    terms = _terms(level.shape, order).reshape(level.size, -1)
    values = level.ravel()
    weight = np.ones_like(values)
    for _ in range(_ROUNDS):
        root = np.sqrt(weight)[:, None]
        found = np.linalg.lstsq(terms * root, values * root[:, 0], rcond=None)[0]
        weight = _tukey(values - terms @ found)
    return np.asarray(_terms(shape or level.shape, order) @ found)
