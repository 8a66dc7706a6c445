"""OME-Zarr: folders (or zips) of images, plates, and series converted from other formats."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from cellwright.core.errors import InputError, UnreadableError
from cellwright.core.image import Image, Source
from cellwright.io.ome import OmeDescription, describe_ome
from cellwright.io.ome_zarr_image import (
    attributes,
    broken,
    children,
    group_images,
    is_ome,
    safe_key,
)
from cellwright.io.ome_zarr_plate import plate_images, plate_title, well_images, well_name
from cellwright.io.reader import Reader
from cellwright.io.zarr_folder import (
    METADATA_FILES,
    MOST_METADATA,
    FolderTree,
    Tree,
    ZipTree,
    is_zarr_folder,
)

__all__ = ["READER", "find_labels"]

_ZIP = b"PK\3\4"
_XML = "OME/METADATA.ome.xml"
_NAMED = 5  # groups that a message proposes


_ZIP_NAMES = (".zarr.zip", ".ozx")
"""Endings of zips that hold a Zarr; only they tell, where metadata are not at the beginning."""


def _recognise(head: bytes, path: Path) -> bool:
    """A folder with OME's attributes, or named as one; a zip that begins or is named so."""
    if head:
        marks = [name.encode() for name in METADATA_FILES]
        begins_so = any(mark in head for mark in marks)
        return head.startswith(_ZIP) and (begins_so or path.name.lower().endswith(_ZIP_NAMES))
    if path.suffix.lower() == ".zarr":
        return True
    if not is_zarr_folder(path):
        return False
    try:
        found = attributes(FolderTree(path), "")
    except InputError:
        return True  # damaged metadata are a failure for all to see
    return is_ome(found) or _well_in_plate(path)


def _open(path: Path) -> list[Image]:
    tree: Tree = FolderTree(path) if path.is_dir() else ZipTree(path).rooted()
    found = attributes(tree, "")
    if "multiscales" in found:
        return group_images(tree, "", _place_in_plate(path))
    if "plate" in found:
        return list(_open_plate(tree, _state(tree)))
    if "well" in found or (path.is_dir() and _well_in_plate(path)):
        return well_images(tree, "", _place_in_plate(path / "0"))
    if "bioformats2raw.layout" in found:
        return _series(tree)
    raise _no_metadata(tree)


def _state(tree: Tree) -> tuple[int, ...]:
    """Changes when the metadata of a plate do."""
    paths = [tree.path / name for name in ("zarr.json", ".zattrs")]
    states = [p.stat() for p in (tree.path, *paths) if p.exists()]
    return tuple(n for state in states for n in (state.st_ino, state.st_size, state.st_mtime_ns))


@lru_cache(maxsize=2)
def _open_plate(tree: Tree, state: tuple[int, ...]) -> tuple[Image, ...]:  # noqa: ARG001
    """Open all fields once: a plate of 3,456 is asked for once for each of them."""
    return tuple(plate_images(tree, "", attributes(tree, "")))


def _no_metadata(tree: Tree) -> UnreadableError:
    folders, files = tree.names("")
    if not set(METADATA_FILES) & set(files):
        what = "this is no OME-Zarr: it has neither zarr.json nor .zattrs"
    elif ".zarray" in files:
        what = "this is an array of Zarr without OME metadata: its axes are not known"
    else:
        what = "this is a Zarr folder without OME metadata (multiscales, plate or series)"
    inside = [name for name in folders if is_ome(attributes(tree, name))][:_NAMED]
    remedy = "give the OME-Zarr itself, or write it again with its metadata"
    if inside:
        remedy = "give one of the images in it: " + ", ".join(inside)
    return UnreadableError(what, where=str(tree.path), remedy=remedy)


def _well_in_plate(path: Path) -> bool:
    """Whether a folder is a well that only its plate describes."""
    return bool(_place_in_plate(path / "0").well)


