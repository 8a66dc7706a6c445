"""What happens to a plane set that is too large for memory: the same steps, block by block."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cellwright.core.errors import InputError, UnreadableError, UnsupportedError
from cellwright.core.image import Array, LazyArray
from cellwright.core.method import LargeMethod, ModelMethod
from cellwright.engine.journal import Step
from cellwright.engine.keys import file_digest, streamed_hash
from cellwright.engine.run_folder import scratch_folder, step_file, step_folder, write_step_file
from cellwright.io.label_image import decode_labels
from cellwright.io.ome_zarr_write import LabelsZarrWriter
from cellwright.io.region_file import read_region
from cellwright.measure.counting import count_plane
from cellwright.measure.filters import apply_rules, parse_rule
from cellwright.measure.large import BLOCK, locate_cells, measure_large
from cellwright.measure.layer import find_gaps, layer_facts
from cellwright.measure.separation import large_coverage, large_separation
from cellwright.measure.table import loaded_features
from cellwright.pipeline.choice import COLOUR
from cellwright.pipeline.clock import Clock
from cellwright.pipeline.corrections import ZARR, count_edited_in
from cellwright.pipeline.described import OBJECTS, classes_in
from cellwright.pipeline.large_plane import (
    STRIP_ROWS,
    LargePlane,
    OneFrame,
    Survey,
    large_planes,
    main_plane,
    mosaic,
    strips,
    survey,
)
from cellwright.pipeline.measuring import FILTERED, number
from cellwright.pipeline.missing import do_missing
from cellwright.pipeline.packing import packed
from cellwright.pipeline.probe import open_scene, refuse_changed
from cellwright.pipeline.unit import (
    Unit,
    given_key,
    measure_key,
    method_of,
    options_of,
    planes_key,
    quality_key,
    segment_key,
)
from cellwright.quality.duplicates import signature
from cellwright.quality.judge import judge_plane

__all__ = ["large_fingerprint", "work_on_large"]

_FILTERED = FILTERED.replace(".tif", ZARR)


@dataclass(frozen=True, eq=False)
class _Picture:
    """The planes of all channels, and what one reading of each told; read when first needed."""

    planes: Mapping[str, LargePlane]
    bits: int | None
    surveys: dict[str, Survey]

    def survey(self, name: str) -> Survey:
        if name not in self.surveys:
            self.surveys[name] = survey(self.planes[name])
        return self.surveys[name]


@dataclass(frozen=True)
class _Located:
    """A step that gave labels, which stay on disk."""

    step: Step


def large_fingerprint(unit: Unit) -> Step:
    """Only read the planes and hash them."""
    step = _planes_step(unit, _opened(unit))
    refuse_changed(unit.files)
    return step


def work_on_large(unit: Unit, clock: Clock) -> tuple[Step, ...]:
    """Do all steps of a unit that are not known yet.

    Raises
    ------
    UnsupportedError
        For what cannot be done block by block.
    """
    if unit.nuclei is not None:
        raise UnsupportedError(
            "nuclei and cells cannot be related block by block yet",
            remedy="cut the picture into parts of less than 100 megapixels",
        )
    if unit.flat:
        raise UnsupportedError(
            "light cannot be evened block by block yet", remedy="leave --flat-field out"
        )
    computed = do_missing(unit, _OnDisk(unit), clock)
    refuse_changed(unit.files)  # all the while pixels were read from them
    return computed


class _OnDisk:
    """A plane set that is read in windows; see `cellwright.pipeline.missing.Way`."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self._picture = _opened(unit)

    def read(self) -> Step:
        return self._unit.known.get("planes") or _planes_step(self._unit, self._picture)

    def quality(self, read: Step) -> Step:
        return _quality_step(self._unit, self._picture, read)

    def again(self, name: str) -> _Located | None:
        step = self._unit.known.get(name)
        return _Located(step) if step is not None else None

    def segment(self, read: Step) -> _Located:
        return _Located(_segment_step(self._unit, self._picture, read))

    def given(self, read: Step, found: _Located | None) -> _Located:
        step = found.step if found is not None else None
        return _Located(_given_step(self._unit, self._picture, read, step))

    def measure(self, read: Step, labelled: _Located) -> Step:
        return _measure_step(self._unit, self._picture, read, labelled.step)


def _opened(unit: Unit) -> _Picture:
    image = open_scene(unit.where, unit.scene, unit.image)
    refuse_changed(unit.files)
    return _Picture(large_planes(image, unit.frame, unit.project), image.bits, {})


