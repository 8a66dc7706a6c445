"""Which of a foreign network's maps is which, and what they hold."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cellwright.core.errors import UnsupportedError, UsageError
from cellwright.models.foreign.package import Foreign, Tensor
from cellwright.models.foreign.steps import Step, steps_of

__all__ = ["DECODERS", "Meaning", "choose", "meaning_of"]

DECODERS = {"walls": "border", "components": "foreground"}
"""Decoders that need no other maps than a foreign network has, and the map that each needs."""
NAMES: dict[str, str] = {
    **dict.fromkeys(
        ("foreground", "fg", "mask", "object", "objects", "cell", "cells", "nucleus", "nuclei",
         "interior", "inside", "cell_interior"),
        "foreground",
    ),
    **dict.fromkeys(
        ("border", "borders", "boundary", "boundaries", "edge", "edges", "contour", "contours",
         "outline", "outlines", "wall", "walls", "membrane", "membranes"),
        "border",
    ),
    **dict.fromkeys(("background", "bg", "outside"), "-"),
}  # fmt: skip
"""What a map is by the name that it has in its package; ``-`` is not used."""
_WANTED = ("foreground", "border")
_ROUNDING = 1e-3


@dataclass(frozen=True)
class Meaning:
    """What the maps are.

    Attributes
    ----------
    names
        Of ours, as the decoder knows them.
    picked
        Places of these among the network's.
    decoder
        That makes objects of them.
    """

    names: tuple[str, ...]
    picked: tuple[int, ...]
    decoder: str


def choose(
    package: Foreign, channels: Sequence[str] | None = None, decoder: str | None = None
) -> Meaning:
    """Tell which map is which.

    Parameters
    ----------
    package
        Of another program.
    channels
        Names of its maps in their order, if a person has given them: ``foreground``, ``border``,
        or ``-`` for one that is not used.
    decoder
        If a person has named it.

    Raises
    ------
    UsageError
        If it cannot be told, or what is given does not fit.
    """
    tensor = package.output
    count = tensor.test.shape[1]
    if channels is None:
        found = _by_name(tensor.channels, count)
        if found is None:
            raise UsageError(
                f"it does not say which of its maps is which: {_listed(tensor)}",
                where=package.where,
                remedy="look at its documentation, and name the maps in this order, such as "
                f"--channels {','.join(_example(count))} (foreground, border, or - for one that "
                "is not used)",
            )
    else:
        found = ["-" if name in {"-", "background"} else name for name in channels]
        if len(found) != count or not set(found) <= {*_WANTED, "-"} or not _single(found):
            raise UsageError(
                f"it has {count} maps: {_listed(tensor)}",
                where="--channels",
                remedy="name each in this order: foreground, border, or - for one that is not "
                "used; none twice",
            )
    decoder = decoder or ("walls" if "border" in found else "components")
    if decoder not in DECODERS or DECODERS[decoder] not in found:
        raise UsageError(
            f"the decoder {decoder!r} cannot work on these maps: {', '.join(found)}",
            where="--decoder",
            remedy="choose " + " or ".join(f"{k} (needs {v})" for k, v in DECODERS.items()),
        )
    used = _WANTED if decoder == "walls" else ("foreground",)
    names = tuple(name for name in used if name in found)
    return Meaning(names, tuple(found.index(name) for name in names), decoder)


def _by_name(names: Sequence[str], count: int) -> list[str] | None:
    if count == 1:
        said = NAMES.get(_plain(names[0])) if names else None
        return ["border"] if said == "border" else ["foreground"] if said != "-" else None
    found = [NAMES.get(_plain(name), "") for name in names]
    return found if len(found) == count and "" not in found and _single(found) else None


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def _single(found: Sequence[str]) -> bool:
    used = [name for name in found if name != "-"]
    return bool(used) and len(set(used)) == len(used)


def _example(count: int) -> list[str]:
    return [*_WANTED, *["-"] * count][:count]


def _listed(tensor: Tensor) -> str:
    """Each map with its mean in the package's own test, which is often enough to know it."""
    shown = 12
    names = tensor.channels or ("unnamed",) * tensor.test.shape[1]
    means = tensor.test.mean(axis=(0, 2, 3))
    parts = [
        f"{place + 1} ({name[:40]!r}, {mean:.3g} on average in its test)"
        for place, (name, mean) in enumerate(zip(names, means, strict=False))
    ]
    return ", ".join(parts[:shown]) + (" …" if len(parts) > shown else "")


def meaning_of(tensor: Tensor, picked: Sequence[int]) -> tuple[tuple[Step, ...], bool, bool]:
    """Tell what the maps hold.

    Parameters
    ----------
    tensor
        The network's output.
    picked
        Places of the maps that are used.

    Returns
    -------
    tuple
        Steps to be put into the network; whether probabilities come out of these, and no logits;
        and whether the package's own test has probabilities.

    Raises
    ------
    UnsupportedError
        If the maps are neither, or made by steps that cannot be said in our words.
    """
    steps = steps_of(tensor.steps)
    if steps and steps[-1].kind == "sigmoid":
        return steps[:-1], False, True
    values = tensor.test[:, list(picked)]
    low, high = float(np.min(values)), float(np.max(values))
    if low >= -_ROUNDING and high <= 1 + _ROUNDING:
        return steps, True, True
    if low >= 0 or not np.isfinite(high):
        raise UnsupportedError(
            f"its maps go from {low:.3g} to {high:.3g} in its test: they are neither probabilities "
            "nor logits",
            remedy="use it in the program that it was made for",
        )
    return steps, False, False
