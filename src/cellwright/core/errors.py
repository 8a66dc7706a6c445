"""The errors of cellwright: what happened, where, and what to do about it.

::

    CellwrightError
    ├── InputError (ValueError)          bad data on disk; becomes that input's row
    │   ├── UnreadableError              a known format whose content is broken
    │   ├── UnsupportedError             a sound file that asks for what is not there
    │   └── NotAPictureError             no reader knows this content
    ├── UsageError (ValueError)          a bad argument; nothing was started (exit 2)
    ├── RunError (OSError)               the run's folder cannot be used (exit 3)
    └── CancelledError                   a person stopped the run (exit 130)
"""

from __future__ import annotations

__all__ = [
    "CancelledError",
    "CellwrightError",
    "InputError",
    "NotAPictureError",
    "RunError",
    "UnreadableError",
    "UnsupportedError",
    "UsageError",
]


class CellwrightError(Exception):
    """Base of all errors that cellwright raises on purpose.

    Parameters
    ----------
    what
        What is wrong, one sentence without a full stop.
    where
        The file, picture or option it is about; empty if there is none.
    remedy
        What a person can do about it; empty if there is nothing to add.

    Examples
    --------
    >>> print(UsageError("there is no channel 'GFP'", where="a.tif", remedy="choose DAPI or FITC"))
    a.tif: there is no channel 'GFP'; choose DAPI or FITC
    """

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(what, where, remedy)
        self.what = what
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        return (f"{self.where}: " if self.where else "") + self.reason

    @property
    def reason(self) -> str:
        """The message without its place, for a table that names the place itself."""
        return self.what + (f"; {self.remedy}" if self.remedy else "")

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.what, self.where, self.remedy))


def _rebuild(kind: type[CellwrightError], what: str, where: str, remedy: str) -> CellwrightError:
    """Keyword arguments survive the way out of a worker process only like this."""
    return kind(what, where=where, remedy=remedy)


class InputError(CellwrightError, ValueError):
    """Data on disk that cannot be used; the other inputs go on."""


class UnreadableError(InputError):
    """The content claims a format that is known, but it is broken."""


class UnsupportedError(InputError):
    """The file is sound, but asks for something that is not there or not allowed."""


class NotAPictureError(InputError):
    """No reader recognises the content."""


class UsageError(CellwrightError, ValueError):
    """An argument that makes no sense; nothing has been started."""


class RunError(CellwrightError, OSError):
    """The folder of the run is locked, full or not writable; finished steps are kept."""


class CancelledError(CellwrightError):
    """Somebody stopped the run; the same command goes on from here."""
