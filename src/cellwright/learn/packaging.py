"""From a finished training run to a model file."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from torch import nn

from cellwright.core.image import Array
from cellwright.engine.onnx import Network
from cellwright.learn.export import folded, norms_file, to_onnx
from cellwright.models.description import Description
from cellwright.models.model import write_model
from cellwright.segment.network_input import three_channels, unit_range
from cellwright.simulate.nuclei import simulate_nuclei

__all__ = ["NORMS", "package", "to_weights"]

NORMS = "batch_norms.npz"
"""Attachment with the numbers of the batch norms that were folded into the convolutions: with
them the network can be made again as it was trained."""

_TEST_SIDE = 128
_COVER_SIDE = 384


def to_weights(network: nn.Module) -> tuple[bytes, bytes]:
    """ONNX file of a network with batch norms folded in, and the attachment to undo that."""
    plain, norms = folded(network)
    return to_onnx(plain), norms_file(norms)


def package(
    path: Path, description: Description, weights: bytes, norms: bytes, documentation: str
) -> None:
    """Write the model file; its test and its cover are simulated nuclei."""
    plane, _ = simulate_nuclei((_COVER_SIDE, _COVER_SIDE), seed=13, clumping=0.4)
    part = plane[:_TEST_SIDE, :_TEST_SIDE]
    test = np.ascontiguousarray(np.broadcast_to(part, (1, 3, *part.shape)))
    wanted = description.normalisation
    normalise = unit_range(part, wanted.low, wanted.high, wanted.clip)
    maps = Network(weights).run(np.ascontiguousarray(three_channels(normalise(part)))[None])
    write_model(
        path,
        description,
        weights,
        test_input=test,
        test_output=maps,
        cover=_png(unit_range(plane, wanted.low, wanted.high)(plane)),
        documentation=documentation,
        attachments={NORMS: norms},
    )


def _png(values: Array) -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    grey = np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)
    Image.fromarray(grey).save(stream, "PNG")
    return stream.getvalue()
