"""Training: exact resume, a folder for each run, and errors that name the step."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

pytest.importorskip("torch", reason="the extra [train] is not installed")

import torch

from cellwright.core.errors import CancelledError, RunError, UsageError
from cellwright.engine.events import CancelToken, Event, Message, StepFinished
from cellwright.learn.architectures.instance import Instance
from cellwright.learn.architectures.unet import Unet
from cellwright.learn.batches import Sampling
from cellwright.learn.curve import STEPS, Curve
from cellwright.learn.pictures import Picture
from cellwright.learn.training import Settings, average_of, last_step, rate_at, train


def settings_of(**changes: Any) -> Settings:
    """Six steps of two small patches, a checkpoint after the third and the sixth."""
    said: dict[str, Any] = {
        "architecture": Instance(widths=(4, 8), depths=(1, 1)),
        "sampling": Sampling(side=32, count=2),
        "steps": 6,
        "warm_up": 2,
        "fall": 2,
        "checkpoint_steps": 3,
    }
    return Settings(**(said | changes))


class Interrupted(Exception):
    """Stands for a kill."""


class Ending(Sequence[Picture]):
    """Pictures that can be drawn so many times, and then somebody pulls the plug."""

    def __init__(self, pictures: Sequence[Picture], draws: int) -> None:
        self._pictures = pictures
        self._left = draws

    def __len__(self) -> int:
        return len(self._pictures)

    def __iter__(self) -> Any:
        return iter(self._pictures)

    def __getitem__(self, index: Any) -> Any:
        self._left -= 1
        if self._left < 0:
            raise Interrupted
        return self._pictures[index]


def assert_same(one: torch.nn.Module, other: torch.nn.Module) -> None:
    states = one.state_dict(), other.state_dict()
    assert list(states[0]) == list(states[1])
    for name, value in states[0].items():
        assert torch.equal(value, states[1][name]), name


@pytest.mark.parametrize("steps_made", [3, 4, 5])
def test_a_run_that_was_ended_goes_on_to_the_same_weights(
    tmp_path: Path, pictures: list[Picture], steps_made: int
) -> None:
    whole = train(pictures, settings_of(), tmp_path / "whole")
    with pytest.raises(Interrupted):
        train(Ending(pictures, 2 * steps_made), settings_of(), tmp_path / "parted")
    assert torch.load(tmp_path / "parted" / "checkpoint.pt", weights_only=True)["step"] == 3
    counting = Ending(pictures, 2 * 3)  # no more than the last three steps are made again
    assert_same(train(counting, settings_of(), tmp_path / "parted"), whole)
    both = [
        torch.load(tmp_path / name / "checkpoint.pt", weights_only=True)["network"]
        for name in ("whole", "parted")
    ]
    assert all(torch.equal(value, both[1][name]) for name, value in both[0].items())
    assert sorted(path.name for path in (tmp_path / "parted").iterdir()) == [
        "checkpoint.pt",
        "settings.json",
    ]


def stopped_at(step: int, pictures: Sequence[Picture], settings: Settings, folder: Path) -> None:
    """Train until somebody asks to stop in a step; each look gives the same score."""
    cancel = CancelToken()

    def listen(event: Event) -> None:
        if isinstance(event, StepFinished) and event.image == f"step {step}":
            cancel.cancel()

    with pytest.raises(CancelledError):
        train(pictures, settings, folder, listen, cancel=cancel, look=lambda *_: 0.5)


@pytest.mark.parametrize("step", [3, 4, 14])
def test_a_stop_in_any_step_leaves_out_no_look(
    tmp_path: Path, pictures: list[Picture], step: int
) -> None:
    said = settings_of(steps=30, checkpoint_steps=4, fall=2, patience=2)
    whole = train(pictures, said, tmp_path / "whole", look=lambda *_: 0.5)
    stopped_at(step, pictures, said, tmp_path / "parted")
    assert_same(train(pictures, said, tmp_path / "parted", look=lambda *_: 0.5), whole)
    for name in ("whole", "parted"):
        content = torch.load(tmp_path / name / "checkpoint.pt", weights_only=True)
        assert content["step"] == 14
        assert [look[0] for look in content["looks"]] == [4, 8, 12, 14]


@pytest.mark.parametrize("step", [7, STEPS + 1])
def test_a_stop_in_any_step_leaves_the_curve_as_it_is(
    tmp_path: Path, pictures: list[Picture], step: int
) -> None:
    said = settings_of(steps=2 * STEPS, checkpoint_steps=8)
    train(pictures, said, tmp_path / "whole", look=lambda *_: 0.5)
    stopped_at(step, pictures, said, tmp_path / "parted")
    train(pictures, said, tmp_path / "parted", look=lambda *_: 0.5)
    curves = [(tmp_path / name / "curve.csv").read_bytes() for name in ("whole", "parted")]
    assert curves[0] == curves[1]
    assert curves[0].count(b"\n") == 3


def test_a_checkpoint_without_what_came_later_is_still_gone_on_from(
    tmp_path: Path, pictures: list[Picture]
) -> None:
    said = settings_of(checkpoint_steps=2)
    whole = train(pictures, said, tmp_path / "whole")
    stopped_at(3, pictures, said, tmp_path / "parted")
    path = tmp_path / "parted" / "checkpoint.pt"
    content = torch.load(path, weights_only=True)
    assert len(content.pop("losses")) == 3
    torch.save(content, path)
    assert_same(train(pictures, said, tmp_path / "parted"), whole)


def test_a_finished_run_is_not_made_again(tmp_path: Path, pictures: list[Picture]) -> None:
    trained = train(pictures, settings_of(), tmp_path)
    assert_same(train(Ending(pictures, 0), settings_of(), tmp_path), trained)
    settings, network = average_of(tmp_path)
    assert settings == settings_of()
    assert not network.training
    assert_same(network, trained)


def test_other_seeds_give_other_weights_and_leave_torch_s_own_alone(
    tmp_path: Path, pictures: list[Picture]
) -> None:
    torch.manual_seed(11)
    before = torch.get_rng_state()
    one = train(pictures, settings_of(), tmp_path / "one")
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(12)
    assert_same(train(pictures, settings_of(), tmp_path / "again"), one)
    other = train(pictures, settings_of(seed=2), tmp_path / "other")
    name = next(iter(one.state_dict()))
    assert not torch.equal(other.state_dict()[name], one.state_dict()[name])


def test_the_average_follows_the_weights(tmp_path: Path, pictures: list[Picture]) -> None:
    """The second step keeps 2 / 11 of the average: the settings' half comes into force later."""
    settings = settings_of(averaging=0.5, checkpoint_steps=1)
    states = []
    for steps_made in (1, 2):
        folder = tmp_path / f"{steps_made}"
        with pytest.raises(Interrupted):
            train(Ending(pictures, 2 * steps_made), settings, folder)
        states.append(torch.load(folder / "checkpoint.pt", weights_only=True))
    for name, value in states[1]["average"].items():
        if value.is_floating_point():
            wanted = states[0]["average"][name] * (2 / 11) + states[1]["network"][name] * (9 / 11)
            torch.testing.assert_close(value, wanted)
            assert not torch.equal(value, states[1]["network"][name])


