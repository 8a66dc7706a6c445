from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.models.tiny_model import make_description

from cellwright.core.errors import UsageError
from cellwright.datasets.example import Example
from cellwright.engine.events import Event, Message
from cellwright.learn.holding_out import fresh_to, held_out, parted
from cellwright.learn.pictures import picture_of
from cellwright.learn.planning import parts_of, precision_here, within_budget
from cellwright.learn.training import Settings
from cellwright.models.learnt import LEARNT, Learnt, learnt_file, picture_hash
from cellwright.models.model import Model
from cellwright.simulate.nuclei import simulate_nuclei


@pytest.mark.parametrize(
    ("able", "precision"),
    [
        ({"avx512_bf16": True, "amx_bf16": False}, "bfloat16"),
        ({"avx512_bf16": False, "amx_bf16": True}, "bfloat16"),
        ({"avx512_f": True, "avx512_bf16": False, "amx_bf16": False}, "float32"),
        ({"architecture": "arm64"}, "float32"),
    ],
)
def test_short_numbers_are_for_processors_that_multiply_them(
    monkeypatch: pytest.MonkeyPatch, able: Mapping[str, Any], precision: str
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able, raising=False)
    assert precision_here() == precision


def test_a_torch_that_does_not_know_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert precision_here() == "float32"


def example(name: str, kind: str, group: str = "") -> Example:
    return Example(name, Path(), Path(), kind, group or name)


def test_parts_of_a_cross_validation_have_whole_groups_and_each_kind_alike() -> None:
    frames = [example(f"{colony}{t}", "yeast", colony) for colony in "ab" for t in range(9)]
    fields = [example(f"field{number}", "adherent") for number in range(8)]
    parts = parts_of([*frames, *fields], 4)
    assert sorted(name for part in parts for name in part) == sorted(
        one.name for one in [*frames, *fields]
    )
    assert [sum(name.startswith("field") for name in part) for part in parts] == [2, 2, 2, 2]
    colonies = [{name[0] for name in part if not name.startswith("field")} for part in parts]
    assert sorted(map(len, colonies)) == [0, 0, 1, 1]


def test_a_renamed_folder_is_parted_alike() -> None:
    first, second = (
        [example(name, "k", f"{folder}/{name}") for name in "abcdefghijklmnopqrst"]
        for folder in ("cells", "cells (copy)")
    )
    held = [[one.name for one in parted(examples, 0.3)[1]] for examples in (first, second)]
    assert held[0] == held[1]
    assert len(held[0]) == 6


@pytest.mark.parametrize(
    ("fresh", "share", "count"), [(20, 0.2, 4), (10, 0.2, 4), (4, 0.2, 2), (1, 0.2, 1), (3, 0, 0)]
)
def test_of_fresh_pictures_half_are_learnt_from(fresh: int, share: float, count: int) -> None:
    examples = [example(f"{number:02}", "k", f"set/{number:02}") for number in range(20)]
    held = held_out(examples, examples[:fresh], share)
    assert len(held) == count
    assert held <= {one.name for one in examples[:fresh]}


def test_a_model_that_does_not_tell_what_it_has_learnt_from_is_named() -> None:
    told: list[Event] = []
    pixels, labels = simulate_nuclei((64, 64), n=4, diameter_px=14, seed=1)
    pictures = {"a": picture_of("a", "k", pixels, labels, (1, 99.8))}
    silent_one = Model(make_description(), b"")
    assert fresh_to(silent_one, [example("a", "k")], pictures, told.append)
    [message] = [event for event in told if isinstance(event, Message)]
    assert (message.level, "nobody can tell" in message.text) == ("warning", True)
    attached = {LEARNT: learnt_file(Learnt(frozenset([picture_hash(pixels)]), complete=True))}
    model = Model(make_description(), b"", attachments=attached)
    pair = [example("a", "k", "g"), example("b", "k", "g")]
    pictures["b"] = picture_of("b", "k", pixels[::-1], labels[::-1], (1, 99.8))
    assert fresh_to(model, pair, pictures, told.append) == []
    assert len(told) == 1


def test_steps_that_a_person_named_stay_within_a_budget() -> None:
    settings = Settings(steps=500)
    assert within_budget(settings, ["steps=500"], 3600, 1).steps == 500
    assert within_budget(settings, ["fall=9"], 3600, 1).steps == 2880


def test_more_parts_than_groups_leave_one_out() -> None:
    parts = parts_of([example(name, "k") for name in "abc"], 1000)
    assert sorted(parts) == [("a",), ("b",), ("c",)]


def test_one_group_cannot_be_parted() -> None:
    with pytest.raises(UsageError, match="1 groups of pictures"):
        parts_of([example("a", "k", "g"), example("b", "k", "g")], 2)
