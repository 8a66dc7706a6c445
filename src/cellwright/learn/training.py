"""The one training loop: steps, a moving average of the weights, checkpoints, exact resume."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from torch import nn

from cellwright.core.errors import RunError, UsageError
from cellwright.engine.events import (
    CancelToken,
    Listener,
    Message,
    PhaseFinished,
    PhaseStarted,
    StepFinished,
    silent,
)
from cellwright.engine.files import write_atomic
from cellwright.learn.architecture import Known
from cellwright.learn.architectures.instance import Instance
from cellwright.learn.augmentation import SMALLEST_SIDE
from cellwright.learn.batches import Batch, Batches, Sampling
from cellwright.learn.beginning import Optimiser, begun, in_training
from cellwright.learn.checkpoint import State, load_average, resumed, save
from cellwright.learn.curve import Curve
from cellwright.learn.options import Update
from cellwright.learn.pictures import Picture

__all__ = [
    "Look",
    "Precision",
    "Settings",
    "average_of",
    "first_steps",
    "last_step",
    "rate_at",
    "train",
]

PHASE, LOOKING = "training", "looking"
"""Phases that a listener hears of: steps, and looks at how good the network has become."""

SETTINGS, CHECKPOINT, CURVE, SCORED = "settings.json", "checkpoint.pt", "curve.csv", "looks.csv"
"""Files of a run's folder."""

_LEAST_RATE = 0.01
"""Of the learning rate, which the last steps keep."""

_FIRST_AVERAGE = 10
"""The average keeps (1 + step) / (this + step) of itself in a step, until that is more than the
settings' share: it would else be full of the random weights of the beginning for long."""

_STRIDE = 1_000_003
"""From a seed to the next: more than there are steps, so that no two runs drop the same."""

_BETTER = 1e-3
"""By which a score must be higher than the best one before it to count as progress."""
_LEARNT = 0.05
"""Score from which on a lack of progress counts: before, a network has not learnt anything yet."""

Precision = Literal["float32", "bfloat16"]
"""Numbers in which a network reckons in training; its weights are float32 always."""

Look = Callable[[int, nn.Module], float]
"""Given the number of steps made and the averaged network, tells how good it is: more is better."""


