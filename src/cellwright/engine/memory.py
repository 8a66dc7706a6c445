"""How much memory there is, and how many pieces of work fit into it at once."""

from __future__ import annotations

import os

__all__ = ["WORKER_BYTES", "available_memory", "default_memory"]

# Share of the free memory that a run takes when nobody says: a laptop stays usable.
_SHARE = 0.7
# Where the system does not tell, as much as any laptop of the last ten years has free.
_UNKNOWN = 4 * 10**9


def available_memory() -> int:
    """Bytes that can be had now without swapping, as far as the system tells."""
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:  # noqa: PTH123
            for line in lines:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return _UNKNOWN


WORKER_BYTES = 250 * 10**6
"""Measured: resident memory of a worker that has imported everything and done nothing."""


def default_memory() -> int:
    """Memory that a run may use when ``--memory`` is not given."""
    return int(available_memory() * _SHARE)
