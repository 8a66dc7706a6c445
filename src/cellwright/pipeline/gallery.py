"""Which pictures the report shows, by a rule that is the same for everybody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cellwright.core.image import Array, Spacing
from cellwright.engine.events import Listener, PhaseFinished, PhaseStarted, StepFinished
from cellwright.engine.executors import Died, Pool, Work
from cellwright.engine.journal import Step
from cellwright.engine.keys import key_of
from cellwright.engine.run_folder import RunFolder, write_step_file
from cellwright.io.label_image import decode_labels
from cellwright.pipeline.failure import Failure, failure_of
from cellwright.pipeline.large_plane import LARGE_PIXELS, large_planes, main_plane
from cellwright.pipeline.light import with_even_light
from cellwright.pipeline.outcome import Outcome
from cellwright.pipeline.planes import finite, read_planes
from cellwright.pipeline.probe import Where, changed, open_scene
from cellwright.pipeline.publish import labels_file
from cellwright.report.preview import make_preview

__all__ = ["Drawn", "Shown", "choose_shown", "draw_previews"]

# More conditions than this would make a page that nobody scrolls through.
_MOST_CONDITIONS = 12
_LONGEST_SIDE = 720
LARGE_SHOWN = 1024
"""Side of the part that is shown of a picture that is worked on block by block, in pixels."""
# Version of the code that draws: raised when the same picture would be drawn otherwise.
PREVIEW_VERSION = 2


@dataclass(frozen=True)
class Shown:
    """A frame to be shown, and why."""

    outcome: Outcome
    frame: int
    role: str
    caption: str


def choose_shown(outcomes: Sequence[Outcome]) -> list[Shown]:
    """Choose the worst, the median and the best picture, and a typical one per condition.

    Pictures are ranked by their quality verdict, then by how well the outlines part the
    picture into bright and dark (the column ``separation``). Typical of a condition is the
    picture with the median count. Of a movie, the middle frame is shown.
    """
    usable = [o for o in outcomes if o.failure is None and o.frames]
    if not usable:
        return []
    ranked = sorted(usable, key=_goodness)
    chosen: dict[str, Shown] = {}

    def show(outcome: Outcome, role: str, caption: str) -> None:
        if outcome.picture.image not in chosen:
            frame = (len(outcome.frames) - 1) // 2
            chosen[outcome.picture.image] = Shown(outcome, frame, role, caption)

    show(ranked[0], "worst", _caption(ranked[0]))
    show(ranked[len(ranked) // 2], "median", _caption(ranked[len(ranked) // 2]))
    show(ranked[-1], "best", _caption(ranked[-1]))
    conditions = list(dict.fromkeys(o.picture.condition for o in usable if o.picture.condition))
    for condition in conditions[:_MOST_CONDITIONS]:
        own = sorted(
            (o for o in usable if o.picture.condition == condition),
            key=lambda o: (o.n_cells, o.picture.image),
        )
        typical = own[(len(own) - 1) // 2]
        show(typical, f"typical of {condition}", _caption(typical))
    return list(chosen.values())


def _goodness(outcome: Outcome) -> tuple[int, float, str]:
    verdict = {"fail": 0, "warn": 1}.get(outcome.quality, 2)
    parted = [steps["measure"].facts["separation"] or 0.0 for steps in outcome.frames]
    return verdict, sum(parted) / len(parted), outcome.picture.image


def _caption(outcome: Outcome) -> str:
    header = outcome.picture.header
    if header is None or header.size("Y") * header.size("X") < LARGE_PIXELS:
        return outcome.reason
    part = f"the middle {LARGE_SHOWN:,} of {header.size('X'):,} × {header.size('Y'):,} pixels"
    return "; ".join(text for text in (part, outcome.reason) if text)


@dataclass(frozen=True)
class _Task:
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
    key: str


@dataclass(frozen=True)
class Drawn:
    """A drawn preview: why it is shown, and the step that holds its files."""

    image: str
    frame: int
    role: str
    caption: str
    key: str
    width: int
    height: int
    scale_bar_um: float | None
    scale_bar_px: float
    scale: float
    window: str


def draw_previews(
    shown: Sequence[Shown], project: str, folder: RunFolder, pool: Pool, listener: Listener
) -> tuple[list[Drawn], list[Step], list[Step]]:
    """Draw what is shown; gives it, and the steps that were computed and used again."""
    listener(PhaseStarted("previews", len(shown)))
    steps: dict[str, Step] = {}
    tasks: dict[str, _Task] = {}
    reused: list[Step] = []
    for item in shown:
        task = _task(item, project, folder)
        tasks[item.outcome.picture.image] = task
        known = folder.finished("preview", task.key)
        if known is not None:
            steps[item.outcome.picture.image] = known
            reused.append(known)
    missing = [Work(task) for image, task in tasks.items() if image not in steps]
    computed: list[Step] = []
    for task, result in pool.run(_draw, missing):
        listener(StepFinished("previews", task.image, task.frame))
        if isinstance(result, Step):
            folder.journal.enter([result])
            steps[task.image] = result
            computed.append(result)
        elif isinstance(result, Died) or not result.fatal:
            continue  # the report goes without this picture; its numbers are there
    listener(PhaseFinished("previews"))
    drawn = [
        Drawn(
            item.outcome.picture.image,
            item.frame,
            item.role,
            item.caption,
            steps[item.outcome.picture.image].key,
            **steps[item.outcome.picture.image].facts,
        )
        for item in shown
        if item.outcome.picture.image in steps
    ]
    return drawn, computed, reused


def _task(item: Shown, project: str, folder: RunFolder) -> _Task:
    picture, done = item.outcome.picture, item.outcome.frames[item.frame]
    channel = picture.channel.number if picture.channel is not None else 0
    key = key_of(
        step="preview",
        version=PREVIEW_VERSION,
        planes=list(done["planes"].facts["hashes"].items()),
        channel=channel,
        labels=done["measure"].facts["labels_hash"],
        flat=item.outcome.flat_sha256,
        spacing=picture.spacing.x,
    )
    return _Task(
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
        key=key,
    )


def _draw(task: _Task) -> Step | Failure:
    try:
        plane, labels = _shown_part(task) if task.large else _whole(task)
        preview = make_preview(
            finite(plane),
            labels,
            image=task.image,
            frame=task.frame,
            role="",
            caption="",
            spacing=task.spacing,
            max_size=_LONGEST_SIDE,
        )
        files = dict(write_step_file(Path(task.steps), task.key, "png", preview.picture))
        files |= write_step_file(Path(task.steps), task.key, "outlines.png", preview.outlines)
    except Exception as error:  # noqa: BLE001 - the boundary of one input
        return failure_of(error)
    facts = {
        "width": preview.width,
        "height": preview.height,
        "scale_bar_um": preview.scale_bar_um,
        "scale_bar_px": preview.scale_bar_px,
        "scale": preview.scale,
        "window": preview.window,
    }
    return Step("preview", task.key, files, facts)


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
