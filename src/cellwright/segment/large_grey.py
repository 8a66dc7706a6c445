"""The grey picture of a plane that is read block by block; see `grey`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cellwright.core.image import Array
from cellwright.core.method import PlaneSource
from cellwright.segment.blocks import Grid, Window
from cellwright.segment.grey import SAMPLES, Scale, as_numbers, without_lone_pixels
from cellwright.segment.histogram import Tally, otsu_of

__all__ = ["GreyReader", "grey_reader"]


class GreyReader:
    """Reads windows of a plane as `grey.grey_of` would make them of the whole.

    Attributes
    ----------
    scale
        Of the plane.
    """

    def __init__(self, source: PlaneSource, sample: int, scale: Scale) -> None:
        self._source = source
        self._sample = sample
        self.scale = scale

    def read(self, window: Window) -> Array:
        """(Y, X) float32 of a window."""
        return self.scale.of(_clean(self._source, window)[self._sample])


def grey_reader(source: PlaneSource, grid: Grid, each: Callable[[int], None]) -> GreyReader:
    """Survey a plane for its scale, and of a colour picture for the best sample.

    Parameters
    ----------
    source
        The plane; (Y, X) or (Y, X, S).
    grid
        Of the plane.
    each
        Called with the number of each core when it is done.
    """
    spans: list[list[tuple[float, float]]] = []
    for index, core in enumerate(grid):
        spans.append([(float(part.min()), float(part.max())) for part in _clean(source, core)])
        each(index)
    lows = [min(low for low, _ in sample) for sample in zip(*spans, strict=True)]
    highs = [max(high for _, high in sample) for sample in zip(*spans, strict=True)]
    names = SAMPLES if len(lows) > 1 else ("intensity",)
    scales = [Scale(*three) for three in zip(lows, highs, names, strict=True)]
    if len(scales) == 1:
        return GreyReader(source, 0, scales[0])
    # Of a sample that is not constant, the values go from 0 to 1.
    tallies = [Tally(0.0, 0.0 if scale.is_constant else 1.0) for scale in scales]
    equal = True
    for index, core in enumerate(grid):
        parts = _clean(source, core)
        planes = [scale.of(part) for scale, part in zip(scales, parts, strict=True)]
        equal = equal and all(np.array_equal(planes[0], other) for other in planes[1:])
        for tally, plane in zip(tallies, planes, strict=True):
            tally.add(plane)
        each(index)
    if equal:
        return GreyReader(source, 0, Scale(lows[0], highs[0], "intensity"))
    best = int(np.argmax([otsu_of(tally.histogram())[1] for tally in tallies]))
    return GreyReader(source, best, scales[best])


def _clean(source: PlaneSource, window: Window) -> list[Array]:
    """Each sample that may be taken, without lone pixels."""
    shape = source.shape
    around = window.grown(shape, 1)
    pixels = as_numbers(source.read(around.top, around.left, around.bottom, around.right))
    if pixels.ndim == 2:
        samples = [pixels]
    else:
        count = len(SAMPLES) if shape[2] >= len(SAMPLES) else 1
        samples = [pixels[..., i] for i in range(count)]
    return [without_lone_pixels(sample)[window.within(around)] for sample in samples]
