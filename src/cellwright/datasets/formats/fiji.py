"""ROIs of ImageJ and Fiji: a zip of the ROI Manager, or a ROI, for each picture."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable
from functools import partial
from pathlib import Path, PurePosixPath

from cellwright.core.errors import UnreadableError, UnsupportedError
from cellwright.core.labels import Labels
from cellwright.datasets.annotation import (
    AnnotatedPicture,
    AnnotationFormat,
    Drawn,
    Entry,
    Source,
)
from cellwright.datasets.json_files import files_in, read_bytes, with_damaged
from cellwright.datasets.pictures import Annotation, Pictures, entries_with_pictures
from cellwright.datasets.sheet import Sheet, check_size
from cellwright.datasets.writing import copied, flat_name
from cellwright.io.outline import Outlined
from cellwright.io.outlines_fiji import write_fiji
from cellwright.io.roi_fiji import ROI_MAGIC, ZIP_MAGIC, is_roi, roi_files, roi_patch, roi_plane

__all__ = ["FORMAT"]

ENDINGS = (".zip", ".roi")
LARGEST = 2**28
"""Bytes of a file, packed: 256 MiB, as for regions of interest."""
_EMPTY_ZIP = b"PK\x05\x06"
"""How a zip of nothing begins, as of a picture in which there is nothing to draw."""
_EMPTY = 22
"""Bytes of such a zip."""
_LENGTH, _EXTRA, _NAME = 26, 28, 30
"""Where the length of a name, that of what follows it, and the name stand (APPNOTE 4.3.7)."""
_HEAD = 2**9
"""Bytes that a zip is known by, if its end is missing."""
_SET = re.compile(r"(?i)(?:roi_?set[_ -]?(?P<after>.*)|(?P<before>.*?)[_ -]?roi_?set)$")
"""The ROI Manager's own name for a file, with that of the picture before or after it."""


def _recognises(path: Path) -> bool:
    try:
        files = files_in(path, *ENDINGS) if path.is_dir() else [path]
        return any(_is_ours(file) for file in files)
    except OSError:
        return False


def _is_ours(file: Path) -> bool:
    """A ROI, or a zip that holds ROIs and nothing else: others are folders that were packed."""
    try:
        with file.open("rb") as stream:
            head = stream.read(_HEAD)
        if not head.startswith(ZIP_MAGIC):
            return head.startswith((ROI_MAGIC, _EMPTY_ZIP))
        if file.stat().st_size > LARGEST:
            return is_roi(_first_name(head))
        with zipfile.ZipFile(file) as archive:
            names = [name for name in archive.namelist() if not _is_beside(name)]
    except zipfile.BadZipFile:
        return is_roi(_first_name(head))
    except (OSError, ValueError, RuntimeError, NotImplementedError):
        return False
    return bool(names) and all(is_roi(name) for name in names)


def _first_name(head: bytes) -> str:
    """Of the first file in a zip, which tells what one is of that the end is missing."""
    if not head.startswith(ZIP_MAGIC) or len(head) < _NAME:
        return ""
    return head[_NAME : _NAME + int.from_bytes(head[_LENGTH:_EXTRA], "little")].decode("latin-1")


def _is_damaged(file: Path) -> bool:
    """A ROI that is none, or a zip of which nothing tells what was in it."""
    if file.suffix.lower() == ".roi":
        return True
    try:
        with file.open("rb") as stream:
            head = stream.read(_HEAD)
    except OSError:
        return True
    name = _first_name(head)
    return not zipfile.is_zipfile(file) and (not name or _is_beside(name))


def _is_beside(name: str) -> bool:
    """A folder, or what a Mac puts beside each file."""
    path = PurePosixPath(name)
    return name.endswith("/") or path.name.startswith(".") or path.parts[:1] == ("__MACOSX",)


def _entries(source: Source) -> list[Entry]:
    folder = source.path if source.path.is_dir() else source.path.parent
    pictures = Pictures(source, folder)
    files = [source.path]
    if source.path.is_dir():
        files = with_damaged(
            files_in(folder, *ENDINGS),
            _is_ours,
            lambda file: any(map(pictures.find, _picture_names(_stem(file, folder)))),
            _is_damaged,
        )
    found = []
    for file in files:
        stem = _stem(file, folder)
        names = _picture_names(stem)
        alone = pictures.alone(file.parent) if names == (stem,) and _SET.match(file.stem) else None
        if alone is not None and not pictures.find(stem):
            names = (file.relative_to(folder).with_name(alone.name).as_posix(),)
        found.append(Annotation(names, file.relative_to(folder).as_posix(), partial(_read, file)))
    return entries_with_pictures(found, pictures)


def _stem(file: Path, folder: Path) -> str:
    return file.relative_to(folder).with_suffix("").as_posix()


def _picture_names(stem: str) -> tuple[str, ...]:
    """What the picture of a file may be called.

    Examples
    --------
    >>> _picture_names("b"), _picture_names("a/b_RoiSet"), _picture_names("RoiSet_b.tif")
    (('b',), ('a/b_RoiSet', 'a/b'), ('RoiSet_b.tif', 'b.tif'))
    """
    folder, slash, name = stem.rpartition("/")
    match = _SET.match(name)
    inner = (match["after"] or match["before"]) if match else ""
    return (stem, f"{folder}{slash}{inner}") if inner else (stem,)


def _read(file: Path, shape: tuple[int, int] | None) -> Drawn:
    where = str(file)
    data = read_bytes(file, LARGEST)
    is_empty = data.startswith(_EMPTY_ZIP) and len(data) >= _EMPTY
    if not is_empty and not data.startswith((ROI_MAGIC, ZIP_MAGIC)):
        raise UnreadableError(
            "the file is neither a ROI of ImageJ nor a zip of them",
            where=where,
            remedy="save the ROI set from the ROI Manager: More, Save",
        )
    sheet = Sheet(check_size(shape, (None, None), where), where)
    if is_empty:
        return sheet.finished()
    planes: set[tuple[int, int]] = set()
    for name, roi in roi_files(file, data):
        with sheet.reading(name):
            sheet.add(roi_patch(sheet.shape, file, name, roi))
            planes.add(roi_plane(roi))
    if len(planes - {(0, 0)}) > 1:
        raise UnsupportedError(
            f"ROIs were drawn in {len(planes)} planes of a stack",
            where=where,
            remedy="save those of one plane, and give its picture; or take their positions away "
            "in the ROI Manager: More, Remove Positions",
        )
    return sheet.finished()


def _write(pictures: Iterable[AnnotatedPicture], out: Path) -> list[str]:
    """Each picture and, beside it, the zip that Fiji opens with it."""
    remarks = []
    for picture in pictures:
        name = flat_name(picture.name)
        plane = picture.drawn.labels
        file = copied(picture.image, out / name)
        with (out / f"{name}.zip").open("wb") as stream:
            write_fiji(stream, Outlined(file.name, Labels(plane)))
        if picture.drawn.classes:
            remarks.append(f"{picture.name}: ROIs have no place for classes")
    return remarks


FORMAT = AnnotationFormat(
    "fiji",
    "ROIs of ImageJ and Fiji: a zip, or a ROI, for each picture",
    _recognises,
    _entries,
    _write,
)
