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
from cellwright.learn.judging import Judged, answer_of, judged, scores_of
from cellwright.learn.options import TuneOptions
from cellwright.learn.outcome import write_table_at
from cellwright.learn.pictures import load
from cellwright.learn.plan import Nature, changed, nature_of, settings_for
from cellwright.learn.planning import seconds_of_step, within_budget
from cellwright.learn.stored_plan import digest_of
from cellwright.learn.training import Look, Settings, average_of, train
from cellwright.models.description import Description
from cellwright.models.model import Model

__all__ = ["BEST", "IMPORTANCE", "TRIALS", "Tuned", "tune_model"]

TRIALS, IMPORTANCE, BEST, STUDY = "trials.csv", "importance.csv", "best.json", "study.log"
"""In the folder: what was tried, what mattered, the best, and Optuna's own record."""

SCORE = "dsb_ap_mean"
"""By which trials are compared: the one that changes with every pixel of an outline."""

_PHASE = "trials"
_SEED = 1
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
        on pictures that no trial has seen.
    """

    folder: Path
    trials: pd.DataFrame
    architecture: str
    best: tuple[str, ...]
    importance: Mapping[str, float]
    against_first: tuple[Difference, ...]


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
        If the pictures are too few, or the folder holds another search.
    RunError
        If no trial could be finished.
    """
    keep_freed_memory()
    data = dataset_of(
        source, out / "data", source_format=source_format, images=images,
        leave_out=options.leave_out, listener=listener, cancel=cancel,
    )  # fmt: skip
    search = _Search(out, options, data, listener, cancel)
    search.claim()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(out / STUDY))),
        study_name="tune",
        direction="maximize",
        load_if_exists=True,
        sampler=optuna.samplers.TPESampler(seed=_SEED, multivariate=True, n_startup_trials=5),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=_FIRST, n_warmup_steps=_WARM),
    )
    _take_up(study)
    if not study.trials:
        study.enqueue_trial(search.first())
    done = sum(trial.state in _MADE for trial in study.trials)
    listener(PhaseStarted(_PHASE, max(0, options.trials - done)))
    for _ in range(_MOST_FAILED * options.trials):
        if sum(one.state in _MADE for one in study.trials) >= options.trials:
            break
        study.optimize(search, n_trials=1, catch=(RunError,))
        trial = study.trials[-1]
        listener(StepFinished(_PHASE, f"trial {trial.number}"))
        listener(Message("notice", _told(trial)))
    listener(PhaseFinished(_PHASE))
    complete = [one for one in study.trials if one.state == TrialState.COMPLETE]
    if not complete:
        raise RunError("no trial could be finished", where=str(out))
    return search.finished(study, complete)


def _take_up(study: optuna.Study) -> None:
    """Trials that were under way when the program was ended are made again."""
    for trial in study.trials:
        if trial.state == TrialState.RUNNING:
            study.tell(trial.number, state=TrialState.FAIL)
            study.enqueue_trial(trial.params)


def _told(trial: FrozenTrial) -> str:
    what = ", ".join(f"{name} {value}" for name, value in trial.params.items())
    if trial.state == TrialState.COMPLETE:
        return f"trial {trial.number}: {trial.value:.3f} with {what}"
    return f"trial {trial.number}: given up ({what})"


