"""The layout of the Data Science Bowl 2018: a folder for each picture, a PNG for each nucleus."""

from __future__ import annotations

from collections.abc import Iterable
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
from cellwright.datasets.drawing import Drawing
from cellwright.datasets.writing import copied, flat_name, objects_of, write_png
from cellwright.io.open import read

__all__ = ["FORMAT"]

IMAGES, MASKS = "images", "masks"


def _recognises(path: Path) -> bool:
    try:
        return path.is_dir() and any((folder / MASKS).is_dir() for folder in _folders(path))
    except OSError:
        return False


def _folders(path: Path) -> list[Path]:
    """Of single pictures: directly in the source, or one further in (``stage1_train/ID``)."""
    inner = sorted(folder for folder in path.iterdir() if folder.is_dir())
    if any((folder / IMAGES).is_dir() for folder in inner):
        return [folder for folder in inner if (folder / IMAGES).is_dir()]
    return [
        folder
        for outer in inner
        for folder in sorted(outer.iterdir())
        if (folder / IMAGES).is_dir()
    ]


def _entries(source: Source) -> list[Entry]:
    return [
        Entry(folder.relative_to(source.path).as_posix(), _picture(folder), _Masks(folder).read)
        for folder in _folders(source.path)
    ]


def _picture(folder: Path) -> Path | None:
    files = sorted(file for file in (folder / IMAGES).iterdir() if not file.name.startswith("."))
    named = [file for file in files if file.stem == folder.name]
    return next(iter(named or files), None)


class _Masks:
    """Reads the masks of one picture."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, shape: tuple[int, int] | None) -> Drawn:
        files = sorted(self._folder.glob(f"{MASKS}/*.png"))
        if shape is None and not files:
            raise InputError("there is neither a picture nor a mask", where=str(self._folder))
        drawing = None
        for file in files:
            mask = _mask(file)
            shape = shape or (mask.shape[0], mask.shape[1])
            drawing = drawing or Drawing(shape)
            if mask.shape != shape:
                raise InputError(
                    f"the mask is {mask.shape[1]} x {mask.shape[0]} px, the picture "
                    f"{shape[1]} x {shape[0]}",
                    where=str(file),
                    remedy="masks and picture must have the same size",
                )
            rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
            if rows.size:
                top, left = int(rows[0]), int(columns[0])
                drawing.add(mask[top : rows[-1] + 1, left : columns[-1] + 1], (top, left))
            else:
                drawing.add(mask)
        return drawing.finished() if drawing else Drawn(np.zeros(shape or (0, 0), np.uint32))


def _mask(file: Path) -> Array:
    """(Y, X) bool; some masks of the collection were saved in colour."""
    image = read(file)
    pixels = image.pixels()
    if image.axes == "YXS":
        pixels = pixels[..., :3].max(axis=-1)
    elif image.axes != "YX":
        raise InputError(f"a mask has the axes YX, not {image.axes}", where=str(file))
    return pixels > 0


def _write(pictures: Iterable[AnnotatedPicture], out: Path) -> list[str]:
    has_classes = False
    for picture in pictures:
        folder = out / flat_name(picture.name)
        (folder / MASKS).mkdir(parents=True)
        copied(picture.image, folder / IMAGES / folder.name)
        for label, mask in objects_of(picture.drawn.labels):
            write_png(folder / MASKS / f"{folder.name}_{label}.png", mask.astype(np.uint8) * 255)
        has_classes |= bool(picture.drawn.classes)
    return ["this layout has no place for classes"] if has_classes else []


FORMAT = AnnotationFormat(
    "kaggle",
    "Data Science Bowl 2018: ID/images/ID.png and a PNG for each nucleus in ID/masks/",
    _recognises,
    _entries,
    _write,
)
