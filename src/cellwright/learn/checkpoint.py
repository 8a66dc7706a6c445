"""What a training run is made of at a step, on disk and back, to the last bit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import nn

from cellwright.core.errors import RunError
from cellwright.engine.files import atomic_stream

__all__ = ["State", "load_average", "resumed", "save", "steps_made"]


@dataclass(frozen=True, eq=False)
class State:
    """A network in training.

    Attributes
    ----------
    network
        As the last step left it.
    average
        Its moving average, which is what comes out in the end.
    optimisers
        Each of some of the weights, all together of those that are trained; with their own moving
        averages.
    looks
        Steps after which somebody looked how good the average is, and the scores.
    losses
        Loss and parts of each step since the last row of the curve.
    """

    network: nn.Module
    average: nn.Module
    optimisers: tuple[torch.optim.Optimizer, ...]
    looks: list[tuple[int, float]] = field(default_factory=list)
    losses: list[list[float]] = field(default_factory=list)


def save(path: Path, step: int, state: State) -> None:
    """Write a checkpoint, whole or not at all.

    Parameters
    ----------
    path
        The file.
    step
        How many steps were made.
    state
        After them.

    Raises
    ------
    RunError
        If it cannot be written.
    """
    content = {
        "step": step,
        "network": state.network.state_dict(),
        "average": state.average.state_dict(),
        "optimisers": [optimiser.state_dict() for optimiser in state.optimisers],
        "looks": [list(look) for look in state.looks],
        "losses": state.losses,
    }
    with atomic_stream(path, path.parent) as stream:
        torch.save(content, stream)


def resumed(path: Path, state: State) -> int:
    """Bring a state to that of a checkpoint, if there is one; tell how many steps were made.

    Raises
    ------
    RunError
        If the file is broken, or of another network.
    """
    if not path.exists():
        return 0
    with _translated(path):
        content = torch.load(path, weights_only=True, map_location="cpu")
        state.network.load_state_dict(content["network"])
        state.average.load_state_dict(content["average"])
        for optimiser, stored in zip(state.optimisers, content["optimisers"], strict=True):
            optimiser.load_state_dict(stored)
        state.looks[:] = [(int(step), float(score)) for step, score in content.get("looks", ())]
        state.losses[:] = content.get("losses", ())
        return int(content["step"])


def load_average(path: Path, network: nn.Module) -> None:
    """Give a network the averaged weights of a checkpoint.

    Raises
    ------
    RunError
        If there is no such file, or it is broken, or of another network.
    """
    with _translated(path):
        network.load_state_dict(_content(path)["average"])


def steps_made(path: Path) -> int:
    """Tell how many steps were made before a checkpoint.

    Raises
    ------
    RunError
        If there is no such file, or it is broken.
    """
    with _translated(path):
        return int(_content(path)["step"])


def _content(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise RunError(
            "this training run has no checkpoint yet",
            where=str(path.parent),
            remedy="let it train for a while",
        )
    content: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
    return content


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Say in our words what torch says of a file that is broken or of another network."""
    try:
        yield
    except (
        RuntimeError,
        ValueError,
        KeyError,
        TypeError,
        EOFError,
        UnpicklingError,
    ) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise RunError(
            f"the checkpoint is broken, or of another network ({first})",
            where=str(path),
            remedy="take it away to begin anew, or choose another folder",
        ) from error
