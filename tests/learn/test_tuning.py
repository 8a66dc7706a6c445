"""Searches for settings, on small simulated pictures and tiny networks."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("torch", reason="the extra [train] is not installed")
pytest.importorskip("optuna", reason="the extra [train] is not installed")

from cellwright.core.errors import CancelledError, RunError, UsageError
from cellwright.datasets.example import Example
from cellwright.engine.events import CancelToken, Event, StepFinished
from cellwright.io.label_image import encode_labels
from cellwright.learn import tuning
from cellwright.learn.judging import Judged, judged
from cellwright.learn.options import TuneOptions
from cellwright.learn.plan import changed
from cellwright.learn.training import Settings, average_of, train
from cellwright.learn.tuning import Tuned, tune_model
from cellwright.simulate.nuclei import simulate_nuclei

TINY = (
    "architecture.widths=[4,8]", "architecture.depths=[1,1]", "sampling.side=64",
    "sampling.count=2", "steps=8", "warm_up=2", "fall=2", "checkpoint_steps=2", "patience=9",
)  # fmt: skip


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dataset")
    for part in ("images", "labels"):
        (folder / part).mkdir()
    for seed in range(8):
        for part, plane in zip(
            ("images", "labels"),
            simulate_nuclei((96, 96), n=12, diameter_px=14, seed=seed),
            strict=True,
        ):
            (folder / part / f"p{seed}.tif").write_bytes(encode_labels(plane, "YX"))
    return folder


def options(trials: int) -> TuneOptions:
    return TuneOptions(trials=trials, budget="1min", set=TINY)


def test_a_search_that_was_stopped_goes_on_and_ends(dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "search"
    cancel = CancelToken()
    steps = 0

    def listen(event: Event) -> None:
        nonlocal steps
        if isinstance(event, StepFinished) and event.phase == "training":
            steps += 1
            if steps == 8 + 3:  # within the second trial
                cancel.cancel()

    with pytest.raises(CancelledError):
        tune_model(dataset, out, options(3), listener=listen, cancel=cancel)
    done: Tuned = tune_model(dataset, out, options(3))
    states = done.trials["state"].tolist()
    assert states.count("fail") == 1
    assert len(states) - states.count("fail") == 3
    first, stopped, again = (done.trials.iloc[n] for n in (0, 1, 2))
    assert first["decoding.foreground"] == 0.5  # what train would choose
    same = [name for name in done.trials.columns if name not in {"trial", "state", "score"}]
    pd.testing.assert_series_equal(stopped[same], again[same], check_names=False)
    best = json.loads((out / "best.json").read_text("utf-8"))
    assert best["score"] == pytest.approx(done.trials["score"].max())
    assert best["set"] == list(done.best)
    # what was tried can be given to train as it stands
    assert changed(Settings(), done.best).decoding["foreground"] > 0
    assert [change.partition("=")[0] for change in done.best] == [
        "learning_rate", "sampling.changed", "sampling.diameter", "decoding.foreground",
    ]  # fmt: skip
    assert (out / "trials.csv").exists()
    more = tune_model(dataset, out, options(4))
    assert len(more.trials) == len(states) + 1
    with pytest.raises(UsageError, match="search of other options"):
        tune_model(dataset, out, TuneOptions(trials=3, budget="2min", set=TINY))


def test_who_is_held_out_stays_as_it_was_begun(dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "trials.csv").write_text("mine")
    with pytest.raises(UsageError, match=r"the folder holds trials\.csv"):
        tune_model(dataset, tmp_path / "foreign", options(1))
    out = tmp_path / "search"
    tune_model(dataset, out, options(1))
    search = json.loads((out / "search.json").read_text("utf-8"))
    held = {name: search.pop(name) for name in ("validation", "test")}
    renamed = dataset.rename(dataset.with_name("renamed"))
    tune_model(renamed, tmp_path / "other", options(1))
    again = json.loads((tmp_path / "other" / "search.json").read_text("utf-8"))
    renamed.rename(dataset)
    assert {name: again[name] for name in held} == held
    (out / "search.json").write_text(json.dumps(search), "utf-8")  # as of before
    assert len(tune_model(dataset, out, options(2)).trials) == 2


def test_a_search_that_is_made_longer_is_as_one_that_was_long(
    dataset: Path, tmp_path: Path
) -> None:
    short = tune_model(dataset, tmp_path / "short", options(2))
    again = tune_model(dataset, tmp_path / "short", options(3))
    long = tune_model(dataset, tmp_path / "long", options(3))
    pd.testing.assert_frame_equal(again.trials, long.trials)
    pd.testing.assert_frame_equal(again.trials.iloc[:2], short.trials)
    assert again.trials["learning_rate"].nunique() == 3


def test_pictures_without_objects_tell_no_progress(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = TuneOptions(trials=1, budget="1min", validation=0.4, set=TINY)
    tune_model(dataset, tmp_path / "first", asked)
    search = json.loads((tmp_path / "first" / "search.json").read_text("utf-8"))
    empty, *others = search["validation"]
    copy = shutil.copytree(dataset, tmp_path / "copy")
    nothing = encode_labels(np.zeros((96, 96), np.uint32), "YX")
    (copy / "labels" / f"{empty}.tif").write_bytes(nothing)
    looked: Counter[str] = Counter()

    def counted(model: Any, answer: Any, example: Example, class_of: Any) -> Judged:
        looked[example.name] += 1
        return judged(model, answer, example, class_of)

    monkeypatch.setattr(tuning, "judged", counted)
    tune_model(copy, tmp_path / "second", asked)
    # each look at the others, and all once at the end
    assert looked == {empty: 1, **dict.fromkeys(others, 5)}


def test_what_was_set_is_the_same_in_all_trials(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning, "precision_here", lambda: "bfloat16")
    said = ("learning_rate=0.004", "sampling.diameter=15", "decoding.foreground=0.4")
    asked = TuneOptions(trials=2, budget="1min", set=(*TINY, *said))
    done = tune_model(dataset, tmp_path / "search", asked)
    assert list(done.trials.columns) == ["trial", "state", "score", "sampling.changed"]
    assert [change.partition("=")[0] for change in done.best] == ["sampling.changed"]
    for number in (0, 1):
        settings, _ = average_of(tmp_path / "search" / "trials" / f"{number:04}")
        assert (settings.learning_rate, settings.sampling.diameter) == (0.004, 15)
        assert settings.decoding == {"foreground": 0.4}
        assert settings.precision == "bfloat16"  # as train would choose
    asked = TuneOptions(budget="1min", set=(*TINY, *said, "sampling.changed=0"))
    with pytest.raises(UsageError, match="all that could be tried"):
        tune_model(dataset, tmp_path / "nothing", asked)
    assert not (tmp_path / "nothing" / "search.json").exists()


def test_a_first_trial_that_failed_is_not_replaced_by_another(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(pictures: Any, settings: Settings, folder: Path, *more: Any, **named: Any) -> Any:
        if folder.name == "0000":
            raise RunError("the loss is no number")
        return train(pictures, settings, folder, *more, **named)

    monkeypatch.setattr(tuning, "train", failing)
    done = tune_model(dataset, tmp_path / "search", options(2))
    assert done.trials["state"].tolist() == ["fail", "complete", "complete"]
    assert not done.first_finished
    assert done.against_first == ()


def test_too_few_pictures_are_refused(dataset: Path, tmp_path: Path) -> None:
    few = tmp_path / "few"
    for part in ("images", "labels"):
        (few / part).mkdir(parents=True)
        for seed in range(2):
            name = f"p{seed}.tif"
            (few / part / name).write_bytes((dataset / part / name).read_bytes())
    with pytest.raises(UsageError, match="cannot be parted"):
        tune_model(few, tmp_path / "search", options(2))
