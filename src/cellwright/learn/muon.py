"""Muon: each convolution takes a step of the same length in all directions of its matrix."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch

__all__ = ["Muon", "orthogonal"]

_QUINTIC = (3.4445, -4.7750, 2.0315)
"""Jordan's: singular values from 0.001 on come near 1 in five rounds, between 0.7 and 1.2."""
_ROUNDS = 5

_MOMENTUM = 0.95
"""Share of the mean gradient that a step leaves."""

_LENGTH = 0.4
"""Root mean square of a step of learning rate 1. With 0.2, about that of AdamW, both optimisers
could share one rate; twice as much was measured to be better: `experiments/nuclei`."""

_LEAST = 1e-8


def orthogonal(matrix: torch.Tensor) -> torch.Tensor:
    """Bring all singular values of a matrix near 1; its singular vectors stay.

    The rounds need only the matrix's product with itself, as large as its shorter side: a
    convolution has many more inputs, times places, than outputs.

    Parameters
    ----------
    matrix
        (M, N) float32; one of zeros stays so.

    Examples
    --------
    >>> uneven = torch.diag(torch.tensor([5.0, 0.05]))
    >>> [0.6 < value < 1.3 for value in torch.linalg.svdvals(orthogonal(uneven)).tolist()]
    [True, True]

    References
    ----------
    G. Schulz, "Iterative Berechnung der reziproken Matrix", 1933; N. J. Higham, "Functions of
    matrices", 2008, chapter 8.
    """
    if matrix.shape[0] > matrix.shape[1]:
        return orthogonal(matrix.T).T
    a, b, c = _QUINTIC
    scaled = matrix / matrix.norm().clamp(_LEAST)
    product = scaled @ scaled.T
    turn = unit = torch.eye(len(product))
    for _ in range(_ROUNDS):
        factor = a * unit + b * product + c * (product @ product)
        turn = factor @ turn
        product = factor @ product @ factor
    return torch.mm(turn, scaled)


class Muon(torch.optim.Optimizer):
    """An optimiser for the convolutions inside a network.

    The gradient of a convolution, as a matrix from its inputs to its outputs, is nearly of low
    rank: few directions would take all of the step. Made orthogonal, it goes equally far in all.
    ``torch.optim.Muon`` takes only weights of two axes, and reckons in bfloat16, which most
    processors lack.

    Parameters
    ----------
    weights
        Of two axes and more, the first of which is the outputs'; or groups of them.
    weight_decay
        Share of the weights that a step of learning rate 1 takes off.

    References
    ----------
    K. Jordan and others, "Muon: an optimizer for hidden layers in neural networks", 2024; J. Liu
    and others, "Muon is scalable for LLM training", 2025 (steps as long as AdamW's, decay).
    """

    def __init__(
        self, weights: Iterable[torch.Tensor] | Iterable[dict[str, Any]], weight_decay: float
    ) -> None:
        super().__init__(weights, {"lr": 1e-3, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Make a step along the gradients that the weights hold, or that `closure` gives them."""
        if closure is not None:
            with torch.enable_grad():
                closure()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._move(weight, weight.grad, group["lr"], group["weight_decay"])

    def _move(
        self, weight: torch.Tensor, gradient: torch.Tensor, rate: float, decay: float
    ) -> None:
        state = self.state[weight]
        if not state:
            state["mean"] = torch.zeros_like(weight)
        state["mean"].lerp_(gradient, 1 - _MOMENTUM)
        ahead = gradient.lerp(state["mean"], _MOMENTUM)  # Nesterov's
        matrix = ahead.reshape(len(weight), -1)
        step = orthogonal(matrix).view_as(weight)
        weight.mul_(1 - rate * decay)
        weight.add_(step, alpha=-rate * _LENGTH * math.sqrt(max(matrix.shape)))
