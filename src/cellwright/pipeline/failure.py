"""What became of an input that could not be used: its row in the table of failures."""

from __future__ import annotations

import errno
from dataclasses import dataclass

from cellwright.core.errors import CellwrightError, NotAPictureError, RunError

__all__ = ["Failure", "failure_of"]


@dataclass(frozen=True)
class Failure:
    """Why an input failed, in words; the other inputs go on.

    Attributes
    ----------
    reason
        One sentence for a person.
    unknown
        Whether nobody knows the content: skipped, if the extension is unknown as well.
    fatal
        Whether it is the run's folder that failed, and not the input.
    """

    reason: str
    unknown: bool = False
    fatal: bool = False


def failure_of(error: BaseException) -> Failure:
    """Put an error into words for the table of failures."""
    if isinstance(error, RunError):
        return Failure(str(error), fatal=True)
    if isinstance(error, CellwrightError):
        return Failure(error.reason, unknown=isinstance(error, NotAPictureError))
    if isinstance(error, PermissionError):
        return Failure("the file may not be read; ask for permission to read it")
    if isinstance(error, MemoryError):
        return Failure("there is not enough memory for this picture; use fewer --workers")
    if isinstance(error, OSError):
        kind = errno.errorcode.get(error.errno or 0, type(error).__name__)
        return Failure(f"the file cannot be read: {error.strerror or kind}")
    return Failure(
        f"unexpected {type(error).__name__}: {error}; this is a fault of cellwright, "
        "please report it with the file"
    )
