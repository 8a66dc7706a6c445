"""One line of a checklist: what is asked, whether it holds, and what is known of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from cellwright.report.table import Badge

__all__ = [
    "BADGES",
    "LEVELS",
    "Group",
    "Item",
    "Level",
    "Reply",
    "asked_of_all",
    "ideal",
    "minimal",
    "recommended",
]

Level = Literal["minimal", "recommended", "ideal", ""]
Reply = Literal["yes", "partly", "no", "not known", "not stated", "does not apply"]

LEVELS: tuple[Level, ...] = ("", "minimal", "recommended", "ideal")
"""What matters most first; that without levels is asked of everyone."""

BADGES: dict[Reply, Badge] = {
    "yes": "pass",
    "partly": "warn",
    "no": "fail",
    "not known": "quiet",
    "not stated": "quiet",
    "does not apply": "quiet",
}


@dataclass(frozen=True)
class Item:
    """What is asked, and what the run knows of it.

    Attributes
    ----------
    level
        How much it matters; empty for what has no levels.
    asked
        In a few words.
    reply
        ``yes`` only where the run shows it; ``not known`` where a file could have told and did
        not; ``not stated`` where only a person can tell.
    said
        What is known, or what to state.
    """

    level: Level
    asked: str
    reply: Reply
    said: str


minimal = partial(Item, "minimal")
recommended = partial(Item, "recommended")
ideal = partial(Item, "ideal")
asked_of_all = partial(Item, "")


@dataclass(frozen=True)
class Group:
    """Items of one subject."""

    name: str
    title: str
    items: Sequence[Item]
