"""How the system's allocator treats memory that is free again."""

from __future__ import annotations

import ctypes
import sys

__all__ = ["keep_freed_memory"]

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Parameters of glibc's ``mallopt`` (malloc.h)."""
_TRIM, _MMAP = 2**31 - 1, 2**25
"""Bytes, the most that each takes: the first is an int, the second half of a heap."""


def keep_freed_memory() -> bool:
    """Tell the allocator to keep what is freed for what is asked for next.

    Training asks for the same large arrays in every step and frees them at its end. By default
    glibc gives them back to the system, which hands them out again page by page and zeroed: on a
    virtual machine an eighth of a step was spent on that.

    Call it once, at the beginning of a program that does little else: the process then holds
    the most memory that it ever needed until it ends.

    Returns
    -------
    bool
        Whether the allocator took it; other systems than Linux with glibc have no such setting.
    """
    if not sys.platform.startswith("linux"):
        return False
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is None:
        return False
    taken = [set_option(_TRIM_THRESHOLD, _TRIM), set_option(_MMAP_THRESHOLD, _MMAP)]
    return taken == [1, 1]
