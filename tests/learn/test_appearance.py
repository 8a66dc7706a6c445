"""A network learns what usual cells look like, and expects it of others."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra [train] is not installed")

import torch

from cellwright.engine.events import Event, PhaseFinished, PhaseStarted, StepFinished
from cellwright.engine.threads import use_threads
from cellwright.learn.appearance import learn_appearance
from cellwright.measure.cell_crops import SIDE, Crops

PARTS = [np.arange(60), np.arange(30, 90)]


@pytest.fixture(scope="module")
def crops() -> Crops:
    """Ellipses of all sizes: bright in the middle, with a smooth rim and grain."""
    random = np.random.default_rng(0)
    made = Crops.empty(90)
    y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    for row in range(90):
        far = np.hypot(y / random.uniform(6, 9), x / random.uniform(8, 13))
        made.masks[row] = far < 1
        dome = 1.6 * np.sqrt(np.clip(1 - far**2, 0, 1))
        made.pixels[row] = made.masks[row] * (dome + random.normal(0, 0.1, dome.shape))
        made.brightness[row] = 1
    return made


def test_it_expects_the_profile_that_cells_have(crops: Crops) -> None:
    (expect, _) = learn_appearance(crops, PARTS, 200)
    left_out = crops.taken(np.arange(60, 90))
    pixels, spread = expect(left_out)
    assert pixels.shape == spread.shape == (30, SIDE, SIDE)
    inside = left_out.masks > 0
    error = (left_out.pixels - pixels)[inside]
    flat = left_out.pixels[inside] - left_out.pixels[inside].mean()
    assert np.mean(error**2) < 0.25 * np.mean(flat**2)
    # its own idea of how far off it is, is right
    assert 0.7 < np.std(error / spread[inside]) < 1.4


def test_a_spot_that_no_cell_has_is_not_expected(crops: Crops) -> None:
    (expect, _) = learn_appearance(crops, PARTS, 200)
    odd = crops.taken(np.arange(60, 90))
    odd.pixels[:, 14:18, 14:18] += 1.5
    pixels, spread = expect(odd)
    off = ((odd.pixels - pixels) / spread)[:, 14:18, 14:18].mean(axis=(1, 2))
    assert (off > 2).mean() > 0.9


def test_equal_crops_give_equal_networks_with_any_number_of_threads(crops: Crops) -> None:
    before = torch.get_num_threads()
    state = torch.random.get_rng_state()
    answers = []
    for count in (1, 2):
        with use_threads(count):
            answers.append([expect(crops) for expect in learn_appearance(crops, PARTS, 12)])
    for one, other in zip(*answers, strict=True):
        assert (one[0] == other[0]).all()
        assert (one[1] == other[1]).all()
    assert (answers[0][0][0] != answers[0][1][0]).any()  # of other cells another network
    assert torch.get_num_threads() == before
    assert (torch.random.get_rng_state() == state).all()


def test_it_tells_of_its_progress(crops: Crops) -> None:
    told: list[Event] = []
    learn_appearance(crops, PARTS, 10, told.append)
    started = told[0]
    assert isinstance(started, PhaseStarted)
    assert isinstance(told[-1], PhaseFinished)
    assert sum(isinstance(one, StepFinished) for one in told) == started.total
