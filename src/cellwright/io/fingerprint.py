"""The fingerprint of a file: by it a run knows whether an input or a label has changed."""

from __future__ import annotations

import hashlib
from pathlib import Path

from cellwright.core.errors import UnreadableError

__all__ = ["file_hash"]


def file_hash(path: Path | str) -> str:
    """SHA-256 of a file's bytes (FIPS 180-4), in hexadecimal; read piece by piece.

    Raises
    ------
    UnreadableError
        If the file cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "empty")
    ...     _ = path.write_bytes(b"")
    ...     file_hash(path)[:12]
    'e3b0c44298fc'
    """
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UnreadableError(
            f"the file cannot be read ({error.strerror})",
            where=str(path),
            remedy="look whether it is there and may be read",
        ) from error
