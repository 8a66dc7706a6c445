"""How much memory a process holds by itself, seen from outside.

What is counted is ``RssAnon`` of ``/proc/PID/status``: pages that belong to no file, and so what
the system cannot take back. It is looked at from another process, because a library that does not
let go of the interpreter would keep a thread of its own process from looking; a hundred times a
second, so that a peak of a few milliseconds may be missed (the highest resident memory that the
kernel itself keeps, ``VmHWM``, misses nothing, but counts the pages of files too, of which
TensorFlow and torch have hundreds of megabytes).
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Self

__all__ = ["AnonymousMemory", "anonymous", "family"]

PAUSE = 0.01
"""Seconds between two looks."""


class AnonymousMemory:
    """Watches a process and those that it starts, until the end of a ``with``.

    Attributes
    ----------
    together, one
        Bytes that they held at the most, together and in a single one; 0 where the system does
        not tell.
    """

    def __init__(self, process: int) -> None:
        self.together = self.one = 0
        self._process, self._done = process, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._look()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self._look()

    def _watch(self) -> None:
        while not self._done.wait(PAUSE):
            self._look()

    def _look(self) -> None:
        held = [anonymous(process) for process in family(self._process)]
        self.together = max(self.together, sum(held))
        self.one = max(self.one, *held)


def family(process: int) -> list[int]:
    """Give a process and all that it has started and that still run."""
    found, waiting = [], [process]
    while waiting:
        one = waiting.pop()
        found.append(one)
        try:
            for task in Path(f"/proc/{one}/task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
        except OSError:
            continue
    return found


def anonymous(process: int) -> int:
    """Give ``RssAnon`` of a process in bytes; 0 if it is gone."""
    try:
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0