def _planes_step(unit: Unit, picture: _Picture) -> Step:
    found = {name: picture.survey(name) for name in picture.planes}
    for name, one in found.items():
        if one.not_finite and one.lowest is None:
            raise UnreadableError(f"every pixel of channel {name!r} is NaN or infinite")
    facts: dict[str, Any] = {
        "hashes": {name: one.hash for name, one in found.items()},
        "bits": picture.bits,
        "not_finite": sum(one.not_finite for one in found.values()),
        "lowest": {name: one.lowest for name, one in found.items()},
        "overlays": [],
    }
    return Step("planes", planes_key(unit), {}, facts)


def _quality_step(unit: Unit, picture: _Picture, read: Step) -> Step:
    findings = []
    judged = {name: (mosaic(p), picture.survey(name).small) for name, p in picture.planes.items()}
    if unit.channel == COLOUR:  # by the mean of its samples, as a small picture is
        both = zip(*judged.values(), strict=True)
        kind = next(iter(picture.planes.values())).dtype
        parts, small = (np.mean(np.stack(one), axis=0).astype(kind) for one in both)
        judged = {"colour": (parts, small)}
    for name, (parts, _) in judged.items():
        for f in judge_plane(parts, name, picture.bits, dict(unit.thresholds)):
            value = None if np.isnan(f.value) else float(f.value)
            findings.append({
                "check": f.check, "channel": f.channel, "value": value, "verdict": f.verdict,
                "reason": f.reason,
            })  # fmt: skip
    facts = {
        "findings": findings,
        "signatures": {name: signature(small) for name, (_, small) in judged.items()},
        "profiles": [],
    }
    return Step("quality", quality_key(unit, read.facts), {}, facts)


def _segment_step(unit: Unit, picture: _Picture, read: Step) -> Step:
    method = method_of(unit.method)
    if not isinstance(method, LargeMethod):
        raise UnsupportedError(
            f"the method {unit.method} cannot work block by block",
            remedy="choose --method threshold or network, or cut the picture into parts",
        )
    plane = main_plane(dict(picture.planes), unit.channel)
    each = list(read.facts["lowest"].values())
    of_plane = each if unit.channel == COLOUR else [each[unit.channel]]
    lowest = min((value for value in of_plane if value is not None), default=None)
    key = segment_key(unit, read.facts)
    steps = Path(unit.steps)
    shape = plane.shape[:2]
    options = options_of(method, unit)
    kind = method.kind_of(options) if isinstance(method, ModelMethod) else method.kind
    with (
        scratch_folder(steps) as scratch,
        step_folder(steps, key, f"{kind}{ZARR}") as folder,
        LabelsZarrWriter(folder, shape, spacing=unit.spacing, name=kind) as writer,
    ):
        sink = _Sink(writer)
        decisions = method.segment_large(replace(plane, lowest=lowest), options, sink, scratch)
        writer.finish()
    step = _labels_step(unit, "segment", key, kind, {"decisions": dict(decisions)})
    if sink.table is None:
        return step
    described = write_step_file(steps, key, OBJECTS, packed(sink.table))
    facts = {**step.facts, **classes_in(sink.table)}
    return replace(step, files={**step.files, **described}, facts=facts)


@dataclass(eq=False)
class _Sink:
    """Hands labels on to the file, and keeps the table."""

    writer: LabelsZarrWriter
    table: pd.DataFrame | None = None

    def write(self, top: int, left: int, labels: Array) -> None:
        self.writer.write(top, left, labels)

    def describe(self, table: pd.DataFrame) -> None:
        self.table = table


def _labels_step(unit: Unit, name: str, key: str, kind: str, more: Mapping[str, Any]) -> Step:
    path = step_file(Path(unit.steps), key, f"{kind}{ZARR}")
    facts = {
        "objects": [kind],
        "main": kind,
        "hash": {kind: _hash(decode_labels(path).data)},
        "decisions": {},
        **more,
    }
    return Step(name, key, {path.name.removeprefix(f"{key}."): file_digest(path)}, facts)


def _hash(labels: Array | LazyArray) -> str:
    return streamed_hash(np.dtype(np.uint32), tuple(labels.shape), strips(labels))


