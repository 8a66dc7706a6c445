"""The blinded page of an audit and its key, made of a run and its pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cellwright.core.errors import UsageError
from cellwright.core.image import Image
from cellwright.core.version import VERSION
from cellwright.engine.files import run_errors, write_atomic
from cellwright.io.inputs import Found
from cellwright.pipeline.answer_folder import refuse_run
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
from cellwright.pipeline.experiment import experiment_of
from cellwright.pipeline.planes import finite
from cellwright.pipeline.run import Run
from cellwright.pipeline.run_pictures import (
    entries_of,
    labels_of_frame,
    open_again,
    other_labels,
    plane_of_frame,
)
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
    refuse_run(out)
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
    with run_errors(out):
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
    entries = entries_of(record)
    by_frame: dict[tuple[str, int], list[Place]] = {}
    for place in places:
        by_frame.setdefault((place.image, place.frame), []).append(place)
    opened: dict[str, Image] = {}
    crops = {}
    for (image, frame), own in sorted(by_frame.items()):
        if image not in opened:
            opened = {image: open_again(entries[image], pictures)}
        plane = plane_of_frame(opened[image], entries[image], frame)
        labels = labels_of_frame(run, entries[image], frame)
        for place in own:
            here = np.asarray(labels[place.window.slices], np.uint32)
            if place.label and not (here == place.label).any():
                raise other_labels(image)
            crops[place] = Shown(finite(np.asarray(plane[place.window.slices])), here)
    return crops
