"""Trying settings: many short trainings, each told by those before it what to try next."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import BaseTrial, FixedTrial, FrozenTrial, Trial, TrialState
from torch import nn

from cellwright.core.errors import CancelledError, RunError, UsageError
from cellwright.core.units import parse_duration
from cellwright.datasets.convert import AUTO
from cellwright.datasets.example import Example
from cellwright.datasets.splits import split
from cellwright.engine.allocation import keep_freed_memory
from cellwright.engine.events import (
    CancelToken,
    Listener,
    Message,
    PhaseFinished,
    PhaseStarted,
    StepFinished,
    silent,
)
from cellwright.engine.files import write_atomic
from cellwright.evaluation.comparison import Difference, compare
from cellwright.evaluation.picture import PictureScore
from cellwright.learn.calibrating import calibrated, kept_scores
from cellwright.learn.dataset import Dataset, dataset_of
from cellwright.learn.describing import PERCENTILES, described
from cellwright.learn.holding_out import parted
from cellwright.learn.judging import Judged, answer_of, judged, scores_of
from cellwright.learn.options import TuneOptions
from cellwright.learn.outcome import write_table_at
from cellwright.learn.own_folder import COPY, check_out
from cellwright.learn.pictures import load
from cellwright.learn.plan import changed, check_scale, nature_of, scheduled, settings_for
from cellwright.learn.planning import precision_here, seconds_of_step, within_budget
from cellwright.learn.stored_plan import digest_of
from cellwright.learn.training import Look, Settings, average_of, train
from cellwright.learn.trial_order import first_of, make_again, next_place, sampler_at, take_up
from cellwright.learn.tried import as_written, by_itself, suggested, tried
from cellwright.models.description import Description
from cellwright.models.model import Model
from cellwright.segment.network_model import decoding_of

__all__ = ["BEST", "IMPORTANCE", "TRIALS", "Tuned", "tune_model"]

TRIALS, IMPORTANCE, BEST, STUDY = "trials.csv", "importance.csv", "best.json", "study.log"
"""In the folder: what was tried, what mattered, the best, and Optuna's own record."""
SEARCH = "search.json"
"""In the folder: what is searched for, and who is held out."""

SCORE = "dsb_ap_mean"
"""By which trials are compared: the one that changes with every pixel of an outline."""

_PHASE = "trials"
_FIRST, _WARM = 4, 2
"""Trials that none is given up in, and looks before which none is."""
_LEAST_FOR_IMPORTANCE = 6
_MOST_FAILED = 3
"""Times as many trials as were asked for are begun, if the others fail."""
_MADE = {TrialState.COMPLETE, TrialState.PRUNED}


@dataclass(frozen=True, eq=False)
class Tuned:
    """What came out.

    Attributes
    ----------
    folder
        Where it is.
    trials
        One row a trial, in the order in which they were made.
    architecture, best
        Of the best trial: its architecture, and the settings that were tried, as ``NAME=VALUE``.
    importance
        From a setting to the share of the differences that it explains.
    against_first
        Differences of the best trial to the first, which had the settings that `train` chooses,
        on pictures that no trial has seen; empty if the first is the best.
    first_finished
        Whether the first trial could be finished: else nothing can be compared with it.
    """

    folder: Path
    trials: pd.DataFrame
    architecture: str
    best: tuple[str, ...]
    importance: Mapping[str, float]
    against_first: tuple[Difference, ...]
    first_finished: bool = True


def tune_model(
    source: Path,
    out: Path,
    options: TuneOptions,
    *,
    source_format: str = AUTO,
    images: Path | None = None,
    listener: Listener = silent,
    cancel: CancelToken | None = None,
) -> Tuned:
    """Try settings on annotated pictures, or go on where the folder left off.

    Whole groups of pictures are put aside before the first trial; on these the best trial is
    compared with the first one, whose settings are those that `train` chooses by itself.

    Parameters
    ----------
    source, source_format, images, listener, cancel
        As of `cellwright.learn.job.train_model`.
    out
        Gets `TRIALS`, `IMPORTANCE`, `BEST`, and a training's folder for each trial.
    options
        What to try, and for how long.

    Raises
    ------
    UsageError
        If the pictures are too few, the folder holds another search, or `TuneOptions.set` leaves
        nothing to try or cannot be.
    RunError
        If no trial could be finished.
    """
    keep_freed_memory()
    kept = _kept_search(out)
    check_out(out, begun=kept is not None, inputs=(source, images))
    data = dataset_of(
        source, out / COPY, source_format=source_format, images=images,
        leave_out=options.leave_out, listener=listener, cancel=cancel,
    )  # fmt: skip
    search = _Search(out, options, data, kept=kept, listener=listener, cancel=cancel)
    search.claim()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(out / STUDY))),
        study_name="tune",
        direction="maximize",
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=_FIRST, n_warmup_steps=_WARM),
    )
    take_up(study, search.first())
    done = sum(trial.state in _MADE for trial in study.trials)
    listener(PhaseStarted(_PHASE, max(0, options.trials - done)))
    for _ in range(_MOST_FAILED * options.trials):
        if sum(one.state in _MADE for one in study.trials) >= options.trials:
            break
        study.sampler = sampler_at(next_place(study.trials))
        study.optimize(search, n_trials=1, catch=(RunError,))
        trial = study.trials[-1]
        listener(StepFinished(_PHASE, f"trial {trial.number}"))
        listener(Message("notice", _told(trial)))
    listener(PhaseFinished(_PHASE))
    complete = [one for one in study.trials if one.state == TrialState.COMPLETE]
    if not complete:
        raise RunError("no trial could be finished", where=str(out))
    return search.finished(study, complete)