def _given_step(unit: Unit, picture: _Picture, read: Step, found: Step | None) -> Step:
    [given] = unit.given
    shape = next(iter(picture.planes.values())).shape[:2]
    try:
        whole = decode_labels(Path(given.path))
    except InputError as error:
        raise InputError(
            f"its labels in {Path(given.path).name} cannot be used: {error.what}"
        ) from error
    if whole.n_frames != unit.n_frames:
        raise InputError(
            f"its labels in {Path(given.path).name} have {whole.n_frames} frames, the picture has "
            f"{unit.n_frames}"
        )
    labels = OneFrame(whole.data, unit.frame) if "T" in whole.axes else whole.data
    if tuple(labels.shape) != shape:
        raise InputError(
            f"the labels are {labels.shape}, the picture is {shape}",
            remedy="labels and picture must have the same size",
        )
    kind = found.facts["main"] if found is not None else "cell"
    key = given_key(unit, read.facts, found)
    facts: dict[str, Any] = {}
    if found is not None:
        before = _labels_of(unit, found)
        kept, removed = _kept_by_rules(unit, picture, before)
        shown = (s if kept is None else np.where(kept[s], s, 0) for s in strips(before))
        pairs = zip(shown, strips(labels), strict=True)
        facts = {"edited": count_edited_in(pairs), "removed": removed}
    _write(unit, key, f"{kind}{ZARR}", labels, None)
    return _labels_step(unit, "given", key, kind, facts)


def _labels_of(unit: Unit, step: Step) -> Array | LazyArray:
    return decode_labels(step_file(Path(unit.steps), step.key, f"{step.facts['main']}{ZARR}")).data


def _write(
    unit: Unit, key: str, ending: str, labels: Array | LazyArray, kept: Array | None
) -> Path:
    """Write labels as a part of a step; with `kept`, only those that it says."""
    height, width = labels.shape
    with (
        step_folder(Path(unit.steps), key, ending) as folder,
        LabelsZarrWriter(folder, (height, width), spacing=unit.spacing) as writer,
    ):
        for number, strip in enumerate(strips(labels)):
            shown = strip if kept is None else np.where(kept[strip], strip, 0)
            writer.write(number * STRIP_ROWS, 0, shown.astype(np.uint32))
        writer.finish()
    return step_file(Path(unit.steps), key, ending)


def _kept_by_rules(
    unit: Unit, picture: _Picture, labels: Array | LazyArray
) -> tuple[Array | None, dict[str, int]]:
    """Which labels the rules keep, as a table by label; None where they keep all."""
    rules = [parse_rule(text) for text in unit.filters]
    if not rules:
        return None, {}
    table = measure_large(
        labels, dict(picture.planes), unit.spacing, loaded_features(unit.features)
    )
    keep, removed = apply_rules(table, rules)
    counts = {name: int(n) for name, n in removed.items()}
    if keep.all():
        return None, counts
    kept = np.zeros(int(table["label"].max()) + 1, bool)
    kept[table["label"].to_numpy()[keep]] = True
    return kept, counts


def _measure_step(unit: Unit, picture: _Picture, read: Step, labelled: Step) -> Step:
    key = measure_key(unit, read.facts, labelled.facts)
    labels = _labels_of(unit, labelled)
    planes, features = dict(picture.planes), loaded_features(unit.features)
    files: dict[str, str] = {}
    kept, removed = _kept_by_rules(unit, picture, labels)
    if kept is not None:
        path = _write(unit, key, _FILTERED, labels, kept)
        files[_FILTERED] = file_digest(path)
        labels = decode_labels(path).data
    table: pd.DataFrame | None = None
    if unit.measure:  # after the rules: neighbours and background depend on who is there
        table = measure_large(labels, planes, unit.spacing, features)
    cells = locate_cells(labels)
    shown = list(planes.values())[max(unit.channel, 0)]  # of a colour picture, red
    facts: dict[str, Any] = {
        "n_cells": len(cells.labels),
        "removed": removed,
        "separation": number(large_separation(shown, labels, BLOCK)),
        "coverage": number(large_coverage(labels, BLOCK)),
        "area_median_px": number(float(np.median(cells.area)) if len(cells.area) else np.nan),
        "labels_hash": _hash(labels),
    }
    if table is not None:
        shape = (labels.shape[0], labels.shape[1])
        region = read_region(Path(unit.region), shape, unit.image) if unit.region else None
        counted = count_plane(table, np.broadcast_to(np.uint32(0), shape), region)
        facts |= {
            "counting": {n: number(v) for n, v in counted.facts.items()}
            | {"reason": counted.reason},
            "flat": [],
        }
        table = table.assign(**counted.columns)
        layer = layer_facts(find_gaps(labels, BLOCK), table)
        facts["layer"] = {n: number(v) for n, v in layer.items()}
        files |= write_step_file(Path(unit.steps), key, "npz", packed(table))
    return Step("measure", key, files, facts)
