"""What happens to one plane set: quality, segmentation, measurement, in a worker.

The unit of work is (image, scene, frame). It is a pure function of a `Unit`: it reads the
picture, does the steps that are missing, writes their files, and returns their entries
for the journal, which only the parent writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from cellwright.core.image import Array
from cellwright.engine.journal import Step
from cellwright.engine.threads import use_threads
from cellwright.pipeline.clock import Clock
from cellwright.pipeline.failure import Failure, failure_of
from cellwright.pipeline.hidden import overlays_of
from cellwright.pipeline.labelling import Labelled, find_labels, labels_again, take_given
from cellwright.pipeline.large_unit import large_fingerprint, work_on_large
from cellwright.pipeline.light import with_even_light
from cellwright.pipeline.measuring import measure_cells
from cellwright.pipeline.missing import do_missing
from cellwright.pipeline.planes import Planes, read_planes
from cellwright.pipeline.probe import changed, open_scene, refuse_changed
from cellwright.pipeline.unit import Unit, planes_key, quality_key
from cellwright.quality.channel_order import channel_profile
from cellwright.quality.duplicates import signature
from cellwright.quality.judge import judge_plane

__all__ = ["UnitResult", "fingerprint", "work_on"]


@dataclass(frozen=True)
class UnitResult:
    """What a worker did.

    Attributes
    ----------
    computed, reused
        Entries for the journal, and those that were there before.
    seconds
        What each part took.
    """

    computed: tuple[Step, ...]
    reused: tuple[Step, ...]
    seconds: Mapping[str, float]

    @property
    def by_name(self) -> dict[str, Step]:
        """All steps of the unit."""
        return {step.name: step for step in (*self.reused, *self.computed)}


def fingerprint(unit: Unit) -> UnitResult | Failure:
    """Only read the planes and hash them: for a file that changed in a run that has results."""
    clock = Clock()
    try:
        with clock("read"):
            step = large_fingerprint(unit) if unit.large else _planes_step(unit, _read(unit))
    except Exception as error:  # noqa: BLE001 - the boundary of one input
        return failure_of(error)
    return UnitResult((step,), (), clock.seconds)


def work_on(unit: Unit) -> UnitResult | Failure:
    """Do all steps of a unit that are not known yet."""
    clock = Clock()
    try:
        with use_threads(unit.threads):
            computed = _computed(unit, clock)
    except Exception as error:  # noqa: BLE001 - the boundary of one input
        return failure_of(error)
    return UnitResult(computed, tuple(unit.known.values()), clock.seconds)


def _computed(unit: Unit, clock: Clock) -> tuple[Step, ...]:
    if unit.large:
        return work_on_large(unit, clock)
    with clock("read"):
        planes = _InMemory(unit)
    return do_missing(unit, planes, clock)


class _InMemory:
    """A plane set whose planes fit into memory; see `cellwright.pipeline.missing.Way`."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self._planes = _read(unit)

    def read(self) -> Step:
        return self._unit.known.get("planes") or _planes_step(self._unit, self._planes)

    def quality(self, read: Step) -> Step:
        return _quality_step(self._unit, self._planes, read)

    def again(self, name: str) -> Labelled | None:
        return labels_again(self._unit, name)

    def segment(self, read: Step) -> Labelled:
        return find_labels(self._unit, self._planes, read)

    def given(self, read: Step, found: Labelled | None) -> Labelled:
        return take_given(self._unit, self._planes, read, found)

    def measure(self, read: Step, labelled: Labelled) -> Step:
        return measure_cells(self._unit, self._planes, read, labelled)


def _read(unit: Unit) -> Planes:
    """Read the planes, and make sure that they are of the file that was hashed."""
    planes = read_planes(open_scene(unit.where, unit.scene, unit.image), unit.frame, unit.project)
    planes = with_even_light(planes, unit.flat)
    known = unit.known.get("planes")
    refuse_changed(unit.files)
    if known is not None and planes.hashes() != known.facts["hashes"]:
        raise changed()
    return planes


def _planes_step(unit: Unit, planes: Planes) -> Step:
    facts = {
        "hashes": planes.hashes(),
        "bits": planes.bits,
        "not_finite": planes.not_finite(),
        "overlays": overlays_of(planes),
    }
    return Step("planes", planes_key(unit), {}, facts)


def _quality_step(unit: Unit, planes: Planes, read: Step) -> Step:
    findings = []
    for name, plane in _judged(planes).items():
        findings += judge_plane(_flat(plane), name, planes.bits, dict(unit.thresholds))
    facts = {
        "findings": [
            {**asdict(f), "value": None if np.isnan(f.value) else float(f.value)} for f in findings
        ],
        "signatures": {name: signature(_flat(plane)) for name, plane in _judged(planes).items()},
        "profiles": _profiles(planes),
    }
    return Step("quality", quality_key(unit, read.facts), {}, facts)


def _judged(planes: Planes) -> Mapping[str, Array]:
    """Planes to judge; a colour picture is judged by the mean of its samples."""
    if planes.whole is None:
        return planes.channels
    return {"colour": planes.whole.mean(axis=-1).astype(planes.whole.dtype)}


def _profiles(planes: Planes) -> list[list[Any]]:
    """What each channel looks like, where there are several that could be mixed up; in order."""
    if planes.whole is not None or len(planes.channels) < 2:
        return []
    profiles = channel_profile({n: _flat(p) for n, p in planes.channels.items()})
    return [[name, values] for name, values in profiles.items()]


def _flat(plane: Array) -> Array:
    """A plane to be judged; a volume is judged by its projection."""
    return plane if plane.ndim == 2 else np.asarray(plane.max(axis=0))
