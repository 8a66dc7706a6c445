"""Losses: by hand on few pixels, and by other formulas on many."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra [train] is not installed")

import torch

from cellwright.core.errors import UsageError
from cellwright.core.image import Array
from cellwright.learn.losses import LossShares, boundary, cross_entropy, dice, focal

SHAPE = (3, 2, 7, 5)

Given = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""Logits, what is wanted, and what counts."""


def case() -> tuple[Array, Array, Array]:
    """Some pixels of each patch count, and none of the last."""
    random = np.random.default_rng(2)
    inside = random.random((3, 7, 5)) < 0.6
    inside[2] = False
    return random.normal(0, 2, SHAPE), random.random(SHAPE) < 0.4, inside


def tensors(logits: Array, wanted: Array, inside: Array) -> Given:
    return (
        torch.from_numpy(logits.astype(np.float32)),
        torch.from_numpy(wanted.astype(np.float32)),
        torch.from_numpy(inside),
    )


def few(*pixels: tuple[float, float, bool]) -> Given:
    """Probability, what is wanted, and whether it counts, of pixels in a row."""
    probability, wanted, inside = (np.array(values) for values in zip(*pixels, strict=True))
    logits = np.log(probability / (1 - probability))
    return tensors(logits[None, None, None], wanted[None, None, None], inside[None, None])


THREE = ((0.8, 1, True), (0.4, 0, True), (0.9, 0, False))


def test_the_losses_by_hand() -> None:
    right = np.log([0.8, 0.6])
    assert float(cross_entropy(*few(*THREE))) == pytest.approx(-right.mean(), rel=1e-5)
    assert float(cross_entropy(*few(*THREE), positive=3)) == pytest.approx(
        -(3 * right[0] + right[1]) / 2, rel=1e-5
    )
    assert float(dice(*few(*THREE), smoothing=0)) == pytest.approx(1 - 1.6 / 2.2, rel=1e-5)
    assert float(dice(*few(*THREE), smoothing=1)) == pytest.approx(1 - 2.6 / 3.2, rel=1e-5)
    assert float(focal(*few(*THREE))) == pytest.approx(
        -(0.25 * 0.2**2 * right[0] + 0.75 * 0.4**2 * right[1]) / 2, rel=1e-5
    )
    logits, _, inside = few(*THREE)
    distances = torch.tensor([-0.5, 0.5, 1.5]).reshape(1, 1, 1, 3)
    assert float(boundary(logits, distances, inside)) == pytest.approx((-0.4 + 0.2) / 2, rel=1e-5)


def test_the_losses_by_other_formulas() -> None:
    """Pixel by pixel, with probabilities in double precision."""
    logits, wanted, inside = case()
    probability = 1 / (1 + np.exp(-logits))
    counted = np.broadcast_to(inside[:, None], SHAPE)
    right = np.where(wanted, probability, 1 - probability)[counted]
    share = np.where(wanted, 0.3, 0.7)[counted]
    given = tensors(*case())
    assert float(cross_entropy(*given)) == pytest.approx(-np.log(right).mean(), rel=1e-5)
    assert float(focal(*given, gamma=1.5, alpha=0.3)) == pytest.approx(
        -(share * (1 - right) ** 1.5 * np.log(right)).mean(), rel=1e-5
    )
    coefficients = []
    for patch in range(3):
        for channel in range(2):
            found = probability[patch, channel][inside[patch]]
            there = wanted[patch, channel][inside[patch]]
            coefficients.append((2 * found[there].sum() + 5) / (found.sum() + there.sum() + 5))
    assert float(dice(*given, smoothing=5)) == pytest.approx(1 - np.mean(coefficients), rel=1e-5)


def test_focal_loss_of_no_focus_is_half_the_cross_entropy() -> None:
    given = tensors(*case())
    assert float(focal(*given, gamma=0, alpha=0.5)) == pytest.approx(
        float(cross_entropy(*given)) / 2, rel=1e-5
    )


@pytest.mark.parametrize("loss", [cross_entropy, dice, focal, boundary])
def test_pixels_that_do_not_count_have_no_say(loss: object) -> None:
    assert callable(loss)
    logits, wanted, inside = tensors(*case())
    logits = (logits * 50).requires_grad_()  # a probability of 1 to the last digit
    value = loss(logits, wanted, inside)
    value.backward()
    assert torch.isfinite(value)
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
    counted = inside[:, None].expand_as(logits)
    assert (logits.grad[~counted] == 0).all()
    assert (logits.grad[counted] != 0).any()


@pytest.mark.parametrize("loss", [cross_entropy, dice, focal, boundary])
def test_a_batch_of_which_nothing_counts_gives_a_number(loss: object) -> None:
    assert callable(loss)
    logits, wanted, inside = tensors(*case())
    assert float(loss(logits, wanted, inside & False)) == 0


def test_dice_without_smoothing_of_nothing_is_a_number() -> None:
    logits, wanted, inside = tensors(*case())
    assert torch.isfinite(dice(logits, wanted, inside & False, smoothing=0))


@pytest.mark.parametrize("shares", [{"bce": 0.0}, {"dice": -0.5}])
def test_shares_that_train_nothing_are_refused(shares: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="shares of the losses"):
        LossShares(**shares)
