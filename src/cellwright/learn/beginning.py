"""How a training begins: first weights, which of them are trained, and by which optimiser."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import torch
from torch import nn

from cellwright.core.errors import UsageError
from cellwright.learn.architecture import Architecture
from cellwright.learn.checkpoint import State
from cellwright.learn.muon import Muon
from cellwright.learn.options import Update

__all__ = ["BODY", "Optimiser", "begun", "in_training", "parts_of"]

Optimiser = Literal["muon", "adam"]
"""Muon for the convolutions inside and AdamW for all other weights, or Adam for all."""

BODY = "body"
"""Name of the part of a network that is no head."""

_MOMENTS = (0.9, 0.99)
"""Of AdamW: shares that a step leaves of the mean gradient and of the mean squared one. The second
is less than the usual 0.999: its memory is a hundred steps long, not a thousand."""

_UPDATED: Mapping[Update, tuple[str, ...]] = {
    "all": (BODY, "head", "class_head"),
    "heads": ("head", "class_head"),
    "class-head": ("class_head",),
}


def begun(
    architecture: Architecture,
    *,
    seed: int,
    weight_decay: float = 0.0,
    optimiser: Optimiser = "muon",
    update: Update = "all",
    rates: Mapping[str, float] | None = None,
    start: Mapping[str, torch.Tensor] | None = None,
) -> State:
    """Begin a training.

    Parameters
    ----------
    architecture
        Makes the network, with weights of torch's generator.
    seed
        Of the generator; that of the caller is left as it is.
    weight_decay
        Of all weights but those of norms and biases.
    optimiser
        How steps are made.
    update
        Which weights are trained.
    rates
        By what the learning rate of a part is multiplied: ``body``, ``head``, ``class_head``.
    start
        State dict of another network: weights of the same name and shape are taken from it.

    Raises
    ------
    UsageError
        If the network has not the parts that are to be trained.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = architecture.network() if start is None else architecture.untrained()
    if start is not None:
        own = network.state_dict()
        known = {n: v for n, v in start.items() if n in own and own[n].shape == v.shape}
        network.load_state_dict({**own, **known})
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    _freeze(network, update)
    return State(
        network,
        copy.deepcopy(network),
        _optimisers(network, optimiser, weight_decay, rates or {}),
    )


def parts_of(network: nn.Module) -> dict[str, list[nn.Module]]:
    """Modules of the network by part: its heads, and the body, which is all others."""
    parts: dict[str, list[nn.Module]] = {}
    for name, module in network.named_children():
        parts.setdefault(name if name in _UPDATED["heads"] else BODY, []).append(module)
    return parts


def _part(name: str) -> str:
    """Part in which a weight lies, by its name."""
    first = name.split(".", 1)[0]
    return first if first in _UPDATED["heads"] else BODY


def _freeze(network: nn.Module, update: Update) -> None:
    updated = _UPDATED[update]
    for name, weight in network.named_parameters():
        weight.requires_grad_(_part(name) in updated)
    if not any(weight.requires_grad for weight in network.parameters()):
        raise UsageError(
            f"the network has no {' and no '.join(updated)} to be trained",
            remedy="train all of it: --update all",
        )


def in_training(network: nn.Module) -> nn.Module:
    """Set a network to train; parts whose weights stay keep the statistics of their norms too."""
    network.train()
    for modules in parts_of(network).values():
        for module in modules:
            if not any(weight.requires_grad for weight in module.parameters()):
                module.eval()
    return network


def _optimisers(
    network: nn.Module, optimiser: Optimiser, decay: float, rates: Mapping[str, float]
) -> tuple[torch.optim.Optimizer, ...]:
    """Optimisers of the weights that are trained.

    Muon takes the convolutions but for the first and the last of each head, whose matrices are of
    pixels and of answers, not of features.
    """
    edges = set(_edges(network))
    inner: list[dict[str, Any]] = []
    outer: list[dict[str, Any]] = []
    small: list[dict[str, Any]] = []
    for name, weight in network.named_parameters():
        if not weight.requires_grad:
            continue
        group = {"params": [weight], "factor": rates.get(_part(name), 1.0)}
        if weight.ndim <= 1:
            small.append({**group, "weight_decay": 0.0})
        elif name in edges or optimiser == "adam":
            outer.append({**group, "weight_decay": decay})
        else:
            inner.append({**group, "weight_decay": decay})
    others = [*_joined(outer), *_joined(small)]
    if optimiser == "adam":
        return (torch.optim.Adam(others),)
    made = [Muon(_joined(inner), decay)] if inner else []
    return (*made, torch.optim.AdamW(others, betas=_MOMENTS)) if others else tuple(made)


def _joined(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Groups of weights, one for each factor."""
    found: dict[float, dict[str, Any]] = {}
    for group in groups:
        if group["factor"] in found:
            found[group["factor"]]["params"] += group["params"]
        else:
            found[group["factor"]] = group
    return list(found.values())


def _edges(network: nn.Module) -> Iterator[str]:
    """Names of the first weights that have two axes or more, and of the last of each head."""
    wide = [name for name, weight in network.named_parameters() if weight.ndim > 1]
    yield wide[0]
    heads = {part: name for name in wide if (part := _part(name)) != BODY}
    yield from heads.values() or [wide[-1]]
