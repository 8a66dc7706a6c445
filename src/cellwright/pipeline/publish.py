"""Label images for people: put into the run as soon as a picture is done."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import numpy as np

from cellwright.core.image import Array
from cellwright.engine.journal import Step
from cellwright.engine.run_folder import RunFolder, step_file
from cellwright.io.label_image import decode_labels, encode_labels
from cellwright.io.ome_zarr_write import LabelsZarrWriter
from cellwright.pipeline.corrections import ZARR, adopt
from cellwright.pipeline.large_plane import STRIP_ROWS, strips
from cellwright.pipeline.measuring import FILTERED
from cellwright.pipeline.outcome import Outcome
from cellwright.pipeline.plan import Picture

__all__ = ["label_paths_of", "labels_file", "publish_labels"]


def publish_labels(folder: RunFolder, outcome: Outcome) -> list[str]:
    """Write the label image of each kind of object of a finished picture.

    Returns
    -------
    list of str
        Paths that were left alone, because a person edited them while the run went on.
    """
    left = []
    picture = outcome.picture
    for kind, path in _paths(outcome).items():
        files = [labels_file(folder.steps, frame, kind) for frame in outcome.frames]
        if folder.is_edited(path) and adopt(folder, path.removeprefix("labels/")):
            left.append(path)
        elif path.endswith(ZARR) and len(files) == 1 and files[0].is_dir():
            folder.publish_folder(path, files[0], image=picture.image)
        elif path.endswith(ZARR):
            with _zarr_of(files, picture, folder.temporary) as joined:
                folder.publish_folder(path, joined, image=picture.image)
        else:
            folder.publish(path, _joined(files, picture), image=picture.image)
    return left


def label_paths_of(outcomes: Iterable[Outcome]) -> set[str]:
    """Paths of all label files of these pictures."""
    paths: set[str] = set()
    for outcome in outcomes:
        if outcome.failure is None:
            paths |= set(_paths(outcome).values())
    return paths


def labels_file(steps: Path, done: Mapping[str, Step], kind: str = "") -> Path:
    """File with the kept labels of a finished plane set: of the main kind, or another one."""
    measure = done["measure"]
    ending = f"{kind}.{FILTERED}" if kind else FILTERED
    for filtered in (ending, ending.replace(".tif", ZARR)):
        if filtered in measure.files:
            return step_file(steps, measure.key, filtered)
    labelled = done["given" if "given" in done else "segment"]
    name = kind or labelled.facts["main"]
    ending = next(e for e in labelled.files if e in (f"{name}.tif", f"{name}{ZARR}"))
    return step_file(steps, labelled.key, ending)


def _paths(outcome: Outcome) -> dict[str, str]:
    """From each kind of object (the main one is empty) to the path of its labels."""
    done = outcome.frames[0]
    labelled = done["given" if "given" in done else "segment"]
    main = labelled.facts["main"]
    kinds = ["" if kind == main else str(kind) for kind in labelled.facts["objects"]]
    return {kind: outcome.picture.label_path_of(kind) for kind in sorted(kinds)}


@contextmanager
def _zarr_of(files: Sequence[Path], picture: Picture, temporary: Path) -> Iterator[Path]:
    """Labels of all frames as one OME-Zarr, written strip by strip, for as long as needed."""
    first = decode_labels(files[0])
    several = len(files) > 1
    shape = ((len(files),) if several else ()) + tuple(first.data.shape)
    axes = ("T" if several else "") + first.axes
    path = temporary / f"{uuid4().hex}{ZARR}"
    try:
        with LabelsZarrWriter(path, shape, axes, picture.spacing, picture.interval) as writer:
            for frame, file in enumerate(files):
                labels = decode_labels(file).data
                for place in np.ndindex(*labels.shape[:-2]):
                    index = ((frame,) if several else ()) + place
                    plane = (
                        labels
                        if not place
                        else np.asarray(labels[(*place, slice(None), slice(None))])
                    )
                    for number, strip in enumerate(strips(plane)):
                        writer.write(number * STRIP_ROWS, 0, strip.astype(np.uint32), index)
            writer.finish()
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _joined(files: Sequence[Path], picture: Picture) -> bytes:
    """Label file of a picture, of those of its frames."""
    if len(files) == 1:
        return files[0].read_bytes()
    stack: Array = np.stack([decode_labels(file).pixels() for file in files])
    axes = "TYX" if stack.ndim == 3 else "TZYX"
    return encode_labels(stack, axes, picture.spacing, picture.interval)
