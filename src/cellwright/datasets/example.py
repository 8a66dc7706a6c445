"""One annotated picture, and folders of them."""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cellwright.core.errors import InputError, UsageError
from cellwright.core.image import Array
from cellwright.io.label_image import decode_labels
from cellwright.io.open import open_images

__all__ = ["Example", "examples_in", "read_labels", "read_pixels", "with_groups"]

_ENDINGS = (".png", ".tif", ".tiff", ".npy", ".jpg", ".jpeg", ".bmp")


@dataclass(frozen=True)
class Example:
    """A picture and the label image that someone drew for it.

    Attributes
    ----------
    name
        Unique within a dataset: ``set/stem``.
    image, labels
        Files.
    kind
        What sort of picture it is; scores are told by kind, and splits keep the shares.
    group
        Pictures of one group (tiles of one photograph) never lie on two sides of a split.
    """

    name: str
    image: Path
    labels: Path
    kind: str
    group: str


def examples_in(folder: Path) -> list[Example]:
    """Find the annotated pictures of a folder.

    Parameters
    ----------
    folder
        With ``images/`` and ``labels/``, whose files have the same stems, and if wanted
        ``images.csv`` with the columns ``name`` and ``kind``.

    Returns
    -------
    list of Example
        By name; each is a group of its own, and its kind is the folder's name where the table
        tells none.

    Raises
    ------
    UsageError
        If there are no pictures, or a picture has no labels.
    """
    images = folder / "images"
    files = sorted(p for p in images.glob("*") if p.suffix.lower() in _ENDINGS)
    if not files:
        raise UsageError(
            "there are no pictures in images/",
            where=str(folder),
            remedy="give a folder with images/ and labels/, files of the same names in both",
        )
    labels = {p.stem: p for p in sorted((folder / "labels").glob("*"))}
    missing = [p.name for p in files if p.stem not in labels]
    if missing:
        some = ", ".join(missing[:3])
        raise UsageError(
            f"{len(missing)} pictures have no labels: {some}",
            where=str(folder / "labels"),
            remedy="give each picture a label image of the same name, or take it out",
        )
    kinds = _kinds(folder / "images.csv")
    return [
        Example(
            f"{folder.name}/{file.stem}",
            file,
            labels[file.stem],
            kinds.get(file.stem) or folder.name,
            f"{folder.name}/{file.stem}",
        )
        for file in files
    ]


def with_groups(examples: list[Example], groups: dict[str, str]) -> list[Example]:
    """Give examples the groups that were found for their names."""
    return [replace(example, group=groups[example.name]) for example in examples]


def _kinds(table: Path) -> dict[str, str]:
    if not table.exists():
        return {}
    with table.open(encoding="utf-8", newline="") as file:
        return {Path(row["name"]).stem: row.get("kind") or "" for row in csv.DictReader(file)}


def read_pixels(example: Example) -> Array:
    """Read an example's picture.

    Returns
    -------
    Array
        (Y, X) or (Y, X, 3), the file's own type.

    Raises
    ------
    InputError
        If it cannot be read, or is no single plane.
    """
    pictures = open_images(example.image)
    pixels = pictures[0].pixels() if len(pictures) == 1 else np.empty(0)
    if pixels.ndim == 3 and pixels.shape[2] >= 3:
        return pixels[..., :3]
    if pixels.ndim != 2:
        raise InputError("this is not one plane of grey or colour", where=str(example.image))
    return pixels


def read_labels(example: Example) -> Array:
    """Read an example's labels: (Y, X) uint32."""
    return decode_labels(example.labels).pixels()
