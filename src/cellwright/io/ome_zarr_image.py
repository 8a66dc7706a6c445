"""One image group of an OME-Zarr: its finest level, pixel sizes and channels.

OME-NGFF 0.1 to 0.5 (https://ngff.openmicroscopy.org). What the metadata say is held against
the array; what they do not say (a unit, above all) is not assumed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from cellwright.core.errors import UnreadableError, UnsupportedError
from cellwright.core.image import Image, Source, Spacing
from cellwright.core.units import duration_in_s, length_in_um
from cellwright.io.zarr_array import open_zarr_array
from cellwright.io.zarr_folder import Tree, read_json

__all__ = ["attributes", "broken", "children", "group_images", "is_ome", "objects", "safe_key"]

OME_KEYS = ("multiscales", "plate", "well", "bioformats2raw.layout")
"""The attributes of which one makes a Zarr group an OME-Zarr."""

_ALL_AXES = "tczyx"  # the order of the standard, and of every store before 0.3
_KINDS = {"t": "time", "c": "channel", "z": "space", "y": "space", "x": "space"}
# Lengths that NGFF names (after UDUNITS-2) and that `cellwright.core.units` has no use for.
_LENGTHS = {"picometer": 1e-6, "decimeter": 1e5, "foot": 304800.0, "yard": 914400.0}
_DURATIONS = {
    "picosecond": 1e-12, "nanosecond": 1e-9, "microsecond": 1e-6, "millisecond": 1e-3,
    "centisecond": 1e-2, "decisecond": 1e-1,
}  # fmt: skip
_MOST_SCENES = 10_000  # multiscales in one group
_LONGEST_NAME = 200  # letters of a channel or a scene


@dataclass(frozen=True)
class _Axis:
    """One axis as the metadata have it; without a unit the unit is empty."""

    name: str
    unit: str = ""


def broken(tree: Tree, what: str) -> UnreadableError:
    """Say that the metadata of a store make no sense."""
    return UnreadableError(
        what, where=str(tree.path), remedy="copy the folder again, or write it anew"
    )


def attributes(tree: Tree, key: str) -> dict[str, Any]:
    """The attributes of a group that matter to OME; empty without any.

    In Zarr 3 they stand under ``ome`` (0.5), in Zarr 2 by themselves (up to 0.4).
    """
    prefix = f"{key}/" if key else ""
    whole = read_json(tree, prefix + "zarr.json")
    if whole is not None:
        found = whole.get("attributes")
        found = found if isinstance(found, dict) else {}
        inner = found.get("ome")
        return inner if isinstance(inner, dict) else found
    return read_json(tree, prefix + ".zattrs") or {}


def is_ome(found: dict[str, Any]) -> bool:
    """Whether attributes are those of an OME-Zarr.

    Examples
    --------
    >>> is_ome({"plate": {}}), is_ome({"encoding-type": "anndata"})
    (True, False)
    """
    return any(key in found for key in OME_KEYS)


def objects(tree: Tree, found: object, what: str) -> list[dict[str, Any]]:
    """A list of objects of JSON, or words on what it is instead."""
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise broken(tree, f"its list of {what} is damaged")
    return found


def children(key: str, path: object, tree: Tree) -> str:
    """Key of what lies below a group; a path that leads out of the group is refused."""
    return f"{key}/{safe_key(path, tree)}" if key else safe_key(path, tree)


def safe_key(path: object, tree: Tree) -> str:
    """A relative path as metadata state it, plain parts only; a whole number is a name too."""
    text = str(path) if type(path) is int else path
    if not isinstance(text, str) or not text.strip("/"):
        raise broken(tree, f"its metadata name a path that is none ({path!r:.80})")
    parts = text.rstrip("/").split("/")
    if "\\" in text or "\0" in text or any(part in {"", ".", ".."} for part in parts):
        raise broken(tree, f"its metadata name the path {text!r:.80}, which leads out of it")
    return "/".join(parts)


def group_images(tree: Tree, key: str, source: Source) -> list[Image]:
    """Open the images of one group: one for each of its multiscales.

    Parameters
    ----------
    tree
        The store.
    key
        The group in it; empty for its root.
    source
        What is known of where it comes from. The scene is the name of the multiscales where
        `source` names none.

    Raises
    ------
    UnreadableError
        If metadata are missing, damaged or contradict the array.
    UnsupportedError
        If the array is of a kind that is not read.
    """
    found = attributes(tree, key)
    listed = objects(tree, found.get("multiscales"), "multiscales")
    if not 1 <= len(listed) <= _MOST_SCENES:
        raise broken(tree, f"the group {key!r} lists {len(listed)} images")
    images = []
    for number, multiscale in enumerate(listed):
        image = _image(tree, key, multiscale, found if number == 0 else {})
        name = multiscale.get("name")
        scene = source.scene or (name if isinstance(name, str) else "")
        placed = replace(source, scene=scene[:_LONGEST_NAME], path=str(tree.path))
        folder = tree.place(key)
        images.append(replace(image, source=replace(placed, files=(folder,))))
    return images


def _image(tree: Tree, key: str, multiscale: dict[str, Any], found: dict[str, Any]) -> Image:
    datasets = objects(tree, multiscale.get("datasets"), "levels")
    if not datasets:
        raise broken(tree, f"the image {key!r} lists no level")
    place = children(key, datasets[0].get("path"), tree)
    pixels, missing = open_zarr_array(tree, place)
    count = len(pixels.stored)
    axes = _axes(tree, key, multiscale.get("axes"), count)
    levels = [datasets[0].get("coordinateTransformations")]
    levels.append(multiscale.get("coordinateTransformations"))
    scale = _scale(tree, key, levels, count)
    spacing, interval, notes = _sizes(axes, scale)
    names = "".join(axis.name for axis in axes)
    kept = tuple(
        place
        for place, axis in enumerate(names)
        if axis in "yx" or pixels.stored[place] > 1  # one frame, channel or plane is no axis
    )
    channels, note = _channels(found, pixels.stored[names.index("c")] if "c" in names else 1)
    chunk = tuple(pixels.chunk[place] for place in kept)
    picture = "".join(names[place] for place in kept).upper()
    return Image(
        replace(pixels, kept=kept, chunk=chunk),
        picture,
        spacing=spacing,
        interval=interval if "T" in picture else None,
        channels=channels,
        notes=(*missing, *notes, *note),
    )


def _axes(tree: Tree, key: str, stated: object, count: int) -> list[_Axis]:
    """The axes of an array, in the standard's order t, c, z, y, x."""
    if stated is None:  # 0.1 and 0.2 name none: there are always all five
        if count != len(_ALL_AXES):
            raise broken(tree, f"the image {key!r} names none of its {count} axes")
        return [_Axis(name) for name in _ALL_AXES]
    if not isinstance(stated, list):
        raise broken(tree, f"the axes of the image {key!r} are damaged")
    axes = []
    for one in stated:
        axis = {"name": one} if isinstance(one, str) else one  # 0.3 has names alone
        if not isinstance(axis, dict) or not isinstance(axis.get("name"), str):
            raise broken(tree, f"the axes of the image {key!r} are damaged")
        unit = axis.get("unit")
        axes.append(_Axis(axis["name"].lower(), unit if isinstance(unit, str) else ""))
        kind = axis.get("type")
        if kind is not None and kind != _KINDS.get(axes[-1].name, kind):
            raise broken(
                tree, f"the axis {axes[-1].name!r} of the image {key!r} is of {kind!r:.40}"
            )
    names = [axis.name for axis in axes]
    if unknown := [name for name in names if name not in _KINDS]:
        raise UnsupportedError(
            f"the image {key!r} has the axis {unknown[0]!r:.40}",
            where=str(tree.path),
            remedy="axes that are read: t, c, z, y, x",
        )
    if names != sorted(set(names), key=_ALL_AXES.index) or names[-2:] != ["y", "x"]:
        raise broken(
            tree,
            f"the image {key!r} has the axes {''.join(names)}, not some of tczyx in this order",
        )
    if len(axes) != count:
        raise broken(
            tree, f"the image {key!r} names {len(axes)} axes, its array has {count} dimensions"
        )
    return axes


