"""Labels of one plane set: found by the method, or given by a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cellwright.core.errors import InputError
from cellwright.core.image import Array, Image, Source
from cellwright.core.labels import Labels, Objects
from cellwright.engine.journal import Step
from cellwright.engine.keys import array_hash
from cellwright.engine.run_folder import step_file, write_step_file
from cellwright.io.label_image import decode_labels, encode_labels
from cellwright.pipeline.choice import COLOUR
from cellwright.pipeline.corrections import count_edited
from cellwright.pipeline.filtering import filtered
from cellwright.pipeline.planes import Planes
from cellwright.pipeline.unit import Unit, given_key, method_of, options_of, segment_key

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
    """Let the method find the objects."""
    method = method_of(unit.method)
    pixels = planes.main(unit.channel)
    axes = "YXS" if unit.channel == COLOUR else "YX" if pixels.ndim == 2 else "ZYX"
    image = Image(pixels, axes, spacing=unit.spacing, bits=planes.bits, source=Source(unit.image))
    objects = method.segment(image, options_of(method, unit))
    key = segment_key(unit, read.facts)
    return _kept_labels(unit, objects, planes.shape, name="segment", key=key, more={})


def take_given(unit: Unit, planes: Planes, found: Labelled | None) -> Labelled:
    """Take the labels that somebody gave, and count what differs from the method's.

    The person saw what the filters had left, and so that is what is compared.

    Raises
    ------
    InputError
        If the labels cannot be read, or do not fit the picture.
    """
    name = Path(unit.given).name
    try:
        labels = decode_labels(Path(unit.given))
    except InputError as error:
        raise InputError(f"its labels in {name} cannot be used: {error.what}") from error
    if labels.n_frames != unit.n_frames:
        raise InputError(
            f"its labels in {name} have {labels.n_frames} frames, the picture has {unit.n_frames}"
        )
    taken = labels.frame(unit.frame)
    objects = Objects({GIVEN_KIND: Labels(taken.pixels(), taken.axes, unit.spacing)}, GIVEN_KIND)
    facts: dict[str, Any] = {}
    if found is not None and found.main.shape == taken.data.shape:
        shown = filtered(unit, planes, found.main, measure=False)
        facts = {
            "edited": count_edited(shown.labels, taken.pixels()),
            "removed": {rule: int(n) for rule, n in shown.removed.items()},
        }
    key = given_key(unit, found.step if found is not None else None)
    return _kept_labels(unit, objects, planes.shape, name="given", key=key, more=facts)


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
