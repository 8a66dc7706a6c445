"""Keys of steps: the hash of everything that a result depends on."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from cellwright.core.image import Array

__all__ = ["array_hash", "bytes_hash", "file_digest", "key_of", "plain_files", "streamed_hash"]

_CHUNK = 1 << 20


def key_of(**parts: Any) -> str:
    """Hash named parts (plain numbers, text, lists, dictionaries), whatever their order.

    Examples
    --------
    >>> key_of(a=1, b=[2.5, "x"]) == key_of(b=[2.5, "x"], a=1)
    True
    """
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return bytes_hash(text.encode("ascii"))


def bytes_hash(data: bytes) -> str:
    """SHA-256 of some bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def array_hash(array: Array) -> str:
    """SHA-256 of an array's type, shape and values; byte order does not matter.

    Examples
    --------
    >>> big = np.arange(4, dtype=">u2")
    >>> array_hash(big) == array_hash(big.astype("<u2"))
    True
    """
    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    digest = hashlib.sha256(f"{little.dtype.str}{little.shape}".encode("ascii"))
    digest.update(little.data)
    return digest.hexdigest()


def streamed_hash(dtype: np.dtype[Any], shape: tuple[int, ...], pieces: Iterable[Array]) -> str:
    """Give what `array_hash` gives, of an array that comes in pieces, whole rows at a time.

    Examples
    --------
    >>> whole = np.arange(6).reshape(3, 2)
    >>> streamed_hash(whole.dtype, whole.shape, [whole[:1], whole[1:]]) == array_hash(whole)
    True
    """
    little = dtype.newbyteorder("<")
    digest = hashlib.sha256(f"{little.str}{shape}".encode("ascii"))
    for piece in pieces:
        digest.update(np.ascontiguousarray(piece, dtype=little).data)
    return digest.hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file, read in pieces; of a folder that of the names and contents in it."""
    digest = hashlib.sha256()
    if path.is_dir():
        for file in plain_files(path):
            digest.update(f"{file.relative_to(path).as_posix()}\0".encode(errors="surrogateescape"))
            digest.update(bytes.fromhex(file_digest(file)))
        return digest.hexdigest()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def plain_files(folder: Path) -> Iterator[Path]:
    """Give all plain files in a folder and those in it, by name.

    A link to a folder is not followed, nor one to a file outside.

    Examples
    --------
    >>> next(plain_files(Path("nowhere")), "none")
    'none'
    """
    root = os.path.realpath(folder)
    for where, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            file = Path(where, name)
            leads_out = file.is_symlink() and not file.resolve().is_relative_to(root)
            if file.is_file() and not leads_out:
                yield file