def test_a_loss_that_is_no_number_is_named(tmp_path: Path, pictures: list[Picture]) -> None:
    with pytest.raises(RunError, match=r"the (loss|gradient) of step [1-5] is no number") as caught:
        train(pictures, settings_of(learning_rate=1e30, warm_up=0), tmp_path)
    assert caught.value.where == str(tmp_path)
    assert any(f"patches of {picture.name}" in caught.value.what for picture in pictures)
    assert "lower learning rate" in caught.value.remedy


def test_a_folder_of_another_run_is_refused(tmp_path: Path, pictures: list[Picture]) -> None:
    train(pictures, settings_of(steps=1), tmp_path)
    other = settings_of(steps=1, seed=2, sampling=Sampling(side=32, count=2, wild=0.5))
    with pytest.raises(RunError, match=r"other settings: sampling\.wild, seed"):
        train(pictures, other, tmp_path)


def test_settings_without_what_came_later_are_still_read(
    tmp_path: Path, pictures: list[Picture]
) -> None:
    settings = settings_of(steps=1)
    train(pictures, settings, tmp_path)
    path = tmp_path / "settings.json"
    said = json.loads(path.read_text("utf-8"))
    del said["largest_gradient"]
    path.write_text(json.dumps(said), "utf-8")
    assert average_of(tmp_path)[0] == settings
    train(pictures, settings, tmp_path)


