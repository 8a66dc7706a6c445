"""All plane sets of a run: what is known is used again, the rest goes to the workers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from cellwright.core.errors import RunError
from cellwright.core.method import ModelMethod
from cellwright.engine.events import Listener, PhaseFinished, PhaseStarted, StepFinished
from cellwright.engine.executors import Died, Pool, Work
from cellwright.engine.journal import Step
from cellwright.engine.run_folder import RunFolder
from cellwright.pipeline.beside import Beside
from cellwright.pipeline.failure import Failure
from cellwright.pipeline.large_plane import is_large
from cellwright.pipeline.plan import Picture, Settings
from cellwright.pipeline.plane_set import UnitResult, fingerprint, work_on
from cellwright.pipeline.unit import Unit, plan_steps

__all__ = ["Done", "do_units", "units_of"]

# Measured: what reading, judging and measuring take for each pixel of a plane beside the
# picture's own bytes (several float64 copies and the tables of foreground pixels).
_BYTES_PER_PIXEL = 40
_COPIES = 3
LARGE_BYTES = 1_000_000_000
"""Measured: the most that a plane takes that is worked on block by block, however large it is."""


@dataclass(frozen=True)
class Done:
    """What became of one plane set."""

    unit: Unit
    result: UnitResult | Failure


def units_of(
    picture: Picture,
    settings: Settings,
    beside: Beside,
    *,
    steps: str,
    segment: bool,
    measure: bool,
    device: str = "cpu",
) -> list[Unit]:
    """Make the plane sets of a picture, one for each frame."""
    if picture.channel is None or picture.header is None:
        return []
    return [
        Unit(
            image=picture.image,
            where=picture.where,
            scene=picture.scene,
            frame=frame,
            sha256=picture.sha256,
            channel=picture.channel.number,
            nuclei=picture.nuclei.number if picture.nuclei is not None else None,
            project=settings.options.project,
            spacing=picture.spacing,
            diameter_px=picture.diameter_px,
            method=settings.options.method if segment else "",
            options=tuple(sorted(settings.method_options.items())),
            cell_options=tuple(sorted(settings.cell_options.items())),
            given=beside.given,
            filters=settings.options.filter,
            features=settings.options.features,
            thresholds=settings.thresholds,
            measure=measure,
            region=beside.region[0],
            region_sha256=beside.region[1],
            flat=beside.flat[0],
            flat_sha256=beside.flat[1],
            steps=steps,
            device=device,
            large=is_large(picture.header, settings.method if segment else None),
            n_frames=picture.n_frames,
            layout=picture.header.layout,
            files=picture.header.files,
        )
        for frame in range(picture.n_frames)
    ]


def memory_of(picture: Picture, settings: Settings) -> int:
    """Bytes that one plane set may need, beside the worker itself."""
    if picture.header is None:
        return 0
    if is_large(picture.header, settings.method):
        return LARGE_BYTES
    pixels = picture.header.size("Y") * picture.header.size("X")
    own = pixels * settings.method.memory
    if isinstance(settings.method, ModelMethod):
        own = min(own, settings.method.overhead)
    return _COPIES * picture.header.plane_bytes + pixels * _BYTES_PER_PIXEL + own


def do_units(
    units: Sequence[Unit],
    memory: Mapping[str, int],
    *,
    limit: int,
    folder: RunFolder,
    pool: Pool,
    listener: Listener,
) -> Iterator[Done]:
    """Do all plane sets; gives each as soon as it is done, its steps in the journal.

    Parameters
    ----------
    units
        All plane sets.
    memory
        Bytes that a plane set of each picture may need.
    limit
        Bytes that there are for all: a picture that alone needs more fails.
    folder, pool, listener
        The run, its workers, and who listens.

    Raises
    ------
    RunError
        If the folder of the run cannot be written to.
    """
    listener(PhaseStarted("cells", len(units)))
    had_steps = folder.journal.has_steps
    todo: list[Unit] = []
    unread: list[Unit] = []
    for unit in units:
        known, complete = plan_steps(unit, folder.finished)
        ready = replace(unit, known=known)
        if complete:
            listener(StepFinished("cells", unit.image, unit.frame))
            yield Done(unit, UnitResult((), tuple(known.values()), {}))
        elif memory[unit.image] > limit:
            yield Done(unit, _too_large(memory[unit.image], limit))
        elif had_steps and "planes" not in known:
            unread.append(ready)  # the file is new, but perhaps its pixels are not
        else:
            todo.append(ready)
    fresh: dict[tuple[str, int], tuple[Step, ...]] = {}
    for unit, result in _run(fingerprint, unread, memory, pool):
        if isinstance(result, Failure):
            yield Done(unit, result)
            continue
        folder.journal.enter(result.computed)
        known, complete = plan_steps(unit, folder.finished)
        if complete:
            listener(StepFinished("cells", unit.image, unit.frame, result.seconds))
            everything = UnitResult((), tuple(known.values()), result.seconds)
            yield Done(unit, _just_read(everything, result.computed))
        else:
            fresh[unit.image, unit.frame] = result.computed
            todo.append(replace(unit, known=known))
    threads = max(1, pool.workers // max(1, len(todo)))
    alone = [replace(unit, threads=threads) for unit in todo]
    for unit, result in _run(work_on, alone, memory, pool):
        if isinstance(result, Failure):
            listener(StepFinished("cells", unit.image, unit.frame))
            yield Done(unit, result)
            continue
        folder.journal.enter(result.computed)
        listener(StepFinished("cells", unit.image, unit.frame, result.seconds))
        yield Done(unit, _just_read(result, fresh.get((unit.image, unit.frame), ())))
    listener(PhaseFinished("cells"))


def _just_read(result: UnitResult, new: tuple[Step, ...]) -> UnitResult:
    """Count as computed what the worker knew only because it was read a moment ago."""
    again = tuple(step for step in result.reused if step not in new)
    return replace(result, computed=(*new, *result.computed), reused=again)


def _run(
    function: Callable[[Unit], UnitResult | Failure],
    units: Iterable[Unit],
    memory: Mapping[str, int],
    pool: Pool,
) -> Iterator[tuple[Unit, UnitResult | Failure]]:
    work = (Work(unit, memory[unit.image]) for unit in units)
    for unit, result in pool.run(function, work):
        if isinstance(result, Failure) and result.fatal:
            raise RunError(result.reason)
        yield unit, DIED if isinstance(result, Died) else result


DIED = Failure(
    "a worker process died of this picture (a crash, or memory ran out); "
    "try it alone, with --workers 1"
)


def _too_large(need: int, limit: int) -> Failure:
    return Failure(
        f"it needs about {need / 1e9:.1f} GB of memory, and there are {limit / 1e9:.1f} GB; "
        "raise --memory, or cut the picture into parts"
    )
