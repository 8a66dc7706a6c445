"""Cells of usual outline that look odd within it; for tests of what finds them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from cellwright.core.errors import UsageError
from cellwright.core.image import Array

__all__ = ["LOOKS", "Look", "with_odd_looks"]

Values = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Look = Literal["inclusion", "hole", "even", "bright", "ring"]
LOOKS: tuple[Look, ...] = ("inclusion", "hole", "even", "bright", "ring")

_AROUND = 12
"""Pixels around a cell in which its ground is looked for."""
_FEWEST = 25
"""Pixels of ground from which on their median is taken."""
_DARKEST = 0.02
"""Quantile of a picture that stands for the ground of one without any."""
_SPOT = (0.2, 0.3)
"""Radius of inclusions and holes, in radii of the cell."""
_DEEP = 0.45
"""How far from the outline their middle lies, in radii of the cell, where there is room."""
_SOFT = 1.5
"""Width of their edge in pixels: optics blur it."""
_DEPTH = 0.7
"""Share of the light that a hole takes away."""
_GRAIN = 0.7
"""Standard deviation of the Gaussian (px) that tells the camera's grain from texture."""
_RING, _INNER = 1.5, 0.4
"""By what light is multiplied at the outline and inside, before the cell is as bright as it was."""


def with_odd_looks(
    plane: Array,
    labels: npt.NDArray[np.integer],
    looks: Mapping[int, Look],
    random: np.random.Generator,
) -> Array:
    """Change how cells of a picture look, and nothing of their outlines.

    Parameters
    ----------
    plane
        (Y, X) grey values.
    labels
        (Y, X) integers, 0 is background.
    looks
        From the label of each cell that is changed to what becomes of it: a bright ``inclusion``
        or a dark ``hole``, round and smaller than a third of the cell; ``even``, without texture
        but for the camera's grain, with the profile from outline to middle that it had;
        ``bright``, twice as far from its ground; ``ring``, its light moved towards the outline.
    random
        Of where spots lie and how large they are.

    Returns
    -------
    Array
        Another picture, of the same type.

    Raises
    ------
    UsageError
        If there is no such cell.

    Examples
    --------
    >>> plane = np.full((40, 40), 10, np.uint8)
    >>> plane[10:30, 10:30] = 50
    >>> odd = with_odd_looks(plane, plane > 10, {1: "bright"}, np.random.default_rng(0))
    >>> int(odd[20, 20]), int(odd[5, 5])
    (90, 10)
    """
    found = np.array(plane)
    boxes = ndimage.find_objects(np.asarray(labels, np.int64))
    for label, look in looks.items():
        if not 0 < label <= len(boxes) or boxes[label - 1] is None:
            raise UsageError(f"there is no cell {label} in the label image")
        rows, columns = boxes[label - 1]
        window = tuple(
            slice(max(part.start - _AROUND, 0), part.stop + _AROUND) for part in (rows, columns)
        )
        own = np.asarray(labels[window] == label)
        values = found[window].astype(np.float64)
        ground = values[np.asarray(labels[window]) == 0]
        level = np.median(ground) if ground.size >= _FEWEST else np.quantile(plane, _DARKEST)
        changed = level + _changed(values - level, own, look, random)
        if np.issubdtype(plane.dtype, np.integer):
            changed = np.clip(np.rint(changed), 0, np.iinfo(plane.dtype).max)
        found[window] = np.where(own, changed, found[window])
    return found


def _changed(values: Values, own: Mask, look: Look, random: np.random.Generator) -> Values:
    """Grey values over the ground."""
    depth = np.asarray(ndimage.distance_transform_edt(np.pad(own, 1)), np.float64)[1:-1, 1:-1]
    radius = float(np.sqrt(own.sum() / np.pi))
    if look == "bright":
        return 2 * values
    if look == "even":
        return _even(values, own, depth, random)
    if look == "ring":
        factor = np.clip(_RING * (1 - depth / radius), _INNER, None)
        kept = values[own].sum() / ((values * factor)[own].sum() or 1.0)
        return np.asarray(values * factor * kept)
    spot = _spot(own, depth, radius, random)
    if look == "inclusion":
        return np.asarray(values + spot * np.median(values[own]))
    return np.asarray(values * (1 - _DEPTH * spot))


def _spot(own: Mask, depth: Values, radius: float, random: np.random.Generator) -> Values:
    """A disc well inside the cell: 1 within, 0 outside, with a soft edge."""
    rows, columns = np.nonzero(depth >= min(_DEEP * radius, depth.max()))
    middle = random.integers(len(rows))
    y, x = np.indices(own.shape)
    away = np.hypot(y - rows[middle], x - columns[middle])
    size = random.uniform(*_SPOT) * radius
    return np.asarray(np.clip(0.5 + (size - away) / _SOFT, 0, 1))


def _even(values: Values, own: Mask, depth: Values, random: np.random.Generator) -> Values:
    """The mean at each distance from the outline, and grain as strong as there was."""
    share = ndimage.gaussian_filter(own.astype(np.float64), _GRAIN)
    smooth = ndimage.gaussian_filter(values * own, _GRAIN) / np.maximum(share, 1e-9)
    # of white noise so much is left by what the Gaussian does not take away
    spot = np.zeros((15, 15))
    spot[7, 7] = 1
    left = float(np.linalg.norm(spot - ndimage.gaussian_filter(spot, _GRAIN)))
    grain = float(np.std((values - smooth)[own])) / left
    ring = np.rint(depth).astype(np.int64)
    count = np.maximum(np.bincount(ring[own]), 1)
    profile = (np.bincount(ring[own], values[own]) / count)[ring * own]
    return np.asarray(profile + random.normal(0, grain, values.shape))
