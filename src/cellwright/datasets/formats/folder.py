"""Folders of pictures and of label images: our own layout, and StarDist's."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping
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
from cellwright.datasets.example import files_of, told_in
from cellwright.datasets.writing import copied, flat_name, table_text
from cellwright.io.csv_text import unescape
from cellwright.io.label_image import decode_labels, encode_labels

__all__ = ["CLASSES", "FOLDER", "IMAGES", "LABELS", "STARDIST"]

IMAGES, LABELS, MASKS = "images", "labels", "masks"
CLASSES = "classes.csv"
"""Columns ``name``, ``label``, ``class``: one row for each object that has a class."""


def _recognises(path: Path, labels: str) -> bool:
    return (path / IMAGES).is_dir() and (path / labels).is_dir()


def _entries(source: Source, labels: str) -> list[Entry]:
    """A label image for each entry: pictures without one are no part of the dataset."""
    files = files_of(source.path / labels)
    images = {file.stem: file for file in files_of(source.images or source.path / IMAGES)}
    table = source.path / "images.csv"
    kinds, groups = told_in(table, "kind"), told_in(table, "group")
    classes = _classes(source.path / CLASSES)
    return [
        Entry(
            file.stem,
            images.get(file.stem),
            partial(_read, file, classes.get(file.stem, {})),
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
            found.setdefault(name, {})[int(row["label"])] = unescape(row["class"])
    except (UnicodeDecodeError, csv.Error, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"the table of classes cannot be read ({error})",
            where=str(path),
            remedy="it has the columns name, label and class, separated by commas, in UTF-8",
        ) from error
    return found


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
        axes=("YX", "TYX", "ZYX"),
    )  # fmt: skip


FOLDER = _format("folder", "images/ and labels/, files of the same names in both", LABELS)
STARDIST = _format("stardist", "StarDist: images/ and masks/, files of the same names", MASKS)
