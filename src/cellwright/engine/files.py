"""Files that are there whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from cellwright.core.errors import RunError

__all__ = ["atomic_stream", "run_errors", "write_atomic"]

_REMEDIES = {
    errno.ENOSPC: ("the disk is full", "free some space and start the same command again"),
    errno.EDQUOT: ("the disk quota is used up", "free some space and start again"),
    errno.EROFS: ("the disk is read-only", "choose another folder with --out"),
    errno.EACCES: ("writing is not permitted", "choose another folder with --out"),
    errno.EPERM: ("writing is not permitted", "choose another folder with --out"),
    errno.ENOTDIR: ("a file stands where a folder is needed", "choose another --out"),
    errno.EEXIST: ("a file stands where a folder is needed", "choose another --out"),
    errno.ENAMETOOLONG: ("the path is too long", "choose a shorter --out"),
}


@contextmanager
def run_errors(where: Path) -> Iterator[None]:
    """Turn what an operating system says while writing into a RunError with a remedy.

    Raises
    ------
    RunError
        For a full, read-only or forbidden disk; what was finished before is kept.
    """
    try:
        yield
    except RunError:
        raise
    except OSError as error:
        what, remedy = _REMEDIES.get(
            error.errno or 0, (error.strerror or str(error), "see the message of the system")
        )
        raise RunError(what, where=str(where), remedy=f"{remedy}; nothing finished is lost") from (
            error
        )


@contextmanager
def atomic_stream(path: Path, temporary: Path) -> Iterator[BinaryIO]:
    """Write to a temporary file, which takes the place of `path` when all went well.

    Parameters
    ----------
    path
        The final place; its folder is made.
    temporary
        A folder on the same disk for the unfinished file.
    """
    unfinished = temporary / f"{uuid4().hex}.partial"
    with run_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.mkdir(parents=True, exist_ok=True)
        try:
            with unfinished.open("wb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)


def write_atomic(path: Path, data: bytes, temporary: Path) -> None:
    """Write a whole file at once: see `atomic_stream`."""
    with atomic_stream(path, temporary) as stream:
        stream.write(data)
