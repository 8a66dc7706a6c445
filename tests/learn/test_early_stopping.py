"""When a training is to end: told by pictures that nobody scores, or said to be told by others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.learn.test_job import dataset_in, trained

pytest.importorskip("torch", reason="the extra [train] is not installed")

import torch

from cellwright.core.errors import CancelledError
from cellwright.datasets.example import Example, examples_in, read_pixels
from cellwright.engine.events import CancelToken, Event, StepFinished
from cellwright.io.label_image import encode_labels
from cellwright.learn.early_stopping import LEAST_GROUPS, put_aside
from cellwright.learn.pictures import Picture, picture_of
from cellwright.learn.runs import Runs
from cellwright.learn.stored_plan import PLAN
from cellwright.learn.training import Look
from cellwright.models.learnt import learnt_of, picture_hash
from cellwright.models.model import read_model


def examples(groups: int, kinds: int = 1) -> list[Example]:
    """Two pictures of each group."""
    return [
        Example(f"{group}{side}", Path(), Path(), f"kind{group % kinds}", f"set/{group}")
        for group in range(groups)
        for side in "ab"
    ]


def drawn(some: Sequence[Example], *, empty: Sequence[str] = ()) -> dict[str, Picture]:
    """Each with one object, but for those that are named."""
    labels = np.zeros((8, 8), np.uint32)
    labels[2:6, 2:6] = 1
    return {
        one.name: picture_of(one.name, one.kind, labels * 9.0, labels * (one.name not in empty),
                             (1, 99))
        for one in some
    }  # fmt: skip


@pytest.mark.parametrize("kinds", [1, 3, 30])
def test_a_tenth_of_the_groups_tells_if_there_are_enough(kinds: int) -> None:
    some = examples(30, kinds)
    held = {one.name for one in some[:8]}
    [aside] = put_aside(some, drawn(some), [held])
    assert not held & set(aside)
    groups = {name[:-1] for name in aside}
    assert 2 <= len(groups) <= 3
    assert len(aside) == 2 * len(groups)  # whole ones
    enough = examples(LEAST_GROUPS, kinds)
    assert put_aside(enough, drawn(enough), [set(), {enough[0].name, enough[1].name}])[1] == ()
    assert put_aside(enough, drawn(enough), [set()]) != ((),)
    # pictures without objects tell nothing
    assert put_aside(enough, drawn(enough, empty=["0a", "0b"]), [set()]) == ((),)


def test_what_tells_when_to_end_is_neither_scored_nor_learnt_from(tmp_path: Path) -> None:
    many = dataset_in(tmp_path / "many", *range(27))
    done = trained(many, tmp_path / "t", "steps=2", "checkpoint_steps=2", "patience=5")
    plan = done.plan
    assert plan.looks is not None
    [aside] = plan.looks
    names = [set(plan.training), set(plan.validation), set(aside)]
    assert len(set.union(*names)) == sum(map(len, names)) == 27
    looked = {path.name for path in (tmp_path / "t" / "training" / "looks").iterdir()}
    assert looked <= set(aside)
    assert "2 more tell when to end" in plan.words()
    assert done.result is not None
    assert done.result.summary.card["pictures"]["split"] == "held out of the training"
    assert done.model is not None
    model = read_model(done.model)
    assert "when the training was to end" not in model.description.description
    assert "pictures like the 20 that it was trained on" in model.description.description
    # nobody is to take them for unseen ones
    pixels = [read_pixels(one) for one in examples_in(many) if one.name in aside]
    assert {picture_hash(one) for one in pixels} <= learnt_of(model).pictures


def test_pictures_that_tell_when_to_end_and_are_scored_are_said_to(tmp_path: Path) -> None:
    few = dataset_in(tmp_path / "few", *range(3))
    done = trained(few, tmp_path / "t", "steps=1", "patience=5")
    assert done.plan.looks == ((),)
    told = "these pictures also told when the training was to end"
    assert "those that are scored also tell when to end" in done.plan.words()
    summary = json.loads((tmp_path / "t" / "summary.json").read_text("utf-8"))
    assert told in summary["card"]["pictures"]["split"]
    assert done.model is not None
    assert told in read_model(done.model).description.description
    # as in a plan that was made before others could tell, which goes on as it was begun
    path = tmp_path / "t" / PLAN
    content = json.loads(path.read_text("utf-8"))
    assert content.pop("looks") == [[]]
    path.write_text(json.dumps(content), "utf-8")
    plan = trained(few, tmp_path / "t", "steps=1", "patience=5", preview=True).plan
    assert plan.looks is None
    assert told in plan.split
    # and not if nothing ends it early
    plan = trained(few, tmp_path / "u", "steps=1", "patience=null", preview=True).plan
    assert plan.doubt == ""


def test_pictures_without_objects_tell_nothing(tmp_path: Path) -> None:
    few = dataset_in(tmp_path / "few", 0, 1, 2)
    nothing = np.zeros((96, 96), np.uint32)
    (few / "labels" / "p2.tif").write_bytes(encode_labels(nothing, "YX"))
    (few / "classes.csv").unlink()
    trained(few, tmp_path / "t", "steps=1", folds=3)
    parts = [tmp_path / "t" / "folds" / part for part in ("00", "01", "02")]
    assert [(part / "looks.csv").exists() for part in parts] == [True, True, False]


def test_the_run_on_all_pictures_makes_as_many_steps_as_the_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts end two looks after the last progress, and two steps more."""
    rising = {"00": 4, "01": 12, "02": 8}

    def looking(_: Runs, folder: Path, drawn: Sequence[str]) -> Look:
        assert len(drawn) == 1
        return lambda step, _: min(step, rising[folder.name]) / 100 + 0.5

    monkeypatch.setattr(Runs, "_look", looking)
    few = dataset_in(tmp_path / "few", 0, 1, 2)
    changes = ("steps=40", "patience=2", "checkpoint_steps=4", "fall=2")
    cancel = CancelToken()
    made = 0

    def listen(event: Event) -> None:
        nonlocal made
        made += isinstance(event, StepFinished) and event.phase == "training"
        if made == 60:  # in the run on all pictures
            cancel.cancel()

    done = trained(few, tmp_path / "t", *changes, folds=3)
    counts = [_steps(tmp_path / "t" / "folds" / part) for part in sorted(rising)]
    assert counts == [14, 22, 18]
    assert _steps(tmp_path / "t" / "training") == 18
    with pytest.raises(CancelledError):
        trained(few, tmp_path / "u" / "t", *changes, folds=3, listener=listen, cancel=cancel)
    again = trained(few, tmp_path / "u" / "t", *changes, folds=3)
    assert done.model is not None
    assert again.model is not None
    assert again.model.read_bytes() == done.model.read_bytes()


def _steps(run: Path) -> int:
    content: dict[str, Any] = torch.load(run / "checkpoint.pt", weights_only=True)
    return int(content["step"])
