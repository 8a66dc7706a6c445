"""What is asked for at one start, and everything that is checked before work begins."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from cellwright.core.errors import UsageError
from cellwright.core.units import parse_memory
from cellwright.engine.cluster import connect
from cellwright.engine.events import (
    CancelToken,
    Listener,
    PhaseFinished,
    PhaseStarted,
    StepFinished,
    silent,
)
from cellwright.engine.executors import Died, MakeExecutor, Pool, Work, local_pool
from cellwright.engine.memory import WORKER_BYTES, default_memory
from cellwright.io.inputs import Inputs
from cellwright.io.joining import join_files
from cellwright.io.samples import Samples
from cellwright.pipeline.failure import Failure
from cellwright.pipeline.gates import check_requests
from cellwright.pipeline.options import AUTO, AnalyzeOptions, Execution
from cellwright.pipeline.outlining import check_formats
from cellwright.pipeline.plan import Plan, Settings, find_pictures, planned, settle, where_of
from cellwright.pipeline.probe import Look, Probe, Where, probe
from cellwright.stats.options import Question

__all__ = [
    "Found", "Stages", "Start", "Workforce", "device_of", "find", "local_workforce",
    "look_and_plan", "plan_pictures", "workforce",
]  # fmt: skip


_SHOWN = 6
"""Conditions that a message names."""


@dataclass(frozen=True)
class Stages:
    """Which parts of the whole way are gone: each verb goes some of them.

    Attributes
    ----------
    verb
        Name of the verb, for the record.
    segment
        Whether the method finds objects; without it, labels are given.
    measure
        Whether there is a table of cells.
    report
        Whether there are a report, figures and a methods paragraph.
    labels
        Folder of given label images, for ``measure``.
    """

    verb: str = "analyze"
    segment: bool = True
    measure: bool = True
    report: bool = True
    labels: Path | None = None


@dataclass(frozen=True)
class Start:
    """What is asked for at one start.

    Attributes
    ----------
    inputs, out, options, execution
        Pictures, where the run goes, and how.
    samples
        The table that says which picture is what.
    stages
        Which parts of the way are gone.
    regions
        File or folder of regions in which cells are counted.
    flat_reference, dark_reference
        Files or folders of pictures of an even field, and of none at all.
    question
        What the report is to answer.
    """

    inputs: tuple[Path, ...]
    out: Path
    options: AnalyzeOptions
    execution: Execution
    samples: Path | None = None
    stages: Stages = Stages()
    regions: Path | None = None
    flat_reference: Path | None = None
    dark_reference: Path | None = None
    question: Question = Question()

    def absolute(self) -> Start:
        """Give the same with absolute paths."""

        def of(path: Path | None) -> Path | None:
            return path.absolute() if path is not None else None

        return replace(
            self,
            inputs=tuple(path.absolute() for path in self.inputs),
            out=self.out.absolute(),
            samples=of(self.samples),
            stages=replace(self.stages, labels=of(self.stages.labels)),
            regions=of(self.regions),
            flat_reference=of(self.flat_reference),
            dark_reference=of(self.dark_reference),
        )


@dataclass(frozen=True)
class Found:
    """Checked options, and the inputs with their table."""

    settings: Settings
    inputs: Inputs
    samples: Samples | None
    notes: tuple[str, ...] = ()


def find(start: Start) -> Found:
    """Check the options and find the inputs; nothing is opened or written.

    Raises
    ------
    UsageError
        For options or inputs that make no sense, or an output that would lie beside them.
    """
    settings = settle(start.options)
    inputs, samples = find_pictures(start.inputs, start.out, start.samples)
    _check_question(start.question, samples)
    # a table of samples as the only input names its pictures itself
    named = samples is not None and start.samples is None
    joined = join_files(inputs, "none" if named else settings.options.pattern)
    inputs = joined.inputs
    out = start.out.resolve()
    beside = [f for f in inputs.found if f.path.resolve().parent == out]
    if beside or any(path.exists() and path.resolve() == out for path in start.inputs):
        raise UsageError(
            "the output would lie among the pictures",
            where=str(start.out),
            remedy="choose another folder with --out",
        )
    if start.regions is not None:
        if not start.regions.exists():
            raise UsageError("there is no such file or folder", where=str(start.regions))
        if any(i.exists() and i.samefile(start.regions) for i in start.inputs):
            raise UsageError(
                "the regions would be the pictures themselves",
                where=str(start.regions),
                remedy="put the regions into a folder of their own",
            )
    labels = start.stages.labels
    if labels is not None and start.options.nuclei is not None and labels.is_file():
        raise UsageError(
            "there is one label image for nuclei and cells",
            where=str(labels),
            remedy="give a folder with labels of cells, and those of nuclei in nucleus/",
        )
    if labels is not None and labels.is_file() and len(inputs.found) > 1:
        raise UsageError(
            f"there is one label image for {len(inputs.found)} pictures",
            where=str(labels),
            remedy="give the folder of the label images",
        )
    return Found(settings, inputs, samples, joined.said)


def _check_question(question: Question, samples: Samples | None) -> None:
    """Refuse a reference that no picture is of before hours are spent."""
    if question.reference is None:
        return
    if samples is None:
        raise UsageError(
            f"nothing tells which pictures are {question.reference!r}",
            remedy="give the table of conditions with --samples; `cellwright samples` writes one",
        )
    known = list(dict.fromkeys(row.condition for row in samples.rows if row.condition))
    if question.reference not in known:
        raise UsageError(
            f"no picture is of the condition {question.reference!r}",
            where=str(samples.path),
            remedy=f"the conditions are {', '.join(known[:_SHOWN]) or 'not stated'}",
        )


@dataclass(frozen=True)
class Workforce:
    """Where the work of a run is done.

    Attributes
    ----------
    make_executor
        Makes the executor.
    workers
        Pieces of work at once.
    memory
        Bytes for all pieces at work together.
    largest
        Bytes for a single one.
    """

    make_executor: MakeExecutor
    workers: int
    memory: int
    largest: int


def local_workforce(execution: Execution, make_executor: MakeExecutor | None) -> Workforce:
    """Give the processes of this machine.

    Raises
    ------
    UsageError
        If there is too little memory.
    """
    memory = parse_memory(execution.memory) if execution.memory else default_memory()
    wanted = execution.workers or os.cpu_count() or 1
    workers = max(1, min(wanted, memory // WORKER_BYTES - 1))
    left = memory - (workers + 1) * WORKER_BYTES
    if left <= 0:
        there = f"--memory {execution.memory}" if execution.memory else f"{memory / 1e9:.1f} GB"
        raise UsageError(
            f"{there} of memory is not enough to start",
            remedy=f"it takes {2 * WORKER_BYTES // 10**6} MB and what the pictures need",
        )
    return Workforce(make_executor or local_pool(workers), workers, left, left)


def device_of(settings: Settings, execution: Execution) -> str:
    """Where networks of this run are run, ``cpu`` or ``cuda``; looked up only where it matters.

    Raises
    ------
    UsageError
        If a graphics card is asked for and there is none that works.
    """
    if "device" not in settings.method.options.model_fields and execution.device != "cuda":
        return "cpu"
    from cellwright.engine.onnx import used_device

    return used_device(execution.device)


@contextmanager
def workforce(start: Start, local: Workforce) -> Iterator[Workforce]:
    """Give the cluster that ``--scheduler`` names, or the processes of this machine.

    Raises
    ------
    UsageError
        If the cluster cannot be used.
    """
    address = start.execution.scheduler
    if address is None:
        yield local
        return
    with connect(address, start.out, [i for i in start.inputs if i.exists()]) as cluster:
        stated = parse_memory(start.execution.memory) if start.execution.memory else sys.maxsize
        each = [(limit or local.memory) - WORKER_BYTES for limit in cluster.memory]
        memory = min(sum(each), stated)
        if min(each) <= 0 or memory <= 0:
            raise UsageError(
                "the workers have too little memory",
                where=address,
                remedy=f"give each more than {2 * WORKER_BYTES // 10**6} MB with --memory-limit",
            )
        workers = min(cluster.workers, start.execution.workers or cluster.workers)
        yield Workforce(cluster.make_executor, workers, memory, min(*each, memory))


def plan_pictures(
    start: Start, listener: Listener = silent, make_executor: MakeExecutor | None = None
) -> tuple[Plan, Settings]:
    """Find and open all inputs and decide everything, computing and writing nothing.

    Raises
    ------
    UsageError
        For options or inputs that make no sense.
    """
    found = find(start)
    check_formats(start.options.outlines)
    force = local_workforce(start.execution, make_executor)
    with Pool(
        force.make_executor, workers=force.workers, memory=force.memory, cancel=CancelToken()
    ) as pool:
        plan = look_and_plan(found, pool, listener)
    check_requests(plan.pictures, found.settings.options)
    return plan, found.settings


def look_and_plan(found: Found, pool: Pool, listener: Listener) -> Plan:
    """Open the files, as many as ``--limit`` wants, and decide for each picture."""
    looked_at = found.inputs.found[: found.settings.options.limit]
    places = list(dict.fromkeys(where_of(item) for item in looked_at))
    listener(PhaseStarted("files", len(places)))
    probes: dict[Where, Probe | Failure] = {}
    bars = found.settings.options.pixel_size == AUTO
    for look, result in pool.run(probe, (Work(Look(where, bars)) for where in places)):
        where = look.where
        probes[where] = (
            Failure("reading this file crashed the reader") if isinstance(result, Died) else result
        )
        seconds = {"open": result.seconds} if isinstance(result, Probe) else {}
        name = where if isinstance(where, str) else where.parts[0].path
        listener(StepFinished("files", name, seconds=seconds))
    listener(PhaseFinished("files"))
    plan = planned(found.inputs, found.samples, probes, found.settings)
    return replace(plan, decisions=found.notes)
