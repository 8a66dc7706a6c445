"""How many threads one piece of work may use: as many as there are cores for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["threads", "use_threads"]

_THREADS: ContextVar[int] = ContextVar("threads", default=1)


def threads() -> int:
    """How many threads the work at hand may use; 1 unless told otherwise.

    Examples
    --------
    >>> with use_threads(3):
    ...     threads()
    3
    """
    return _THREADS.get()


@contextmanager
def use_threads(count: int) -> Iterator[None]:
    """Let the work within use so many threads. What it computes must not depend on it."""
    token = _THREADS.set(max(1, count))
    try:
        yield
    finally:
        _THREADS.reset(token)
