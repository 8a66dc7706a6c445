"""How large the objects of a picture are, before it is known where each of them ends."""

from __future__ import annotations

import edt
import numpy as np

from cellwright.core.image import Array
from cellwright.segment.peaks import peaks

__all__ = [
    "distance_inside",
    "from_squared",
    "squared_distance",
    "typical_diameter",
    "weighted_median",
]


def distance_inside(mask: Array) -> Array:
    """Distance from each pixel of a mask to the edge; the picture's frame is no edge.

    The edge runs between pixels: half a pixel closer than the nearest pixel outside.

    Parameters
    ----------
    mask
        (Y, X) bool.

    Returns
    -------
    Array
        (Y, X) float32, in pixels, 0 outside; finite even where the mask covers everything.

    Examples
    --------
    >>> distance_inside(np.array([[True, True, True, False]]))
    array([[2.5, 1.5, 0.5, 0. ]], dtype=float32)
    """
    if mask.all():
        return np.full(mask.shape, max(mask.shape), np.float32)
    return from_squared(squared_distance(mask))


def squared_distance(mask: Array) -> Array:
    """Squared distance to the middle of the nearest pixel outside, of which there is one."""
    squared: Array = edt.edtsq(np.ascontiguousarray(mask, np.uint8), black_border=False, parallel=1)
    return squared


def from_squared(squared: Array) -> Array:
    """Distance to the edge, from the squared distance to the nearest pixel outside."""
    distance: Array = np.maximum(np.sqrt(squared, dtype=np.float32) - np.float32(0.5), 0)
    return distance


def weighted_median(values: Array, weights: Array) -> float:
    """The value at which half of the weight is reached.

    Examples
    --------
    >>> weighted_median(np.array([1.0, 2.0, 10.0]), np.array([1.0, 1.0, 5.0]))
    10.0
    """
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order], dtype=np.float64)
    return float(values[order][np.searchsorted(reached, reached[-1] / 2)])


def typical_diameter(distance: Array) -> float:
    """Diameter of the discs that fit into the objects of a picture, touching or not.

    The peaks of the distance transform are the centres of the largest discs that fit in; a
    clump of ten has ten. Each counts with its disc's width, so that debris, ragged edges and
    the bumps of an outline have little say, and one large patch of haze has not all of it.

    Parameters
    ----------
    distance
        (Y, X), of `distance_inside`, with at least one pixel above 0.

    Returns
    -------
    float
        In pixels.

    Examples
    --------
    >>> mask = np.zeros((9, 20), bool)
    >>> mask[2:7, 2:7] = mask[2:7, 9:14] = True
    >>> typical_diameter(distance_inside(mask))
    5.0
    """
    radii = distance[peaks(distance, distance > 0)]
    return 2 * weighted_median(radii, radii)
