"""Uneven light: found in the batch or in references, kept as a step, divided out of each plane."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from cellwright.core.errors import InputError, UsageError
from cellwright.core.image import Array
from cellwright.engine.events import Listener, PhaseFinished, PhaseStarted, StepFinished
from cellwright.engine.executors import Died, Pool, Work
from cellwright.engine.journal import Step
from cellwright.engine.keys import file_digest, key_of
from cellwright.engine.run_folder import RunFolder, step_file, write_step_file
from cellwright.io.inputs import find_inputs
from cellwright.pipeline.failure import Failure, failure_of
from cellwright.pipeline.plan import Picture, where_of
from cellwright.pipeline.planes import FLAT, Planes, finite, read_planes
from cellwright.pipeline.probe import Where, open_scene
from cellwright.pipeline.start import Start
from cellwright.quality.flat_field import (
    FlatField,
    estimate_flat_field,
    flat_field_of_references,
    load_flat_field,
)

__all__ = ["Light", "find_light", "with_even_light"]

LIGHT_VERSION = 1
"""Raised when the same pictures would give other fields."""

MOST_PICTURES = 48
"""Pictures that a field is estimated from: more add little, and each must be read."""

_FIELDS = "fields.zip"


@dataclass(frozen=True)
class Light:
    """The fields of light of a run.

    Attributes
    ----------
    files
        From a picture to the file with the field of each of its channels, and its hash.
    said
        What was found for which pictures, in words.
    computed, reused
        Finished steps.
    """

    files: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    said: tuple[str, ...] = ()
    computed: tuple[Step, ...] = ()
    reused: tuple[Step, ...] = ()


@dataclass(frozen=True)
class _Shown:
    """A frame of a picture that a field is estimated from."""

    where: Where
    scene: int
    frame: int


@dataclass(frozen=True)
class _Task:
    """Pictures of one kind: of one size, with the same channels."""

    key: str
    steps: str
    project: str
    channels: tuple[str, ...]
    batch: tuple[_Shown, ...]
    flats: tuple[_Shown, ...]
    darks: tuple[_Shown, ...]


def find_light(
    start: Start,
    pictures: Sequence[Picture],
    folder: RunFolder,
    pool: Pool,
    listener: Listener,
) -> Light:
    """Find the fields of light that the pictures are divided by, as ``--flat-field`` wants it.

    Pictures of different size or channels have fields of their own. In colour pictures light
    is left as it is: their colours mean something.

    Raises
    ------
    UsageError
        If references are asked for and there are none.
    """
    options = start.options
    if options.flat_field == "off":
        return Light()
    flats, darks = _references(start.flat_reference), _references(start.dark_reference)
    if options.flat_field == "batch" and (flats or darks):
        raise UsageError("--flat-reference goes with --flat-field reference, not batch")
    if options.flat_field == "reference" and not flats:
        raise UsageError("--flat-field reference needs --flat-reference with flat pictures")
    kinds: dict[tuple[object, ...], list[Picture]] = {}
    for picture in pictures:
        header = picture.header
        if header is not None and picture.failure is None and not header.is_colour:
            size = (header.size("Y"), header.size("X"))
            kinds.setdefault((*size, header.channels), []).append(picture)
    tasks: dict[_Task, list[Picture]] = {}
    for members in kinds.values():
        shown = () if options.flat_field == "reference" else _spread(members)
        hashes = (
            [digest for _, digest in (*flats, *darks)]
            if flats
            else [p.sha256 for p in _evenly(members)]
        )
        header = members[0].header
        channels = header.channels if header is not None else ()
        _refuse_names(channels)
        layouts = [p.header.layout for p in _evenly(members) if p.header is not None]
        key = key_of(step="light", version=LIGHT_VERSION, project=options.project, of=hashes,
                     scenes=[s.scene for s in shown], frames=[s.frame for s in shown],
                     n_flats=len(flats), channels=channels, layouts=layouts)  # fmt: skip
        task = _Task(
            key, str(folder.steps), options.project, channels, shown,
            tuple(s for s, _ in flats), tuple(s for s, _ in darks),
        )  # fmt: skip
        tasks.setdefault(task, []).extend(members)
    return _done(tasks, folder, pool, listener)


def _done(
    tasks: Mapping[_Task, list[Picture]], folder: RunFolder, pool: Pool, listener: Listener
) -> Light:
    listener(PhaseStarted("light", len(tasks)))
    steps = {t: step for t in tasks if (step := folder.finished("light", t.key)) is not None}
    reused = tuple(steps.values())
    computed: list[Step] = []
    said: list[str] = []
    files: dict[str, tuple[str, str]] = {}
    failures: dict[_Task, str] = {}
    for task, result in pool.run(_find, (Work(t) for t in tasks if t not in steps)):
        if isinstance(result, Step):
            folder.journal.enter((result,))
            steps[task] = result
            computed.append(result)
        else:
            failures[task] = "its worker died" if isinstance(result, Died) else result.reason
        listener(StepFinished("light", ""))
    for task, members in tasks.items():
        which = f"the light of {_pictures(members)}"
        if task in failures:
            said.append(f"{which} was not corrected: {failures[task]}")
            continue
        step = steps[task]
        for channel, words in step.facts["words"].items():
            said.append(f"{which}, channel {channel}: {words}")
        if step.files:
            path = step_file(folder.steps, step.key, _FIELDS)
            files |= dict.fromkeys((p.image for p in members), (str(path), step.files[_FIELDS]))
    listener(PhaseFinished("light"))
    return Light(files, tuple(said), tuple(computed), reused)


def _pictures(members: Sequence[Picture]) -> str:
    first = members[0].image
    return first if len(members) == 1 else f"{len(members)} pictures such as {first}"


def _refuse_names(channels: Sequence[str]) -> None:
    for name in channels:
        if f"{name}{FLAT}" in channels:
            raise UsageError(
                f"the channels {name!r} and {name + FLAT!r} would have the same columns",
                remedy="rename one of them, or leave --flat-field out",
            )


def _evenly(members: Sequence[Picture]) -> list[Picture]:
    """At most `MOST_PICTURES` of them, from all over the batch."""
    n = min(len(members), MOST_PICTURES)
    return [members[i * len(members) // n] for i in range(n)]


def _spread(members: Sequence[Picture]) -> tuple[_Shown, ...]:
    return tuple(_Shown(p.where, p.scene, (p.n_frames - 1) // 2) for p in _evenly(members))


def _references(path: Path | None) -> list[tuple[_Shown, str]]:
    """First scenes of reference pictures, with the hash of each file."""
    if path is None:
        return []
    found = find_inputs([path]).found
    return [(_Shown(where_of(f), 0, 0), file_digest(f.path)) for f in found]


def _find(task: _Task) -> Step | Failure:
    """Estimate the fields of all channels; runs in a worker."""
    try:
        words: dict[str, str] = {}
        fields: dict[str, FlatField] = {}
        for number, name in enumerate(task.channels):
            try:
                found = _field_of(task, number)
            except (InputError, UsageError) as error:
                words[name] = f"not corrected: {error.reason}"
                continue
            words[name] = found.words
            if not found.even:
                fields[name] = found
        files = write_step_file(Path(task.steps), task.key, _FIELDS, _zipped(fields))
    except Exception as error:  # noqa: BLE001 - the boundary of one input
        return failure_of(error)
    return Step("light", task.key, files if fields else {}, {"words": words})


def _field_of(task: _Task, channel: int) -> FlatField:
    def plane(shown: _Shown) -> Array:
        channels = list(_planes(task, shown).channels.values())
        if task.flats and len(channels) == 1:
            return finite(channels[0])  # a reference with a single channel is for all of them
        if channel >= len(channels):
            raise InputError(f"the references have {len(channels)} channels")
        return finite(channels[channel])

    if task.flats:
        return flat_field_of_references(
            [plane(shown) for shown in task.flats], [plane(shown) for shown in task.darks]
        )
    return estimate_flat_field(plane(shown) for shown in task.batch)


def _planes(task: _Task, shown: _Shown) -> Planes:
    project = task.project if task.project != "none" else "max"
    return read_planes(open_scene(shown.where, shown.scene, ""), shown.frame, project)


def _zipped(fields: Mapping[str, FlatField]) -> bytes:
    stream = io.BytesIO()
    with ZipFile(stream, "w", ZIP_STORED) as archive:
        for number, (name, found) in enumerate(fields.items()):
            entry = ZipInfo(f"{number}.npz", (1980, 1, 1, 0, 0, 0))
            entry.comment = name.encode("utf-8")
            archive.writestr(entry, found.save())
    return stream.getvalue()


def with_even_light(planes: Planes, fields: str) -> Planes:
    """Divide the light out of the channels of which a field is known.

    Parameters
    ----------
    planes
        Of one frame.
    fields
        File with the fields, as `find_light` names it; empty for none.
    """
    if not fields or planes.whole is not None:
        return planes
    with ZipFile(fields) as archive:
        known = {
            entry.comment.decode("utf-8"): load_flat_field(archive.read(entry))
            for entry in archive.infolist()
        }
    flat = {
        name: known[name].apply(plane) for name, plane in planes.channels.items() if name in known
    }
    return replace(planes, flat=flat)
