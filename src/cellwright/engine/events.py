"""What a run tells while it goes on, and how it is asked to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from cellwright.core.errors import CancelledError

__all__ = [
    "CancelToken",
    "Event",
    "Listener",
    "Message",
    "PhaseFinished",
    "PhaseStarted",
    "PictureFinished",
    "StepFinished",
    "silent",
]


@dataclass(frozen=True)
class PhaseStarted:
    """A part of the run begins, of `total` pieces."""

    phase: str
    total: int


@dataclass(frozen=True)
class PhaseFinished:
    """A part of the run is done."""

    phase: str


@dataclass(frozen=True)
class StepFinished:
    """One piece of a phase is done, with the seconds that each of its parts took."""

    phase: str
    image: str
    frame: int = 0
    seconds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class PictureFinished:
    """All frames of a picture are done, or it failed."""

    image: str
    status: str
    reason: str
    n_cells: int


@dataclass(frozen=True)
class Message:
    """Something a person should read."""

    level: Literal["info", "notice", "warning", "error"]
    text: str


Event = PhaseStarted | PhaseFinished | StepFinished | PictureFinished | Message
Listener = Callable[[Event], None]


def silent(event: Event) -> None:
    """Listen to nothing."""


@dataclass(frozen=True)
class CancelToken:
    """Asks a run to stop at the next safe moment; may be set from any thread."""

    _flag: threading.Event = field(default_factory=threading.Event)

    def cancel(self) -> None:
        """Ask to stop."""
        self._flag.set()

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked."""
        return self._flag.is_set()

    def check(self) -> None:
        """Raise CancelledError if somebody asked."""
        if self.cancelled:
            raise CancelledError("stopped", remedy="start the same command again to go on")
