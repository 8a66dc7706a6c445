"""An HDF5 file, opened for pictures, and what its datasets claim held against what is stored."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from cellwright.core.errors import UnreadableError, UnsupportedError
from cellwright.io.libraries import library

__all__ = ["check_stored", "lies_elsewhere", "open_hdf5"]

_CACHE = 2**28  # bytes of decoded chunks that are kept, as a plane cuts many and uses them partly
_CACHE_SLOTS = 100_003  # a prime well above the number of chunks kept, as HDF5's manual advises
_LARGEST_CHUNK = 2**30  # bytes: a chunk is decoded whole
_TIGHTEST = 2**13  # bytes that one stored byte can stand for: eight times deflate's bound
_SPARSE = 64  # the same where nothing is compressed, but chunks may be missing


def open_hdf5(path: Path) -> Any:
    """Open a file to read it; a file system that knows no locks will do.

    Raises
    ------
    UnsupportedError
        If h5py is not installed.
    OSError
        If the file is damaged.
    """
    h5py = library("h5py", "an HDF5 file")
    return h5py.File(path, "r", locking=False, rdcc_nbytes=_CACHE, rdcc_nslots=_CACHE_SLOTS)


def lies_elsewhere(dataset: Any) -> bool:
    """Whether the values of a dataset are in other files, which are never opened."""
    return bool(dataset.is_virtual or dataset.external is not None)


def check_stored(dataset: Any, name: str) -> None:
    """Hold what a dataset claims against what is stored of it.

    Raises
    ------
    UnreadableError
        If it claims far more than is stored, or nothing is.
    UnsupportedError
        If it is empty, lies in another file, or has chunks too large to be decoded.
    """
    if lies_elsewhere(dataset):
        raise UnsupportedError(
            f"the pixels of {name} lie in other files", remedy="copy them into one file"
        )
    if min(dataset.shape, default=0) < 1:
        raise UnsupportedError(f"the dataset {name} is empty {dataset.shape}", remedy="fill it")
    claimed = math.prod(dataset.shape) * dataset.dtype.itemsize
    stored = int(dataset.id.get_storage_size())
    packed = dataset.chunks is not None and dataset.id.get_create_plist().get_nfilters() > 0
    if claimed > stored * (_TIGHTEST if packed else _SPARSE if dataset.chunks else 1):
        raise UnreadableError(
            f"the dataset {name} claims {claimed} bytes, and {stored} are stored",
            remedy="the file is cut short or was never filled: write it again",
        )
    if dataset.chunks and math.prod(dataset.chunks) * dataset.dtype.itemsize > _LARGEST_CHUNK:
        raise UnsupportedError(
            f"the dataset {name} has chunks of {dataset.chunks}, too large to be decoded",
            remedy="write it with smaller chunks",
        )
