"""What training pictures look like to a finished network: the fingerprint of a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cellwright.core.image import Array
from cellwright.datasets.example import Example, read_pixels
from cellwright.models.model import Model
from cellwright.segment.decoder import decoder_of
from cellwright.segment.network_fingerprint import LEAST_PICTURES, fitted
from cellwright.segment.network_mapping import InMemory, map_plane
from cellwright.segment.network_maps import Answer
from cellwright.segment.network_model import decoding_of
from cellwright.segment.network_objects import CHANNELS

__all__ = ["fingerprint_of", "picture_vector"]


def picture_vector(pixels: Array, model: Model, answer: Answer) -> Array:
    """Describe a picture as `cellwright.segment.picture_traits` does: (traits,) float64."""
    mapped = map_plane(InMemory(pixels), model, answer)
    labels = np.zeros(mapped.plane.shape, np.uint32)
    description = model.description
    found = decoder_of(description).find(mapped.maps, labels, decoding_of(description))
    return mapped.traits(found.count)


def fingerprint_of(examples: Sequence[Example], model: Model, answer: Answer) -> dict[str, Any]:
    """Learn what the training pictures look like.

    Parameters
    ----------
    examples
        That the network was trained on.
    model, answer
        The network: what it is, and how it is asked.

    Returns
    -------
    dict
        For the field ``fingerprint`` of a model's description; empty for fewer than
        `LEAST_PICTURES` pictures, and of networks that do not tell all that is compared.
    """
    if len(examples) < LEAST_PICTURES or not set(CHANNELS) <= set(model.description.channels):
        return {}
    vectors = [picture_vector(read_pixels(example), model, answer) for example in examples]
    return fitted(np.array(vectors), [example.group for example in examples])
