"""The stages of the method ``network`` on a plane, in memory or on disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cellwright.core.errors import UsageError
from cellwright.core.image import Array
from cellwright.core.method import LabelSink, PlaneSource, Progress
from cellwright.engine.onnx import Network
from cellwright.engine.threads import threads
from cellwright.models.model import Model, model_named
from cellwright.segment.blocks import Grid, Scratch, Window
from cellwright.segment.decoders.votes import VotesOptions
from cellwright.segment.network_confidence import confidence_of
from cellwright.segment.network_input import Normalisation, sampled, unit_range
from cellwright.segment.network_maps import Answer, Quantised, fill_maps, flipped
from cellwright.segment.network_objects import TRAITS, find_objects
from cellwright.segment.network_size import Size, find_size
from cellwright.segment.numbering import first_places, numbers_by_place
from cellwright.segment.rescale import Coarse, ScaledPlane, enlarged_labels

if TYPE_CHECKING:
    import pandas as pd

    from cellwright.segment.network import NetworkOptions

__all__ = ["InMemory", "segment_plane"]

KEPT = ("foreground", "row_offset", "column_offset", "size", "overlap")
"""Channels that are kept of the network's answer."""

SIDE = 2048
"""Side of the picture's blocks in which labels are brought to its own pixels."""

OVERLAPPING = 0.1
"""Share of an object's pixels from which it is said to lie over or under another one."""

MOST_PIXELS = 2**33
"""Pixels of the plane as the network sees it, at the most."""


