"""One line of a checklist: what is asked, whether it holds, and what is known of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from cellwright.report.table import Badge
from cellwright.report.wording import visible

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
Reply = Literal["yes", "stated", "partly", "no", "not known", "not stated", "does not apply"]

LEVELS: tuple[Level, ...] = ("", "minimal", "recommended", "ideal")
"""What matters most first; that without levels is asked of everyone."""

BADGES: dict[Reply, Badge] = {
    "yes": "pass",
    "stated": "quiet",
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
        ``yes`` only where the run shows it; ``stated`` where a person has told; ``not known``
        where a file could have told and did not; ``not stated`` where only a person can tell.
    said
        What is known.
    advice
        What to state or to do, while nobody has.
    statement
        Which of `cellwright.core.statements.STATEMENTS` answers it; empty for none.
    firm
        Whether no statement changes the reply.
    """

    level: Level
    asked: str
    reply: Reply
    said: str
    advice: str = ""
    statement: str = ""
    firm: bool = False

    @property
    def text(self) -> str:
        """What is known, and what to do."""
        return f"{self.said} {self.advice}".strip()

    def stated(self, statements: Mapping[str, str]) -> Item:
        """The item as it is with what a person states, which is quoted in any case."""
        if self.statement not in statements:
            return self
        told = f"{self.said} “{visible(statements[self.statement])}”".strip()
        if self.firm or self.reply not in {"partly", "not known", "not stated"}:
            return replace(self, said=told)
        return replace(self, reply="stated", said=told, advice="")


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
