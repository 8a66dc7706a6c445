from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from cellwright.core.errors import UsageError
from cellwright.datasets.example import Example
from cellwright.learn.planning import parts_of, precision_here


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


def test_more_parts_than_groups_leave_one_out() -> None:
    parts = parts_of([example(name, "k") for name in "abc"], 1000)
    assert sorted(parts) == [("a",), ("b",), ("c",)]


def test_one_group_cannot_be_parted() -> None:
    with pytest.raises(UsageError, match="1 groups of pictures"):
        parts_of([example("a", "k", "g"), example("b", "k", "g")], 2)
