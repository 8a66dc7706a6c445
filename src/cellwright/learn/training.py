"""The one training loop: steps, a moving average of the weights, checkpoints, exact resume."""

from __future__ import annotations

import copy
import json
import math
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict
from torch import nn

from cellwright.core.errors import RunError
from cellwright.learn.architectures.instance import Instance
from cellwright.learn.batches import Batches, Sampling
from cellwright.learn.pictures import Picture

__all__ = ["Settings", "average_of", "train"]

_CURVE_STEPS = 20


class Settings(BaseModel):
    """All that decides what comes out of a training run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    architecture: Instance = Instance()
    sampling: Sampling = Sampling()
    steps: int = 1000
    learning_rate: float = 1.5e-3
    weight_decay: float = 1e-2
    warm_up: int = 100
    fall: int = 300
    averaging: float = 0.999
    largest_gradient: float = 5.0
    seed: int = 1
    checkpoint_steps: int = 200


def rate_at(step: int, settings: Settings) -> float:
    """Learning rate of a step: a linear start, a long constant part, a fall to a hundredth.

    Because it is constant until the fall, a run can be made longer without beginning anew.

    References
    ----------
    S. Hu and others, "MiniCPM", 2024 (warm-up, stable, decay).
    """
    if step < settings.warm_up:
        return settings.learning_rate * (step + 1) / settings.warm_up
    left = (settings.steps - step) / max(1, settings.fall)
    return settings.learning_rate * max(0.01, 1 - math.sqrt(1 - left) if left < 1 else 1.0)


def train(
    pictures: Sequence[Picture],
    settings: Settings,
    folder: Path,
    told: Callable[[str], None] = print,
) -> nn.Module:
    """Train a network, or go on where a checkpoint in the folder left off.

    A run that was ended and goes on gives the same weights as one that was not, on the same
    machine with the same number of threads.

    Parameters
    ----------
    pictures
        To be trained on.
    settings
        Stored in the folder; a folder of other settings is refused.
    folder
        Gets ``settings.json``, ``checkpoint.pt`` and ``curve.csv``.
    told
        Hears one line now and then.

    Returns
    -------
    nn.Module
        With the averaged weights, ready to predict.

    Raises
    ------
    RunError
        If the loss is no number any more, naming the step; or if the folder belongs to a run
        with other settings.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _claim(folder / "settings.json", settings)
    torch.manual_seed(settings.seed)
    architecture = settings.architecture
    network: nn.Module = architecture.network()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = copy.deepcopy(network)
    optimiser = torch.optim.AdamW(_groups(network, settings.weight_decay), betas=(0.9, 0.99))
    first = _resumed(folder / "checkpoint.pt", network, average, optimiser)
    batches = Batches(pictures, architecture, settings.sampling, settings.seed)
    network.train()
    began, waited, kept = time.monotonic(), 0.0, []
    for step in range(first, settings.steps):
        asked = time.monotonic()
        batch = batches(step)
        waited += time.monotonic() - asked
        for group in optimiser.param_groups:
            group["lr"] = rate_at(step, settings)
        optimiser.zero_grad()
        maps = network(batch.pixels.contiguous(memory_format=torch.channels_last))
        parts = architecture.loss(maps, batch.wanted, batch.inside)
        loss = torch.stack(list(parts.values())).sum()
        if not torch.isfinite(loss):
            raise RunError(
                f"the loss of step {step} is no number",
                where=str(folder),
                remedy="lower the learning rate; the checkpoint before this step is kept",
            )
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), settings.largest_gradient)
        optimiser.step()
        _average(average, network, min(settings.averaging, (1 + step) / (10 + step)))
        kept.append([float(loss), *(float(part) for part in parts.values())])
        if (step + 1) % _CURVE_STEPS == 0:
            means = [sum(column) / len(kept) for column in zip(*kept, strict=True)]
            _write_curve(folder / "curve.csv", step + 1, ["loss", *parts], means)
            seconds = (time.monotonic() - began) / (step + 1 - first)
            share = waited / (time.monotonic() - began)
            told(f"step {step + 1}: loss {means[0]:.4f}, {seconds:.2f} s a step, {share:.0%} data")
            kept = []
        if (step + 1) % settings.checkpoint_steps == 0 or step + 1 == settings.steps:
            _save(folder / "checkpoint.pt", step + 1, network, average, optimiser)
    average.eval()
    return average


def average_of(folder: Path) -> tuple[Settings, nn.Module]:
    """Settings and averaged network of a run's last checkpoint."""
    settings = Settings.model_validate_json((folder / "settings.json").read_text("utf-8"))
    network = settings.architecture.network()
    state = torch.load(folder / "checkpoint.pt", weights_only=True)
    network.load_state_dict(state["average"])
    return settings, network.eval()


def _claim(path: Path, settings: Settings) -> None:
    text = json.dumps(settings.model_dump(mode="json"), indent=1, sort_keys=True) + "\n"
    if path.exists() and path.read_text("utf-8") != text:
        raise RunError(
            "this folder holds a training run with other settings",
            where=str(path),
            remedy="choose another folder, or go on with the same settings",
        )
    path.write_text(text, "utf-8")


def _groups(network: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Weights that decay, and those of one dimension (norms, biases) that do not."""
    large = [weight for weight in network.parameters() if weight.ndim > 1]
    small = [weight for weight in network.parameters() if weight.ndim <= 1]
    return [{"params": large, "weight_decay": decay}, {"params": small, "weight_decay": 0.0}]


def _average(average: nn.Module, network: nn.Module, keep: float) -> None:
    """Move the average towards the network; running means of batch norm count as weights."""
    with torch.no_grad():
        for old, new in zip(
            average.state_dict().values(), network.state_dict().values(), strict=True
        ):
            if old.is_floating_point():
                old.mul_(keep).add_(new, alpha=1 - keep)
            else:
                old.copy_(new)


def _save(path: Path, step: int, network: nn.Module, average: nn.Module, optimiser: Any) -> None:
    state = {
        "step": step,
        "network": network.state_dict(),
        "average": average.state_dict(),
        "optimiser": optimiser.state_dict(),
    }
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _resumed(path: Path, network: nn.Module, average: nn.Module, optimiser: Any) -> int:
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True)
    network.load_state_dict(state["network"])
    average.load_state_dict(state["average"])
    optimiser.load_state_dict(state["optimiser"])
    return int(state["step"])


def _write_curve(path: Path, step: int, names: list[str], values: list[float]) -> None:
    new = not path.exists()
    with path.open("a", encoding="utf-8") as file:
        if new:
            file.write("step," + ",".join(names) + "\n")
        file.write(f"{step}," + ",".join(f"{value:.5f}" for value in values) + "\n")
