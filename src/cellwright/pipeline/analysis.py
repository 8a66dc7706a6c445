"""The whole way: pictures in; labels, tables and a report out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from cellwright.core.errors import RunError, UnreadableError, UsageError
from cellwright.engine.events import (
    CancelToken,
    Event,
    Listener,
    Message,
    PhaseFinished,
    PhaseStarted,
    PictureFinished,
    silent,
)
from cellwright.engine.executors import MakeExecutor, Pool
from cellwright.engine.journal import Step
from cellwright.engine.keys import file_digest
from cellwright.engine.run_folder import RunFolder
from cellwright.io.inputs import Inputs, Skipped
from cellwright.pipeline.batch import beside_the_others
from cellwright.pipeline.beside import beside_of
from cellwright.pipeline.corrections import (
    OTHER_KINDS,
    Correction,
    find_correction,
    has_corrections,
    set_orphans_aside,
    take_corrections,
)
from cellwright.pipeline.drawing import Drawn, Kind, draw
from cellwright.pipeline.failure import Failure
from cellwright.pipeline.gallery import Shown, choose_shown, choose_viewed
from cellwright.pipeline.gates import Gating, check_requests, gates_of
from cellwright.pipeline.light import find_light
from cellwright.pipeline.log import RunLog
from cellwright.pipeline.outcome import Outcome, cell_columns, images_table, quality_table
from cellwright.pipeline.outlining import check_formats, write_outlines
from cellwright.pipeline.plan import Picture
from cellwright.pipeline.plane_set import UnitResult
from cellwright.pipeline.publish import label_paths_of, publish_labels
from cellwright.pipeline.record import recipe_text, run_record, run_text, summary_of
from cellwright.pipeline.run import Run, Summary
from cellwright.pipeline.start import (
    Found,
    Start,
    device_of,
    find,
    local_workforce,
    look_and_plan,
    workforce,
)
from cellwright.pipeline.tables import csv_bytes, write_cells
from cellwright.pipeline.unit import Unit
from cellwright.pipeline.work import do_units, memory_of, units_of

__all__ = ["analyze_pictures"]


class _Recorder:
    """Passes events on to several listeners."""

    def __init__(self, *listeners: Listener) -> None:
        self._listeners = listeners

    def __call__(self, event: Event) -> None:
        for listener in self._listeners:
            listener(event)


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
    if start.execution.scheduler is not None:
        start = start.absolute()  # workers have working folders of their own
    found = find(start)
    check_formats(start.options.outlines)
    local = local_workforce(start.execution, make_executor)
    if not found.inputs.found:
        _say_nothing_found(start, found.inputs)
    cancel = cancel or CancelToken()
    with (
        RunFolder(start.out) as folder,
        workforce(start, local) as force,
        Pool(
            force.make_executor, workers=force.workers, memory=force.memory, cancel=cancel
        ) as pool,
    ):
        log = RunLog(
            start.out / "log.jsonl",
            inputs=[str(i) for i in start.inputs],
            workers=force.workers,
            memory=force.memory,
        )
        analysis = _Analysis(
            start,
            found,
            folder=folder,
            pool=pool,
            listener=_Recorder(log, listener),
            memory=force.largest,
        )
        return analysis.run()


class _Analysis:
    """One start: what its parts share."""

    def __init__(
        self,
        start: Start,
        found: Found,
        *,
        folder: RunFolder,
        pool: Pool,
        listener: Listener,
        memory: int,
    ) -> None:
        self.start = start
        self.found = found
        self.settings = found.settings
        self.folder = folder
        self.pool = pool
        self.listener = listener
        self.memory = memory
        self.device = device_of(found.settings, start.execution)
        self.computed: Counter[str] = Counter()
        self.reused: Counter[str] = Counter()

    def run(self) -> Run:
        """Go all parts in order."""
        self._refuse_other_verb()
        corrections = take_corrections(self.folder)
        plan = look_and_plan(self.found, self.pool, self.listener)
        check_requests(plan.pictures, self.settings.options)
        notes = [*plan.notes, *self._unused(plan.pictures, corrections)]
        for note in notes:
            self.listener(Message("warning", note))
        for said in plan.decisions:
            self.listener(Message("notice", said))
        notes = [*plan.decisions, *notes]
        light = find_light(self.start, plan.pictures, self.folder, self.pool, self.listener)
        self._count(light.computed, light.reused)
        for said in light.said:
            self.listener(Message("notice", said))
        notes += light.said
        outcomes = self._outcomes(plan.pictures, corrections, light.files)
        outcomes, skipped = beside_the_others(outcomes), plan.skipped
        current = label_paths_of(outcomes)
        for path in set_orphans_aside(self.folder, self._all_paths(current)):
            why = "its input is gone or failed, or its labels have another name now"
            self.listener(Message("info", f"{path} was moved to .work/orphans: {why}"))
        self._write(outcomes, skipped, notes)
        self._outlines(outcomes)
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

    def _refuse_other_verb(self) -> None:
        """Refuse to mix the tables of two verbs in one folder."""
        if not (self.start.out / "run.json").is_file():
            return
        try:
            verb = Run(self.start.out).record.get("verb")
        except UnreadableError:
            return  # damaged by somebody: it is written anew from the journal's steps
        before = dict(Run(self.start.out).record.get("options") or {}).get("nuclei")
        now = self.settings.options.nuclei
        if (before is None) != (now is None) and has_corrections(self.folder):
            raise UsageError(
                "labels in this folder were corrected when other kinds of objects were looked for",
                where=str(self.start.out),
                remedy="choose another --out; the corrections stay where they are",
            )
        if verb != self.start.stages.verb:
            raise UsageError(
                f"this folder is a run of `{verb}`",
                where=str(self.start.out),
                remedy="choose another --out",
            )

    def _outcomes(
        self,
        pictures: Sequence[Picture],
        corrections: Mapping[str, Correction],
        light: Mapping[str, tuple[str, str]],
    ) -> list[Outcome]:
        """Do all plane sets; the labels of a picture are published as soon as it is done."""
        units: list[Unit] = []
        memory: dict[str, int] = {}
        ready: dict[str, Outcome] = {}
        for picture in pictures:
            beside = picture.failure or beside_of(picture, self.start, corrections, light)
            if isinstance(beside, Failure):
                ready[picture.image] = self._finished(Outcome(picture, failure=beside))
                continue
            memory[picture.image] = memory_of(picture, self.settings)
            units += units_of(
                picture,
                self.settings,
                beside,
                steps=str(self.folder.steps),
                segment=self.start.stages.segment,
                measure=self.start.stages.measure,
                device=self.device,
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
                outcome = _outcome(picture, frames)
                ready[picture.image] = self._finished(_of_unit(outcome, item.unit))
        return [ready[picture.image] for picture in pictures]

    def _count(self, computed: Iterable[Step], reused: Iterable[Step]) -> None:
        self.computed.update(step.name for step in computed)
        self.reused.update(step.name for step in reused)

    def _finished(self, outcome: Outcome) -> Outcome:
        if outcome.failure is None and self.start.stages.segment:
            for path in publish_labels(self.folder, outcome):
                why = "was edited while the run went on; start again, and it is taken up"
                self.listener(Message("warning", f"{path} {why}"))
            outcome = replace(outcome, labels=outcome.picture.label_path)
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

    def _unused(
        self, pictures: Sequence[Picture], corrections: Mapping[str, Correction]
    ) -> list[str]:
        """Corrections that fit no picture; with ``--limit`` nobody can tell."""
        if self.settings.options.limit is not None:
            return []
        used = {
            correction.path
            for p in pictures
            for kind in ("", *(OTHER_KINDS if p.nuclei is not None else ()))
            if (correction := find_correction(corrections, p.label_path_of(kind), p.image))
        }
        return [
            f"corrections/{name} fits no picture and was not used"
            for name, correction in sorted(corrections.items())
            if correction.path not in used
        ]

    def _write(
        self, outcomes: Sequence[Outcome], skipped: Sequence[Skipped], notes: Sequence[str]
    ) -> None:
        """Write the summaries: tables, record, recipe, report."""
        self.listener(PhaseStarted("summaries", 1))
        folder, stages, samples = self.folder, self.start.stages, self.found.samples
        options = self.settings.options
        gating = gates_of(outcomes, options.positive, folder.steps) if stages.measure else Gating()
        for said in gating.said:
            self.listener(Message("notice", said))
        notes = [*notes, *gating.said]
        images = images_table(outcomes, skipped, gating.shares)
        folder.publish("images.csv", csv_bytes(images))
        folder.publish("quality.csv", csv_bytes(quality_table(outcomes)))
        record = run_record(
            self.settings,
            outcomes,
            skipped,
            verb=stages.verb,
            segmented=stages.segment,
            samples_sha256=file_digest(samples.path) if samples is not None else "",
            notes=notes,
            gates=gating.gates,
            device=self.device,
        )
        if stages.measure:
            columns = cell_columns(outcomes, options.features, [g.declared for g in gating.gates])
            write_cells(folder, outcomes, columns, gating.gates)
        folder.publish("recipe.toml", self._recipe())
        folder.publish("run.json", run_text(record).encode("utf-8"))
        if stages.report:
            self._report(outcomes)
        self.listener(PhaseFinished("summaries"))

    def _outlines(self, outcomes: Sequence[Outcome]) -> None:
        problems, computed, reused = write_outlines(
            outcomes,
            self.settings.options.outlines,
            self.folder,
            self.pool,
            self.listener,
            keep_others=self.settings.options.limit is not None,
        )
        self._count(computed, reused)
        for problem in problems:
            self.listener(Message("warning", problem))

    def _report(self, outcomes: Sequence[Outcome]) -> None:
        # drawing brings matplotlib, which the other verbs do without
        from cellwright.pipeline.answers import Asking
        from cellwright.pipeline.report_data import keep_drawn
        from cellwright.pipeline.reporting import write_report

        previews = self._draw("preview", choose_shown(outcomes))
        views = self._draw("view", choose_viewed(outcomes))
        keep_drawn(self.folder, previews, views)
        for said in write_report(self.folder, Asking(self.start.question)):
            self.listener(Message("warning", said))

    def _recipe(self) -> bytes:
        return recipe_text(self.settings.options, self.start.question).encode("utf-8")

    def _draw(self, kind: Kind, shown: Sequence[Shown]) -> list[Drawn]:
        drawn, computed, reused = draw(
            kind,
            shown,
            project=self.settings.options.project,
            folder=self.folder,
            pool=self.pool,
            listener=self.listener,
        )
        self._count(computed, reused)
        return drawn


def _of_unit(outcome: Outcome, unit: Unit) -> Outcome:
    return replace(
        outcome,
        given=unit.given,
        flat=unit.flat,
        flat_sha256=unit.flat_sha256,
        region_sha256=unit.region_sha256,
    )


def _outcome(picture: Picture, frames: Mapping[int, UnitResult | Failure]) -> Outcome:
    steps = []
    for number in range(picture.n_frames):
        result = frames[number]
        if isinstance(result, Failure):
            where = f"frame {number}: " if picture.n_frames > 1 else ""
            return Outcome(picture, failure=Failure(where + result.reason))
        steps.append(result.by_name)
    return Outcome(picture, tuple(steps))


def _say_nothing_found(start: Start, inputs: Inputs) -> None:
    """List what was skipped, and say that there is nothing to do.

    Raises
    ------
    RunError
        Always.
    """
    if inputs.skipped:
        with RunFolder(start.out) as folder:
            folder.publish("images.csv", csv_bytes(images_table((), inputs.skipped)))
    seen = f"; {len(inputs.skipped)} files were skipped, see images.csv" if inputs.skipped else ""
    raise RunError(
        f"there is no picture to work on{seen}", where=", ".join(str(i) for i in start.inputs)
    )