class _Search:
    """The trials of a search."""

    def __init__(
        self,
        out: Path,
        options: TuneOptions,
        data: Dataset,
        listener: Listener,
        cancel: CancelToken | None,
    ) -> None:
        self._out, self._options, self._data = out, options, data
        self._listener, self._cancel = listener, cancel
        rest, self._test = split(data.examples, options.test, "test")
        self._training, self._validation = split(rest, options.validation)
        if not (self._training and self._validation and self._test):
            raise UsageError(
                f"{len(data.examples)} pictures cannot be parted into those that are learnt from, "
                "those that choose, and those that judge",
                remedy="give more groups of pictures, or another --validation and --test",
            )
        known = {one.name: one for one in load(data.examples, PERCENTILES, data.class_of)}
        self._pictures = [known[example.name] for example in self._training]
        groups = {example.group for example in rest}
        self._nature = nature_of([known[one.name] for one in rest], len(groups), data.classes)
        self._bases: dict[str, Settings] = {}

    def _base(self, architecture: str) -> Settings:
        """What `train` would choose, with as many steps as a trial has time for."""
        settings = changed(settings_for(self._nature, architecture), self._options.set)
        seconds = seconds_of_step(self._pictures, settings, None)
        budget = parse_duration(self._options.budget)
        return within_budget(settings, self._options.set, budget, seconds)

    def claim(self) -> None:
        """Put what is searched for into the folder, or take up what it holds.

        Raises
        ------
        UsageError
            If it holds another search.
        """
        path = self._out / "search.json"
        asked = self._options.model_dump(mode="json", exclude={"trials"})
        wanted = {"asked": asked, "data": digest_of(self._data.examples)}
        if not path.exists():
            self._out.mkdir(parents=True, exist_ok=True)
            self._bases = {name: self._base(name) for name in self._options.architecture}
            bases = {n: one.model_dump(mode="json") for n, one in self._bases.items()}
            text = json.dumps({**wanted, "settings": bases}, indent=1) + "\n"
            write_atomic(path, text.encode(), self._out)
            return
        held = json.loads(path.read_text("utf-8"))
        if any(held.get(name) != value for name, value in wanted.items()):
            raise UsageError(
                "this folder holds a search of other options or pictures",
                where=str(self._out),
                remedy="choose another --out, or ask for the same to go on",
            )
        # steps depend on how fast the machine was when the search began
        self._bases = {name: Settings.model_validate(one) for name, one in held["settings"].items()}

    def first(self) -> dict[str, Any]:
        """What `train` would choose."""
        base = next(iter(self._bases.values()))
        found: dict[str, Any] = {
            "learning_rate": base.learning_rate,
            "sampling.changed": base.sampling.changed,
            "scale": 1.0,
            "decoding.foreground": 0.5,
        }
        return found | ({"architecture": next(iter(self._bases))} if len(self._bases) > 1 else {})

    def __call__(self, trial: Trial) -> float:
        """Make a trial; gives its score on the pictures that choose."""
        settings, description = self._suggested(trial)
        folder = self._out / _PHASE / f"{trial.number:04}"
        try:
            network = train(
                self._pictures, settings, folder, self._listener,
                cancel=self._cancel, look=self._look(trial, description),
            )  # fmt: skip
        except CancelledError:
            trial.study.enqueue_trial(trial.params)
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
        base = self._bases[name]
        content = base.model_dump(mode="json")
        content["learning_rate"] = trial.suggest_float("learning_rate", 2e-4, 5e-3, log=True)
        sampling = content["sampling"]
        sampling["changed"] = trial.suggest_float("sampling.changed", 0.0, 1.0)
        scale = trial.suggest_float("scale", 0.6, 1.8, log=True)
        sampling["diameter"] = round(sampling["diameter"] * scale, 2)
        level = trial.suggest_float("decoding.foreground", 0.2, 0.8)
        content["decoding"] = {**content["decoding"], "foreground": round(level, 3)}
        settings = Settings.model_validate(content)
        nature = self._seen_at(scale) if "size" not in settings.architecture.channels else None
        return settings, described(
            settings, nature or self._nature, name="trial", kind="cell", licence="CC0-1.0",
            classes=self._data.classes if name == "instance" else (),
        )  # fmt: skip

    def _seen_at(self, scale: float) -> Nature:
        """The pictures of a network that sees them at one scale."""
        return self._nature.model_copy(update={"diameter": self._nature.diameter * scale})

    def _look(self, trial: Trial, description: Description) -> Look:
        looks = 0

        def look(step: int, network: nn.Module) -> float:  # noqa: ARG001 - as of any look
            nonlocal looks
            found = self._judged(network, description, self._validation)
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
        best = study.best_trial
        first = min(complete, key=lambda one: one.number)
        against: tuple[Difference, ...] = ()
        if best.number != first.number:
            against = tuple(compare(self._tested(best), self._tested(first)))
        settings, _ = self._suggested(FixedTrial(best.params))
        changes = (
            f"learning_rate={settings.learning_rate:.4g}",
            f"sampling.changed={settings.sampling.changed:.3g}",
            f"sampling.diameter={settings.sampling.diameter:.4g}",
            f"decoding.foreground={settings.decoding['foreground']:.3g}",
        )
        content = {
            "trial": best.number,
            "architecture": settings.architecture.name,
            "set": list(changes),
            "score": best.value,
        }
        text = json.dumps(content, indent=1) + "\n"
        write_atomic(self._out / BEST, text.encode(), self._out)
        name = settings.architecture.name
        return Tuned(self._out, table, name, changes, importance, against)
