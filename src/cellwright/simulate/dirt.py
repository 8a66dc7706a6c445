"""What lies over a field beside the cells: specks and fibres, a scale bar burnt in."""

from __future__ import annotations

import numpy as np

from cellwright.core.image import Array
from cellwright.simulate.camera import Light

__all__ = ["debris", "with_scale_bar"]

_SPECK = (0.02, 0.12)
"""Smallest and largest diameter of a speck, as a share of a cell's."""
_FIBRE_SHARE = 0.1
"""Of the debris that are fibres, as long as one to four cells."""
_FIBRE_LENGTH = (1.0, 4.0)
_SPECK_BRIGHTNESS = (0.2, 1.0)

_BAR_LENGTH, _BAR_HEIGHT, _BAR_MARGIN = 0.2, 0.012, 0.03
"""Of the bar, as shares of the picture's width and height."""


def debris(
    shape: tuple[int, int], share: float, diameter_px: float, random: np.random.Generator
) -> Light:
    """Light of specks and fibres.

    Parameters
    ----------
    shape
        (Y, X).
    share
        Pieces of debris for each cell that the field has room for.
    diameter_px
        Of a cell.
    random
        Where chance comes from.

    Returns
    -------
    Light
        (Y, X), to be added.

    Examples
    --------
    >>> bool(debris((64, 64), 0.0, 10.0, np.random.default_rng(0)).any())
    False
    """
    light = np.zeros(shape, np.float32)
    room = shape[0] * shape[1] / (np.pi / 4 * diameter_px**2)
    for _ in range(random.poisson(share * room) if share > 0 else 0):
        width = max(diameter_px * random.uniform(*_SPECK), 1.0)
        row, column = random.random(2) * shape
        long = random.random() < _FIBRE_SHARE
        length = diameter_px * random.uniform(*_FIBRE_LENGTH) if long else 0.0
        turn, bend = random.random() * np.pi, random.normal(0, 0.5)
        along = np.arange(0, length + 1, max(width / 3, 0.5))
        angle = turn + bend * along / max(length, 1)
        step = np.diff(along, prepend=0)
        rows = row + np.cumsum(step * np.sin(angle))
        columns = column + np.cumsum(step * np.cos(angle))
        _add_spots(light, rows, columns, width / 2, random.uniform(*_SPECK_BRIGHTNESS))
    return light


def _add_spots(light: Light, rows: Array, columns: Array, radius: float, bright: float) -> None:
    """Round spots with a soft rim; where they overlap the brightest counts."""
    reach = int(np.ceil(radius + 1.5))
    window = np.arange(-reach, reach + 1)
    for row, column in zip(rows, columns, strict=True):
        y, x = round(float(row)) + window, round(float(column)) + window
        y, x = y[(y >= 0) & (y < light.shape[0])], x[(x >= 0) & (x < light.shape[1])]
        if y.size and x.size:
            away = np.hypot((y - row)[:, None], (x - column)[None, :])
            spot = bright * np.clip(radius + 0.5 - away, 0, 1)
            part = light[y[0] : y[-1] + 1, x[0] : x[-1] + 1]
            np.maximum(part, spot, out=part)


def with_scale_bar(picture: Array, words: str) -> Array:
    """Burn a scale bar with its length into the lower right corner, as viewers' software does.

    Parameters
    ----------
    picture
        (Y, X) uint8 or uint16.
    words
        What stands over it.
    """
    from PIL import Image, ImageDraw, ImageFont

    height, width = picture.shape
    page = Image.new("L", (width, height), 0)
    draw = ImageDraw.Draw(page)
    margin = max(2, round(_BAR_MARGIN * min(height, width)))
    thick = max(2, round(_BAR_HEIGHT * height))
    right, bottom = width - margin, height - margin
    left = right - max(4, round(_BAR_LENGTH * width))
    draw.rectangle((left, bottom - thick, right, bottom), fill=255)
    font = ImageFont.load_default(max(8, 2 * thick))
    box = draw.textbbox((0, 0), words, font=font)
    draw.text(((left + right - box[2] + box[0]) / 2, bottom - 2 * thick - box[3]), words, 255, font)
    return np.where(np.asarray(page) > 127, np.iinfo(picture.dtype).max, picture).astype(
        picture.dtype
    )
