"""``log.jsonl``: times, workers, machine and messages; the one file that differs."""

from __future__ import annotations

import json
import os
import platform
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cellwright.core.version import VERSION
from cellwright.engine.events import Event
from cellwright.engine.files import run_errors

__all__ = ["RunLog"]


class RunLog:
    """Listens to a run and writes each event as a line.

    Parameters
    ----------
    path
        The file; new lines are added at its end.
    **facts
        What is to be known of this start: inputs, workers, memory.
    """

    def __init__(self, path: Path, **facts: Any) -> None:
        self._path = path
        self._write(
            "Started",
            {
                "cellwright": VERSION,
                "python": sys.version.split()[0],
                "platform": platform.platform(),
                "cores": os.cpu_count(),
                "run": str(path.parent.resolve()),
                **facts,
            },
        )

    def __call__(self, event: Event) -> None:
        """Write one event."""
        self._write(type(event).__name__, asdict(event))

    def _write(self, kind: str, facts: dict[str, Any]) -> None:
        line = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": kind}
        with run_errors(self._path), self._path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line | facts, default=str) + "\n")
