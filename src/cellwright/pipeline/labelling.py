"""Labels of one plane set: found by the method, or given by a person."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from cellwright.core.errors import InputError, UsageError
from cellwright.core.image import Array, Image, Source
from cellwright.core.labels import Labels, Objects
from cellwright.core.method import ModelMethod
from cellwright.engine.journal import Step
from cellwright.engine.keys import array_hash
from cellwright.engine.run_folder import scratch_folder, step_file, write_step_file
from cellwright.io.label_image import decode_labels, encode_labels
from cellwright.pipeline.choice import COLOUR
from cellwright.pipeline.corrections import count_edited
from cellwright.pipeline.described import OBJECTS, classes_in
from cellwright.pipeline.filtering import NUCLEUS, filtered, nuclei_of
from cellwright.pipeline.hidden import covered, hidden_pixels
from cellwright.pipeline.packing import packed
from cellwright.pipeline.planes import Planes
from cellwright.pipeline.unit import (
    Given,
    Unit,
    cell_options_of,
    given_key,
    method_of,
    options_of,
    segment_key,
)
from cellwright.segment.cells_around import cells_around
from cellwright.segment.numbering import renumber

__all__ = ["Labelled", "encoded", "find_labels", "labels_again", "take_given"]

GIVEN_KIND = "cell"
"""Kind of the objects whose labels somebody gave without saying what they are."""


@dataclass(frozen=True, eq=False)
class Labelled:
    """A step that gave labels, and the label image of each kind of object."""

    step: Step
    labels: Mapping[str, Array]

    @property
    def main(self) -> Array:
        """Labels of the main kind."""
        return self.labels[self.step.facts["main"]]


def labels_again(unit: Unit, name: str) -> Labelled | None:
    """Read the labels of a finished step, if there is one."""
    step = unit.known.get(name)
    if step is None:
        return None
    return Labelled(
        step,
        {
            kind: decode_labels(step_file(Path(unit.steps), step.key, f"{kind}.tif")).pixels()
            for kind in step.facts["objects"]
        },
    )


def find_labels(unit: Unit, planes: Planes, read: Step) -> Labelled:
    """Let the method find the objects; where nuclei have a channel, cells are found around them."""
    hidden = hidden_pixels(read.facts["overlays"], planes.shape[-2:])
    objects = (
        _objects(unit, planes, unit.channel, hidden)
        if unit.nuclei is None
        else _nuclei_and_cells(unit, planes, unit.nuclei, hidden)
    )
    key = segment_key(unit, read.facts)
    return _kept_labels(unit, objects, planes.shape, name="segment", key=key, more={})


def _objects(unit: Unit, planes: Planes, channel: int, hidden: Array | None) -> Objects:
    """Run the method on one channel; nothing is found below burned-in text and bars."""
    pixels = planes.main(channel)
    axes = "YXS" if channel == COLOUR else "YX" if pixels.ndim == 2 else "ZYX"
    if hidden is not None:
        pixels = covered(pixels, hidden)
    image = Image(pixels, axes, spacing=unit.spacing, bits=planes.bits, source=Source(unit.image))
    method = method_of(unit.method)
    options = options_of(method, unit)
    own = math.prod(planes.shape[-2:]) * method.memory
    if isinstance(method, ModelMethod) and own > method.overhead:
        with scratch_folder(Path(unit.steps)) as scratch:
            objects = method.segment(image, options, scratch)
    else:
        objects = method.segment(image, options)
    if hidden is None:
        return objects
    kept = {kind: _uncovered_labels(labels, hidden) for kind, labels in objects.labels.items()}
    return replace(objects, labels=kept)


def _uncovered(labels: Array, hidden: Array) -> Array:
    """Labels without the pixels that nobody can see; numbered anew, as some may be gone."""
    left = np.where(hidden, 0, labels)
    return renumber(left) if left.ndim == 2 else left


def _uncovered_labels(labels: Labels, hidden: Array) -> Labels:
    """The same with the table, whose rows follow their objects."""
    before = labels.pixels()
    after = _uncovered(before, hidden)
    if labels.table is None:
        return replace(labels, data=after)
    number = np.zeros(int(before.max(initial=0)) + 1, np.int64)
    number[before[after > 0]] = after[after > 0]
    table = labels.table.assign(label=number[labels.table["label"].to_numpy()])
    table = table[table["label"] > 0].sort_values("label", ignore_index=True)
    return replace(labels, data=after, table=table)


def _nuclei_and_cells(unit: Unit, planes: Planes, nuclei: int, hidden: Array | None) -> Objects:
    found = _objects(unit, planes, nuclei, hidden)
    pixels = planes.main(unit.channel)
    if pixels.ndim != 2:
        raise UsageError(
            "nuclei and cells are related in planes, not in volumes",
            remedy="project the stack with --project max",
        )
    if hidden is not None:
        pixels = covered(pixels, hidden)
    cells, decisions = cells_around(
        Image(pixels, "YX", spacing=unit.spacing, bits=planes.bits, source=Source(unit.image)),
        found.main_labels.pixels(),
        cell_options_of(unit),
    )
    if hidden is not None:
        cells = _uncovered(cells, hidden)
    return Objects(
        {"cell": Labels(cells, "YX", unit.spacing), "nucleus": found.main_labels},
        main="cell",
        decisions={
            **{f"nuclei_{name}": value for name, value in (found.decisions or {}).items()},
            **{f"cells_{name}": value for name, value in decisions.items()},
        },
    )


def take_given(unit: Unit, planes: Planes, read: Step, found: Labelled | None) -> Labelled:
    """Take the labels that somebody gave, and count what differs from the method's.

    The person saw what the filters had left, and so that is what is compared.

    Raises
    ------
    InputError
        If the labels cannot be read, or do not fit the picture.
    """
    shown: dict[str, Array] = {}  # what the person saw
    main = GIVEN_KIND
    removed: dict[str, int] = {}
    if found is not None:
        main = found.step.facts["main"]
        left = filtered(unit, planes, found.main, measure=False)
        removed = {rule: int(n) for rule, n in left.removed.items()}
        shown = {**found.labels, main: left.labels}
        if NUCLEUS in shown and main != NUCLEUS:
            shown[NUCLEUS] = nuclei_of(shown[NUCLEUS], found.main, left.labels)
    replaced = any(not given.kind for given in unit.given)
    if found is not None and not replaced:  # the rules come to the cells when they are measured
        removed = {}
    labels = {
        kind: Labels(pixels, "YX" if pixels.ndim == 2 else "ZYX", unit.spacing)
        for kind, pixels in (shown if replaced or found is None else found.labels).items()
    }
    edited = 0
    for given in unit.given:
        kind = given.kind or main
        taken = _read_given(unit, given)
        labels[kind] = Labels(taken.pixels(), taken.axes, unit.spacing)
        if kind in shown and shown[kind].shape == taken.data.shape:
            edited += count_edited(shown[kind], taken.pixels())
    facts: dict[str, Any] = {} if found is None else {"edited": edited, "removed": removed}
    key = given_key(unit, read.facts, found.step if found is not None else None)
    objects = Objects(labels, main)
    return _kept_labels(unit, objects, planes.shape, name="given", key=key, more=facts)


def _read_given(unit: Unit, given: Given) -> Labels:
    name = Path(given.path).name
    try:
        labels = decode_labels(Path(given.path))
    except InputError as error:
        raise InputError(f"its labels in {name} cannot be used: {error.what}") from error
    if labels.n_frames != unit.n_frames:
        raise InputError(
            f"its labels in {name} have {labels.n_frames} frames, the picture has {unit.n_frames}"
        )
    return labels.frame(unit.frame)


def _kept_labels(
    unit: Unit,
    objects: Objects,
    expected: tuple[int, ...],
    *,
    name: str,
    key: str,
    more: Mapping[str, Any],
) -> Labelled:
    labels = {kind: found.pixels() for kind, found in objects.labels.items()}
    files: dict[str, str] = {}
    for kind, pixels in labels.items():
        if pixels.shape != expected:
            raise InputError(
                f"the labels are {_size(pixels.shape)}, the picture is {_size(expected)}",
                remedy="labels and picture must have the same size",
            )
        files |= write_step_file(Path(unit.steps), key, f"{kind}.tif", encoded(pixels, unit))
    table = objects.main_labels.table
    if name == "segment" and table is not None:
        files |= write_step_file(Path(unit.steps), key, OBJECTS, packed(table))
        more = {**more, **classes_in(table)}
    facts = {
        "objects": list(labels),
        "main": objects.main,
        "hash": {kind: array_hash(pixels) for kind, pixels in labels.items()},
        "decisions": dict(objects.decisions or {}),
        **more,
    }
    return Labelled(Step(name, key, files, facts), labels)


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(str(n) for n in shape) + " pixels"


def encoded(pixels: Array, unit: Unit) -> bytes:
    """Give a label image of the unit as a file."""
    return encode_labels(pixels, "YX" if pixels.ndim == 2 else "ZYX", unit.spacing, None)
