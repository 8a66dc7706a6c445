"""The stages of the method ``network`` on a plane, in memory or on disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cellwright.core.image import Array
from cellwright.core.method import LabelSink, PlaneSource, Progress
from cellwright.engine.onnx import Network
from cellwright.engine.threads import threads
from cellwright.models.model import Model
from cellwright.segment.blocks import Grid, Scratch, Window
from cellwright.segment.borders import BorderPolarity
from cellwright.segment.decoder import TRAITS, MapDecoder, MapOptions, decoder_of
from cellwright.segment.network_classes import class_columns, class_logits
from cellwright.segment.network_confidence import confidence_of, least_confidence
from cellwright.segment.network_familiarity import Familiarity, unlike
from cellwright.segment.network_input import SAMPLES
from cellwright.segment.network_mapping import map_plane
from cellwright.segment.network_maps import Answer, Quantised, flipped
from cellwright.segment.network_model import decoding_of, usable_model
from cellwright.segment.network_size import Size
from cellwright.segment.numbering import first_places, numbers_by_place
from cellwright.segment.outlines import HALO, diameters_of, on_borders
from cellwright.segment.rescale import Coarse, enlarged_labels

if TYPE_CHECKING:
    import pandas as pd

    from cellwright.segment.network import NetworkOptions

__all__ = ["Seen", "look", "segment_plane"]

SIDE = 2048
"""Side of the picture's blocks in which labels are brought to its own pixels."""

MOVED_SIDE = 1024
"""Likewise, in which outlines are moved: with what is around it about five times as much memory."""

OVERLAPPING = 0.1
"""Share of an object's pixels from which it is said to lie over or under another one."""


