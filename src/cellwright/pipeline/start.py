"""What is asked for at one start, and everything that is checked before work begins."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from cellwright.core.errors import UsageError
from cellwright.core.units import parse_memory
from cellwright.engine.events import (
    CancelToken,
    Listener,
    PhaseFinished,
    PhaseStarted,
    StepFinished,
    silent,
)
from cellwright.engine.executors import Died, MakeExecutor, Pool, Work, local_pool
from cellwright.engine.memory import default_memory
from cellwright.io.inputs import Inputs
from cellwright.io.samples import Samples
from cellwright.pipeline.failure import Failure
from cellwright.pipeline.options import AnalyzeOptions, Execution
from cellwright.pipeline.plan import Plan, Settings, find_pictures, planned, settle
from cellwright.pipeline.probe import Probe, probe
from cellwright.pipeline.work import WORKER_BYTES

__all__ = ["Found", "Stages", "Start", "find", "look_and_plan", "plan_pictures", "resources"]


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
    """What is asked for at one start: pictures, where the run goes, options."""

    inputs: tuple[Path, ...]
    out: Path
    options: AnalyzeOptions
    execution: Execution
    samples: Path | None = None
    stages: Stages = Stages()


@dataclass(frozen=True)
class Found:
    """Checked options, and the inputs with their table."""

    settings: Settings
    inputs: Inputs
    samples: Samples | None


def find(start: Start) -> Found:
    """Check the options and find the inputs; nothing is opened or written.

    Raises
    ------
    UsageError
        For options or inputs that make no sense, or an output that would lie beside them.
    """
    settings = settle(start.options)
    inputs, samples = find_pictures(start.inputs, start.out, start.samples)
    out = start.out.resolve()
    beside = [f for f in inputs.found if f.path.resolve().parent == out]
    if beside or any(path.exists() and path.resolve() == out for path in start.inputs):
        raise UsageError(
            "the output would lie among the pictures",
            where=str(start.out),
            remedy="choose another folder with --out",
        )
    labels = start.stages.labels
    if labels is not None and labels.is_file() and len(inputs.found) > 1:
        raise UsageError(
            f"there is one label image for {len(inputs.found)} pictures",
            where=str(labels),
            remedy="give the folder of the label images",
        )
    return Found(settings, inputs, samples)


def resources(execution: Execution) -> tuple[int, int]:
    """Give the number of workers, and the bytes for their pictures.

    Raises
    ------
    UsageError
        If there is too little memory, or a device that is not there is asked for.
    """
    if execution.device == "cuda":
        raise UsageError(
            "--device cuda: no method of this version uses a graphics processor",
            remedy="leave --device out",
        )
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
    return workers, left


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
    workers, memory = resources(start.execution)
    make = make_executor or local_pool(workers)
    with Pool(make, workers=workers, memory=memory, cancel=CancelToken()) as pool:
        return look_and_plan(found, pool, listener), found.settings


def look_and_plan(found: Found, pool: Pool, listener: Listener) -> Plan:
    """Open the files, as many as ``--limit`` wants, and decide for each picture."""
    looked_at = found.inputs.found[: found.settings.options.limit]
    paths = list(dict.fromkeys(str(item.path) for item in looked_at))
    listener(PhaseStarted("files", len(paths)))
    probes: dict[str, Probe | Failure] = {}
    for path, result in pool.run(probe, (Work(path) for path in paths)):
        probes[path] = (
            Failure("reading this file crashed the reader") if isinstance(result, Died) else result
        )
        seconds = {"open": result.seconds} if isinstance(result, Probe) else {}
        listener(StepFinished("files", path, seconds=seconds))
    listener(PhaseFinished("files"))
    return planned(found.inputs, found.samples, probes, found.settings)
