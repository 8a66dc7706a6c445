"""What usual cells look like: a network that gives back a crop through a few numbers.

What it gives back is what it expects of a cell with this outline and these numbers, and how far
cells commonly are from that, pixel by pixel. It learns from cells of the reference alone; what
only odd cells have does not pass through the few numbers, and is missing in the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn.functional import avg_pool2d, silu

from cellwright.engine.events import Listener, PhaseFinished, PhaseStarted, StepFinished, silent
from cellwright.engine.threads import threads
from cellwright.measure.cell_crops import INSIDE, SIDE, Crops, Expect, Maps

__all__ = ["learn_appearance"]

PHASE = "learning what usual cells look like"

_CODE = 24
"""Numbers through which a crop passes."""
_WIDTH = 16
"""Features of the first layer; each layer further in has twice as many."""
_LAST = 8
"""Features from which the answer is made."""
_SHRUNK = 8
"""By how much the inner layers are smaller than a crop."""
_BATCH = 64
_RATE = 3e-3
_DECAY = 1e-4
_LARGEST_GRADIENT = 1.0
_LEAST_SPREAD, _LARGEST_SPREAD = -9.0, 3.0
"""Logarithm of the variance of a pixel, in units of the cell's brightness."""
_BETA = 0.5
"""Power of the variance by which the loss of a pixel is weighted: without, a network gives up on
what varies much (M. Seitzer and others, ICLR 2022)."""
_HELD_OUT = 8
"""One in so many cells is not learnt from: they tell at which step a network knew most, before it
knew the others by heart."""
_MOST_HELD_OUT = 1_000
_SEED = 20180116
_TOLD = 20
"""Times that a listener hears of a network and that it is tried, if it takes so many steps."""

Rows = npt.NDArray[np.int64]


class Returning(nn.Module):
    """Gives back what is expected of a crop, (N, 2, Y, X): the pixels, and their log variance."""

    def __init__(self) -> None:
        super().__init__()
        wide, small = 4 * _WIDTH, SIDE // _SHRUNK
        self.inwards = nn.Sequential(
            nn.Conv2d(2, _WIDTH, 3, 2, 1), nn.SiLU(),
            nn.Conv2d(_WIDTH, 2 * _WIDTH, 3, 2, 1), nn.SiLU(),
            nn.Conv2d(2 * _WIDTH, wide, 3, 2, 1), nn.SiLU(),
            nn.Flatten(), nn.Linear(wide * small**2, _CODE),
        )  # fmt: skip
        self.outwards = nn.Sequential(
            nn.Linear(_CODE, wide * small**2), nn.SiLU(), nn.Unflatten(1, (wide, small, small))
        )
        sizes = (wide, 2 * _WIDTH, _WIDTH, _LAST)
        self.larger = nn.ModuleList(
            nn.ConvTranspose2d(first + 1, then, 4, 2, 1) for first, then in pairwise(sizes)
        )
        self.answer = nn.Conv2d(_LAST, 2, 3, 1, 1)

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        """Answer crops (N, 2, Y, X): pixels and mask. The outline is given, not learnt."""
        mask = crops[:, 1:]
        maps = self.outwards(self.inwards(crops))
        for place, larger in enumerate(self.larger):
            outline = avg_pool2d(mask, _SHRUNK >> place)
            maps = silu(larger(torch.cat([maps, outline], dim=1)))
        answer: torch.Tensor = self.answer(maps)
        return answer


def learn_appearance(
    crops: Crops, parts: Sequence[Rows], steps: int, listener: Listener = silent
) -> list[Expect]:
    """Learn what cells look like, once for each part of them.

    Parameters
    ----------
    crops
        Of many cells.
    parts
        Rows of `crops` that each network learns from.
    steps
        Of each network; how long it takes does not depend on the number of cells.
    listener
        Hears of the progress.

    Returns
    -------
    list
        For each part a function from crops to what is expected of them: pixels and their
        standard deviations, each (N, Y, X) float32. Equal crops give equal networks on one
        machine, whatever the number of threads.
    """
    listener(PhaseStarted(PHASE, len(parts) * min(_TOLD, steps)))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        networks = [Returning() for _ in parts]
    before = torch.get_num_threads()
    # each network with one thread: sums would else depend on how many there are
    try:
        with ThreadPoolExecutor(threads(), "learn", torch.set_num_threads, (1,)) as pool:
            waiting = [
                pool.submit(_learn, network, crops, rows, steps, listener)
                for network, rows in zip(networks, parts, strict=True)
            ]
            for one in waiting:
                one.result()
    finally:
        torch.set_num_threads(before)
    listener(PhaseFinished(PHASE))
    return [_expecting(network.eval()) for network in networks]


def _learn(network: Returning, crops: Crops, rows: Rows, steps: int, listener: Listener) -> None:
    optimiser = torch.optim.AdamW(network.parameters(), _RATE, weight_decay=_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, total_steps=steps)
    random = np.random.default_rng(_SEED)
    mixed = random.permutation(rows)
    held_out, taught = np.split(mixed, [max(1, len(rows) // _HELD_OUT)])
    unseen = _tensor(*_of(crops, held_out[:_MOST_HELD_OUT]))
    least, best = np.inf, network.state_dict()
    for step in range(1, steps + 1):
        some = taught[random.integers(len(taught), size=_BATCH)]
        loss = _loss(network, _tensor(*_of(crops, some)), _BETA)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), _LARGEST_GRADIENT)
        optimiser.step()
        schedule.step()
        if step * _TOLD // steps > (step - 1) * _TOLD // steps:
            with torch.no_grad():
                now = float(_loss(network, unseen, 0))
            if now < least:
                least, best = now, deepcopy(network.state_dict())
            listener(StepFinished(PHASE, ""))
    network.load_state_dict(best)


def _of(crops: Crops, rows: Rows) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    return crops.pixels[rows], crops.masks[rows]


def _tensor(pixels: npt.NDArray[Any], masks: npt.NDArray[Any]) -> torch.Tensor:
    return torch.from_numpy(np.stack([pixels, masks], axis=1).astype(np.float32))


def _loss(network: Returning, crops: torch.Tensor, beta: float) -> torch.Tensor:
    """Negative log likelihood of the pixels inside, as of a normal distribution.

    Each is weighted by the power `beta` of its variance.
    """
    pixels, spread = _answered(network, crops)
    each = ((pixels - crops[:, 0]) ** 2 * torch.exp(-spread) + spread) / 2
    inside = crops[:, 1] >= INSIDE
    return (each * torch.exp(beta * spread).detach() * inside).sum() / inside.sum()


def _answered(network: Returning, crops: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    pixels, spread = network(crops).unbind(1)
    return pixels, spread.clamp(_LEAST_SPREAD, _LARGEST_SPREAD)


def _expecting(network: Returning) -> Expect:
    def expect(crops: Crops) -> tuple[Maps, Maps]:
        with torch.no_grad():
            pixels, spread = _answered(network, _tensor(crops.pixels, crops.masks))
        return pixels.numpy(), torch.exp(spread / 2).numpy()

    return expect
