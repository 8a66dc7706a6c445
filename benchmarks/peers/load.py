"""How much other work the machine did meanwhile: times taken beside it are not worth much."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Self

from benchmarks.peers.memory import family

__all__ = ["OtherWork"]

STAT = Path("/proc/stat")
IDLE = (3, 4)
"""Columns of ``/proc/stat`` in which nothing was done: idle, and waiting for a disk."""
KINDS = 8
"""Columns that are parts of the whole; what comes after is counted in them already."""


class OtherWork:
    """Looks at what others took of the cores during a ``with``; also what the host withheld.

    Attributes
    ----------
    share
        Of all cores, 0 to 1; None where the system does not tell.
    """

    def __init__(self) -> None:
        self.share: float | None = None

    def __enter__(self) -> Self:
        self._started, self._busy = time.perf_counter(), _busy()
        self._ours = 0.0 if self._busy is None else _ours()
        return self

    def __exit__(self, *_: object) -> None:
        took, busy = time.perf_counter() - self._started, _busy()
        if busy is not None and self._busy is not None and took > 0:
            others = busy - self._busy - (_ours() - self._ours)
            self.share = max(others, 0.0) / (took * (os.cpu_count() or 1))

    def __str__(self) -> str:
        if self.share is None:
            return "how busy the machine was with other work is not known"
        warning = "" if self.share < 0.05 else ": take these times again on a quiet machine"
        return f"other work took {self.share:.0%} of the machine's cores meanwhile{warning}"


def _busy() -> float | None:
    """Give the processor seconds that all cores together were not idle since the start."""
    if not STAT.exists():  # not Linux
        return None
    ticks = [int(word) for word in STAT.read_text(encoding="ascii").split("\n", 1)[0].split()[1:]]
    busy = sum(n for column, n in enumerate(ticks[:KINDS]) if column not in IDLE)
    return busy / os.sysconf("SC_CLK_TCK")


def _ours() -> float:
    """Give the processor seconds of this process and of all that it has started, ended or not."""
    spent = 0
    for process in family(os.getpid()):
        try:
            words = Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace")
        except OSError:
            continue
        # the name before the bracket may hold spaces; then state is field 3, and 14 to 17 are the
        # ticks of the process and of its children that have ended
        spent += sum(map(int, words.rpartition(")")[2].split()[11:15]))
    return spent / os.sysconf("SC_CLK_TCK")
