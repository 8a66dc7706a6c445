"""Which pictures a model has learnt from, so that nobody judges it by them unawares.

A further file of the package holds a hash of each. The pictures cannot be made from it, and a
picture that was changed in any way, or its neighbour in the same photograph, is not recognised.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from cellwright.core.errors import UnreadableError
from cellwright.core.image import Array
from cellwright.models.model import Model

__all__ = ["LEARNT", "Learnt", "learnt_file", "learnt_of", "picture_hash", "together"]

LEARNT = "learnt_from.json"
"""Attachment of a model."""
_FORMAT = 1
_GREY = 2  # axes of a picture without colours


@dataclass(frozen=True)
class Learnt:
    """Pictures that a network has learnt from.

    Attributes
    ----------
    pictures
        Their hashes.
    complete
        Whether these are all: what it began with may have learnt from others.
    """

    pictures: frozenset[str]
    complete: bool


def picture_hash(pixels: Array) -> str:
    """Hash of what a picture shows, whatever the format of its file.

    Parameters
    ----------
    pixels
        (Y, X), or (Y, X, C) with 1 or 3 channels, of any real number type; three equal channels
        count as one.

    Examples
    --------
    >>> grey = np.arange(6, dtype=np.uint8).reshape(2, 3)
    >>> colour = np.repeat(grey[..., None], 3, axis=2).astype(np.uint16)
    >>> picture_hash(grey) == picture_hash(colour), picture_hash(grey) == picture_hash(grey.T)
    (True, False)
    """
    values = pixels[..., None] if pixels.ndim == _GREY else pixels
    if (values == values[..., :1]).all():
        values = values[..., :1]
    whole = hashlib.sha256("×".join(map(str, values.shape)).encode())
    whole.update(np.ascontiguousarray(values, "<f8").tobytes())
    return whole.hexdigest()


def learnt_file(learnt: Learnt) -> bytes:
    """Write the attachment `LEARNT`."""
    content = {
        "format": _FORMAT, "complete": learnt.complete, "pictures": sorted(learnt.pictures)
    }  # fmt: skip
    return (json.dumps(content, indent=1) + "\n").encode()


def learnt_of(model: Model) -> Learnt:
    """Read which pictures a model has learnt from; of a model that does not tell, none is known.

    Raises
    ------
    UnreadableError
        If the attachment is damaged.
    """
    if LEARNT not in model.attachments:
        return Learnt(frozenset(), complete=False)
    try:
        content = json.loads(model.attachments[LEARNT])
        pictures = frozenset(str(one) for one in content["pictures"])
        # of a newer format it is not known what else it says
        return Learnt(pictures, content["complete"] is True and content["format"] == _FORMAT)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UnreadableError(
            f"its file {LEARNT!r} cannot be read",
            where=model.description.name,
            remedy="get the model again",
        ) from error


def together(parts: Iterable[Learnt]) -> Learnt:
    """What several networks have learnt from, together.

    Examples
    --------
    >>> one, other = Learnt(frozenset("a"), complete=True), Learnt(frozenset("b"), complete=False)
    >>> sorted(together([one, other]).pictures), together([one, other]).complete
    (['a', 'b'], False)
    """
    every = list(parts)
    pictures = frozenset().union(*(one.pictures for one in every))
    return Learnt(pictures, all(one.complete for one in every))
