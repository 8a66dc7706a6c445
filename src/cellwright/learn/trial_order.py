"""The order of a search's trials: one that was ended goes on as if it had not been.

All chance of a trial depends on its place in the order. A trial that was under way when the program
was ended gets a new number, and keeps its place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from optuna import Study
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial, TrialState

__all__ = ["first_of", "make_again", "next_place", "sampler_at", "take_up"]

_SEED = 1
_RANDOM = 5
"""Trials that are drawn at random, before the others can be learnt from."""

_AGAIN = "again"
"""Attribute of a trial: the number of that which it is in place of."""


def sampler_at(place: int) -> TPESampler:
    """Suggests the settings of the trial at a place, given those before it."""
    [seed] = np.random.SeedSequence([_SEED, place]).generate_state(1)
    return TPESampler(seed=int(seed), multivariate=True, n_startup_trials=_RANDOM)


def next_place(trials: Sequence[FrozenTrial]) -> int:
    """Place of the trial that is made next: how many there are, each counted once."""
    again = {trial.user_attrs.get(_AGAIN) for trial in trials}
    begun = [trial for trial in trials if trial.state != TrialState.WAITING]
    return sum(trial.number not in again for trial in begun)


def first_of(trials: Sequence[FrozenTrial]) -> FrozenTrial:
    """Find the trial at the first place, as it was made last."""
    first = trials[0]
    for trial in trials:
        if trial.user_attrs.get(_AGAIN) == first.number:
            first = trial
    return first


def make_again(study: Study, number: int, params: Mapping[str, Any]) -> None:
    """Put a trial with the settings of another one next, in its place."""
    if all(trial.user_attrs.get(_AGAIN) != number for trial in study.trials):
        study.enqueue_trial(dict(params), user_attrs={_AGAIN: number})


def take_up(study: Study, first: Mapping[str, Any]) -> None:
    """Begin with the first trial; those that were under way when the program ended come again.

    Parameters
    ----------
    study
        As it was left.
    first
        What the first trial is told, which may have been ended before it heard of it.
    """
    if not study.trials:
        study.enqueue_trial(dict(first))
    for trial in study.trials:
        if trial.state == TrialState.RUNNING:
            is_first = trial.number == first_of(study.trials).number
            study.tell(trial.number, state=TrialState.FAIL)
            make_again(study, trial.number, first if is_first else trial.params)
