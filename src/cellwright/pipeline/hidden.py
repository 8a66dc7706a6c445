"""Burned-in text and scale bars: found, covered before cells are looked for, and never cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from cellwright.core.image import Array
from cellwright.pipeline.planes import Planes
from cellwright.quality.overlay import Overlay, Overlays, find_overlays, overlay_mask
from cellwright.quality.scale_bar import ScaleProposal, proposal

__all__ = ["covered", "found_in", "hidden_pixels", "overlays_of", "proposed_by", "words_of"]

FRAME_PX = 8
"""Width of the frame around a box, whose median covers it: wide enough for a median, and near
enough to be of the same ground."""

Facts = Sequence[Mapping[str, Any]]


def overlays_of(planes: Planes) -> list[dict[str, Any]]:
    """Find what was drawn into the planes, for the facts of a step: each thing once."""
    return [asdict(part) | {"box": list(part.box)} for part in found_in(planes).parts]


def found_in(planes: Planes) -> Overlays:
    """Find what was drawn into the planes: into the colours, or into any channel."""
    if planes.whole is not None:
        return find_overlays(planes.whole)
    parts: dict[tuple[int, ...], Overlay] = {}
    for plane in planes.channels.values():
        if plane.ndim == 2:
            parts |= {part.box: part for part in find_overlays(plane).parts}
    return Overlays(tuple(parts[box] for box in sorted(parts)))


def _of_facts(facts: Facts) -> Overlays:
    return Overlays(tuple(Overlay(**{**part, "box": tuple(part["box"])}) for part in facts))


def words_of(facts: Facts) -> str:
    """What was drawn into a picture, in words; empty where nothing was."""
    return _of_facts(facts).words


def proposed_by(facts: Facts) -> ScaleProposal | None:
    """Give the pixel size that a scale bar proposes."""
    return proposal(_of_facts(facts))


def hidden_pixels(facts: Facts, shape: tuple[int, ...]) -> npt.NDArray[np.bool_] | None:
    """Say which pixels (Y, X) nobody can see; None where that is none."""
    return overlay_mask(_of_facts(facts), shape) if facts else None


def covered(pixels: Array, hidden: Array) -> Array:
    """Cover hidden pixels with the ground around them, so that no method sees them.

    Parameters
    ----------
    pixels
        (Y, X) or (Y, X, S).
    hidden
        (Y, X) bool.

    Examples
    --------
    >>> plane = np.full((3, 9), 5)
    >>> plane[1, 4] = 255
    >>> int(covered(plane, plane == 255).max())
    5
    """
    filled = pixels.copy()
    pieces, _ = ndimage.label(hidden)
    for rows, columns in ndimage.find_objects(pieces):
        around = (
            slice(max(rows.start - FRAME_PX, 0), rows.stop + FRAME_PX),
            slice(max(columns.start - FRAME_PX, 0), columns.stop + FRAME_PX),
        )
        ground = pixels[around][~hidden[around]]
        if len(ground):
            here = hidden[rows, columns]
            filled[rows, columns][here] = np.median(ground, axis=0).astype(pixels.dtype)
    return filled
