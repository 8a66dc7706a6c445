"""The one door to pictures: the content decides which reader opens a file, never its name."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from functools import cache
from pathlib import Path

from cellwright.core import registry
from cellwright.core.errors import (
    InputError,
    NotAPictureError,
    UnreadableError,
    UnsupportedError,
    UsageError,
)
from cellwright.core.image import Image
from cellwright.io.foreign import foreign_format
from cellwright.io.reader import Reader

__all__ = [
    "HEAD",
    "folder_reader",
    "known_extensions",
    "open_images",
    "read",
    "readers",
    "recognise",
    "split_scene",
]

HEAD = 4096
"""How many bytes of a file decide what it is."""


@cache
def readers() -> dict[str, Reader]:
    """All readers that are installed, ours first.

    Examples
    --------
    >>> "tiff" in readers()
    True
    """
    return registry.load_all("cellwright.readers")


@cache
def known_extensions() -> frozenset[str]:
    """Extensions of all readers, in lower case with the dot.

    Examples
    --------
    >>> ".png" in known_extensions()
    True
    """
    return frozenset(ending for reader in readers().values() for ending in reader.extensions)


def reader_of(head: bytes, path: Path) -> Reader | None:
    """Find the reader that knows the first bytes of a file, or None."""
    for reader in readers().values():
        if reader.recognise(head, path):
            return reader
    return None


def folder_reader(folder: Path) -> Reader | None:
    """Find the reader to which a folder is one input, or None: then its files are."""
    for reader in readers().values():
        if reader.folders and reader.recognise(b"", folder):
            return reader
    return None


def recognise(path: Path | str) -> Reader | None:
    """Find the reader for a file by its first 4,096 bytes, or None if nobody knows them.

    A folder is known if it is a picture as a whole, as an OME-Zarr is.

    Raises
    ------
    OSError
        If the file cannot be read. What is no plain file is not opened, and not known.
    """
    path = Path(path)
    if path.is_dir():
        return folder_reader(path)
    if not path.is_file():
        return None
    return reader_of(_head(path), path)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD)


def open_images(path: Path | str) -> list[Image]:
    """Open a file: one Image for each of its scenes, with pixels read when they are needed.

    Parameters
    ----------
    path
        A file of any format that a reader knows, or a folder that is an OME-Zarr.

    Returns
    -------
    list of Image
        In the file's order. ``source.path`` is the file; ``source.scene`` is the scene's name
        (its number from 0 where names are missing or repeated), empty where there is one that
        is no field of a plate.

    Raises
    ------
    NotAPictureError
        If no reader knows the content, saying what it may be.
    UnreadableError
        If the file is missing, forbidden, empty, cut short or damaged.
    UnsupportedError
        If it is sound, but asks for what no reader does.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "picture.npy")
    ...     np.save(path, np.zeros((4, 5), dtype=np.uint16))
    ...     [image] = open_images(path)
    ...     image.axes, image.shape
    ('YX', (4, 5))
    """
    path = Path(path)
    reader = folder_reader(path) if os.path.isdir(path) else None  # noqa: PTH112 (never raises)
    if reader is None:
        head = _checked_head(path)
        reader = reader_of(head, path)
        if reader is None:
            raise _unknown(path, head)
    try:
        images = reader.open(path)
    except OSError as error:
        if isinstance(error, InputError):
            raise
        raise _unreadable(path, error) from error
    return _named(path, images)


def read(path: Path | str) -> Image:
    """Open the one picture of a file, or the scene that ``file::scene`` names.

    Raises
    ------
    UsageError
        If the file has several scenes and none is named, or none of this name.
    InputError
        As `open_images` does.
    """
    file, wanted = split_scene(path)
    images = open_images(file)
    names = [image.source.scene for image in images]
    if not wanted and len(images) == 1:
        return images[0]
    if wanted in names:
        return images[names.index(wanted)]
    if wanted.isdecimal() and int(wanted) < len(images):
        return images[int(wanted)]
    raise UsageError(
        f"there is no scene {wanted!r}" if wanted else "the file has several scenes",
        where=str(file),
        remedy=f"choose one of {', '.join(names)}, as {Path(file).name}::{names[0] or 0}",
    )


def split_scene(path: Path | str) -> tuple[Path, str]:
    """Take ``file::scene`` apart; a file that has ``::`` in its own name stays whole.

    Examples
    --------
    >>> split_scene("a folder/plate.tif::2")
    (PosixPath('a folder/plate.tif'), '2')
    """
    text = os.fspath(path)
    if "::" not in text or Path(text).exists():
        return Path(text), ""
    file, _, scene = text.rpartition("::")
    return Path(file), scene


def _checked_head(path: Path) -> bytes:
    """First bytes of a plain file that is there, may be read, and is not empty."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise UnsupportedError(
                "this is a folder, not a picture (nor an OME-Zarr)",
                where=str(path),
                remedy="give the pictures in it, or analyze the folder",
            )
        if not stat.S_ISREG(status.st_mode):
            raise UnsupportedError(
                "this is no plain file (a pipe, a socket or a device)",
                where=str(path),
                remedy="write the picture into a file first",
            )
        if status.st_size == 0:
            raise UnreadableError(
                "the file is empty (0 bytes)", where=str(path), remedy="copy or export it again"
            )
        return _head(path)
    except OSError as error:
        if isinstance(error, InputError):
            raise
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> UnreadableError:
    if isinstance(error, FileNotFoundError):
        what = "a link that leads nowhere" if path.is_symlink() else "there is no such file"
        return UnreadableError(what, where=str(path), remedy="look at the name and the folder")
    if isinstance(error, PermissionError):
        return UnreadableError(
            "there is no permission to read the file",
            where=str(path),
            remedy="change its permissions, or copy it to where it may be read",
        )
    return UnreadableError(
        f"the file cannot be read ({error.strerror or error})",
        where=str(path),
        remedy="copy it to another disk and try again",
    )


def _unknown(path: Path, head: bytes) -> InputError:
    name = foreign_format(head)
    formats = ", ".join(reader.name for reader in readers().values())
    if name:
        return UnsupportedError(
            f"this is {name}, which this version does not read",
            where=str(path),
            remedy=f"export it as OME-TIFF (formats that are read: {formats})",
        )
    content = "text" if _is_text(head) else "of no format that is known"
    named = path.suffix.lower() in known_extensions()
    return NotAPictureError(
        f"no picture, although it is named {path.suffix}: its content is {content}"
        if named
        else f"no picture: its content is {content}",
        where=str(path),
        remedy=f"formats that are read: {formats}",
    )


def _is_text(head: bytes) -> bool:
    try:
        text = head[:-4].decode("utf-8") if len(head) == HEAD else head.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return all(letter.isprintable() or letter in "\r\n\t\f" for letter in text)


def _named(path: Path, images: list[Image]) -> list[Image]:
    """Give every scene a name of its own."""
    names = [image.source.scene for image in images]
    if len(images) == 1:
        names = names if images[0].source.well else [""]
    elif "" in names or len(set(names)) < len(names):
        names = [str(number) for number in range(len(images))]
    return [
        replace(image, source=replace(image.source, path=str(path), scene=name))
        for image, name in zip(images, names, strict=True)
    ]