def _place_in_plate(field: Path) -> Source:
    """Plate, well and field of a folder that lies in a plate; nothing of any other."""
    field = field.absolute()
    top = field.parent.parent.parent
    if not is_zarr_folder(top):
        return Source()
    try:
        plate = attributes(FolderTree(top), "").get("plate")
    except InputError:
        return Source()
    well = f"{field.parent.parent.name}/{field.parent.name}"
    wells = plate.get("wells") if isinstance(plate, dict) else None
    if not isinstance(plate, dict) or not isinstance(wells, list):
        return Source()
    if well not in [one.get("path") for one in wells if isinstance(one, dict)]:
        return Source()
    name = plate.get("name")
    title = name if isinstance(name, str) and name else plate_title(top)
    return Source(plate=title, well=well_name(well), position=field.name)


def _series(tree: Tree) -> list[Image]:
    """Open the series of a store that bioformats2raw wrote, in its order."""
    described = _described(tree)
    listed = attributes(tree, "OME").get("series")
    if isinstance(listed, list):
        paths = [safe_key(path, tree) for path in listed]
    elif described:
        paths = [str(number) for number in range(len(described))]
    else:
        folders = set(tree.names("")[0])
        paths = []
        while str(len(paths)) in folders:
            paths.append(str(len(paths)))
    if not paths:
        raise broken(tree, "it holds no series")
    images = []
    for number, path in enumerate(paths):
        more = described[number] if len(described) == len(paths) else None
        source = Source(scene=more.name if more is not None else "")
        opened = group_images(tree, children("", path, tree), source)
        images += [_completed(image, more) for image in opened]
    return images


def _described(tree: Tree) -> list[OmeDescription]:
    raw = tree.read(_XML, 0, MOST_METADATA + 1)
    if raw is None:
        return []
    if len(raw) > MOST_METADATA:
        raise broken(tree, f"its {_XML} is too long")
    return describe_ome(raw, tree.path)


def _completed(image: Image, more: OmeDescription | None) -> Image:
    """Add from the XML what the image's own metadata do not say."""
    if more is None:
        return image
    notes = image.notes
    spacing, interval, channels = image.spacing, image.interval, image.channels
    if spacing.x is None and spacing.y is None and more.spacing.x is not None:
        spacing = more.spacing
        notes = (*notes, f"its pixel size is that of {_XML}")
    if interval is None and "T" in image.axes:
        interval = more.interval
    unnamed = channels == tuple(str(number) for number in range(len(channels)))
    if unnamed and len(more.channels) == len(channels):
        channels = more.channels
    return replace(image, spacing=spacing, interval=interval, channels=channels, notes=notes)


def find_labels(path: Path) -> Image | None:
    """Find the label image of an OME-Zarr: the group itself, or the one in its ``labels``.

    Parameters
    ----------
    path
        A folder or zip that is an OME-Zarr: a label image, or a picture.

    Returns
    -------
    Image
        Or None, if it is a picture without labels: then the picture may be one itself.

    Raises
    ------
    UnreadableError
        If there are several label images, or the one there is cannot be read.
    """
    tree: Tree = FolderTree(path) if path.is_dir() else ZipTree(path).rooted()
    found = attributes(tree, "")
    if "image-label" in found or ("multiscales" not in found and "labels" not in found):
        return None
    listed = found.get("labels")
    key = ""
    if "multiscales" in found:
        key = "labels"
        listed = attributes(tree, key).get("labels")
    if not isinstance(listed, list) or not listed:
        return None
    names = [safe_key(name, tree) for name in listed]
    if len(names) > 1:
        raise UnreadableError(
            f"it has {len(names)} label images",
            where=str(path),
            remedy="give one of them: " + ", ".join(children(key, n, tree) for n in names[:_NAMED]),
        )
    return group_images(tree, children(key, names[0], tree), Source())[0]


READER = Reader("OME-Zarr", (".zarr", ".ozx"), _recognise, _open, folders=True)
"""OME-Zarr 0.1 to 0.5, in folders and zips."""
