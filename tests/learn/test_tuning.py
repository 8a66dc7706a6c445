"""Searches for settings, on small simulated pictures and tiny networks."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

pytest.importorskip("torch", reason="the extra [train] is not installed")
pytest.importorskip("optuna", reason="the extra [train] is not installed")

from cellwright.core.errors import CancelledError, UsageError
from cellwright.engine.events import CancelToken, Event, StepFinished
from cellwright.io.label_image import encode_labels
from cellwright.learn.options import TuneOptions
from cellwright.learn.plan import changed
from cellwright.learn.training import Settings
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


def test_too_few_pictures_are_refused(dataset: Path, tmp_path: Path) -> None:
    few = tmp_path / "few"
    for part in ("images", "labels"):
        (few / part).mkdir(parents=True)
        for seed in range(2):
            name = f"p{seed}.tif"
            (few / part / name).write_bytes((dataset / part / name).read_bytes())
    with pytest.raises(UsageError, match="cannot be parted"):
        tune_model(few, tmp_path / "search", options(2))
