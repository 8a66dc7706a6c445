from collections.abc import Mapping
from typing import Any

import pytest
import torch

from cellwright.learn.planning import precision_here


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
