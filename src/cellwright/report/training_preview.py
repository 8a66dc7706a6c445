"""What the network saw, light enough for the page."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from cellwright.core.errors import CellwrightError, InputError
from cellwright.io.open import read
from cellwright.report.gallery import data_address
from cellwright.report.outlines import png
from cellwright.report.template import Markup, fill
from cellwright.report.training_folder import PREVIEW, Training

__all__ = ["seen"]

MOST_BYTES = 2_000_000
"""Of the file in the page; a larger one is shown smaller."""
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def seen(training: Training) -> Markup | None:
    """Show patches as the network saw them; None where there is no picture of them."""
    if training.preview is None:
        return None
    try:
        content, width, height = _light(training.preview)
    except CellwrightError:
        return fill("training_seen.html.j2", picture="", file=PREVIEW)
    address = data_address(content)
    return fill("training_seen.html.j2", picture=address, width=width, height=height, file=PREVIEW)


def _light(path: Path) -> tuple[bytes, int, int]:
    """PNG of at most about `MOST_BYTES`, its width and its height."""
    from PIL import Image as Picture

    image = read(path)
    pixels = image.pixels()
    if image.axes not in {"YX", "YXS"} or pixels.dtype != np.uint8 or not pixels.size:
        raise InputError("this is not a picture that a training keeps", where=str(path))
    content = path.read_bytes()
    if not content.startswith(_SIGNATURE):
        raise InputError("this is no PNG file", where=str(path))
    if len(content) <= MOST_BYTES:
        return content, pixels.shape[1], pixels.shape[0]
    sheet = Picture.fromarray(np.ascontiguousarray(pixels))
    shrink = math.sqrt(MOST_BYTES / len(content))
    size = max(1, int(sheet.width * shrink)), max(1, int(sheet.height * shrink))
    content = png(np.asarray(sheet.resize(size, Picture.Resampling.BOX)))
    return content, *size
