"""Pictures and labels of a finished run, read again: the very ones that were analysed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cellwright.core.errors import InputError, UsageError
from cellwright.core.image import Array, Image, LazyArray
from cellwright.engine.keys import file_digest, key_of
from cellwright.io.file_set import open_set
from cellwright.io.inputs import Found
from cellwright.io.label_image import decode_labels
from cellwright.io.open import read
from cellwright.pipeline.choice import COLOUR, number_of_channel
from cellwright.pipeline.corrections import ZARR
from cellwright.pipeline.large_plane import LargePlane, OneFrame, large_planes, main_plane
from cellwright.pipeline.planes import read_planes

__all__ = ["entries_of", "labels_of_frame", "open_again", "other_labels", "plane_of_frame"]


def entries_of(record: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """What ``run.json`` says of each picture, by its identity."""
    return {str(entry["image"]): entry for entry in record["inputs"]}


def open_again(entry: Mapping[str, Any], pictures: Mapping[str, Found]) -> Image:
    """Open a picture of a run.

    Parameters
    ----------
    entry
        What the run says of it.
    pictures
        Those that there are. Where none has the picture's own name, it is looked for in folders
        below: several runs may have theirs side by side.

    Raises
    ------
    UsageError
        If it is not there, or is another one than was analysed.
    InputError
        If it cannot be read.
    """
    name = str(entry["image"])
    found = list(_called(name, pictures))
    if not found:
        raise UsageError(
            "the picture is not among those of --images",
            where=name,
            remedy="give the folder that was analysed, with the same names in it",
        )
    for one in found:
        image = _opened(one, name.partition("::")[2])
        files = sorted(set(image.source.files)) or [str(one.path)]
        hashes = [file_digest(Path(file)) for file in files]
        if entry["sha256"] == (hashes[0] if len(hashes) == 1 else key_of(files=hashes)):
            return image
    raise UsageError(
        "this is not the picture that was analysed",
        where=name,
        remedy="give the pictures of the run, or analyse these",
    )


def _called(name: str, pictures: Mapping[str, Found]) -> Iterator[Found]:
    """Pictures of this name, or of the file that it is a scene of."""
    file = name.partition("::")[0]
    own = pictures.get(name) or pictures.get(file)
    if own is not None:
        yield own
        return
    for known, found in pictures.items():
        if known.endswith((f"/{name}", f"/{file}")):
            yield found


def _opened(found: Found, scene: str) -> Image:
    if found.files is not None:
        return open_set(found.files)
    scene = scene or found.scene
    return read(f"{found.path}::{scene}" if scene else found.path)


def plane_of_frame(
    image: Image, entry: Mapping[str, Any], frame: int, channel: str | None = None
) -> Array | LargePlane:
    """One channel of a frame, projected as it was when the run was made.

    Parameters
    ----------
    image
        Of `open_again`.
    entry
        What the run says of it.
    frame
        From 0 on.
    channel
        Name or number; None for the one in which cells were found.

    Returns
    -------
    Array or LargePlane
        (Y, X), or (Y, X, S) in colour; read in windows where the labels are an OME-Zarr.

    Raises
    ------
    InputError
        If the labels are of a stack, or there is no such channel.
    """
    project = str(entry.get("project") or "max")
    if project == "none" and image.size("Z") > 1:
        raise _of_a_stack(entry)
    names = list(image.channels)
    number = names.index(entry["channel"]) if entry["channel"] in names else COLOUR
    wanted = None if channel == entry["channel"] else channel
    if str(entry["labels"]).endswith(ZARR):
        large = large_planes(image, frame, project)
        return main_plane(large, number if wanted is None else _number(list(large), wanted, entry))
    planes = read_planes(image, frame, project)
    if wanted is not None:
        return planes.main(_number(list(planes.channels), wanted, entry))
    return planes.main(COLOUR if planes.whole is not None else max(number, 0))


def _number(names: list[str], channel: str, entry: Mapping[str, Any]) -> int:
    number = number_of_channel(names, channel)
    if number is None:
        raise InputError(
            f"there is no channel {channel!r}",
            where=str(entry["image"]),
            remedy=f"it has {', '.join(names)}",
        )
    return number


def labels_of_frame(
    run: Path, entry: Mapping[str, Any], frame: int, kind: str = ""
) -> Array | LazyArray:
    """Labels (Y, X) of a frame, of the objects that the run counts or of another kind.

    Raises
    ------
    InputError
        If the labels are of a stack, or cannot be read.
    """
    path = str(entry["labels"])
    if kind and kind != entry.get("object"):
        path = path.replace("labels/", f"labels/{kind}/", 1)
    labels = decode_labels(run / path)
    if "Z" in labels.axes:
        raise _of_a_stack(entry)
    if "T" in labels.axes:
        return OneFrame(labels.data, frame)
    return labels.data


def _of_a_stack(entry: Mapping[str, Any]) -> InputError:
    return InputError(
        "planes are looked at, and these labels are of a stack", where=str(entry["image"])
    )


def other_labels(image: str) -> UsageError:
    """Make the error for labels in which a cell is missing that was measured."""
    return UsageError(
        "the labels are not those that were measured",
        where=image,
        remedy="take up what was edited: run analyze again, with the same options",
    )