@pytest.mark.parametrize("text", ["{", '{"stepps": 3}', "[]"])
def test_settings_that_are_none(tmp_path: Path, pictures: list[Picture], text: str) -> None:
    (tmp_path / "settings.json").write_text(text, "utf-8")
    with pytest.raises(RunError, match="no settings of a training run"):
        train(pictures, settings_of(), tmp_path)


def test_a_broken_checkpoint_and_none_at_all(tmp_path: Path, pictures: list[Picture]) -> None:
    with pytest.raises(RunError, match="holds no training run"):
        average_of(tmp_path)
    with pytest.raises(Interrupted):
        train(Ending(pictures, 0), settings_of(), tmp_path)
    with pytest.raises(RunError, match="no checkpoint yet"):
        average_of(tmp_path)
    (tmp_path / "checkpoint.pt").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(RunError, match="the checkpoint is broken"):
        average_of(tmp_path)
    with pytest.raises(RunError, match="the checkpoint is broken"):
        train(pictures, settings_of(), tmp_path)


def test_no_pictures(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no pictures to train on"):
        train([], settings_of(), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"sampling": Sampling(side=30)},
        {"sampling": Sampling(side=16)},
        {"steps": 0},
        {"averaging": 1.0},
        {"architecture": {"width": 3}},
    ],
)
def test_settings_that_cannot_be(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings_of(**changes)


def test_the_learning_rate_rises_stays_and_falls() -> None:
    settings = settings_of(steps=1000, warm_up=10, fall=400, learning_rate=0.5)
    found = [rate_at(step, settings) for step in (0, 4, 9, 10, 600, 700, 900, 999)]
    wanted = [0.05, 0.25, 0.5, 0.5, 0.5, 0.25, 0.5 * (1 - np.sqrt(0.75)), 0.005]
    np.testing.assert_allclose(found, wanted)


@given(st.integers(0, 999), st.integers(0, 500), st.integers(0, 600))
def test_the_learning_rate_keeps_its_bounds(step: int, warm_up: int, fall: int) -> None:
    settings = settings_of(steps=1000, warm_up=warm_up, fall=fall, learning_rate=1.0)
    assert 0 < rate_at(step, settings) <= 1
    if step >= warm_up:
        assert rate_at(step, settings) >= 0.01
    if warm_up <= step < 1000 - fall:
        # so far a longer run would have been the same
        assert rate_at(step, settings) == rate_at(step, settings.model_copy(update={"steps": 2000}))


def test_a_row_of_the_curve_is_a_mean_and_a_line_is_told(
    tmp_path: Path, pictures: list[Picture]
) -> None:
    heard: list[Event] = []
    train(pictures, settings_of(steps=STEPS + 1), tmp_path, heard.append)
    told = [event.text for event in heard if isinstance(event, Message)]
    head, row = (tmp_path / "curve.csv").read_text("utf-8").splitlines()
    assert head == "step,loss,foreground,dice,size,overlap,offsets"
    values = [float(value) for value in row.split(",")]
    assert values[0] == STEPS
    assert values[1] == pytest.approx(sum(values[2:]), abs=1e-4)
    assert len(told) == 1
    assert told[0].startswith(f"step {STEPS} of {STEPS + 1}: loss {values[1]:.4f}, ")


def test_rows_beyond_the_checkpoint_are_made_again(tmp_path: Path) -> None:
    path = tmp_path / "curve.csv"

    def go_on(first: int, last: int) -> None:
        curve = Curve(path, first)
        for step in range(first + 1, last + 1):
            means = curve.add(step, {"loss": step, "part": 1.0})
            assert (means is None) == (step % STEPS > 0)

    go_on(0, 3 * STEPS)
    whole = path.read_text("utf-8")
    assert whole.splitlines() == ["step,loss,part", *(f"{20 * i},{20 * i - 9.5:.5f},1.00000"
                                                      for i in (1, 2, 3))]  # fmt: skip
    with path.open("a", encoding="utf-8") as file:
        file.write("80,")  # the plug was pulled while it was written
    go_on(STEPS, 3 * STEPS)
    assert path.read_text("utf-8") == whole
    go_on(0, 3 * STEPS)
    assert path.read_text("utf-8") == whole


def test_without_progress_the_rate_falls_and_the_run_ends(
    tmp_path: Path, pictures: list[Picture]
) -> None:
    said = settings_of(steps=60, checkpoint_steps=2, fall=3, patience=2)
    scores = iter([0.1, 0.3, 0.2, 0.3005, 0.9, 0.9])
    looked: list[int] = []

    def look(step: int, network: torch.nn.Module) -> float:
        assert not network.training
        looked.append(step)
        return next(scores)

    train(pictures, said, tmp_path, look=look)
    # two looks after the best one, at step 8, it begins to fall: three steps more
    assert looked == [2, 4, 6, 8, 10, 11]
    content = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert content["step"] == 11
    rows = (tmp_path / "looks.csv").read_text("utf-8").splitlines()
    assert rows[:3] == ["step,score", "2,0.10000", "4,0.30000"]


@pytest.mark.parametrize(
    ("update", "changed"),
    [("class-head", {"class_head"}), ("heads", {"class_head", "head"})],
)
def test_only_the_weights_that_are_updated_change(
    tmp_path: Path, pictures: list[Picture], update: Any, changed: set[str]
) -> None:
    architecture = Instance(widths=(4, 8), depths=(1, 1), classes=2)
    torch.manual_seed(3)
    begin = architecture.network().state_dict()
    said = settings_of(architecture=architecture, update=update, start="a hash", steps=3)
    after = train(pictures, said, tmp_path, start=begin).state_dict()
    differing = {
        name.split(".")[0]
        for name, value in after.items()
        if value.is_floating_point() and not torch.equal(value, begin[name])
    }
    assert differing <= changed
    # no picture names a class, so nothing pulls at the head of the classes but its decay
    assert ("head" in differing) == ("head" in changed)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_dropout_too_is_the_same_after_a_stop(
    tmp_path: Path, pictures: list[Picture], precision: str
) -> None:
    said = settings_of(
        architecture=Unet(widths=(4, 8), dropout=0.5), optimiser="adam", steps=4,
        precision=precision,
    )  # fmt: skip
    whole = train(pictures, said, tmp_path / "whole")
    with pytest.raises(Interrupted):
        train(Ending(pictures, 2 * 3), said, tmp_path / "parted")
    torch.rand(7)  # whatever else drew from the generator
    assert_same(train(pictures, said, tmp_path / "parted"), whole)


def test_bfloat16_is_near(tmp_path: Path, pictures: list[Picture]) -> None:
    exact = train(pictures, settings_of(steps=2), tmp_path / "exact")
    near = train(pictures, settings_of(steps=2, precision="bfloat16"), tmp_path / "near")
    for name, value in exact.state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(near.state_dict()[name], value, atol=0.05, rtol=0.2)


def test_a_network_that_has_learnt_nothing_yet_is_given_time() -> None:
    said = settings_of(steps=100, fall=3, patience=2)
    assert last_step(said, [(step, 0.001) for step in range(10, 60, 10)]) == 100
    assert last_step(said, [(10, 0.0), (20, 0.0), (30, 0.3), (40, 0.3), (50, 0.3)]) == 53
