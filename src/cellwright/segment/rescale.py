"""A plane at another scale, window by window, and labels brought back.

Pixel centres are at half-integers of a common frame: pixel i of a plane that is `scale` times as
large lies at (i + 0.5) / scale - 0.5 of the first. Every value depends on the plane and its own
place alone, so that windows of any size agree to the last bit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from cellwright.core.image import Array
from cellwright.core.method import PlaneSource
from cellwright.segment.blocks import Window
from cellwright.segment.network_input import Normalisation

__all__ = ["Coarse", "ScaledPlane", "enlarged_labels", "scaled_shape"]


def scaled_shape(shape: tuple[int, ...], scale: float) -> tuple[int, int]:
    """Rows and columns of a plane at another scale, 1 or more."""
    return max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))


class ScaledPlane:
    """A normalised plane at another scale: bilinear where larger, averaged where smaller.

    Parameters
    ----------
    plane
        The picture.
    normalisation
        Of the whole picture.
    scale
        The network's pixels for one of the picture's.
    """

    def __init__(self, plane: PlaneSource, normalisation: Normalisation, scale: float) -> None:
        self._plane = plane
        self._normalisation = normalisation
        self._scale = scale
        self.shape = scaled_shape(plane.shape, scale)

    def read(self, window: Window) -> Array:
        """(Y, X) or (Y, X, S) float32."""
        if self._scale == 1:
            return self._read(window.top, window.left, window.bottom, window.right)
        rows, columns = self._plane.shape[:2]
        down = _weights(window.top, window.bottom, self.shape[0], rows)
        right = _weights(window.left, window.right, self.shape[1], columns)
        part = self._read(down[0], right[0], down[1], right[1])
        across = _combined(np.moveaxis(part, 1, 0), right)
        return np.ascontiguousarray(_combined(np.moveaxis(across, 1, 0), down))

    def _read(self, top: int, left: int, bottom: int, right: int) -> Array:
        return self._normalisation(self._plane.read(top, left, bottom, right))


_Taps = tuple[int, int, Array, Array]
"""First and last pixel (excluded) that are needed; from there (n, taps) places, and weights."""


def _weights(start: int, stop: int, length: int, source: int) -> _Taps:
    """Weights of a triangle as wide as a pixel of the coarser of the two planes."""
    ratio = source / length
    width = max(1.0, ratio)
    centre = (np.arange(start, stop) + 0.5) * ratio - 0.5
    taps = 2 * math.ceil(width)
    first = np.floor(centre - width).astype(np.int64) + 1
    places = first[:, None] + np.arange(taps)
    weights = np.maximum(0, 1 - np.abs(places - centre[:, None]) / width)
    weights /= weights.sum(axis=1, keepdims=True)
    places = np.clip(places, 0, source - 1)
    low, high = int(places.min()), int(places.max()) + 1
    return low, high, places - low, weights.astype(np.float32)


def _combined(part: Array, taps: _Taps) -> Array:
    """Weighted sums of rows."""
    _, _, places, weights = taps
    shape = (-1,) + (1,) * (part.ndim - 1)
    total = part[places[:, 0]] * weights[:, 0].reshape(shape)
    for tap in range(1, places.shape[1]):
        total += part[places[:, tap]] * weights[:, tap].reshape(shape)
    found: Array = total
    return found


@dataclass(frozen=True, eq=False)
class Coarse:
    """A part of a plane of labels at another scale.

    Attributes
    ----------
    labels, height
        (Y, X) of the part; objects lie where the height is above 0.
    part
        Where it lies in the whole plane.
    shape
        Rows and columns of the whole plane.
    """

    labels: Array
    height: Array
    part: Window
    shape: tuple[int, int]


def enlarged_labels(coarse: Coarse, window: Window, shape: tuple[int, ...]) -> Array:
    """Labels of another scale at the picture's own pixels.

    Outlines follow the zero of the height between the coarse pixels; where objects touch, a
    pixel goes to the label that has most weight among the four around it.

    Parameters
    ----------
    coarse
        What there is, with all that the window needs.
    window
        Of the picture.
    shape
        Rows and columns of the picture.

    Returns
    -------
    Array
        (Y, X) of the window, the type of the labels.

    Examples
    --------
    >>> labels = np.array([[1, 2]])
    >>> coarse = Coarse(labels, np.ones((1, 2)), Window(0, 0, 1, 2), (1, 2))
    >>> enlarged_labels(coarse, Window(0, 0, 2, 4), (2, 4))
    array([[1, 1, 2, 2],
           [1, 1, 2, 2]])
    """
    part = coarse.part
    down = _neighbours((window.top, window.bottom), shape[0], coarse.shape[0], part.top)
    right = _neighbours((window.left, window.right), shape[1], coarse.shape[1], part.left)
    corners = [
        (
            coarse.labels[rows[:, None], columns],
            coarse.height[rows[:, None], columns],
            (down_share[:, None] * right_share).astype(np.float32),
        )
        for rows, down_share in down
        for columns, right_share in right
    ]
    level = np.zeros(window.shape, np.float32)
    for _, height, weight in corners:
        level += weight * height
    best = np.zeros(window.shape, coarse.labels.dtype)
    most = np.zeros(window.shape, np.float32)
    for label, _, _ in corners:
        votes = np.zeros(window.shape, np.float32)
        for other, _, weight in corners:
            votes += np.where(other == label, weight, 0)
        better = (label > 0) & (votes > most)
        best = np.where(better, label, best)
        most = np.where(better, votes, most)
    found: Array = np.where(level > 0, best, 0)
    return found


def _neighbours(
    span: tuple[int, int], length: int, coarse: int, origin: int
) -> list[tuple[Array, Array]]:
    """Along one axis the two coarse pixels around each of the picture's, with their shares."""
    centre = (np.arange(*span) + 0.5) * (coarse / length) - 0.5
    first = np.floor(centre).astype(np.int64)
    share = centre - first
    before, after = (np.clip(place, 0, coarse - 1) - origin for place in (first, first + 1))
    return [(before, 1 - share), (after, share)]
