"""Ctrl-C: remembered, so that a library that swallows the exception does not swallow the wish."""

from __future__ import annotations

import signal
import threading
from types import FrameType

from cellwright.engine.events import CancelToken

__all__ = ["CANCEL", "take_interrupts"]

CANCEL = CancelToken()
"""Asked to stop by Ctrl-C; runs of the command line look at it between results."""


def take_interrupts() -> None:
    """Let Ctrl-C set `CANCEL` besides raising KeyboardInterrupt."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    CANCEL.cancel()
    raise KeyboardInterrupt
