"""The door for file formats: how a file is recognised and opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cellwright.core.image import Image

__all__ = ["OpenImages", "Reader", "Recognise"]


class Recognise(Protocol):
    """Whether the first bytes of a file are of this format."""

    def __call__(self, head: bytes, path: Path) -> bool:
        """Say so of the first 4,096 bytes; `path` is for formats that need a look beside it.

        Of a folder, `head` is empty.
        """
        ...


class OpenImages(Protocol):
    """Open a file: one Image for each scene, in the file's order, lazy where large.

    Sizes that the header claims are checked against the length of the file before anything
    is allocated. Raises UnreadableError or UnsupportedError, never another error of its
    library.
    """

    def __call__(self, path: Path) -> list[Image]:
        """Open the file, or the folder, at `path`."""
        ...


@dataclass(frozen=True)
class Reader:
    """A file format that can be read.

    A reader is found by the entry point group ``cellwright.readers``. See the how-to "Add a
    reader".

    Attributes
    ----------
    name
        Of the format, for listings and messages.
    extensions
        Lower case with the dot. They never decide how a file is read; a file with one of
        them whose content nobody knows is a failure, one without is skipped.
    recognise
        Called with the first 4,096 bytes; of a folder, with none.
    open
        Called with the path.
    requires
        The extra to install where the library is missing, as ``cellwright[formats]``.
    folders
        Whether a folder may be a picture of this format, as of OME-Zarr. Only then is
        `recognise` called with folders. What lies in such a folder is no input of its own.
    """

    name: str
    extensions: tuple[str, ...]
    recognise: Recognise
    open: OpenImages
    requires: str = ""
    folders: bool = False
