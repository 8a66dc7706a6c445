"""From a finished training run to a model file, and from a model file to its network again."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from torch import nn

from cellwright.core.errors import UnreadableError, UnsupportedError, UsageError
from cellwright.core.image import Array
from cellwright.engine.onnx import Network
from cellwright.learn.architecture import architecture_of, architectures
from cellwright.learn.export import folded, norms_file, read_norms, to_onnx, unfolded
from cellwright.models.cover import cover_of
from cellwright.models.description import ENSEMBLE, Description
from cellwright.models.learnt import LEARNT
from cellwright.models.model import Model, write_model
from cellwright.models.package import LEAST
from cellwright.models.stored_test import normalised
from cellwright.simulate.monolayer import simulate_monolayer
from cellwright.simulate.nuclei import simulate_nuclei

__all__ = ["NORMS", "network_of", "package", "to_weights"]

NORMS = "batch_norms.npz"
"""Attachment with the numbers of the batch norms that were folded into the convolutions: with
them the network can be made again as it was trained."""

_TEST_SIDE = 128
"""Pixels of the stored test's side, or the next multiple of the network's stride: a few nuclei."""
_COVER_SIDE = 384
"""Pixels of the cover's side, of which the test is a corner, or no less than the test's."""
_COVER_SEED = 13
_COVER_CLUMPING = 0.4
"""Share of the cover's nuclei that touch: it is touching ones that models are made for."""
_SIZES = (8.0, 0.5)
"""Diameter of the objects of other tests: pixels at the least, and share of the side at the most.
Smaller ones cannot be drawn, and one object is no field."""
_FILLED = 0.4
"""Share of the field that nuclei fill in other tests."""
_WHITE = 255


def to_weights(network: nn.Module, multiple: int) -> tuple[bytes, bytes]:
    """ONNX file of a network with batch norms folded in, and the attachment to undo that.

    Parameters
    ----------
    network
        As it was trained.
    multiple
        Number of pixels of which the sides of its input must be multiples.
    """
    plain, norms = folded(network)
    return to_onnx(plain, multiple), norms_file(norms)


def network_of(model: Model) -> nn.Module:
    """Make the network of a model again as it was trained, to go on with its training.

    Raises
    ------
    UnsupportedError
        If it is an ensemble, its architecture is not known here, or the model has not what undoes
        the folding.
    UnreadableError
        If its parts do not fit together.
    """
    wanted, where = model.description.architecture, model.description.name
    if wanted.name == ENSEMBLE:
        raise UnsupportedError(
            "it is an ensemble: several networks, whose training cannot go on as one",
            where=where,
            remedy="go on from one of the models that it was made of, or from another model",
        )
    if wanted.name not in architectures():
        raise UnsupportedError(
            f"there is no architecture {wanted.name!r}",
            where=where,
            remedy="choose a model of " + ", ".join(architectures()),
        )
    try:
        architecture = architecture_of(wanted.name, wanted.options)
    except UsageError as error:
        raise UnreadableError(
            f"the options of the architecture {wanted.name!r} are not its own ({error.what})",
            where=where,
            remedy="get the model again",
        ) from error
    network = architecture.untrained()
    if NORMS not in model.attachments:
        raise UnsupportedError(
            f"the model has no {NORMS}, without which its training cannot go on",
            where=model.description.name,
            remedy="train from the beginning, or from a model that was made by this program",
        )
    norms = read_norms(model.attachments[NORMS], model.description.name)
    network.load_state_dict(unfolded(network, model.weights, norms))
    return network


def package(
    path: Path,
    description: Description,
    weights: bytes,
    norms: bytes | None,
    documentation: str,
    *,
    learnt: bytes | None = None,
) -> None:
    """Write the model file; its test and its cover are simulated, never anybody's pictures.

    Parameters
    ----------
    path
        Of the file.
    description
        Of the model.
    weights, norms
        From `to_weights`; no norms of an ensemble, whose training cannot go on.
    documentation
        In Markdown: what the model is for, and how it was validated.
    learnt
        Which pictures it has learnt from, of `cellwright.models.learnt.learnt_file`.

    Raises
    ------
    UsageError
        If the parts do not fit together.
    """
    side = math.ceil(_TEST_SIDE / description.multiple) * description.multiple
    plane, _ = simulate_nuclei(
        (max(_COVER_SIDE, side),) * 2, seed=_COVER_SEED, clumping=_COVER_CLUMPING
    )
    test, maps = _stored_test(plane[:side, :side], description, weights)
    cover = np.broadcast_to(plane, (1, 3, *plane.shape))
    write_model(
        path,
        description,
        weights,
        test_input=test,
        test_output=maps,
        cover=cover_of(cover, description.normalisation),
        documentation=documentation,
        attachments={
            name: content
            for name, content in ((NORMS, norms), (LEARNT, learnt))
            if content is not None
        },
    )


def _stored_test(usual: Array, description: Description, weights: bytes) -> tuple[Array, Array]:
    """Picture (1, 3, Y, X) whose maps are above `LEAST` somewhere, and these.

    If there is none, it is the one whose maps come nearest to it.
    """
    network = Network(weights)
    tests: list[tuple[Array, Array]] = []
    for plane in _candidates(usual, description.diameter):
        test = np.ascontiguousarray(np.broadcast_to(plane, (1, 3, *plane.shape)))
        tests.append((test, network.run(normalised(test, description.normalisation))))
        if tests[-1][1].max() > LEAST:
            return tests[-1]
    return max(tests, key=lambda one: float(one[1].max()))


def _candidates(usual: Array, diameter: float) -> Iterator[Array]:
    """Pictures (Y, X) for the stored test: bright and dark, of nuclei and of a sheet of cells."""
    yield usual
    yield _WHITE - usual
    side = usual.shape[0]
    size = float(np.clip(diameter, _SIZES[0], _SIZES[1] * side))
    number = math.ceil(_FILLED * 4 / math.pi * (side / size) ** 2)
    nuclei, _ = simulate_nuclei((side, side), number, size, _COVER_SEED)
    sheet, _ = simulate_monolayer((side, side), size, _COVER_SEED)
    for plane in (nuclei, sheet):
        yield plane
        yield _WHITE - plane
