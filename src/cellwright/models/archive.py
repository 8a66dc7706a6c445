"""The zip of a model: read within bounds, and written so that the same content is the same bytes.

Nothing is ever unpacked to disk.
"""

from __future__ import annotations

import hashlib
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from cellwright.core.errors import UnreadableError, UnsupportedError, UsageError

__all__ = ["LARGEST", "read_archive", "write_archive"]

LARGEST = 500_000_000
"""Bytes of a model, as a zip and unpacked: fifty times one of ours."""
_MOST_FILES = 1_000
_ENTRY = b"PK\x01\x02"  # begins each entry of a zip's directory (APPNOTE 4.3.12)
_ENCRYPTED = 1  # bit of an entry's flags
_OLDEST = (1980, 1, 1, 0, 0, 0)
"""The time of every entry: the earliest that a zip can hold."""
_PLAIN_FILE = 0o100644 << 16
_UNIX = 3  # system that wrote the entry: the same on every system, for the same bytes
_OUTSIDE = re.compile(r"^/|\\|:|(?:^|/)\.\.?(?:/|$)|[\x00-\x1f\x7f]|//")
"""Names that mean a place outside of the folder that one unpacks to, on some system."""


def read_archive(path: Path) -> tuple[dict[str, bytes], str]:
    """Read all files of a zip into memory.

    Returns
    -------
    tuple
        The content of each file by its name, and the SHA-256 of the zip in hexadecimal digits.

    Raises
    ------
    UsageError
        If there is no such file.
    UnreadableError
        If it is no zip, damaged, or has names that lead outside or stand twice.
    UnsupportedError
        If it is larger than a model can be, encrypted, or packed in an unusual way.
    """
    if not path.is_file():
        raise UsageError(
            "there is no such model file" if not path.is_dir() else "this is a folder, no model",
            where=str(path),
            remedy="give the name of a model (`cellwright models list`) or the path of its .zip",
        )
    try:
        with path.open("rb") as stream:
            data = stream.read(LARGEST + 1)
    except OSError as error:
        raise UnreadableError(
            f"the model cannot be read ({error.strerror})", where=str(path)
        ) from error
    if len(data) > LARGEST or data.count(_ENTRY) > _MOST_FILES:  # before a list of them is made
        raise _too_large(path)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _unpack(path, archive), hashlib.sha256(data).hexdigest()
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, struct.error,
            RuntimeError, OverflowError) as error:  # fmt: skip
        if isinstance(error, UnreadableError | UnsupportedError):
            raise
        raise UnreadableError(
            f"this is no model file: the zip is damaged ({error})",
            where=str(path),
            remedy="get the model again",
        ) from error


def _unpack(path: Path, archive: zipfile.ZipFile) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    left = LARGEST
    for entry in archive.infolist():
        name = entry.filename
        if _OUTSIDE.search(name):
            raise UnreadableError(
                f"the zip has a file {name!r}, a name that leads outside of it",
                where=str(path),
                remedy="do not unpack this file; get the model from its maker",
            )
        if entry.is_dir():
            continue
        if name in files:
            raise UnreadableError(f"the zip has two files {name!r}", where=str(path))
        if entry.flag_bits & _ENCRYPTED or entry.compress_type not in {
            zipfile.ZIP_STORED,
            zipfile.ZIP_DEFLATED,
        }:
            raise UnsupportedError(
                f"{name!r} in the zip is encrypted, or packed by an unusual method",
                where=str(path),
                remedy="pack the model as an ordinary zip",
            )
        files[name] = _content(path, archive, entry, left)
        left -= len(files[name])
    return files


def _content(path: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, limit: int) -> bytes:
    """Read a file as far as the limit, whatever it claims its size to be."""
    with archive.open(entry) as stream:
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise _too_large(path)
    return data


def _too_large(path: Path) -> UnsupportedError:
    return UnsupportedError(
        f"the file holds more than {LARGEST // 10**6} MB or {_MOST_FILES:,} files: this is no "
        "model",
        where=str(path),
        remedy="give the .zip of one model",
    )


def write_archive(files: Mapping[str, bytes]) -> bytes:
    """Make the bytes of a zip, in the order of `files`.

    Nothing is compressed: weights hardly get smaller, and the result does not depend on the
    version of a compressor.

    Examples
    --------
    >>> write_archive({"a.txt": b"1"}) == write_archive({"a.txt": b"1"})
    True
    """
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, _OLDEST)
            entry.create_system = _UNIX
            entry.external_attr = _PLAIN_FILE
            archive.writestr(entry, content)
    return stream.getvalue()
