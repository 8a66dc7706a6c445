"""One annotated picture, and folders of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cellwright.core.errors import InputError, UsageError
from cellwright.core.image import Array
from cellwright.datasets.images_table import TABLE, told_in
from cellwright.io.label_image import decode_labels
from cellwright.io.open import open_images

__all__ = [
    "Example", "examples_in", "files_of", "picture_pixels", "read_labels", "read_pixels",
    "read_region", "with_groups",
]  # fmt: skip

_ENDINGS = (".png", ".tif", ".tiff", ".npy", ".jpg", ".jpeg", ".bmp")
"""Of pictures and label images; other files of the folders (notes, thumbnails' databases) are
passed over."""

_NAMED = 3
"""Files that a message names; of more it tells the number."""

_COLOURS = 3
"""Samples of colour that are kept of a picture: a fourth is its opacity."""


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
    region
        File of the part in which every object was drawn, 0 elsewhere; None if that is all of it.
    """

    name: str
    image: Path
    labels: Path
    kind: str
    group: str
    region: Path | None = None


def examples_in(folder: Path) -> list[Example]:
    """Find the annotated pictures of a folder.

    Parameters
    ----------
    folder
        With ``images/`` and ``labels/``, whose files have the same stems, and if wanted
        ``images.csv`` with the columns ``name``, ``kind`` and ``group``, and ``roi/`` with masks
        of the parts in which all objects are drawn.

    Returns
    -------
    list of Example
        By name; where the table tells nothing, each is a group of its own, and its kind is the
        folder's name.

    Raises
    ------
    UsageError
        If there are no pictures, a picture has no labels, or two have the same stem.
    InputError
        If the table cannot be read.
    """
    files = files_of(folder / "images")
    if not files:
        raise UsageError(
            "there are no pictures in images/",
            where=str(folder),
            remedy="give a folder with images/ and labels/, files of the same names in both",
        )
    labels = {file.stem: file for file in files_of(folder / "labels")}
    missing = [file.name for file in files if file.stem not in labels]
    if missing:
        verb = "pictures have" if len(missing) > 1 else "picture has"
        raise UsageError(
            f"{len(missing)} {verb} no labels: {_some(missing)}",
            where=str(folder / "labels"),
            remedy="give each picture a label image of the same name, or take it out",
        )
    regions = {file.stem: file for file in files_of(folder / "roi")}
    kinds, groups = (told_in(folder / TABLE, column) for column in ("kind", "group"))
    return [
        Example(
            name=f"{folder.name}/{file.stem}",
            image=file,
            labels=labels[file.stem],
            kind=kinds.get(file.stem) or folder.name,
            group=f"{folder.name}/{groups.get(file.stem) or file.stem}",
            region=regions.get(file.stem),
        )
        for file in files
    ]


def files_of(folder: Path) -> list[Path]:
    """Pictures of a folder by name, no two of one stem."""
    files = sorted(file for file in folder.glob("*") if file.suffix.lower() in _ENDINGS)
    twice = [stem for stem, count in Counter(file.stem for file in files).items() if count > 1]
    if twice:
        raise UsageError(
            f"several files are called the same but for their ending: {_some(twice)}",
            where=str(folder),
            remedy="keep one of each: pictures and labels find each other by these names",
        )
    return files


def _some(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")


def with_groups(examples: Iterable[Example], groups: Mapping[str, str]) -> list[Example]:
    """Give examples the groups that were found for their names.

    Examples
    --------
    >>> tile = Example("set/b", Path("b.png"), Path("b.tif"), "kind", "set/b")
    >>> with_groups([tile], {"set/b": "set/a"})[0].group
    'set/a'
    """
    return [replace(example, group=groups[example.name]) for example in examples]


def read_pixels(example: Example) -> Array:
    """Read an example's picture; see `picture_pixels`."""
    return picture_pixels(example.image)


def picture_pixels(image: Path) -> Array:
    """Read the file of a picture.

    Returns
    -------
    Array
        (Y, X) or (Y, X, 3), the file's own type.

    Raises
    ------
    InputError
        If it cannot be read, or is not one plane of grey or colour.
    """
    pictures = open_images(image)
    axes = pictures[0].axes if len(pictures) == 1 else f"{len(pictures)} pictures"
    if axes == "YX":
        return pictures[0].pixels()
    if axes == "YXS" and pictures[0].shape[2] >= _COLOURS:
        return pictures[0].pixels()[..., :_COLOURS]
    raise InputError(
        f"this is not one plane of grey or of three colours, but {axes}",
        where=str(image),
        remedy="save one plane of it",
    )


def read_region(example: Example) -> npt.NDArray[np.bool_] | None:
    """Read the part of an example in which every object was drawn: (Y, X) bool, or None for all.

    Raises
    ------
    InputError
        If it cannot be read, or is not one plane.
    """
    if example.region is None:
        return None
    mask = _plane(example.region)
    found: npt.NDArray[np.bool_] = mask > 0
    return found


def read_labels(example: Example) -> Array:
    """Read an example's labels.

    Returns
    -------
    Array
        (Y, X) uint32; 0 is background.

    Raises
    ------
    InputError
        If they cannot be read, or are not one plane.
    """
    return _plane(example.labels)


def _plane(file: Path) -> Array:
    labels = decode_labels(file)
    if labels.axes != "YX":
        raise InputError(
            f"these labels have the axes {labels.axes}, not those of one plane",
            where=str(file),
            remedy="save one plane of them",
        )
    return labels.pixels()
