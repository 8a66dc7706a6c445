"""What the writers of annotations share: pictures copied as they are, masks, tables."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from cellwright.core.image import Array
from cellwright.datasets.numbers import without_gaps
from cellwright.io.csv_text import escape

__all__ = ["copied", "flat_name", "objects_of", "table_text", "write_png"]


def flat_name(name: str) -> str:
    """A name that may hold folders as that of one file: ``a/b`` is ``a__b``."""
    return name.replace("/", "__")


def copied(image: Path, place: Path) -> Path:
    """Copy the file of a picture, byte for byte, to `place` with the ending that it has."""
    target = place.with_name(place.name + image.suffix.lower())
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(image, target)
    return target


def objects_of(labels: Array) -> Iterator[tuple[int, Array]]:
    """Give each label of a plane and its (Y, X) bool mask, by number."""
    from scipy import ndimage

    numbers, names = without_gaps(labels)
    for number, box in enumerate(ndimage.find_objects(numbers), 1):
        if box is not None:
            mask = np.zeros(labels.shape, bool)
            mask[box] = numbers[box] == number
            yield int(names[number]), mask


def write_png(path: Path, pixels: Array) -> None:
    """Write (Y, X) uint8 pixels; equal ones give equal bytes."""
    Pillow.fromarray(pixels).save(path, "PNG")


def table_text(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """CSV with text that no spreadsheet takes for a formula."""
    stream = io.StringIO()
    table = csv.writer(stream, lineterminator="\n")
    table.writerow(header)
    table.writerows(
        [escape(cell) if isinstance(cell, str) else cell for cell in row] for row in rows
    )
    return stream.getvalue()
