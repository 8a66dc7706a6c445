"""The blinded page of an audit and its key, made of a run and its pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cellwright.core.errors import InputError, UsageError
from cellwright.core.image import Array, Image, LazyArray
from cellwright.core.version import VERSION
from cellwright.engine.files import write_atomic
from cellwright.engine.keys import file_digest, key_of
from cellwright.io.file_set import open_set
from cellwright.io.inputs import Found
from cellwright.io.label_image import decode_labels
from cellwright.io.open import read
from cellwright.pipeline.audit.choosing import Place, choose, sizes_of
from cellwright.pipeline.audit.key import (
    KEY,
    PAGE,
    DealtCell,
    DealtField,
    Key,
    read_key,
    run_digest,
)
from cellwright.pipeline.audit.options import AuditOptions
from cellwright.pipeline.choice import COLOUR
from cellwright.pipeline.corrections import ZARR
from cellwright.pipeline.experiment import experiment_of
from cellwright.pipeline.large_plane import LargePlane, OneFrame, large_planes, main_plane
from cellwright.pipeline.planes import finite, read_planes
from cellwright.pipeline.run import Run
from cellwright.pipeline.score_gallery import find_pictures
from cellwright.report.audit_page import Item, Shown, build_audit_page

__all__ = ["Dealt", "deal_audit"]


@dataclass(frozen=True)
class Dealt:
    """An audit to be looked at."""

    page: Path
    key: Path
    fields: int
    cells: int
    remarks: tuple[str, ...]


def deal_audit(
    run: Path, images: Path, out: Path, options: AuditOptions, samples: Path | None = None
) -> Dealt:
    """Deal fields and cells of a run, and write the page and its key.

    Parameters
    ----------
    run
        Folder of a finished run.
    images
        The pictures that it was made of.
    out
        Folder that gets `PAGE` and `KEY`.
    options
        How much is dealt.
    samples
        A ``samples.csv``, where the run does not know conditions.

    Raises
    ------
    UsageError
        If there is nothing to deal, pictures or labels are not those of the run, or another audit
        is in the folder.
    InputError
        If a picture cannot be read.
    """
    digest = run_digest(run)
    experiment = experiment_of([run], samples)
    record = Run(run).record
    sizes = sizes_of(record)
    chosen = choose(experiment, sizes, options)
    classes = any(place.kind for place in chosen.cells)
    crops = _crops([*chosen.fields, *chosen.cells], run, record, find_pictures(images))
    inside = [_inside(place, experiment.cells) for place in chosen.fields]
    key = Key(
        cellwright=VERSION,
        run=digest,
        options=options.model_dump(mode="json", exclude={"reference"}),
        unit=chosen.unit,
        classes=classes,
        counts=chosen.counts,
        fields=tuple(_dealt_field(p, own) for p, own in zip(chosen.fields, inside, strict=True)),
        cells=tuple(_dealt_cell(place) for place in chosen.cells),
        remarks=chosen.remarks,
    )
    key = key.model_copy(update={"audit": key.identity()})
    _refuse_another(out, key)
    fields = [Item(crops[place], inner) for place, inner in zip(chosen.fields, inside, strict=True)]
    cells = [Item(crops[place], (place.label,), place.kind) for place in chosen.cells]
    page = build_audit_page(key.audit, fields, cells, classes=classes)
    out.mkdir(parents=True, exist_ok=True)
    write_atomic(out / KEY, key.text().encode(), out)
    write_atomic(out / PAGE, page.encode(), out)
    return Dealt(out / PAGE, out / KEY, len(fields), len(cells), chosen.remarks)


def _dealt_field(place: Place, labels: Sequence[int]) -> DealtField:
    return DealtField(
        image=place.image,
        frame=place.frame,
        condition=place.stratum[0],
        replicate=place.stratum[1],
        labels=tuple(labels),
        **vars(place.window),
    )


def _dealt_cell(place: Place) -> DealtCell:
    return DealtCell(
        image=place.image,
        frame=place.frame,
        condition=place.stratum[0],
        replicate=place.stratum[1],
        label=place.label,
    )


def _refuse_another(out: Path, key: Key) -> None:
    """Answers to an audit are worth nothing without its key."""
    if (out / KEY).exists() and read_key(out).audit != key.audit:
        raise UsageError(
            "another audit is in this folder, and its answers need its key",
            where=str(out),
            remedy="choose another --out",
        )


def _inside(place: Place, cells: pd.DataFrame) -> tuple[int, ...]:
    """Labels whose middle lies in a field."""
    window = place.window
    y, x = cells["centroid_y_px"], cells["centroid_x_px"]
    here = (cells["image"] == place.image) & (cells["frame"] == place.frame)
    here &= (y >= window.top) & (y < window.top + window.height)
    here &= (x >= window.left) & (x < window.left + window.width)
    return tuple(sorted(int(label) for label in cells.loc[here, "label"]))


def _crops(
    places: Sequence[Place], run: Path, record: Mapping[str, Any], pictures: Mapping[str, Found]
) -> dict[Place, Shown]:
    """Pixels and labels of each place; each frame is read once."""
    entries = {str(entry["image"]): entry for entry in record["inputs"]}
    by_frame: dict[tuple[str, int], list[Place]] = {}
    for place in places:
        by_frame.setdefault((place.image, place.frame), []).append(place)
    opened: dict[str, Image] = {}
    crops = {}
    for (image, frame), own in sorted(by_frame.items()):
        if image not in opened:
            opened = {image: _opened(entries[image], pictures)}
        plane = _plane(opened[image], entries[image], frame)
        labels = _labels(run, entries[image], frame)
        for place in own:
            here = np.asarray(labels[place.window.slices], np.uint32)
            if place.label and not (here == place.label).any():
                raise UsageError(
                    "the labels are not those that were measured",
                    where=image,
                    remedy="take up what was edited: run analyze again, with the same options",
                )
            crops[place] = Shown(finite(np.asarray(plane[place.window.slices])), here)
    return crops


def _opened(entry: Mapping[str, Any], pictures: Mapping[str, Found]) -> Image:
    name = str(entry["image"])
    file, _, scene = name.partition("::")
    found = pictures.get(name) or pictures.get(file)
    if found is None:
        raise UsageError(
            "the picture is not among those of --images",
            where=name,
            remedy="give the folder that was analysed, with the same names in it",
        )
    if found.files is not None:
        image = open_set(found.files)
    else:
        scene = scene or found.scene
        image = read(f"{found.path}::{scene}" if scene else found.path)
    files = sorted(set(image.source.files)) or [str(found.path)]
    hashes = [file_digest(Path(file)) for file in files]
    if entry["sha256"] != (hashes[0] if len(hashes) == 1 else key_of(files=hashes)):
        raise UsageError(
            "this is not the picture that was analysed",
            where=name,
            remedy="give the pictures of the run, or analyse these",
        )
    return image


def _plane(image: Image, entry: Mapping[str, Any], frame: int) -> Array | LargePlane:
    """The plane in which cells were found."""
    project = str(entry.get("project") or "max")
    if project == "none" and image.size("Z") > 1:
        raise _of_a_stack(entry)
    names = list(image.channels)
    number = names.index(entry["channel"]) if entry["channel"] in names else COLOUR
    if str(entry["labels"]).endswith(ZARR):
        return main_plane(large_planes(image, frame, project), number)
    planes = read_planes(image, frame, project)
    return planes.main(COLOUR if planes.whole is not None else max(number, 0))


def _labels(run: Path, entry: Mapping[str, Any], frame: int) -> Array | LazyArray:
    labels = decode_labels(run / str(entry["labels"]))
    if "Z" in labels.axes:
        raise _of_a_stack(entry)
    if "T" in labels.axes:
        return OneFrame(labels.data, frame)
    return labels.data


def _of_a_stack(entry: Mapping[str, Any]) -> InputError:
    return InputError(
        "an audit looks at planes, and these labels are of a stack", where=str(entry["image"])
    )
