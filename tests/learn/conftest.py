"""Pictures to learn from, simulated."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from cellwright.learn.pictures import Picture, picture_of
from cellwright.simulate.nuclei import simulate_nuclei


@pytest.fixture(scope="session")
def pictures() -> list[Picture]:
    """Three of one kind, and one of another."""
    return [
        picture_of(
            f"{seed}",
            "rare" if seed == 0 else "common",
            *simulate_nuclei((96, 128), n=16, diameter_px=16, seed=seed),
            (1, 99.8),
        )
        for seed in range(4)
    ]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Let torch work by itself: on tiny networks its threads wait for each other."""
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
