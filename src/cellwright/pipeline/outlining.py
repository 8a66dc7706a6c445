"""Outlines for other programs, on request: ``outlines/`` of a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from cellwright.core.errors import UsageError
from cellwright.core.image import Array
from cellwright.core.labels import Labels
from cellwright.engine.events import Listener, PhaseFinished, PhaseStarted, StepFinished
from cellwright.engine.executors import Died, Pool, Work
from cellwright.engine.files import atomic_stream
from cellwright.engine.journal import Step
from cellwright.engine.keys import file_digest, key_of
from cellwright.engine.run_folder import RunFolder, step_file
from cellwright.io.label_image import decode_labels
from cellwright.io.outline import Outlined, loaded_writers
from cellwright.pipeline.corrections import OTHER_KINDS
from cellwright.pipeline.failure import Failure, failure_of
from cellwright.pipeline.measuring import measured_columns
from cellwright.pipeline.outcome import Outcome
from cellwright.pipeline.publish import labels_file

__all__ = ["check_formats", "write_outlines"]

OUTLINES_VERSION = 1
"""Raised when the same labels would be written otherwise."""

_BYTES_PER_PIXEL = 16
"""Of memory: labels, their edges, and the polygons of a plane full of cells."""


@dataclass(frozen=True)
class _Task:
    """The label images of one kind of object of a picture, in one format."""

    image: str
    kind: str
    format: str
    files: tuple[str, ...]
    measured: tuple[Step, ...]
    steps: str
    key: str
    relative: str


def check_formats(formats: Sequence[str]) -> None:
    """Refuse a format of outlines that nobody can write.

    Raises
    ------
    UsageError
        Listing those that there are.
    """
    known = loaded_writers() if formats else {}
    for name in formats:
        if name not in known:
            raise UsageError(f"there are no outlines {name!r}", remedy="choose " + ", ".join(known))


def write_outlines(
    outcomes: Sequence[Outcome],
    formats: Sequence[str],
    folder: RunFolder,
    pool: Pool,
    listener: Listener,
    *,
    keep_others: bool,
) -> tuple[list[str], list[Step], list[Step]]:
    """Write the outlines of all pictures in all formats.

    Files of earlier starts that are not among them are moved to ``.work/orphans``, unless
    `keep_others` says that other pictures were left out of this start.

    Returns
    -------
    tuple
        What could not be written, in words; the steps computed, and those used again.
    """
    tasks = [task for outcome in outcomes for task in _tasks(outcome, formats, folder)]
    listener(PhaseStarted("outlines", len(tasks)))
    steps = {t.key: step for t in tasks if (step := folder.finished("outlines", t.key)) is not None}
    reused = list(steps.values())
    computed: list[Step] = []
    problems: list[str] = []
    pixels = {o.picture.image: _pixels(o) for o in outcomes}
    work = (Work(t, pixels[t.image] * _BYTES_PER_PIXEL) for t in tasks if t.key not in steps)
    for task, result in pool.run(_write, work):
        if isinstance(result, Step):
            folder.journal.enter((result,))
            steps[task.key] = result
            computed.append(result)
        else:
            why = "the worker died" if isinstance(result, Died) else result.reason
            problems.append(f"{task.relative} could not be written: {why}")
        listener(StepFinished("outlines", task.image))
    for task in tasks:
        step = steps.get(task.key)
        if step is not None:
            [ending] = step.files
            source = step_file(folder.steps, step.key, ending)
            if folder.is_edited(task.relative):
                folder.set_aside(task.relative)
                problems.append(f"{task.relative} was edited, and moved to .work/orphans")
            folder.publish_file(task.relative, source, step.files[ending])
    if not keep_others:
        current = {task.relative for task in tasks if task.key in steps}
        for path in sorted(folder.journal.published):
            is_gone = path.startswith("outlines/") and path not in current
            if is_gone and (folder.path / path).is_file():
                folder.set_aside(path)
    listener(PhaseFinished("outlines"))
    return problems, computed, reused


def _pixels(outcome: Outcome) -> int:
    header = outcome.picture.header
    return header.size("Y") * header.size("X") if header is not None else 0


def _tasks(outcome: Outcome, formats: Sequence[str], folder: RunFolder) -> Iterator[_Task]:
    if outcome.failure is not None:
        return
    picture = outcome.picture
    labelled = outcome.frames[0].get("given") or outcome.frames[0]["segment"]
    writers = loaded_writers()
    for kind in ("", *(k for k in OTHER_KINDS if k in labelled.facts["objects"])):
        if kind == outcome.main_kind:
            continue
        measured = tuple(frame["measure"] for frame in outcome.frames)
        files = tuple(str(labels_file(folder.steps, frame, kind)) for frame in outcome.frames)
        path = PurePosixPath(picture.label_path_of(kind)).relative_to("labels")
        for name in formats:
            yield _Task(
                image=picture.image,
                kind=kind or outcome.main_kind,
                format=name,
                files=files,
                measured=measured,
                steps=str(folder.steps),
                key=key_of(
                    step="outlines",
                    version=OUTLINES_VERSION,
                    image=picture.image,
                    kind=kind,
                    format=name,
                    measured=[step.key for step in measured],
                ),
                relative=f"outlines/{path.with_suffix(writers[name].extension)}",
            )


def _write(task: _Task) -> Step | Failure:
    """Write one file; runs in a worker."""
    try:
        writer = loaded_writers()[task.format]
        first = decode_labels(Path(task.files[0]))
        labels = first
        if len(task.files) > 1:
            labels = Labels(_Frames(task.files, first.data.shape), "TYX")
        outlined = Outlined(task.image, labels, _cells(task), task.kind)
        ending = f"{task.format}{writer.extension}"
        steps = Path(task.steps)
        path = step_file(steps, task.key, ending)
        with atomic_stream(path, steps.parent / "tmp") as stream:
            writer.write(stream, outlined)
    except Exception as error:  # noqa: BLE001 - the boundary of one input
        return failure_of(error)
    return Step("outlines", task.key, {ending: file_digest(path)}, {})


def _cells(task: _Task) -> pd.DataFrame | None:
    """Measurements of the objects of all frames."""
    tables = []
    for frame, step in enumerate(task.measured):
        columns = measured_columns(Path(task.steps), step)
        if task.kind in OTHER_KINDS:
            columns = measured_columns(Path(task.steps), step, task.kind) or columns
        if columns is not None:
            tables.append(pd.DataFrame({**columns, "frame": np.full(len(columns["label"]), frame)}))
    return pd.concat(tables, ignore_index=True) if tables else None


@dataclass(frozen=True)
class _Frames:
    """Label images of the frames of a movie, read one at a time: a `LazyArray`."""

    files: tuple[str, ...]
    plane: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.files), *self.plane)

    @property
    def dtype(self) -> np.dtype[np.uint32]:
        return np.dtype(np.uint32)

    def __getitem__(self, index: tuple[int | slice, ...], /) -> Array:
        first, *rest = index
        if isinstance(first, slice):
            frames = range(*first.indices(len(self.files)))
            return np.stack([self[(frame, *rest)] for frame in frames])
        return np.asarray(decode_labels(Path(self.files[first])).pixels()[tuple(rest)])