@dataclass(frozen=True, eq=False)
class InMemory:
    """A plane in memory as a `PlaneSource`."""

    pixels: Array

    @property
    def shape(self) -> tuple[int, ...]:
        """(Y, X) or (Y, X, S)."""
        return tuple(self.pixels.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels."""
        return self.pixels.dtype

    def read(self, top: int, left: int, bottom: int, right: int) -> Array:
        """Rows `top` to `bottom`, columns `left` to `right`, ends excluded."""
        return self.pixels[top:bottom, left:right]


def segment_plane(
    plane: PlaneSource,
    options: NetworkOptions,
    sink: LabelSink,
    scratch: Path | None,
    progress: Progress | None,
) -> Mapping[str, float | str]:
    """Find the objects of a plane.

    Parameters
    ----------
    plane
        (Y, X), or (Y, X, S) in colour.
    options
        Of the method.
    sink
        Takes the labels.
    scratch
        Folder for what lies between; None keeps it in memory.
    progress
        Hears of every block.
    """
    model = model_named(options.model)
    description = model.description
    answer = _answer(model, options)
    normalisation = _normalisation(plane, model)
    size = Size(options.diameter, 0)
    if options.diameter is None:
        size = find_size(
            plane, normalisation, answer, description.channels,
            target=description.diameter, multiple=description.multiple,
        )  # fmt: skip
    scale = _scale(size.diameter, model)
    scaled = ScaledPlane(plane, normalisation, scale)
    if scaled.shape[0] * scaled.shape[1] > MOST_PIXELS:
        raise UsageError(
            f"objects of {size.diameter:.1f} px in so large a picture are beyond this method",
            remedy="give a larger --diameter, or cut the picture into parts",
        )
    make = _planes(scratch)
    maps = Quantised(KEPT, make((len(KEPT), *scaled.shape), np.int8))
    fill_maps(
        scaled, answer, maps, every=description.channels, unit=UNIT,
        tile=description.tile, halo=description.halo, multiple=description.multiple,
        told=_told(progress, "network"),
    )  # fmt: skip
    decoding = VotesOptions(**description.decoder.options)
    if options.foreground is not None:
        decoding = decoding.model_copy(update={"foreground": options.foreground})
    coarse = make(scaled.shape, np.uint32)
    objects = find_objects(maps, coarse, decoding, _told(progress, "objects"))
    confidence = confidence_of(objects.traits, description.calibration)
    keep = confidence >= options.confidence
    keep[0] = False
    enlarged = _Enlarged(coarse, maps, decoding.foreground, plane.shape)
    areas, first = enlarged.survey(objects.count)
    keep &= areas >= max(1, options.min_area or 0)
    numbers = numbers_by_place(first, keep)
    for window in enlarged.grid:
        sink.write(window.top, window.left, numbers[enlarged.read(window)])
    sink.describe(_table(numbers, keep, confidence, objects.traits))
    return {
        "model": f"{description.name} {description.version}",
        "model_sha256": model.digest,
        "diameter_px": round(size.diameter, 2) if size.diameter else "none seen",
        "scale": round(scale, 4),
        "looks_for_size": float(size.looks),
    }


UNIT = 10.0
"""Pixels that are 1 in the channels that tell lengths."""


def _answer(model: Model, options: NetworkOptions) -> Answer:
    network = _network(model, options.device)
    if not options.flips:
        return network.run
    return flipped(network.run, model.description.channels)


def _network(model: Model, device: str) -> Network:
    key = (model.digest, device, threads())
    if key not in _OPENED:
        _OPENED.clear()  # one session at a time: each holds the weights and its buffers
        _OPENED[key] = Network(model.weights, device, threads())
    return _OPENED[key]


_OPENED: dict[tuple[str, str, int], Network] = {}


def _normalisation(plane: PlaneSource, model: Model) -> Normalisation:
    wanted = model.description.normalisation
    return unit_range(sampled(plane), wanted.low, wanted.high, wanted.clip)


def _scale(diameter: float | None, model: Model) -> float:
    """The network's pixels for one of the picture's."""
    if diameter is None:
        return 1.0
    return model.description.diameter / diameter


def _planes(scratch: Path | None) -> Callable[[tuple[int, ...], Any], Array]:
    if scratch is None:
        return np.zeros
    return Scratch(scratch).plane


def _told(progress: Progress | None, stage: str) -> Callable[[int, int], None] | None:
    if progress is None:
        return None
    return lambda done, total: progress(stage, done, total)


class _Enlarged:
    """Labels at the picture's own pixels, block by block, made anew whenever they are read."""

    def __init__(
        self, coarse: Array, maps: Quantised, foreground: float, shape: tuple[int, ...]
    ) -> None:
        self._coarse = coarse
        self._maps = maps
        self._level = np.float32(np.log(foreground / (1 - foreground)))
        self._shape = shape
        self._same = coarse.shape == tuple(shape[:2])
        self.grid = Grid((shape[0], shape[1]), SIDE)

    def read(self, window: Window) -> Array:
        """(Y, X) uint32 of a window."""
        if self._same:
            return np.asarray(self._coarse[window.slices])
        part = self._under(window)
        height = self._maps.one("foreground", part) - self._level
        whole = (self._coarse.shape[0], self._coarse.shape[1])
        coarse = Coarse(np.asarray(self._coarse[part.slices]), height, part, whole)
        return enlarged_labels(coarse, window, self._shape)

    def survey(self, count: int) -> tuple[Array, Array]:
        """Area of each label in the picture, and the place of its first pixel by rows."""
        pixels = self._shape[0] * self._shape[1]
        areas = np.zeros(count + 1, np.int64)
        first = np.full(count + 1, pixels, np.int64)
        for window in self.grid:
            labels = self.read(window)
            areas += np.bincount(labels.ravel(), minlength=count + 1)
            here = first_places(labels)
            row, column = np.divmod(here, labels.shape[1])
            place = (row + window.top) * self._shape[1] + column + window.left
            seen = here < labels.size
            first[: here.size][seen] = np.minimum(first[: here.size][seen], place[seen])
        return areas, first

    def _under(self, window: Window) -> Window:
        """The coarse pixels that a window of the picture needs."""
        rows = self._coarse.shape[0] / self._shape[0]
        columns = self._coarse.shape[1] / self._shape[1]
        return Window(
            max(0, int(window.top * rows) - 2),
            max(0, int(window.left * columns) - 2),
            min(self._coarse.shape[0], int(window.bottom * rows) + 3),
            min(self._coarse.shape[1], int(window.right * columns) + 3),
        )


def _table(numbers: Array, keep: Array, confidence: Array, traits: Array) -> pd.DataFrame:
    """One row an object, in the order of the labels."""
    import pandas as pd

    chosen = np.flatnonzero(keep)
    chosen = chosen[np.argsort(numbers[chosen], kind="stable")]
    overlap = traits[chosen, TRAITS.index("overlap")] > OVERLAPPING
    return pd.DataFrame(
        {
            "frame": np.zeros(chosen.size, np.int64),
            "label": numbers[chosen].astype(np.int64),
            "confidence": confidence[chosen],
            "overlapping": overlap,
        }
    )
