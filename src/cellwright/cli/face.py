"""What a person sees while a run goes on, and at its end."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from cellwright.cli.verb import Asked
from cellwright.engine.events import (
    Event,
    Listener,
    Message,
    PhaseFinished,
    PhaseStarted,
    PictureFinished,
    StepFinished,
    silent,
)

if TYPE_CHECKING:
    from cellwright.pipeline.run import Run

__all__ = ["finish", "progress"]

_PHASES = {
    "files": "opening files",
    "light": "estimating the light",
    "outlines": "writing outlines",
    "cells": "finding and measuring cells",
    "previews": "drawing",
    "views": "drawing",
    "summaries": "writing tables",
    "judging": "looking at held-out pictures",
}
_TOLD = {"cells", "training"}
"""Phases that take long."""

SOME_FAILED = 1


@contextmanager
def progress(asked: Asked) -> Iterator[Listener]:
    """Show progress on standard error: bars on a terminal, plain lines elsewhere."""
    if asked["quiet"]:
        yield _errors_only
    elif sys.stderr.isatty():
        with _bars(verbose=asked["verbose"]) as listener:
            yield listener
    else:
        yield _Lines(verbose=asked["verbose"])


def _errors_only(event: Event) -> None:
    if isinstance(event, PictureFinished) and event.status == "failed":
        _say(f"failed: {event.image!r}: {event.reason}")
    elif isinstance(event, Message) and event.level == "error":
        _say(event.text)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class _Lines:
    """Plain lines: one for each phase, each tenth of it, and each failure."""

    def __init__(self, *, verbose: bool) -> None:
        self._verbose = verbose
        self._total = 0
        self._done = 0
        self._began = time.monotonic()

    def _at_a_tenth(self) -> bool:
        tenths = [done * 10 // self._total for done in (self._done - 1, self._done)]
        return self._total >= 10 and tenths[0] < tenths[1]

    def _left(self) -> str:
        """Time left if all goes on as it did."""
        each = (time.monotonic() - self._began) / self._done
        return f"{timedelta(seconds=round(each * (self._total - self._done)))}"

    def __call__(self, event: Event) -> None:
        match event:
            case PhaseStarted(phase, total):
                self._total, self._done, self._began = total, 0, time.monotonic()
                if total > 1 or self._verbose:
                    _say(f"{_PHASES.get(phase, phase)}: {total}")
            case StepFinished(phase, image, frame, seconds):
                self._done += 1
                if self._verbose and seconds:
                    _say(f"  {image!r} frame {frame}: {sum(seconds.values()):.2f} s")
                elif phase in _TOLD and self._at_a_tenth():
                    _say(f"  {self._done} of {self._total}, {self._left()} left")
            case PictureFinished() | Message():
                said = _words(event, verbose=self._verbose)
                if said:
                    _say(said)
            case PhaseFinished():
                pass


def _words(event: PictureFinished | Message, *, verbose: bool) -> str:
    if isinstance(event, Message):
        return event.text if verbose or event.level != "info" else ""
    if event.status == "failed":
        return f"failed: {event.image!r}: {event.reason}"
    if verbose:
        return f"{event.status}: {event.image!r}: {event.n_cells} cells {event.reason}".rstrip()
    return ""


@contextmanager
def _bars(*, verbose: bool) -> Iterator[Listener]:
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description:<28}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    bars: dict[str, Any] = {}
    with Progress(*columns, console=Console(stderr=True), transient=False) as shown:

        def listen(event: Event) -> None:
            match event:
                case PhaseStarted(phase, total) if total:
                    bars[phase] = shown.add_task(_PHASES.get(phase, phase), total=total)
                case StepFinished(phase) if phase in bars:
                    shown.advance(bars[phase])
                case PhaseFinished(phase) if phase in bars:
                    task = bars[phase]
                    shown.update(task, completed=shown.tasks[shown.task_ids.index(task)].total)
                case PictureFinished() | Message():
                    said = _words(event, verbose=verbose)
                    if said:
                        shown.console.print(escape(said))
                case _:
                    silent(event)

        yield listen


def finish(asked: Asked, run: Run, more: Callable[[], list[str]] | None = None) -> int:
    """Say what came out; gives the exit code."""
    summary = run.summary
    if summary is None:
        return 0
    if asked["json_"]:
        facts = asdict(summary)
        facts["steps"] = {
            "computed": facts["computed"],
            "reused": facts["reused"],
            "by_step": facts.pop("by_step"),
        }
        facts["out"] = str(run.path)
        print(json.dumps(facts, indent=1))
    elif not asked["quiet"]:
        usable = summary.done + summary.warned
        print(f"{summary.cells:,} cells in {usable:,} pictures")
        parts = [
            f"{n:,} {word}"
            for n, word in (
                (summary.warned, "with warnings"),
                (summary.failed, "failed"),
                (summary.skipped, "skipped"),
            )
            if n
        ]
        if parts:
            print(f"{', '.join(parts)}: see {run.path / 'images.csv'}")
        for line in more() if more is not None else []:
            print(line)
    return SOME_FAILED if summary.failed else 0
