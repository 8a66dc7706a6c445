"""What lies in a Zarr store, a folder or a zip: its files, read with care.

Nothing here knows what the files mean. A link that leads out of the folder is never followed,
a file that is no plain file is never opened, and an entry of a zip is never larger than it
says.
"""

from __future__ import annotations

import json
import os
import stat
import struct
import zipfile
import zlib
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from cellwright.core.errors import InputError, UnreadableError

__all__ = ["FolderTree", "Tree", "ZipTree", "is_zarr_folder", "read_json"]

METADATA_FILES = ("zarr.json", ".zattrs", ".zgroup", ".zarray")
"""The files of which at least one makes a folder a Zarr folder (Zarr 3 and 2)."""

MOST_METADATA = 64 * 2**20
"""Bytes of one metadata file; that of a plate of 1,536 wells takes 0.2 MB."""

MOST_CHUNK_BYTES = 2**30
"""Bytes of one chunk, decoded: larger ones are no use to anybody who reads a part."""

_SLACK = 2**16  # bytes by which a compressed chunk may be longer than the decoded one
_STORED, _DEFLATED = 0, 8  # the two compressions of zip that are read (APPNOTE 4.4.5)
_LOCAL_HEADER = 30  # bytes before the name (APPNOTE 4.3.7)


class Tree(Protocol):
    """Files under POSIX keys, as a Zarr store has them; it can be sent to workers."""

    def __hash__(self) -> int: ...

    @property
    def path(self) -> Path:
        """The folder, or the file that holds all."""
        ...

    def read(self, key: str, start: int = 0, length: int | None = None) -> bytes | None:
        """Bytes of a file from `start` on (from its end where negative); None without it."""
        ...

    def names(self, key: str) -> tuple[list[str], list[str]]:
        """Names of the folders and of the files in the folder `key`, sorted."""
        ...

    def place(self, key: str) -> str:
        """Path of `key` for people and for hashing: of a zip, the zip itself."""
        ...


def is_zarr_folder(folder: Path) -> bool:
    """Whether a folder is part of a Zarr store.

    Examples
    --------
    >>> is_zarr_folder(Path("/nowhere"))
    False
    """
    return any((folder / name).is_file() for name in METADATA_FILES)


def _is_below(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip(os.sep) + os.sep)


def read_json(tree: Tree, key: str) -> dict[str, Any] | None:
    """Read a metadata file; None where there is none.

    Raises
    ------
    UnreadableError
        If it is too long, or no object of JSON.
    """
    raw = tree.read(key, 0, MOST_METADATA + 1)
    if raw is None:
        return None
    what = ""
    try:
        found = json.loads(raw) if len(raw) <= MOST_METADATA else None
    except (ValueError, RecursionError) as error:
        found, what = None, f" ({error})"
    if isinstance(found, dict):
        return found
    raise UnreadableError(
        f"its metadata {key} are damaged{what}",
        where=str(tree.path),
        remedy="copy or export the folder again",
    )


