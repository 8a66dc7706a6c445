"""Folders of pictures and of drawn outlines, as a pen on a transparent sheet leaves them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import numpy as np

from cellwright.core.errors import InputError
from cellwright.core.image import Array
from cellwright.datasets.annotation import (
    AnnotatedPicture,
    AnnotationFormat,
    Drawn,
    Entry,
    Source,
)
from cellwright.datasets.example import files_of
from cellwright.datasets.formats.contour_cells import cells_in
from cellwright.datasets.formats.contour_ink import lines_in, lines_of
from cellwright.datasets.formats.contour_lines import outlines_of
from cellwright.datasets.writing import copied, flat_name, write_png

__all__ = ["FORMAT"]

IMAGES, CONTOURS = "images", "contours"

_SAME = 0.5
"""IoU above which a cell that is read again is the one that was drawn: only one can be."""


def _recognises(path: Path) -> bool:
    return (path / IMAGES).is_dir() and (path / CONTOURS).is_dir()


def _entries(source: Source) -> list[Entry]:
    """A drawing for each entry; several of one picture belong together."""
    files = files_of(source.path / CONTOURS)
    images = {file.stem: file for file in files_of(source.images or source.path / IMAGES)}
    stems = {file: _drawn_picture(file.stem, images) for file in files}
    drawings = Counter(stems.values())
    return [
        Entry(
            file.stem,
            images.get(stem),
            partial(_read, file),
            group=stem if drawings[stem] > 1 else "",
        )
        for file, stem in stems.items()
    ]


def _drawn_picture(name: str, images: Iterable[str]) -> str:
    """Which picture a drawing is of: of its name, else without what follows its last ``_``.

    Examples
    --------
    >>> _drawn_picture("well_3_second", ["well", "well_3"])
    'well_3'
    """
    stem, known = name, set(images)
    while stem not in known and "_" in stem:
        stem = stem.rpartition("_")[0]
    return stem if stem in known else name


def _read(file: Path, shape: tuple[int, int] | None) -> Drawn:
    lines, remarks = lines_of(file)
    height, width = shape or lines.shape
    size = f"the drawing is {lines.shape[1]} x {lines.shape[0]} px, the picture {width} x {height}"
    if lines.shape[0] < height or lines.shape[1] < width:
        raise InputError(
            size, where=str(file), remedy="give the drawing at least the size of its picture"
        )
    if lines.shape != (height, width):
        remarks.append(f"{size}: cut to it on the right and below")
    drawn = cells_in(lines[:height, :width])
    return Drawn(drawn.labels, remarks=(*remarks, *drawn.remarks))


def _write(pictures: Iterable[AnnotatedPicture], out: Path) -> list[str]:
    """Draw outlines, and read them again to tell what they do not keep."""
    (out / IMAGES).mkdir()
    (out / CONTOURS).mkdir()
    remarks = []
    for picture in pictures:
        name = flat_name(picture.name)
        labels = picture.drawn.labels
        copied(picture.image, out / IMAGES / name)
        pixels = outlines_of(labels).astype(np.uint8) * 255
        write_png(out / CONTOURS / f"{name}.png", pixels)
        remarks += [f"{picture.name}: {told}" for told in _not_kept(labels, pixels)]
        if picture.drawn.classes:
            remarks.append(f"{picture.name}: outlines have no place for classes")
    return remarks


def _not_kept(labels: Array, pixels: Array) -> list[str]:
    """Tell which cells are lost in outlines, and what becomes a cell that was none."""
    try:
        again = cells_in(lines_in(pixels[..., None], "")[0]).labels
    except InputError as error:
        return [f"these cells are too small for outlines, which cannot be read: {error.what}"]
    numbers, true = np.unique(np.append(labels, 0), return_inverse=True)  # 0 is always there
    true = true[:-1]
    true_area, found_area = np.bincount(true, minlength=len(numbers)), np.bincount(again.ravel())
    pairs, shared = np.unique(
        np.stack([true, again.ravel().astype(true.dtype)]), axis=1, return_counts=True
    )
    iou = shared / (true_area[pairs[0]] + found_area[pairs[1]] - shared)
    kept = int(((iou > _SAME) & (pairs > 0).all(0)).sum())
    told = []
    if lost := len(numbers) - 1 - kept:
        told.append(
            f"lost or changed, as they are small, thin or in pieces: {lost:,} of "
            f"{len(numbers) - 1:,} cells"
        )
    if extra := int(again.max(initial=0)) - kept:
        told.append(f"enclosed by outlines, so that they are read as cells: {extra:,} regions")
    return told


FORMAT = AnnotationFormat(
    "contours",
    "drawn outlines: images/ and contours/, NAME.png or NAME_second.png for the picture NAME",
    _recognises,
    _entries,
    _write,
)
