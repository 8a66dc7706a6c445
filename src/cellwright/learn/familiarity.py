"""What training pictures look like to a finished network: the fingerprint of a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cellwright.core.image import Array
from cellwright.datasets.example import Example, read_pixels
from cellwright.engine.events import (
    CancelToken,
    Listener,
    PhaseFinished,
    PhaseStarted,
    StepFinished,
    silent,
)
from cellwright.models.model import Model
from cellwright.segment.decoder import decoder_of
from cellwright.segment.network_fingerprint import LEAST_PICTURES, fitted
from cellwright.segment.network_mapping import InMemory, map_plane
from cellwright.segment.network_maps import Answer
from cellwright.segment.network_model import decoding_of
from cellwright.segment.network_objects import CHANNELS

__all__ = ["fingerprint_of", "picture_vector", "quarters"]

_PHASE = "describing the training pictures"

_MOST_PICTURES = 200
"""That are looked at: more say little that is new, and slow networks take seconds for each."""

_LEAST_SIDE = 64
"""Pixels of a quarter's shorter side, from which on it is looked at."""


def picture_vector(pixels: Array, model: Model, answer: Answer) -> Array:
    """Describe a picture as `cellwright.segment.picture_traits` does: (traits,) float64."""
    mapped = map_plane(InMemory(pixels), model, answer)
    labels = np.zeros(mapped.plane.shape, np.uint32)
    description = model.description
    found = decoder_of(description).find(mapped.maps, labels, decoding_of(description))
    return mapped.traits(found.count)


def quarters(pixels: Array) -> tuple[Array, Array, Array, Array]:
    """Cut a picture (Y, X) or (Y, X, 3) in the middle of both sides.

    Examples
    --------
    >>> [part.shape for part in quarters(np.zeros((5, 4)))]
    [(2, 2), (2, 2), (3, 2), (3, 2)]
    """
    row, column = pixels.shape[0] // 2, pixels.shape[1] // 2
    return (
        pixels[:row, :column], pixels[:row, column:],
        pixels[row:, :column], pixels[row:, column:],
    )  # fmt: skip


def fingerprint_of(
    examples: Sequence[Example],
    model: Model,
    answer: Answer,
    listener: Listener = silent,
    cancel: CancelToken | None = None,
) -> dict[str, Any]:
    """Learn what the training pictures look like.

    Of fewer than `LEAST_PICTURES` pictures the quarters are looked at too: a quarter is a picture
    of the same kind, and in one group with its whole.

    Parameters
    ----------
    examples
        That the network was trained on. Of more than `_MOST_PICTURES`, as many at even distances
        are looked at.
    model, answer
        The network: what it is, and how it is asked.
    listener
        Hears of each picture.
    cancel
        Stops before the next one.

    Returns
    -------
    dict
        For the field ``fingerprint`` of a model's description; empty for fewer than
        `LEAST_PICTURES` with their quarters, or three groups, and of networks that do not tell
        all that is compared.

    Raises
    ------
    CancelledError
        If somebody asked to stop.
    """
    if not set(CHANNELS) <= set(model.description.channels):
        return {}
    chosen = np.unique(np.linspace(0, len(examples) - 1, _MOST_PICTURES).round().astype(int))
    examples = [examples[index] for index in chosen] if examples else []
    few = len(examples) < LEAST_PICTURES
    vectors, groups = [], []
    listener(PhaseStarted(_PHASE, len(examples)))
    for example in examples:
        if cancel is not None:
            cancel.check()
        pixels = read_pixels(example)
        cut = few and min(pixels.shape[:2]) >= 2 * _LEAST_SIDE
        for part in (pixels, *quarters(pixels)) if cut else (pixels,):
            vectors.append(picture_vector(part, model, answer))
            groups.append(example.group)
        listener(StepFinished(_PHASE, example.name))
    listener(PhaseFinished(_PHASE))
    return fitted(np.array(vectors), groups)
