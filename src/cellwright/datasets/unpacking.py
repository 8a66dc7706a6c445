"""An archive as a folder: bounded, and nothing leaves it."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from cellwright.core.errors import UnreadableError, UnsupportedError

__all__ = ["unpacked"]

MOST_FILES = 2_000_000
"""Entries of an archive: a PNG for each nucleus of the largest collections."""
LARGEST = 2**38
"""Bytes of all files together, 256 GiB, and never more than is free on the disk."""
_PIECE = 2**20
_MAC = "__MACOSX"


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """Unpack a zip into a folder that is taken away afterwards; a folder is given as it is.

    What a Mac puts beside each file is left out. Entries are files and folders only.

    Raises
    ------
    UnreadableError
        If the archive is damaged.
    UnsupportedError
        If it is encrypted, holds more than can be meant or than the disk has room for, or a
        name that leads out of its folder.
    """
    if path.is_dir():
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="cellwright-") as folder:
        _unpack(path, Path(folder))
        yield Path(folder)


def _unpack(path: Path, folder: Path) -> None:
    left = min(LARGEST, int(shutil.disk_usage(folder).free * 0.9))
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not _is_beside(entry.filename)]
            if len(entries) > MOST_FILES:
                raise _too_much(path, f"more than {MOST_FILES:,} files")
            for entry in entries:
                place = folder / _inner(path, entry)
                if entry.is_dir():
                    place.mkdir(parents=True, exist_ok=True)
                    continue
                place.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(entry) as stream, place.open("xb") as file:
                    while piece := stream.read(_PIECE):
                        left -= len(piece)
                        if left < 0:
                            raise _too_much(path, "more than there is room for")
                        file.write(piece)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError,
            FileExistsError, NotADirectoryError, IsADirectoryError) as error:  # fmt: skip
        raise UnreadableError(
            f"the archive cannot be unpacked ({error})",
            where=str(path),
            remedy="unpack it with another program, and give the folder",
        ) from error


def _is_beside(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return _MAC in parts or bool(parts and parts[-1].startswith("._"))


def _inner(path: Path, entry: zipfile.ZipInfo) -> PurePosixPath:
    name = PurePosixPath(entry.filename.replace("\\", "/"))
    if name.is_absolute() or ".." in name.parts or ":" in entry.filename or not name.parts:
        raise UnsupportedError(
            f"the archive names a file outside of itself ({entry.filename!r})",
            where=str(path),
            remedy="do not trust it; unpack it with another program if you must",
        )
    return name


def _too_much(path: Path, what: str) -> UnsupportedError:
    return UnsupportedError(
        f"the archive holds {what}", where=str(path), remedy="unpack it, and give the folder"
    )
