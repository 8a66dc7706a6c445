"""Drawing pictures for the report, in the workers, each a step that is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from cellwright.core.image import Array, Spacing
from cellwright.engine.events import Listener, PhaseFinished, PhaseStarted, StepFinished
from cellwright.engine.executors import Died, Pool, Work
from cellwright.engine.journal import Step
from cellwright.engine.keys import key_of
from cellwright.engine.run_folder import RunFolder, write_step_file
from cellwright.io.label_image import decode_labels
from cellwright.pipeline.failure import Failure, failure_of
from cellwright.pipeline.gallery import LARGE_SHOWN, Shown
from cellwright.pipeline.large_plane import large_planes, main_plane
from cellwright.pipeline.light import with_even_light
from cellwright.pipeline.planes import finite, read_planes
from cellwright.pipeline.probe import Where, changed, open_scene
from cellwright.pipeline.publish import labels_file
from cellwright.report.preview import make_preview
from cellwright.report.view import make_view, view_side

__all__ = ["Drawn", "Kind", "draw"]

Kind = Literal["preview", "view"]

# Versions of the code that draws: raised when the same picture would be drawn otherwise.
_VERSIONS: dict[Kind, int] = {"preview": 3, "view": 2}
_PREVIEW_SIDES = ((6, 720), (10, 560), (1000, 460))
"""Longest side in pixels for so many: they are kept without loss, and the page is to stay light."""


@dataclass(frozen=True)
class _Task:
    kind: Kind
    image: str
    where: Where
    scene: int
    frame: int
    project: str
    channel: int
    spacing: Spacing
    labels: str
    flat: str
    large: bool
    steps: str
    hashes: dict[str, str]
    side: int
    key: str


@dataclass(frozen=True)
class Drawn:
    """What was drawn of a frame, why, and the step that holds its files.

    Attributes
    ----------
    image, frame, role, caption
        As in `Shown`.
    key
        Of the step.
    facts
        All else that the preview or the view knows of itself.
    """

    image: str
    frame: int
    role: str
    caption: str
    key: str
    facts: Mapping[str, Any]


def draw(
    kind: Kind,
    shown: Sequence[Shown],
    *,
    project: str,
    folder: RunFolder,
    pool: Pool,
    listener: Listener,
) -> tuple[list[Drawn], list[Step], list[Step]]:
    """Draw what is shown; gives it, and the steps that were computed and used again.

    Parameters
    ----------
    kind
        ``preview`` for the gallery, ``view`` for looking at each cell.
    """
    listener(PhaseStarted(f"{kind}s", len(shown)))
    side = view_side(len(shown)) if kind == "view" else _preview_side(len(shown))
    tasks = [_task(kind, item, project, folder, side) for item in shown]
    steps = {task.key: folder.finished(kind, task.key) for task in tasks}
    reused = [step for step in steps.values() if step is not None]
    missing = {task.key: Work(task) for task in tasks if steps[task.key] is None}
    computed: list[Step] = []
    for task, result in pool.run(_draw, list(missing.values())):
        listener(StepFinished(f"{kind}s", task.image, task.frame))
        if isinstance(result, Step):
            folder.journal.enter([result])
            steps[task.key] = result
            computed.append(result)
        elif isinstance(result, Died) or not result.fatal:
            continue  # the report goes without this picture; its numbers are there
    listener(PhaseFinished(f"{kind}s"))
    drawn = [
        Drawn(item.outcome.picture.image, item.frame, item.role, item.caption, task.key, step.facts)
        for item, task in zip(shown, tasks, strict=True)
        if (step := steps[task.key]) is not None
    ]
    return drawn, computed, reused


def _preview_side(n: int) -> int:
    return next(side for most, side in _PREVIEW_SIDES if n <= most)


def _task(kind: Kind, item: Shown, project: str, folder: RunFolder, side: int) -> _Task:
    picture, done = item.outcome.picture, item.outcome.frames[item.frame]
    channel = picture.channel.number if picture.channel is not None else 0
    key = key_of(
        step=kind,
        version=_VERSIONS[kind],
        planes=list(done["planes"].facts["hashes"].items()),
        channel=channel,
        labels=done["measure"].facts["labels_hash"],
        flat=item.outcome.flat_sha256,
        spacing=picture.spacing.x,
        side=side,
    )
    return _Task(
        kind=kind,
        image=picture.image,
        where=picture.where,
        scene=picture.scene,
        frame=item.frame,
        project=project,
        channel=channel,
        spacing=picture.spacing,
        labels=str(labels_file(folder.steps, done)),
        flat=item.outcome.flat,
        large=labels_file(folder.steps, done).is_dir(),
        steps=str(folder.steps),
        hashes=done["planes"].facts["hashes"],
        side=side,
        key=key,
    )


def _draw(task: _Task) -> Step | Failure:
    make: Callable[..., tuple[dict[str, bytes], dict[str, Any]]]
    make = _preview if task.kind == "preview" else _view
    try:
        plane, labels = _shown_part(task) if task.large else _whole(task)
        contents, facts = make(task, finite(plane), labels)
        files: dict[str, str] = {}
        for ending, content in contents.items():
            files |= write_step_file(Path(task.steps), task.key, ending, content)
    except Exception as error:  # noqa: BLE001 - the boundary of one input
        return failure_of(error)
    return Step(task.kind, task.key, files, facts)


def _preview(task: _Task, plane: Array, labels: Array) -> tuple[dict[str, bytes], dict[str, Any]]:
    made = make_preview(
        plane,
        labels,
        image=task.image,
        frame=task.frame,
        role="",
        caption="",
        spacing=task.spacing,
        max_size=task.side,
    )
    contents = {"png": made.picture, "outlines.png": made.outlines}
    return contents, {**_facts(made), "grey": list(made.grey)}


def _view(task: _Task, plane: Array, labels: Array) -> tuple[dict[str, bytes], dict[str, Any]]:
    made = make_view(
        plane,
        labels,
        image=task.image,
        frame=task.frame,
        spacing=task.spacing,
        side=task.side,
        part=task.large,
    )
    return {"webp": made.picture, "labels.z": made.labels}, {**_facts(made), "part": made.part}


def _facts(made: Any) -> dict[str, Any]:
    names = ("width", "height", "scale_bar_um", "scale_bar_px", "scale", "window")
    return {name: getattr(made, name) for name in names}


def _whole(task: _Task) -> tuple[Array, Array]:
    planes = read_planes(open_scene(task.where, task.scene, task.image), task.frame, task.project)
    if planes.hashes() != task.hashes:
        raise changed()
    planes = with_even_light(planes, task.flat)
    return planes.main(task.channel), decode_labels(Path(task.labels)).pixels()


def _shown_part(task: _Task) -> tuple[Array, Array]:
    """The middle of a large plane: shrunk to a screen as a whole, no outline could be seen."""
    image = open_scene(task.where, task.scene, task.image)
    plane = main_plane(large_planes(image, task.frame, task.project), task.channel)
    middle = tuple(
        slice(max((n - LARGE_SHOWN) // 2, 0), max((n - LARGE_SHOWN) // 2, 0) + LARGE_SHOWN)
        for n in plane.shape[:2]
    )
    labels = decode_labels(Path(task.labels)).data
    return plane[middle], np.asarray(labels[middle])