def _kept_search(out: Path) -> dict[str, Any] | None:
    """What the folder is a search for; None if it holds none.

    Raises
    ------
    RunError
        If it cannot be read.
    """
    path = out / SEARCH
    if not path.exists():
        return None
    try:
        content = json.loads(path.read_bytes())
    except ValueError:
        content = None
    if not isinstance(content, dict) or not {"asked", "data", "settings"} <= set(content):
        raise RunError(
            "this is no search for settings", where=str(path), remedy="choose another folder"
        )
    return content


def _told(trial: FrozenTrial) -> str:
    what = ", ".join(f"{name} {value}" for name, value in trial.params.items())
    if trial.state == TrialState.COMPLETE:
        return f"trial {trial.number}: {trial.value:.3f} with {what}"
    ended = "failed" if trial.state == TrialState.FAIL else "given up"
    return f"trial {trial.number}: {ended} ({what})"


class _Search:
    """The trials of a search."""

    def __init__(
        self,
        out: Path,
        options: TuneOptions,
        data: Dataset,
        *,
        kept: Mapping[str, Any] | None,
        listener: Listener,
        cancel: CancelToken | None,
    ) -> None:
        self._out, self._options, self._data, self._kept = out, options, data, kept
        self._listener, self._cancel = listener, cancel
        asked = options.model_dump(mode="json", exclude={"trials"})
        self._wanted = {"asked": asked, "data": digest_of(data.examples)}
        if kept is not None and any(kept[name] != value for name, value in self._wanted.items()):
            raise UsageError(
                "this folder holds a search of other options or pictures",
                where=str(out),
                remedy="choose another --out, or ask for the same to go on",
            )
        rest = self._part()
        if not (self._training and self._validation and self._test):
            raise UsageError(
                f"{len(data.examples)} pictures cannot be parted into those that are learnt from, "
                "those that choose, and those that judge",
                remedy="give more groups of pictures, or another --validation and --test",
            )
        known = {one.name: one for one in load(data.examples, PERCENTILES, data.class_of)}
        self._pictures = [known[example.name] for example in self._training]
        # what has no object is found perfectly as long as nothing is found, and tells no progress
        self._drawn = [one for one in self._validation if known[one.name].labels.any()]
        groups = {example.group for example in rest}
        self._nature = nature_of([known[one.name] for one in rest], len(groups), data.classes)
        self._bases: dict[str, Settings] = {}

    def _part(self) -> list[Example]:
        """Set aside what judges and what chooses; gives all but what judges."""
        examples, kept = self._data.examples, self._kept
        if kept is not None and "test" in kept:
            rest = [one for one in examples if one.name not in kept["test"]]
            self._test = [one for one in examples if one.name in kept["test"]]
            self._validation = [one for one in rest if one.name in kept["validation"]]
            self._training = [one for one in rest if one.name not in kept["validation"]]
            return rest
        # searches that were begun before this was kept went by the folder's name too
        part = parted if kept is None else split
        rest, self._test = part(examples, self._options.test, "test")
        self._training, self._validation = part(rest, self._options.validation)
        return rest

    def _base(self, architecture: str) -> Settings:
        """What `train` would choose, with as many steps as a trial has time for."""
        settings = settings_for(self._nature, architecture)
        settings = settings.model_copy(update={"precision": precision_here()})
        settings = changed(settings, self._options.set)
        check_scale(settings, self._nature)
        seconds = seconds_of_step(self._pictures, settings, None)
        budget = parse_duration(self._options.budget)
        settings = within_budget(settings, self._options.set, budget, seconds)
        return scheduled(settings, self._options.set)

    def claim(self) -> None:
        """Put what is searched for into the folder, or take up what it holds."""
        if self._kept is None:
            self._bases = {name: self._base(name) for name in self._options.architecture}
            if not self.first():
                raise UsageError(
                    "--set says all that could be tried",
                    remedy="leave one of these settings out, or name several --architecture",
                )
            self._out.mkdir(parents=True, exist_ok=True)
            bases = {n: one.model_dump(mode="json") for n, one in self._bases.items()}
            held = {
                "validation": [one.name for one in self._validation],
                "test": [one.name for one in self._test],
            }
            text = json.dumps({**self._wanted, **held, "settings": bases}, indent=1) + "\n"
            write_atomic(self._out / SEARCH, text.encode(), self._out)
            return
        # steps depend on how fast the machine was when the search began
        settings = self._kept["settings"]
        self._bases = {name: Settings.model_validate(one) for name, one in settings.items()}

    def first(self) -> dict[str, Any]:
        """What `train` would choose."""
        name, base = next(iter(self._bases.items()))
        level = decoding_of(self._described(base)).foreground
        found: dict[str, Any] = by_itself(base, self._options.set, level)
        return found | ({"architecture": name} if len(self._bases) > 1 else {})

    def __call__(self, trial: Trial) -> float:
        """Make a trial; gives its score on the pictures that choose."""
        settings, description = self._suggested(trial)
        folder = self._out / _PHASE / f"{trial.number:04}"
        try:
            network = train(
                self._pictures, settings, folder, self._listener,
                cancel=self._cancel, look=self._look(trial, description) if self._drawn else None,
            )  # fmt: skip
        except (CancelledError, KeyboardInterrupt):
            make_again(trial.study, trial.number, trial.params)
            raise
        found = self._judged(network, description, self._validation)
        return float(np.mean([score[SCORE] for score in calibrated(found).scores]))

    def _suggested(self, trial: BaseTrial) -> tuple[Settings, Description]:
        """Settings of a trial, and the description of what comes out of it."""
        many = len(self._bases) > 1
        name = (
            trial.suggest_categorical("architecture", list(self._bases))
            if many
            else next(iter(self._bases))
        )
        settings = suggested(trial, self._bases[name], self._options.set)
        return settings, self._described(settings)

    def _described(self, settings: Settings) -> Description:
        return described(
            settings, self._nature, name="trial", kind="cell", licence="CC0-1.0",
            learnt=len(self._training), classes=self._data.classes,
        )  # fmt: skip

    def _look(self, trial: Trial, description: Description) -> Look:
        looks = 0

        def look(step: int, network: nn.Module) -> float:  # noqa: ARG001 - as of any look
            nonlocal looks
            found = self._judged(network, description, self._drawn)
            score = float(np.mean([one[SCORE] for one in scores_of(found)]))
            trial.report(score, looks)  # the pruner's warm-up counts looks
            looks += 1
            if trial.should_prune():
                raise optuna.TrialPruned
            return score

        return look

    def _judged(
        self, network: nn.Module, description: Description, examples: Sequence[Example]
    ) -> list[Judged]:
        model = Model(description, b"")
        return [judged(model, answer_of(network), example, {}) for example in examples]

    def _tested(self, trial: FrozenTrial) -> tuple[PictureScore, ...]:
        """Scores of a finished trial on pictures that no trial has seen."""
        _, description = self._suggested(FixedTrial(trial.params))
        _, network = average_of(self._out / _PHASE / f"{trial.number:04}")
        chosen = calibrated(self._judged(network, description, self._validation)).calibration
        return kept_scores(self._judged(network, description, self._test), chosen)

    def finished(self, study: optuna.Study, complete: Sequence[FrozenTrial]) -> Tuned:
        """Compare the best trial with the first, and write everything down."""
        rows = [
            {
                "trial": one.number,
                "state": one.state.name.lower(),
                "score": one.value if one.state == TrialState.COMPLETE else None,
                **one.params,
            }
            for one in study.trials
        ]
        table = pd.DataFrame(rows)
        write_table_at(self._out / TRIALS, table)
        importance: dict[str, float] = {}
        if len(complete) >= _LEAST_FOR_IMPORTANCE:
            importance = get_param_importances(study, evaluator=PedAnovaImportanceEvaluator())
            write_table_at(
                self._out / IMPORTANCE,
                pd.DataFrame({"setting": list(importance), "importance": importance.values()}),
            )
        best, first = study.best_trial, first_of(study.trials)
        finished = first.state == TrialState.COMPLETE
        against: tuple[Difference, ...] = ()
        if finished and best.number != first.number:
            against = tuple(compare(self._tested(best), self._tested(first)))
        settings, _ = self._suggested(FixedTrial(best.params))
        changes = as_written(settings, tried(settings, self._options.set))
        content = {
            "trial": best.number,
            "architecture": settings.architecture.name,
            "set": list(changes),
            "score": best.value,
        }
        text = json.dumps(content, indent=1) + "\n"
        write_atomic(self._out / BEST, text.encode(), self._out)
        name = settings.architecture.name
        return Tuned(self._out, table, name, changes, importance, against, finished)
