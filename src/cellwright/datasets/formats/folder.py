"""Folders of pictures and of label images: our own layout, and StarDist's."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from pathlib import Path

from cellwright.core.errors import InputError
from cellwright.datasets.annotation import (
    AnnotatedPicture,
    AnnotationFormat,
    Drawn,
    Entry,
    Source,
)
from cellwright.datasets.example import files_of
from cellwright.datasets.images_table import TABLE, told_in
from cellwright.datasets.pictures import is_picture
from cellwright.datasets.writing import copied, flat_name, table_text
from cellwright.io.csv_text import unescape
from cellwright.io.label_image import decode_labels, encode_labels

__all__ = ["CLASSES", "FOLDER", "IMAGES", "LABELS", "STARDIST"]

IMAGES, LABELS, MASKS = "images", "labels", "masks"
CLASSES = "classes.csv"
"""Columns ``name``, ``label``, ``class``: one row for each object that has a class; one whose class
is empty has none. The name may be that of a file."""

_SHOWN = 3
"""Names that a message tells."""


def _recognises(path: Path, labels: str) -> bool:
    return (path / IMAGES).is_dir() and (path / labels).is_dir()


def _entries(source: Source, labels: str) -> list[Entry]:
    """A label image for each entry: pictures without one are no part of the dataset."""
    files = files_of(source.path / labels)
    images = {file.stem: file for file in files_of(source.images or source.path / IMAGES)}
    table = source.path / TABLE
    kinds, groups = told_in(table, "kind"), told_in(table, "group")
    classes = _classes_of(_classes(source.path / CLASSES), [file.stem for file in files])
    return [
        Entry(
            file.stem,
            images.get(file.stem),
            partial(_read, file, classes[file.stem]),
            kind=kinds.get(file.stem, ""),
            group=groups.get(file.stem, ""),
        )
        for file in files
    ]


def _read(file: Path, classes: Mapping[int, str], shape: tuple[int, int] | None) -> Drawn:  # noqa: ARG001 - labels have a size of their own, which `check` compares
    labels = decode_labels(file)
    return Drawn(labels.pixels(), labels.axes, classes)


def _classes(path: Path) -> dict[str, dict[int, str]]:
    """From name to label to class."""
    if not path.exists():
        return {}
    found: dict[str, dict[int, str]] = {}
    try:
        for row in csv.DictReader(io.StringIO(path.read_text("utf-8-sig"), newline="")):
            name = unescape(row["name"])
            rows = found.setdefault(name, {})
            if told := unescape(row["class"]).strip():
                _put(rows, int(row["label"]), told, name)
    except (UnicodeDecodeError, csv.Error, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"the table of classes cannot be read ({error})",
            where=str(path),
            remedy="it has the columns name, label and class, separated by commas, in UTF-8",
        ) from error
    return found


def _put(rows: dict[int, str], label: int, told: str, name: str) -> None:
    if rows.setdefault(label, told) != told:
        raise InputError(
            f"object {label} is both {rows[label]!r} and {told!r}",
            where=f"{CLASSES} ({name})",
            remedy="an object has one class: leave one of the rows out",
        )


def _picture_named(name: str, stems: Collection[str]) -> str | None:
    """Which of the pictures a row is of: that of this very name, or of this name as a file's."""
    if name in stems:
        return name
    stem = Path(name).stem
    return stem if is_picture(name) and stem in stems else None


def _classes_of(
    named: Mapping[str, Mapping[int, str]], stems: Collection[str]
) -> dict[str, dict[int, str]]:
    """From each picture to what the rows of its name say."""
    found: dict[str, dict[int, str]] = {stem: {} for stem in stems}
    for name, classes in named.items():
        stem = _picture_named(name, found)
        if stem is not None:
            for label, told in classes.items():
                _put(found[stem], label, told, stem)
    return found


def _doubts(source: Source, labels: str) -> list[tuple[str, str]]:
    """What is there and is not looked at."""
    stems = {file.stem for file in files_of(source.path / labels)}
    images = source.images or source.path / IMAGES
    found = []
    for part, folder in ((IMAGES, images), (labels, source.path / labels)):
        if nested := _nested(folder):
            found.append(
                (part, f"{len(nested)} files in folders within are not read: " + _some(nested))
            )
    if bare := [file.name for file in files_of(images) if file.stem not in stems]:
        found.append((IMAGES, f"{len(bare)} pictures have no labels: {_some(bare)}"))
    classes = _classes(source.path / CLASSES)
    if lost := [name for name in classes if _picture_named(name, stems) is None]:
        rows = sum(len(classes[name]) for name in lost)
        said = f"{rows} rows are of pictures that have no labels here: {_some(map(repr, lost))}"
        found.append((CLASSES, said))
    return found


def _nested(folder: Path) -> list[str]:
    """Pictures that lie deeper than in the folder itself."""
    deeper = (file for file in sorted(folder.glob("*/**/*")) if is_picture(file.name))
    return [file.relative_to(folder).as_posix() for file in deeper]


def _some(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")


def _write(pictures: Iterable[AnnotatedPicture], out: Path, labels: str) -> list[str]:
    classes: list[tuple[str, int, str]] = []
    (out / IMAGES).mkdir()
    (out / labels).mkdir()
    for picture in pictures:
        name, drawn = flat_name(picture.name), picture.drawn
        copied(picture.image, out / IMAGES / name)
        data = encode_labels(drawn.labels, drawn.axes)
        (out / labels / f"{name}.tif").write_bytes(data)
        classes += [(name, label, word) for label, word in sorted(drawn.classes.items())]
    if classes and labels == LABELS:
        (out / CLASSES).write_text(table_text(("name", "label", "class"), classes), "utf-8")
        return []
    return ["this layout has no place for classes"] if classes else []


def _format(name: str, title: str, labels: str) -> AnnotationFormat:
    recognises: Callable[[Path], bool] = partial(_recognises, labels=labels)
    return AnnotationFormat(
        name, title, recognises, partial(_entries, labels=labels), partial(_write, labels=labels),
        axes=("YX", "TYX", "ZYX"), doubts=partial(_doubts, labels=labels),
    )  # fmt: skip


FOLDER = _format("folder", "images/ and labels/, files of the same names in both", LABELS)
STARDIST = _format("stardist", "StarDist: images/ and masks/, files of the same names", MASKS)