@dataclass(frozen=True)
class FolderTree:
    """A store that is a folder.

    Attributes
    ----------
    path
        The folder.
    """

    path: Path

    _inside: set[str] = field(default_factory=set, compare=False, repr=False)

    def __reduce__(self) -> tuple[type[FolderTree], tuple[Path]]:
        """Send the path alone to workers."""
        return FolderTree, (self.path,)

    def place(self, key: str) -> str:
        """Path of a group or array."""
        return f"{self.path}/{key}" if key else str(self.path)

    def _checked(self, key: str) -> tuple[str, os.stat_result] | None:
        """Path and status of what is there and lies below the folder."""
        path = self.place(key)
        try:
            if not self._is_inside(key):
                raise self._outside(key, "a link that leads out of the folder, or nowhere")
            return path, os.stat(path)  # noqa: PTH116 (once a chunk: Path is slow)
        except (FileNotFoundError, NotADirectoryError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            return None
        except OSError as error:
            raise self._outside(key, f"not readable ({error.strerror})") from error

    def _is_inside(self, key: str) -> bool:
        """Whether `key` is below the folder, wherever links in it lead; folders once."""
        if not key or key in self._inside:
            return True
        above, _, _ = key.rpartition("/")
        if not self._is_inside(above):
            return False
        self._inside.add(above)
        path = self.place(key)
        if not stat.S_ISLNK(os.lstat(path).st_mode):
            return True
        root = os.path.realpath(self.path)
        return os.path.exists(path) and _is_below(os.path.realpath(path), root)  # noqa: PTH110

    def _outside(self, key: str, what: str) -> UnreadableError:
        return UnreadableError(
            f"in it, {key} is {what}",
            where=str(self.path),
            remedy="copy the folder with the files that its links stand for",
        )

    def read(self, key: str, start: int = 0, length: int | None = None) -> bytes | None:
        """Bytes of a plain file."""
        checked = self._checked(key)
        if checked is None or not stat.S_ISREG(checked[1].st_mode):
            return None
        path, status = checked
        try:
            with open(path, "rb") as file:  # noqa: PTH123 (once a chunk: Path is slow)
                file.seek(start if start >= 0 else max(0, status.st_size + start))
                return file.read(-1 if length is None else length)
        except OSError as error:
            raise self._outside(key, f"not readable ({error.strerror})") from error

    def size(self, key: str) -> int:
        """Bytes of a file; 0 without it."""
        checked = self._checked(key)
        return checked[1].st_size if checked is not None else 0

    def names(self, key: str) -> tuple[list[str], list[str]]:
        """Folders and files, links among them as what they lead to."""
        checked = self._checked(key) if key else (str(self.path), None)
        folders: list[str] = []
        files: list[str] = []
        if checked is None:
            return folders, files
        try:
            with os.scandir(checked[0]) as listing:
                for entry in listing:
                    (folders if entry.is_dir() else files).append(entry.name)
        except OSError:
            return [], []
        return sorted(folders), sorted(files)


@dataclass(frozen=True)
class _Entry:
    """Where a file of a zip stands, its compression, both of its sizes, and its checksum."""

    offset: int
    method: int
    stored: int
    size: int
    crc: int


@dataclass(frozen=True)
class ZipTree:
    """A store that is a zip (``.ome.zarr.zip``, ``.ozx``).

    Attributes
    ----------
    path
        The zip.
    root
        Folder in it that is the store, with a slash after it; empty for all of it.
    """

    path: Path
    root: str = ""

    def place(self, key: str) -> str:  # noqa: ARG002
        """Path of the zip."""
        return str(self.path)

    def _entries(self) -> dict[str, _Entry]:
        try:
            status = self.path.stat()
            return _zip_entries(str(self.path), status.st_size, status.st_mtime_ns)
        except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError, struct.error) as e:
            if isinstance(e, InputError):
                raise
            raise self._broken(f"the zip is damaged ({e})") from e

    def _broken(self, what: str) -> UnreadableError:
        return UnreadableError(what, where=str(self.path), remedy="copy or export it again")

    def read(self, key: str, start: int = 0, length: int | None = None) -> bytes | None:
        """Bytes of a file, unpacked and held against its checksum."""
        entry = self._entries().get(self.root + key)
        if entry is None:
            return None
        most = MOST_CHUNK_BYTES + _SLACK
        if entry.size > most or entry.stored > most or entry.method not in {_STORED, _DEFLATED}:
            raise self._broken(f"in it, {key} is too large, or packed in an unknown way")
        try:
            with self.path.open("rb") as file:
                file.seek(entry.offset)
                header = file.read(_LOCAL_HEADER)
                if len(header) < _LOCAL_HEADER or not header.startswith(b"PK\3\4"):
                    raise self._broken(f"the zip is damaged at {key}")
                file.seek(sum(struct.unpack_from("<HH", header, 26)), os.SEEK_CUR)
                raw = file.read(entry.stored)
            if entry.method == _DEFLATED:
                raw = zlib.decompressobj(-zlib.MAX_WBITS).decompress(raw, entry.size + 1)
        except (OSError, zlib.error) as error:
            if isinstance(error, InputError):
                raise
            raise self._broken(f"the zip is damaged at {key} ({error})") from error
        if len(raw) != entry.size or zlib.crc32(raw) != entry.crc:
            raise self._broken(f"the zip is damaged at {key}")
        begin = start if start >= 0 else max(0, len(raw) + start)
        return raw[begin : None if length is None else begin + length]

    def names(self, key: str) -> tuple[list[str], list[str]]:
        """Folders and files in a folder of the zip."""
        prefix = self.root + (f"{key}/" if key else "")
        folders: set[str] = set()
        files: set[str] = set()
        for name in self._entries():
            if name.startswith(prefix) and len(name) > len(prefix):
                first, slash, _ = name[len(prefix) :].partition("/")
                (folders if slash else files).add(first)
        return sorted(folders), sorted(files)

    def rooted(self) -> ZipTree:
        """The same, with its one folder as root where the store lies in one."""
        folders, files = self.names("")
        if not set(METADATA_FILES) & set(files) and len(folders) == 1:
            return ZipTree(self.path, folders[0] + "/")
        return self


@lru_cache(maxsize=8)
def _zip_entries(path: str, size: int, changed: int) -> dict[str, _Entry]:  # noqa: ARG001
    with zipfile.ZipFile(path) as archive:
        return {
            info.filename: _Entry(
                info.header_offset, info.compress_type, info.compress_size, info.file_size, info.CRC
            )
            for info in archive.infolist()
            if not info.flag_bits & 1  # encrypted
        }
