"""The whole way: pictures in; labels, tables and a report out."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cellwright.core.errors import CellwrightError, RunError, UsageError
from cellwright.core.units import parse_memory
from cellwright.engine.events import (
    CancelToken,
    Event,
    Listener,
    Message,
    PhaseFinished,
    PhaseStarted,
    PictureFinished,
    StepFinished,
    silent,
)
from cellwright.engine.executors import Died, MakeExecutor, Pool, Work, local_pool
from cellwright.engine.journal import Step
from cellwright.engine.keys import file_digest
from cellwright.engine.memory import default_memory
from cellwright.engine.run_folder import RunFolder
from cellwright.io.inputs import Inputs, Skipped
from cellwright.io.samples import Samples
from cellwright.pipeline.corrections import set_orphans_aside, take_corrections
from cellwright.pipeline.failure import Failure
from cellwright.pipeline.gallery import choose_shown, draw_previews
from cellwright.pipeline.given import find_label_file
from cellwright.pipeline.log import RunLog
from cellwright.pipeline.options import AnalyzeOptions, Execution
from cellwright.pipeline.outcome import Outcome, cell_columns, images_table, quality_table
from cellwright.pipeline.plan import Picture, Settings, find_pictures, planned, settle
from cellwright.pipeline.plane_set import UnitResult
from cellwright.pipeline.probe import Probe, probe
from cellwright.pipeline.publish import label_paths_of, publish_labels
from cellwright.pipeline.record import recipe_text, run_record, run_text, summary_of
from cellwright.pipeline.run import Run, Summary
from cellwright.pipeline.tables import csv_bytes, write_cells
from cellwright.pipeline.unit import Unit
from cellwright.pipeline.work import WORKER_BYTES, do_units, memory_of, units_of

__all__ = ["Stages", "Start", "analyze_pictures", "plan_pictures"]


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


class _Recorder:
    """Passes events on to several listeners."""

    def __init__(self, *listeners: Listener) -> None:
        self._listeners = listeners

    def __call__(self, event: Event) -> None:
        for listener in self._listeners:
            listener(event)


def _resources(execution: Execution) -> tuple[int, int]:
    """Workers, and bytes for their pictures, within the memory that may be used."""
    if execution.device == "cuda":
        raise UsageError(
            "no method of this version uses a graphics processor", remedy="leave --device out"
        )
    memory = parse_memory(execution.memory) if execution.memory else default_memory()
    wanted = execution.workers or os.cpu_count() or 1
    workers = max(1, min(wanted, memory // WORKER_BYTES - 1))
    left = memory - (workers + 1) * WORKER_BYTES
    if left <= 0:
        raise UsageError(
            f"--memory {execution.memory} is not enough to start",
            remedy=f"it takes {2 * WORKER_BYTES // 10**6} MB and what the pictures need",
        )
    return workers, left


def plan_pictures(
    start: Start, listener: Listener = silent, make_executor: MakeExecutor | None = None
) -> tuple[list[Picture], list[Skipped], Settings]:
    """Find and open all inputs and decide everything, computing and writing nothing.

    Raises
    ------
    UsageError
        For options or inputs that make no sense.
    """
    settings = settle(start.options)
    inputs, samples = find_pictures(start.inputs, start.out, start.samples)
    workers, memory = _resources(start.execution)
    make = make_executor or local_pool(workers)
    with Pool(make, workers=workers, memory=memory, cancel=CancelToken()) as pool:
        pictures, skipped = _planned(inputs, samples, settings, pool, listener)
    return pictures, skipped, settings


def _planned(
    inputs: Inputs, samples: Samples | None, settings: Settings, pool: Pool, listener: Listener
) -> tuple[list[Picture], list[Skipped]]:
    limit = settings.options.limit
    if limit is not None:
        inputs = Inputs(inputs.found[:limit], inputs.skipped)
    paths = list(dict.fromkeys(str(found.path) for found in inputs.found))
    listener(PhaseStarted("files", len(paths)))
    probes: dict[str, Probe | Failure] = {}
    for path, result in pool.run(probe, (Work(path) for path in paths)):
        probes[path] = (
            Failure("reading this file crashed the reader") if isinstance(result, Died) else result
        )
        seconds = {"open": result.seconds} if isinstance(result, Probe) else {}
        listener(StepFinished("files", path, seconds=seconds))
    listener(PhaseFinished("files"))
    return planned(inputs, samples, probes, settings)


def analyze_pictures(
    start: Start,
    *,
    listener: Listener = silent,
    cancel: CancelToken | None = None,
    make_executor: MakeExecutor | None = None,
) -> Run:
    """Go the way from pictures to what `start` asks for.

    Parameters
    ----------
    start
        What is asked for.
    listener
        Is told what goes on.
    cancel
        Stops the run at the next safe moment.
    make_executor
        Where the work runs; processes on this machine if None.

    Returns
    -------
    Run
        With its `summary`.

    Raises
    ------
    UsageError
        Before anything was computed.
    RunError
        If the folder of the run cannot be used; what was finished is kept.
    CancelledError
        If somebody stopped it.
    """
    settings = settle(start.options)
    inputs, samples = find_pictures(start.inputs, start.out, start.samples)
    if not inputs.found:
        raise _nothing(start, inputs)
    _refuse_input_as_output(start)
    workers, memory = _resources(start.execution)
    cancel = cancel or CancelToken()
    make = make_executor or local_pool(workers)
    with (
        RunFolder(start.out) as folder,
        Pool(make, workers=workers, memory=memory, cancel=cancel) as pool,
    ):
        log = RunLog(
            start.out / "log.jsonl",
            inputs=[str(i) for i in start.inputs],
            workers=workers,
            memory=memory,
        )
        analysis = _Analysis(
            start,
            settings,
            folder=folder,
            pool=pool,
            listener=_Recorder(log, listener),
            memory=memory,
        )
        return analysis.run(inputs, samples)


def _nothing(start: Start, inputs: Inputs) -> CellwrightError:
    seen = f"; {len(inputs.skipped)} files were skipped" if inputs.skipped else ""
    first = inputs.skipped[0] if inputs.skipped else None
    why = f", such as {first.image}: {first.reason}" if first else ""
    return RunError(
        f"there is no picture to work on{seen}{why}",
        where=", ".join(str(i) for i in start.inputs),
    )


def _refuse_input_as_output(start: Start) -> None:
    out = start.out.resolve()
    for path in start.inputs:
        if path.exists() and path.resolve() == out:
            raise UsageError(
                "the output would lie among the pictures",
                where=str(path),
                remedy="choose another folder with --out",
            )


class _Analysis:
    """One start: what its parts share."""

    def __init__(
        self,
        start: Start,
        settings: Settings,
        *,
        folder: RunFolder,
        pool: Pool,
        listener: Listener,
        memory: int,
    ) -> None:
        self.start = start
        self.settings = settings
        self.folder = folder
        self.pool = pool
        self.listener = listener
        self.memory = memory
        self._samples_sha256 = ""
        self.computed: Counter[str] = Counter()
        self.reused: Counter[str] = Counter()

    def run(self, inputs: Inputs, samples: Samples | None) -> Run:
        """Go all parts in order."""
        if samples is not None:
            self._samples_sha256 = file_digest(samples.path)
        corrections = take_corrections(self.folder)
        pictures, skipped = _planned(inputs, samples, self.settings, self.pool, self.listener)
        outcomes = self._outcomes(pictures, corrections)
        notes = self._notes(pictures, corrections)
        current = label_paths_of(outcomes)
        for path in set_orphans_aside(self.folder, self._all_paths(current)):
            self.listener(Message("info", f"{path} moved to .work/orphans: its input is gone"))
        self._write(outcomes, skipped, notes)
        counts = summary_of(outcomes, skipped)
        return Run(
            self.start.out,
            Summary(
                **counts,
                computed=self.computed.total(),
                reused=self.reused.total(),
                by_step={
                    name: {"computed": self.computed[name], "reused": self.reused[name]}
                    for name in sorted(self.computed.keys() | self.reused.keys())
                },
            ),
        )

    def _given(self, picture: Picture, corrections: dict[str, str]) -> tuple[str, str] | Failure:
        """The label file that stands in for the method's labels, with its hash."""
        name = picture.label_path.removeprefix("labels/")
        if name in corrections:
            return str(self.folder.corrections / name), corrections[name]
        if self.start.stages.labels is None:
            return "", ""
        file = find_label_file(self.start.stages.labels, name, picture.image)
        if file is None:
            return Failure(
                f"there is no label image for it; it was looked for as {name} and {picture.image}"
            )
        return str(file), file_digest(file)

    def _outcomes(self, pictures: Sequence[Picture], corrections: dict[str, str]) -> list[Outcome]:
        """Do all plane sets; the labels of a picture are published as soon as it is done."""
        units: list[Unit] = []
        memory: dict[str, int] = {}
        ready: dict[str, Outcome] = {}
        for picture in pictures:
            given = self._given(picture, corrections)
            failure = picture.failure or (given if isinstance(given, Failure) else None)
            if failure is not None or isinstance(given, Failure):
                ready[picture.image] = self._finished(Outcome(picture, failure=failure))
                continue
            memory[picture.image] = memory_of(picture, self.settings)
            units += units_of(
                picture,
                self.settings,
                steps=str(self.folder.steps),
                given=given,
                segment=self.start.stages.segment,
                measure=self.start.stages.measure,
            )
        by_image = {picture.image: picture for picture in pictures}
        results: dict[str, dict[int, UnitResult | Failure]] = {}
        done = do_units(
            units,
            memory,
            limit=self.memory,
            folder=self.folder,
            pool=self.pool,
            listener=self.listener,
        )
        for item in done:
            frames = results.setdefault(item.unit.image, {})
            frames[item.unit.frame] = item.result
            if isinstance(item.result, UnitResult):
                self._count(item.result.computed, item.result.reused)
            picture = by_image[item.unit.image]
            if len(frames) == picture.n_frames:
                del results[item.unit.image]
                ready[picture.image] = self._finished(_outcome(picture, frames, corrections))
        return [ready[picture.image] for picture in pictures]

    def _count(self, computed: Iterable[Step], reused: Iterable[Step]) -> None:
        self.computed.update(step.name for step in computed)
        self.reused.update(step.name for step in reused)

    def _finished(self, outcome: Outcome) -> Outcome:
        if outcome.failure is None and self.start.stages.segment:
            publish_labels(self.folder, outcome)
        n_cells = 0 if outcome.failure is not None else outcome.n_cells
        self.listener(
            PictureFinished(outcome.picture.image, outcome.status, outcome.reason, n_cells)
        )
        return outcome

    def _all_paths(self, current: set[str]) -> set[str]:
        """Label paths that stay: with ``--limit``, those of the other pictures stay as well."""
        if self.settings.options.limit is None:
            return current
        return current | set(self.folder.journal.published)

    def _notes(self, pictures: Sequence[Picture], corrections: dict[str, str]) -> list[str]:
        known = {p.label_path.removeprefix("labels/") for p in pictures}
        notes = [
            f"corrections/{name} fits no picture and was not used"
            for name in sorted(set(corrections) - known)
        ]
        for note in notes:
            self.listener(Message("warning", note))
        return notes

    def _write(
        self, outcomes: Sequence[Outcome], skipped: Sequence[Skipped], notes: Sequence[str]
    ) -> None:
        """Write the summaries: tables, record, recipe, report."""
        self.listener(PhaseStarted("summaries", 1))
        folder, stages = self.folder, self.start.stages
        images = images_table(outcomes, skipped)
        folder.publish("images.csv", csv_bytes(images))
        folder.publish("quality.csv", csv_bytes(quality_table(outcomes)))
        record = run_record(
            self.settings,
            outcomes,
            skipped,
            verb=stages.verb,
            samples_sha256=self._samples_sha256,
            notes=notes,
        )
        if stages.measure:
            write_cells(folder, outcomes, cell_columns(outcomes))
        folder.publish("recipe.toml", recipe_text(self.settings.options).encode("utf-8"))
        folder.publish("run.json", run_text(record).encode("utf-8"))
        if stages.report:
            self._report(outcomes)
        self.listener(PhaseFinished("summaries"))

    def _report(self, outcomes: Sequence[Outcome]) -> None:
        # drawing brings matplotlib, which the other verbs do without
        from cellwright.pipeline.reporting import keep_previews, write_report

        drawn, computed, reused = draw_previews(
            choose_shown(outcomes),
            self.settings.options.project,
            self.folder,
            self.pool,
            self.listener,
        )
        self._count(computed, reused)
        keep_previews(self.folder, drawn)
        write_report(self.folder)


def _outcome(
    picture: Picture, frames: dict[int, UnitResult | Failure], corrections: dict[str, str]
) -> Outcome:
    steps = []
    for number in range(picture.n_frames):
        result = frames[number]
        if isinstance(result, Failure):
            where = f"frame {number}: " if picture.n_frames > 1 else ""
            return Outcome(picture, failure=Failure(where + result.reason))
        steps.append(result.by_name)
    corrected = picture.label_path.removeprefix("labels/") in corrections
    return Outcome(picture, tuple(steps), corrected=corrected)
