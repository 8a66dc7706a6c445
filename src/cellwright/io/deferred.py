"""A picture that is decoded whole, and not before its pixels are asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cellwright.core.errors import UnreadableError, UnsupportedError
from cellwright.core.image import Array

__all__ = ["MOST_PIXELS", "Deferred", "check_claim"]

# Formats that are decoded whole (PNG, JPEG, BMP) must fit into memory: 2^30 pixels are
# 32,768 by 32,768, over ten times the 100 megapixels from which on pictures are tiled.
MOST_PIXELS = 2**30


@dataclass(frozen=True)
class Deferred:
    """Pixels on disk with a known shape, satisfying `cellwright.core.image.LazyArray`.

    Attributes
    ----------
    path
        The file.
    shape, dtype
        What its header says.
    decode
        Gives the array of a path; a function of a module, so that workers can be sent it.
    """

    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    decode: Callable[[Path], Array]

    def __getitem__(self, index: tuple[int | slice, ...], /) -> Array:
        """Decode the file, and give the part asked for."""
        pixels = self.decode(self.path)
        if pixels.shape != self.shape or pixels.dtype != self.dtype:
            raise UnreadableError(
                f"the header says {self.shape} {self.dtype}, the content is "
                f"{pixels.shape} {pixels.dtype}",
                where=str(self.path),
                remedy="copy or export the file again",
            )
        return np.asarray(pixels[index])


def check_claim(path: Path, width: int, height: int, needed: float, at_most: float) -> None:
    """Refuse a header that claims more than its file can hold, before anything is allocated.

    Parameters
    ----------
    path
        The file, for the message.
    width, height
        As the header says, in pixels.
    needed
        Bytes that so many pixels take when decoded.
    at_most
        Bytes that the file can decode to, given its length and its compression.

    Raises
    ------
    UnreadableError
        If the size is zero or impossible.
    UnsupportedError
        If it is possible, but too large to be decoded whole.
    """
    if width < 1 or height < 1:
        raise UnreadableError(
            f"the picture has no pixels ({width} × {height})",
            where=str(path),
            remedy="export the file again",
        )
    if needed > at_most:
        raise UnreadableError(
            f"the header claims {width} × {height} pixels, more than the file can hold",
            where=str(path),
            remedy="the file is cut short or damaged: copy or export it again",
        )
    if width * height > MOST_PIXELS:
        raise UnsupportedError(
            f"{width} × {height} pixels are too many for a format that is decoded whole",
            where=str(path),
            remedy="store it as a tiled TIFF",
        )
