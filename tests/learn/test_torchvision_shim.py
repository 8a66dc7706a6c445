"""Importing torchvision: with its compiled part, without it, and where there is none at all."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="the extra [train] is not installed")
pytest.importorskip("onnxscript", reason="the extra [train] is not installed")

import torch

from cellwright.core.errors import UsageError
from cellwright.learn import torchvision_shim
from cellwright.learn.architectures.maskrcnn import MaskRcnn
from cellwright.learn.torchvision_shim import has_operators, load_torchvision

INSTALLED = pytest.mark.skipif(
    importlib.util.find_spec("torchvision") is None, reason="the extra [detection] is not installed"
)


def installed_in(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    spec = ModuleSpec("torchvision", None, is_package=True)
    spec.submodule_search_locations = [str(folder)]
    monkeypatch.setattr(torchvision_shim, "find_spec", lambda name: spec)


def declaring(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let the shim find torchvision not yet imported; tell what it declares."""
    found: list[str] = []

    class Library:
        def __init__(self, name: str, kind: str) -> None:
            assert (name, kind) == ("torchvision", "DEF")

        def define(self, schema: str) -> None:
            found.append(schema.partition("(")[0])

    monkeypatch.setattr(torchvision_shim, "_declared", [])
    monkeypatch.setattr(torch.library, "Library", Library)
    empty = {"torchvision": None, "torchvision.models.detection": None, "torchvision.ops": None}
    for name in empty:
        monkeypatch.delitem(sys.modules, name, raising=False)
    return found


def test_a_compiled_part_that_loads_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / f"_C{EXTENSION_SUFFIXES[-1]}").write_bytes(b"")
    (tmp_path / "torchvision").mkdir()
    installed_in(monkeypatch, tmp_path)
    loaded: list[Any] = []
    monkeypatch.setattr(torch.ops, "load_library", loaded.append)
    assert has_operators()
    assert [Path(path).parent for path in loaded] == [tmp_path]
    declared = declaring(monkeypatch)
    stub(monkeypatch)
    load_torchvision()
    assert not declared


def test_what_it_names_is_declared_where_the_compiled_part_does_not_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed_in(monkeypatch, tmp_path)
    assert not has_operators()  # there is none
    (tmp_path / f"_C{EXTENSION_SUFFIXES[-1]}").write_bytes(b"no library at all")
    assert not has_operators()
    declared = declaring(monkeypatch)
    stub(monkeypatch)
    load_torchvision()
    assert "nms" in declared


def stub(monkeypatch: pytest.MonkeyPatch) -> None:
    """Import nothing when torchvision is imported."""
    original = __import__

    def without(name: str, *rest: Any) -> Any:
        return None if name.startswith("torchvision") else original(name, *rest)

    monkeypatch.setattr("builtins.__import__", without)


def test_without_torchvision_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    declared = declaring(monkeypatch)
    monkeypatch.setattr(torchvision_shim, "find_spec", lambda name: None)
    assert not has_operators()
    with pytest.raises(UsageError, match=r"needs torchvision.*cellwright\[train,detection\]"):
        MaskRcnn(imagenet="random").network()
    assert not declared


WHOLE = """
import torch
from torch import nn
from cellwright.learn.export import to_onnx
assert to_onnx(nn.Sequential(nn.Conv2d(3, 2, 1)))  # before anything was declared
from cellwright.learn.torchvision_shim import has_operators
assert not has_operators()
from cellwright.learn.architectures.maskrcnn import MaskRcnn
made = MaskRcnn(imagenet="random", pyramid=4, hidden=4, detections=8, samples=8)
network = made.network().train()
labels = torch.zeros(1, 64, 64)
labels[:, 8:24, 8:24] = 1
parts = made.loss(network(torch.rand(1, 3, 64, 64)), {"labels": labels}, labels >= 0)
assert all(torch.isfinite(part) for part in parts.values())
with torch.no_grad():
    assert network.eval()(torch.rand(1, 3, 64, 64)).shape == (1, 5, 64, 64)
"""


@INSTALLED
def test_beside_a_torch_for_which_it_was_not_made_networks_learn_and_others_are_exported(
    tmp_path: Path,
) -> None:
    """A copy of torchvision without its compiled part; without the shim it cannot be imported."""
    spec = importlib.util.find_spec("torchvision")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    copied = tmp_path / "torchvision"
    copied.mkdir()
    for path in Path(spec.submodule_search_locations[0]).iterdir():
        if not path.name.startswith("_C."):
            (copied / path.name).symlink_to(path)
    around = {**os.environ, "PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", WHOLE], env=around, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
