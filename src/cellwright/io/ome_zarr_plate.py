"""Plates of OME-Zarr (HCS): each field of each well is a picture."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from cellwright.core.errors import InputError
from cellwright.core.image import Array, Image, Source
from cellwright.io.ome_zarr_image import (
    attributes,
    broken,
    children,
    group_images,
    is_ome,
    objects,
    safe_key,
)
from cellwright.io.zarr_folder import Tree

__all__ = ["Unavailable", "plate_images", "plate_title", "well_images", "well_name"]

_MOST_FIELDS = 200_000  # 1,536 wells with 130 fields each
_NAMED = 5  # fields that a message names, of those that are missing


def plate_images(tree: Tree, key: str, found: dict[str, Any]) -> list[Image]:
    """Open all fields of a plate, in the order of its list of wells.

    Parameters
    ----------
    tree, key
        The store, and the group of the plate in it.
    found
        The attributes of that group.

    Raises
    ------
    UnreadableError
        If the plate lists no well, none of its fields is there or sound. A damaged field among
        others is a picture that fails when it is read.
    """
    plate = found["plate"]
    if not isinstance(plate, dict):
        raise broken(tree, "its description of the plate is damaged")
    name = plate.get("name")
    title = name if isinstance(name, str) and name else plate_title(tree.path)
    opened: list[Image | tuple[Source, InputError]] = []
    missing: list[str] = []
    wells = [
        safe_key(well.get("path"), tree) for well in objects(tree, plate.get("wells"), "wells")
    ]
    for path in wells:
        place = children(key, path, tree)
        fields, absent = _fields(tree, place)
        missing += [f"{path}/{field}" if field else path for field in absent]
        if len(opened) + len(fields) > _MOST_FIELDS:
            raise broken(tree, f"the plate lists more than {_MOST_FIELDS:,} fields")
        source = Source(plate=title, well=well_name(path))
        opened += [_field(tree, place, field, source, path) for field in fields]
    if not opened:
        raise broken(tree, f"the plate lists {len(wells)} wells, but none of their fields is there")
    return _with_missing(_all(opened), missing)


def well_images(tree: Tree, key: str, source: Source) -> list[Image]:
    """Open all fields of one well, which is the group `key`.

    Raises
    ------
    UnreadableError
        If none of its fields is there or sound.
    """
    fields, missing = _fields(tree, key)
    opened = [_field(tree, key, field, source, "") for field in fields]
    if not opened:
        raise broken(tree, "none of the fields of the well is there")
    return _with_missing(_all(opened), missing)


def well_name(path: str) -> str:
    """Name of a well, from its path: row and column as the plate names them.

    Examples
    --------
    >>> well_name("B/03")
    'B03'
    """
    return path.replace("/", "")


def plate_title(path: Path) -> str:
    """Name of a plate that has none, from its folder or file.

    Examples
    --------
    >>> plate_title(Path("data/screen 1.ome.zarr"))
    'screen 1'
    """
    name = path.name
    for ending in (".zip", ".ozx", ".zarr", ".ome"):
        name = name.removesuffix(ending)
    return name


def _fields(tree: Tree, key: str) -> tuple[list[str], list[str]]:
    """Paths of the fields of a well that are there, and of those that are not."""
    well = attributes(tree, key).get("well")
    if well is None:  # some programs write no list: then the folders tell
        below = tree.names(key)[0]
        folders = [f for f in below if is_ome(attributes(tree, children(key, f, tree)))]
        folders.sort(key=lambda f: (not f.isdecimal(), int(f) if f.isdecimal() else 0, f))
        return folders, [] if folders else [""]
    listed = objects(tree, well.get("images") if isinstance(well, dict) else None, "fields")
    paths = [safe_key(one.get("path"), tree) for one in listed]
    there = [path for path in paths if is_ome(attributes(tree, children(key, path, tree)))]
    return there, [path for path in paths if path not in there]


@dataclass(frozen=True)
class Unavailable:
    """Pixels of a field that is damaged, satisfying `cellwright.core.image.LazyArray`.

    So the field fails by itself, with its own message, and the rest of the plate goes on.

    Attributes
    ----------
    shape, dtype
        Those of another field.
    error
        What was wrong when the field was opened.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    error: InputError

    def __getitem__(self, index: tuple[int | slice, ...], /) -> Array:
        """Raise the error."""
        raise self.error


def _field(
    tree: Tree, well: str, field: str, source: Source, path: str
) -> Image | tuple[Source, InputError]:
    """One field; or its place and what is wrong with it."""
    key = children(well, field, tree)
    placed = replace(source, position=field, scene=f"{path}/{field}" if path else field)
    try:
        return group_images(tree, key, placed)[0]
    except InputError as error:
        named = type(error)(f"{key}: {error.what}", where=error.where, remedy=error.remedy)
        return replace(placed, path=str(tree.path), files=(tree.place(key),)), named


def _all(opened: list[Image | tuple[Source, InputError]]) -> list[Image]:
    """Give damaged fields the looks of a sound one; fail if there is none."""
    sound = next((one for one in opened if isinstance(one, Image)), None)
    images = []
    for one in opened:
        if isinstance(one, Image):
            images.append(one)
            continue
        source, error = one
        if sound is None:
            raise error
        pixels = Unavailable(sound.shape, sound.dtype, error)
        images.append(replace(sound, data=pixels, source=source, notes=()))
    return images


def _with_missing(images: list[Image], missing: list[str]) -> list[Image]:
    if not missing:
        return images
    named = ", ".join(missing[:_NAMED]) + (", …" if len(missing) > _NAMED else "")
    note = f"{len(missing)} fields or wells that are listed are not there ({named})"
    return [replace(image, notes=(*image.notes, note)) for image in images]
