"""A picture whose cells can be looked at one by one: small, with the label of each pixel.

Runs in the worker that holds the plane. Equal input gives equal bytes.
"""

from __future__ import annotations

import io
import zlib

import numpy as np
import numpy.typing as npt

from cellwright.core.image import Array, Spacing
from cellwright.report.outlines import nearest
from cellwright.report.preview import brightness, fitting, resized, scale_bar
from cellwright.report.section import View

__all__ = ["make_view", "packed", "unpacked", "view_side"]

_SIDES = ((24, 720), (50, 560), (100, 400))
"""Longest side in pixels for so many pictures: together they stay below some 4 MB."""
_QUALITY = 72
_COMPRESSION = 9
_NEW = 3


def view_side(n: int) -> int:
    """Longest side of each of n views, in pixels.

    Examples
    --------
    >>> view_side(6), view_side(100)
    (720, 400)
    """
    return next((side for most, side in _SIDES if n <= most), _SIDES[-1][1])


def make_view(
    plane: Array,
    labels: npt.NDArray[np.uint32],
    *,
    image: str,
    frame: int,
    spacing: Spacing,
    side: int,
    part: bool = False,
) -> View:
    """Make the view of one plane.

    Parameters
    ----------
    plane
        (Y, X) of any number type, or (Y, X, 3) in colour.
    labels
        (Y, X), 0 is background.
    image, frame, part
        As in `View`.
    spacing
        Of the plane; gives the scale bar.
    side
        Longest side in pixels; larger planes are made smaller, by averages, and their labels by
        nearest neighbour.

    Examples
    --------
    >>> plane = np.arange(24.0).reshape(4, 6)
    >>> view = make_view(plane, np.uint32(plane > 12), image="a.tif", frame=0,
    ...     spacing=Spacing(y=0.5, x=0.5), side=720)
    >>> view.width, view.height, unpacked(view.labels, 4, 6)[:, 0].tolist()
    (6, 4, [0, 0, 0, 1])
    """
    height, width = fitting(labels.shape, side)
    shown, window, _ = brightness(plane)
    small = nearest(labels, height, width)
    bar_um, bar_px = scale_bar(labels.shape[1], spacing.x)
    scale = width / labels.shape[1]
    return View(
        image=image,
        frame=frame,
        picture=_webp(resized(shown, height, width)),
        labels=packed(small),
        width=width,
        height=height,
        scale_bar_um=bar_um,
        scale_bar_px=bar_px * scale,
        scale=scale,
        window=window,
        part=part,
    )


def packed(labels: npt.NDArray[np.integer]) -> bytes:
    """Labels of a small picture as bytes: what is as above, as to the left, ground, or new.

    One byte a pixel, row by row: 0 as the pixel above, 1 as the one to the left, 2 ground, 3 the
    next of the labels that follow as uint32, little-endian; all compressed by zlib.
    """
    above, left = np.zeros_like(labels), np.zeros_like(labels)
    above[1:], left[:, 1:] = labels[:-1], labels[:, :-1]
    is_old = (labels == above, labels == left, labels == 0)
    codes = np.select(is_old, (0, 1, 2), 3).astype(np.uint8)
    new = labels[codes == _NEW].astype("<u4")
    return zlib.compress(codes.tobytes() + new.tobytes(), _COMPRESSION)


def unpacked(content: bytes, height: int, width: int) -> npt.NDArray[np.uint32]:
    """Labels, (Y, X) uint32, out of what `packed` has made of them."""
    plain = zlib.decompress(content)
    codes = np.frombuffer(plain[: height * width], np.uint8).reshape(height, width)
    labels = np.zeros((height, width), np.uint32)
    new = codes == _NEW
    labels[new] = np.frombuffer(plain[height * width :], "<u4")
    above = np.zeros(width, np.uint32)
    for y in range(height):
        row = labels[y]
        row[codes[y] == 0] = above[codes[y] == 0]
        known = np.where(codes[y] == 1, 0, np.arange(width))
        labels[y] = row[np.maximum.accumulate(known)]
        above = labels[y]
    return labels


def _webp(pixels: npt.NDArray[np.uint8]) -> bytes:
    from PIL import Image as Picture

    buffer = io.BytesIO()
    Picture.fromarray(np.ascontiguousarray(pixels)).convert("RGB").save(
        buffer, format="WEBP", quality=_QUALITY, method=4
    )
    return buffer.getvalue()
