"""Label images for people: put into the run as soon as a picture is done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from cellwright.core.image import Array
from cellwright.engine.journal import Step
from cellwright.engine.run_folder import RunFolder, step_file
from cellwright.io.label_image import decode_labels, encode_labels
from cellwright.pipeline.corrections import adopt
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
    picture, steps = outcome.picture, folder.steps
    files = {picture.label_path: [labels_file(steps, frame) for frame in outcome.frames]}
    for kind, path in _other_kinds(outcome).items():
        files[path] = [
            step_file(steps, frame["segment"].key, f"{kind}.tif") for frame in outcome.frames
        ]
    for path, of_frames in files.items():
        if folder.is_edited(path) and adopt(folder, path.removeprefix("labels/")):
            left.append(path)
        else:
            folder.publish(path, _joined(of_frames, picture), image=picture.image)
    return left


def label_paths_of(outcomes: Iterable[Outcome]) -> set[str]:
    """Paths of all label files of these pictures."""
    paths: set[str] = set()
    for outcome in outcomes:
        if outcome.failure is None:
            paths |= {outcome.picture.label_path, *_other_kinds(outcome).values()}
    return paths


def labels_file(steps: Path, done: Mapping[str, Step]) -> Path:
    """File with the kept labels of a finished plane set."""
    measure = done["measure"]
    if FILTERED in measure.files:
        return step_file(steps, measure.key, FILTERED)
    labelled = done["given" if "given" in done else "segment"]
    return step_file(steps, labelled.key, f"{labelled.facts['main']}.tif")


def _other_kinds(outcome: Outcome) -> dict[str, str]:
    """From each kind of object beside the main one to the path of its labels."""
    found = outcome.frames[0].get("segment")
    if found is None:
        return {}
    return {
        kind: outcome.picture.label_path.replace("labels/", f"labels/{kind}/", 1)
        for kind in found.facts["objects"]
        if kind != found.facts["main"]
    }


def _joined(files: Sequence[Path], picture: Picture) -> bytes:
    """Label file of a picture, of those of its frames."""
    if len(files) == 1:
        return files[0].read_bytes()
    stack: Array = np.stack([decode_labels(file).pixels() for file in files])
    axes = "TYX" if stack.ndim == 3 else "TZYX"
    return encode_labels(stack, axes, picture.spacing, picture.interval)
