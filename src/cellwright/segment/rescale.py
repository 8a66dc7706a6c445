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
from cellwright.segment.network_input import SAMPLES, Normalisation

__all__ = ["Coarse", "ScaledPlane", "enlarged_labels", "scaled_shape"]

_TOGETHER = 2**22
"""Pixels of the picture that are read together where it is made smaller: 16 MB of float32."""


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
        The network's pixels for one of the picture's; or the rows and columns into which the
        picture is squeezed.
    """

    def __init__(
        self,
        plane: PlaneSource,
        normalisation: Normalisation,
        scale: float | tuple[int, int],
    ) -> None:
        self._plane = plane
        self._normalisation = normalisation
        self.shape = scale if isinstance(scale, tuple) else scaled_shape(plane.shape, scale)

    def read(self, window: Window) -> Array:
        """(Y, X) or (Y, X, S) float32, of at most three samples."""
        rows, columns = self._plane.shape[:2]
        if self.shape == (rows, columns):
            return self._read(window)
        down = _taps(window.top, window.bottom, self.shape[0], rows)
        right = _taps(window.left, window.right, self.shape[1], columns)
        together = max(1, int(_TOGETHER / (right.high - right.low) * self.shape[0] / rows))
        bands = [
            self._band(down.part(start, start + together), right)
            for start in range(0, window.shape[0], together)
        ]
        return bands[0] if len(bands) == 1 else np.concatenate(bands)

    def _band(self, down: _Taps, right: _Taps) -> Array:
        part = self._read(Window(down.low, right.low, down.high, right.high))
        return _combined(_combined(part, down, 0), right, 1)

    def _read(self, window: Window) -> Array:
        pixels = self._plane.read(window.top, window.left, window.bottom, window.right)
        return self._normalisation(pixels[..., :SAMPLES] if pixels.ndim > 2 else pixels)


@dataclass(frozen=True, eq=False)
class _Taps:
    """Which pixels along an axis make each of the new ones, and with what weight: (n, taps)."""

    places: Array
    weights: Array

    @property
    def low(self) -> int:
        return int(self.places.min())

    @property
    def high(self) -> int:
        return int(self.places.max()) + 1

    def part(self, start: int, stop: int) -> _Taps:
        return _Taps(self.places[start:stop], self.weights[start:stop])


def _taps(start: int, stop: int, length: int, source: int) -> _Taps:
    """Weights of a triangle as wide as a pixel of the coarser of the two planes."""
    ratio = source / length
    width = max(1.0, ratio)
    centre = (np.arange(start, stop) + 0.5) * ratio - 0.5
    first = np.floor(centre - width).astype(np.int64) + 1
    places = first[:, None] + np.arange(2 * math.ceil(width))
    weights = np.maximum(0, 1 - np.abs(places - centre[:, None]) / width)
    weights /= weights.sum(axis=1, keepdims=True)
    return _Taps(np.clip(places, 0, source - 1), weights.astype(np.float32))


def _combined(part: Array, taps: _Taps, axis: int) -> Array:
    """Weighted sums along an axis of a part that begins at the first pixel they need."""
    shape = [1] * part.ndim
    shape[axis] = -1
    places = taps.places - taps.low
    total = np.take(part, places[:, 0], axis)
    total *= taps.weights[:, 0].reshape(shape)
    more = np.empty_like(total)
    for tap in range(1, places.shape[1]):
        np.take(part, places[:, tap], axis, out=more, mode="clip")  # "raise" would copy first
        more *= taps.weights[:, tap].reshape(shape)
        total += more
    return total


@dataclass(frozen=True, eq=False)
class Coarse:
    """A part of a plane of labels at another scale.

    Attributes
    ----------
    labels, height
        (Y, X) of the part; a label lies only where the height is above 0.
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
    down = _pair((window.top, window.bottom), shape[0], coarse.shape[0], coarse.part.top)
    right = _pair((window.left, window.right), shape[1], coarse.shape[1], coarse.part.left)
    found, clear = _clear(coarse.labels, down, right)
    row, column = np.divmod(np.flatnonzero(~clear), window.shape[1])
    found[row, column] = _strongest(coarse, down.part(row), right.part(column))
    return found


@dataclass(frozen=True, eq=False)
class _Pair:
    """Along an axis the two coarse pixels around each of the picture's, with their shares."""

    before: Array
    after: Array
    share_before: Array
    share_after: Array

    @property
    def both(self) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        return (self.before, self.share_before), (self.after, self.share_after)

    def part(self, index: Array) -> _Pair:
        return _Pair(
            self.before[index],
            self.after[index],
            self.share_before[index],
            self.share_after[index],
        )


def _pair(span: tuple[int, int], length: int, coarse: int, origin: int) -> _Pair:
    centre = (np.arange(*span) + 0.5) * (coarse / length) - 0.5
    first = np.floor(centre).astype(np.int64)
    share = centre - first
    before, after = (np.clip(place, 0, coarse - 1) - origin for place in (first, first + 1))
    return _Pair(before, after, 1 - share, share)


def _clear(labels: Array, down: _Pair, right: _Pair) -> tuple[Array, Array]:
    """One of the four labels around each pixel, and whether they are all the same."""
    upper = labels[down.before]
    same = upper == labels[down.after]
    both = same.copy()  # this column and the next
    both[:, :-1] &= same[:, 1:]
    both[:, :-1] &= upper[:, 1:] == upper[:, :-1]
    return np.take(upper, right.before, 1), np.take(both, right.before, 1)


def _strongest(coarse: Coarse, down: _Pair, right: _Pair) -> Array:
    """Label with most weight around each of some pixels; 0 where the height is not above 0."""
    corners = [
        (
            coarse.labels[row, column],
            coarse.height[row, column],
            (row_share * column_share).astype(np.float32),
        )
        for row, row_share in down.both
        for column, column_share in right.both
    ]
    level = np.zeros(down.before.size, np.float32)
    for _, height, weight in corners:
        level += weight * height
    best = np.zeros(level.size, coarse.labels.dtype)
    most = np.zeros(level.size, np.float32)
    for label, _, _ in corners:
        votes = np.zeros(level.size, np.float32)
        for other, _, weight in corners:
            votes += np.where(other == label, weight, 0)
        better = (label > 0) & (votes > most)
        best = np.where(better, label, best)
        most = np.where(better, votes, most)
    found: Array = np.where(level > 0, best, 0)
    return found
