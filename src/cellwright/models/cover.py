"""The cover of a model's package: a picture to be shown with it."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt

from cellwright.models.description import Normalisation
from cellwright.models.stored_test import normalised

__all__ = ["cover_of"]

_SIDE = 512  # px


def cover_of(picture: npt.NDArray[Any], normalisation: Normalisation) -> bytes:
    """Make a PNG of the middle of a test picture.

    Parameters
    ----------
    picture
        (1, 3, Y, X), before normalisation.
    normalisation
        Of the model; where it does not adapt to the picture, the picture is shown by its own
        percentiles.
    """
    from PIL import Image

    side = min(*picture.shape[2:], _SIDE)
    top, left = ((length - side) // 2 for length in picture.shape[2:])
    part = picture[:, :, top : top + side, left : left + side]
    seen = normalised(
        part, Normalisation() if normalisation.how != "percentiles" else normalisation
    )
    grey = (np.clip(seen[0], 0, 1) * 255).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(np.moveaxis(grey, 0, -1))).save(stream, "PNG")
    return stream.getvalue()
