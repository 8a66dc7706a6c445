"""The order of trials, on searches that train nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("optuna", reason="the extra [train] is not installed")

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import Trial, TrialState

from cellwright.learn.trial_order import first_of, make_again, next_place, sampler_at, take_up

FIRST = {"x": 0.5, "y": 0.5}


def study_in(folder: Path) -> optuna.Study:
    return optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(folder / "study.log"))),
        study_name="tune", direction="maximize", load_if_exists=True,
    )  # fmt: skip


def go_on(folder: Path, places: int, end: str | None = None) -> optuna.Study:
    """Make trials up to a number of places; the last may be ended, or its program killed."""
    study = study_in(folder)
    take_up(study, FIRST)
    while (place := next_place(study.trials)) < places:
        study.sampler = sampler_at(place)
        ended = end if place == places - 1 else None

        def score(trial: Trial, ended: str | None = ended) -> float:
            x, y = (trial.suggest_float(name, 0, 1) for name in "xy")
            if ended == "stopped":
                make_again(study, trial.number, trial.params)
                raise KeyboardInterrupt
            return -((x - 0.3) ** 2) - (y - 0.8) ** 2

        if ended == "killed before it began":
            study.ask()
            break
        if ended is None:
            study.optimize(score, n_trials=1)
            continue
        with pytest.raises(KeyboardInterrupt):
            study.optimize(score, n_trials=1)
        break
    return study


def made(study: optuna.Study) -> list[dict[str, float]]:
    return [one.params for one in study.trials if one.state == TrialState.COMPLETE]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, float]]:
    return made(go_on(tmp_path_factory.mktemp("undisturbed"), 9))


def test_trials_differ(undisturbed: list[dict[str, float]]) -> None:
    assert undisturbed[0] == FIRST
    assert len({tuple(params.values()) for params in undisturbed}) == 9


@pytest.mark.parametrize("end", [None, "stopped", "killed before it began"])
@pytest.mark.parametrize("places", [1, 3, 8])
def test_a_search_that_was_ended_goes_on_as_if_it_had_not_been(
    places: int, end: str | None, undisturbed: list[dict[str, float]], tmp_path: Path
) -> None:
    go_on(tmp_path, places, end)
    go_on(tmp_path, places, end)  # once more
    study = go_on(tmp_path, 9)
    assert made(study) == undisturbed
    assert first_of(study.trials).params == FIRST
    assert first_of(study.trials).state == TrialState.COMPLETE
