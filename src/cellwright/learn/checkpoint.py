"""What a training run is made of at a step, on disk and back, to the last bit."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import nn

from cellwright.core.errors import RunError
from cellwright.engine.files import atomic_stream
from cellwright.learn.muon import Muon

__all__ = ["State", "begun", "load_average", "resumed", "save"]

_MOMENTS = (0.9, 0.99)
"""Of AdamW: shares that a step leaves of the mean gradient and of the mean squared one. The second
is less than the usual 0.999: its memory is a hundred steps long, not a thousand."""


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
        Each of some of the weights, all together of all; with their own moving averages.
    """

    network: nn.Module
    average: nn.Module
    optimisers: tuple[torch.optim.Optimizer, ...]


def begun(make: Callable[[], nn.Module], seed: int, weight_decay: float) -> State:
    """Begin a training.

    Parameters
    ----------
    make
        Makes the network, with weights of torch's generator.
    seed
        Of the generator; that of the caller is left as it is.
    weight_decay
        Of all weights but those of norms and biases.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = make()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return State(network, copy.deepcopy(network), _optimisers(network, weight_decay))


def _optimisers(network: nn.Module, decay: float) -> tuple[torch.optim.Optimizer, ...]:
    """Muon for the convolutions, AdamW for the first and the last one, for norms and biases.

    The first and the last have matrices of pixels and of answers, not of features.
    """
    first, *inner, last = (weight for weight in network.parameters() if weight.ndim > 1)
    small = [weight for weight in network.parameters() if weight.ndim <= 1]
    others: list[dict[str, Any]] = [
        {"params": [first, last], "weight_decay": decay},
        {"params": small, "weight_decay": 0.0},
    ]
    return Muon(inner, decay), torch.optim.AdamW(others, betas=_MOMENTS)


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
        return int(content["step"])


def load_average(path: Path, network: nn.Module) -> None:
    """Give a network the averaged weights of a checkpoint.

    Raises
    ------
    RunError
        If there is no such file, or it is broken, or of another network.
    """
    if not path.exists():
        raise RunError(
            "this training run has no checkpoint yet",
            where=str(path.parent),
            remedy="let it train for a while",
        )
    with _translated(path):
        content = torch.load(path, weights_only=True, map_location="cpu")
        network.load_state_dict(content["average"])


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
