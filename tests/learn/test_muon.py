"""Steps of Muon, against the singular value decomposition."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="the extra [train] is not installed")

import torch

from cellwright.learn.muon import Muon, orthogonal


def random(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(16, 144), (144, 16), (20, 20), (1, 7), (7, 1)])
def test_all_directions_become_as_long_and_stay_where_they_are(shape: tuple[int, int]) -> None:
    u, _, v = torch.linalg.svd(random(*shape), full_matrices=False)
    values = torch.logspace(0, -2, min(shape))

    made = u.T @ orthogonal(u @ torch.diag(values) @ v) @ v.T

    assert ((made.diagonal() > 0.6) & (made.diagonal() < 1.3)).all()
    torch.testing.assert_close(made, torch.diag(made.diagonal()), atol=2e-3, rtol=0)


def test_nothing_stays_nothing() -> None:
    assert not orthogonal(torch.zeros(3, 5)).any()


def test_the_first_step_goes_down_each_direction_by_the_rate() -> None:
    weight = torch.nn.Parameter(random(8, 4, 3, 3))
    before, gradient = weight.detach().clone(), random(8, 4, 3, 3, seed=2)
    weight.grad = gradient
    optimiser = Muon([weight], weight_decay=0.0)
    optimiser.param_groups[0]["lr"] = 0.01

    optimiser.step()

    step = (weight.detach() - before).reshape(8, 36)
    u, _, v = torch.linalg.svd(gradient.reshape(8, 36), full_matrices=False)
    along = (u.T @ step @ v.T).diagonal() / (-0.01 * 0.4 * 36**0.5)
    assert ((along > 0.6) & (along < 1.3)).all()


def test_weights_decay_where_the_gradient_is_zero_and_stay_where_there_is_none() -> None:
    moved, alone = (torch.nn.Parameter(torch.ones(2, 3)) for _ in range(2))
    moved.grad = torch.zeros(2, 3)
    optimiser = Muon([moved, alone], weight_decay=0.5)
    optimiser.param_groups[0]["lr"] = 0.1

    optimiser.step()

    torch.testing.assert_close(moved.detach(), torch.full((2, 3), 0.95))
    assert (alone == 1).all()


def test_a_step_does_not_depend_on_the_layout_in_memory() -> None:
    weights = []
    for layout in (torch.contiguous_format, torch.channels_last):
        weight = torch.nn.Parameter(random(8, 4, 3, 3).to(memory_format=layout))
        weight.grad = random(8, 4, 3, 3, seed=2).to(memory_format=layout)
        Muon([weight], weight_decay=0.01).step()
        weights.append(weight.detach().contiguous())

    torch.testing.assert_close(*weights, rtol=0, atol=0)


def test_it_comes_to_the_least_squares_solution() -> None:
    inputs, wanted = random(64, 6), random(6, 3, seed=2)
    weight = torch.nn.Parameter(torch.zeros(6, 3))
    optimiser = Muon([weight], weight_decay=0.0)
    for step in range(400):
        optimiser.param_groups[0]["lr"] = 0.1 * (1 - step / 400)
        optimiser.zero_grad()
        (inputs @ (weight - wanted)).square().mean().backward()  # type: ignore[no-untyped-call]
        optimiser.step()

    torch.testing.assert_close(weight.detach(), wanted, atol=0.01, rtol=0)