class Settings(BaseModel):
    """All that decides, beside the pictures, what comes out of a training run.

    Attributes
    ----------
    architecture
        What is trained.
    sampling
        How patches are drawn.
    steps
        How many steps.
    learning_rate
        Of the long constant part; see `rate_at`.
    weight_decay
        Share of the weights, but for norms and biases, that a step of learning rate 1 takes off.
    warm_up, fall
        Steps in which the learning rate rises and falls.
    averaging
        Share of the moving average of the weights that a step leaves.
    largest_gradient
        Norm to which a longer gradient is shortened.
    seed
        Of the first weights and of all patches.
    checkpoint_steps
        Steps from one checkpoint to the next, and from one look at the scores to the next.
    patience
        Looks without progress after which the learning rate falls at once and the training ends;
        None lets it make all its steps.
    optimiser
        How steps are made.
    update
        Which weights are trained.
    rates
        By what the learning rate of a part of the network is multiplied.
    start
        Hash of the model file whose weights it begins with; None for random ones.
    decoding
        Options of the decoder that differ from those it has by itself.
    precision
        In which numbers the network reckons; weights are float32 always.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")

    architecture: Known = Instance()
    sampling: Sampling = Sampling()
    steps: int = Field(1000, ge=1, le=10**8)
    learning_rate: float = Field(1.5e-3, gt=0, allow_inf_nan=False)
    weight_decay: float = Field(1e-2, ge=0, allow_inf_nan=False)
    warm_up: int = Field(100, ge=0)
    fall: int = Field(300, ge=0)
    averaging: float = Field(0.999, ge=0, lt=1)
    largest_gradient: float = Field(5.0, gt=0, allow_inf_nan=False)
    seed: int = Field(1, ge=0, lt=2**63)
    checkpoint_steps: int = Field(200, ge=1)
    patience: int | None = Field(None, ge=1)
    optimiser: Optimiser = "muon"
    update: Update = "all"
    rates: Mapping[str, float] = {}
    start: str | None = None
    decoding: Mapping[str, Any] = {}
    precision: Precision = "float32"

    @model_validator(mode="after")
    def _check_side(self) -> Self:
        side, multiple = self.sampling.side, self.architecture.multiple
        if side % multiple or side < SMALLEST_SIDE:
            raise ValueError(
                f"the side of a patch is {side} px, and must be a multiple of {multiple} and "
                f"{SMALLEST_SIDE} at the least"
            )
        return self


def last_step(settings: Settings, looks: Sequence[tuple[int, float]]) -> int:
    """How many steps are made, as far as can be told from the looks so far.

    Parameters
    ----------
    settings
        Of the run.
    looks
        Steps made, and the scores after them.

    Examples
    --------
    >>> settings = Settings(steps=2000, fall=300, patience=2)
    >>> last_step(settings, [(200, 0.5), (400, 0.6), (600, 0.6), (800, 0.59)])
    1100
    """
    best, without = -math.inf, 0
    for step, score in looks:
        without = 0 if score > best + _BETTER or best < _LEARNT else without + 1
        best = max(best, score)
        if settings.patience and without >= settings.patience:
            return min(settings.steps, step + settings.fall)
    return settings.steps


def rate_at(step: int, settings: Settings, last: int | None = None) -> float:
    """Learning rate of a step: a linear start, a long constant part, a fall to a hundredth.

    Because it is constant until the fall, a run can go on from a checkpoint of a shorter one,
    as if it had been meant to be long from the beginning.

    Parameters
    ----------
    step
        Counted from 0.
    settings
        Of the run.
    last
        How many steps are made; by default those of the settings.

    Examples
    --------
    >>> settings = Settings(steps=400, warm_up=100, fall=100, learning_rate=0.1)
    >>> [rate_at(step, settings) for step in (0, 99, 300)]
    [0.001, 0.1, 0.1]
    >>> round(rate_at(325, settings), 3)
    0.05

    References
    ----------
    S. Hu and others, "MiniCPM", 2024 (warm-up, stable, decay); A. Hägele and others, "Scaling
    laws and compute-optimal training beyond fixed training durations", NeurIPS 2024 (the fall by
    one less the root of the share that is over).
    """
    if step < settings.warm_up:
        return settings.learning_rate * (step + 1) / settings.warm_up
    left = ((last or settings.steps) - step) / max(1, settings.fall)
    return settings.learning_rate * max(_LEAST_RATE, 1 - math.sqrt(1 - left) if left < 1 else 1.0)


def train(
    pictures: Sequence[Picture],
    settings: Settings,
    folder: Path,
    listener: Listener = silent,
    *,
    cancel: CancelToken | None = None,
    start: Mapping[str, torch.Tensor] | None = None,
    look: Look | None = None,
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
        Gets ``settings.json``, ``checkpoint.pt``, ``curve.csv`` and ``looks.csv``.
    listener
        Is told of each step of the phase ``training``, and one line now and then.
    cancel
        Stops after a step; a checkpoint is written, and the same call goes on from it.
    start
        State dict of the network that `Settings.start` names.
    look
        Is asked at every checkpoint how good the average is.

    Returns
    -------
    nn.Module
        With the averaged weights, ready to predict.

    Raises
    ------
    UsageError
        If there are no pictures.
    CancelledError
        If somebody asked to stop.
    RunError
        If the loss or its gradient is no number any more, naming the step and the pictures; if
        the folder belongs to a run with other settings; or if it cannot be written.
    """
    if not pictures:
        raise UsageError("there are no pictures to train on")
    _claim(folder / SETTINGS, settings)
    state = _begun(settings, start)
    first = resumed(folder / CHECKPOINT, state)
    batches = Batches(pictures, settings.architecture, settings.sampling, settings.seed)
    curve = Curve(folder / CURVE, first, state.losses)
    clock = _Clock(first)
    listener(PhaseStarted(PHASE, last_step(settings, state.looks) - first))
    while first < (last := last_step(settings, state.looks)):
        every = settings.checkpoint_steps
        stop = min(last, (first // every + 1) * every)
        for step, batch, seconds in _drawn_ahead(batches, range(first, stop)):
            clock.waited += seconds
            with _placed(folder):
                parts = _stepped(state, batch, step, settings, last)
            if means := curve.add(step + 1, parts):
                told = f"step {step + 1} of {last}: loss {means['loss']:.4f}, {clock(step + 1)}"
                listener(Message("info", told))
            listener(StepFinished(PHASE, f"step {step + 1}"))
            # a stop that falls on the last step waits for the look, which decides what is left
            if cancel is not None and cancel.cancelled and step + 1 < stop:
                save(folder / CHECKPOINT, step + 1, state)
                cancel.check()
        if look is not None:
            with clock.stopped():
                state.looks.append((stop, look(stop, state.average.eval())))
                listener(Message("notice", f"step {stop}: score {state.looks[-1][1]:.3f}"))
                _write_looks(folder / SCORED, state.looks)
                listener(StepFinished(LOOKING, f"step {stop}"))
        save(folder / CHECKPOINT, stop, state)
        first = stop
        if cancel is not None:
            cancel.check()
    listener(PhaseFinished(PHASE))
    return state.average.eval()


def _write_looks(path: Path, looks: Sequence[tuple[int, float]]) -> None:
    rows = "".join(f"{step},{score:.5f}\n" for step, score in looks)
    write_atomic(path, f"step,score\n{rows}".encode(), path.parent)


def first_steps(
    pictures: Sequence[Picture],
    settings: Settings,
    count: int,
    start: Mapping[str, torch.Tensor] | None = None,
) -> Iterator[float]:
    """Make the first steps of a training and forget them, to see how long they take.

    Yields
    ------
    float
        Loss of each step.
    """
    state = _begun(settings, start)
    batches = Batches(pictures, settings.architecture, settings.sampling, settings.seed)
    for step, batch, _ in _drawn_ahead(batches, range(count)):
        yield _stepped(state, batch, step, settings, settings.steps)["loss"]


def _begun(settings: Settings, start: Mapping[str, torch.Tensor] | None) -> State:
    if (start is None) != (settings.start is None):
        raise UsageError("the settings and the weights given disagree on where training starts")
    state = begun(
        settings.architecture, seed=settings.seed, weight_decay=settings.weight_decay,
        optimiser=settings.optimiser, update=settings.update, rates=settings.rates, start=start,
    )  # fmt: skip
    in_training(state.network)
    return state


class _Clock:
    """Tells how long a step takes, and how much of it is waiting for data."""

    def __init__(self, first: int) -> None:
        self._first = first
        self._start = time.monotonic()
        self.waited = 0.0

    def __call__(self, steps: int) -> str:
        passed = time.monotonic() - self._start
        share = self.waited / passed
        return f"{passed / (steps - self._first):.2f} s a step, {share:.0%} of it waiting for data"

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Leave the time of the block out."""
        before = time.monotonic()
        yield
        self._start += time.monotonic() - before


def _drawn_ahead(batches: Batches, steps: range) -> Iterator[tuple[int, Batch, float]]:
    """Draw each step's batch while the one before is learnt from.

    Yields
    ------
    tuple
        The step, its batch, and for how many seconds it was waited for.
    """
    if not steps:
        return
    threads = torch.get_num_threads()
    with ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(1,)) as beside:
        coming = beside.submit(batches, steps.start)
        for step in steps:
            asked = time.monotonic()
            batch = coming.result()
            torch.set_num_threads(threads)  # the thread beside has changed it for all
            waited = time.monotonic() - asked
            if step + 1 < steps.stop:
                coming = beside.submit(batches, step + 1)
            yield step, batch, waited


def average_of(folder: Path) -> tuple[Settings, nn.Module]:
    """Settings and averaged network of a run's last checkpoint.

    Parameters
    ----------
    folder
        Of the run.

    Returns
    -------
    Settings
        Of the run.
    nn.Module
        Ready to predict.

    Raises
    ------
    RunError
        If the folder holds no run, or none with a checkpoint.
    """
    settings = _read_settings(folder / SETTINGS)
    if settings is None:
        raise RunError(
            "this folder holds no training run",
            where=str(folder),
            remedy="give the folder that was trained into",
        )
    network = settings.architecture.untrained()
    load_average(folder / CHECKPOINT, network)
    return settings, network.eval()


def _stepped(
    state: State, batch: Batch, step: int, settings: Settings, last: int
) -> dict[str, float]:
    """Make a step; give the loss and its parts."""
    for optimiser in state.optimisers:
        optimiser.zero_grad()
        for group in optimiser.param_groups:
            group["lr"] = rate_at(step, settings, last) * group.get("factor", 1.0)
    half = settings.precision == "bfloat16"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed * _STRIDE + step)  # all chance depends on these alone
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            maps = state.network(batch.pixels.contiguous(memory_format=torch.channels_last))
        parts = settings.architecture.loss(maps.float(), batch.wanted, batch.inside)
    loss = torch.stack(list(parts.values())).sum()
    _check_finite("loss", loss, step, batch)
    loss.backward()  # type: ignore[no-untyped-call]
    norm = nn.utils.clip_grad_norm_(state.network.parameters(), settings.largest_gradient)
    _check_finite("gradient", norm, step, batch)
    for optimiser in state.optimisers:
        optimiser.step()
    _follow(state, min(settings.averaging, (1 + step) / (_FIRST_AVERAGE + step)))
    return {name: float(part.detach()) for name, part in {"loss": loss, **parts}.items()}


def _check_finite(what: str, value: torch.Tensor, step: int, batch: Batch) -> None:
    if not torch.isfinite(value):
        raise RunError(
            f"the {what} of step {step} is no number, on patches of {', '.join(batch.names)}",
            remedy="look at these pictures, or train with a lower learning rate in another folder; "
            "the checkpoint before this step is kept",
        )


@contextmanager
def _placed(folder: Path) -> Iterator[None]:
    """Say in which run an error came about."""
    try:
        yield
    except RunError as error:
        raise RunError(error.what, where=str(folder), remedy=error.remedy) from None


def _follow(state: State, keep: float) -> None:
    """Move the average towards the network; running means of batch norm count as weights."""
    with torch.no_grad():
        for old, new in zip(
            state.average.state_dict().values(), state.network.state_dict().values(), strict=True
        ):
            if old.is_floating_point():
                old.mul_(keep).add_(new, alpha=1 - keep)
            else:
                old.copy_(new)


def _claim(path: Path, settings: Settings) -> None:
    """Put the settings into the folder, unless they are there already."""
    before = _read_settings(path)
    if before is None:
        text = json.dumps(settings.model_dump(mode="json"), indent=1, sort_keys=True) + "\n"
        write_atomic(path, text.encode(), path.parent)
    elif before != settings:
        names = ", ".join(_differences(before.model_dump(), settings.model_dump()))
        raise RunError(
            f"this folder holds a training run with other settings: {names}",
            where=str(path),
            remedy="choose another folder, or go on with the same settings",
        )


def _read_settings(path: Path) -> Settings | None:
    if not path.exists():
        return None
    try:
        return Settings.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise RunError(
            f"these are no settings of a training run ({error.error_count()} mistakes, the first: "
            f"{error.errors()[0]['msg']})",
            where=str(path),
            remedy="choose another folder",
        ) from error


def _differences(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Names of the entries that differ, inner ones as ``outer.inner``."""
    found = []
    for name, value in one.items():
        if isinstance(value, dict):
            found += [f"{name}.{inner}" for inner in _differences(value, other[name])]
        elif value != other[name]:
            found.append(name)
    return found