def _scale(tree: Tree, key: str, levels: Sequence[object], count: int) -> list[float] | None:
    """Steps along each axis, all transformations multiplied; None where none is stated."""
    product: list[float] | None = None
    for stated in levels:
        if stated is None:
            continue
        for one in objects(tree, stated, "transformations"):
            kind = one.get("type")
            if kind in ("translation", "identity"):
                continue
            steps = one.get("scale")
            if kind != "scale" or not isinstance(steps, list):
                raise broken(tree, f"the image {key!r} has a transformation {one!r:.80}")
            if len(steps) != count:
                raise broken(tree, f"the image {key!r} has {len(steps)} scales for {count} axes")
            for step in steps:
                if type(step) not in {int, float} or not 0 < step < math.inf:
                    raise broken(tree, f"the image {key!r} has the scale {step!r:.40}, no length")
            product = [a * b for a, b in zip(product or [1.0] * count, steps, strict=True)]
    if product is not None and not all(0 < step < math.inf for step in product):
        raise broken(tree, f"the image {key!r} has scales that give no length")
    return product


def _sizes(
    axes: Sequence[_Axis], scale: Sequence[float] | None
) -> tuple[Spacing, float | None, list[str]]:
    """Pixel size, interval, and what has to be said where there is no unit."""
    if scale is None:
        return Spacing(), None, []
    spacing: dict[str, float] = {}
    interval = None
    unused: list[str] = []
    for axis, step in zip(axes, scale, strict=True):
        if axis.name == "c":
            continue
        unit = axis.unit.strip()
        if axis.name == "t":
            factor = duration_in_s(unit) or _DURATIONS.get(unit.casefold())
        else:
            factor = length_in_um(unit) or _LENGTHS.get(unit.casefold())
        if factor is None or not 0 < step * factor < math.inf:
            unused.append(f"{step:g} {unit or 'without a unit'} along {axis.name}"[:_LONGEST_NAME])
        elif axis.name == "t":
            interval = step * factor
        else:
            spacing[axis.name] = step * factor
    notes = []
    if unused:
        notes = [f"scales whose unit is not known are not used ({', '.join(unused)})"]
    return Spacing(**spacing), interval, notes


def _channels(found: dict[str, Any], count: int) -> tuple[tuple[str, ...], list[str]]:
    """Names of channels as ``omero`` states them, each once."""
    omero = found.get("omero")
    listed = omero.get("channels") if isinstance(omero, dict) else None
    if not isinstance(listed, list) or not listed:
        return (), []
    names: list[Any] = [one.get("label") if isinstance(one, dict) else None for one in listed]
    if len(names) != count:
        return (), [f"it names {len(names)} channels, but has {count}: the names are not used"]
    if not any(isinstance(name, str) and name.strip() for name in names):
        return (), []
    unique: list[str] = []
    notes = []
    for number, stated in enumerate(names):
        named = isinstance(stated, str) and stated.strip()
        name = stated[:_LONGEST_NAME] if named else str(number)
        times = 1
        given = name
        while given in unique:
            times += 1
            given = f"{name} ({times})"
        if times > 1:
            notes.append(f"several channels are named {name!r}: one is called {given!r} here")
        unique.append(given)
    return tuple(unique), notes