@dataclass(frozen=True, eq=False)
class Seen:
    """All that was found in a plane, before anything is left out.

    Attributes
    ----------
    model
        Which network it was.
    labels
        (Y, X) uint32 of the picture's own pixels, numbered as `traits`; some may have no pixel.
    traits
        (count + 1, len(`TRAITS`)) of each object.
    classes
        (count + 1, classes) mean logits of each object; no columns if the model tells no classes.
    areas, first
        (count + 1,) pixels of each label, and the place of its first one by rows.
    familiarity
        How like the model's training pictures the plane is; None if the model does not tell.
    size, scale
        Of the objects, and the network's pixels for one of the picture's.
    """

    model: Model
    labels: Array
    traits: Array
    classes: Array
    areas: Array
    first: Array
    familiarity: Familiarity | None
    size: Size
    scale: float


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

    Returns
    -------
    Mapping
        What was decided on the way.
    """
    seen = look(plane, options, scratch=scratch, progress=progress)
    description = seen.model.description
    confidence = confidence_of(seen.traits, description.calibration)
    least = options.confidence
    keep = confidence >= (least_confidence(description.calibration) if least is None else least)
    keep[0] = False
    keep &= seen.areas >= max(1, options.min_area or 0)
    numbers = numbers_by_place(seen.first, keep)
    if options.borders == "ignored":
        for window in Grid((plane.shape[0], plane.shape[1]), SIDE):
            sink.write(window.top, window.left, numbers[seen.labels[window.slices]])
    else:
        _write_on_borders(plane, seen, numbers, options.borders, sink)
    sink.describe(_table(seen, numbers, keep, confidence))
    size = seen.size.diameter
    return {
        "model": f"{description.name} {description.version}",
        "model_sha256": seen.model.digest,
        "diameter_px": round(size, 2) if size else "none seen",
        "scale": round(seen.scale, 4),
        "looks_for_size": float(seen.size.looks),
        **_familiar(seen.familiarity, description.name),
    }


def _write_on_borders(
    plane: PlaneSource, seen: Seen, numbers: Array, polarity: BorderPolarity, sink: LabelSink
) -> None:
    """Write labels whose outlines lie on borders, window by window."""
    areas = np.zeros(int(numbers.max()) + 1)
    areas[numbers] = seen.areas
    diameters = diameters_of(areas)
    halo = int(np.ceil(HALO * diameters[0]))
    shape = (plane.shape[0], plane.shape[1])
    for core in Grid(shape, MOVED_SIDE):
        window = core.grown(shape, halo)
        labels = numbers[seen.labels[window.slices]]
        pixels = plane.read(window.top, window.left, window.bottom, window.right)
        grey = pixels[..., :SAMPLES].mean(axis=2) if pixels.ndim > 2 else pixels
        moved = on_borders(labels, np.asarray(grey, np.float32), polarity, diameters)
        sink.write(core.top, core.left, moved[core.within(window)])


def _familiar(found: Familiarity | None, model: str) -> dict[str, float | str]:
    if found is None:
        return {}
    told: dict[str, float | str] = {"unlike": round(found.score, 3), "unlike_reason": found.reason}
    if found.unlike:
        told["unlike_warning"] = (
            f"this picture is unlike those that the model {model} knows: {found.reason} "
            "(look at the outlines before you use its numbers)"  # "; " would part two warnings
        )
    return told


def look(
    plane: PlaneSource,
    options: NetworkOptions,
    *,
    model: Model | None = None,
    answer: Answer | None = None,
    scratch: Path | None = None,
    progress: Progress | None = None,
) -> Seen:
    """Find everything in a plane.

    Parameters
    ----------
    plane, options, scratch, progress
        As of `segment_plane`.
    model, answer
        The network, what it is and how it is asked, if it is not that which the options name:
        one that is still in training has no file.
    """
    if model is None:
        model = usable_model(options.model)
    if answer is None:
        answer = _network(model, options.device).run
    description = model.description
    decoder, decoding = decoder_of(description), decoding_of(description)
    if options.foreground is not None:
        decoding = decoding.model_copy(update={"foreground": options.foreground})
    if options.flips:
        answer = flipped(answer, description.channels)
    make = _planes(scratch)
    mapped = map_plane(
        plane, model, answer, options.diameter, make=make, told=_told(progress, "network")
    )
    coarse = make(mapped.plane.shape, np.uint32)
    objects = decoder.find(mapped.maps, coarse, decoding, _told(progress, "objects"))
    familiarity = None
    if description.fingerprint:
        familiarity = unlike(
            mapped.traits(objects.count), description.fingerprint, description.name
        )
    finer = _Finer(coarse, mapped.maps, decoder, decoding)
    labels, areas, first = _at_own_pixels(finer, plane.shape, count=objects.count, make=make)
    classes = class_logits(mapped.maps, coarse, objects.count)
    return Seen(
        model, labels, objects.traits, classes, areas, first, familiarity, mapped.size, mapped.scale
    )


def _network(model: Model, device: str) -> Network:
    key = (model.digest, device, threads())
    network = _OPENED.get(key)
    if network is None:
        _OPENED.clear()  # one session at a time: each holds the weights and its buffers
        network = _OPENED[key] = Network(model.weights, device, threads())
    return network


_OPENED: dict[tuple[str, str, int], Network] = {}


def _planes(scratch: Path | None) -> Callable[[tuple[int, ...], Any], Array]:
    if scratch is None:
        return np.zeros
    return Scratch(scratch).plane


def _told(progress: Progress | None, stage: str) -> Callable[[int, int], None] | None:
    if progress is None:
        return None
    return lambda done, total: progress(stage, done, total)


@dataclass(frozen=True, eq=False)
class _Finer:
    """Labels at the network's scale, and what brings them to the picture's."""

    coarse: Array
    maps: Quantised
    decoder: MapDecoder
    decoding: MapOptions

    def __call__(self, window: Window, shape: tuple[int, ...]) -> Array:
        """(Y, X) labels of a window of the picture."""
        whole = (self.coarse.shape[0], self.coarse.shape[1])
        rows, columns = (there / here for there, here in zip(whole, shape, strict=False))
        part = Window(  # all that the window needs: up to two pixels more on each side
            max(0, int(window.top * rows) - 2),
            max(0, int(window.left * columns) - 2),
            min(whole[0], int(window.bottom * rows) + 3),
            min(whole[1], int(window.right * columns) + 3),
        )
        height = self.decoder.height(self.maps, part, self.decoding)
        labels = np.asarray(self.coarse[part.slices])
        return enlarged_labels(Coarse(labels, height, part, whole), window, shape)


def _at_own_pixels(
    finer: _Finer,
    shape: tuple[int, ...],
    *,
    count: int,
    make: Callable[[tuple[int, ...], Any], Array],
) -> tuple[Array, Array, Array]:
    """Labels in the picture, the area of each, and the place of its first pixel by rows."""
    rows, columns = shape[:2]
    same = finer.coarse.shape == (rows, columns)
    labels = finer.coarse if same else make((rows, columns), np.uint32)
    areas = np.zeros(count + 1, np.int64)
    first = np.full(count + 1, rows * columns, np.int64)
    for window in Grid((rows, columns), SIDE):
        here = labels[window.slices]
        if not same:
            here[...] = finer(window, shape)
        areas += np.bincount(here.ravel(), minlength=count + 1)
        places = first_places(here)
        row, column = np.divmod(places, here.shape[1])
        seen = places < here.size
        place = (row + window.top) * columns + column + window.left
        first[: places.size][seen] = np.minimum(first[: places.size][seen], place[seen])
    return labels, areas, first


def _table(seen: Seen, numbers: Array, keep: Array, confidence: Array) -> pd.DataFrame:
    """One row an object, in the order of the labels."""
    import pandas as pd

    chosen = np.flatnonzero(keep)
    chosen = chosen[np.argsort(numbers[chosen], kind="stable")]
    overlap = seen.traits[chosen, TRAITS.index("overlap")] > OVERLAPPING
    columns = {
        "frame": np.zeros(chosen.size, np.int64),
        "label": numbers[chosen].astype(np.int64),
        "confidence": confidence[chosen],
        "overlapping": overlap,
    }
    return pd.DataFrame({**columns, **class_columns(seen.classes[chosen], seen.model.description)})
