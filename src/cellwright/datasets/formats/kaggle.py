"""The layout of the Data Science Bowl 2018: a folder for each picture, a PNG for each nucleus."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from cellwright.core.errors import InputError, UsageError
from cellwright.core.image import Array
from cellwright.datasets.annotation import (
    AnnotatedPicture,
    AnnotationFormat,
    Drawn,
    Entry,
    Source,
)
from cellwright.datasets.drawing import Drawing
from cellwright.datasets.pictures import is_picture
from cellwright.datasets.writing import copied, flat_name, objects_of, write_png
from cellwright.io.open import read

__all__ = ["FORMAT"]

IMAGES, MASKS = "images", "masks"

_SHOWN = 3
"""Names that a message tells."""


def _recognises(path: Path) -> bool:
    try:
        folders = _folders(path) if path.is_dir() else []
        return (
            any((folder / MASKS).is_dir() for folder in folders)
            and any(len(_pictures(folder / IMAGES)) <= 1 for folder in folders)
            and not any(_is_stardist(folder) for folder in folders)
        )
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


def _pictures(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if is_picture(file.name))


def _is_stardist(folder: Path) -> bool:
    """Whether it holds several pictures, and masks that are called as they are."""
    pictures = {file.stem for file in _pictures(folder / IMAGES)}
    if len(pictures) <= 1 or not (folder / MASKS).is_dir():
        return False
    return not pictures.isdisjoint(file.stem for file in _pictures(folder / MASKS))


def _entries(source: Source) -> list[Entry]:
    folders = _folders(source.path)
    for folder in folders:
        if _is_stardist(folder):
            inner = folder.relative_to(source.path).as_posix()
            raise UsageError(
                f"{inner} holds a mask for each picture, as StarDist has it, not for each nucleus",
                where=str(source.path),
                remedy=f"give {source.path.name}/{inner}, --from stardist",
            )
    return [_entry(folder, folder.relative_to(source.path).as_posix()) for folder in folders]


def _entry(folder: Path, name: str) -> Entry:
    files = _pictures(folder / IMAGES)
    files = [file for file in files if file.stem == folder.name] or files
    return Entry(name, next(iter(files), None), _Masks(folder, files).read)


class _Masks:
    """Reads the masks of one picture."""

    def __init__(self, folder: Path, pictures: list[Path]) -> None:
        self._folder, self._pictures = folder, pictures

    def read(self, shape: tuple[int, int] | None) -> Drawn:
        if len(self._pictures) > 1:
            raise InputError(
                f"{len(self._pictures)} pictures in one {IMAGES}/, and nothing tells which of "
                "them was drawn: " + ", ".join(file.name for file in self._pictures[:_SHOWN]),
                where=str(self._folder),
                remedy="keep the one to which the masks belong",
            )
        files = self._files()
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

    def _files(self) -> list[Path]:
        """Masks by name; none only where the folder is there and empty."""
        folder = self._folder / MASKS
        if not folder.is_dir():
            raise InputError(
                f"no {MASKS} folder: nobody drew here",
                where=str(self._folder),
                remedy=f"make an empty {MASKS}/ if there is nothing to draw, or take it out",
            )
        try:
            there = [file for file in folder.iterdir() if not file.name.startswith(".")]
        except OSError as error:
            raise InputError(
                f"the {MASKS} folder cannot be read ({error.strerror or error})",
                where=str(folder),
                remedy="change its permissions, or copy it to where it may be read",
            ) from error
        files = sorted(file for file in there if is_picture(file.name))
        if there and not files:
            raise InputError(
                f"no file in {MASKS}/ has the ending of a picture: {min(there).name}",
                where=str(folder),
                remedy="save a picture for each nucleus",
            )
        return files


def _mask(file: Path) -> Array:
    """(Y, X) bool; some masks of the collection were saved in colour."""
    image = read(file)
    pixels = image.pixels()
    if image.axes == "YXS":
        pixels = pixels[..., :3].max(axis=-1)
    elif image.axes != "YX":
        raise InputError(f"a mask has the axes YX, not {image.axes}", where=str(file))
    mask: Array = pixels > 0
    numbers = pixels[mask]
    if numbers.size and numbers.min() != numbers.max():
        raise InputError(
            "the mask has several numbers beside 0: these are labels, or soft edges, not the "
            "mask of one nucleus",
            where=str(file),
            remedy="save a mask of 0 and 255 for each nucleus, or give the folder around "
            f"{IMAGES}/ with --from stardist",
        )
    return mask


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
